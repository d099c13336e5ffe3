"""Lists the optimizers by name, as data: their parameters, bounds and canonical text.

Standard library only; a test compares the table with optax's signatures.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import cast

from xavier_cli.vocabulary import lookup
from xavier_cli.vocabulary.entry import Parameter
from xavier_cli.vocabulary.parameters import (
    changed,
    read_name,
    read_pairs,
    read_parameters,
    write_word,
)
from xavier_cli.vocabulary.resolve import OWN, find_user_function

Value = float | bool
Values = Mapping[str, Value]


@dataclass(frozen=True)
class OptimizerEntry:
    """An optimizer; `parameters` are the defaults of its parameters, without the learning rate.

    `function` is its place, in optax or in a user's file, or empty for xavier's own. `slots` is how many
    numbers it stores per weight.
    """

    name: str
    about: str
    function: str
    slots: int
    parameters: Values = field(default_factory=dict)
    aliases: tuple[str, ...] = ()

    @property
    def rows(self) -> tuple[Parameter, ...]:
        """Its parameters with their bounds."""
        return tuple(_row(name, default) for name, default in self.parameters.items())


@dataclass(frozen=True)
class OptimizerChoice:
    """An optimizer and the values of all its parameters."""

    optimizer: OptimizerEntry
    values: Values

    @property
    def text(self) -> str:
        """The canonical text, `adam:b1=0.8`; defaults are left out."""
        return write_word(self.optimizer.name, changed(self.values, self.optimizer.rows))

    @property
    def slots(self) -> int:
        """How many numbers are stored per weight."""
        # Off by default, in which case optax stores nothing for them.
        kept = (name for name in ("momentum", "centered") if not self.optimizer.parameters.get(name, True))
        return self.optimizer.slots + sum(bool(self.values[name]) for name in kept)


def _moments(**more: Value) -> dict[str, Value]:
    return {"b1": 0.9, "b2": 0.999, "eps": 1e-8, **more}


_ADAM = _moments(eps_root=0.0, nesterov=False)

# Not offered of optax's: lbfgs and polyak_sgd, which need the loss itself; noisy_sgd, whose noise would not
# depend on the seed; rprop, whose initial state depends on the rate and which is meant for full batches.
OPTIMIZERS = {
    word.name: word
    for word in (
        OptimizerEntry(
            "sgd", "stochastic gradient descent", "optax:sgd", 0, {"momentum": 0.0, "nesterov": False}
        ),
        OptimizerEntry("adam", "Kingma & Ba 2015", "optax:adam", 2, _ADAM),
        OptimizerEntry(
            "adamw",
            "Adam with decoupled weight decay, Loshchilov & Hutter 2019",
            "optax:adamw",
            2,
            _moments(eps_root=0.0, weight_decay=1e-4, nesterov=False),
        ),
        OptimizerEntry("nadam", "Adam with Nesterov momentum", "optax:nadam", 2, {**_ADAM, "nesterov": True}),
        OptimizerEntry(
            "nadamw",
            "NAdam with decoupled weight decay",
            "optax:nadamw",
            2,
            _moments(eps_root=0.0, weight_decay=1e-4, nesterov=True),
        ),
        OptimizerEntry("radam", "rectified Adam", "optax:radam", 2, {**_ADAM, "threshold": 5.0}),
        OptimizerEntry("adamax", "Adam with the infinity norm", "optax:adamax", 2, _moments()),
        OptimizerEntry(
            "adamaxw",
            "AdaMax with decoupled weight decay",
            "optax:adamaxw",
            2,
            _moments(weight_decay=1e-4),
        ),
        OptimizerEntry(
            "amsgrad",
            "Adam with the maximum of second moments so far",
            "optax:amsgrad",
            3,
            _moments(eps_root=0.0, bias_correction_mu=True, bias_correction_nu=True),
        ),
        OptimizerEntry(
            "adabelief",
            "Adam scaled by the deviation of gradients from their mean",
            "optax:adabelief",
            2,
            {**_ADAM, "eps": 1e-16, "eps_root": 1e-16},
        ),
        OptimizerEntry(
            "adan",
            "adaptive Nesterov momentum",
            "optax:adan",
            4,
            {"b1": 0.98, "b2": 0.92, "b3": 0.99, "eps": 1e-8, "eps_root": 1e-8, "weight_decay": 0.0},
        ),
        OptimizerEntry(
            "adadelta", "Zeiler 2012", "optax:adadelta", 2, {"rho": 0.9, "eps": 1e-6, "weight_decay": 0.0}
        ),
        OptimizerEntry(
            "adafactor",
            "Adam with factored second moments",
            "optax:adafactor",
            1,
            {
                "min_dim_size_to_factor": 128.0,
                "decay_rate": 0.8,
                "multiply_by_parameter_scale": True,
                "clipping_threshold": 1.0,
                "momentum": 0.0,
                "eps": 1e-30,
                "factored": True,
            },
        ),
        OptimizerEntry(
            "adagrad",
            "Duchi et al. 2011",
            "optax:adagrad",
            1,
            {"initial_accumulator_value": 0.1, "eps": 1e-7},
        ),
        OptimizerEntry(
            "rmsprop",
            "scaled by a running average of squared gradients",
            "optax:rmsprop",
            1,
            {
                "decay": 0.9,
                "eps": 1e-8,
                "initial_scale": 0.0,
                "eps_in_sqrt": True,
                "centered": False,
                "momentum": 0.0,
                "nesterov": False,
                "bias_correction": False,
            },
        ),
        OptimizerEntry("yogi", "Adam with additive second moments", "optax:yogi", 2, _moments(eps=1e-3)),
        OptimizerEntry(
            "novograd",
            "one second moment per layer",
            "optax:novograd",
            1,
            {"b1": 0.9, "b2": 0.25, "eps": 1e-6, "eps_root": 0.0, "weight_decay": 0.0},
        ),
        OptimizerEntry(
            "lamb",
            "Adam with a rate per layer",
            "optax:lamb",
            2,
            _moments(eps=1e-6, eps_root=0.0, weight_decay=0.0),
        ),
        OptimizerEntry(
            "lars",
            "momentum with a rate per layer",
            "optax:lars",
            1,
            {
                "weight_decay": 0.0,
                "trust_coefficient": 0.001,
                "eps": 0.0,
                "momentum": 0.9,
                "nesterov": False,
            },
        ),
        OptimizerEntry(
            "lion",
            "sign of the momentum, Chen et al. 2023",
            "optax:lion",
            1,
            {"b1": 0.9, "b2": 0.99, "weight_decay": 1e-3},
        ),
        OptimizerEntry("sign_sgd", "sign of the gradient", "optax:sign_sgd", 0),
        OptimizerEntry("signum", "sign of the momentum", "optax:signum", 1, {"beta": 0.9}),
        OptimizerEntry("sm3", "memory-efficient Adagrad", "optax:sm3", 1, {"momentum": 0.9}),
        OptimizerEntry("fromage", "steps relative to a layer's size", "optax:fromage", 0, {"min_norm": 1e-6}),
        OptimizerEntry(
            "optimistic_gradient_descent",
            "the gradient and its change",
            "optax:optimistic_gradient_descent",
            1,
            {"alpha": 1.0, "beta": 1.0},
        ),
        OptimizerEntry(
            "optimistic_adam_v2",
            "Adam with the gradient and its change",
            "optax:optimistic_adam_v2",
            3,
            {"alpha": 1.0, "beta": 1.0, **_ADAM, "nesterov": True},
        ),
        OptimizerEntry(
            "diagonal_gauss_newton",
            "a rate per parameter: lr/(mu + curvature), LeCun et al. 1998b",
            "",
            1,
            {"mu": 0.02, "decay": 0.99},
            aliases=("dgn", "diagonal_hessian"),
        ),
        OptimizerEntry(
            "gradient_variance",
            "a rate per parameter: lr/(mu + std of the examples' gradients)",
            "",
            1,
            {"mu": 0.01, "decay": 0.99},
        ),
    )
}

SHORT: Mapping[str, tuple[str, Values]] = MappingProxyType(
    {
        "momentum": ("sgd", {"momentum": 0.9}),
        "nesterov": ("sgd", {"momentum": 0.9, "nesterov": True}),
    }
)
"""Other names for an optimizer with parameters; in `momentum:0.95` the number is the momentum."""

# Decay rates of moving averages, in [0, 1).
_SHARES = {"b1", "b2", "b3", "rho", "decay", "decay_rate", "momentum"}
_ABOVE_ZERO = {"mu", "clipping_threshold", "trust_coefficient"}
# A user optimizer's is unknown before it is loaded; assume as many as most of optax's store.
_OWN_SLOTS = 2


def parse_optimizer(text: str) -> OptimizerChoice:
    """The optimizer and parameters in `adam`, `adam:b1=0.8,eps=1e-6`, `momentum:0.9` or `mine.py:descent`.

    Raises `ValueError` with a message of one line.
    """
    word = read_name(text)
    if word not in SHORT and (own := find_user_function("optimizers", text, OPTIMIZERS)):
        return OptimizerChoice(OptimizerEntry(own, OWN, own, _OWN_SLOTS), {})
    name, given = SHORT.get(word, (word, {}))
    known = {alias: each for each in OPTIMIZERS.values() for alias in (each.name, *each.aliases)}
    if name not in known:
        lowered = name.lower()
        if lowered not in known and lowered not in SHORT:
            raise ValueError(
                lookup.unknown_message("optimizer", word, [*known, *SHORT], [*OPTIMIZERS, *SHORT])
            )
        name, given = SHORT.get(lowered, (lowered, {}))
    optimizer = known[name]
    told: dict[str, Value] = dict(given)
    if word in SHORT and ":" in text and "=" not in text:
        text = text.replace(":", ":momentum=", 1)
    pairs = read_pairs(text, lambda part: f"`{part}` should be like {_example(optimizer)}")
    alone = f"{optimizer.name} has no parameters beside the learning rate"
    told |= cast("Values", read_parameters(optimizer.name, optimizer.rows, pairs, alone))
    values = {**optimizer.parameters, **told}
    if values.get("nesterov") and values.get("momentum", 1.0) == 0:
        raise ValueError("nesterov=true needs a momentum")
    return OptimizerChoice(optimizer, values)


def _row(name: str, default: Value) -> Parameter:
    if isinstance(default, bool):
        return Parameter(name, default, "", choices=("true", "false"))
    below = 1.0 if name in _SHARES else math.inf
    return Parameter(name, default, "", low=0, above=name in _ABOVE_ZERO, below=below)


def _example(optimizer: OptimizerEntry) -> str:
    if not optimizer.parameters:
        return f"`{optimizer.name}` alone"
    key, value = next(iter(optimizer.parameters.items()))
    return f"`{write_word(optimizer.name, {key: value})}`"
