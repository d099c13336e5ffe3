"""What `rescue` believes of a damaged file: the numbers that were written, or nothing."""

import gzip
import json
import os
from pathlib import Path

import h5py
import numpy as np
import pytest
from runs.test_run_damage import HOSTILE, flips

from xavier_cli.runs import checkpoint, content, hdf5
from xavier_cli.runs.rescue import examine
from xavier_cli.runs.store import read_any, write_run

GOLDEN = Path(__file__).parent / "golden" / "schema-1"


@pytest.fixture(params=["run", "search", "surface"])
def whole(request, tmp_path):
    path = tmp_path / "whole.h5"
    path.write_bytes(gzip.decompress((GOLDEN / f"{request.param}.h5.gz").read_bytes()))
    return path


@pytest.fixture
def damaged(tmp_path):
    """A function that flips a byte in each named dataset of the golden run, and returns the file."""

    def make(*names):
        path = tmp_path / "damaged.h5"
        content_ = bytearray(gzip.decompress((GOLDEN / "run.h5.gz").read_bytes()))
        path.write_bytes(content_)
        with h5py.File(path) as file:
            for name in names:
                content_[file[name].id.get_chunk_info(0).byte_offset] ^= 255
        path.write_bytes(content_)
        return path

    return make


def states(found):
    return {part.name: part.state for part in found.parts if part.state != "whole"}


def assert_nothing_false(rescued, original):
    """Every array is the original's, bit for bit, or NaN and said to be."""
    note = rescued.provenance["rescued"]
    filled = note.get("filled_with_nan", [])
    for name, array in rescued.arrays.items():
        if name not in original.arrays:
            continue  # Added by a test, with the digest that belongs to it.
        if name in filled:
            assert np.isnan(array).all(), name
            assert name in note["lost"]
        else:
            assert array.dtype == original[name].dtype, name
            assert array.tobytes() == original[name].tobytes(), name


def test_a_whole_file_needs_no_rescue(whole):
    found = examine(whole)

    assert found.is_whole
    assert found.good == len(found.parts) == len(read_any(whole).arrays)
    assert (found.problem, found.strangers, found.rescued) == ("", (), None)


