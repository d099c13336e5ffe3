"""Finds the layers of a custom network for the data at hand, once, and what follows from them."""

from __future__ import annotations

import math
from collections.abc import Sequence

import jax
import jax.numpy as jnp
import numpy as np

from xavier_cli.config.custom_networks import layer_rows
from xavier_cli.config.run import RunConfig
from xavier_cli.data.coding import decode
from xavier_cli.data.layout import as_examples, example_shape
from xavier_cli.nn.activations import make_activation
from xavier_cli.nn.adapters.keys import keys_for
from xavier_cli.nn.inspection.prepare import Prepared, prepare
from xavier_cli.nn.programs.layers import WeightLayer
from xavier_cli.runs.contradictions import network_problem
from xavier_cli.runs.weights import parameter_shapes
from xavier_cli.statistics.tensor_summary import Bins, SymmetricLogBins, make_bins
from xavier_cli.training.engine.training_data import TrainingData
from xavier_cli.training.estimate import Sizes, numbers_in
from xavier_cli.vocabulary.network_arguments import blaming_arguments
from xavier_cli.vocabulary.network_info import NetworkError
from xavier_cli.vocabulary.networks import AS_MADE, Maker, load_network
from xavier_cli.vocabulary.resolve import find_activation

_HISTOGRAMS = ("preactivation", "backprop", "weight_gradient", "weight")


def bins_of(layers: Sequence[WeightLayer]) -> dict[str, Bins]:
    """The histograms' bins; of activations linear ones, where one bounded function gives all of them."""
    last = {layer.applied[-1][0].function if layer.applied else "" for layer in layers[:-1]}
    is_known = len(last) == 1 and last != {""}
    range_ = find_activation(last.pop()).range if is_known else (-math.inf, math.inf)
    return {"activation": make_bins(range_), **{tensor: SymmetricLogBins() for tensor in _HISTOGRAMS}}


def sizes_of(config: RunConfig, prepared: Prepared) -> Sizes:
    """The numbers that training the network holds."""
    program = prepared.tapped.program
    shapes = jax.eval_shape(prepared.network.init, jax.random.key(0))
    met = jax.eval_shape(
        lambda params, state, x, key: prepared.tapped.run(params, x, state, key)[1],
        *shapes,
        jax.ShapeDtypeStruct(program.shape(program.inputs[len(jax.tree.leaves(shapes[0]))]), jnp.float32),
        jax.random.key(0),
    )
    return Sizes(
        sum(math.prod(each.shape) for each in prepared.info.trained),
        sum(each.s.size + each.entering.size for each in met.layers.values()),
        numbers_in(parameter_shapes(config, 0, 0, prepared.info)),
    )


_FOUND: dict[tuple[object, ...], Prepared] = {}
"""The network that was looked into last, since a training asks for it more than once."""


def find_layers(config: RunConfig, training_data: TrainingData) -> Prepared:
    """The network of `config`, made for the data's examples, with its weight layers found.

    Runs the file of the function that makes it, unless that was done. Raises `UserFunctionError` and
    `ConfigError`: one line that names the network, what is wrong and the remedy.
    """
    facts, probe = training_data.facts, training_data.probe
    assert facts is not None
    shape = example_shape(facts.shape, training_data.inputs, "last")
    key = (
        *(config.net, config.act, config.convolution, config.sources, config.coding),
        *(shape, training_data.classes, facts.sha256, config.data, len(probe.labels)),
    )
    if key not in _FOUND:
        act = None if config.act == AS_MADE else make_activation(config.activation)
        maker = load_network(config.network, act=act)
        pixels = np.asarray(decode(jnp.asarray(probe.pixels), config.pixel_range))
        examples = jnp.asarray(as_examples(pixels, facts.shape, "last"))
        classes, word = training_data.classes, config.network.name

        def prepared_by(maker: Maker) -> Prepared:
            return prepare(
                lambda key: maker(inputs=shape, classes=classes, **keys_for(maker.takes, key)),
                shape,
                classes,
                word,
                examples,
                config.convolution,
            )

        prepared = blaming_arguments(maker, word, prepared_by)
        found = config.with_(weight_layers=len(prepared.layers))
        layer_rows(found, prepared.info.layers)  # Names the setting and the layer.
        if problem := network_problem(found, prepared.info):
            raise NetworkError(f"`{word}`: its network {problem}, which a run file cannot hold")
        _FOUND.clear()
        _FOUND[key] = prepared
    return _FOUND[key]
