"""Names in any script, and names that are not even text, through training and every way out of a run."""

from __future__ import annotations

import json
import os
from dataclasses import replace

import pytest

from xavier_cli.runs.reader import shared_reader
from xavier_cli.runs.store import read_run, write_run

TEXT = "import jax.numpy as jnp\n\ndef f(s):\n    return jnp.tanh(s)\n"
# The shape of `test_train.py`: a custom tanh gives the same programs as the one of that name.
SMALL = ("--width", 8, "--depth", 2, "--seeds", 2, "--updates", 20, "--records", 2, "-q", "-f", "json")


@pytest.fixture(params=["übung.py", "Ünlü klasör/数.py"])
def own(request, tmp_path, monkeypatch):
    """The place of a custom function in the working folder."""
    monkeypatch.chdir(tmp_path)
    place = tmp_path / request.param
    place.parent.mkdir(exist_ok=True)
    place.write_text(TEXT)
    return request.param


def test_a_custom_function_of_any_name_is_trained_into_a_file(xavier, own, tmp_path):
    trained = xavier("train", "--act", f"{own}:f", *SMALL, "-o", "run.h5")
    again = xavier("train", "--act", f"{own}:f", *SMALL, "-o", "run.h5", "--resume")

    assert trained.code == 0, trained.err
    assert again.code == 0, again.err
    assert "already trained" in again.err
    assert read_run(tmp_path / "run.h5").config.act == f"{own}:f"
    assert sorted(os.listdir(tmp_path)) == sorted({own.partition("/")[0], "run.h5"})


def test_a_folder_whose_name_is_no_text_is_worked_in(xavier, tmp_path, monkeypatch):
    folder = tmp_path / os.fsdecode(b"caf\xe9")
    folder.mkdir()
    monkeypatch.chdir(folder)
    (folder / "own.py").write_text(TEXT)
    trained = xavier("train", "--act", "own.py:f", *SMALL, "-o", folder / "run.h5")

    assert trained.code == 0, trained.err
    assert "caf\\udce9/run.h5" in read_run(folder / "run.h5").provenance["command"]


def test_a_setting_that_is_no_text_is_refused_before_anything_is_done(xavier, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    name = os.fsdecode(b"caf\xe9.py")
    (tmp_path / name).write_text(TEXT)
    answer = xavier("train", "--act", f"{name}:f", *SMALL)

    assert answer.code == 2
    assert "act: `caf\\udce9.py:f` is not UTF-8: rename what it names" in answer.err
    assert os.listdir(tmp_path) == [name]


@pytest.fixture(scope="module")
def new_reader():
    """The process that reads files is started anew for these tests, once."""
    shared_reader().close()


@pytest.fixture
def named(make_run, tmp_path, monkeypatch, new_reader):
    """A run whose file, function, command and classes' names are beyond ASCII, or are no text."""
    monkeypatch.chdir(tmp_path)
    act, stray = "Ünlü/übung.py", os.fsdecode(b"\xff")
    run = make_run(
        act=f"{act}:f", sources=f"{act} 0123456789abcdef", depth=2, width=3, updates=10, records="3", seeds=2
    )
    write_run("a.h5", replace(run, provenance={"command": f"xavier train -o {stray}.h5"}))
    name = f"é{stray}.h5"
    os.rename("a.h5", name)
    return name


@pytest.mark.parametrize(
    "command",
    [
        *(f"show -f {form}" for form in ("table", "plain", "json", "csv", "md", "latex")),
        *(f"compare -f {form}" for form in ("table", "json", "latex")),
        "check -f json",
        "doctor",
        "export --to csv",
        "export --to json",
        "export --to netcdf",
        "export --to tensorboard",
        "report",
        "plot saturation",
    ],
)
def test_every_way_out_is_utf8(xavier, named, tmp_path, command):
    word, *options = command.split()
    place = {"report": "p.html", "plot": "p.svg"}.get(word, "out")
    kind = [options.pop(0)] if word == "plot" else []
    answer = xavier(word, *kind, named, *options, "-o", place)
    written = [path for path in tmp_path.rglob("*") if path.is_file() and path.name != named]

    assert answer.code in (0, 3), answer.err
    assert written
    for path in written:
        str(path).encode()
        if path.suffix != ".nc" and "tfevents" not in path.name:
            text = path.read_text(encoding="utf-8")
            if "json" in command:
                json.dumps(json.loads(text), ensure_ascii=False).encode()


def test_a_path_on_stdout_is_its_very_bytes(named, tmp_path, capfdbinary, monkeypatch):
    from xavier_cli.cli.commands.export import _tell

    _tell(tmp_path / named)

    assert capfdbinary.readouterr().out == os.fsencode(tmp_path / named) + b"\n"
