"""Differentiates the logits of any network of JAX's with respect to its inputs, example by example."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from xavier_cli.nn.inspection.prepare import Prepared, logits_of
from xavier_cli.nn.programs.taps import TappedNetwork, tap
from xavier_cli.statistics.singular_values import EndToEnd, end_to_end

_AT_ONCE = 16
"""So many rows of the Jacobian are computed together, of an example that is alone."""


def make_end_to_end(
    prepared: Prepared, x: Array, examples: Sequence[int]
) -> Callable[[Any, Any, Array], EndToEnd]:
    """The measurement `(params, state, key) -> EndToEnd` of `examples` among the probe examples `x`.

    An example's own logits are differentiated with respect to its own input, with the rest of the probe batch
    held fixed: under batch normalization its effect on the batch's statistics counts, through them the
    effect on others does not. Where its logits are the same without the others, it is computed alone.
    """
    network = prepared.tapped
    whole = jax.jit(lambda *arguments: network.run(*arguments)[0])
    in_batch = _products(network, 1)
    first = examples[0]
    one_alone: list[tuple[Callable[..., Array], Callable[..., Array]]] = []

    def measure(params: Any, state: Any, key: Array) -> EndToEnd:
        if not one_alone:
            alone = tap(logits_of(prepared.network), params, x[:1], state, key)
            one_alone.append(
                (jax.jit(lambda *arguments: alone.run(*arguments)[0]), _products(alone, _AT_ONCE))
            )
        run, by_itself = one_alone[0]
        logits = whole(params, x, state, key)
        is_alone = np.allclose(
            logits[first],
            run(params, x[first : first + 1], state, key)[0],
            rtol=1e-4,
            atol=1e-5 * float(jnp.max(jnp.abs(logits[first]))),
        )

        def products(example: int, vectors: np.ndarray) -> np.ndarray:
            if is_alone:
                return np.asarray(by_itself(params, x[example : example + 1], state, key, 0, vectors))
            return np.asarray(in_batch(params, x, state, key, example, vectors))

        found = end_to_end(products, examples, logits.shape[1], x[0].size)
        return found._replace(is_in_batch=not is_alone)

    return measure


def _products(network: TappedNetwork, at_once: int) -> Callable[..., Array]:
    """The compiled products of vectors `(k, classes)` with the Jacobian of the example at `at`."""

    def products(params: Any, x: Array, state: Any, key: Array, at: Array, vectors: Array) -> Array:
        def own(example: Array) -> Array:
            logits: Array = network.run(params, x.at[at].set(example), state, key)[0][at]
            return logits

        _, back = jax.vjp(own, x[at])
        return jax.lax.map(lambda vector: jnp.ravel(back(vector)[0]), vectors, batch_size=at_once)

    return jax.jit(products)
