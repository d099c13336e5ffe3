"""Tests `xavier train` when it is killed, stopped or repeated: its files, messages and resumption."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from xavier_cli.runs.checkpoint import checkpoint_paths, has_checkpoint
from xavier_cli.runs.store import read_run

# The programs that `test_train.py` has compiled already: compiling takes longer than all else here.
TINY = ["--width", "8", "--depth", "2", "--records", "9", "--eval-examples", "500", "--seeds", "2"]
KILLED = Path(__file__).parents[1] / "support" / "killed_training.py"


def start(cwd: Path, *arguments: str, kill_at: int | str = 0, updates: int = 8000) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, str(KILLED), str(kill_at), "train", *TINY, "--updates", str(updates), *arguments],
        cwd=cwd,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "XAVIER_RUNS_DIR": "runs"},
    )


def finished(process: subprocess.Popen[str]) -> tuple[int, str]:
    _, said = process.communicate(timeout=300)
    return process.returncode, said


def assert_same(path: Path, other: Path) -> None:
    one, two = read_run(path), read_run(other)

    assert (one.config, one.status) == (two.config, two.status)
    assert set(one.arrays) == set(two.arrays)
    for name, array in one.arrays.items():
        assert np.array_equal(array, two[name], equal_nan=array.dtype.kind == "f"), name


@pytest.fixture(scope="module")
def whole(tmp_path_factory) -> Path:
    """The run of a training that nothing happened to."""
    folder = tmp_path_factory.mktemp("whole")
    code, said = finished(start(folder, "-o", "run.h5", "-q"))
    assert code == 0, said
    assert [found.name for found in folder.iterdir()] == ["run.h5"]
    return folder / "run.h5"


def wait_for(condition, process) -> None:
    while process.poll() is None and not condition():
        time.sleep(0.01)


def written_at(path: Path) -> int:
    """When a file was written; 0 while it is not there, as between the former's name and the new one's."""
    try:
        return path.stat().st_mtime_ns
    except FileNotFoundError:
        return 0


def killed_again_and_again(folder: Path, kills: int, whole: Path) -> None:
    path, rng = folder / "run.h5", random.Random(2010)
    survived = 0
    for _ in range(kills):
        process = start(folder, "-o", "run.h5", "-q", "--resume")
        newest = checkpoint_paths(path)[0]
        before = written_at(newest)
        # Some after the start already, most once there is something new to lose.
        if rng.random() < 0.8:
            wait_for(lambda: written_at(newest) > before, process)  # noqa: B023
        time.sleep(rng.uniform(0, 0.3))
        process.send_signal(signal.SIGKILL)
        survived += finished(process)[0] == 0
        if path.exists():
            read_run(path)
    code, said = finished(start(folder, "-o", "run.h5", "-q", "--resume"))

    assert survived < kills
    assert code == 0, said
    assert_same(path, whole)
    assert [found.name for found in folder.iterdir()] == ["run.h5"]


def test_a_training_killed_at_random_times_ends_in_the_same_numbers(tmp_path, whole):
    killed_again_and_again(tmp_path, 5, whole)


@pytest.mark.faults
def test_trainings_killed_fifty_times_at_random_end_in_the_same_numbers(tmp_path, whole):
    for turn in range(5):
        folder = tmp_path / str(turn)
        folder.mkdir()
        killed_again_and_again(folder, 10, whole)


def killed_at_call(folder: Path, call: int, whole: Path) -> None:
    killed, _ = finished(start(folder, "-o", "run.h5", "-q", kill_at=call))
    if (folder / "run.h5").exists():
        read_run(folder / "run.h5")
    code, said = finished(start(folder, "-o", "run.h5", "-q", "--resume"))

    assert killed == -signal.SIGKILL
    assert code == 0, said
    assert_same(folder / "run.h5", whole)
    assert [found.name for found in folder.iterdir()] == ["run.h5"]


def test_a_training_killed_in_the_middle_of_publishing_ends_in_the_same_numbers(tmp_path, whole):
    killed_at_call(tmp_path, 40, whole)


@pytest.mark.faults
@pytest.mark.parametrize("call", range(1, 76, 3))
def test_a_training_killed_at_any_call_of_publishing_ends_in_the_same_numbers(tmp_path, whole, call):
    killed_at_call(tmp_path, call, whole)


def failing_at_call(folder: Path, call: int, fault: str, whole: Path) -> int:
    code, said = finished(start(folder, "-o", "run.h5", "-q", kill_at=f"{call}:{fault}"))
    if (folder / "run.h5").exists():
        read_run(folder / "run.h5")
    again, words = finished(start(folder, "-o", "run.h5", "-q", "--resume"))

    if code:
        assert code == 6, said
        assert len(said.splitlines()) == 1, said
        assert "run.h5" in said
    assert again == 0, words
    assert_same(folder / "run.h5", whole)
    assert [found.name for found in folder.iterdir()] == ["run.h5"]
    return code


def test_a_training_whose_disk_fails_says_so_and_loses_nothing(tmp_path, whole):
    assert failing_at_call(tmp_path, 33, "EIO:always", whole) == 6


@pytest.mark.faults
@pytest.mark.parametrize("call", range(1, 60, 7))
@pytest.mark.parametrize("fault", ["ENOSPC", "ENOSPC:always", "EIO:always", "EROFS", "EMFILE:always"])
def test_a_training_whose_disk_fails_at_any_call_loses_nothing(tmp_path, whole, fault, call):
    failing_at_call(tmp_path, call, fault, whole)


def test_an_interrupted_training_goes_on_by_itself_and_says_so(tmp_path, whole):
    process = start(tmp_path)
    wait_for(lambda: list((tmp_path / "runs").glob(".*.ckpt.1")), process)
    process.send_signal(signal.SIGUSR1)
    stopped, first = finished(process)
    (path,) = (tmp_path / "runs").glob("*.h5")
    status = read_run(path).status
    code, second = finished(start(tmp_path))
    again, third = finished(start(tmp_path))

    # The warning of a batch system counts as the termination that it announces.
    assert stopped == 143
    assert "stopping after the updates under way" in first
    assert "of 8,000; last record at " in first
    assert "; results so far are in runs/" in first
    assert "the same command resumes it" in first
    assert status == "interrupted"
    assert code == 0
    assert "resuming after" in second
    assert_same(path, whole)
    assert not has_checkpoint(path)
    assert again == 0
    assert "already trained" in third


def test_a_second_signal_leaves_at_once(tmp_path):
    process = start(tmp_path, "-o", "run.h5", updates=10**9)
    wait_for(lambda: list(tmp_path.glob(".*.ckpt.1")), process)
    # Held back together, both are delivered before a segment can end in between.
    process.send_signal(signal.SIGSTOP)
    process.send_signal(signal.SIGINT)
    process.send_signal(signal.SIGTERM)
    process.send_signal(signal.SIGCONT)
    code, said = finished(process)

    assert code in (130, 143)
    assert "results so far are in" not in said
    assert read_run(tmp_path / "run.h5").status == "running"
    assert has_checkpoint(tmp_path / "run.h5")


def test_a_named_output_is_gone_on_with_only_when_asked(tmp_path):
    process = start(tmp_path, "-o", "run.h5")
    wait_for(lambda: list(tmp_path.glob(".*.ckpt.1")), process)
    process.send_signal(signal.SIGINT)
    stopped, _ = finished(process)
    refused = finished(start(tmp_path, "-o", "run.h5"))
    other = finished(start(tmp_path, "-o", "run.h5", "--resume", "--act", "softsign"))
    both = finished(start(tmp_path, "-o", "run.h5", "--resume", "--force"))
    names = sorted(found.name for found in tmp_path.iterdir())

    assert stopped == 130
    assert refused[0] == other[0] == both[0] == 2
    assert "`--resume` resumes it, `--force` replaces it" in refused[1]
    assert "act tanh, not softsign" in other[1]
    assert len(refused[1].splitlines()) == len(other[1].splitlines()) == len(both[1].splitlines()) == 1
    assert {".run.h5.ckpt", "run.h5"} <= set(names)


def test_of_many_that_train_into_one_file_one_proceeds_and_the_others_leave_at_once(tmp_path):
    first = start(tmp_path, "-o", "run.h5", updates=10**9)
    wait_for((tmp_path / ".run.h5.lock").exists, first)
    others = [start(tmp_path, "-o", "run.h5", "--resume", updates=10**9) for _ in range(7)]
    answers = [finished(other) for other in others]
    alive = first.poll() is None
    wait_for((tmp_path / "run.h5").exists, first)
    first.send_signal(signal.SIGTERM)
    ended, _ = finished(first)

    assert alive
    assert ended == 143
    assert [code for code, _ in answers] == [6] * 7
    assert all(f"is being written by process {first.pid} on" in said for _, said in answers)
    assert all(len(said.splitlines()) == 1 for _, said in answers)


def test_who_comes_second_is_told_before_anything_heavy_is_loaded(tmp_path):
    from xavier_cli.files.locks import lock_output

    code = (
        "import sys\nfrom xavier_cli.cli import main\n"
        "sys.argv = ['xavier', 'train', '-o', 'run.h5']\n"
        "try:\n    main()\nexcept SystemExit as left:\n    print(left.code)\n"
        "print(sorted(set(sys.modules) & {'jax', 'h5py', 'numpy'}))"
    )
    with lock_output(tmp_path / "run.h5"):
        done = subprocess.run(
            [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=False
        )

    assert done.stdout.split() == ["6", "[]"], done.stderr


def test_a_limit_of_time_ends_training_as_a_signal_does(tmp_path):
    process = start(tmp_path, "--max-time", "1h", updates=3_000_000)
    wait_for(lambda: list((tmp_path / "runs").glob(".*.ckpt.1")), process)
    # Its timer's signal, sent early; `test_signals.py` has a timer run out.
    process.send_signal(signal.SIGALRM)
    code, said = finished(process)
    (path,) = (tmp_path / "runs").glob("*.h5")

    assert code == 143
    assert "`--max-time` is up; stopping after the updates under way" in said
    assert "the same command resumes it" in said
    assert read_run(path).status == "interrupted"
    assert list((tmp_path / "runs").glob(".*.ckpt*"))
