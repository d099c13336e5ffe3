"""One cache folder, data sets of other sizes and types in turn: each trains as without the store."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from xavier_cli.config.run import RunConfig
from xavier_cli.data import sets
from xavier_cli.files.caches import compiled_programs
from xavier_cli.training.engine import program_cache, training_data
from xavier_cli.training.engine.engine import Engine
from xavier_cli.training.engine.layout import choose_layout
from xavier_cli.training.engine.population import population_of
from xavier_cli.training.engine.training_data import prepare
from xavier_cli.training.probes.evaluation import BLOCK
from xavier_cli.training.train import probe, train, untrained


@pytest.fixture(autouse=True)
def store(tmp_path, monkeypatch) -> None:
    """A store that is on, and empty at first."""
    folder = replace(compiled_programs(None), path=tmp_path / "programs")
    monkeypatch.setattr(program_cache, "_store", program_cache.Store(folder))
    training_data._piece.cache_clear()
    monkeypatch.setattr(training_data, "HELD_OUT", BLOCK)


def config_of(data: object, **settings: object) -> RunConfig:
    small = {"depth": 1, "width": 4, "updates": 20, "records": 2, "eval_examples": 100}
    small |= {"seeds": 2, "lr": 0.05, "jacobian_examples": 0}
    return RunConfig.of(**{**small, "data": str(data), **settings})


def begun(config: RunConfig) -> Mapping[str, np.ndarray]:
    """The first weights: of all programs the one that has no use for the data, and takes it all the same."""
    engine = Engine(population_of(config), prepare(config, None), choose_layout(2, 1))
    engine.start(wanted={"init"})
    return engine.host_state()


def trained(config: RunConfig) -> Mapping[str, np.ndarray]:
    return train(config, prepare(config, None))[0].arrays


def probed(config: RunConfig) -> Mapping[str, np.ndarray]:
    config = untrained(config)
    return probe(config, prepare(config, None)).arrays


Make = Callable[[RunConfig], Mapping[str, np.ndarray]]
whole = pytest.mark.parametrize(
    "make", [begun, *(pytest.param(make, marks=pytest.mark.slow) for make in (trained, probed))]
)


def check_in_turn(configs: list[RunConfig], make: Make, patch: pytest.MonkeyPatch) -> None:
    """Make what `configs` ask for one after another with the store on; the last is the same without it."""
    for config in configs:
        with_store = make(config)
    patch.setattr(program_cache, "_store", None)
    without = make(configs[-1])
    assert without.keys() == with_store.keys()
    for name, array in without.items():
        np.testing.assert_array_equal(with_store[name], array, err_msg=name)


@pytest.fixture
def arrays(tmp_path) -> Callable[..., Path]:
    """`arrays(count, dtype)`: a file of so many examples with six inputs."""

    def write(count: int, dtype: type = np.uint8) -> Path:
        rng = np.random.default_rng(0)
        x = rng.integers(0, 256, (count, 6))
        path = tmp_path / f"{np.dtype(dtype).name}-{count}.npz"
        pixels = x.astype(np.uint8) if dtype is np.uint8 else (x / 255).astype(dtype)
        np.savez(path, x=pixels, y=(x[:, 0] > 127).astype(np.int64))
        return path

    return write


@whole
def test_more_examples_of_as_many_inputs(make, arrays, monkeypatch):
    check_in_turn([config_of(arrays(4000)), config_of(arrays(4010))], make, monkeypatch)


@whole
def test_floats_after_bytes(make, arrays, monkeypatch):
    check_in_turn([config_of(arrays(4000)), config_of(arrays(4000, np.float32))], make, monkeypatch)


@whole
def test_finite_shapesets_of_two_sizes_and_the_stream(make, monkeypatch):
    configs = [config_of(data) for data in ("shapeset:1000", "shapeset", "shapeset:2000")]
    check_in_turn(configs, make, monkeypatch)


@whole
def test_a_picture_is_added_to_a_folder(make, tmp_path, monkeypatch):
    monkeypatch.setattr(sets, "MIN_TEST_EXAMPLES", 3)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    for label, name in enumerate(("dark", "light")):
        (tmp_path / "pets" / name).mkdir(parents=True)
        for number in range(60):
            picture = Image.fromarray(np.full((4, 4), 100 * label + number, np.uint8))
            picture.save(tmp_path / "pets" / name / f"{number}.png")
    config = config_of(f"images:{tmp_path / 'pets'}@4", eval_examples=6)
    make(config)
    for number in range(10):
        picture.save(tmp_path / "pets" / "light" / f"more-{number}.png")
    check_in_turn([config], make, monkeypatch)


@pytest.mark.slow
def test_pre_trained_and_delayed_networks_on_another_size(arrays, monkeypatch):
    settings = {"pretrain": "dae", "pretrain_updates": 20, "update_rule": "delayed:4"}
    paths = arrays(4000), arrays(4010)
    check_in_turn([config_of(path, **settings) for path in paths], trained, monkeypatch)


@pytest.mark.slow
def test_a_sweep_over_sizes_in_a_fresh_cache(arrays, tmp_path):
    small = "depth = 1\nwidth = 4\nupdates = 20\nrecords = 2\nseeds = 2\neval_examples = 100\n"
    grid = [str(arrays(4000)), str(arrays(4010)), str(arrays(4000, np.float32))]
    (tmp_path / "sizes.toml").write_text(f"title = 'sizes'\n[base]\n{small}[grid]\ndata = {grid}\n")
    without = {name: value for name, value in os.environ.items() if name != "JAX_COMPILATION_CACHE_DIR"}
    done = subprocess.run(
        [sys.executable, "-c", "from xavier_cli.cli import main; main()", "sweep", "sizes.toml", "-q"],
        cwd=tmp_path,
        env={**without, "XDG_CACHE_HOME": str(tmp_path / "cache")},
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stderr
    assert "3 finished" in done.stdout
