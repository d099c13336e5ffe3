"""How groups are run: one bad cell hides no other, whoever is stopped keeps what is finished."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from xavier_cli.data.sets import DataMissingError
from xavier_cli.locks import lock_output
from xavier_cli.recipes import Recipe
from xavier_cli.runs.store import read_run
from xavier_cli.sweeps import plan, work
from xavier_cli.sweeps.ledger import Ledger
from xavier_cli.sweeps.plan import Folders
from xavier_cli.sweeps.run import Standing, run_groups
from xavier_cli.sweeps.work import Task
from xavier_cli.sweeps.workers import shares
from xavier_cli.training.loop import Progress


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

    def train(cells, task, watcher):
        depth = cells[0].config.depth
        depths.append(depth)
        watcher.report(Progress("training", 30, 60, len(cells)))
        if depth in depths.fail:
            raise depths.fail[depth]
        for cell in cells:
            run = make_run(cell.config, provenance=task.provenance, status=depths.status, test_examples=10)
            if run.status == "complete":
                work.write_run(cell.path, run)
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


def test_a_cell_that_another_process_writes_is_left_to_it(groups, trained):
    with lock_output(groups[0].cells[0].path):
        (first, *_) = list(run_groups(groups[:1], Task()))

    assert [each.ending for each in first] == ["failed", "done"]
    assert "is being written by process" in first[0].why


def test_where_a_sweep_stands_adds_up(groups, trained):
    seen = []
    list(run_groups(groups, Task(), watch=lambda standing: seen.append((standing.share, standing.done))))

    assert [share for share, _ in seen] == sorted(share for share, _ in seen)
    assert 0.1 < seen[0][0] < 0.3
    assert seen[-1] == (1.0, 6)


def test_a_search_is_half_done_when_its_rate_is_chosen(groups):
    recipe = Recipe(title="t", base={"lr": [0.1, 0.2], "seeds": 3})
    (group,) = plan.groups(plan.cells(recipe, "laptop", Folders(Path(), Path(), Path())))
    standing = Standing(1, group.core_seconds)
    standing.note(0, group, Progress("training", 60, 60, 4, phase="searching rates"))
    searched = standing.share
    standing.note(0, group, Progress("training", 30, 60, 1, phase="lr 0.1"))

    assert [searched, standing.share] == pytest.approx([0.5, 0.75])


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
