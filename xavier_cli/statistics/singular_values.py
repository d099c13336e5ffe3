"""Computes averages of the singular values of Jacobians, whole or known only by products with vectors."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

AVERAGES = ("mean", "rms", "geometric_mean", "max")

MOST_ROWS = 4096
"""A Jacobian of more rows, the classes, is not computed whole: its root mean square is estimated."""
RANDOM_VECTORS = 64
"""By so many products with random vectors per example."""

# Jacobians come in float32: what is smaller beside the largest singular value is rounding.
_ROUNDING = 8 * float(np.finfo(np.float32).eps)
_BLOCK = 2**14

Products = Callable[[int, np.ndarray], np.ndarray]
"""`(example, vectors) -> vectors @ J` of the example's Jacobian J, `(classes, inputs)`; `vectors` are float32
`(k, classes)`, the products `(k, inputs)`."""


class EndToEnd(NamedTuple):
    """The singular values of one network's dlogits/dx, averages over them, then over examples.

    **Attributes:** `averages`, those of `AVERAGES`, or `rms` alone where it is estimated; `error`, the
    estimate's standard error, 0 of exact ones; `is_in_batch`, whether logits of an example depend on the rest
    of the probe batch, which was held fixed.
    """

    averages: dict[str, float]
    error: float = 0.0
    is_in_batch: bool = False


def averages(values: np.ndarray) -> dict[str, float]:
    """Averages over singular values, `(examples, index)` in descending order, then over the examples."""
    with np.errstate(divide="ignore"):
        logs = np.log(values).mean(axis=1)
    return {
        "mean": float(values.mean()),
        "rms": float(np.sqrt((values**2).mean(axis=1)).mean()),
        "geometric_mean": float(np.exp(logs).mean()),
        "max": float(values[:, 0].mean()),
    }


def end_to_end(products: Products, examples: Sequence[int], classes: int, inputs: int) -> EndToEnd:
    """The averages of `examples`, known by `products`: exact up to `MOST_ROWS` classes, else an estimate.

    J has min(classes, inputs) singular values, also where a layer between is narrower and some are 0. NaN
    where a number is not finite.
    """
    if classes <= MOST_ROWS:
        every = np.eye(classes, dtype=np.float32)
        values = np.stack([singular_values(products(example, every)) for example in examples])
        return EndToEnd(averages(values))
    rms, errors = zip(
        *(
            estimated_rms(products(example, _random_signs(example, classes)), min(classes, inputs))
            for example in examples
        ),
        strict=True,
    )
    return EndToEnd({"rms": float(np.mean(rms))}, math.hypot(*errors) / len(errors))


def singular_values(jacobian: np.ndarray) -> np.ndarray:
    """All singular values of a `jacobian` `(rows, columns)` of float32 numbers, in descending order.

    By the smaller Gram matrix in float64, which resolves more than the numbers do; those that are rounding
    beside the largest are 0. NaN where a number is not finite.
    """
    count = min(jacobian.shape)
    if not np.all(np.isfinite(jacobian)):
        return np.full(count, np.nan)
    wide = jacobian if jacobian.shape[0] == count else jacobian.T
    gram = np.zeros((count, count))
    # In blocks, so that the whole is never copied in float64.
    for start in range(0, wide.shape[1], _BLOCK):
        block = wide[:, start : start + _BLOCK].astype(np.float64)
        gram += block @ block.T
    values: np.ndarray = np.sqrt(np.maximum(np.linalg.eigvalsh(gram)[::-1], 0.0))
    return np.where(values > _ROUNDING * values[0], values, 0.0)


def estimated_rms(products: np.ndarray, count: int) -> tuple[float, float]:
    """The root mean square of `count` singular values, and its standard error.

    **Arguments:** `products`, `(k, inputs)`, of J with k random vectors u of independent components of mean 0
    and variance 1: E|uJ|² is the sum of all squared singular values (Hutchinson 1990). NaN where a number is
    not finite.
    """
    if not np.all(np.isfinite(products)):
        return math.nan, math.nan
    squares = (products.astype(np.float64) ** 2).sum(axis=1) / count
    rms = math.sqrt(squares.mean())
    error = float(squares.std(ddof=1)) / math.sqrt(len(squares))
    return rms, error / (2 * rms) if rms else 0.0


def _random_signs(example: int, classes: int) -> np.ndarray:
    """Vectors of ±1, others for every example but the same in every framework, `(k, classes)`."""
    drawn = np.random.default_rng([example, classes]).integers(0, 2, (RANDOM_VECTORS, classes))
    return (2 * drawn - 1).astype(np.float32)
