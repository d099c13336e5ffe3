"""Looks at custom networks at initialization: draws them with every seed, and measures their layers."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from xavier_cli.config.run import RunConfig
from xavier_cli.data.layout import as_examples, example_shape
from xavier_cli.data.sets import Examples
from xavier_cli.nn.activations import make_activation
from xavier_cli.nn.losses import LOSSES
from xavier_cli.nn.prepared import drawn_parameters, prepare
from xavier_cli.nn.programs.layers import WeightLayer
from xavier_cli.runs.initial import initial_run
from xavier_cli.runs.record import Run
from xavier_cli.training.coding import decode
from xavier_cli.training.engine.training_data import TrainingData
from xavier_cli.training.keys import Purpose, seed_key
from xavier_cli.training.probes.distributions import Bins, SymmetricLogBins, make_bins
from xavier_cli.training.probes.network_probe import make_network_probe
from xavier_cli.vocabulary.networks import AS_MADE, Maker, load_network
from xavier_cli.vocabulary.resolve import find_activation

HISTOGRAMS = ("activation", "preactivation", "backprop", "weight_gradient", "weight")


@dataclass(frozen=True)
class Looked:
    """What a look at a custom network gave: a run with record 0 alone, whose `network` has no distributions
    yet, and the numbers that tell them.

    `draws` has every parameter's, one array per seed, `layer_draws` every layer's effective weight.
    """

    run: Run
    draws: Mapping[str, Sequence[np.ndarray]]
    layer_draws: Sequence[Sequence[np.ndarray]]


def load(config: RunConfig) -> Maker:
    """The function that makes the network of `config`; runs its file. Raises `UserFunctionError`."""
    config.check_code()
    act = None if config.act == AS_MADE else make_activation(config.activation)
    return load_network(config.network, act=act)


def look(config: RunConfig, maker: Maker, data: TrainingData) -> Looked:
    """Draw the network of `config` with each of its seeds, and measure it on the probe examples.

    Losses and errors are of the first `eval_examples` for validation and testing.
    """
    facts = data.facts
    assert facts is not None
    shape = example_shape(facts.shape, data.inputs, "last")

    def make(key: Array) -> Any:
        return maker(inputs=shape, classes=data.classes, **_keys(maker, key))

    prepared = prepare(make, shape, data.classes, config.network.name)
    config = config.with_(weight_layers=len(prepared.layers))

    def examples(of: Examples) -> Array:
        return jnp.asarray(
            as_examples(np.asarray(decode(jnp.asarray(of.pixels), config.pixel_range)), facts.shape, "last")
        )

    probe_x, labels = examples(data.probe), jnp.asarray(data.probe.labels)
    bins: dict[str, Bins] = {tensor: SymmetricLogBins() for tensor in HISTOGRAMS}
    bins["activation"] = make_bins(_range(prepared.layers))
    loss = LOSSES[config.loss]
    measure = make_network_probe(prepared.tapped, prepared.layers, lambda answer: answer, loss, bins)
    network = prepared.network

    def observe(params: Any, state: Any, key: Array) -> dict[str, Array]:
        return measure(labels, params, probe_x, state, key)

    def evaluate(params: Any, state: Any, x: Array, labels: Array) -> tuple[Array, Array]:
        logits, _ = network.apply(params, state, x, None, "evaluate")
        return jnp.mean(loss(logits, labels)), jnp.mean(jnp.argmax(logits, axis=-1) != labels)

    init = jax.jit(network.init)
    began = time.perf_counter()
    programs: dict[str, Any] = {}
    seen: list[dict[str, np.ndarray]] = []
    draws: dict[str, list[np.ndarray]] = {}
    layer_draws: list[list[np.ndarray]] = [[] for _ in prepared.layers]
    parts = {
        name: (examples(first), jnp.asarray(first.labels))
        for name, of in (("valid", data.valid), ("test", data.test))
        for first in [Examples(of.pixels[: config.eval_examples], of.labels[: config.eval_examples])]
    }
    compiling = 0.0
    for seed in config.seeds:
        key = seed_key(seed, Purpose.WEIGHTS)
        params, state = init(key)
        dropout = seed_key(seed, Purpose.DROPOUT)
        if not programs:
            begin = time.perf_counter()
            programs["observe"] = jax.jit(observe).lower(params, state, dropout).compile()
            programs["evaluate"] = jax.jit(evaluate)
            compiling = time.perf_counter() - begin
        observation = {
            name: np.asarray(value) for name, value in programs["observe"](params, state, dropout).items()
        }
        for name, (x, truth) in parts.items():
            cost, error = programs["evaluate"](params, state, x, truth)
            observation |= {
                f"curves/{name}_loss": np.float64(cost),
                f"curves/{name}_error": np.float64(error),
            }
        seen.append(observation)
        numbers, weights = drawn_parameters(prepared, params, state)
        for name, each in numbers.items():
            draws.setdefault(name, []).append(each)
        for at, each in enumerate(weights):
            layer_draws[at].append(each)
    provenance = {
        "train_seconds": round(time.perf_counter() - began - compiling, 3),
        "compile_seconds": round(compiling, 3),
    }
    edges = {tensor: each.edges for tensor, each in bins.items()}
    run = initial_run(config, seen, edges, data=facts, network=prepared.info, provenance=provenance)
    return Looked(run, draws, layer_draws)


def _range(layers: Sequence[WeightLayer]) -> tuple[float, float]:
    """The range of the activations that enter the layers, where one bounded function gives all of them."""
    last = {layer.applied[-1][0].function if layer.applied else "" for layer in layers[:-1]}
    return find_activation(last.pop()).range if len(last) == 1 and last != {""} else (-math.inf, math.inf)


def _keys(maker: Maker, key: Array) -> dict[str, Any]:
    """The key as the function takes it: JAX's, or a stream of NNX's."""
    given: dict[str, Any] = {"key": key} if "key" in maker.takes else {}
    if "rngs" in maker.takes:
        from flax import nnx

        given["rngs"] = nnx.Rngs(key)
    return given
