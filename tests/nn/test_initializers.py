"""Tests that every initializer has its distribution, for any fans."""

from __future__ import annotations

import math
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from xavier_cli.config.run import RunConfig
from xavier_cli.nn.initializers import make_biases, make_initializer, make_layers
from xavier_cli.nn.mlp import init_params
from xavier_cli.vocabulary.lookup import INITIALIZERS, UnknownNameError
from xavier_cli.vocabulary.resolve import find_initializer, find_layer_initializers

BOUND = {
    "standard": lambda fan_in, fan_out: fan_in**-0.5,
    "normalized": lambda fan_in, fan_out: (6 / (fan_in + fan_out)) ** 0.5,
}


def draw(name: str, shape: tuple[int, int], seed: int = 0) -> np.ndarray:
    return np.asarray(
        make_initializer(find_initializer(name))(jax.random.key(seed), shape, jnp.float32), np.float64
    )


@pytest.mark.parametrize("name", BOUND)
@settings(max_examples=5, deadline=None)
@given(fan_in=st.integers(1, 400), fan_out=st.integers(1, 400))
def test_weights_fill_their_bounds_and_never_leave_them(name, fan_in, fan_out):
    weights = draw(name, (fan_in, fan_out))
    bound = BOUND[name](fan_in, fan_out)

    assert np.abs(weights).max() <= bound * (1 + 1e-6)
    if weights.size >= 1000:
        assert np.abs(weights).max() > 0.98 * bound


PARAMETERIZED = (
    "variance_scaling:scale=3,mode=fan_out,distribution=uniform",
    "variance_scaling:scale=2,mode=fan_avg,distribution=normal",
    "normal:std=0.5",
    "truncated_normal:std=2",
    "uniform:bound=2",
    "orthogonal:gain=1.5",
    "sparse:sparsity=0.5,std=2",
    "constant:value=-2",
    "identity:gain=3",
)
FANS = (1250, 800)


@pytest.fixture(scope="module")
def million() -> dict[str, np.ndarray]:
    """A million draws of every initializer, of one key, by one compiled program."""

    @jax.jit
    def every(key):
        return {
            name: make_initializer(find_initializer(name))(key, FANS, jnp.float32)
            for name in (*INITIALIZERS, *PARAMETERIZED)
        }

    return {name: np.asarray(weights, np.float64) for name, weights in every(jax.random.key(0)).items()}


@pytest.mark.parametrize("name", [*INITIALIZERS, *PARAMETERIZED])
def test_a_million_draws_have_the_mean_variance_and_bound_of_the_row(million, name):
    word, weights = find_initializer(name), million[name]
    if word.distribution == "from data":
        # Whatever the data makes of them: tests/nn/test_lsuv.py.
        assert math.isnan(word.variance(*FANS))
        assert np.array_equal(weights, million["orthogonal"])
        return

    assert weights.var() == pytest.approx(word.variance(*FANS), rel=0.01)
    if word.distribution != "diagonal":
        assert abs(weights.mean() - word.mean) <= 4 * weights.std() / 1000
    if math.isfinite(word.bound(*FANS)):
        assert np.abs(weights).max() == pytest.approx(word.bound(*FANS), rel=1e-3)
    elif word.distribution == "normal":
        assert np.abs(weights).max() > 4 * weights.std()


@pytest.mark.parametrize(
    ("name", "theirs"),
    [
        ("normalized", jax.nn.initializers.glorot_uniform()),
        ("glorot_normal", jax.nn.initializers.glorot_normal()),
        ("lecun_uniform", jax.nn.initializers.lecun_uniform()),
        ("lecun_normal", jax.nn.initializers.lecun_normal()),
        ("he_uniform", jax.nn.initializers.he_uniform()),
        ("he_normal", jax.nn.initializers.he_normal()),
        ("normal:std=0.3", jax.nn.initializers.normal(0.3)),
        ("truncated_normal:std=0.3", jax.nn.initializers.truncated_normal(0.3)),
        ("variance_scaling:scale=2", jax.nn.initializers.variance_scaling(2, "fan_in", "truncated_normal")),
    ],
)
def test_what_jax_has_is_jaxs_to_the_bit(name, theirs):
    key = jax.random.key(5)

    assert np.array_equal(
        make_initializer(find_initializer(name))(key, (9, 6), jnp.float32), theirs(key, (9, 6), jnp.float32)
    )


@pytest.mark.parametrize(
    "family",
    [
        ("standard", "normalized", "lecun_uniform", "he_uniform", "uniform:bound=2"),
        ("glorot_normal", "lecun_normal", "he_normal", "truncated_normal:std=2"),
        ("normal:std=0.5", "variance_scaling:scale=2,mode=fan_avg,distribution=normal"),
    ],
)
def test_one_key_gives_a_family_the_same_draws_at_its_scales(million, family):
    unit = [(million[name] / million[name].std())[:50] for name in family if name in million]

    assert all(np.allclose(each, unit[0], rtol=1e-4, atol=1e-6) for each in unit)


