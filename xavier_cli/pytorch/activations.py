"""Recognises the activation functions of the field among calls of PyTorch, and where they saturate."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
import torch
from torch.nn import functional

from xavier_cli.errors import XavierError
from xavier_cli.theory.regions import DEAD_SLOPE, Regions, regions_of
from xavier_cli.vocabulary.resolve import find_activation

Tensor = Any
_INF = math.inf

# Functions without parameters: PyTorch's name -> the vocabulary's.
_PLAIN = {
    "relu": "relu",
    "tanh": "tanh",
    "sigmoid": "sigmoid",
    "special_expit": "sigmoid",
    "silu": "silu",
    "mish": "mish",
    "selu": "selu",
    "sin": "sin",
    "softsign": "softsign",
}
# Those that the vocabulary lacks -> their range.
_OTHERS = {
    "relu6": (0.0, 6.0),
    "hardsigmoid": (0.0, 1.0),
    "hardswish": (-0.375, _INF),
    "log_sigmoid": (-_INF, 0.0),
}
# Functions with parameters: their arguments beside the input, with defaults.
_PARAMETERS: dict[str, dict[str, Any]] = {
    "gelu": {"approximate": "none"},
    "leaky_relu": {"negative_slope": 0.01},
    "elu": {"alpha": 1.0, "scale": 1.0, "input_scale": 1.0},
    "celu": {"alpha": 1.0},
    "softplus": {"beta": 1.0, "threshold": 20.0},
    "hardtanh": {"min_val": -1.0, "max_val": 1.0},
    "clamp": {"min": None, "max": None},
    "clip": {"min": None, "max": None},
    "clamp_min": {"min": None},
}


@dataclass(frozen=True)
class Known:
    """A recognised activation function.

    `function` is PyTorch's name and `settings` its other arguments; `name` is the vocabulary's, or PyTorch's
    for a function that it lacks.
    """

    name: str
    function: str
    settings: tuple[tuple[str, Any], ...] = ()
    guards_perhaps: bool = False
    """Whether it may as well guard a variance against 0."""

    def __call__(self, values: Tensor) -> Tensor:
        """The function's values."""
        return _FUNCTIONS[self.function](values, **dict(self.settings))

    def slope(self, values: Tensor) -> Tensor:
        """Its slope at `values`."""
        # Not what is kept here, but what the network keeps is the user's to pack away.
        as_it_is = torch.autograd.graph.saved_tensors_hooks(lambda kept: kept, lambda kept: kept)
        with torch.enable_grad(), as_it_is:
            at = values.detach().clone().requires_grad_()
            return torch.autograd.grad(self(at).sum(), at)[0]

    @property
    def range(self) -> tuple[float, float]:
        """What its values span."""
        settings = dict(self.settings)
        if self.name.startswith("clamp"):
            low, high = settings.get("min"), settings.get("max")
            return -_INF if low is None else low, _INF if high is None else high
        if self.function in _OTHERS:
            return _OTHERS[self.function]
        if self.function in ("elu", "celu"):
            return -settings["alpha"] * settings.get("scale", 1.0), _INF
        if self.function == "softplus":
            return 0.0, _INF
        if self.function == "hardtanh":
            return settings["min_val"], settings["max_val"]
        return find_activation(self.name).range


_FUNCTIONS: dict[str, Callable[..., Tensor]] = {
    **{name: getattr(torch, name) for name in ("relu", "tanh", "sigmoid", "sin", "celu", "selu")},
    **{name: getattr(functional, name) for name in ("silu", "mish", "softsign", "gelu", "leaky_relu")},
    **{name: getattr(functional, name) for name in ("softplus", "hardtanh", "hardsigmoid", "hardswish")},
    "relu6": functional.relu6,
    "log_sigmoid": functional.logsigmoid,
    "special_expit": torch.sigmoid,
    "elu": torch._C._nn.elu,
    "clamp": torch.clamp,
    "clip": torch.clamp,
    "clamp_min": torch.clamp,
}


