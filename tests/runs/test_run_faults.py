"""Kills, full disks and second writers; each fault with a control that fails without the protection."""

import errno
import json
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from xavier_cli.errors import StorageError
from xavier_cli.files import locks, publish
from xavier_cli.runs import checkpoint
from xavier_cli.runs.errors import RunFileError
from xavier_cli.runs.store import read_run, write_run

FAULTS = (errno.ENOSPC, errno.EIO, errno.EFBIG, errno.EROFS, errno.EMFILE)
CALLS = ("open", "write", "fsync", "replace")


def start(*arguments, **options):
    script = Path(__file__).parents[1] / "support" / "fault_writer.py"
    return subprocess.Popen(
        [sys.executable, str(script), *map(str, arguments)],
        stdout=subprocess.PIPE,
        stdin=subprocess.PIPE,
        text=True,
        **options,
    )


def result(process):
    out, _ = process.communicate(timeout=300)

    assert process.returncode == 0
    return json.loads(out)


@pytest.fixture
def runs(make_run):
    """Two runs of different seeds, old and new."""
    return [
        make_run(depth=1, width=2, updates=10, records="3", seeds=seeds, only=("curves",))
        for seeds in ("1,", "2,3")
    ]


def counted_kills(outcome, count, lost="lost"):
    count(kills=len(outcome["states"]), files_lost_to_kills=outcome["states"].count(lost))


def test_a_kill_at_any_call_leaves_the_old_file_or_the_new_one(tmp_path, count):
    outcome = result(start("kill", tmp_path, "protected"))
    counted_kills(outcome, count)

    assert len(outcome["states"]) > 25
    assert outcome["states"].count("lost") == 0
    assert {"old", "new"} == set(outcome["states"])
    # The killed left temporaries behind; the next writer has swept them away.
    assert outcome["strays"] > 0
    assert outcome["left"] == ["run.h5"]


@pytest.mark.faults
def test_a_kill_at_each_of_hundreds_of_calls_leaves_the_old_file_or_the_new_one(tmp_path, count):
    outcome = result(start("kill", tmp_path, "protected", 80))
    counted_kills(outcome, count)

    assert len(outcome["states"]) >= 300
    assert {"old", "new"} == set(outcome["states"])


def test_a_kill_at_any_call_leaves_a_checkpoint_that_can_be_read(tmp_path, count):
    outcome = result(start("kill_checkpoints", tmp_path, "checkpoints"))
    counted_kills(outcome, count)

    assert len(outcome["states"]) > 20
    # The newest is the one before the kill, or the first or the second of the two that were being written.
    assert set(outcome["states"]) == {"[1] 1 []", "[2, 3] 0 []", "[2, 3] 1 []"}
    assert outcome["left"] == [".run.h5.ckpt", ".run.h5.ckpt.1"]


def test_control_a_kill_of_a_writer_that_keeps_no_other_checkpoint_shows(tmp_path):
    outcome = result(start("kill_checkpoints", tmp_path, "checkpoints_over_each_other"))

    # What is left is the old one that the two new ones should have replaced.
    assert "[1] 0 []" in outcome["states"]


def test_control_a_kill_of_a_writer_in_place_loses_the_file(tmp_path, count):
    outcome = result(start("kill", tmp_path, "in_place"))
    lost = outcome["states"].count("lost")
    count(**{"control:_kills_of_a_writer_in_place": len(outcome["states"]), "control:_files_lost": lost})

    assert outcome["states"].count("lost") > 10


def test_a_disk_that_is_really_full_leaves_the_old_file(tmp_path):
    outcome = result(start("full", tmp_path, "protected"))

    assert outcome["states"] == ["old"]
    assert outcome["said"] == f"`{tmp_path / 'run.h5'}` could not be written: File too large"
    assert outcome["left"] == ["run.h5"]


def test_control_a_full_disk_takes_the_file_of_a_writer_in_place(tmp_path):
    assert result(start("full", tmp_path, "in_place"))["states"] == ["lost"]


