"""Standard streams that are closed or full, and what lies in the working folder, change no answer."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

MAIN = "from xavier_cli.cli import main; main()"
# The control: what happens where nobody opens them.
UNPROTECTED = "import xavier_cli.cli as cli; cli.open_closed_streams = lambda: None; cli.main()"
CLOSED = ("<&-", ">&-", "2>&-", "<&- >&- 2>&-")
READING = (
    "ls -f json",
    "show runs -f json",
    "compare -f json",
    "check",
    "diff runs/tanh-standard.h5 runs/tanh-normalized.h5",
    "doctor runs/tanh-standard.h5",
    "export --to csv",
    "plot curves",
    "report",
    "data list",
    "config show",
    "init list",
    "act show tanh",
    "--help",
    "ls --nonsense",
)


def answer(folder, arguments, streams="", code=MAIN, **environment):
    """Exit code, stdout and stderr of the command in `folder`, in a shell that redirects `streams`."""
    done = subprocess.run(
        ["sh", "-c", f'exec "$@" {streams}', "sh", sys.executable, "-c", code, *arguments.split()],
        cwd=folder,
        capture_output=True,
        stdin=subprocess.DEVNULL,
        timeout=300,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[3]), "COLUMNS": "80", **environment},
    )
    return done.returncode, done.stdout, done.stderr


def assert_same_without(folder, arguments, streams):
    code, out, err = answer(folder, arguments)
    without = answer(folder, arguments, streams)

    assert without[0] == code, without[2]
    assert without[1] == (b"" if ">&-" in streams.replace("2>&-", "") else out)
    assert without[2] == (b"" if "2>&-" in streams else err)


@pytest.mark.parametrize("streams", CLOSED)
def test_a_closed_stream_changes_no_answer(shelf, streams):
    assert_same_without(shelf.parent, "ls -f json", streams)


@pytest.mark.faults
@pytest.mark.parametrize("streams", CLOSED)
@pytest.mark.parametrize("arguments", READING)
def test_no_closed_stream_changes_the_answer_of_any_reading_command(shelf, arguments, streams):
    assert_same_without(shelf.parent, arguments, streams)


@pytest.mark.parametrize("streams", [pytest.param(each, marks=pytest.mark.faults) for each in CLOSED[:3]])
def test_training_with_a_closed_stream_writes_its_run(tmp_path, streams):
    training = "train --width 4 --depth 1 --seeds 1 --updates 20 --records 2 -f json"
    code, _, err = answer(tmp_path, training, streams)

    assert code == 0, err
    assert len(list((tmp_path / "runs").iterdir())) == 1


def test_control_without_stderr_opened_a_note_breaks_the_json(shelf):
    _, good, _ = answer(shelf.parent, "ls -f json")
    _, out, _ = answer(shelf.parent, "ls -f json", "2>&-", UNPROTECTED)

    assert out != good


@pytest.mark.parametrize("arguments", ["--help", "--version", "ls", "ls -f json", "data list"])
def test_a_full_stdout_is_a_fault_of_storage(shelf, arguments):
    code, _, err = answer(shelf.parent, arguments, ">/dev/full")

    assert code == 6
    assert err.splitlines()[-1] == b"xavier: `stdout` could not be written: No space left on device"


def test_a_full_stderr_changes_no_exit_code(shelf):
    assert answer(shelf.parent, "ls -f json", "2>/dev/full")[0] == 0
    assert answer(shelf.parent, "ls --nonsense", "2>/dev/full")[0] == 2


def test_a_screen_with_ascii_alone_shows_any_name(shelf):
    (shelf / "tanh-standard.h5").rename(shelf / "Ünlü.h5")
    ascii_ = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0", "PYTHONIOENCODING": ""}
    code, out, _ = answer(shelf.parent, "ls", **ascii_)

    assert code == 0
    out.decode("ascii")


@pytest.fixture(params=["bad byte", "pipe"])
def strange_folder(tmp_path, request):
    """A folder with a `matplotlibrc` that cannot be read, or not to its end."""
    place = tmp_path / "matplotlibrc"
    if request.param == "pipe":
        os.mkfifo(place)
    else:
        place.write_bytes(b"font.size: \xff\n")
    return tmp_path


IMPORT = "import xavier_cli.figures.draw, matplotlib, os; print(os.path.exists('matplotlibrc'))"


def test_no_matplotlibrc_of_the_working_folder_is_read(strange_folder):
    code, out, err = answer(strange_folder, "", code=IMPORT)

    assert code == 0, err
    # Only the one question was answered with no.
    assert out == b"True\n"


def test_control_matplotlib_itself_reads_it(tmp_path):
    (tmp_path / "matplotlibrc").write_bytes(b"font.size: \xff\n")
    code, _, err = answer(tmp_path, "", code="import matplotlib")

    assert code == 1
    assert b"UnicodeDecodeError" in err


def test_a_file_of_the_users_own_that_is_damaged_draws_figures_all_the_same(shelf, tmp_path):
    (tmp_path / "own").write_bytes(b"font.size: \xff\n")
    code, out, err = answer(shelf.parent, "plot curves", MATPLOTLIBRC=str(tmp_path / "own"))

    assert (code, out) == (0, b"figures/curves.png\n"), err
