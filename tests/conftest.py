"""Fixtures of all tests: `make_run`, a plausible run of any configuration, without training."""

from __future__ import annotations

import os
import zlib
from collections import Counter
from collections.abc import Callable, Collection, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from threadpoolctl import threadpool_limits

from xavier_cli.config.run import RunConfig
from xavier_cli.runs import schema
from xavier_cli.runs.contradictions import FEWEST_TEST_EXAMPLES
from xavier_cli.runs.layer_statistics import STATISTICS
from xavier_cli.runs.record import Run, Status
from xavier_cli.runs.surface import Surface, SurfaceConfig
from xavier_cli.vocabulary import lookup

# Two devices on any machine, so that members are spread over devices; read when JAX starts.
os.environ["JAX_NUM_CPU_DEVICES"] = "2"
# Most of the tests' time is XLA's: programs are compiled once for all workers, processes and later runs.
os.environ["JAX_COMPILATION_CACHE_DIR"] = str(Path(__file__).parents[1] / ".pytest_cache" / "programs")
os.environ["JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS"] = "0"
os.environ["JAX_PERSISTENT_CACHE_MIN_ENTRY_SIZE_BYTES"] = "-1"
# As in the command itself; NumPy's threads would only stand in each other's way, and spin where they wait.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
# This process has loaded NumPy already.
threadpool_limits(1, "blas")

PROBE_EXAMPLES = 300
TEST_EXAMPLES = 10_000
BINS = 60


@pytest.fixture
def count(record_property) -> Callable[..., None]:
    """A function that adds to the counts of faults that the end of a test run shows: `count(kills=40)`."""

    def add(**counts: int) -> None:
        for name, number in counts.items():
            record_property(f"count {name.replace('_', ' ')}", number)

    return add


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """The counts of all tests in one table; they come with the reports, from other processes too."""
    counts: Counter[str] = Counter()
    for report in terminalreporter.getreports("passed") + terminalreporter.getreports("failed"):
        if report.when == "call":
            for name, number in report.user_properties:
                if name.startswith("count "):
                    counts[name.removeprefix("count ")] += number
    if counts:
        terminalreporter.section("faults")
        for name, number in sorted(counts.items()):
            terminalreporter.write_line(f"{number:>9,}  {name}")


@pytest.fixture(scope="session")
def make_run() -> Callable[..., Run]:
    """A function that makes a `Run`; see `plausible_run` for what it takes."""
    return plausible_run


@pytest.fixture(scope="session")
def plausible_surface() -> Callable[..., Surface]:
    """A function that makes a `Surface` with every dataset it can have, without a network."""

    def make(points: int = 7, examples: int = 2, **settings: object) -> Surface:
        config = SurfaceConfig.of(points=points, examples=examples, **settings)
        x = np.linspace(config.low, config.high, points)
        saddle = x[None] * np.tanh(x)[:, None]
        arrays = {
            "surface/x": x,
            "surface/y": x,
            "surface/cross_entropy": np.log1p(np.exp(saddle)),
            "surface/quadratic": 1 / (1 + np.exp(-saddle)) ** 2,
        }
        if config.around is None:
            arrays["surface/example"] = np.arange(examples, dtype=np.int32)
            arrays["surface/input"] = np.linspace(-1, 1, examples)
            arrays["surface/label"] = np.arange(examples, dtype=np.int32) % 2
        else:
            arrays["surface/parameter"] = np.arange(20, dtype=np.int32)
            for axis in ("x", "y"):
                arrays[f"surface/direction_{axis}"] = np.linspace(-1, 1, 20, dtype=np.float32)
        return Surface(config, arrays, created_utc="2025-01-02T03:04:05.678+00:00")

    return make


