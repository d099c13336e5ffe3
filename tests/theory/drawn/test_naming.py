"""Tests that distributions are recognised: true names are kept, and others contradicted."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import stats  # noqa: TID253
from support.drawn_networks import draw_rule

from xavier_cli.theory.drawn.contradiction import contradicts
from xavier_cli.theory.drawn.naming import Candidate, drawn_from
from xavier_cli.theory.drawn.rules import RULES
from xavier_cli.theory.drawn.sample import measure
from xavier_cli.theory.drawn.shapes import NORMAL, SHAPES, UNIFORM

RNG = np.random.default_rng
INIT = jax.nn.initializers
TRUNCATED_RULE = next(rule for rule in RULES if rule.name == "lecun_normal")


def test_shapes_are_what_scipy_knows_of_them():
    x = np.linspace(-3, 3, 50)
    scale = stats.truncnorm(-2, 2).std()
    known = {
        "uniform": stats.uniform(-(3**0.5), 2 * 3**0.5),
        "normal": stats.norm(),
        "truncated normal": stats.truncnorm(-2, 2, scale=1 / scale),
    }
    for shape in SHAPES:
        expected = known[shape.kind]
        np.testing.assert_allclose(shape.cdf(x), expected.cdf(x), atol=1e-12)
        inside = x[np.abs(x) < shape.bound]
        likely = [shape.log_likelihood(1, each**2, 1.0) for each in inside]
        np.testing.assert_allclose(likely, expected.logpdf(inside), atol=1e-12)
        second, fourth, sixth = (expected.moment(k) for k in (2, 4, 6))
        assert second == pytest.approx(1)
        assert shape.kurtosis == pytest.approx(fourth, abs=1e-4)
        skew = (sixth - 3 * fourth + 2) / (fourth - 1) ** 1.5
        assert shape.skew == pytest.approx(skew, abs=1e-4)


def test_moments_in_one_pass_are_those_of_numpy():
    arrays = [RNG(seed).normal(100, 0.1, (300, 70)).astype(np.float32) for seed in range(2)]
    found, all_numbers = measure(arrays), np.concatenate(arrays).ravel().astype(np.float64)
    assert found.number == all_numbers.size
    assert found.mean == pytest.approx(all_numbers.mean(), rel=1e-12)
    assert found.std == pytest.approx(all_numbers.std(), rel=1e-6)
    assert found.kurtosis == pytest.approx(stats.kurtosis(all_numbers, fisher=False), rel=1e-6)
    assert (found.low, found.high) == (all_numbers.min(), all_numbers.max())


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.name)
def test_true_names_stay_and_scales_five_percent_off_go(rule):
    # The rates themselves, 1 in 1,000 networks and 99 of 100 layers, take far more draws: test_rates.
    rng, rejected, often = RNG(0), 0, 20
    for _ in range(often):
        assert rule.name in drawn_from([draw_rule(rule, (100, 80), rng)], [Candidate((100, 80))]).names
        for factor in (0.95, 1.05):
            off = measure([draw_rule(rule, (100, 100), rng, factor)])
            rejected += bool(contradicts(off, rule.shape, rule.std((100, 100))))
    assert rejected >= 0.95 * 2 * often


SPARSE = RNG(0).normal(size=(100, 100)) * (RNG(1).random((100, 100)) < 0.2)
SQUARE = np.linalg.qr(RNG(0).normal(size=(20, 20)))[0]


@pytest.mark.parametrize(
    ("weights", "told"),
    [
        (np.zeros((3, 4)), "zeros"),
        (np.ones(7), "ones"),
        (np.full(7, 0.5), "constant:value=0.5"),
        (np.array([0.5]), "consistent with constant:value=0.5"),
        (np.repeat([0.0, 1.0, 0.0, 0.0], 6), "zeros, but ones in 1 of 4 blocks"),
        (np.eye(12), "identity"),
        (2 * np.eye(12, 8), "identity:gain=2"),
        (RNG(0).normal(0, 0.02, (500, 100)), "normal:std=0.02"),
        (np.clip(RNG(0).normal(0, 0.02, (500, 100)), -2, 2), "normal:std=0.02"),
        (RNG(0).uniform(-0.05, 0.05, (500, 100)), "uniform:bound=0.05"),
        (np.linalg.qr(RNG(0).normal(size=(50, 20)))[0] * 2, "orthogonal:gain=2"),
        (np.linalg.qr(RNG(0).normal(size=(50, 20)))[0].T, "orthogonal"),
        (np.concatenate([SQUARE, SQUARE[::-1]], 1), "orthogonal in 2 blocks"),
        (np.asarray(INIT.orthogonal()(jax.random.key(0), (3, 3, 8, 32))), "orthogonal"),
        (np.asarray(INIT.delta_orthogonal()(jax.random.key(0), (3, 3, 8, 8))), "delta_orthogonal"),
        (np.stack([SQUARE, SQUARE.T, SQUARE]), "orthogonal per slice"),
        (SPARSE, "sparse: 80% zeros, else normal:std=1"),
        (RNG(0).laplace(size=(100, 100)), "none of these: mean"),
        (RNG(0).standard_t(5, size=(100, 100)), "none of these: mean"),
        (RNG(0).lognormal(size=(100, 100)), "none of these: mean"),
        (RNG(0).uniform(0, 0.1, (50, 50)), "none of these: mean"),
        (np.array([[1.0, np.nan], [0.5, 0.2]]), "none of these: not finite"),
        (np.array([[1.0, np.inf], [0.5, 0.2]]), "none of these: not finite"),
        (RNG(0).normal(0, 0.1, 20), "consistent with"),
        (np.zeros((0, 4)), "no numbers"),
        (np.zeros(()), "zeros"),
        (np.zeros(5, int), "zeros"),
        (RNG(0).normal(0, 0.02, (500, 100)) * (1 + 1j), "normal:std=0.02"),
        (np.tile(RNG(0).normal(0, 0.02, (500, 1)), 100), "normal:std=0.02; copies along the last axis"),
        (np.tile(RNG(0).normal(0, 0.02, (1, 500)), (99, 1)), "normal:std=0.02; copies along the first axis"),
    ],
    ids=lambda each: each if isinstance(each, str) else "",
)
def test_kinds(weights, told):
    fans = weights.shape if weights.ndim == 2 else (400, 400)
    assert drawn_from([weights], [Candidate(fans)]).text.startswith(told)


def test_a_delta_kernel_is_one():
    one = np.zeros((3, 3, 8, 8))
    one[1, 1] = np.eye(8)
    assert drawn_from([one], [Candidate((72, 72))]).names == ("delta",)
    # PyTorch's layout.
    assert drawn_from([one.transpose(3, 2, 0, 1)], [Candidate((72, 72))]).names == ("delta",)


def test_says_with_which_fans():
    weights = np.asarray(INIT.he_normal()(jax.random.key(0), (3, 3, 64, 32)))
    found = drawn_from([weights], [Candidate((576, 288)), Candidate((64, 32), "without the field")])
    assert (found.names, found.fans, found.fans_of) == (("he_normal",), (576, 288), "")
    found = drawn_from([weights * 3], [Candidate((576, 288)), Candidate((64, 32), "without the field")])
    assert (found.names, found.fans) == (("he_normal",), (64, 32))
    assert found.text == "he_normal (as of 64×32, without the field)"
    assert found.nearest == "he_normal"
    assert found.named_std == pytest.approx((2 / 576) ** 0.5)


def test_several_names_where_fans_cannot_tell():
    weights = np.asarray(INIT.glorot_uniform()(jax.random.key(0), (128, 128)))
    assert drawn_from([weights], [Candidate((128, 128))]).names == ("normalized", "lecun_uniform")


def test_a_round_scale_is_told_where_only_other_fans_fit():
    # 0.02 is √(2/5000), too.
    weights = RNG(0).normal(0, 0.02, (500, 50))
    other = Candidate((5000, 1), "transposed")
    assert drawn_from([weights], [Candidate((500, 50)), other]).names[-1] == "normal:std=0.02"
    assert drawn_from([weights], [Candidate((500, 50))]).names == ("normal:std=0.02",)


def test_few_numbers_are_consistent_with_three_at_most():
    for number in (2, 5, 20, 60, 99):
        found = drawn_from([RNG(number).normal(0, 0.3, number)], [Candidate((10, 10))])
        assert 1 <= len(found.names) <= 3
        assert found.text.startswith("consistent with ")
    # As common practice has it.
    assert drawn_from([np.array([0.1, -0.2, 0.3])], [Candidate((10, 10))]).names[0] == "normalized"


def test_rows_of_padding_are_left_out():
    table = RNG(0).normal(0, 1, (60, 64))
    table[[0, 7]] = 0
    assert drawn_from([table]).text == "normal:std=1; 2 rows of zeros"


def test_seeds_that_are_alike_are_told_and_count_once():
    weights = np.asarray(INIT.he_normal()(jax.random.key(0), (64, 32)))
    found = drawn_from([weights] * 5, [Candidate((64, 32))])
    assert found.text == "he_normal; the same in every seed"
    assert not drawn_from([np.zeros(9)] * 3).seeds_alike
    assert not drawn_from([weights, weights[::-1]], [Candidate((64, 32))]).seeds_alike


@pytest.mark.parametrize("name", ["he_normal", "glorot_uniform", "lecun_normal"])
@pytest.mark.parametrize("dtype", ["bfloat16", "float16"])
def test_weights_in_16_bits_keep_their_name(name, dtype):
    weights = getattr(INIT, name)()(jax.random.key(0), (512, 256), jnp.dtype(dtype))
    names = {"glorot_uniform": "normalized"}
    for array in (np.asarray(weights), np.asarray(weights.astype(jnp.float32))):
        assert names.get(name, name) in drawn_from([array], [Candidate((512, 256))]).names


def test_the_largest_number_tells():
    truncated = measure([draw_rule(TRUNCATED_RULE, (100, 170), RNG(0))])
    assert contradicts(truncated, NORMAL, 0.1) == "support"
    uniform = RNG(0).uniform(-0.99, 0.99, 10_000)
    assert contradicts(measure([uniform]), UNIFORM, 1 / 3**0.5) == "support"
    assert not contradicts(measure([uniform / 0.99]), UNIFORM, 1 / 3**0.5)
    outlier = np.append(RNG(0).normal(size=10_000), 8.0)
    assert contradicts(measure([outlier]), NORMAL, 1.0) == "support"
