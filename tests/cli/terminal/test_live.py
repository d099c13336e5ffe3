"""The live view as lines of text: what it shows of what was reported, at any width and height."""

import fcntl
import os
import pty
import struct
import subprocess
import sys
import termios

import numpy as np
import pytest

from xavier_cli.cli.terminal import live, progress
from xavier_cli.cli.terminal.progress import _Lines
from xavier_cli.cli.terminal.signals import STOPPING_WORDS
from xavier_cli.sanitize import encodable
from xavier_cli.training.engine.loop import Progress, Seen
from xavier_cli.training.engine.population import Variant


def seen(update, seeds=3, layers=2, rates=(0.1,), error=0.5, lost=()):
    """A record; members in `lost` have diverged, and stand frozen at error 0.11, saturated everywhere."""
    shape = (seeds, len(rates))
    falling = error / (1 + update / 100) + 0.01 * np.arange(seeds * len(rates)).reshape(shape)
    record = {
        "curves/valid_loss": 2 * falling,
        "curves/valid_error": falling,
        "activation/saturated": np.broadcast_to(np.linspace(0, 1, layers), (*shape, layers)),
    }
    record["curves/train_loss"] = np.full(shape, np.nan) if update == 0 else 2 * falling
    variants = tuple(Variant("standard", rate) for rate in rates)
    if lost:
        record = {name: np.array(values) for name, values in record.items()}
        for path, value in {
            "curves/train_loss": np.nan,
            "curves/valid_loss": 9.0,
            "curves/valid_error": 0.11,
            "activation/saturated": 1.0,
        }.items():
            record[path].reshape(seeds * len(rates), -1)[list(lost)] = value
    return Seen(update, tuple(range(seeds)), variants, record, 0.8)


@pytest.fixture
def view(monkeypatch):
    """A view of a training that is half done; ten seconds pass with every report."""
    clock = iter(range(0, 1000, 10))
    monkeypatch.setattr(progress.time, "monotonic", lambda: float(next(clock)))
    view = live.LiveView()
    view.report(Progress("compiling", 0, 400, 3))
    view.report(Progress("training", 20, 400, 3))
    for update in (0, 100, 200):
        view.look(seen(update))
    view.report(Progress("training", 200, 400, 3))
    return view


def test_it_shows_where_training_stands_every_seed_and_every_layer(view):
    lines = view.lines(60, 24)

    assert lines[0] == "training 50%, 0:11 left, 54 updates/s"
    assert lines[1] == "█" * 30 + "." * 30
    assert lines[3].split() == ["valid", "loss", "valid", "error"]
    assert lines[4] == "seed 0  █▂▁  0.333                 █▂▁ 16.7 %"
    assert [line.split()[1] for line in lines[4:7]] == ["0", "1", "2"]
    assert lines[8] == "saturated after 200 updates"
    assert lines[9].endswith("  0%")
    assert lines[10].endswith("100%")
    assert lines[10].count("█") == 44


@pytest.mark.parametrize("width", [20, 40, 80, 200])
@pytest.mark.parametrize("height", [6, 12, 40])
def test_it_fits_any_screen_and_any_alphabet(view, width, height):
    view.look(seen(300, seeds=40, layers=50))
    lines = view.lines(width, height)

    assert len(lines) <= height
    assert max(map(len, lines)) <= width
    encodable("\n".join(lines), "ascii").encode("ascii")


def test_seeds_without_room_are_counted_and_averaged(view):
    view.look(seen(300, seeds=40))

    (rest,) = (line for line in view.lines(80, 16) if line.startswith("and "))
    shown = [line for line in view.lines(80, 16) if line.startswith("seed")]
    assert rest == f"and {40 - len(shown)} more; mean error of all 32.0 %"


