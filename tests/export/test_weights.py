"""Tests the export of trained networks: which, under which names, in which formats."""

from __future__ import annotations

import importlib.util
import io
import sys
from dataclasses import replace
from importlib import import_module

import numpy as np
import pytest

from xavier_cli.export.weights import SafetensorsMissingError, weights_file
from xavier_cli.runs.store import read_run, write_run
from xavier_cli.runs.weights import parameter_shapes

INSTALLED = importlib.util.find_spec("safetensors") is not None
needs_safetensors = pytest.mark.skipif(not INSTALLED, reason="safetensors is not installed")
BOTH = pytest.mark.parametrize("ending", [".npz", pytest.param(".safetensors", marks=needs_safetensors)])
SHAPES = {"layer1/weight": (1024, 3), "layer1/bias": (3,), "output/weight": (3, 9), "output/bias": (9,)}


@pytest.fixture(scope="module")
def run(make_run, tmp_path_factory):
    """A run of two seeds with weights at its records 0, 10 and 20, each array counting up from its number."""
    made = make_run(depth=1, width=3, updates=20, records="3", seeds="2,5", only=("curves",))
    assert parameter_shapes(made.config, 1024, 9) == SHAPES
    weights = {
        f"{level}{name}": (number + np.arange(2 * np.prod(shape, dtype=int))).reshape(2, *shape)
        for number, level in enumerate(("", "update0/", "update10/"))
        for name, shape in SHAPES.items()
    }
    weights = {name: array.astype(np.float32) for name, array in weights.items()}
    path = tmp_path_factory.mktemp("weights") / "run.h5"
    write_run(path, replace(made, weights=weights))
    return read_run(path), weights


def read(content, ending):
    if ending == ".npz":
        with np.load(io.BytesIO(content), allow_pickle=False) as archive:
            return dict(archive)
    return import_module("safetensors.numpy").load(bytes(content))


@BOTH
def test_all_seeds_keep_their_names_and_one_needs_none(run, ending):
    run, weights = run
    every, one = (read(weights_file(run, seed, None, ending), ending) for seed in (None, 5))

    assert set(every) == {f"seed{seed}/{name}" for seed in (2, 5) for name in SHAPES}
    assert set(one) == set(SHAPES)
    for name in SHAPES:
        assert one[name].tobytes() == every[f"seed5/{name}"].tobytes() == weights[name][1].tobytes()
        assert (one[name].dtype, one[name].shape) == (np.float32, SHAPES[name])


@BOTH
def test_a_record_before_the_last_is_named_as_the_last(run, ending):
    run, weights = run
    first = read(weights_file(run, 2, 10, ending), ending)

    assert {name: array.tobytes() for name, array in first.items()} == {
        name: weights[f"update10/{name}"][0].tobytes() for name in SHAPES
    }


@needs_safetensors
def test_safetensors_say_whose_they_are(run, tmp_path):
    safetensors = import_module("safetensors")
    run, _ = run
    (tmp_path / "x.safetensors").write_bytes(weights_file(run, 2, 10, ".safetensors"))

    with safetensors.safe_open(tmp_path / "x.safetensors", "np") as file:
        told = file.metadata()
    assert told["config_sha256"] == run.config.sha256()
    assert told["update"] == "10"


def test_without_the_package_the_remedy_is_named(run, monkeypatch):
    monkeypatch.setitem(sys.modules, "safetensors.numpy", None)

    with pytest.raises(SafetensorsMissingError, match="pip install safetensors"):
        weights_file(run[0], None, None, ".safetensors")
