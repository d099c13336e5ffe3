"""Weights that come from data, in the engine: scaled by each seed's own first examples."""

from __future__ import annotations

import jax
import numpy as np
import pytest

from xavier_cli.data.coding import decode
from xavier_cli.errors import ConfigError
from xavier_cli.nn.mlp import forward
from xavier_cli.training.keys import Purpose, seed_key

INITS = ("lsuv:examples=150", "orthogonal")


@pytest.fixture(scope="module")
def begun(make_engine):
    """The first weights of both initializers by one program: seeds 0 and 1."""
    return make_engine(seeds=(0, 1), inits=INITS, wanted=("init",), depth=2)


def test_a_seeds_own_first_examples_have_unit_variance_and_others_stay_orthogonal(begun, training_data):
    for row, seed in enumerate(begun.population.seeds):
        order = jax.random.permutation(jax.random.fold_in(seed_key(seed, Purpose.ORDER), 0), 230)
        pixels = np.asarray(training_data.batch_source.arrays.pixels)[np.asarray(order)[:150]]
        params = jax.tree.map(lambda leaf, row=row: np.asarray(leaf)[row, 0], begun.state.params)
        logits, taps = forward(params, decode(pixels, (0.0, 1.0)), np.tanh)

        variances = [float(s.var()) for s in (*taps.preactivations, logits)]
        assert variances == pytest.approx([1.0] * len(variances), rel=1e-3)
        hidden = np.asarray(begun.state.params[1].weight)[row, 1]
        assert np.allclose(hidden @ hidden.T, np.eye(12), atol=1e-5)


def test_more_examples_than_an_epoch_has_are_refused(make_engine):
    with pytest.raises(ConfigError, match=r"^init: lsuv needs 500 examples, but an epoch has 230:"):
        make_engine(inits=("lsuv",))
