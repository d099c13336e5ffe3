"""Defines the initializers of weights and biases: variance scaling, its special cases, and the others.

All have JAX's signature `(key, shape, dtype)` with `shape = (fan_in, fan_out)`. One key gives every
member of a scaled family the same underlying draws, so that two of them differ in scale alone.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from itertools import pairwise
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jax.nn import initializers as of_jax
from jax.nn.initializers import Initializer

from xavier_cli.nn.user_functions import SMALL, draws_a_constant, ignores_its_key, user_initializer
from xavier_cli.vocabulary import entry
from xavier_cli.vocabulary.entry import Distribution
from xavier_cli.vocabulary.lookup import load
from xavier_cli.vocabulary.user_functions import is_user_function

_UNKEYED: tuple[Distribution, ...] = ("constant", "diagonal")


def variance_scaling(
    scale: float = 1.0, mode: str = "fan_in", distribution: str = "truncated_normal"
) -> Initializer:
    """Variance scale/fan of the fan that `mode` names; `normal` is not cut."""
    shape: Any = distribution
    fan: Any = mode
    return of_jax.variance_scaling(scale, fan, shape)


def standard() -> Initializer:
    """U(±1/√fan_in), the heuristic before 2010; n Var W = 1/3 (equations 1 and 15)."""
    return variance_scaling(1 / 3, "fan_in", "uniform")


def normalized() -> Initializer:
    """U(±√6/√(fan_in + fan_out)), Var W = 2/(fan_in + fan_out) (equations 12 and 16)."""
    return variance_scaling(1, "fan_avg", "uniform")


def glorot_normal() -> Initializer:
    """Var W = 2/(fan_in + fan_out) from a normal distribution truncated at 2σ."""
    return variance_scaling(1, "fan_avg")


def lecun_uniform() -> Initializer:
    """U(±√(3/fan_in)): n Var W = 1."""
    return variance_scaling(1, "fan_in", "uniform")


def lecun_normal() -> Initializer:
    """n Var W = 1 from a normal distribution truncated at 2σ."""
    return variance_scaling(1)


def he_uniform() -> Initializer:
    """U(±√(6/fan_in)): n Var W = 2 (He et al. 2015)."""
    return variance_scaling(2, "fan_in", "uniform")


def he_normal() -> Initializer:
    """n Var W = 2 from a normal distribution truncated at 2σ (He et al. 2015)."""
    return variance_scaling(2)


def normal(std: float = 0.01) -> Initializer:
    """N(0, std²)."""
    return of_jax.normal(std)


def truncated_normal(std: float = 0.01) -> Initializer:
    """N(0, std²) cut at 2 std, and not rescaled."""
    return of_jax.truncated_normal(std)


def uniform(bound: float = 0.05) -> Initializer:
    """U(±bound), from the draws of the scaled family; JAX's own is one-sided."""

    def init(key: Array, shape: Any, dtype: Any = jnp.float32, out_sharding: Any = None) -> Array:
        return jax.random.uniform(key, shape, dtype, -1) * jnp.array(bound, dtype)

    return init


def orthogonal(gain: float = 1.0) -> Initializer:
    """`gain` times a random matrix whose rows or columns, whichever are fewer, are orthonormal."""
    return of_jax.orthogonal(gain)


def lsuv(examples: float = 500, tolerance: float = 0.05, rounds: float = 10) -> Initializer:
    """What LSUV scales once there is data (`nn.lsuv`): the draws of `orthogonal`."""
    del examples, tolerance, rounds
    return orthogonal()


def sparse(sparsity: float = 0.9, std: float = 0.01) -> Initializer:
    """N(0, std²), but 0 for ceil(sparsity·fan_in) inputs of each unit, chosen at random."""

    def init(key: Array, shape: Any, dtype: Any = jnp.float32, out_sharding: Any = None) -> Array:
        fan_in, _ = shape
        # The weights are `normal`'s of the same key; which of them stay is drawn from another.
        order = jnp.argsort(jax.random.uniform(jax.random.fold_in(key, 1), shape), axis=0)
        kept = jnp.argsort(order, axis=0) >= math.ceil(sparsity * fan_in)
        return jnp.where(kept, normal(std)(key, shape, dtype), 0)

    return init


def constant(value: float = 0.0) -> Initializer:
    """Every weight `value`."""
    return of_jax.constant(value)


def zeros() -> Initializer:
    """Every weight 0."""
    return constant(0.0)