class Faulty:
    """Lets the k-th call that `publish` makes fail, and all later ones if `for_good`."""

    def __init__(self, monkeypatch, code):
        self.count, self.k, self.for_good, self.code = 0, -1, False, code
        for name in CALLS:
            monkeypatch.setattr(publish.os, name, self._wrapped(getattr(os, name)))

    def _wrapped(self, call):
        def fail_or_call(*arguments, **options):
            self.count += 1
            if self.count == self.k or (self.for_good and self.count > self.k > 0):
                raise OSError(self.code, os.strerror(self.code))
            return call(*arguments, **options)

        return fail_or_call

    def arm(self, k, for_good):
        self.count, self.k, self.for_good = 0, k, for_good

    def disarm(self):
        self.arm(-1, False)


@pytest.mark.parametrize("for_good", [False, True], ids=["once", "for good"])
@pytest.mark.parametrize("code", FAULTS, ids=lambda code: errno.errorcode[code])
def test_a_fault_at_any_call_leaves_the_old_file_and_no_other(
    tmp_path, monkeypatch, runs, code, for_good, count
):
    path, (old, new) = tmp_path / "run.h5", runs
    monkeypatch.setattr(publish, "PIECE_BYTES", 4096)
    faulty = Faulty(monkeypatch, code)
    write_run(path, old)
    calls = faulty.count
    for k in range(1, calls + 1):
        write_run(path, old)
        faulty.arm(k, for_good)

        with pytest.raises(StorageError) as caught:
            write_run(path, new)

        faulty.disarm()
        assert str(caught.value).endswith(f"run.h5` could not be written: {os.strerror(code)}")
        # The last two calls sync the folder: the new file is in its place by then.
        assert read_run(path).config.seeds == (new if k > calls - 2 else old).config.seeds
        assert [found.name for found in tmp_path.iterdir()] == ["run.h5"]
    count(faults_of_storage=calls, files_lost_to_faults=0)
    assert calls > 8


@pytest.mark.parametrize("code", FAULTS, ids=lambda code: errno.errorcode[code])
def test_control_a_fault_in_a_writer_in_place_takes_the_old_file(tmp_path, monkeypatch, runs, code, count):
    path, (old, new) = tmp_path / "run.h5", runs
    write_run(path, old)
    # The control: what is written is not the temporary but the file itself.
    monkeypatch.setattr(publish, "_write", written_in_place(path))
    faulty = Faulty(monkeypatch, code)
    # After the temporary and the file itself were opened.
    faulty.arm(3, for_good=True)

    with pytest.raises(StorageError):
        write_run(path, new)
    faulty.disarm()
    with pytest.raises(RunFileError):
        read_run(path)
    count(**{"control:_files_lost": 1})


def written_in_place(path):
    def write(_, content):
        descriptor = os.open(path, os.O_WRONLY | os.O_TRUNC)
        try:
            os.write(descriptor, content)
        finally:
            os.close(descriptor)

    return write


@pytest.mark.parametrize("code", FAULTS, ids=lambda code: errno.errorcode[code])
def test_what_could_not_even_be_removed_is_gone_after_the_next_start(tmp_path, monkeypatch, runs, code):
    path, (old, new) = tmp_path / "run.h5", runs
    write_run(path, old)
    with monkeypatch.context() as broken:
        faulty = Faulty(broken, code)
        faulty.arm(3, for_good=True)

        def refuse(*arguments, **options):
            raise OSError(code, os.strerror(code))

        broken.setattr(publish.os, "unlink", refuse)
        with pytest.raises(StorageError):
            write_run(path, new)
        faulty.disarm()
    left = [found.name for found in tmp_path.iterdir()]
    after = read_run(path).config.seeds
    write_run(path, new)

    assert len(left) == 2
    assert after == old.config.seeds
    assert [found.name for found in tmp_path.iterdir()] == ["run.h5"]


