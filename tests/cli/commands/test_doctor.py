"""`xavier doctor` end to end: what it says, writes, and ends with."""

import json
from dataclasses import replace

import h5py
import numpy as np
import pytest

from xavier_cli.runs.store import read_run, write_run
from xavier_cli.runs.weights import parameter_shapes, weights_path


@pytest.fixture
def damaged(shelf):
    """A run with one curve changed behind its digest's back."""
    path = shelf / "tanh-standard.h5"
    with h5py.File(path, "r+") as file:
        file["curves/valid_loss"][0, 0] = 7
    return path


def test_a_whole_file_is_said_to_be_whole(shelf, xavier):
    answer = xavier("doctor", shelf / "tanh-standard.h5")

    assert answer.code == 0
    assert "Every dataset is as its digest says." in answer.out
    assert answer.err == ""


def test_a_damaged_file_is_described_and_rescued(damaged, xavier, tmp_path):
    told = xavier("doctor", damaged, width=60)
    written = xavier("doctor", damaged, "--rescue", "-o", tmp_path / "new.h5")
    run = read_run(tmp_path / "new.h5")

    assert told.code == written.code == 4
    assert "curves/valid_loss" in told.out
    assert "--rescue -o NEW.h5" in told.out
    assert max(map(len, told.out.splitlines())) <= 60
    assert written.err == (f"unknown, and filled with NaN: curves/valid_loss\nwrote {tmp_path / 'new.h5'}\n")
    assert run.status == "interrupted"
    assert np.isnan(run["curves/valid_loss"]).all()
    assert run.provenance["rescued"]["from"] == "tanh-standard.h5"
    assert xavier("doctor", tmp_path / "new.h5").code == 0


def test_programs_get_every_dataset(damaged, xavier):
    answer = json.loads(xavier("doctor", damaged, "-f", "json").out)
    lines = xavier("doctor", damaged, "-f", "csv").out.splitlines()

    assert answer["schema"] == "xavier.doctor/1"
    assert answer["readable"] == answer["datasets"] - 1
    assert answer["can_be_rescued"] is True
    assert [part["name"] for part in answer["parts"] if part["state"] == "lost"] == ["curves/valid_loss"]
    assert len(lines) == answer["datasets"] + 1


def test_a_file_of_which_nothing_can_be_read_ends_with_5(tmp_path, xavier):
    (tmp_path / "junk.h5").write_bytes(b"junk" * 1000)
    answer = xavier("doctor", tmp_path / "junk.h5", "-f", "plain")

    assert answer.code == 5
    assert "damaged or not a run file" in answer.out


def test_a_file_that_is_not_there_is_said_to_be_so(tmp_path, xavier):
    answer = xavier("doctor", tmp_path / "absent.h5")

    assert (answer.code, answer.out) == (5, "")
    assert answer.err == f"xavier: no file `{tmp_path / 'absent.h5'}`\n"


def test_a_rescue_needs_a_new_file_and_writes_none_where_there_is_nothing(shelf, damaged, xavier, tmp_path):
    (tmp_path / "junk.h5").write_bytes(b"junk" * 1000)
    before = {path: path.read_bytes() for path in shelf.iterdir()}
    unnamed = xavier("doctor", damaged, "--rescue")
    taken = xavier("doctor", damaged, "--rescue", "-o", damaged)
    whole = xavier("doctor", shelf / "tanh-normalized.h5", "--rescue", "-o", tmp_path / "new.h5")
    junk = xavier("doctor", tmp_path / "junk.h5", "--rescue", "-o", tmp_path / "new.h5")

    assert (unnamed.code, taken.code, whole.code, junk.code) == (2, 2, 0, 5)
    assert "-o NEW.h5" in unnamed.err
    assert "exists; name a new file" in taken.err
    assert whole.err == "xavier: nothing to rescue: the file is intact\n"
    assert junk.err == "xavier: nothing to rescue: nothing in it is valid\n"
    assert {path: path.read_bytes() for path in shelf.iterdir()} == before
    assert not (tmp_path / "new.h5").exists()


def test_the_weights_beside_a_run_are_examined_with_it(shelf, xavier):
    run = read_run(shelf / "tanh-normalized.h5")
    shapes = parameter_shapes(run.config, run.facts.inputs, run.facts.classes)
    weights = {name: np.ones((len(run.seeds), *shape), np.float32) for name, shape in shapes.items()}
    write_run(run.path, replace(run, weights=weights))
    place = weights_path(run.path)
    whole = xavier("doctor", "runs/tanh-normalized.h5")
    content = bytearray(place.read_bytes())
    content[5000] ^= 1
    place.write_bytes(content)

    assert (whole.code, "whole" in whole.out) == (0, True)
    for name in ("tanh-normalized.h5", "tanh-normalized.weights.npz"):
        answer = xavier("doctor", f"runs/{name}")
        assert answer.code == 4
        assert "does not have the digest" in " ".join(answer.out.split())
        assert "the run itself is whole" in answer.out
    place.unlink()
    gone = xavier("doctor", "runs/tanh-normalized.h5")
    assert gone.code == 0
    assert "are not beside it" in " ".join(gone.out.split())
    assert "which is not there" in " ".join(xavier("show", "tanh-normalized").out.split())