def test_what_is_rescued_from_flipped_bytes_is_what_was_written(whole, tmp_path):
    original, path = read_any(whole), tmp_path / "flipped.h5"
    outcomes = {"whole": 0, "rescued": 0, "lost": 0}
    # Where there are many datasets, each look takes its time.
    for flipped in flips(whole.read_bytes(), 800 // len(original.arrays), seed=3):
        path.write_bytes(flipped)
        found = examine(path)
        outcomes["whole" if found.is_whole else "rescued" if found.rescued else "lost"] += 1
        if found.rescued:
            write_run(tmp_path / "new.h5", found.rescued)
            rescued = read_any(tmp_path / "new.h5")
            assert_nothing_false(rescued, original)
            assert (rescued.config, rescued.status) == (original.config, "interrupted")
        else:
            assert found.is_whole or found.problem

    assert outcomes["rescued"] > 0
    assert outcomes["lost"] > 0


def test_control_without_digests_a_changed_number_would_be_rescued(damaged, monkeypatch):
    path = damaged("backprop/std")
    with h5py.File(path, "r+") as file:
        file["curves/test_loss"][0, 0] = 0.0

    careful = examine(path).rescued["curves/test_loss"]
    monkeypatch.setattr(hdf5, "digest", lambda array: type("Any", (), {"__ne__": lambda *_: False})())
    careless = examine(path).rescued["curves/test_loss"]

    assert np.isnan(careful).all()
    assert careless[0, 0] == 0.0


def test_what_follows_from_the_rest_is_recomputed_and_the_rest_filled_or_left_out(damaged):
    names = ("update", "percentile", "seed", "example", "weight/bin", "curves/valid_loss", "backprop/std")
    found = examine(damaged(*names))

    lost = dict.fromkeys(("curves/valid_loss", "backprop/std"), "lost")
    assert states(found) == dict.fromkeys(names, "recomputed") | lost
    assert all(part.reason == "its checksum does not hold" for part in found.parts if part.state != "whole")
    note = found.rescued.provenance["rescued"]
    assert note["filled_with_nan"] == ["curves/valid_loss"]
    assert note["lost"] == sorted(lost)
    assert "backprop/std" not in found.rescued


def test_what_cannot_be_recomputed_takes_what_lies_on_it_along(damaged):
    found = examine(damaged("backprop/bin_edge"))

    assert states(found) == {"backprop/bin_edge": "lost"}
    gone = {"backprop/bin", "backprop/bin_edge", "backprop/histogram"}
    assert gone & set(found.rescued.arrays) == set()


def test_without_what_every_run_has_there_is_no_rescue(damaged):
    # One seed diverged, so that its update cannot be guessed.
    found = examine(damaged("final/diverged_at"))

    assert states(found) == {"final/diverged_at": "lost"}
    assert found.rescued is None
    assert found.missed == "the rest is no run: `final/diverged_at` is missing"


def test_errors_that_are_lost_are_never_filled_in(damaged):
    found = examine(damaged("curves/test_error"))

    assert found.rescued is None
    assert found.missed == "the rest is no run: `curves/test_error` is missing"


@pytest.mark.parametrize("attack", HOSTILE, ids=lambda attack: attack.__name__)
def test_a_hostile_file_is_examined_without_harm(attack, tmp_path, make_run):
    path, run = tmp_path / "hostile.h5", make_run(
        depth=2, width=4, updates=100, records="5", seeds="2", test_examples=50, lr="0.01,0.1",
        only=("curves", "activation", "final", "search"),
    )  # fmt: skip
    write_run(path, run)
    with h5py.File(path, "r+", libver=("v110", "v110")) as file:
        attack(file, run["curves/test_error"].astype("<f8"))
    found = examine(path)

    assert not found.is_whole
    assert found.problem
    assert "\n" not in found.problem
    if found.rescued:
        assert_nothing_false(found.rescued, run)


def test_what_is_not_ours_is_passed_over_and_named(damaged):
    path = damaged()
    with h5py.File(path, "r+") as file:
        file["mine"] = 1
        file["curves/elsewhere"] = h5py.ExternalLink("/etc/hostname", "/x")
    found = examine(path)

    assert found.is_whole
    assert found.strangers == ("`mine`", "`curves/elsewhere` (a link to somewhere else)")


def test_lost_attributes_have_stand_ins_and_the_configuration_has_none(damaged):
    path = damaged()
    with h5py.File(path, "r+") as file:
        del file.attrs["provenance_json"]
        del file.attrs["status"]
    found = examine(path)
    with h5py.File(path, "r+") as file:
        del file.attrs["digests_json"]
    nothing = examine(path)

    assert found.rescued.provenance["rescued"]["lost_attributes"] == ["status", "provenance_json"]
    assert (nothing.good, nothing.rescued) == (0, None)
    assert "`digests_json` is lost" in nothing.missed


def test_what_no_file_of_ours_is_has_nothing_to_read(tmp_path):
    (tmp_path / "text.h5").write_text("seed,error\n")
    (tmp_path / "empty.h5").write_bytes(b"")
    os.mkfifo(tmp_path / "pipe.h5")
    with h5py.File(tmp_path / "other.h5", "w") as file:
        file["x"] = 1
    for name in ("text.h5", "empty.h5", "pipe.h5", "other.h5", "absent.h5"):
        found = examine(tmp_path / name)

        assert (found.kind, found.is_whole, found.good, found.rescued) == ("unknown", False, 0, None)
        assert found.problem


def test_a_checkpoint_is_told_as_one(tmp_path):
    facts = {"stages": {"seeds": {"updates": 1200, "seconds": 1.0, "layout": {}}}}
    made = checkpoint.Checkpoint({"act": "tanh"}, facts, {"w": np.arange(1000.0)})
    checkpoint.write_checkpoint(tmp_path / "run.h5", made)
    path = checkpoint.checkpoint_paths(tmp_path / "run.h5")[0]
    good = examine(path)
    content_ = bytearray(path.read_bytes())
    with h5py.File(path) as file:
        content_[file["w"].id.get_chunk_info(0).byte_offset] ^= 1
    path.write_bytes(content_)
    bad = examine(path)

    assert (good.kind, good.is_whole) == ("checkpoint", True)
    assert good.about == "what an unfinished training resumes from: seeds after 1,200 updates"
    assert (bad.kind, bad.is_whole, bad.good) == ("checkpoint", False, 0)


def test_the_note_of_a_rescue_is_text_that_json_can_hold(damaged):
    rescued = examine(damaged("curves/train_loss")).rescued

    assert json.loads(json.dumps(dict(rescued.provenance))) == rescued.provenance
    assert set(rescued.arrays) <= set(content.ROWS)