@pytest.mark.parametrize("shape", [(7, 5), (5, 7), (6, 6)])
def test_the_fewer_of_rows_and_columns_are_orthonormal(shape):
    weights = draw("orthogonal:gain=1.5", shape)
    gram = weights.T @ weights if shape[1] <= shape[0] else weights @ weights.T

    assert np.allclose(gram, 1.5**2 * np.eye(min(shape)), atol=1e-5)


def test_sparse_leaves_every_unit_as_many_inputs_and_each_its_own():
    weights = draw("sparse:sparsity=0.66", (10, 40))

    assert ((weights != 0).sum(axis=0) == 10 - math.ceil(0.66 * 10)).all()
    assert len({tuple(column) for column in (weights != 0).T}) > 20


def test_identity_is_a_diagonal_of_any_shape():
    assert np.array_equal(draw("identity:gain=2", (3, 2)), 2 * np.eye(3, 2))


def test_layers_of_one_name_share_one_object_and_the_outputs_takes_no_gain():
    layers = make_layers(find_layer_initializers("normalized,2=zeros", 3), gain=2.0)
    key, shape = jax.random.key(3), (30, 20)

    assert layers[0] is layers[2]
    assert np.allclose(layers[0](key, shape, jnp.float32), 2 * layers[3](key, shape, jnp.float32), rtol=1e-6)
    assert not np.any(layers[1](key, shape, jnp.float32))


def test_biases_follow_the_fans_of_their_layer():
    key = jax.random.key(0)
    params = init_params(
        key,
        (50, 4000, 5),
        make_initializer(find_initializer("standard")),
        bias=partial(make_biases(find_initializer("torch_default")), key),
    )
    bias = np.asarray(params[0].bias, np.float64)

    assert bias.shape == (4000,)
    assert bias.var() == pytest.approx(1 / (3 * 50), rel=0.05)
    assert np.abs(bias).max() == pytest.approx(1 / math.sqrt(50), rel=0.01)
    assert np.abs(params[1].bias).max() <= 1 / math.sqrt(4000)
    assert make_biases(find_initializer("zeros")) is None


@pytest.mark.slow
def test_pytorchs_linear_draws_as_like_pytorch_says():
    torch = pytest.importorskip("torch", reason="PyTorch is not installed")
    from scipy.stats import ks_2samp

    torch.manual_seed(0)
    theirs = [torch.nn.Linear(70, 500) for _ in range(4)]
    preset, key = RunConfig.of(like="pytorch"), jax.random.key(1)
    params = init_params(
        key,
        (70, 500, 500, 70),
        make_initializer(preset.layer_initializers[0]),
        bias=partial(make_biases(preset.bias_initializer), jax.random.key(2)),
    )[0]
    weights, biases = (
        np.concatenate([getattr(each, name).detach().numpy().ravel() for each in theirs])
        for name in ("weight", "bias")
    )

    assert ks_2samp(weights, np.ravel(params.weight)).pvalue > 0.01
    assert ks_2samp(biases, np.ravel(params.bias)).pvalue > 0.01
    assert ks_2samp(weights, np.ravel(draw("normalized", (70, 500)))).pvalue < 1e-6


@pytest.mark.parametrize(
    ("like", "theirs", "bias"),
    [
        ("keras", jax.nn.initializers.glorot_uniform(), "zeros"),
        ("flax", jax.nn.initializers.lecun_normal(), "zeros"),
        ("pytorch", jax.nn.initializers.variance_scaling(1 / 3, "fan_in", "uniform"), "standard"),
    ],
)
def test_a_framework_is_its_dense_layers_law(like, theirs, bias):
    config, key = RunConfig.of(like=like), jax.random.key(4)

    assert np.array_equal(
        make_initializer(config.layer_initializers[0])(key, (9, 6), jnp.float32),
        theirs(key, (9, 6), jnp.float32),
    )
    assert config.bias_init == bias


def test_a_gain_multiplies_the_same_draws():
    key, shape = jax.random.key(3), (30, 20)
    plain, gained = (
        make_initializer(find_initializer("normalized"), gain)(key, shape, jnp.float32) for gain in (1.0, 1.5)
    )

    assert np.allclose(gained, 1.5 * plain, rtol=1e-6)


@pytest.mark.parametrize(
    ("name", "fans", "bound"),
    [
        ("standard", (1000, 1000), 0.03162),
        ("normalized", (1000, 1000), 0.05477),
        ("normalized", (1024, 1000), 0.05445),
        ("normalized", (1000, 9), 0.0771),
    ],
)
def test_the_bounds_are_the_papers(name, fans, bound):
    assert np.abs(draw(name, fans)).max() == pytest.approx(bound, rel=2e-3)


def test_every_alias_is_the_initializer_it_names():
    for word in INITIALIZERS.values():
        assert all(find_initializer(alias) is word for alias in word.aliases)


def test_an_unknown_initializer_names_the_nearest():
    with pytest.raises(UnknownNameError, match="normalized"):
        make_initializer(find_initializer("normalised"))
