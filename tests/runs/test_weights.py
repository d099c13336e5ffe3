"""Tests the weights beside a run: names, shapes and digests, and files that are not what a run says."""

from __future__ import annotations

import errno
import hashlib
import io
import os
import pickle
import zipfile
from dataclasses import replace

import numpy as np
import pytest

from xavier_cli.config.run import RunConfig
from xavier_cli.errors import ConfigError, StorageError
from xavier_cli.files import publish
from xavier_cli.runs import weights
from xavier_cli.runs.errors import RunFileError
from xavier_cli.runs.rescue import examine
from xavier_cli.runs.store import read_run, write_run
from xavier_cli.runs.weights import (
    has_saved,
    parameter_shapes,
    read_weights,
    rehearse_weights,
    weights_info,
    weights_path,
)

SMALL = {"depth": 2, "width": 4, "updates": 40, "records": "3", "seeds": "3,5"}


def with_weights(run, updates=(), seed=0):
    """`run` with weights drawn for its networks, at the end and at these updates."""
    rng = np.random.default_rng(seed)
    shapes = parameter_shapes(run.config, run.facts.inputs, run.facts.classes)
    return replace(
        run,
        weights={
            f"{level}{name}": rng.normal(size=(len(run.seeds), *shape)).astype(np.float32)
            for level in ("", *(f"update{at}/" for at in updates))
            for name, shape in shapes.items()
        },
    )


@pytest.fixture
def small(make_run):
    return make_run(only=("curves",), **SMALL)


@pytest.fixture
def kept(tmp_path, small):
    """A run with weights at every record, as read from its file, and as it was in memory."""
    made = with_weights(small, updates=(0, 20))
    write_run(tmp_path / "run.h5", made)
    return read_run(tmp_path / "run.h5"), made


@pytest.mark.parametrize(
    ("settings", "more"),
    [
        ({}, set()),
        ({"normalization": "layer"}, {"norm/scale", "norm/shift"}),
        ({"normalization": "batch"}, {"norm/scale", "norm/shift", "norm/mean", "norm/variance"}),
        ({"act": "prelu"}, {"slope"}),
    ],
)
def test_every_parameter_has_a_name_and_a_shape(settings, more):
    shapes = parameter_shapes(RunConfig.of(depth=2, width=(7, 5), **settings), 20, 3)

    assert shapes["layer1/weight"] == (20, 7)
    assert shapes["layer2/weight"] == (7, 5)
    assert (shapes["output/weight"], shapes["output/bias"]) == ((5, 3), (3,))
    assert {name.partition("/")[2] for name in shapes if name.startswith("layer2/")} == {
        "weight",
        "bias",
        *more,
    }
    assert shapes.get("layer1/slope", ()) == ()
    assert not {name for name in shapes if name.startswith("output/")} - {"output/weight", "output/bias"}


def test_what_is_written_is_read_by_seed_and_record(kept):
    run, made = kept
    info = weights_info(run)
    last, first = read_weights(run), read_weights(run, [5], update=0)

    assert sorted(path.name for path in run.path.parent.iterdir()) == ["run.h5", "run.weights.npz"]
    assert info.saved == "records"
    assert info.sha256 == hashlib.sha256(weights_path(run.path).read_bytes()).hexdigest()
    assert has_saved(run, "final")
    assert has_saved(run, "records")
    assert list(last) == [f"seed{seed}/{name}" for seed in (3, 5) for name in info.arrays]
    for at, seed in enumerate((3, 5)):
        for name in info.arrays:
            assert last[f"seed{seed}/{name}"].tobytes() == made.weights[name][at].tobytes()
    assert list(first) == [f"seed5/{name}" for name in info.arrays]
    assert np.array_equal(first["seed5/layer1/weight"], made.weights["update0/layer1/weight"][1])
    assert np.array_equal(read_weights(run, update=40)["seed3/output/bias"], made.weights["output/bias"][0])


def test_numpy_alone_reads_the_file_without_pickle(kept):
    run, made = kept
    with np.load(weights_path(run.path), allow_pickle=False) as archive:
        assert np.array_equal(archive["seed3/layer2/weight"], made.weights["layer2/weight"][0])
        assert np.array_equal(archive["seed5/update20/layer2/bias"], made.weights["update20/layer2/bias"][1])


