"""Tests estimates of the cost of training."""

from __future__ import annotations

import jax
import pytest

from xavier_cli.config.run import RunConfig
from xavier_cli.nn.initializers import make_initializer
from xavier_cli.nn.mlp import init_params, layer_sizes
from xavier_cli.nn.network import make_network
from xavier_cli.training import estimate
from xavier_cli.vocabulary.resolve import find_initializer


def test_parameters_are_those_of_the_network():
    config = RunConfig.of(depth=3, width=7)
    make = make_initializer(find_initializer("standard"))
    params = init_params(jax.random.key(0), layer_sizes(1024, 3, 7, 9), make)

    assert estimate.parameters(config) == sum(leaf.size for leaf in jax.tree.leaves(params))


@pytest.mark.parametrize(
    ("lr", "seeds", "members", "together"),
    [
        ("0.1", 5, 5, 5),
        ("0.1,0.2,0.3", 5, 9, 6),
        ("0.1,0.2", 5, 7, 4),
        ("0.1,0.2", 9, 11, 7),
        ("0.1,0.2", 1, 2, 2),
    ],
)
def test_a_search_trains_its_first_seeds_at_every_rate_and_the_rest_at_the_best(lr, seeds, members, together):
    config = RunConfig.of(lr=lr, seeds=seeds)

    assert (estimate.trained_members(config), estimate.members_together(config)) == (members, together)


def test_cost_grows_with_what_there_is_to_do():
    base = RunConfig.of()
    seconds = estimate.core_seconds(base)

    assert estimate.core_seconds(base.with_(updates=40_000)) > 1.8 * seconds
    assert estimate.core_seconds(base.with_(width=1000)) > 5 * seconds
    assert estimate.core_seconds(base.with_(seeds=10)) == pytest.approx(2 * seconds)
    assert estimate.memory(base, members=100) > 5 * estimate.memory(base, members=4)
    # Reading an image folder would tell its size; its cost is guessed without.
    assert estimate.memory(base.with_(data="small-imagenet")) > 0


@pytest.mark.parametrize(
    "settings", [{"act": "prelu"}, {"normalization": "batch"}, {"normalization": "layer"}, {"residual": True}]
)
def test_parameters_are_those_of_networks_with_more_to_learn(settings):
    config = RunConfig.of(depth=3, width=7, **settings)
    make = make_initializer(find_initializer("standard"))
    params = jax.eval_shape(
        lambda: make_network(config).add_extra_params(
            init_params(jax.random.key(0), layer_sizes(1024, 3, 7, 9), make)
        )
    )
    # Running averages are kept, but not learned.
    averages = 2 * 3 * 7 if config.normalization == "batch" else 0

    assert estimate.parameters(config) == sum(leaf.size for leaf in jax.tree.leaves(params)) - averages


def test_what_an_optimizer_keeps_takes_memory_and_time():
    base, adam = RunConfig.of(), RunConfig.of(optimizer="adam")
    more = estimate.memory(adam) - estimate.memory(base)

    assert more == 4 * 4 * len(base.seeds) * estimate.parameters(base)
    assert estimate.core_seconds(adam) > 2 * estimate.core_seconds(base)