def test_a_diverged_seed_counts_as_guessing_and_is_left_out_of_layers(view):
    view.look(seen(300, lost=(1,)))
    lines = view.lines(80, 30)

    assert lines[5].startswith("seed 1 diverged")
    assert lines[5].split()[-2:] == ["80.0", "%"]
    assert "9.000" not in lines[5]
    assert lines[7] == "diverged: 1 of 3, counted at chance level (80.0 %)"
    assert lines[9] == "saturated after 300 updates, without 1 diverged"
    assert [line.split()[-1] for line in lines[10:]] == ["0%", "100%"]


def test_the_mean_of_many_seeds_counts_diverged_ones_as_guessing(view):
    view.look(seen(300, seeds=40, lost=range(10)))

    # 10 at 80 %; the others, 12.5 % and a point more each, from 22.5 to 51.5 %.
    (rest,) = (line for line in view.lines(80, 16) if line.startswith("and "))
    assert rest.endswith("mean error of all 47.8 %")


def test_layers_of_seeds_that_all_diverged_are_not_shown(view):
    view.look(seen(300, lost=(0, 1, 2)))
    lines = view.lines(80, 30)

    assert lines[-1] == "diverged: 3 of 3, counted at chance level (80.0 %)"
    assert not any("saturated" in line for line in lines)


def test_the_progress_line_says_how_many_diverged(capsys, monkeypatch):
    clock = iter(range(0, 1000, 10))
    monkeypatch.setattr(progress.time, "monotonic", lambda: float(next(clock)))
    lines = _Lines()
    lines(Progress("training", 0, 100, 5))
    lines(Progress("training", 10, 100, 5, 0.4567, diverged=2))

    assert capsys.readouterr().err.rstrip().endswith("valid error 45.7% (2 of 5 diverged)")


def test_the_time_left_counts_from_the_end_of_compiling(capsys, monkeypatch):
    """A minute of compiling, then 10 updates in 10 seconds: 80 more take 80 seconds."""
    clock = iter([0.0, 0.0, 0.0, 60.0, 60.0, 70.0, 70.0])
    monkeypatch.setattr(progress.time, "monotonic", lambda: next(clock))
    lines = _Lines()
    lines(Progress("compiling", 0, 100, 1))
    lines(Progress("training", 10, 100, 1))
    lines(Progress("training", 20, 100, 1))

    assert capsys.readouterr().err.splitlines() == ["compiling", "training  20% 1:20 left 1 updates/s"]


def test_a_new_stage_begins_anew(view):
    view.look(seen(0, rates=(0.1, 0.3)))

    rows = [line for line in view.lines(80, 30) if line.startswith("seed")]
    assert rows[1].startswith("seed 0 lr 0.3  ▂  1.020")
    assert len(rows) == 6


def test_an_activation_that_is_nowhere_saturated_has_no_bars(view):
    record = dict(seen(300).record)
    record["activation/saturated"] = np.full((3, 1, 2), np.nan)
    view.look(Seen(300, (0, 1, 2), (Variant("standard", 0.1),), record, 0.8))

    assert view.lines(80, 30)[-1] == "layer 2 none"


def test_without_a_terminal_it_says_so_and_progress_goes_on(capsys):
    with live.shown_live(quiet=False) as (report, look):
        report(Progress("compiling", 0, 400, 3))
        look(seen(0))

    assert capsys.readouterr().err.splitlines() == [
        "`--live` needs a terminal: progress is shown in lines",
        "compiling",
    ]


@pytest.mark.parametrize("columns", [0, 30, 80])
def test_a_signal_takes_the_last_line_of_the_view_and_moves_nothing(columns):
    code = (
        "import os, signal; from xavier_cli.cli.terminal.signals import StopFlag\n"
        "with StopFlag() as stopped, stopped.in_place(True):\n"
        "    os.kill(os.getpid(), signal.SIGINT)"
    )
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    subprocess.run([sys.executable, "-c", code], stderr=theirs, check=True)
    said = os.read(ours, 1000).decode()
    os.close(ours)
    os.close(theirs)

    assert said.startswith("\r\x1b[2Kxavier: stopping after the u")
    assert "\n" not in said
    assert len(said) == len("\r\x1b[2K") + min(len(STOPPING_WORDS), (columns or 80) - 1)
