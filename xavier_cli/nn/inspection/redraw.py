"""Draws the weights of a custom network's layers anew, by named initializers with each layer's own fans."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from xavier_cli.nn.initializers import make_initializer
from xavier_cli.nn.inspection.draws import effective_weights
from xavier_cli.nn.inspection.prepare import Prepared
from xavier_cli.nn.programs.layers import WeightLayer
from xavier_cli.vocabulary.entry import InitializerEntry
from xavier_cli.vocabulary.networks import AS_MADE
from xavier_cli.vocabulary.user_functions import UserFunctionError


def make_redraw(
    prepared: Prepared, rows: Sequence[InitializerEntry], word: str
) -> Callable[[Any, Array], Any]:
    """A function `(params, key) -> params` that draws each layer by its row, and leaves the rest as it is.

    A layer whose row is `network` keeps its weight. Layer i, counted from 0, is drawn with `fold_in(key, i)`,
    as a perceptron's is, and every scaled distribution scales the same draws.

    Raises `UserFunctionError`: for initializers that need data, and for layers whose weight is not simply a
    parameter, or a part of one: it is then computed from several, or used with other numbers elsewhere.
    """
    for row in rows:
        if row.distribution == "from data":
            raise UserFunctionError(f"`{row.name}` draws by data, layer after layer: it is for `mlp` alone")
    chosen = [(at, row) for at, row in enumerate(rows) if row.name != AS_MADE]
    draws = {at: _layer_draw(prepared.layers[at], row) for at, row in chosen}
    shapes = jax.eval_shape(lambda params: effective_weights(prepared, params)[0], _params_like(prepared))

    def redraw(params: Any, key: Array) -> Any:
        wanted = {at: draw(jax.random.fold_in(key, at), shapes[at].shape) for at, draw in draws.items()}

        def weights(params: Any) -> list[Array]:
            found = effective_weights(prepared, params)[0]
            return [found[at] for at in wanted]

        # Where a weight is a parameter's numbers in another order, taking them transposed puts them back.
        now, back = jax.vjp(weights, params)
        (new,) = back([each.astype(of.dtype) for each, of in zip(wanted.values(), now, strict=True)])
        (often,) = back([jnp.ones_like(of) for of in now])
        return jax.tree.map(
            lambda old, new, often: jnp.where(often > 0, new / jnp.maximum(often, 1), old), params, new, often
        )

    def checked(params: Any, key: Array) -> Any:
        drawn = run(params, key)
        # Traced, as by the engine, there are no numbers to look at.
        if not told and not isinstance(key, jax.core.Tracer):
            _check(prepared, drawn, draws, key, shapes, word)
            told.append(True)
        return drawn

    run, told = jax.jit(redraw), list[bool]()
    return checked


def _params_like(prepared: Prepared) -> Any:
    return jax.eval_shape(prepared.network.init, jax.random.key(0))[0]


def _layer_draw(layer: WeightLayer, row: InitializerEntry) -> Callable[[Array, tuple[int, ...]], Array]:
    """The function `(key, shape) -> weight` of a layer, what is summed over first and units last."""
    initializer = make_initializer(row)

    def draw(key: Array, shape: tuple[int, ...]) -> Array:
        # Matrices side by side, as of experts, are drawn one by one.
        side_by_side = math.prod(shape[:-1]) // layer.fan_in
        fans = layer.fan_in, shape[-1]
        if side_by_side == 1:
            drawn = initializer(key, fans, jnp.float32)
        else:
            keys = jax.random.split(key, side_by_side)
            drawn = jax.lax.map(lambda key: initializer(key, fans, jnp.float32), keys)
        scale = 1.0
        if row.is_independent and shape[-1] != layer.fan_out:
            scale = math.sqrt(row.variance(layer.fan_in, layer.fan_out) / row.variance(*fans))
        return scale * drawn.reshape(shape)

    return draw


def _check(
    prepared: Prepared,
    params: Any,
    draws: dict[int, Callable[[Array, tuple[int, ...]], Array]],
    key: Array,
    shapes: Sequence[Any],
    word: str,
) -> None:
    found = jax.jit(lambda params: effective_weights(prepared, params)[0])(params)
    for at, draw in draws.items():
        wanted = draw(jax.random.fold_in(key, at), shapes[at].shape)
        if not np.allclose(
            found[at], wanted, rtol=1e-2 if found[at].dtype != jnp.float32 else 1e-5, atol=1e-6
        ):
            raise UserFunctionError(
                f"`{word}`: the weight of `{prepared.layers[at].name}` is not a parameter's own numbers, so "
                f"that it cannot be drawn: leave it by `{at + 1}={AS_MADE}`"
            )
