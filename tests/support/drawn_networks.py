"""Puts numbers of networks drawn by hand or by a framework into what `describe` takes."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from xavier_cli.runs.record import Run
from xavier_cli.theory.drawn import describe
from xavier_cli.theory.drawn.rules import Rule
from xavier_cli.vocabulary.entry import TRUNCATED_STD
from xavier_cli.vocabulary.network_info import LayerInfo, NetworkInfo, ParameterInfo, Role


@dataclass(frozen=True)
class DrawnLayer:
    """A layer of one seed: the parameter and bias that it is of, and its weight, units last.

    `inputs` is the number of a dense layer's axes that are inputs, None for all but the last.
    """

    parameter: str
    weight: np.ndarray
    bias: str = ""
    kind: str = "dense"
    groups: int = 1
    inputs: int | None = None
    applied: tuple[str, ...] = ()

    def info(self) -> LayerInfo:
        """What the network's file says of it."""
        shape, field = self.weight.shape, 1
        if self.kind == "dense":
            split = len(shape) - 1 if self.inputs is None else self.inputs
            fan_in, fan_out = math.prod(shape[:split]), math.prod(shape[split:])
        else:
            field = math.prod(shape[:-2])
            fan_in, fan_out = field * shape[-2], field * shape[-1] // self.groups
        return LayerInfo(
            name=self.parameter,
            parameter=self.parameter,
            bias=self.bias,
            kind=self.kind,
            shape=shape,
            fan_in=fan_in,
            fan_out=fan_out,
            receptive_field=field,
            applied=self.applied,
        )


Draw = Callable[[int], tuple[Mapping[str, np.ndarray], Sequence[DrawnLayer]]]


def described(draw: Draw, framework: str = "JAX", seeds: int = 3) -> NetworkInfo:
    """The network that `draw(seed)` gives parameters and layers of, with what it was drawn from."""
    drawn = [draw(seed) for seed in range(seeds)]
    parameters, layers = drawn[0]
    info = NetworkInfo(
        framework=framework,
        layers=tuple(layer.info() for layer in layers),
        parameters=tuple(
            ParameterInfo(name=name, shape=value.shape, role=role_of(name, value, layers))
            for name, value in parameters.items()
        ),
    )
    return describe(
        info,
        {name: [each[name] for each, _ in drawn] for name in parameters},
        [[each[index].weight for _, each in drawn] for index in range(len(layers))],
    )


def role_of(name: str, value: np.ndarray, layers: Sequence[DrawnLayer]) -> Role:
    """The role that a parameter's name and the layers give it."""
    if name in {layer.parameter for layer in layers}:
        return "weight"
    if "emb" in name.lower():
        return "embedding"
    return "bias" if "b" in name.lower() and value.size == max(value.shape, default=1) else "other"


def dense_stack(widths: Sequence[int], std: Callable[[int, int], float], act: str = "relu") -> Draw:
    """A stack of dense layers of normal weights, of a standard deviation by their fans."""

    def draw(seed: int) -> tuple[dict[str, np.ndarray], list[DrawnLayer]]:
        rng = np.random.default_rng(seed)
        weights = {
            f"layer{i}.w": rng.normal(0, std(fan_in, fan_out), (fan_in, fan_out)).astype(np.float32)
            for i, (fan_in, fan_out) in enumerate(pairwise(widths))
        }
        last = len(weights) - 1
        layers = [
            DrawnLayer(name, weight, applied=(act,) if i < last else ())
            for i, (name, weight) in enumerate(weights.items())
        ]
        return weights, layers

    return draw


def draw_rule(rule: Rule, fans: tuple[int, int], rng: np.random.Generator, factor: float = 1.0) -> np.ndarray:
    """A matrix of `fans` drawn from a named distribution, times `factor`."""
    std = factor * rule.std(fans)
    if rule.shape.kind == "uniform":
        return (rng.uniform(-1, 1, fans) * std * 3**0.5).astype(np.float32)
    normal = rng.standard_normal(fans)
    if rule.shape.kind == "truncated normal":
        while (out := np.abs(normal) > 2).any():
            normal[out] = rng.standard_normal(int(out.sum()))
        normal /= TRUNCATED_STD
    return (normal * std).astype(np.float32)


def with_network(run: Run, info: NetworkInfo, **arrays: np.ndarray) -> Run:
    """`run` with a network, and arrays of `(S, R, L)` under paths in which `__` stands for `/`."""
    changed = copy.copy(run)
    object.__setattr__(changed, "network", info)
    named = {path.replace("__", "/"): value for path, value in arrays.items()}
    object.__setattr__(changed, "arrays", {**run.arrays, **named})
    return changed
