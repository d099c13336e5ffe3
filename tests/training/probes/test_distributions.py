"""Statistics on the device against NumPy's."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from xavier_cli.runs.schema import PERCENTILES
from xavier_cli.statistics.tensor_summary import LARGEST, SMALLEST, LinearBins, SymmetricLogBins
from xavier_cli.training.probes import distributions
from xavier_cli.training.probes.distributions import (
    count,
    moments,
    percentiles,
    select_ranks,
    select_ranks_by_sorting,
)


def values(kind: str, n: int = 5000) -> np.ndarray:
    rng = np.random.default_rng(1)
    return {
        "tanh": np.tanh(rng.normal(0, 2, n)),
        "sigmoid": 1 / (1 + np.exp(rng.normal(2, 3, n))),
        "all alike": np.full(n, -0.25),
        "half zero": np.maximum(rng.normal(0, 1, n), 0),
        "tiny": rng.normal(0, 1e-20, n),
        "few": rng.normal(0, 1, 7),
        "one": np.array([-2.0]),
        "both zeros": np.repeat([0.0, -0.0, -1.0, 1.0], 9),
        "all magnitudes": 10 ** rng.uniform(-37, 38, n) * rng.choice([-1, 1], n),
        "infinite": np.where(np.arange(n) % 3, rng.normal(0, 1, n), rng.choice([-np.inf, np.inf], n)),
        "close": -1 - 2.0**-23 * rng.integers(0, 300, n),
    }[kind].astype(np.float32)


KINDS = ["tanh", "sigmoid", "all alike", "half zero", "tiny", "few"]
RANKED = [*KINDS, "one", "both zeros", "all magnitudes", "infinite", "close"]


@pytest.mark.parametrize("kind", KINDS)
def test_percentiles_of_values_and_magnitudes_are_numpys(kind):
    x = values(kind)
    signed, magnitude = jax.jit(percentiles)(x)

    assert np.allclose(signed, np.percentile(x.astype(float), PERCENTILES), rtol=1e-5, atol=1e-26)
    assert np.allclose(magnitude, np.percentile(np.abs(x.astype(float)), PERCENTILES), rtol=1e-5, atol=1e-26)


@pytest.mark.parametrize("kind", RANKED)
def test_selected_ranks_are_those_of_sorting(kind):
    x = values(kind)
    ranks = np.unique(np.linspace(0, len(x) - 1, 40).astype(np.int32))
    # A rank that is sought twice, and not in order.
    ranks = np.concatenate([ranks[::-1], ranks[:1]])

    for found, wanted, ordered in zip(
        jax.jit(lambda x: select_ranks(x, ranks))(x),
        select_ranks_by_sorting(jnp.asarray(x), ranks),
        (np.sort(x), np.sort(np.abs(x))),
        strict=True,
    ):
        assert np.array_equal(found, wanted)
        assert np.array_equal(found, ordered[ranks])


def test_only_tensors_too_large_to_be_counted_are_sorted(monkeypatch):
    x = values("tanh")
    counted = jax.jit(percentiles)(x)
    assert "stablehlo.sort" not in jax.jit(percentiles).lower(x).as_text()

    monkeypatch.setattr(distributions, "_COUNTED_EXACTLY", len(x))
    by_sorting = jax.jit(lambda x: percentiles(x))
    assert "stablehlo.sort" in by_sorting.lower(x).as_text()
    assert np.array_equal(counted, by_sorting(x))


def test_percentiles_of_a_batch_are_those_of_each_alone():
    batch = np.stack([values("tanh"), values("half zero"), values("all magnitudes")])

    together = jax.jit(jax.vmap(percentiles))(batch)
    for each, *found in zip(batch, *together, strict=True):
        assert np.array_equal(found, jax.jit(percentiles)(each))


@pytest.mark.parametrize("kind", KINDS)
def test_moments_are_numpys(kind):
    x = values(kind)
    seen = moments(x)

    assert float(seen["mean"]) == pytest.approx(x.astype(float).mean(), rel=1e-5, abs=1e-6)
    assert float(seen["std"]) == pytest.approx(x.astype(float).std(), rel=1e-4, abs=1e-6)


@pytest.mark.parametrize("range_", [(-1.0, 1.0), (0.0, 1.0)])
def test_linear_histograms_are_numpys(range_):
    x = values("tanh" if range_[0] < 0 else "sigmoid")
    bins = LinearBins(*range_)
    expected, edges = np.histogram(x, bins=100, range=range_)

    assert np.allclose(bins.edges, edges, atol=1e-12)
    # A value within a rounding of an edge may fall on either side of it.
    assert np.abs(np.asarray(count(bins, x)) - expected).sum() <= 4


def test_logarithmic_histograms_are_numpys():
    rng = np.random.default_rng(0)
    x = (10 ** rng.uniform(-12, 6, 20_000) * rng.choice([-1, 1], 20_000)).astype(np.float32)
    bins = SymmetricLogBins()
    inside = np.clip(x, bins.edges[0], np.nextafter(bins.edges[-1], 0))
    expected, _ = np.histogram(inside, bins=bins.edges)

    assert np.abs(np.asarray(count(bins, x)) - expected).sum() <= 0.002 * len(x)


@pytest.mark.parametrize("bins", [LinearBins(-1, 1), LinearBins(0, 1), SymmetricLogBins()])
@pytest.mark.parametrize("kind", KINDS)
def test_every_value_is_counted_once_also_beyond_the_ends(bins, kind):
    x = np.concatenate([values(kind), np.float32([-3e38, 3e38, -1, 0, 1])])

    assert int(count(bins, jnp.asarray(x)).sum()) == len(x)


def test_the_zero_bin_is_in_the_middle_and_the_sides_mirror_each_other():
    bins = SymmetricLogBins()
    zero = np.asarray(count(bins, jnp.zeros(5)))
    x = jnp.asarray(values("tanh"))

    assert zero[len(zero) // 2] == 5
    assert np.array_equal(count(bins, x), np.asarray(count(bins, -x))[::-1])
    assert bins.edges[-1] == pytest.approx(LARGEST)
    assert bins.edges[len(zero) // 2 + 1] == pytest.approx(SMALLEST)
