"""Tests the running of groups: a failed cell affects no other, and a stopped sweep keeps finished cells."""

from __future__ import annotations

import json
import multiprocessing
import os
import re
import subprocess
import sys
import threading
from contextlib import ExitStack
from pathlib import Path
from types import SimpleNamespace

import pytest

from xavier_cli.data.sets import DataMissingError
from xavier_cli.files.locks import lock_output
from xavier_cli.runs.store import read_run, write_run
from xavier_cli.sanitize import clean
from xavier_cli.sweeps import held, plan, work
from xavier_cli.sweeps.ledger import Ledger
from xavier_cli.sweeps.plan import Folders
from xavier_cli.sweeps.recipe import Recipe
from xavier_cli.sweeps.run import Standing, run_groups
from xavier_cli.sweeps.work import Task
from xavier_cli.sweeps.workers import Workers, shares
from xavier_cli.training.engine.loop import Progress


@pytest.fixture
def groups(tmp_path):
    """Three groups of two cells each: depth 1, 2 and 3 under both initializations."""
    recipe = Recipe(title="t", grid={"depth": [1, 2, 3], "init": ["standard", "normalized"]})
    return plan.groups(plan.cells(recipe, "tiny", Folders(tmp_path, tmp_path, tmp_path)))


@pytest.fixture
def trained(monkeypatch, make_run):
    """Training replaced by plausible runs; the list of depths in the order they were trained.

    `trained.fail` names the depth whose training fails, and how.
    """

    class Depths(list[int]):
        def __init__(self) -> None:
            self.fail: dict[int, Exception] = {}
            self.status = "complete"

    depths = Depths()

    def train(cells, task, hooks):
        depth = cells[0].config.depth
        depths.append(depth)
        hooks.report(Progress("training", 30, 60, len(cells)))
        if depth in depths.fail:
            raise depths.fail[depth]
        for cell in cells:
            run = make_run(cell.config, provenance=task.provenance, status=depths.status, test_examples=10)
            if run.status == "complete":
                write_run(cell.path, run)
        return [depths.status == "complete"] * len(cells)

    monkeypatch.setattr(work, "_trained", train)
    return depths


def endings(outcomes):
    return [(each.cell.config.depth, each.ending) for part in outcomes for each in part]


def test_every_cell_gets_its_file_with_the_sweeps_provenance(groups, trained):
    ended = list(run_groups(groups, Task(provenance={"command_id": "abc"})))

    assert {ending for _, ending in endings(ended)} == {"done"}
    for group in groups:
        for cell in group.cells:
            run = read_run(cell.path, only=())
            assert run.config == cell.config
            assert run.provenance["command_id"] == "abc"


def test_finished_cells_are_left_alone(groups, trained):
    list(run_groups(groups[:1], Task()))
    before = [cell.path.stat().st_mtime_ns for cell in groups[0].cells]
    ended = list(run_groups(groups, Task()))

    assert trained == [1, 2, 3]
    assert [cell.path.stat().st_mtime_ns for cell in groups[0].cells] == before
    assert len(endings(ended)) == 6


@pytest.mark.parametrize(
    ("error", "why"),
    [
        (DataMissingError("mnist is not here"), "mnist is not here"),
        (MemoryError("no\nroom"), "MemoryError: no room"),
    ],
)
def test_a_cell_that_fails_says_why_and_hides_no_other(groups, trained, error, why):
    trained.fail = {2: error}
    ended = list(run_groups(groups, Task()))

    assert endings(ended) == [
        (1, "done"), (1, "done"), (2, "failed"), (2, "failed"), (3, "done"), (3, "done"),
    ]  # fmt: skip
    assert {each.why for each in ended[1]} == {why}


def test_fail_fast_stops_after_the_first_failure(groups, trained):
    trained.fail = {1: DataMissingError("gone")}
    list(run_groups(groups, Task(), fail_fast=True))

    assert trained == [1]


def test_whoever_is_stopped_keeps_what_is_finished_and_nothing_else(groups, trained):
    stopped = []
    ended = []
    for outcomes in run_groups(groups, Task(), stopped=lambda: bool(stopped)):
        ended.append(outcomes)
        if len(ended) == 1:
            trained.status = "interrupted"
        if len(ended) == 2:
            stopped.append(True)

    assert trained == [1, 2]
    assert [ending for _, ending in endings(ended)] == ["done", "done", "stopped", "stopped"]
    assert not groups[1].cells[0].path.exists()


@pytest.fixture
def other(monkeypatch, make_run):
    """Another process, which holds the lock of `other.cell` until it was looked for `other.looks` times.

    It then makes the cell, if `other.makes`.
    """

    class Other(ExitStack):
        def hold(self, cell, looks=3, makes=True):
            self.cell, self.looks, self.makes = cell, looks, makes
            self.enter_context(lock_output(cell.path))

        def look(self, seconds):
            self.looks -= 1
            if self.looks == 0:
                if self.makes:
                    write_run(self.cell.path, make_run(self.cell.config, test_examples=10))
                self.close()

    with Other() as stack:
        monkeypatch.setattr(held.time, "sleep", stack.look)
        monkeypatch.setattr(work, "SECONDS_FOR_ALL_LOCKS", 0)
        yield stack


