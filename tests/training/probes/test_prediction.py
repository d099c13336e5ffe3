"""Tests predictions for initializers other than the paper's two, and where there are none."""

from __future__ import annotations

import numpy as np
import pytest

from xavier_cli.config.run import RunConfig
from xavier_cli.theory.scope import unpredictable
from xavier_cli.training.probes.prediction import _known, predict_run
from xavier_cli.vocabulary.resolve import find_initializer

RNG = np.random.default_rng(0)
IMAGES, LABELS = RNG.normal(size=(40, 30)), RNG.integers(0, 4, 40)
SMALL = {"depth": 2, "width": 30, "jacobian_examples": 2}


def predicted(**settings):
    return predict_run(RunConfig.of(**SMALL, **settings), IMAGES, LABELS, 4)


@pytest.mark.parametrize(
    "settings",
    [
        {"init": "identity"},
        {"init": "normalized,1=constant:value=0.1"},
        {"init": "zeros,output=normalized"},
        {"bias_init": "constant:value=0.1"},
    ],
)
def test_where_theory_is_silent_it_says_why(settings):
    config = RunConfig.of(**SMALL, **settings)

    assert predicted(**settings) == {}
    assert unpredictable(config.layer_initializers, config.bias_initializer)


def test_biases_of_zero_and_of_a_law_are_told_apart():
    without, within = predicted(), predicted(bias_init="torch_default")

    assert (within["theory/activation_std"] > without["theory/activation_std"]).all()


def test_an_output_layer_of_zeros_hands_nothing_back():
    plain, zeros = predicted(), predicted(init="normalized,output=zeros")

    assert np.array_equal(zeros["theory/activation_std"], plain["theory/activation_std"])
    assert not zeros["theory/backprop_std"].any()
    assert np.isfinite(zeros["theory/activation_std_sd"]).all()


@pytest.fixture
def laws(tmp_path):
    """The path of a file with two initializers."""
    path = tmp_path / "laws.py"
    path.write_text(
        "import jax, jax.numpy as jnp\n"
        "def he(key, shape, dtype):\n"
        "    return jax.random.normal(key, shape, dtype) * jnp.sqrt(2 / shape[0])\n"
        "def off(key, shape, dtype):\n"
        "    return he(key, shape, dtype) + 0.1\n"
    )
    return path


def test_the_users_own_is_predicted_as_the_law_it_follows(laws):
    own, built_in = predicted(init=f"{laws}:he"), predicted(init="he_normal")

    assert own["theory/activation_std"] == pytest.approx(built_in["theory/activation_std"], rel=0.01)
    assert own["theory/rms_singular_value"] == pytest.approx(built_in["theory/rms_singular_value"], rel=0.01)
    assert np.isnan(own["theory/mean_singular_value"]).all()
    # Each layer is drawn by the function itself; 2,000 draws know a standard deviation to 2 %.
    for name in ("activation_std_sd", "backprop_std_sd", "rms_singular_value_sd"):
        assert own[f"theory/{name}"] == pytest.approx(built_in[f"theory/{name}"], rel=0.15)
    assert "theory/mean_singular_value_sd" not in own or np.isnan(own["theory/mean_singular_value_sd"]).all()


@pytest.mark.parametrize(
    "settings",
    [
        {"init": "orthogonal"},
        {"init": "sparse:std=0.3"},
        {"bias_init": "torch_default"},
        {"loss": "quadratic"},
    ],
)
def test_the_spread_over_seeds_is_told_for_every_way_of_drawing(settings):
    arrays = predicted(**settings)
    names = ("activation_std", "backprop_step", "rms_singular_value")

    for name in names:
        low, sd, high = (arrays[f"theory/{name}_{what}"][0] for what in ("low", "sd", "high"))
        assert 0 < sd < 0.5
        assert low < 1 - 3 * sd or low < 0.5
        assert high > 1 + 3 * sd
    assert ("theory/backprop_std_sd" in arrays) is (settings.get("loss") != "quadratic")


def test_one_configuration_gives_the_same_numbers_again():
    first, again = predicted(act="gelu"), predicted(act="gelu")

    assert all(np.array_equal(first[name], again[name], equal_nan=True) for name in first)


def test_a_custom_initializer_that_takes_too_long_is_not_simulated(laws, monkeypatch):
    monkeypatch.setattr("xavier_cli.training.probes.seed_spread._MOST_SAMPLED", 10_000)

    assert not [name for name in predicted(init=f"{laws}:he") if name.endswith(("_sd", "_low", "_high"))]


def test_weights_of_the_users_own_that_are_not_around_0_are_noticed(laws):
    law = _known(find_initializer(f"{laws}:off"), {(30, 30)})

    assert law.mean == pytest.approx(0.1, rel=0.05)
    assert "not drawn around 0" in unpredictable([law], find_initializer("zeros"))
