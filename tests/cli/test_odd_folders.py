"""One bad file, folder entry or run hides nothing else."""

import json
import os
import time
from dataclasses import replace

import numpy as np
import pytest

from xavier_cli.findings import health
from xavier_cli.findings.health import layer_rules
from xavier_cli.report import pictures
from xavier_cli.runs import content, store
from xavier_cli.runs.errors import RunFileError
from xavier_cli.runs.hdf5 import digest
from xavier_cli.runs.isolate import Isolation, isolate

TINY = {"depth": 1, "width": 2, "updates": 1, "records": "2", "seeds": "1", "only": ("curves",)}
READING = {
    "ls": ["ls"],
    "compare": ["compare"],
    "check": ["check"],
    "show": ["show"],
    "report": ["report", "-o", "x.html"],
    "plot": ["plot", "curves", "-o", "x.png"],
    "export": ["export", "--to", "csv"],
}


def odd_entry(path, kind):
    """Something at `path` that is called like a run and is none."""
    match kind % 6:
        case 0:
            path.symlink_to(path.name)
        case 1:
            path.symlink_to("x" * 300)
        case 2:
            path.symlink_to("nowhere")
        case 3:
            path.mkdir()
        case 4:
            os.mkfifo(path)
        case 5:
            path.symlink_to("run-0.h5/below")


def fill(folder, make_run, runs, corrupt, odd):
    """A folder of so many runs, corrupt files and odd entries; the names of the latter two."""
    folder.mkdir()
    first = make_run(**TINY)
    for i in range(runs):
        run = replace(first, config=first.config.with_(lr=float(f"{0.001 + i * 1e-6:.6g}")))
        arrays = content.as_stored(run)
        image = store._image(run, arrays, {name: digest(array) for name, array in arrays.items()})
        (folder / f"run-{i}.h5").write_bytes(image)
    for i in range(corrupt):
        damaged = bytearray((folder / f"run-{i}.h5").read_bytes())
        damaged[len(damaged) // 2 :] = b"" if i % 2 else bytes(len(damaged) - len(damaged) // 2)
        (folder / f"corrupt-{i}.h5").write_bytes(damaged)
    for i in range(odd):
        odd_entry(folder / f"odd-{i}.h5", i)
    return {f"corrupt-{i}.h5" for i in range(corrupt)} | {f"odd-{i}.h5" for i in range(odd)}


@pytest.mark.parametrize("command", READING)
def test_a_folder_of_runs_is_shown_whole_and_what_is_none_is_named(
    command, xavier, make_run, tmp_path, monkeypatch, count
):
    monkeypatch.chdir(tmp_path)
    bad = fill(tmp_path / "runs", make_run, 4, 3, 6)
    answer = xavier(*READING[command], "runs", width=300)

    assert answer.code == 4
    assert {name for name in bad if f"runs/{name}`: " in answer.err} == bad
    assert len(answer.err.splitlines()) < 30
    count(odd_entries=6, odd_entries_that_hid_a_run=0)
    if command == "ls":
        assert all(f"run-{i}" in answer.out for i in range(4))


@pytest.mark.faults
def test_3000_runs_with_30_corrupt_and_30_odd_entries(xavier, make_run, tmp_path, monkeypatch, count):
    monkeypatch.chdir(tmp_path)
    bad = fill(tmp_path / "runs", make_run, 3000, 30, 30)
    began = time.perf_counter()
    answer = xavier("ls", "runs", "-f", "json")
    seconds = time.perf_counter() - began

    assert answer.code == 4
    assert len(json.loads(answer.out)["runs"]) == 3000
    assert {name for name in bad if f"runs/{name}`: " in answer.err} == bad
    count(
        runs_listed=3000,
        corrupt_or_odd_entries_named=len(bad),
        milliseconds_to_list_them=round(1000 * seconds),
    )


def test_a_name_too_long_is_no_file(xavier, shelf):
    answer = xavier("ls", "x" * 300, "runs/tanh-normalized.h5")

    assert answer.code == 4
    assert "no run `xxx" in answer.err
    assert "tanh-normalized" in answer.out


def bug_at(bad):
    """A function that fails on the run called `bad`, as an unforeseen number would make one fail."""

    def fails(run, *_):
        if run.path and run.path.name == bad:
            raise KeyError("no such thing")
        return ()

    return fails


@pytest.mark.parametrize("debug", [False, True])
def test_a_run_that_ends_check_is_named_and_the_others_are_shown(debug, xavier, shelf, monkeypatch):
    rule = next(rule for rule in health.RULES.values() if rule.name == "too-few-seeds")
    monkeypatch.setitem(
        health.RULES, rule.name, layer_rules.Rule(*list(vars(rule).values())[:5], bug_at("tanh-standard.h5"))
    )
    answer = xavier(*(["--debug"] if debug else []), "check", "runs")

    assert answer.code == 4
    assert "tanh-standard.h5`: cannot be shown: KeyError: 'no such thing'" in answer.err
    assert ("Traceback" in answer.err) == debug
    assert "tanh-normalized" in answer.out
    assert "tanh-standard" not in answer.out


def test_a_run_that_ends_a_figure_is_in_the_other_parts_of_the_report(xavier, shelf, monkeypatch):
    drawn, fails = pictures.draw, bug_at("tanh-standard.h5")

    def draw(kind, runs, *more):
        if kind.name == "saturation":
            for run in runs:
                fails(run)
        return drawn(kind, runs, *more)

    monkeypatch.setattr(pictures, "draw", draw)
    answer = xavier("report", "runs", "-o", "x.html")
    page = (shelf.parent / "x.html").read_text()

    assert answer.code == 4
    assert answer.err.count("tanh-standard.h5`: cannot be shown") == 1
    assert "figure-saturation" in page
    assert "tanh standard" in page
    assert "cannot be shown: KeyError" in page


def test_what_no_run_alone_is_to_blame_for_stays_an_error_of_ours(make_run):
    runs = [make_run(**TINY), make_run(**TINY, lr=0.5)]

    def make(runs):
        if len(runs) > 1:
            raise ZeroDivisionError
        return runs

    with pytest.raises(ZeroDivisionError):
        isolate(runs, make)
    with pytest.raises(NameError):
        isolate([], lambda _: undefined)  # noqa: F821


def test_errors_that_say_what_is_wrong_go_to_whoever_handles_them(make_run):
    from xavier_cli.figures.request import UnsuitableRunError

    for error in (UnsuitableRunError("no"), OSError(28, "full"), MemoryError()):

        def make(_, error=error):
            raise error

        with pytest.raises(type(error)):
            isolate([make_run(**TINY)], make)


def test_the_runs_to_blame_are_found_among_many(make_run):
    runs = [make_run(**TINY, lr=0.001 * (i + 1)) for i in range(33)]
    bad = {3, 4, 32}
    asked = []

    def make(some):
        asked.append(len(some))
        if any(run is runs[i] for i in bad for run in some):
            raise RunFileError("x", "is odd") if any(run is runs[3] for run in some) else ValueError("odd")
        return len(some)

    isolation = Isolation()

    assert isolation.part(runs, make) == 30
    assert len(isolation.failures) == 3
    assert len(asked) < 33
    assert np.all([isinstance(failure, RunFileError) for failure in isolation.failures])
