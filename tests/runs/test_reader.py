"""Reading in a process of its own: what crashes or hangs is told, and hides nothing else."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from reader_question import question

from xavier_cli.runs import reader as reading
from xavier_cli.runs.errors import NoTrainingError, RunFileError
from xavier_cli.runs.reader import Reader, examine, read_runs
from xavier_cli.runs.store import read_run, write_run


@pytest.fixture
def reader():
    reader = Reader(limit=1, patience=8)
    yield reader
    reader.close()


def names(answers) -> list[str]:
    return [str(answer).split()[0].strip("`:") for answer in answers]


def test_one_process_answers_in_order_and_where_the_command_is(reader, tmp_path, monkeypatch):
    paths = [Path(str(i)) for i in range(40)]
    answers = list(reader.ask(question, paths))

    assert names(answers) == [str(path) for path in paths]
    assert len({answer.split()[1] for answer in answers}) == 1
    assert answers[0].split()[1] != str(os.getpid())

    monkeypatch.chdir(tmp_path)
    assert list(reader.ask(os.path.abspath, [Path("here")])) == [str(tmp_path / "here")]


def test_what_crashes_or_hangs_is_told_and_hides_nothing(reader):
    paths = [Path(name) for name in ("1", "crash", "2", "hang", "3", "wait", "memory", "refused", "4")]
    answers = list(reader.ask(question, paths))

    assert names(answers) == [str(path) for path in paths]
    wrong = {answer.path.name: answer.reason for answer in answers if isinstance(answer, RunFileError)}
    assert wrong == {
        "crash": "is damaged: reading it ended the process that did (SIGSEGV)",
        "hang": "is damaged: reading it took over 1 s",
        "wait": "is damaged: reading it took over 8 s",
        "memory": "asks for too much memory",
        "refused": "is not ours",
    }
    assert [type(answer) for answer in answers if isinstance(answer, NoTrainingError)] == [NoTrainingError]


def test_who_stops_listening_leaves_no_answers_behind(reader):
    for answer in reader.ask(question, [Path("1"), Path("2"), Path("3")]):
        assert names([answer]) == ["1"]
        break

    assert names(reader.ask(question, [Path("4")])) == ["4"]


def test_it_can_write_nothing(reader, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (answer,) = reader.ask(question, [Path("writes")])

    assert isinstance(answer, RunFileError)
    assert not (tmp_path / "written").exists() or (tmp_path / "written").stat().st_size == 0


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
    started = []
    monkeypatch.setattr(reading, "MANY", 7)
    monkeypatch.setattr(reading, "_reader", lambda i: started.append(Reader()) or started[-1])
    two = list(read_runs(iter(paths)))
    for each in started:
        each.close()

    assert len(started) == 2
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