def recognise(name: str, args: Sequence[Any], kwargs: Mapping[str, Any]) -> tuple[Known, Tensor] | None:
    """The activation function that a call applies, and what it is applied to."""
    name = name.rstrip("_") if not name.startswith("__") else name
    values = args[0] if args else kwargs.get("input")
    if not isinstance(values, torch.Tensor):
        return None
    if name in _PLAIN:
        return Known(_PLAIN[name], name), values
    if name in _OTHERS:
        return Known(name, name), values
    if name == "glu":
        dim = args[1] if len(args) > 1 else kwargs.get("dim", -1)
        return Known("sigmoid", "sigmoid"), values.chunk(2, dim)[1]
    if name == "erf":  # half of a GELU by hand
        return Known("gelu", "gelu"), values * math.sqrt(2)
    if name == "rrelu":
        given = {"lower": 1 / 8, "upper": 1 / 3} | dict(zip(("lower", "upper"), args[1:3], strict=False))
        slope = (kwargs.get("lower", given["lower"]) + kwargs.get("upper", given["upper"])) / 2
        return Known("rrelu", "leaky_relu", (("negative_slope", slope),)), values
    if name == "prelu":
        weight = args[1] if len(args) > 1 else kwargs["weight"]
        return Known("prelu", "leaky_relu", (("negative_slope", float(weight.detach().mean())),)), values
    if name not in _PARAMETERS:
        return None
    settings = dict(_PARAMETERS[name])
    for key, value in (*zip(settings, args[1:], strict=False), *kwargs.items()):
        if key in settings:
            settings[key] = value
    if any(isinstance(value, torch.Tensor) for value in settings.values()):
        return None
    written = _written(name, settings)
    if written is None:
        return None
    return Known(written, name, tuple(settings.items()), name.startswith("cl")), values


def _written(name: str, settings: Mapping[str, Any]) -> str | None:
    """The vocabulary's name for a function with parameters; None for none at all."""
    match name:
        case "gelu":
            return "gelu"
        case "leaky_relu":
            slope = settings["negative_slope"]
            return "leaky_relu" if slope == 0.01 else _of_vocabulary(f"leaky_relu:slope={slope:g}")
        case "elu" | "celu":
            if any(settings.get(key, 1.0) != 1.0 for key in ("scale", "input_scale")):
                return "elu (scaled)"
            alpha = settings["alpha"]
            if alpha == 1:
                return "elu"
            return _of_vocabulary(f"elu:alpha={alpha:g}") if name == "elu" else f"celu:alpha={alpha:g}"
        case "softplus":
            return "softplus" if settings["beta"] == 1 else f"softplus:beta={settings['beta']:g}"
    low, high = settings.get("min_val", settings.get("min")), settings.get("max_val", settings.get("max"))
    ends = {(0, None): "relu", (0, 6): "relu6", (-1, 1): "hard_tanh", (None, None): None}
    # Any other limits are of numbers, not an activation function.
    return ends.get((low, high), f"hard_tanh from {low:g} to {high:g}" if name == "hardtanh" else None)


def _of_vocabulary(text: str) -> str:
    try:
        return find_activation(text).name
    except XavierError:
        return text


@lru_cache(maxsize=256)
def regions(known: Known) -> Regions:
    """Where it is saturated or inactive, by the rule of `theory.regions`."""
    if known.name in ("prelu", "rrelu"):
        return Regions()

    def evaluate(s: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        at = torch.from_numpy(s)
        return known(at).numpy(), known.slope(at).numpy()

    return regions_of(evaluate, known.range)


@dataclass(frozen=True)
class Shares:
    """Counts of inputs and units of one application."""

    saturated: int
    inactive: int
    inputs: int
    dead: int
    units: int


def count_shares(known: Known, values: Tensor, units: Sequence[int]) -> Shares:
    """How many of the inputs `values` are saturated and inactive, and how many units dead.

    `units` are the axes of `values` that are units.
    """
    values = values.detach().float()
    where = regions(known)
    others = [axis for axis in range(values.ndim) if axis not in units]
    is_flat = known.slope(values).abs() < DEAD_SLOPE
    dead = is_flat.all(others) if others else is_flat
    return Shares(
        _beyond(values, where.saturated_below, where.saturated_above),
        _beyond(values, where.inactive_below, where.inactive_above),
        values.numel(),
        int(dead.sum()),
        dead.numel(),
    )


def _beyond(values: Tensor, low: float, high: float) -> int:
    """How many of `values` are below `low` or above `high`."""
    below = int((values < low).sum()) if low > -_INF else 0
    return below + (int((values > high).sum()) if high < _INF else 0)
