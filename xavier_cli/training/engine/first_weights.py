"""The weights and biases that a seed starts with, by every initializer of its population."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

import jax.numpy as jnp
from jax import Array

from xavier_cli.config.run import RunConfig
from xavier_cli.errors import ConfigError
from xavier_cli.nn.initializers import find_unkeyed, is_unkeyed_bias, make_biases, make_layers
from xavier_cli.nn.lsuv import UnitVariance, find_unit_variances, scale_to_data
from xavier_cli.nn.mlp import Params, init_params, layer_sizes
from xavier_cli.nn.network import Network
from xavier_cli.runs.same_start import same_start
from xavier_cli.training.engine.batches import decode
from xavier_cli.training.engine.training_data import TrainingData
from xavier_cli.training.keys import Purpose, seed_key
from xavier_cli.vocabulary.resolve import layer_inits


class FirstWeights:
    """Draws what each of `inits` starts with; all of them from the same underlying draws.

    Made outside of what is traced, since functions of the user's own are tried out. Raises `ConfigError`
    where an initializer is to look at more examples than there are.
    """

    def __init__(
        self,
        config: RunConfig,
        inits: Sequence[str],
        training_data: TrainingData,
        network: Network,
        gain: float,
    ):
        self._config, self._training_data, self._network = config, training_data, network
        words = [layer_inits(init, config.depth) for init in inits]
        sizes = layer_sizes(training_data.inputs, config.depth, config.width, training_data.classes)
        self._layers = [make_layers(each, gain, sizes) for each in words]
        self._unit_variances = [find_unit_variances(each, gain) for each in words]
        self._biases = make_biases(config.bias_init, sizes)
        self._sizes, self._words = sizes, dict(zip(inits, words, strict=True))
        self._check_examples()

    def draw(self, seed: Array, tables: Any) -> list[Params]:
        """The first parameters of `seed` by every initializer; `tables` are the feed's."""
        key = seed_key(seed, Purpose.WEIGHTS)
        bias = self._biases and partial(self._biases, seed_key(seed, Purpose.BIASES))
        return [
            self._scaled(init_params(key, self._sizes, layers, bias=bias), rules, seed, tables)
            for layers, rules in zip(self._layers, self._unit_variances, strict=True)
        ]

    def alike(self, init: str) -> dict[str, Any]:
        """What the provenance of a run by `init` says of seeds that start from the same weights; or nothing.

        Biases matter only beside weights that are all the same.
        """
        layers, functions = find_unkeyed(self._words[init], self._sizes)
        everything = len(layers) == len(self._sizes) - 1 and is_unkeyed_bias(
            self._config.bias_init, self._sizes
        )
        return same_start(layers, functions, everything)

    def _scaled(
        self, params: Params, rules: tuple[UnitVariance | None, ...], seed: Array, tables: Any
    ) -> Params:
        """`params`, some of them scaled by the first examples that the seed is trained on."""
        count = _examples_of(rules)
        if not count:
            return params
        feed, first = self._training_data.feed, jnp.int32(0)
        _, examples = feed.next_chunk(feed.start(seed, first, tables), first, tables)
        x = decode(examples.pixels[:count], self._config.pixel_range)
        return scale_to_data(self._network, params, x, rules)

    def _check_examples(self) -> None:
        # The first chunk of a feed holds 500 examples, or all there are.
        there = self._training_data.feed.chunk_updates * self._config.batch_size
        wanted = max(map(_examples_of, self._unit_variances))
        if wanted > there:
            raise ConfigError(
                f"init: lsuv is to look at {wanted} examples, and an epoch has {there}: "
                f"`lsuv:examples={there}` or fewer"
            )


def _examples_of(rules: tuple[UnitVariance | None, ...]) -> int:
    """How many examples weights are scaled by; 0 where data has no say in them."""
    return max((rule.examples for rule in rules if rule), default=0)
