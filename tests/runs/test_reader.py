"""Reading in a process of its own: what crashes or hangs is told, and hides nothing else."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from xavier_cli.runs import encoding, many
from xavier_cli.runs import reader as reading
from xavier_cli.runs.checkpoint import Checkpoint, read_checkpoint, write_checkpoint
from xavier_cli.runs.errors import NoTrainingError, RunFileError
from xavier_cli.runs.many import read_runs
from xavier_cli.runs.reader import Reader, examine
from xavier_cli.runs.store import read_run, write_run

SCRIPT = Path(__file__).parents[1] / "support" / "reader_question.py"


@pytest.fixture
def reader():
    reader = Reader(limit=2, script=SCRIPT)
    yield reader
    reader.close()


def names(answers) -> list[str]:
    return [answer.path.name for answer in answers]


def test_one_process_answers_in_order_and_where_the_command_is(reader, tmp_path, monkeypatch):
    paths = [Path(str(i)) for i in range(40)]
    answers = list(reader.ask("run", paths))

    assert names(answers) == [str(path) for path in paths]
    assert len({answer.reason.split()[0] for answer in answers}) == 1
    assert answers[0].reason.split()[0] != str(os.getpid())

    monkeypatch.chdir(tmp_path)
    (answer,) = reader.ask("run", [Path("here")])
    assert answer.reason.split()[1] == str(tmp_path / "here")


def test_what_crashes_or_hangs_is_told_and_hides_nothing(reader):
    paths = [Path(name) for name in ("1", "crash", "2", "hang", "3", "wait", "memory", "refused", "4")]
    answers = list(reader.ask("run", paths))

    assert names(answers) == [str(path) for path in paths]
    late = "was not read in time: over 2 s; try again when this machine is less busy"
    wrong = {answer.path.name: answer.reason for answer in answers if not answer.path.name.isdigit()}
    assert wrong == {
        "crash": "is damaged: reading it ended the process that did (SIGSEGV)",
        "hang": late,
        "wait": late,
        "memory": "asks for too much memory",
        "refused": "is not ours",
    }
    assert [type(answer) for answer in answers if isinstance(answer, NoTrainingError)] == [NoTrainingError]


def test_a_large_file_has_longer(reader, tmp_path, monkeypatch):
    (tmp_path / "wait").write_bytes(b"")
    os.truncate(tmp_path / "wait", 10**9)
    waited = []

    def fill(self, piece, deadline):
        waited.append(deadline)
        raise TimeoutError

    list(reader.ask("run", [Path("1")]))
    monkeypatch.setattr(Reader, "_fill", fill)
    monkeypatch.setattr(reading.time, "monotonic", lambda: 0.0)
    monkeypatch.setattr(Reader, "_wait_until_ready", lambda self: {})
    list(reader.ask("run", [tmp_path / "wait"]))

    assert waited == [2 + 10**9 / 20e6]


def test_who_ends_the_process_does_not_make_the_file_damaged(reader):
    list(reader.ask("run", [Path("1")]))
    reader._child.kill()
    (answer,) = reader.ask("run", [Path("2")])

    assert "damaged" not in answer.reason
    assert names(reader.ask("run", [Path("3")])) == ["3"]


def test_long_paths_never_make_two_processes_wait_for_each_other(reader):
    paths = [Path("x" * 200, *["y" * 200] * 19, str(i)) for i in range(100)]

    assert names(reader.ask("run", paths)) == [path.name for path in paths]


def test_who_stops_listening_leaves_no_answers_behind(reader):
    for answer in reader.ask("run", [Path("1"), Path("2"), Path("3")]):
        assert names([answer]) == ["1"]
        break

    assert names(reader.ask("run", [Path("4")])) == ["4"]


def test_it_can_write_nothing(reader, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (answer,) = reader.ask("run", [Path("writes")])

    assert isinstance(answer, RunFileError)
    assert list(tmp_path.iterdir()) == []


def hostile() -> list[str]:
    places = os.pathsep.join(sys.path)
    ask = "import sys; sys.argv[1:] = ['0', '0', sys.argv[1]]; import reader_question as asked"
    code = f"{ask}; print(*asked.HOSTILE, sep='|')"
    told = subprocess.run(
        [sys.executable, "-c", code, places],
        env={**os.environ, "PYTHONPATH": str(SCRIPT.parent)},
        capture_output=True,
        text=True,
        check=True,
    )
    return told.stdout.strip().split("|")


def test_a_process_that_was_taken_over_runs_nothing_in_the_command(reader, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in hostile():
        answer, after = reader.ask("run", [Path(name), Path("1")])

        assert isinstance(answer, RunFileError), name
        assert "invalid answer" in answer.reason or "in time" in answer.reason, (name, answer)
        assert after.reason.split()[0].isdigit()
    assert list(tmp_path.iterdir()) == []


def test_the_working_folder_and_the_environment_name_no_code(make_run, tmp_path, monkeypatch):
    write_run(tmp_path / "run.h5", make_run(only=["curves"]))
    trap = f"open({str(tmp_path / 'RAN')!r}, 'a').write(__name__)\n"
    for name in ("sitecustomize.py", "usercustomize.py", "h5py.py", "numpy.py", "json.py"):
        (tmp_path / name).write_text(trap)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    monkeypatch.setenv("PYTHONSTARTUP", str(tmp_path / "json.py"))
    monkeypatch.setattr(sys, "path", ["", *sys.path])
    reader = Reader()
    (run,) = reader.ask("run", [tmp_path / "run.h5"], only=None)
    reader.close()

    assert run.config.act == "tanh"
    assert not (tmp_path / "RAN").exists()


def test_answers_are_the_same_on_the_other_side(make_run, plausible_surface, tmp_path):
    checkpoint = Checkpoint(
        {"act": "tanh"}, {"stages": {}}, {"seeds/state/key": np.arange(6, dtype=np.uint32).reshape(1, 3, 2)}
    )
    write_checkpoint(tmp_path / "run.h5", checkpoint)
    checkpoint = read_checkpoint(tmp_path / ".run.h5.ckpt")
    for path, answer in (("a", make_run()), ("b", plausible_surface()), ("c", checkpoint)):
        with (tmp_path / path).open("w+b") as file:
            encoding.send(file.fileno(), *encoding.to_data(answer))
            file.seek(0)
            question = {"a": "run", "b": "surface", "c": "checkpoint"}[path]
            again = encoding.from_data(
                Path(path), question, *encoding.receive(lambda piece: file.readinto(piece))
            )

        assert type(again) is type(answer)
        assert list(again.arrays) == list(answer.arrays)
        for name, array in answer.arrays.items():
            assert again.arrays[name].dtype == np.asarray(array).dtype
            assert again.arrays[name].tobytes() == np.asarray(array).tobytes()
        if not isinstance(answer, Checkpoint):
            assert again.config == answer.config
            assert again.provenance == answer.provenance


def test_runs_read_apart_are_the_runs(make_run, tmp_path):
    write_run(tmp_path / "run.h5", make_run())
    (tmp_path / "bad.h5").write_bytes(b"no run")
    good, bad, absent = read_runs([tmp_path / "run.h5", tmp_path / "bad.h5", tmp_path / "absent.h5"])

    here = read_run(tmp_path / "run.h5")
    assert good.config == here.config
    assert good.path == here.path
    assert {name: array.tobytes() for name, array in good.arrays.items()} == {
        name: array.tobytes() for name, array in here.arrays.items()
    }
    assert isinstance(bad, RunFileError)
    assert "bad.h5" in str(bad)
    assert "No such file" in str(absent)
    assert examine(tmp_path / "run.h5").is_whole


def test_many_runs_are_read_by_two_processes_and_come_in_order(make_run, tmp_path, monkeypatch):
    paths = [tmp_path / f"{number}.h5" for number in range(7)]
    for number, path in enumerate(paths):
        write_run(path, make_run(only=["curves"], depth=1 + number))
    paths[3].write_bytes(b"nothing")
    one = list(read_runs(paths))
    started = Reader(), Reader()
    monkeypatch.setattr(many, "MANY", 7)
    monkeypatch.setattr(many, "readers", lambda: started)
    two = list(read_runs(iter(paths)))
    assert all(each._child for each in started)
    for each in started:
        each.close()

    assert [str(answer) for answer in two if isinstance(answer, RunFileError)] == [str(one[3])]
    assert [run.config.depth for run in two if not isinstance(run, RunFileError)] == [1, 2, 3, 5, 6, 7]


def test_the_process_that_was_begun_early_is_the_one_that_is_asked(make_run, tmp_path, monkeypatch):
    write_run(tmp_path / "run.h5", make_run(only=["curves"]))
    begun, start = [], Reader._start
    monkeypatch.setattr(Reader, "_start", lambda self: begun.append(self) or start(self))
    reading.shared_reader().close()
    reading.shared_reader().begin()
    list(read_runs([tmp_path / "run.h5"]))

    assert begun == [reading.shared_reader()]