def test_weights_are_provenance_and_change_nothing_else(tmp_path, small):
    write_run(tmp_path / "with.h5", with_weights(small))
    write_run(tmp_path / "without.h5", small)
    one, other = read_run(tmp_path / "with.h5"), read_run(tmp_path / "without.h5")

    assert one.config.sha256() == other.config.sha256()
    assert {**one.provenance, "weights": None} == {**other.provenance, "weights": None}
    assert all(array.tobytes() == other[name].tobytes() for name, array in one.arrays.items())
    assert weights_info(other) is None
    assert not has_saved(other, "final")
    assert has_saved(one, "final")
    assert not has_saved(one, "records")
    with pytest.raises(RunFileError, match="without `--save-weights`"):
        read_weights(other)


def test_equal_weights_are_equal_bytes(tmp_path, small):
    for name in ("one.h5", "other.h5"):
        write_run(tmp_path / name, with_weights(small))

    one, other = (tmp_path / f"{name}.weights.npz" for name in ("one", "other"))
    assert one.read_bytes() == other.read_bytes()


@pytest.mark.parametrize(
    ("asked", "said"),
    [({"seeds": [4]}, "seed: the run has no seed 4; it has 3, 5"), ({"update": 21}, "only at 0, 20, 40")],
)
def test_what_was_not_kept_is_refused_by_name(kept, asked, said):
    with pytest.raises(ConfigError, match=said):
        read_weights(kept[0], **asked)


@pytest.mark.parametrize("wrong", ["shape", "missing", "more", "dtype"])
def test_weights_of_another_network_are_not_written(tmp_path, small, wrong):
    made = dict(with_weights(small).weights)
    if wrong == "shape":
        made["layer1/bias"] = made["layer1/bias"][:, :3]
    elif wrong == "missing":
        del made["output/bias"]
    elif wrong == "more":
        made["layer3/bias"] = made["layer1/bias"]
    else:
        made["layer1/bias"] = made["layer1/bias"].astype(np.float64)

    with pytest.raises(ValueError, match="not this network's"):
        write_run(tmp_path / "run.h5", replace(small, weights=made))
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("call", ["write", "fsync", "replace"])
def test_a_full_disk_leaves_the_old_run_with_its_old_weights(tmp_path, small, monkeypatch, call):
    path = tmp_path / "run.h5"
    write_run(path, with_weights(small))
    before = {each.name: each.read_bytes() for each in tmp_path.iterdir()}

    def full(*_, **__):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(publish.os, call, full)
    with pytest.raises(StorageError, match=r"run\.weights\.npz.*No space left"):
        write_run(path, with_weights(small, seed=1))
    monkeypatch.undo()

    assert {each.name: each.read_bytes() for each in tmp_path.iterdir()} == before


def test_only_a_name_that_ends_in_h5_can_have_weights(tmp_path):
    """`run` and `run.h5` would have theirs in one file."""
    with pytest.raises(ConfigError, match=r"`run` should end in `\.h5`"):
        rehearse_weights(tmp_path / "run")
    rehearse_weights(tmp_path / "run.h5")


def test_weights_that_read_back_wrong_are_not_published(tmp_path, small, monkeypatch):
    real = os.write
    monkeypatch.setattr(publish.os, "write", lambda to, data: real(to, bytes(len(data))))

    with pytest.raises(StorageError, match="reads back wrong"):
        write_run(tmp_path / "run.h5", with_weights(small))
    monkeypatch.undo()
    assert not list(tmp_path.iterdir())


# What a run may not say of its weights: from a file that somebody else made.
def _told(run, **changes):
    return {**run.provenance["weights"], **changes}


@pytest.mark.parametrize(
    "change",
    [
        {"sha256": "../../etc/passwd"},
        {"sha256": 3},
        {"bytes": "12"},
        {"saved": "all"},
        {"arrays": []},
        {"arrays": {}},
        {"arrays": {"../x/weight": [3]}},
        {"arrays": {"layer1/weight": [2**40, 2**40]}},
    ],
)
def test_what_no_run_says_of_its_weights_is_taken_for_none(kept, change):
    run, _ = kept
    assert weights_info(replace(run, provenance={"weights": _told(run, **change)})) is None
    assert weights_info(replace(run, provenance={"weights": "yes"})) is None


def test_the_place_of_the_weights_is_never_what_the_run_says(kept, tmp_path):
    run, made = kept
    elsewhere = replace(run, provenance={"weights": _told(run, file="/etc/passwd")})

    assert np.array_equal(read_weights(elsewhere)["seed3/output/bias"], made.weights["output/bias"][0])