def identity(gain: float = 1.0) -> Initializer:
    """`gain` on the diagonal and 0 elsewhere, also where the matrix is not square."""

    def init(key: Array, shape: Any, dtype: Any = jnp.float32, out_sharding: Any = None) -> Array:
        del key
        rows, columns = shape
        return gain * jnp.eye(rows, columns, dtype=dtype)

    return init


def make_initializer(
    word: entry.InitializerEntry, gain: float = 1.0, shapes: Iterable[tuple[int, ...]] = (SMALL,)
) -> Initializer:
    """The initializer of a row, its weights multiplied by `gain`.

    A custom one is tried out at `shapes`. Raises `UserFunctionError`.
    """
    initializer: Initializer
    if is_user_function(word.name):
        initializer = user_initializer(word.name, shapes)
    else:
        initializer = load(word.function)(**dict(word.settings))
    if gain == 1:
        return initializer

    def scaled(key: Array, shape: Any, *more: Any, **options: Any) -> Array:
        return initializer(key, shape, *more, **options) * gain

    return scaled


def make_biases(
    word: entry.InitializerEntry, sizes: Sequence[int] = (4, 4)
) -> Callable[[Array, int, tuple[int, int]], Array] | None:
    """What draws a layer's biases, `(key, number of the layer, (fan_in, fan_out))`; None where they are 0.

    Biases are drawn as one more row of weights, so that their distribution knows both fans. A custom
    initializer is asked for shape `(fan_out,)`, and tried out for all of `sizes` but the inputs.
    """
    if word.name == "zeros":
        return None
    shapes = [(size,) for size in sizes[1:]]
    initializer = (
        user_initializer(word.name, shapes) if is_user_function(word.name) else make_initializer(word)
    )

    def draw(key: Array, number: int, fans: tuple[int, int]) -> Array:
        of_layer = jax.random.fold_in(key, number)
        if is_user_function(word.name):
            return initializer(of_layer, fans[1:], jnp.float32)
        return initializer(of_layer, fans, jnp.float32)[0]

    return draw


def make_layers(
    rows: Sequence[entry.InitializerEntry], gain: float = 1.0, sizes: Sequence[int] | None = None
) -> list[Initializer]:
    """The initializer of every layer by its row in `rows`; the last, the output's, takes no gain.

    One object for one row, since layers that are drawn alike are compiled once. The gain makes up for a
    hidden layer's activation, and the logits have none. `sizes` of the layers, from the input to the logits,
    are those at which custom functions are tried out.
    """
    fans = [*pairwise(sizes)] if sizes else [SMALL] * len(rows)
    of_row: dict[entry.InitializerEntry, set[tuple[int, int]]] = {}
    for row, shape in zip(rows[:-1], fans, strict=False):
        of_row.setdefault(row, set()).add(shape)
    hidden = {row: make_initializer(row, gain, shapes) for row, shapes in of_row.items()}
    return [*(hidden[row] for row in rows[:-1]), make_initializer(rows[-1], shapes=fans[-1:])]


def is_unkeyed_bias(word: entry.InitializerEntry, sizes: Sequence[int]) -> bool:
    """Whether the biases start the same whatever the seed."""
    if is_user_function(word.name):
        return all(ignores_its_key(word.name, (size,)) for size in sizes[1:])
    return word.distribution in _UNKEYED


def find_unkeyed(rows: Sequence[entry.InitializerEntry], sizes: Sequence[int]) -> tuple[list[int], list[str]]:
    """Which layers of weights start the same whatever the seed, counted from 1; and which names to warn of.

    Those are custom functions that ignore their key where it matters: a constant in the output
    layer is as good as `zeros`. `rows` are the layers' initializers, `sizes` the units from the input up.
    """
    unkeyed, to_warn_of = [], []
    for number, (word, fans) in enumerate(zip(rows, pairwise(sizes), strict=True), start=1):
        if not is_user_function(word.name):
            if word.distribution in _UNKEYED:
                unkeyed.append(number)
        elif ignores_its_key(word.name, fans):
            unkeyed.append(number)
            if number < len(rows) or not draws_a_constant(word.name, fans):
                to_warn_of.append(word.name)
    return unkeyed, list(dict.fromkeys(to_warn_of))


def draws(word: entry.InitializerEntry, fan_in: int, fan_out: int, count: int) -> np.ndarray:
    """Whole matrices of weights by an initializer, in float64: `(matrices, fan_in, fan_out)`.

    As many as hold at least `count` weights.
    """
    initializer = make_initializer(word)
    keys = jax.random.split(jax.random.key(0), math.ceil(count / (fan_in * fan_out)))
    one = jax.jit(jax.vmap(lambda key: initializer(key, (fan_in, fan_out), jnp.float32)))
    return np.asarray(one(keys), np.float64)
