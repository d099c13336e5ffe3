"""Runs a network for the first time: are its numbers finite, is it a function, do examples stand alone?"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jax.extend.core import ClosedJaxpr

from xavier_cli.nn.programs.layers import Use, gather, in_its_rounds
from xavier_cli.nn.programs.program import written_numbers
from xavier_cli.nn.programs.taps import tap
from xavier_cli.nn.user_functions import refuse_callbacks
from xavier_cli.vocabulary.network_info import BATCH_DEPENDENT
from xavier_cli.vocabulary.user_code import guarded
from xavier_cli.vocabulary.user_functions import UserFunctionError

QUICK = {"xla_backend_optimization_level": 0}
"""For programs that run once or twice: without optimization XLA compiles random draws five times as fast."""


def first_pass(
    word: str, logits: Callable[..., Array], params: Any, state: Any, x: Array, key: Array
) -> list[str]:
    """Sentences about the network `logits(params, x, state, key)` on a few examples `x`.

    Raises `UserFunctionError`: where NaN or infinity appears first, that it calls Python back, or that it
    does something else each time it is called.
    """
    arguments = params, x, state, key
    first = jax.make_jaxpr(logits)(*arguments)
    refuse_callbacks(word, first)
    if numbers_of(first) != numbers_of(jax.make_jaxpr(lambda *each: logits(*each))(*arguments)):
        raise UserFunctionError(
            f"`{word}`: its network does something else each time it is called with the same numbers: draw "
            "noise from a key, as the framework's dropout does"
        )
    tapped = tap(logits, *arguments)
    layers = gather(tapped.layers)

    def look(*arguments: Any) -> tuple[Array, list[dict[str, Array]]]:
        answer, passed = tapped.run(*arguments)

        def finite(use: Use) -> dict[str, Array]:
            met = passed.layers[use.layer.site]
            depth = len(use.layer.loops)
            weight = met.weight[use.rounds] if use.rounds else met.weight
            parts = {
                "weight": weight,
                "entering": in_its_rounds(use, met.entering, depth),
                "leaving": in_its_rounds(use, met.s, depth),
            }
            return {name: jnp.all(jnp.isfinite(each)) for name, each in parts.items()}

        return answer, [finite(layer.uses[0]) for layer in layers]

    look = guarded(word, jax.jit(look, compiler_options=QUICK), " fails at the first pass")
    answer, finite = look(*arguments)
    for layer, each in zip(layers, finite, strict=True):
        for what, told in _NOT_FINITE.items():
            if not each[what]:
                raise UserFunctionError(f"`{word}`: at the first pass {told.format(f'`{layer.name}`')}")
    if not np.isfinite(answer).all():
        raise UserFunctionError(
            f"`{word}`: at the first pass its logits hold NaN or infinity, though all that leaves its weight "
            "layers is finite: check what it does after the last one"
        )
    others, _ = look(params, x.at[0].set(x[0] / 2 + 0.25), state, key)
    again, _ = look(params, x, state, jax.random.fold_in(key, 1))
    return [
        *_probabilities(answer),
        *_by_chance(np.asarray(answer), np.asarray(again)),
        *_in_company(np.asarray(answer)[1:], np.asarray(others)[1:]),
    ]


_NOT_FINITE = {
    "weight": "the weight of layer {} holds NaN or infinity: it is drawn so",
    "entering": "NaN or infinity enters layer {}, the first where it appears",
    "leaving": "NaN or infinity leaves layer {}, the first where it appears, though what enters is finite",
}


def _probabilities(answer: Array) -> list[str]:
    values = np.asarray(answer, np.float64)
    if values.shape[1] < 2 or np.any(values < 0) or not np.allclose(values.sum(1), 1, atol=1e-3):
        return []
    return [
        "Its outputs add up to 1 for every example, as probabilities do: return logits, without a softmax."
    ]


def _by_chance(answer: np.ndarray, again: np.ndarray) -> list[str]:
    if np.allclose(answer, again, rtol=1e-4, atol=1e-6):
        return []
    return ["It draws random numbers when it runs, so that its statistics are of one draw of them."]


def _in_company(alone: np.ndarray, others: np.ndarray) -> list[str]:
    if np.allclose(alone, others, rtol=1e-4, atol=1e-6):
        return []
    return [BATCH_DEPENDENT]


def numbers_of(closed: ClosedJaxpr) -> list[bytes]:
    """All numbers that are written into a program, in order: equal for two traces of a function."""
    return [_bytes(each) for each in written_numbers(closed.jaxpr, closed.consts)]


def _bytes(number: Any) -> bytes:
    is_key = jnp.issubdtype(getattr(number, "dtype", np.float32), jax.dtypes.prng_key)
    return np.asarray(jax.random.key_data(number) if is_key else number).tobytes()