def test_another_runs_weights_damage_and_a_missing_file_are_told(kept, tmp_path, small):
    run, _ = kept
    place = weights_path(run.path)
    whole = place.read_bytes()

    for wrong in (whole[:-1], whole[:1000] + bytes([whole[1000] ^ 1]) + whole[1001:], b""):
        place.write_bytes(wrong)
        with pytest.raises(RunFileError, match="does not have the digest"):
            read_weights(run)
        found = examine(run.path)
        assert not found.is_whole
        assert "digest" in found.problem
        assert [part.name for part in found.parts if part.state == "lost"] == ["run.weights.npz"]
    place.unlink()
    with pytest.raises(RunFileError, match="No such file"):
        read_weights(run)
    found = examine(run.path)
    assert found.is_whole
    assert "are not beside it" in found.about
    os.mkfifo(place)
    with pytest.raises(RunFileError, match="is not a file"):
        read_weights(run)
    place.unlink()
    place.write_bytes(whole)
    assert examine(run.path).is_whole
    assert "run.weights.npz" in [part.name for part in examine(run.path).parts]


class Evil:
    def __reduce__(self):
        return os.mkdir, ("executed",)


def _forged(run, make):
    """`run` with another weights file, made by `make(archive, names)`, whose digest the run gives."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        make(archive)
    content = buffer.getvalue()
    weights_path(run.path).write_bytes(content)
    told = _told(run, sha256=hashlib.sha256(content).hexdigest(), bytes=len(content))
    return replace(run, provenance={"weights": told})


def _npy(header: bytes, body: bytes = b"", version=(1, 0)) -> bytes:
    padded = header.ljust(118) + b"\n"
    return b"\x93NUMPY" + bytes(version) + len(padded).to_bytes(2, "little") + padded + body


HEADER = "{{'descr': '{}', 'fortran_order': {}, 'shape': {}, }}"
FORGED = {
    "nothing in it": lambda archive: None,
    "not an array": lambda archive: archive.writestr("seed3/layer1/weight.npy", b"hello"),
    "a pickle": lambda archive: archive.writestr(
        "seed3/layer1/weight.npy",
        _npy(HEADER.format("|O", False, (1024, 4)).encode(), pickle.dumps([Evil()])),
    ),
    "another shape": lambda archive: archive.writestr(
        "seed3/layer1/weight.npy", _npy(HEADER.format("<f4", False, (2**40, 2**20)).encode())
    ),
    "too few numbers": lambda archive: archive.writestr(
        "seed3/layer1/weight.npy", _npy(HEADER.format("<f4", False, (1024, 4)).encode(), b"0" * 8)
    ),
    "columns first": lambda archive: archive.writestr(
        "seed3/layer1/weight.npy", _npy(HEADER.format("<f4", True, (1024, 4)).encode(), b"0" * 16384)
    ),
    "a header that is code": lambda archive: archive.writestr(
        "seed3/layer1/weight.npy", _npy(b"__import__('os').mkdir('executed')")
    ),
    "another version": lambda archive: archive.writestr(
        "seed3/layer1/weight.npy", _npy(HEADER.format("<f4", False, (1024, 4)).encode(), b"", (3, 0))
    ),
    "packed zeros": lambda archive: archive.writestr(
        "seed3/layer1/weight.npy",
        _npy(HEADER.format("<f4", False, (1024, 4)).encode(), bytes(2**20)),
        zipfile.ZIP_DEFLATED,
    ),
}


@pytest.mark.parametrize("name", FORGED)
def test_a_forged_file_whose_digest_is_right_is_refused_and_nothing_is_executed(
    kept, name, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    run, _ = kept

    with pytest.raises(RunFileError, match=r"run\.weights\.npz`: is damaged"):
        read_weights(_forged(run, FORGED[name]))
    assert not (tmp_path / "executed").exists()


def test_control_the_same_file_unforged_is_read(kept):
    run, made = kept

    def copied(archive):
        for seed, at in ((3, 0), (5, 1)):
            for name, array in made.weights.items():
                buffer = io.BytesIO()
                np.save(buffer, array[at])
                archive.writestr(f"seed{seed}/{name}.npy", buffer.getvalue())

    assert np.array_equal(
        read_weights(_forged(run, copied))["seed5/layer1/weight"], made.weights["layer1/weight"][1]
    )


def test_a_run_in_memory_or_of_several_files_has_none_to_read(kept):
    run, _ = kept
    with pytest.raises(RunFileError, match="of no single file"):
        read_weights(replace(run, path=None))
    assert not has_saved(replace(run, path=None), "final")
    assert weights.missing_reason(run) == ""
