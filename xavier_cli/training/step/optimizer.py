"""Makes an update of a gradient: optax's optimizers by name, clipping, weight decay, rate schedules."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import Array

from xavier_cli.config.run import RunConfig
from xavier_cli.errors import ConfigError
from xavier_cli.nn.mlp import Params
from xavier_cli.training.step.user_optimizer import user_optimizer
from xavier_cli.vocabulary.lookup import load
from xavier_cli.vocabulary.optimizers import OptimizerChoice
from xavier_cli.vocabulary.user_functions import is_user_function


class Optimizer(NamedTuple):
    """`init(params)` is the first state; `update(gradient, state, params, lr)` returns (change, state).

    As optax's `GradientTransformation`, but with the learning rate as an argument, since it differs between
    members and moves with the schedule. The change is added to `params`.
    """

    init: Callable[[Any], Any]
    update: Callable[[Any, Any, Any, Array], tuple[Any, Any]]


def plain_sgd() -> Optimizer:
    """Stochastic gradient descent: −lr times the gradient, without a state."""

    def update(gradient: Params, state: Any, params: Params, lr: Array) -> tuple[Params, Any]:
        return jax.tree.map(lambda leaf: -lr * leaf, gradient), state

    return Optimizer(lambda params: (), update)


def optax_optimizer(choice: OptimizerChoice) -> Optimizer:
    """The optimizer of optax that is chosen, with every hyperparameter given.

    Raises `ConfigError` where the installed optax lacks it or one of its hyperparameters.
    """
    try:
        make = load(choice.optimizer.function)
    except AttributeError:
        raise ConfigError(
            f"optimizer: the optax that is installed has no `{choice.optimizer.name}`: update optax"
        ) from None
    known = inspect.signature(make).parameters
    usual = choice.optimizer.parameters
    for name, value in choice.values.items():
        if name not in known and value != usual[name]:
            raise ConfigError(f"optimizer: the optax that is installed knows no `{name}`: update optax")
    # All of them are given, so that another version's defaults change no run.
    told: dict[str, Any] = {name: value for name, value in choice.values.items() if name in known}
    for name, value in told.items():
        if name == "momentum" and value == 0 and known[name].default is None:
            told[name] = None
        elif isinstance(known[name].default, int) and not isinstance(value, bool):
            told[name] = int(value)

    return made_by(lambda lr: make(learning_rate=lr, **told))


def made_by(make: Callable[[Any], Any]) -> Optimizer:
    """The optimizer of `make(learning_rate)`, which returns a `GradientTransformation`, as optax's do."""

    def update(gradient: Params, state: Any, params: Params, lr: Array) -> tuple[Params, Any]:
        # Made inside: the rate differs between members and updates; no first state depends on it.
        changes, state = make(lr).update(gradient, state, params)
        return changes, state

    return Optimizer(make(0.0).init, update)


Decay = Callable[[Any, Any, Array], Any]
"""`(changes, params, share) -> changes`, less `share` of each weight."""


def of_layers(changes: Params, params: Params, share: Array) -> Params:
    """The `Decay` of a perceptron: of its weights, not its biases."""
    return tuple(
        change._replace(weight=change.weight - share * layer.weight)
        for change, layer in zip(changes, params, strict=True)
    )


def make_optimizer(config: RunConfig, decay: Decay = of_layers) -> Optimizer:
    """The first-order optimizer of `config`, with its clipping and weight decay.

    Raises `ConfigError` and, for a custom optimizer that fails its trial, `UserFunctionError`.
    """
    choice = config.optimizer_choice
    if is_user_function(choice.optimizer.name):
        optimizer = made_by(user_optimizer(choice.optimizer.name))
    else:
        optimizer = plain_sgd() if choice.text == "sgd" else optax_optimizer(choice)
    return with_clip_and_decay(optimizer, config, decay)


def with_clip_and_decay(optimizer: Optimizer, config: RunConfig, decay: Decay = of_layers) -> Optimizer:
    """`optimizer` on gradients clipped to the norm `config.clip`, with decoupled weight decay.

    Each update also subtracts lr · weight_decay · W from the weights, as `decay` says which (Loshchilov &
    Hutter 2019).
    """
    if not config.clip and not config.weight_decay:
        return optimizer

    def update(gradient: Params, state: Any, params: Params, lr: Array) -> tuple[Params, Any]:
        changes, state = optimizer.update(clipped(gradient, config.clip), state, params, lr)
        if config.weight_decay:
            changes = decay(changes, params, lr * config.weight_decay)
        return changes, state

    return Optimizer(optimizer.init, update)


def clipped(gradient: Params, longest: float) -> Params:
    """`gradient` scaled to a global norm of at most `longest` (Pascanu et al. 2013); 0 is no limit."""
    if not longest:
        return gradient
    # In single precision, since squares of half precision soon overflow.
    squares = [jnp.sum(leaf.astype(jnp.float32) ** 2) for leaf in jax.tree.leaves(gradient)]
    length = jnp.sqrt(jnp.stack(squares).sum())
    # Avoid 0/0 when the gradient is zero.
    factor = jnp.where(length > longest, longest / jnp.where(length > longest, length, 1.0), 1.0)
    return jax.tree.map(lambda leaf: (factor * leaf).astype(leaf.dtype), gradient)


def rate_schedule(config: RunConfig) -> Callable[[Array], Array]:
    """`update -> factor` on the learning rate, `update` counted from 0.

    Warm-up rises linearly and reaches 1 at its last update. From there `cosine` and `linear` fall, and would
    reach 0 at the update after the last.
    """
    warmup, shape = config.rate_schedule
    rest = max(config.updates - warmup, 1)

    def factor(update: Array) -> Array:
        done = jnp.clip((update - warmup) / rest, 0.0, 1.0)
        falling: dict[str, Array | float] = {
            "constant": 1.0,
            "linear": 1.0 - done,
            "cosine": 0.5 * (1.0 + jnp.cos(jnp.pi * done)),
        }
        return jnp.where(update < warmup, (update + 1) / max(warmup, 1), falling[shape])

    return factor


def apply_updates(params: Params, changes: Params) -> Params:
    """`params` + `changes`, in the precision of `params`."""
    return jax.tree.map(lambda leaf, change: (leaf + change).astype(leaf.dtype), params, changes)
