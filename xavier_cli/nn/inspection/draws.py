"""Takes from drawn parameters the arrays of which it is asked what distribution they were drawn from."""

from __future__ import annotations

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from xavier_cli.nn.inspection.prepare import Prepared
from xavier_cli.nn.programs.taps import named_leaves


class Draws(NamedTuple):
    """The numbers of parameters and of layers, with an axis of seeds in front where these were stacked.

    **Attributes:** `parameters`, by name; `layers`, the effective weight of each weight layer, what is summed
    over first and units last: `(fan_in, fan_out)`, of a kernel `(*space, in, out)`; matrices side by side,
    as of experts, have an axis for that in front; `biases`, of each layer, None without one.
    """

    parameters: dict[str, np.ndarray]
    layers: list[np.ndarray]
    biases: list[np.ndarray | None]


def effective_weights(
    prepared: Prepared, params: Any, state: Any = None
) -> tuple[list[Array], list[Array | None]]:
    """The effective weight of each layer for one seed's `params`, units last, and its bias; can be traced.

    `state` as for `drawn_parameters`.
    """
    state = prepared.state if state is None else state
    program = prepared.tapped.program
    x = jnp.zeros(program.shape(program.inputs[len(jax.tree.leaves(params))]), jnp.float32)
    # Only what goes into the weights is computed: the rest is not asked for.
    _, passed = prepared.tapped.run(params, x, state, jax.random.key(0))
    found, biases = [], []
    for layer in prepared.layers:
        met, use = passed.layers[layer.first.site], layer.uses[0]
        weight = met.weight[use.rounds] if use.rounds else met.weight
        found.append(jnp.transpose(weight, layer.first.layout.units_last))
        biased = next((each for each in layer.uses if each.layer.bias is not None), None)
        bias = None if biased is None else passed.layers[biased.layer.site].bias
        biases.append(bias[biased.rounds] if bias is not None and biased and biased.rounds else bias)
    return found, biases


def drawn_parameters(prepared: Prepared, params: Any, state: Any = None) -> Draws:
    """The numbers of `params`, one seed's or stacked seeds', and of the layers' effective weights.

    **Arguments:** `state`, one seed's, on which a weight may depend (spectral normalization); without it that
    of the seed that the network was tried with.
    """
    leaves, program = jax.tree.leaves(params), prepared.tapped.program
    is_stacked = jnp.ndim(leaves[0]) == len(program.shape(program.inputs[0])) + 1

    def weights(params: Any) -> tuple[list[Any], list[Any]]:
        return effective_weights(prepared, params, state)

    run = jax.jit(lambda params: jax.lax.map(weights, params)) if is_stacked else jax.jit(weights)
    found, biases = run(params)

    def array(each: Any) -> np.ndarray:
        return np.asarray(each, np.float32)

    return Draws(
        {name: array(leaf) for name, leaf in named_leaves(params)},
        [array(each) for each in found],
        [None if each is None else array(each) for each in biases],
    )