@pytest.mark.parametrize("code", FAULTS, ids=lambda code: errno.errorcode[code])
def test_a_fault_at_any_call_leaves_a_checkpoint_that_can_be_read(tmp_path, monkeypatch, runs, code, count):
    path, before = tmp_path / "run.h5", checkpoint_of(runs[0], 0)
    monkeypatch.setattr(publish, "PIECE_BYTES", 16_384)
    faulty = Faulty(monkeypatch, code)
    checkpoint.write_checkpoint(path, before)
    calls = faulty.count
    for k in range(1, calls + 1):
        checkpoint.write_checkpoint(path, before)
        faulty.arm(k, for_good=True)
        with pytest.raises(StorageError, match=r"run\.h5\.ckpt` could not be written"):
            checkpoint.write_checkpoint(path, checkpoint_of(runs[0], 1))
        faulty.disarm()
        found, notes = checkpoint.recover_checkpoint(path)

        assert notes == []
        assert found.facts["turn"] in ((0, 1) if k > calls - 2 else (0,))
        assert {each.name for each in tmp_path.iterdir()} <= {".run.h5.ckpt", ".run.h5.ckpt.1"}
    count(faults_of_storage=calls, files_lost_to_faults=0)


def checkpoint_of(run, turn):
    return checkpoint.Checkpoint({"act": "tanh"}, {"turn": turn}, {"seed": run["seed"]})


def test_a_pipe_or_a_device_is_never_replaced_by_a_file(tmp_path, runs):
    os.mkfifo(tmp_path / "pipe.h5")
    (tmp_path / "full.h5").symlink_to("/dev/full")
    for name in ("pipe.h5", "full.h5"):
        with pytest.raises(StorageError, match="could not be written: it is a pipe or a device"):
            write_run(tmp_path / name, runs[0])
        with pytest.raises(StorageError, match="a pipe or a device"), locks.lock_output(tmp_path / name):
            pass

    assert (tmp_path / "pipe.h5").is_fifo()
    assert sorted(each.name for each in tmp_path.iterdir()) == ["full.h5", "pipe.h5"]


def test_an_interrupt_leaves_the_old_file_and_no_other(tmp_path, monkeypatch, runs):
    path, (old, new) = tmp_path / "run.h5", runs
    write_run(path, old)

    def interrupted(descriptor):
        raise KeyboardInterrupt

    monkeypatch.setattr(publish.os, "fsync", interrupted)

    with pytest.raises(KeyboardInterrupt):
        write_run(path, new)
    assert read_run(path).config.seeds == old.config.seeds
    assert [found.name for found in tmp_path.iterdir()] == ["run.h5"]


def test_what_reads_back_otherwise_is_not_published(tmp_path, monkeypatch, runs):
    path, (old, new) = tmp_path / "run.h5", runs
    write_run(path, old)
    write = os.write

    def faulty(descriptor, content):
        content = bytearray(content)
        content[-100] ^= 1
        return write(descriptor, content)

    monkeypatch.setattr(publish, "PIECE_BYTES", 4096)
    monkeypatch.setattr(publish.os, "write", faulty)

    with pytest.raises(StorageError, match="could not be written: it reads back"):
        write_run(path, new)
    assert read_run(path).config.seeds == old.config.seeds


def test_places_that_cannot_be_written_are_named(tmp_path, runs):
    (tmp_path / "folder.h5").mkdir()
    (tmp_path / "file").write_text("")
    for path, words in {
        tmp_path / "folder.h5": "Is a directory",
        tmp_path / "file" / "run.h5": "Not a directory",
        tmp_path / ("x" * 300 + ".h5"): "File name too long",
        Path("/proc/run.h5"): "No such file",
    }.items():
        with pytest.raises(StorageError, match=f"could not be written: {words}"):
            write_run(path, runs[0])
    assert sorted(found.name for found in tmp_path.iterdir()) == ["file", "folder.h5"]


