"""Tests that a tensor is summarized in torch as it is in JAX."""

from __future__ import annotations

import jax.numpy as jnp
import numpy as np
import pytest

from xavier_cli.statistics.tensor_summary import MOST_SORTED, LinearBins, SymmetricLogBins, sampling_stride
from xavier_cli.training.probes import distributions, network_probe

torch = pytest.importorskip("torch", reason="PyTorch is not installed")

from xavier_cli.pytorch import summary  # noqa: E402

KINDS = {
    "normal": lambda rng: rng.normal(0, 2, 5000),
    "half zero": lambda rng: np.maximum(rng.normal(0, 1, 5000), 0),
    "far": lambda rng: 10 ** rng.uniform(-12, 6, 5000) * rng.choice([-1, 1], 5000),
    "few": lambda rng: rng.normal(0, 1, 7),
}


@pytest.fixture(params=KINDS)
def values(request):
    return KINDS[request.param](np.random.default_rng(0)).astype(np.float32)


def test_moments_and_percentiles_are_jaxs(values):
    mean, std = summary.moments(torch.from_numpy(values))
    wanted = distributions.moments(values)
    assert (mean, std) == (
        pytest.approx(float(wanted["mean"]), rel=1e-5, abs=1e-6),
        pytest.approx(float(wanted["std"]), rel=1e-5),
    )
    for mine, its in zip(
        summary.percentiles(torch.from_numpy(values)), distributions.percentiles(values), strict=True
    ):
        np.testing.assert_allclose(mine, its, rtol=1e-6)


@pytest.mark.parametrize("bins", [LinearBins(-1, 1), SymmetricLogBins()])
def test_histograms_are_jaxs(values, bins):
    mine = summary.count(bins, torch.from_numpy(values))
    its = np.asarray(distributions.count(bins, jnp.asarray(values)))
    assert mine.sum() == len(values)
    # A value within a rounding of an edge may fall on either side of it.
    assert np.abs(mine - its).sum() <= 4


def assert_sampled_alike(shape):
    """The same numbers are taken of a large tensor with channels first and last."""
    assert sampling_stride(shape) > 1
    values = np.random.default_rng(0).normal(size=shape).astype(np.float32)
    mine = summary.sample(torch.from_numpy(values), 1)
    its = network_probe.sample(np.moveaxis(values, 1, -1))
    assert len(mine) <= MOST_SORTED
    assert np.array_equal(mine.numpy(), np.asarray(its))


def test_of_a_large_tensor_the_same_numbers_are_taken():
    assert_sampled_alike((40, 16, 32, 32))
    assert_sampled_alike((1100, 1000))
    few = torch.randn(30, 16, 4, 4)
    assert torch.equal(summary.sample(few, 1), few.reshape(-1))


def test_nothing_has_no_moments():
    assert np.isnan(summary.moments(torch.zeros(0))).all()
