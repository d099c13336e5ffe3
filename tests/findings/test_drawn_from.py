"""Tests that distributions are recognised: true names are kept, and others contradicted."""

from __future__ import annotations

import jax
import numpy as np
import pytest
from scipy import stats  # noqa: TID253

from xavier_cli.findings import drawn_from as room
from xavier_cli.findings.drawn_from import RULES, SHAPES, contradicts, drawn_from

RNG = np.random.default_rng


def _draw(rule, fans, shape, rng, factor=1.0):
    std = factor * rule.variance(*fans) ** 0.5
    if rule.shape.kind == "uniform":
        return rng.uniform(-1, 1, shape) * std * 3**0.5
    if rule.shape.kind == "normal":
        return rng.normal(0, std, shape)
    before = std / stats.truncnorm.std(-2, 2)
    return stats.truncnorm.rvs(-2, 2, size=shape, random_state=rng) * before


def test_shapes_are_what_scipy_knows_of_them():
    x = np.linspace(-3, 3, 50)
    truncated = stats.truncnorm(-2, 2)
    scale = truncated.std()
    known = {
        "uniform": stats.uniform(-(3**0.5), 2 * 3**0.5),
        "normal": stats.norm(),
        "truncated normal": stats.truncnorm(-2, 2, scale=1 / scale),
    }
    for shape in SHAPES:
        expected = known[shape.kind]
        np.testing.assert_allclose(shape.cdf(x), expected.cdf(x), atol=1e-12)
        assert shape.kurtosis == pytest.approx(3 + float(expected.stats("k")), abs=1e-4)
        assert expected.std() == pytest.approx(1)


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.name)
def test_true_names_stay_and_scales_five_percent_off_go(rule):
    # The rates themselves, 1 in 1,000 networks and 99 of 100 layers, take far more draws.
    rng, rejected, often = RNG(0), 0, 40
    for _ in range(often):
        weights = _draw(rule, (100, 80), (100, 80), rng).astype(np.float32)
        assert rule.name in drawn_from([weights], [(100, 80)]).names
        for factor in (0.95, 1.05):
            off = _draw(rule, (100, 100), 10_000, rng, factor)
            rejected += bool(contradicts(off, rule.shape, rule.variance(100, 100) ** 0.5))
    assert rejected >= 0.97 * 2 * often


@pytest.mark.slow
def test_rates(capsys):
    rng, kept, rejected, often = RNG(1), 0, 0, 1000
    for _ in range(often):
        for rule in RULES:
            weights = _draw(rule, (100, 100), 10_000, rng)
            kept += not contradicts(weights, rule.shape, rule.variance(100, 100) ** 0.5)
            rejected += bool(contradicts(weights * 1.05, rule.shape, rule.variance(100, 100) ** 0.5))
    layers = often * len(RULES)
    with capsys.disabled():
        print(f"true names kept {kept} of {layers}, scales 5 % off rejected {rejected / layers:.4f}")
    assert layers - kept <= 1
    assert rejected >= 0.99 * layers


@pytest.mark.parametrize(
    ("weights", "told"),
    [
        (np.zeros((3, 4)), "zeros"),
        (np.ones(7), "ones"),
        (np.full(7, 0.5), "constant:value=0.5"),
        (np.eye(12), "identity"),
        (RNG(0).normal(0, 0.02, (500, 100)), "normal:std=0.02"),
        (RNG(0).uniform(-0.05, 0.05, (500, 100)), "uniform:bound=0.05"),
        (np.linalg.qr(RNG(0).normal(size=(50, 20)))[0] * 2, "orthogonal:gain=2"),
        (np.linalg.qr(RNG(0).normal(size=(50, 20)))[0].T, "orthogonal"),
        (RNG(0).normal(size=(100, 100)) * (RNG(1).random((100, 100)) < 0.2), "sparse"),
        (RNG(0).laplace(size=(100, 100)), "none of these"),
        (RNG(0).uniform(0, 0.1, (50, 50)), "none of these"),
        (np.array([[1.0, np.nan], [0.5, 0.2]]), "none of these"),
        (RNG(0).normal(0, 0.1, 20), "consistent with"),
    ],
    ids=lambda each: each if isinstance(each, str) else "",
)
def test_kinds(weights, told):
    assert drawn_from([weights], [weights.shape if weights.ndim > 1 else (1, len(weights))]).text.startswith(
        told
    )


def test_a_delta_kernel_is_one():
    kernel = np.asarray(jax.nn.initializers.delta_orthogonal()(jax.random.key(0), (3, 3, 8, 8)))
    assert room.drawn_from([kernel], [(72, 72)]).names != ("delta",)
    one = np.zeros((3, 3, 8, 8))
    one[1, 1] = np.eye(8)
    assert drawn_from([one], [(72, 72)]).names == ("delta",)


def test_says_with_which_fans():
    weights = np.asarray(jax.nn.initializers.he_normal()(jax.random.key(0), (3, 3, 64, 32)))
    found = drawn_from([weights], [(576, 288), (64, 32)])
    assert (found.names, found.fans) == (("he_normal",), (576, 288))
    found = drawn_from([weights * 3], [(576, 288), (64, 32)])
    assert (found.names, found.fans) == (("he_normal",), (64, 32))


def test_several_names_where_fans_cannot_tell():
    weights = np.asarray(jax.nn.initializers.glorot_uniform()(jax.random.key(0), (128, 128)))
    assert drawn_from([weights], [(128, 128)]).names == ("normalized", "lecun_uniform")