@pytest.mark.parametrize("makes", [True, False])
@pytest.mark.parametrize("which", [0, 3, 5])
def test_a_cell_that_another_process_writes_is_looked_at_again_at_the_end(
    groups, trained, other, which, makes
):
    (cell,) = [group.cells[which % 2] for group in groups[which // 2 : which // 2 + 1]]
    other.hold(cell, makes=makes)
    ended = [each for part in run_groups(groups, Task()) for each in part]

    # Its neighbours are not held up, it is the last, and it failed in no case.
    assert [each.ending for each in ended] == ["done"] * 6
    assert ended[-1].cell == cell
    assert [each.cell for each in ended if each.elsewhere] == [cell] * makes
    assert trained == [1, 2, 3, *[which // 2 + 1] * (not makes)]
    assert read_run(cell.path, only=()).config == cell.config


def test_two_held_cells_of_one_group_are_made_together_when_they_are_free(groups, trained, other):
    first, second = groups[0].cells
    other.hold(first, makes=False)
    with lock_output(second.path):
        (outcomes,) = [work.make(groups[0], Task(), lambda _: None, lambda: False)]
    assert [each.ending for each in outcomes] == ["locked", "locked"]

    waiting = held.HeldCells(pytest.fail)
    assert waiting.put_off(outcomes) == []
    while not (found := waiting.look_again())[1]:
        pass
    assert found == ([], [groups[0]])
    assert not waiting


def test_what_is_waited_for_is_told_once_and_whoever_is_stopped_leaves_it(
    groups, trained, other, monkeypatch
):
    other.hold(groups[0].cells[0], looks=0)
    clock = iter(range(10**6))
    monkeypatch.setattr(held.time, "monotonic", lambda: next(clock))
    notes, seen = [], []
    ended = list(
        run_groups(
            groups,
            Task(),
            stopped=lambda: len(seen) > 20,
            watch=lambda standing: seen.append([words for _, words, _ in standing.running.values()]),
            note=notes.append,
        )
    )

    (note,) = notes
    assert f"waiting for {groups[0].cells[0].title}, which process {os.getpid()} on " in note
    assert "Ctrl-C stops waiting" in note
    assert [note.partition(";")[0]] in seen
    assert len(endings(ended)) == 5


def test_two_sweeps_that_take_the_same_group_do_not_split_it(groups, trained, monkeypatch):
    """One of them holds part of it for a moment only: it waits for the whole."""
    with ExitStack() as other:
        other.enter_context(lock_output(groups[0].cells[0].path))
        monkeypatch.setattr(work.time, "sleep", lambda seconds: other.close())
        outcomes = work.make(groups[0], Task(), lambda _: None, lambda: False)

    assert [each.ending for each in outcomes] == ["done", "done"]
    assert trained == [1]


def test_fail_fast_waits_for_nobody(groups, trained, other):
    other.hold(groups[0].cells[0], looks=0)
    trained.fail = {2: DataMissingError("gone")}
    ended = list(run_groups(groups, Task(), fail_fast=True))

    assert endings(ended) == [(1, "done"), (2, "failed"), (2, "failed")]


def test_where_a_sweep_stands_adds_up(groups, trained):
    seen = []
    list(run_groups(groups, Task(), watch=lambda standing: seen.append((standing.share, standing.done))))

    assert [share for share, _ in seen] == sorted(share for share, _ in seen)
    # Under a third of the work: half of the first group, and its program.
    assert 0.1 < seen[0][0] < 1 / 3
    assert seen[-1] == (1.0, 6)


def test_a_search_is_half_done_when_its_rate_is_chosen(groups):
    recipe = Recipe(title="t", base={"lr": [0.1, 0.2], "seeds": 3})
    (group,) = plan.groups(plan.cells(recipe, "laptop", Folders(Path(), Path(), Path())))
    standing = Standing(1, group.core_seconds)
    standing.note(0, group, Progress("training", 60, 60, 4, phase="searching rates"))
    searched = standing.share
    standing.note(0, group, Progress("training", 30, 60, 1, phase="lr 0.1", follows_search=True))

    # The second program is compiled by then, too.
    assert [searched, standing.share] == pytest.approx([0.5, 0.75 + 0.25 * group.compile_share])


def test_the_ledger_knows_what_failed_in_every_part(tmp_path):
    one, two = Ledger(tmp_path, "0123456789", "1of2"), Ledger(tmp_path, "0123456789", "2of2")
    one.keep({"a.h5": "no data"})
    two.keep({"b.h5": "no room"})
    (tmp_path / ".sweep-01234567-3of3.json").write_text("{")

    assert one.failed() == two.failed() == {"a.h5": "no data", "b.h5": "no room"}
    assert Ledger(tmp_path, "9999999999").failed() == {}
    one.keep({})
    assert two.failed() == {"b.h5": "no room"}
    assert json.loads((tmp_path / ".sweep-01234567-2of2.json").read_text())["failed"] == {"b.h5": "no room"}


@pytest.mark.parametrize("in_main", [True, False])
def test_only_workers_that_the_main_thread_starts_die_with_their_thread(in_main):
    """Another may end long before the process does, and the kernel would take its workers with it."""
    told = []

    class Context:
        Pipe = staticmethod(multiprocessing.Pipe)

        def Process(self, target, args, daemon):
            told.append(args[-2:])
            return SimpleNamespace(start=lambda: None)

    workers = Workers(1, Task())
    workers._context = Context()

    def spawn() -> None:
        workers._spawn(0).pipe.close()

    thread = threading.Thread(target=spawn)
    spawn() if in_main else (thread.start(), thread.join())
    assert told == [(os.getpid(), in_main)]


@pytest.mark.skipif(sys.platform != "linux", reason="asks the Linux kernel")
@pytest.mark.parametrize(("parent", "code"), [("os.getppid()", 7), ("1 + os.getppid()", 1)])
def test_a_worker_whose_parent_was_gone_before_it_asked_leaves_at_once(parent, code):
    program = f"import os; from xavier_cli.sweeps.workers import die_with; die_with({parent}); os._exit(7)"
    done = subprocess.run([sys.executable, "-c", program], check=False)
    assert done.returncode == code


GOOD = {"a.h5": "no data"}


def put(path: Path, content: bytes | Path | None) -> None:
    if content is None:
        os.mkfifo(path)
    elif isinstance(content, Path):
        path.symlink_to(content)
    else:
        path.write_bytes(content)


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"{", "Expecting"),
        (b"", "Expecting"),
        (b"\xff" * 9, "utf-8"),
        (b"[" * 200_000, "nested too deeply"),
        (b'{"failed": {"a": ' + b"[" * 200_000, "nested too deeply"),
        (b'{"failed": ' + b"9" * 10_000 + b"}", "it has none|integer"),
        (b'{"failed": [["a.h5", "why"]]}', "it has none"),
        (b"[]", "it has none"),
        (b'{"failed": {"a.h5": 7}}', "no plain text"),
        (b'{"failed": {"a.h5": null}}', "no plain text"),
        (b'{"failed": {"a.h5": "\\u001b[2J"}}', "no plain text"),
        (b'{"failed": {"a.h5": "\\ud800"}}', "no plain text"),
        (b'{"failed": {"a\\u0007.h5": "why"}}', "control characters"),
        (b" " * (2**26 + 1), "over 67,108,864 bytes"),
        (None, "not a regular file"),
        (Path("elsewhere.json"), "symbolic links"),
        (Path("/dev/zero"), "symbolic links"),
    ],
)
def test_a_ledger_that_is_none_is_as_if_not_there_with_one_note(tmp_path, content, why):
    (tmp_path / "elsewhere.json").write_text(json.dumps({"failed": {"a.h5": "why"}}))
    put(tmp_path / ".sweep-01234567-2of2.json", content)
    notes = []
    one = Ledger(tmp_path, "0123456789", "1of2", notes.append)
    one.keep(GOOD)

    assert one.failed() == GOOD
    (note,) = notes
    assert re.search(r"-2of2.json` is ignored: it is not a list of failed cells \(.*" + why, note)
    assert clean(note) == note

    # Its own is replaced, whatever lies there, and nothing that it points to.
    notes.clear()
    two = Ledger(tmp_path, "0123456789", "2of2", notes.append)
    two.keep({"b.h5": "a\x1b[2Jname"})
    assert two.failed() == {**GOOD, "b.h5": "aname"}
    assert notes == []
    assert (tmp_path / "elsewhere.json").exists()
    two.keep({})
    assert two.failed() == GOOD


@pytest.mark.parametrize("content", [None, Path("elsewhere.json"), b"\xff"])
def test_without_failures_nothing_is_left_in_a_ledgers_place(tmp_path, content):
    path = tmp_path / ".sweep-01234567.json"
    put(path, content)
    Ledger(tmp_path, "0123456789").keep({})

    assert not os.path.lexists(path)


def test_many_damaged_ledgers_are_one_note(tmp_path):
    for part in range(5):
        (tmp_path / f".sweep-01234567-{part}of5.json").write_text("{")
    notes = []
    assert Ledger(tmp_path, "0123456789", note=notes.append).failed() == {}
    assert len(notes) == 1
    assert "; so are 4 more" in notes[0]


@pytest.mark.parametrize(
    ("workers", "dealt"),
    [
        (1, [[0, 1, 2, 3]]),
        (2, [[0, 1], [2, 3]]),
        (3, [[0], [1], [2, 3]]),
        (6, [[0], [1], [2], [3], [0], [1]]),
    ],
)
def test_cores_are_dealt_out(workers, dealt):
    assert shares([0, 1, 2, 3], workers) == dealt
