"""Draws weights and biases of a custom network's layers anew, by initializers with each layer's own fans."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, Protocol

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from xavier_cli.config.custom_networks import layer_rows
from xavier_cli.config.run import RunConfig
from xavier_cli.nn.initializers import make_biases, make_initializer
from xavier_cli.nn.inspection.draws import effective_weights
from xavier_cli.nn.inspection.first_pass import QUICK
from xavier_cli.nn.inspection.prepare import Prepared
from xavier_cli.nn.programs.layers import WeightLayer
from xavier_cli.vocabulary.entry import InitializerEntry
from xavier_cli.vocabulary.layer_choice import is_a_table, not_own_numbers
from xavier_cli.vocabulary.user_functions import UserFunctionError

_Draw = Callable[[Array], Array]


class Redraw(Protocol):
    """Draws parameters anew; pure, so that it can be traced under `jit`, `vmap` and `lax.map`."""

    def __call__(self, params: Any, key: Array, bias_key: Array | None = None) -> Any:
        """`params` with the chosen weights drawn by `key` and biases by `bias_key`, needed where there are
        any; the rest is as it was.

        Layer i, counted from 0, is drawn with `fold_in(key, i)` and `fold_in(bias_key, i)`, as a
        perceptron's is, so that every scaled distribution scales the same draws.
        """


def make_redraw(prepared: Prepared, config: RunConfig) -> Redraw:
    """What draws the layers that `init` and `bias_init` of `config` choose.

    Tried out once here. Raises `ConfigError` for layers that are not there, and `UserFunctionError` for a
    weight or bias that is not simply a parameter, a part or a multiple of one: it is computed from several,
    or used with other numbers elsewhere.
    """
    # A frozen weight is a parameter's numbers, too.
    prepared = replace(prepared, tapped=prepared.tapped.without_stops())
    layers, word = prepared.layers, config.network.name
    weight_rows, bias_rows = layer_rows(config, prepared.info.layers).chosen()
    like = _params_like(prepared)
    weights, biases = jax.eval_shape(lambda params: effective_weights(prepared, params), like)
    weight_draws = {at: _weight_draw(layers[at], row, weights[at].shape) for at, row in weight_rows.items()}
    bias_draws = {
        at: _bias_draw(layers[at], row, at, biases[at].shape)
        for at, row in bias_rows.items()
        if biases[at] is not None
    }
    if not weight_draws and not bias_draws:
        return lambda params, key, bias_key=None: params
    _refuse_tables(prepared, weight_draws, word)

    def values(params: Any) -> list[Array]:
        weights, biases = effective_weights(prepared, params)
        chosen = [*(weights[at] for at in weight_draws), *(biases[at] for at in bias_draws)]
        return [each for each in chosen if each is not None]

    def wanted(key: Array, bias_key: Array | None) -> list[Array]:
        if bias_draws and bias_key is None:
            raise TypeError("biases are drawn by `bias_key`")
        drawn = [draw(jax.random.fold_in(key, at)) for at, draw in weight_draws.items()]
        return drawn + [draw(bias_key) for draw in bias_draws.values() if bias_key is not None]

    # Compiled, so that of the network only what goes into its weights is computed.
    @jax.jit
    def redraw(params: Any, key: Array, bias_key: Array | None = None) -> Any:
        # Where a value is a parameter's numbers in another order, perhaps scaled, taking it transposed puts
        # them back: w = c p gives c w, and c² of ones.
        now, back = jax.vjp(values, params)
        scales = values(jax.tree.map(jnp.ones_like, params))
        (new,) = back([each.astype(of.dtype) for each, of in zip(wanted(key, bias_key), now, strict=True)])
        (often,) = back(scales)
        return jax.tree.map(
            lambda old, new, often: jnp.where(often > 0, new / jnp.where(often > 0, often, 1), old),
            params,
            new,
            often,
        )

    def check() -> None:
        key = jax.random.key(0)

        # One program, run once: drawn one by one, each shape would be compiled by itself.
        def drawn_and_wanted(params: Any) -> tuple[list[Array], list[Array]]:
            return values(redraw(params, key, key)), wanted(key, key)

        found, expected = jax.jit(drawn_and_wanted, compiler_options=QUICK)(_numbers(like))
        named = [*(("weight", "init", at) for at in weight_draws)]
        named += [("bias", "bias_init", at) for at in bias_draws]
        for (what, setting, at), have, want in zip(named, found, expected, strict=True):
            relative, absolute = (1e-5, 1e-6) if have.dtype == jnp.float32 else (1e-2, 1e-3)
            if not np.allclose(have, want, relative, absolute):
                raise UserFunctionError(
                    f"`{word}`: {not_own_numbers(what, layers[at].name, at + 1, setting)}"
                )

    check()
    return redraw


def _params_like(prepared: Prepared) -> Any:
    return jax.eval_shape(prepared.network.init, jax.random.key(0))[0]


def _numbers(like: Any) -> Any:
    """Some parameters of these shapes, no two numbers alike."""
    generator = np.random.default_rng(0)
    return jax.tree.map(lambda leaf: jnp.asarray(generator.normal(size=leaf.shape), leaf.dtype), like)


def _refuse_tables(prepared: Prepared, chosen: Mapping[int, _Draw], word: str) -> None:
    tables = frozenset[str]().union(*(table.parts for table in prepared.tapped.tables))
    for at in chosen:
        layer = prepared.layers[at]
        if layer.first.made_of.leaf in tables:
            raise UserFunctionError(f"`{word}`: {is_a_table(layer.name, at + 1)}")


def _weight_draw(layer: WeightLayer, row: InitializerEntry, shape: tuple[int, ...]) -> _Draw:
    """The function `(key) -> weight`, of `shape`: what is summed over first, units last.

    Matrices side by side, as of experts or of a convolution's groups, are drawn one by one.
    """
    layout = layer.first.layout
    units = math.prod(shape[len(shape) - len(layout.units) :])
    side_by_side = math.prod(shape) // (layer.fan_in * units)
    fans = layer.fan_in, units // layout.groups
    several = side_by_side * layout.groups
    draw_one = _matrix(layer, row, fans, shape)
    scale = _rescaling(row, layer, fans)

    def draw(key: Array) -> Array:
        if several == 1:
            return scale * draw_one(key).reshape(shape)
        drawn = jax.lax.map(draw_one, jax.random.split(key, several))
        if layout.groups > 1:
            drawn = jnp.moveaxis(drawn, 0, 1)
        return scale * drawn.reshape(shape)

    return draw


def _matrix(
    layer: WeightLayer, row: InitializerEntry, fans: tuple[int, int], shape: tuple[int, ...]
) -> _Draw:
    """The function `(key) -> matrix` of shape `fans`."""
    space = shape[len(layer.first.layout.apart) :][: len(layer.first.layout.space)]
    positions = math.prod(space)
    if row.distribution != "diagonal" or positions == 1:
        initializer = make_initializer(row, shapes=[fans])
        return lambda key: initializer(key, fans, jnp.float32)
    # A convolution passes its input on by its kernel's centre alone.
    centre = int(np.ravel_multi_index([(size - 1) // 2 for size in space], space))
    channels = fans[0] // positions, fans[1]
    initializer = make_initializer(row, shapes=[channels])

    def draw(key: Array) -> Array:
        kernel = jnp.zeros((positions, *channels)).at[centre].set(initializer(key, channels, jnp.float32))
        return kernel.reshape(fans)

    return draw


def _bias_draw(layer: WeightLayer, row: InitializerEntry, at: int, shape: tuple[int, ...]) -> _Draw:
    """The function `(bias_key) -> bias`, of `shape`, as the biases of layer `at` of a perceptron."""
    units = math.prod(shape)
    fans = layer.fan_in, units
    draw = make_biases(row, fans)
    if draw is None:
        return lambda key: jnp.zeros(shape)
    scale = _rescaling(row, layer, fans)
    return lambda key: scale * draw(key, at, fans).reshape(shape)


def _rescaling(row: InitializerEntry, layer: WeightLayer, fans: tuple[int, int]) -> float:
    """What turns independent draws for a matrix of shape `fans` into those for the layer's own fans."""
    if not row.is_independent or fans == (layer.fan_in, layer.fan_out):
        return 1.0
    return math.sqrt(row.variance(layer.fan_in, layer.fan_out) / row.variance(*fans))
