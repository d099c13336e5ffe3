"""Draws the weights and biases that a seed starts from, by every initializer of its population."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

import jax.numpy as jnp
from jax import Array

from xavier_cli.config.run import RunConfig
from xavier_cli.data.coding import decode
from xavier_cli.errors import ConfigError
from xavier_cli.nn.initializers import find_unkeyed, is_unkeyed_bias, make_biases, make_layers
from xavier_cli.nn.lsuv import UnitVariance, find_unit_variances, scale_to_data
from xavier_cli.nn.mlp import Params, init_params, layer_sizes
from xavier_cli.nn.network import Network
from xavier_cli.runs.same_start import same_start
from xavier_cli.training.engine.training_data import TrainingData
from xavier_cli.training.keys import Purpose, seed_key
from xavier_cli.vocabulary.resolve import find_layer_initializers


class FirstWeights:
    """First weights by each of `inits`, all of them from the same underlying draws (common random numbers).

    `gain` scales the hidden layers. Created outside of traced code, since custom functions are tried out.
    Raises `ConfigError` where a data-dependent initializer (LSUV) needs more examples than there are.
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
        # Each variant's own: the configuration is the first's.
        rows = [find_layer_initializers(init, config.depth) for init in inits]
        sizes = layer_sizes(training_data.inputs, config.depth, config.width, training_data.classes)
        self._layers = [make_layers(each, gain, sizes) for each in rows]
        self._unit_variances = [find_unit_variances(each, gain) for each in rows]
        self._biases = make_biases(config.bias_initializer, sizes)
        self._sizes, self._seed_programs = sizes, dict(zip(inits, rows, strict=True))
        self._check_examples()

    def draw(self, seed: Array, tables: Any) -> list[Params]:
        """The first parameters of `seed`, uint32, by every initializer; `tables` are the feed's `arrays`."""
        key = seed_key(seed, Purpose.WEIGHTS)
        bias = self._biases and partial(self._biases, seed_key(seed, Purpose.BIASES))
        return [
            self._scaled(init_params(key, self._sizes, layers, bias=bias), rules, seed, tables)
            for layers, rules in zip(self._layers, self._unit_variances, strict=True)
        ]

    def alike(self, init: str) -> dict[str, Any]:
        """The provenance of a run by `init` whose seeds start from the same weights; empty if they do not.

        Biases are considered only where all weights are the same.
        """
        layers, functions = find_unkeyed(self._seed_programs[init], self._sizes)
        everything = len(layers) == len(self._sizes) - 1 and is_unkeyed_bias(
            self._config.bias_initializer, self._sizes
        )
        return same_start(layers, functions, everything)

    def _scaled(
        self, params: Params, rules: tuple[UnitVariance | None, ...], seed: Array, tables: Any
    ) -> Params:
        """`params`, with the layers that have `rules` scaled on the seed's first training examples."""
        count = _examples_of(rules)
        if not count:
            return params
        batch_source, first = self._training_data.batch_source, jnp.int32(0)
        _, examples = batch_source.next_chunk(batch_source.start(seed, first, tables), first, tables)
        x = decode(examples.pixels[:count], self._config.pixel_range)
        return scale_to_data(self._network, params, x, rules)

    def _check_examples(self) -> None:
        # The first chunk of a feed holds 500 examples, or all there are.
        there = self._training_data.batch_source.chunk_updates * self._config.batch_size
        wanted = max(map(_examples_of, self._unit_variances))
        if wanted > there:
            raise ConfigError(
                f"init: lsuv needs {wanted} examples, but an epoch has {there}: "
                f"`lsuv:examples={there}` or fewer"
            )


def _examples_of(rules: tuple[UnitVariance | None, ...]) -> int:
    """How many examples the weights are scaled on; 0 where they do not depend on data."""
    return max((rule.examples for rule in rules if rule), default=0)
