"""Looks at one network of JAX again and again while somebody's own loop trains it; compiled once."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from xavier_cli.data.answers import class_axis
from xavier_cli.data.spread import PROBE_EXAMPLES, spread_over
from xavier_cli.nn.adapters.held import HeldNetwork
from xavier_cli.nn.inspection.draws import drawn_parameters
from xavier_cli.nn.inspection.held import prepare_held
from xavier_cli.nn.losses import cross_entropy
from xavier_cli.training.engine.architectures.finding import bins_of
from xavier_cli.training.probes.network_probe import make_network_probe
from xavier_cli.vocabulary.error_line import one_line
from xavier_cli.vocabulary.network_info import NetworkError, NetworkInfo

_SAME = 1e-3
"""So near are two parts of a mean loss to the whole, relative to it."""


class WatchedFunctions:
    """A network of somebody's training in JAX, and the examples that it is looked at on.

    **Arguments:** `model` as for `HeldNetwork`; `x`, `(examples, …)`, and `y`, with as many in front, of
    which at most 300, evenly spread, are taken; `loss`, `(answer, y) -> loss`, of every example or one
    number, their mean or sum, None for the cross-entropy of logits; `params` and `state`, the first numbers.

    Raises `NetworkError`: one line that says what cannot be looked at, and what to do.
    """

    def __init__(self, model: Any, x: Any, y: Any, loss: Callable[..., Any] | None, params: Any, state: Any):
        self._x, self._y = _few(x, "x"), _few(y, "y")
        self._loss = loss
        self._key = jax.random.key(0)
        self._held = HeldNetwork(model, self._x[:1], params, state)
        self.name = "network" if isinstance(model, tuple) and callable(model[0]) else type(model).__name__
        numbers = self._held.numbers(params, state)
        self._prepared = prepare_held(self._held, self.name, *numbers, self._x)
        self._numbers = numbers
        answer = self._shape_of_answer(*numbers)
        logits = logits_of(answer)
        self._axis = None if logits is None else _axis(logits, self._y)
        self.classes = 0 if logits is None or self._axis is None else int(logits.shape[self._axis])
        if self.classes and int(self._y.min()) < 0:
            raise NetworkError(f"y holds class {int(self._y.min())}: classes are counted from 0")
        if self.classes and int(self._y.max()) >= self.classes:
            raise NetworkError(
                f"y holds class {int(self._y.max())}, but its answer has {self.classes} classes, from 0"
            )
        self._factor, self._remark = self._scale(numbers, answer)
        bins = bins_of(self._prepared.layers)
        self.edges = {tensor: each.edges for tensor, each in bins.items()}
        measure = make_network_probe(
            self._prepared.tapped,
            self._prepared.layers,
            lambda each: each,
            lambda each, labels: jnp.sum(self._losses(each, labels)) * self._factor,
            bins,
        )
        self._observe = jax.jit(
            lambda params, state, x, y, key: (
                measure(y, params, x, state, key) | self._in_use(params, state, x, y, key)
            )
        )

    @property
    def holds_numbers(self) -> bool:
        """Whether the model itself changes as it is trained, so that its parameters need not be given."""
        return self._held.holds_numbers

    @property
    def labels(self) -> np.ndarray:
        """The labels of the examples."""
        return np.asarray(self._y)

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of one example."""
        return tuple(self._x.shape[1:])

    def first(self) -> tuple[NetworkInfo, dict[str, list[np.ndarray]], list[list[np.ndarray]]]:
        """What the network is: its layers and parameters, and their numbers, one array for the one seed."""
        params, state = self._numbers
        stacked = jax.tree.map(lambda each: jnp.asarray(each)[None], params)
        draws = drawn_parameters(self._prepared, stacked, state)
        info = self._prepared.info
        if self._remark:
            info = info.model_copy(update={"notes": (*info.notes, self._remark)})
        return (
            info,
            {name: [*each] for name, each in draws.parameters.items()},
            [[*each] for each in draws.layers],
        )

    def look(self, params: Any, state: Any) -> dict[str, np.ndarray]:
        """The statistics of the network with the loop's numbers, by path in the run file; `loss`, `error`.

        As it trains, batch normalization by the examples' own statistics, but with nothing dropped; loss and
        error as it is used. Nothing of the loop's is changed.
        """
        numbers = self._held.numbers(params, state)
        shapes, wanted = (jax.tree.map(jnp.shape, each) for each in (numbers[0], self._numbers[0]))
        if shapes != wanted:
            raise NetworkError("its parameters have other names or shapes than before training")
        found = self._guarded(self._observe)(*numbers, self._x, self._y, self._key)
        return {path: np.asarray(each) for path, each in jax.device_get(found).items()}

    def forget_first(self) -> None:
        """Let go of the numbers of the first look; their shapes stay."""
        params, state = self._numbers
        self._numbers = jax.eval_shape(lambda: params), jax.eval_shape(lambda: state)

    def _in_use(self, params: Any, state: Any, x: Array, y: Array, key: Array) -> dict[str, Array]:
        answer, _ = self._held.network.apply(params, state, x, key, "evaluate")
        logits = logits_of(answer)
        error = jnp.float32(jnp.nan)
        if logits is not None and self._axis is not None:
            error = jnp.mean(jnp.argmax(logits, axis=self._axis) != y)
        loss = jnp.sum(self._losses(answer, y)) * self._factor / len(y)
        return {"loss": loss, "error": error}

    def _losses(self, answer: Any, y: Array) -> Array:
        """Each example's loss, or one number; parts of an example are averaged."""
        is_half = isinstance(answer, jax.Array) and answer.dtype in (jnp.float16, jnp.bfloat16)
        answer = answer.astype(jnp.float32) if is_half else answer
        if self._loss is None:
            logits = logits_of(answer)
            if logits is None or self._axis is None:
                raise NetworkError(
                    f"its answer is no set of logits for y of shape {y.shape}, {y.dtype}: give classes as "
                    "whole numbers, or the `loss` that it is trained by"
                )
            return cross_entropy(jnp.moveaxis(logits, self._axis, -1).astype(jnp.float32), y)
        losses = jnp.asarray(self._loss(answer, y))
        if not jnp.issubdtype(losses.dtype, jnp.floating):
            raise NetworkError(f"`loss(answer, y)` returns {losses.dtype}: return real numbers")
        return losses.astype(jnp.promote_types(losses.dtype, jnp.float32))

    def _scale(self, numbers: Any, answer: Any) -> tuple[float, str]:
        """By what the sum of what the loss returns is to be multiplied to be that of all examples' losses."""
        n = len(self._y)
        losses = self._guarded(jax.eval_shape)(self._losses, answer, self._y)
        if losses.size > 1:
            if losses.shape[0] != n and losses.size % n:
                raise NetworkError(
                    f"its loss has shape {losses.shape} for {n} examples: return one number, or one for each"
                )
            return n / losses.size, ""
        logits = logits_of(answer)
        if logits is not answer or len(answer.shape) == 0 or answer.shape[0] != n or n < 2:
            return float(n), ""
        first = n // 2

        def parts(params: Any, state: Any, x: Array, y: Array, key: Array) -> list[Array]:
            found, _ = self._held.network.apply(params, state, x, key, "look")
            every = (slice(None), slice(first), slice(first, None))
            return [jnp.sum(self._losses(found[part], y[part])) for part in every]

        whole, *halves = map(float, self._guarded(jax.jit(parts))(*numbers, self._x, self._y, self._key))
        share = first / n
        near = _SAME * max(abs(whole), 1e-6)
        is_mean = abs(share * halves[0] + (1 - share) * halves[1] - whole) <= near
        is_sum = abs(sum(halves) - whole) <= near
        if is_mean or is_sum:
            return (float(n) if is_mean else 1.0), ""
        return float(n), (
            "Its loss is of the whole batch, no mean over examples: dC/ds is of it, times their number."
        )

    def _shape_of_answer(self, params: Any, state: Any) -> Any:
        return self._guarded(jax.eval_shape)(
            lambda: self._held.network.apply(params, state, self._x, self._key, "look")[0]
        )

    def _guarded(self, function: Callable[..., Any]) -> Callable[..., Any]:
        """`function`, whose errors are `NetworkError` of one line; at full precision."""

        def call(*arguments: Any) -> Any:
            try:
                with jax.default_matmul_precision("highest"):
                    return function(*arguments)
            except NetworkError:
                raise
            except Exception as error:
                raise NetworkError(f"`{self.name}` cannot be measured: {one_line(error)}") from error

        return call


