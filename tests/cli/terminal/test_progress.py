"""Progress on a terminal and in a pipe: the time left is the last to go where there is little room."""

import io
import re
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from xavier_cli.cli.terminal import progress as of_training
from xavier_cli.cli.terminal.progress import fitted, shown_progress
from xavier_cli.cli.terminal.sweep_progress import shown_standing
from xavier_cli.sweeps import plan
from xavier_cli.sweeps.plan import Folders, Group
from xavier_cli.sweeps.recipe import Recipe
from xavier_cli.sweeps.run import SECONDS_TO_MEASURE, Standing
from xavier_cli.sweeps.work import Outcome
from xavier_cli.training.engine.loop import Progress

TRAINING = Progress("training", 0, 30_000, 5, 0.712, "searching rates", diverged=1)


class Terminal(io.StringIO):
    def isatty(self):
        return True


@pytest.fixture
def terminal(monkeypatch):
    """A function that makes stderr a terminal of so many columns, and returns it."""

    def made(width: int) -> Terminal:
        stream = Terminal()
        monkeypatch.setattr(sys, "stderr", stream)
        monkeypatch.setenv("COLUMNS", str(width))
        monkeypatch.setenv("TERM", "xterm")
        return stream

    return made


def last_line(stream: io.StringIO) -> str:
    """The last line that was drawn, without what moves the cursor or colours."""
    drawn = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "\r", re.sub(r"\x1b\[[0-9;]*m", "", stream.getvalue()))
    return [line.strip() for line in re.split(r"[\r\n]+", drawn) if line.strip()][-1]


@pytest.fixture
def clock(monkeypatch):
    """A clock that the test turns; training and the bar read it."""
    time = [1000.0]
    monkeypatch.setattr(of_training.time, "monotonic", lambda: time[0])
    return time


@pytest.mark.parametrize(("width", "shows"), [(120, ("searching rates", "updates/s")), (60, ()), (44, ())])
def test_training_shows_the_time_left_at_any_width(terminal, clock, width, shows):
    stream = terminal(width)
    with shown_progress(quiet=False) as report:
        report(replace(TRAINING, doing="compiling"))
        for updates in (0, 1000, 2000, 3000):
            report(replace(TRAINING, updates=updates))
            clock[0] += 2
    line = last_line(stream)

    assert re.search(r"\d:\d\d left", line), line
    assert len(line) <= width
    assert "…" not in line
    assert all(each in line for each in shows), line
    assert ("valid error 71.2%" in line) == (width > 60)


def test_compiling_counts_up_and_says_that_it_is_kept(terminal):
    stream = terminal(60)
    with shown_progress(quiet=False) as report:
        report(replace(TRAINING, doing="compiling", phase=""))

    assert re.search(r"compiling .* \d+ s \(kept for next time\)", last_line(stream))


def test_what_fits_is_the_most_important():
    assert fitted(["error", "", "phase", "speed"], 12) == "error, phase"
    assert fitted(["error", "phase"], 4) == ""


@pytest.fixture
def groups():
    grid = {"act": ["tanh", "softsign"], "depth": [3, 5]}
    recipe = Recipe(title="t", base={"seeds": 5, "updates": 1000}, grid=grid)
    return plan.groups(plan.cells(recipe, "laptop", Folders(Path("a"), Path("b"), Path("c"))))


def under_way(groups: list[Group], seconds: float, share: float = 0.25) -> Standing:
    """The standing `seconds` after the first update, the first group at `share`; it compiled for an hour."""
    now = [0.0]
    standing = Standing.of(groups)
    standing.clock = lambda: now[0]
    standing.note(0, groups[0], replace(TRAINING, doing="compiling", phase=""))
    now[0] = 3600
    standing.note(0, groups[0], replace(TRAINING, phase=""))
    now[0] += seconds
    standing.note(0, groups[0], replace(TRAINING, phase="", updates=int(share * TRAINING.total)))
    return standing


def test_a_sweeps_time_left_is_told_once_it_is_measured(groups):
    assert Standing.of(groups).seconds_left is None
    assert under_way(groups, SECONDS_TO_MEASURE - 1).seconds_left is None
    # A quarter of one of the groups took ten seconds.
    assert under_way(groups, 10).seconds_left == pytest.approx(40 * left_after(groups, 0.25))


def left_after(groups: list[Group], share: float) -> float:
    """The work left after `share` of the first group's updates, in trainings of that group."""
    one = groups[0].core_seconds * (1 - groups[0].compile_share)
    return sum(group.core_seconds for group in groups[1:]) / one + 1 - share


def test_a_sweeps_time_left_does_not_jump_up_while_the_next_program_compiles(groups):
    now = [0.0]
    standing = Standing.of(groups)
    standing.clock = lambda: now[0]
    told = []
    for index, group in enumerate(groups):
        # A machine that takes exactly as long as was estimated.
        compiling = group.core_seconds * group.compile_share
        standing.note(index, group, replace(TRAINING, doing="compiling", phase="", updates=0))
        now[0] += compiling
        for tenth in range(11):
            updates = TRAINING.total * tenth // 10
            standing.note(index, group, replace(TRAINING, phase="", updates=updates))
            if standing.seconds_left is not None:
                told.append(now[0] + standing.seconds_left)
            now[0] += (group.core_seconds - compiling) / 10 * (tenth < 10)
        standing.finish(index, group, [Outcome(group.cells[0], "done")])
    # The end that was foreseen was the end.
    assert len(told) > 30
    assert told == pytest.approx([now[0]] * len(told))


def test_what_an_earlier_command_trained_does_not_count_as_speed(groups):
    now = [0.0]
    standing = Standing.of(groups)
    standing.clock = lambda: now[0]
    standing.note(0, groups[0], replace(TRAINING, phase="", updates=15_000))
    now[0] = 10.0
    standing.note(0, groups[0], replace(TRAINING, phase="", updates=18_000))

    assert standing.seconds_left == pytest.approx(100 * left_after(groups, 0.6))


@pytest.mark.parametrize("width", [100, 60, 44, 34])
def test_a_sweep_shows_the_time_left_at_any_width(terminal, groups, width):
    stream = terminal(width)
    with shown_standing(quiet=False) as watch:
        watch(under_way(groups, 10))
    line = last_line(stream)

    assert re.search(r"\d:\d\d left", line), line
    assert len(line) <= width
    assert ("0 of 4 cells" in line) == (width > 34)
    assert ("0 of 20 seeds" in line) == (width >= 60)
    assert ("training tanh, depth 3" in line) == (width == 100)
    assert "…" not in line or width == 100


def test_a_sweep_in_a_pipe_names_what_differs_and_counts_seeds(groups, capsys):
    with shown_standing(quiet=False) as watch:
        standing = under_way(groups, 10)
        standing.done += 1
        watch(standing)

    assert "1 of 4 cells, 0 of 20 seeds, 8%, 3:36 left" in capsys.readouterr().err
    assert "training tanh, depth 3: 7,500 of 30,000" in standing.running[0][1]
