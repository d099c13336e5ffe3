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
    assert "theory/activation_std_sd" not in own


def test_weights_of_the_users_own_that_are_not_around_0_are_noticed(laws):
    law = _known(find_initializer(f"{laws}:off"), {(30, 30)})

    assert law.mean == pytest.approx(0.1, rel=0.05)
    assert "not drawn around 0" in unpredictable([law], find_initializer("zeros"))
