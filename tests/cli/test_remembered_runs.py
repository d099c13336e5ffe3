"""Lists, tables and plans say the same from the index as from the files, over good, damaged and odd ones."""

import os
import shutil

import pytest
import typer

from xavier_cli.runs import file_state
from xavier_cli.runs.index import Index
from xavier_cli.runs.many import shared_reader
from xavier_cli.runs.marking import mark_run
from xavier_cli.runs.reader import Reader
from xavier_cli.runs.store import write_run
from xavier_cli.sweeps.finished import finished_files, is_finished
from xavier_cli.sweeps.plan import Folders, cells
from xavier_cli.sweeps.recipe import read_recipe

COMMANDS = [
    ("ls", "-f", "json"),
    ("ls", "--where", "tag=paper", "-f", "csv"),
    ("ls", "--sort", "test_error", "--limit", "3", "-f", "json"),
    ("compare", "-f", "json"),
    ("compare", "--metric", "valid_loss", "-f", "json"),
    ("compare", "--metric", "updates_to:0.4", "-f", "csv"),
    ("compare", "--select", "lr", "-f", "json"),
    ("compare", "runs/one.h5", "runs/two.h5", "-f", "json"),
    ("show", "-f", "json"),
]


@pytest.fixture
def asked(monkeypatch):
    """The names of the files that a reader process was asked for."""
    asked, ask = [], Reader.ask

    def recorded(self, question, paths, **given):
        yield from ask(self, question, (asked.append(path.name) or path for path in paths), **given)

    monkeypatch.setattr(Reader, "ask", recorded)
    # To the index, every file is old enough.
    monkeypatch.setattr(file_state, "CLOCK_NS", -(10**15))
    return asked


@pytest.fixture
def odd(tmp_path, monkeypatch, make_run, plausible_surface):
    """A folder of runs of three experiments, and of all else that can lie there."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("XAVIER_RUNS_DIR", raising=False)
    runs = tmp_path / "runs"
    small = {"depth": 1, "width": 3, "updates": 100, "records": "4", "jacobian": False, "test_examples": 20}
    for seed in range(3):
        write_run(runs / f"tanh{seed}.h5", make_run(seeds=f"{seed}:{seed + 1}", **small))
        write_run(runs / f"relu{seed}.h5", make_run(seeds=f"{seed}:{seed + 1}", act="softsign", **small))
    write_run(runs / "search.h5", make_run(lr="0.1,0.2,0.3", seeds=3, **small))
    write_run(runs / "lost.h5", make_run(act="hard_tanh", seeds=3, diverged=(1,), **small))
    write_run(
        runs / "broken off.h5",
        make_run(act="softsign", lr=0.5, status="interrupted", records_done=2, **small),
    )
    write_run(runs / "one.h5", make_run(act="softsign", lr=0.2, seeds=1, **small))
    write_run(runs / "two.h5", make_run(act="softsign", lr=0.4, seeds=1, **small))
    write_run(runs / "probe.h5", make_run(**{**small, "updates": 0, "records": "2"}))
    write_run(runs / "surface.h5", plausible_surface())
    mark_run(runs / "lost.h5", add=("paper",), note="one is lost")
    shutil.copy(runs / "tanh0.h5", runs / "copy.h5")
    (runs / "link.h5").symlink_to("relu0.h5")
    (runs / "nowhere.h5").symlink_to("absent.h5")
    (runs / "folder.h5").mkdir()
    os.mkfifo(runs / "pipe.h5")
    (runs / "text.h5").write_text("no run")
    whole = (runs / "relu1.h5").read_bytes()
    (runs / "cut.h5").write_bytes(whole[: len(whole) // 2])
    return runs


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_an_answer_is_the_same_without_an_index(xavier, odd, asked, tmp_path, monkeypatch, command):
    said = []
    for place in (os.devnull, tmp_path / "cache", tmp_path / "cache"):
        monkeypatch.setenv("XDG_CACHE_HOME", str(place))
        asked.clear()
        said.append(xavier(*command))
    assert said[0] == said[1] == said[2]
    assert said[0].code in (0, 4)
    assert said[0].out
    if command in COMMANDS[:6]:
        # Only what could not be read is read again, and named again, and the answers of single networks.
        unread = {"nowhere.h5", "folder.h5", "pipe.h5", "text.h5", "cut.h5", "surface.h5"}
        assert {*asked} - {"one.h5", "two.h5"} == unread
        assert "`runs/cut.h5`" in said[2].err


def test_the_reader_starts_at_once_only_where_something_changed(xavier, odd, asked, tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    xavier("ls", "-f", "json")
    index = tmp_path / "cache" / "xavier" / "index" / "runs.sqlite"
    os.utime(index, (2**31, 2**31))
    begun = []
    monkeypatch.setattr(Reader, "begin", lambda self: begun.append(self))
    monkeypatch.setattr(Index, "find", lambda self, paths: pytest.fail("the command itself"))
    monkeypatch.setattr(typer.Typer, "__call__", lambda *_, **__: 0)
    for command, starts in [("ls", 0), ("compare runs", 0), ("ls absent.h5", 0), ("show", 1), ("report", 1)]:
        begun.clear()
        xavier(*command.split())
        assert len(begun) == starts, command
    begun.clear()
    os.utime(odd)
    os.utime(index, (1, 1))
    xavier("ls")
    assert begun == [shared_reader()]


def test_a_plan_knows_what_is_done(odd, asked, make_run, tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    text = "width = 3\nupdates = 100\nrecords = '4'\nseeds = 2\n[grid]\ndepth = [1, 2, 3, 4, 5]"
    (tmp_path / "many.toml").write_text(f"title = 'Many'\nabout = 'Many?'\n[base]\n{text}\n")
    recipe, folders = read_recipe("many.toml"), Folders(*[tmp_path / "planned"] * 3)
    whole, running, damaged, other, _ = every = cells(recipe, "laptop", folders)
    write_run(whole.path, make_run(whole.config, only=("curves",)))
    write_run(running.path, make_run(running.config, only=("curves",), status="interrupted", records_done=2))
    write_run(damaged.path, make_run(damaged.config, only=("curves",)))
    damaged.path.write_bytes(damaged.path.read_bytes()[:3000])
    write_run(other.path, make_run(whole.config, only=("curves",)))
    first = finished_files(every)
    asked.clear()

    assert first == finished_files(every) == {whole.path}
    assert {each.path for each in every if is_finished(each)} == first
    assert asked[0] == damaged.path.name
    assert asked.count(whole.path.name) == 1  # by `is_finished`
    mark_run(whole.path, note="changed")
    other.path.unlink()
    assert finished_files(every) == {whole.path}