def stray(folder, name, age=0.0):
    """A file of such an age, as a killed writer would have left it."""
    path = folder / name
    path.write_text("")
    os.utime(path, (time.time() - age, time.time() - age))
    return path


def test_what_killed_writers_left_is_swept_and_all_else_stays(tmp_path, runs):
    token, hour, days = "0123456789ab", 3600, 2 * 86_400
    # Of this very output, whose only writer we are, however young; a checkpoint's and a rehearsal's too.
    stale = [(f".run.h5.{token}.tmp", 0), (f"..run.h5.ckpt.{token}.tmp", 0), (f".other.h5.{token}.tmp", hour)]
    stale += [(".run.h5.17@host.tmp", days)]
    # Another output's may have been made a moment ago; an older version's says nothing by its lock.
    kept = [(f".fresh.h5.{token}.tmp", 0), (".other.h5.17@host.tmp", hour)]
    kept += [(".mine.tmp", days), (f"run.h5.{token}.tmp", days), (".run.h5.ckpt", days)]
    for name, age in stale + kept:
        stray(tmp_path, name, age)

    write_run(tmp_path / "run.h5", runs[0])

    assert sorted(found.name for found in tmp_path.iterdir()) == sorted(
        [*(name for name, _ in kept), "run.h5"]
    )


def test_a_link_or_a_folder_with_a_temporarys_name_is_left_alone(tmp_path, runs):
    (tmp_path / "precious").write_text("kept")
    (tmp_path / ".run.h5.0123456789ab.tmp").symlink_to(tmp_path / "precious")
    (tmp_path / ".run.h5.0123456789ac.tmp").mkdir()
    os.mkfifo(tmp_path / ".run.h5.0123456789ad.tmp")

    write_run(tmp_path / "run.h5", runs[0])

    assert (tmp_path / "precious").read_text() == "kept"
    assert len(list(tmp_path.iterdir())) == 5


def stopped_while_writing(folder, monkeypatch, name="run.h5"):
    """A writer in another process that holds its temporary, in a folder that looks as if it were old."""
    process = start("linger", folder, name)
    assert process.stdout.readline() == "ready\n"
    (temporary,) = folder.glob(".*.tmp")
    os.utime(temporary, (0, 0))
    return process, temporary


def test_a_living_writers_temporary_stays_whatever_its_process_is_called(tmp_path, monkeypatch, runs):
    # In containers that share a folder, host names and process ids are no one's own: only the lock counts.
    process, temporary = stopped_while_writing(tmp_path, monkeypatch)
    write_run(tmp_path / "run.h5", runs[0])
    write_run(tmp_path / "other.h5", runs[0])
    alive = temporary.exists()
    process.kill()
    process.communicate(timeout=30)
    write_run(tmp_path / "other.h5", runs[0])

    assert alive
    assert not temporary.exists()


def test_control_without_locks_only_the_age_protects_a_living_writer(tmp_path, monkeypatch, runs):
    process, temporary = stopped_while_writing(tmp_path, monkeypatch)
    monkeypatch.setattr(publish, "try_lock", lambda descriptor: None)
    os.utime(temporary)
    write_run(tmp_path / "run.h5", runs[0])
    young = temporary.exists()
    os.utime(temporary, (0, 0))
    write_run(tmp_path / "run.h5", runs[0])
    process.kill()
    process.communicate(timeout=30)

    assert young
    assert not temporary.exists()


@pytest.mark.parametrize("taken", ["removed", "locked"])
def test_a_temporary_swept_before_it_was_locked_is_made_again(tmp_path, monkeypatch, runs, taken):
    locked, seen = publish.try_lock, []

    def slow(descriptor):
        seen.append(descriptor)
        if len(seen) == 1 and taken == "removed":
            for temporary in tmp_path.glob(".*.tmp"):
                temporary.unlink()
        return False if len(seen) == 1 and taken == "locked" else locked(descriptor)

    monkeypatch.setattr(publish, "try_lock", slow)
    write_run(tmp_path / "run.h5", runs[0])

    assert len(seen) == 2
    assert read_run(tmp_path / "run.h5").config == runs[0].config
    assert [found.name for found in tmp_path.iterdir()] == ["run.h5"]