def logits_of(answer: Any) -> Any:
    """What of an answer are its logits: itself, its `logits`, or its first part; None where it has none."""
    answer = getattr(answer, "logits", answer)
    if isinstance(answer, (tuple, list)) and answer:
        answer = answer[0]
    has_shape = hasattr(answer, "shape") and hasattr(answer, "dtype")
    return answer if has_shape and jnp.issubdtype(answer.dtype, jnp.floating) else None


def _axis(logits: Any, y: Array) -> int | None:
    if not jnp.issubdtype(y.dtype, jnp.integer):
        return None
    return class_axis(tuple(logits.shape), tuple(y.shape), "last")


def _few(values: Any, name: str) -> Array:
    """At most 300 of the examples, evenly spread."""
    try:
        values = values if isinstance(values, jax.Array) else np.asarray(values)
        is_there = bool(values.ndim and len(values))
    except (TypeError, ValueError) as error:
        raise NetworkError(f"examples: {name} is no array: {one_line(error)}") from None
    if not is_there:
        raise NetworkError(f"examples: {name} is empty: give examples to measure the network on")
    few = jnp.asarray(values[spread_over(len(values), min(len(values), PROBE_EXAMPLES))])
    if jnp.issubdtype(few.dtype, jnp.floating) and not bool(jnp.isfinite(few).all()):
        raise NetworkError(f"examples: {name} holds NaN or infinity: leave such examples out")
    return few
