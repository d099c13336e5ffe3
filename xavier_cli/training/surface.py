"""Computes loss surfaces: over two weights (Figure 5), or two directions around a trained network."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cache, partial
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from xavier_cli.data.coding import decode
from xavier_cli.errors import ConfigError, XavierError
from xavier_cli.nn.activations import Activation, make_activation
from xavier_cli.nn.losses import LOSSES
from xavier_cli.nn.mlp import Dense, Params, forward
from xavier_cli.nn.network import make_network
from xavier_cli.runs.record import Run
from xavier_cli.runs.surface import Surface, SurfaceConfig
from xavier_cli.training.engine.engine import Engine
from xavier_cli.training.engine.layout import Layout, choose_layout
from xavier_cli.training.engine.loop import NoRunError, Progress, TrainingHooks, train_population
from xavier_cli.training.engine.population import population_of
from xavier_cli.training.engine.time_spent import utc_now
from xavier_cli.training.engine.training_data import prepare
from xavier_cli.training.keys import Purpose, seed_key
from xavier_cli.training.provenance import provenance_of

Row = Callable[..., Array]
"""`(x, y) -> losses`: `x` of shape `(P,)` and one `y`; both mean losses, shape `(P, 2)`."""


class SurfaceInterruptedError(XavierError):
    """Stopped before the surface was complete, so that nothing is stored."""


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


def two_weights(config: SurfaceConfig, hooks: TrainingHooks | None = None) -> Surface:
    """The surface of Figure 5: one input, one hidden unit of `config.act`, one output, no biases.

    The hidden unit is z = act(w1 x) and the logits are (0, w2 z): softmax over them is the logistic function
    of w2 z, and the quadratic loss (p − label)². Inputs are standard normal, labels fair coins.
    """
    hooks = hooks or TrainingHooks()
    key = seed_key(config.seed, Purpose.SIGNAL)
    x = jax.random.normal(jax.random.fold_in(key, 0), (config.examples, 1))
    labels = jax.random.bernoulli(jax.random.fold_in(key, 1), shape=(config.examples,)).astype(jnp.int32)

    data: dict[str, np.ndarray] = {
        "surface/example": np.arange(config.examples, dtype=np.int32),
        "surface/input": np.asarray(x[:, 0], np.float64),
        "surface/label": np.asarray(labels, np.int32),
    }
    row = partial(_two_weights_row(make_activation(config.activation)), x=x, labels=labels)
    arrays = data | _losses(config, row, hooks)
    return _surface(config, arrays, choose_layout(1, 1, "map"), hooks)


@cache
def _two_weights_row(act: Activation) -> Row:
    """Compiled once for all data, since many surfaces are compared."""

    def row(w1s: Array, w2: Array, x: Array, labels: Array) -> Array:
        def at(w1: Array) -> Array:
            hidden = Dense(jnp.reshape(w1, (1, 1)), jnp.zeros(1))
            output = Dense(jnp.stack([jnp.zeros_like(w2), w2])[None], jnp.zeros(2))
            return _mean_losses(forward((hidden, output), x, act)[0], labels)

        return jax.lax.map(at, w1s)

    return jax.jit(row)


def train_again(config: SurfaceConfig, data_dir: Path | None, hooks: TrainingHooks | None = None) -> Trained:
    """The network that `config.around` describes, and the examples its surface is taken on.

    A run file holds no weights, but the run decides them: the same configuration and seed give the same ones
    (bit for bit where the run's members were laid out by `map` or `sharded`, to rounding by `vmap`).
    """
    hooks = hooks or TrainingHooks()
    assert config.around is not None
    run_config = config.around.with_(records="2")
    training_data = prepare(run_config, data_dir)
    if config.examples > len(training_data.valid.labels):
        raise ConfigError(
            f"examples: {run_config.data} has only {len(training_data.valid.labels)} for validation"
        )
    layout = choose_layout(1, 1)
    engine = Engine(population_of(run_config), training_data, layout)
    again = replace(hooks, report=_phase(hooks, "retraining the run"), publish=None)
    try:
        (run,) = train_population(engine, again)
        complete = run.status == "complete"
    except NoRunError:
        complete = False
    if not complete:
        raise SurfaceInterruptedError("stopped while retraining the run: nothing was saved")
    params = jax.tree.map(lambda leaf: jnp.asarray(np.asarray(leaf)[0, 0]), engine.state.params)
    pixels = jnp.asarray(training_data.valid.pixels[: config.examples])
    inputs = np.asarray(decode(pixels, run_config.pixel_range))
    return Trained(run, params, inputs, training_data.valid.labels[: config.examples], layout)


def around(config: SurfaceConfig, trained: Trained, hooks: TrainingHooks | None = None) -> Surface:
    """The losses at `trained` + x · first direction + y · second direction.

    Directions are standard normal and filter-normalized (Li et al. 2018, section 4): the incoming weights of
    each unit are scaled to their norm in the network, so that surfaces of different networks can be compared.
    Biases and all else are fixed.
    """
    hooks = hooks or TrainingHooks()
    keys = jax.random.split(seed_key(config.seed, Purpose.DIRECTIONS))
    both = jax.jit(lambda keys, params: jax.lax.map(lambda key: direction(key, params), keys))
    drawn = both(keys, trained.params)
    first, second = (jax.tree.map(lambda leaf, axis=axis: leaf[axis], drawn) for axis in (0, 1))
    assert config.around is not None
    network = make_network(config.around)
    x, labels = jnp.asarray(trained.inputs), jnp.asarray(trained.labels)
    # Along the plane the first layer is linear in its input: three products serve for all points.
    entering = [x @ layers[0].weight for layers in (trained.params, first, second)]

    def row(steps: Array, b: Array) -> Array:
        def at(a: Array) -> Array:
            moved = jax.tree.map(lambda w, d, e: w + a * d + b * e, trained.params, first, second)
            if not network.is_plain:
                return _mean_losses(network.forward(moved, x)[0], labels)
            z = network.act(entering[0] + a * entering[1] + b * entering[2] + moved[0].bias)
            return _mean_losses(forward(moved[1:], z, network.act)[0], labels)

        return jax.lax.map(at, steps)

    arrays = _losses(config, jax.jit(row), hooks)
    plane = {
        "surface/origin": _flat(trained.params),
        "surface/direction_x": _flat(first),
        "surface/direction_y": _flat(second),
    }
    arrays["surface/parameter"] = np.arange(len(plane["surface/origin"]), dtype=np.int32)
    return _surface(config, arrays | plane, trained.layout, hooks)


def direction(key: Array, params: Params) -> Params:
    """A random direction, shaped like `params`, whose columns of weights are as long as those of `params`."""

    def like(number: int, layer: Dense) -> Dense:
        drawn = jax.random.normal(jax.random.fold_in(key, number), layer.weight.shape)
        length = [jnp.linalg.norm(weight, axis=0) for weight in (layer.weight, drawn)]
        still = jax.tree.map(jnp.zeros_like, layer)
        return still._replace(weight=drawn * (length[0] / length[1]))

    return tuple(like(number, layer) for number, layer in enumerate(params))


def _mean_losses(logits: Array, labels: Array) -> Array:
    return jnp.stack([jnp.mean(loss(logits, labels)) for loss in LOSSES.values()])


def _losses(config: SurfaceConfig, row: Row, hooks: TrainingHooks) -> dict[str, np.ndarray]:
    """Both losses on the grid, row by row, so that progress is shown and signals are handled."""
    points = np.linspace(config.low, config.high, config.points)
    report = _phase(hooks, "the surface")
    report(Progress("compiling", 0, len(points), len(points)))
    rows = []
    with jax.default_matmul_precision("highest"):
        for done, y in enumerate(points, 1):
            if hooks.stopped():
                raise SurfaceInterruptedError("stopped before the surface was complete: nothing was saved")
            rows.append(np.asarray(row(jnp.asarray(points, jnp.float32), jnp.float32(y)), np.float64))
            report(Progress("evaluating", done, len(points), len(points)))
    values = np.stack(rows)
    grid = {f"surface/{name}": values[..., i] for i, name in enumerate(LOSSES)}
    return {"surface/x": points, "surface/y": points.copy(), **grid}


def _surface(
    config: SurfaceConfig, arrays: dict[str, np.ndarray], layout: Layout, hooks: TrainingHooks
) -> Surface:
    provenance: dict[str, Any] = {**provenance_of(layout), **hooks.provenance}
    created = utc_now()
    return Surface(config, arrays, "complete", created, provenance)


def _flat(params: Params) -> np.ndarray:
    return np.concatenate([np.asarray(leaf, np.float32).ravel() for leaf in jax.tree.leaves(params)])


def _phase(hooks: TrainingHooks, phase: str) -> Callable[[Progress], None]:
    return lambda progress: hooks.report(replace(progress, phase=phase))