def test_a_temporary_never_opens_what_lies_there(tmp_path, monkeypatch, runs):
    (tmp_path / "precious").write_text("kept")
    monkeypatch.setattr(publish.os, "urandom", bytes)
    (tmp_path / f".run.h5.{'0' * 12}.tmp").symlink_to(tmp_path / "precious")

    with pytest.raises(StorageError, match="File exists"):
        write_run(tmp_path / "run.h5", runs[0])
    assert (tmp_path / "precious").read_text() == "kept"


def test_a_second_writer_is_told_who_the_first_is(tmp_path):
    holder = start("hold", tmp_path)
    assert holder.stdout.readline() == "ready\n"
    said = f"`{tmp_path / 'run.h5'}` is being written by process {holder.pid} on {socket.gethostname()}"

    with pytest.raises(StorageError) as caught, locks.lock_output(tmp_path / "run.h5"):
        pytest.fail("two have the lock")
    assert str(caught.value) == said
    with locks.lock_output(tmp_path / "other.h5"):
        pass
    holder.communicate("\n", timeout=30)
    assert list(tmp_path.iterdir()) == []
    with locks.lock_output(tmp_path / "run.h5"):
        assert [found.name for found in tmp_path.iterdir()] == [".run.h5.lock"]


def test_the_lock_of_a_killed_writer_is_free(tmp_path):
    holder = start("hold", tmp_path)
    assert holder.stdout.readline() == "ready\n"
    holder.send_signal(signal.SIGKILL)
    holder.communicate(timeout=30)
    assert (tmp_path / ".run.h5.lock").exists()

    with locks.lock_output(tmp_path / "run.h5"):
        pass
    assert list(tmp_path.iterdir()) == []


def test_the_lock_is_given_back_after_an_error(tmp_path):
    with pytest.raises(ZeroDivisionError), locks.lock_output(tmp_path / "run.h5"):
        _ = 1 / 0

    with locks.lock_output(tmp_path / "run.h5"):
        pass
    assert list(tmp_path.iterdir()) == []


def test_never_two_have_the_lock_at_once(tmp_path):
    outcomes = [result(process) for process in [start("contend", tmp_path) for _ in range(3)]]

    assert sum(outcome["taken"] for outcome in outcomes) > 10
    assert list(tmp_path.iterdir()) == []


def read_while_writing(folder, writer, opens=200):
    """The seeds and the errors that a reader meets; stops at the first error."""
    process = start("rewrite", folder, writer)
    assert process.stdout.readline() == "ready\n"
    seen, errors = set(), []
    for _ in range(opens):
        try:
            seen.add(read_run(folder / "run.h5", only=("curves/test_error",)).config.seeds)
        except RunFileError as error:
            errors.append(error)
            break
    (folder / "stop").touch()
    process.communicate(timeout=30)
    return seen, errors


def test_readers_never_meet_half_a_file(tmp_path, count):
    seen, errors = read_while_writing(tmp_path, "protected")
    count(opens_during_writing=200, opens_that_failed=len(errors))

    assert errors == []
    assert seen == {(1,), (2, 3)}


@pytest.mark.faults
def test_of_twenty_thousand_opens_none_meets_half_a_file(tmp_path, count):
    seen, errors = read_while_writing(tmp_path, "protected", opens=20_000)
    count(opens_during_writing=20_000, opens_that_failed=len(errors))

    assert errors == []
    assert seen == {(1,), (2, 3)}


def test_control_readers_of_a_writer_in_place_do(tmp_path):
    _, errors = read_while_writing(tmp_path, "in_place")

    assert errors
