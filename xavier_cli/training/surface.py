"""The loss over two weights of a tiny network (Figure 5), or over two directions around a trained one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from xavier_cli.config import ConfigError
from xavier_cli.nn.activations import make_activation
from xavier_cli.nn.losses import LOSSES
from xavier_cli.nn.mlp import Dense, Params, forward
from xavier_cli.runs.record import Run
from xavier_cli.runs.surface import Surface, SurfaceConfig
from xavier_cli.training.engine import Engine
from xavier_cli.training.examples import prepare
from xavier_cli.training.feed import decode
from xavier_cli.training.keys import Purpose, seed_key
from xavier_cli.training.layout import Layout, choose_layout
from xavier_cli.training.loop import Progress, Watcher, train_population
from xavier_cli.training.population import population_of
from xavier_cli.training.provenance import provenance_of

Place = Callable[[Array, Array], Params]
"""`(x, y) -> params`: the network at a point of the plane."""


class SurfaceInterruptedError(Exception):
    """Stopped before the surface was whole, so that there is nothing to keep."""


@dataclass(frozen=True)
class Trained:
    """A network trained again from its configuration."""

    run: Run
    """Its one seed, with records at the first and the last update."""
    params: Params
    inputs: np.ndarray
    """Shape `(examples, inputs)`: validation examples, decoded."""
    labels: np.ndarray
    layout: Layout


def two_weights(config: SurfaceConfig, watcher: Watcher | None = None) -> Surface:
    """The surface of Figure 5: one input, one hidden unit of `config.act`, one output, no biases.

    The hidden unit is z = act(w1 x) and the logits are (0, w2 z): softmax over them is the logistic function
    of w2 z, and the quadratic loss (p − label)². Inputs are standard normal, labels fair coins.
    """
    key = seed_key(config.seed, Purpose.SIGNAL)
    x = jax.random.normal(jax.random.fold_in(key, 0), (config.examples, 1))
    labels = jax.random.bernoulli(jax.random.fold_in(key, 1), shape=(config.examples,)).astype(jnp.int32)

    def place(w1: Array, w2: Array) -> Params:
        hidden = Dense(jnp.reshape(w1, (1, 1)), jnp.zeros(1))
        return hidden, Dense(jnp.stack([jnp.zeros_like(w2), w2])[None], jnp.zeros(2))

    data: dict[str, np.ndarray] = {
        "surface/example": np.arange(config.examples, dtype=np.int32),
        "surface/input": np.asarray(x[:, 0], np.float64),
        "surface/label": np.asarray(labels, np.int32),
    }
    arrays = data | _losses(config, place, x, labels, watcher or Watcher())
    return _surface(config, arrays, choose_layout(1, 1, "map"), watcher)


def train_again(config: SurfaceConfig, data_dir: Path | None, watcher: Watcher | None = None) -> Trained:
    """The network that `config.around` describes, and the examples its surface is taken on.

    A run file holds no weights, but the run decides them: the same configuration and seed give the same ones
    (bit for bit where the run's members were laid out by `map` or `sharded`, to rounding by `vmap`).
    """
    watcher = watcher or Watcher()
    assert config.around is not None
    run_config = config.around.with_(records="2")
    material = prepare(run_config, data_dir)
    if config.examples > len(material.valid.labels):
        raise ConfigError(f"examples: {run_config.data} has only {len(material.valid.labels)} for validation")
    layout = choose_layout(1, 1)
    engine = Engine(population_of(run_config), material, layout)
    (run,) = train_population(engine, replace(watcher, report=_phase(watcher, "the run again"), publish=None))
    if run.status != "complete":
        raise SurfaceInterruptedError("stopped while training the run again: nothing was kept")
    params = jax.tree.map(lambda leaf: jnp.asarray(np.asarray(leaf)[0, 0]), engine.state.params)
    pixels = jnp.asarray(material.valid.pixels[: config.examples])
    inputs = np.asarray(decode(pixels, run_config.coding))
    return Trained(run, params, inputs, material.valid.labels[: config.examples], layout)


def around(config: SurfaceConfig, trained: Trained, watcher: Watcher | None = None) -> Surface:
    """The losses at `trained` + x · first direction + y · second direction.

    Directions are standard normal and filter-normalized (Li et al. 2018, section 4): what enters each unit is
    scaled to the length it has in the network, so that surfaces of other networks compare. Biases stay.
    """
    watcher = watcher or Watcher()
    keys = jax.random.split(seed_key(config.seed, Purpose.DIRECTIONS))
    both = jax.jit(lambda keys, params: jax.lax.map(lambda key: direction(key, params), keys))
    drawn = both(keys, trained.params)
    first, second = (jax.tree.map(lambda leaf, axis=axis: leaf[axis], drawn) for axis in (0, 1))
    act = make_activation(config.act)
    x = jnp.asarray(trained.inputs)
    # Along the plane the first layer is linear in its input: three products serve for all points.
    inner = [x @ layers[0].weight for layers in (trained.params, first, second)]

    def place(a: Array, b: Array) -> Params:
        moved = jax.tree.map(lambda w, d, e: w + a * d + b * e, trained.params, first, second)
        return moved[1:]

    def enter(a: Array, b: Array) -> Array:
        return act(inner[0] + a * inner[1] + b * inner[2] + trained.params[0].bias)

    arrays = _losses(config, place, enter, jnp.asarray(trained.labels), watcher)
    moved = {"surface/direction_x": _flat(first), "surface/direction_y": _flat(second)}
    arrays["surface/parameter"] = np.arange(len(moved["surface/direction_x"]), dtype=np.int32)
    return _surface(config, arrays | moved, trained.layout, watcher)


def direction(key: Array, params: Params) -> Params:
    """A random direction, shaped like `params`, whose columns of weights are as long as those of `params`."""

    def like(number: int, layer: Dense) -> Dense:
        drawn = jax.random.normal(jax.random.fold_in(key, number), layer.weight.shape)
        length = [jnp.linalg.norm(weight, axis=0) for weight in (layer.weight, drawn)]
        return Dense(drawn * (length[0] / length[1]), jnp.zeros_like(layer.bias))

    return tuple(like(number, layer) for number, layer in enumerate(params))


def _losses(
    config: SurfaceConfig,
    place: Place,
    x: Array | Callable[[Array, Array], Array],
    labels: Array,
    watcher: Watcher,
) -> dict[str, np.ndarray]:
    """Both losses on the grid, row by row; `x` are the inputs, or gives them at a point of the plane."""
    act = make_activation(config.act)
    points = np.linspace(config.low, config.high, config.points)

    def at(a: Array, b: Array) -> Array:
        logits, _ = forward(place(a, b), x(a, b) if callable(x) else x, act)
        return jnp.stack([jnp.mean(loss(logits, labels)) for loss in LOSSES.values()])

    with jax.default_matmul_precision("highest"):
        row = jax.jit(lambda b: jax.lax.map(lambda a: at(a, b), jnp.asarray(points, jnp.float32)))
        report = _phase(watcher, "the surface")
        report(Progress("compiling", 0, len(points), len(points)))
        rows = []
        for done, b in enumerate(points, 1):
            if watcher.stopped():
                raise SurfaceInterruptedError("stopped before the surface was whole: nothing was kept")
            rows.append(np.asarray(row(jnp.float32(b)), np.float64))
            report(Progress("evaluating", done, len(points), len(points)))
    values = np.stack(rows)
    grid = {f"surface/{name}": values[..., i] for i, name in enumerate(LOSSES)}
    return {"surface/x": points, "surface/y": points.copy(), **grid}


def _surface(
    config: SurfaceConfig, arrays: dict[str, np.ndarray], layout: Layout, watcher: Watcher | None
) -> Surface:
    provenance: dict[str, Any] = {**provenance_of(layout), **(watcher.provenance if watcher else {})}
    created = datetime.now(UTC).isoformat(timespec="milliseconds")
    return Surface(config, arrays, "complete", created, provenance)


def _flat(params: Params) -> np.ndarray:
    return np.concatenate([np.asarray(leaf, np.float32).ravel() for leaf in jax.tree.leaves(params)])


def _phase(watcher: Watcher, phase: str) -> Callable[[Progress], None]:
    return lambda progress: watcher.report(replace(progress, phase=phase))