def plausible_run(
    config: RunConfig | None = None,
    *,
    final_error: float = 0.3,
    spread: float = 0.01,
    diverged: Collection[int] = (),
    jacobian: bool = True,
    test_examples: int = TEST_EXAMPLES,
    only: Collection[str] | None = None,
    status: Status = "complete",
    records_done: int | None = None,
    created_utc: str = "2025-01-02T03:04:05.678+00:00",
    provenance: Mapping[str, Any] | None = None,
    **settings: object,
) -> Run:
    """A run with every dataset of the schema, drawn from random numbers that look like training.

    `config` or single `settings` over the defaults say what was run. Errors fall from 0.83 to about
    `final_error`, with standard deviation `spread` over seeds; the seeds in `diverged` stop being finite
    halfway. A seed's numbers depend on the configuration and that seed alone, so that runs with seeds in
    common agree on them. `only` keeps just some groups (`"curves"`); `records_done` cuts the run short.
    """
    config = config or RunConfig.of(**settings)
    members = [
        _member(config, seed, final_error, spread, seed in diverged, test_examples) for seed in config.seeds
    ]
    arrays = {name: np.stack([member[name] for member in members]) for name in members[0]}
    arrays |= schema.fixed_scales(config)
    arrays["update"] = np.array(config.record_updates(), np.int64)
    arrays["example"] = np.arange(test_examples, dtype=np.int32)
    for tensor, edges in _edges(config).items():
        arrays |= schema.bins(tensor, edges)
    arrays["jacobian_update"], arrays["spectrum_update"] = _jacobian_updates(config)
    arrays["index"] = np.arange(min(max(config.widths), _inputs(config)[0]), dtype=np.int32)
    if config.search:
        rates = np.log(np.array(config.search))
        distance = np.abs(rates - rates[len(rates) // 2])[:, None]
        noise = np.array([_rng(config, seed, 1).normal(0, 0.001) for seed in arrays["search/search_seed"]])
        arrays["search/valid_error"] = np.minimum(final_error + 0.05 * distance + noise, 0.9)
    arrays |= _definitions(config)
    if config.pretrain == "none":
        arrays |= _theory(config)
    else:
        arrays["pretrain_update"] = np.array(config.pretrain_records(), np.int64)
    if records_done is not None:
        arrays = {
            name: np.take(array, range(records_done), schema.dims(name).index("update"))
            if "update" in schema.dims(name)
            else array
            for name, array in arrays.items()
        }
    if not jacobian:
        arrays = {name: array for name, array in arrays.items() if not _about_jacobian(name)}
    if only is not None:
        kept = {name for name in arrays if name.partition("/")[0] in only or name in only}
        kept = schema.with_scales(kept | set(schema.REQUIRED))
        arrays = {name: array for name, array in arrays.items() if name in kept}
    arrays = {
        name: arrays[name].astype(schema.DATASETS[name].dtype) for name in schema.DATASETS if name in arrays
    }
    return Run(
        config=config,
        arrays=arrays,
        status=status,
        created_utc=created_utc,
        provenance={"command_id": "0123456789abcdef", "device": "cpu"} if provenance is None else provenance,
    )


def _definitions(config: RunConfig) -> dict[str, np.ndarray]:
    bounds = {"sigmoid": (0.05, 0.95)}.get(config.act, (-0.9, 0.9))
    return {
        "side": np.array([-1, 1]),
        "preactivation/saturated_bound": np.array([-3.0, 3.0]),
        "preactivation/inactive_bound": np.array([-np.inf, np.inf]),
        "activation/saturated_bound": np.array(bounds),
    }


def _theory(config: RunConfig) -> dict[str, np.ndarray]:
    """Predictions, which do not depend on seeds."""
    layers = np.arange(config.depth)
    predicted = {
        "activation_mean": np.zeros(config.depth),
        "activation_std": 0.5 * 0.9**layers,
        "backprop_std": 0.01 * 1.1**layers,
        "backprop_step": np.append(np.full(config.depth - 1, 1.1), np.nan),
        "weight_gradient_rms": np.full(config.depth + 1, 0.004),
        **{f"{name}_singular_value": 0.8 * 0.99**layers for name in ("mean", "rms", "geometric_mean")},
    }
    arrays = {f"theory/{name}": array for name, array in predicted.items()}
    spread = {"sd": 0.02, "low": 0.92, "high": 1.08}
    return arrays | {
        f"{name}_{what}": np.full_like(array, value)
        for name, array in arrays.items()
        for what, value in spread.items()
    }


def _about_jacobian(name: str) -> bool:
    return any(
        part in ("jacobian", "jacobian_update", "spectrum_update", "index") for part in name.split("/")
    )


def _rng(config: RunConfig, seed: int, purpose: int = 0) -> np.random.Generator:
    return np.random.default_rng([_key(config), int(seed), purpose])


@cache
def _key(config: RunConfig) -> int:
    return zlib.crc32(config.with_(seeds=(0,)).to_json().encode())


def _inputs(config: RunConfig) -> tuple[int, int]:
    data = lookup.DATA_SETS[config.data]
    return data.inputs, data.classes


def _jacobian_updates(config: RunConfig) -> tuple[np.ndarray, np.ndarray]:
    updates = np.array(config.record_updates(), np.int64)
    some = np.unique(np.linspace(0, len(updates) - 1, 6).round().astype(int))
    return updates[some], np.unique(updates[[0, -1]])


def _edges(config: RunConfig) -> dict[str, np.ndarray]:
    low, high = lookup.ACTIVATIONS[config.act].range if config.act in lookup.ACTIVATIONS else (-5.0, 5.0)
    ranges = {
        "activation": (max(low, -5.0), min(high, 5.0)),
        "preactivation": (-8.0, 8.0),
        "backprop": (-0.2, 0.2),
        "weight_gradient": (-0.05, 0.05),
        "weight": (-0.5, 0.5),
    }
    return {tensor: np.linspace(*ends, BINS + 1) for tensor, ends in ranges.items()}


def _member(
    config: RunConfig, seed: int, final_error: float, spread: float, diverges: bool, test_examples: int
) -> dict[str, np.ndarray]:
    """One seed's arrays, without the seed axis."""
    rng = _rng(config, seed)
    inputs, classes = _inputs(config)
    updates = np.array(config.record_updates(), np.float64)
    progress = 1 - np.exp(-4 * updates / max(updates[-1], 1))  # `(R,)`, from 0 to almost 1
    records, depth = len(updates), config.depth
    goal = float(np.clip(final_error + rng.normal(0, spread), 0.001, 0.9))
    chance = 1 - 1 / 6 if config.data == "shapeset" else 1 - 1 / classes

    arrays: dict[str, np.ndarray] = {}
    error = chance + (goal - chance) * progress / max(progress[-1], 1e-9)
    for name in ("valid", "test"):
        noisy = np.clip(error + rng.normal(0, 0.002, records), 0, 1)
        arrays[f"curves/{name}_error"] = np.round(noisy * config.eval_examples) / config.eval_examples
        arrays[f"curves/{name}_loss"] = np.log(classes) * noisy / chance
    arrays["curves/train_loss"] = np.log(classes) * error / chance * 0.98
    arrays["curves/train_loss"][0] = np.nan
    arrays["curves/train_error"] = np.where(updates > 0, error * 0.95, np.nan)

    layers, weight_layers = np.arange(1, depth + 1), np.arange(1, depth + 2)
    fan_in = np.array([inputs, *config.widths])
    fan_out = np.array([*config.widths, classes])
    units = np.array(config.widths)
    # Variances that fall from layer to layer at first and level out while the network learns.
    decay = (0.8 if config.init == "standard" else 0.97) + 0.15 * progress[:, None]
    stds = {
        "preactivation": 0.9 * decay**layers,
        "activation": 0.5 * decay**layers,
        "backprop": 0.03 * decay ** (depth - layers),
        "weight_gradient": 0.005 * decay ** (depth + 1 - weight_layers),
        "weight": np.sqrt(2 / (fan_in + fan_out)) * (1 + progress[:, None]),
        "bias": 0.1 * progress[:, None] * np.ones(depth + 1),
    }
    totals = {
        **dict.fromkeys(("preactivation", "activation", "backprop"), units * PROBE_EXAMPLES),
        **dict.fromkeys(("weight_gradient", "weight"), fan_in * fan_out),
    }
    arrays["weight_gradient/example_rms"] = 4 * stds["weight_gradient"]
    centre = 0.5 if config.act == "sigmoid" else 0.0
    for tensor, std in stds.items():
        mean = centre * (tensor == "activation") + 0.02 * std * rng.normal(size=std.shape)
        arrays[f"{tensor}/mean"], arrays[f"{tensor}/std"] = mean, std
        if tensor in totals:
            edges = _edges(config)[tensor]
            share = _normal_cdf((edges[1:-1] - mean[..., None]) / std[..., None])
            share = np.diff(share, axis=-1, prepend=0.0, append=1.0)
            arrays[f"{tensor}/histogram"] = rng.multinomial(totals[tensor], share)

    z, s = stds["activation"], stds["preactivation"]
    arrays["activation/saturated"] = 2 * _normal_cdf(-1.5 / s)
    arrays["activation/inactive"] = np.zeros_like(s)
    arrays["activation/dead"] = np.zeros_like(s)
    normal_quantiles = np.array([-2.326, -2.054, -1.282, -0.674, 0.0, 0.674, 1.282, 2.054, 2.326])
    low, high = lookup.ACTIVATIONS[config.act].range if config.act in lookup.ACTIVATIONS else (-5.0, 5.0)
    percentiles = np.clip(arrays["activation/mean"][..., None] + z[..., None] * normal_quantiles, low, high)
    half_normal_quantiles = np.array([0.0125, 0.0251, 0.1257, 0.3186, 0.6745, 1.1503, 1.6449, 2.3263, 2.5758])
    arrays["activation/percentiles"] = percentiles
    arrays["activation/abs_percentiles"] = np.minimum(z[..., None] * half_normal_quantiles, high)
    arrays["logits/from_bias_std"] = 0.3 * progress
    arrays["logits/from_weights_std"] = 0.2 + progress

    jacobian_updates, spectrum_updates = _jacobian_updates(config)
    size = min(max(config.widths), inputs)
    mean = (0.8 if config.init == "normalized" else 0.5) + 0.1 * rng.random((len(jacobian_updates), depth))
    for name, factor in {"mean": 1.0, "rms": 1.1, "geometric_mean": 0.7, "max": 2.0}.items():
        arrays[f"jacobian/{name}_singular_value"] = mean * factor
        arrays[f"jacobian/end_to_end_{name}_singular_value"] = mean.prod(axis=1) * factor
    spectrum = 2.0 * np.sqrt(1 - np.arange(size) / size)
    values = np.tile(spectrum, (len(spectrum_updates), depth, 1))
    arrays["jacobian/singular_values"] = values * mean[[0, -1][: len(values)], :, None]

    for row in STATISTICS:
        # Plain numbers suffice for the other statistics; only some activations learn slopes.
        if row.path and row.path not in arrays and row.dataset != "slope":
            at = len(updates if row.records == "update" else jacobian_updates)
            number = float(np.clip(1.0, row.range.low, row.range.high))
            arrays[row.path] = np.full((at, depth + (row.axis == "weight_layer")), number)

    if config.pretrain != "none":
        fallen = 0.1 * np.exp(-np.arange(len(config.pretrain_records())) / 5)
        arrays["pretraining/reconstruction_error"] = np.tile(fallen, (depth, 1)) / layers[:, None]
    # After training, the error is the share of all test examples that are wrong.
    wrong = round(float(arrays["curves/test_error"][-1]) * test_examples)
    if updates[-1] > 0 and test_examples >= FEWEST_TEST_EXAMPLES:
        arrays["curves/test_error"][-1] = wrong / test_examples
    arrays["final/test_correct"] = rng.random(test_examples).argsort() >= wrong
    arrays["final/diverged_at"] = np.array(-1)
    if diverges:
        halfway = records // 2
        arrays["final/diverged_at"] = np.array(updates[halfway])
        for name in arrays:
            if name.startswith("curves/"):
                arrays[name][halfway:] = np.nan
    return arrays


def _normal_cdf(x: np.ndarray) -> np.ndarray:
    """Φ to three digits (Bowling et al. 2009), which is plenty for a made-up histogram."""
    return 1 / (1 + np.exp(-np.clip(0.07056 * (x * x * x) + 1.5976 * x, -500, 500)))
