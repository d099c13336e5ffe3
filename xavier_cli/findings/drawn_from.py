"""Says which named distributions an array of weights may have been drawn from.

Numbers contradict a distribution if they lie outside its support, if their mean or mean square is further
from it than chance allows, or if their empirical distribution function is (Kolmogorov-Smirnov). Each test is
at 4.7 standard errors, one chance in 400,000, so that a network of 200 layers keeps its true names in 999 of
1,000 cases; a scale 5 % off is 7.25 standard errors away in a normal layer of 10,000 numbers.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from scipy.special import ndtr

from xavier_cli.vocabulary.entry import TRUNCATED_STD
from xavier_cli.vocabulary.initializers import INITIALIZERS

ENOUGH = 100
"""With fewer numbers a distribution is only said to be consistent with them."""
STANDARD_ERRORS = 4.7
# P(sup |F_n - F| √n > K) is about 2 exp(-2 K²), at 4.7 standard errors' chance.
_KOLMOGOROV = math.sqrt(-math.log(1.3e-6) / 2)
_MOST_SORTED = 1_000_000
# The widest gap between arithmetic in 32 bits and in 64.
_ROUNDING = 1e-5

Fans = tuple[int, int]


class Shape(NamedTuple):
    """A distribution of unit variance: its kind, largest magnitude, kurtosis and distribution function."""

    kind: str
    bound: float
    kurtosis: float
    cdf: Callable[[np.ndarray], np.ndarray]


def _truncated_cdf(x: np.ndarray) -> np.ndarray:
    low, high = ndtr(-2.0), ndtr(2.0)
    return np.clip((ndtr(x * TRUNCATED_STD) - low) / (high - low), 0, 1)


UNIFORM = Shape("uniform", math.sqrt(3), 1.8, lambda x: np.clip((x / math.sqrt(3) + 1) / 2, 0, 1))
NORMAL = Shape("normal", math.inf, 3.0, ndtr)
# The fourth moment of a normal truncated at 2σ over the square of its second.
TRUNCATED = Shape("truncated normal", 2 / TRUNCATED_STD, 2.3655, _truncated_cdf)
SHAPES = (UNIFORM, TRUNCATED, NORMAL)


class Rule(NamedTuple):
    """A named distribution: its variance for `(fan_in, fan_out)`."""

    name: str
    shape: Shape
    variance: Callable[[int, int], float]


def _rules() -> Iterator[Rule]:
    shapes = {shape.kind: shape for shape in SHAPES}
    for name in (
        *("normalized", "standard", "he_uniform", "lecun_uniform"),
        *("glorot_normal", "he_normal", "lecun_normal"),
    ):
        word = INITIALIZERS[name]
        yield Rule(name, shapes[word.distribution], word.variance)
        if word.distribution == "truncated normal":
            # PyTorch's of that name are not truncated.
            yield Rule(f"{name}, not truncated", NORMAL, word.variance)
    yield Rule(
        "truncated normal, std 1/√fan_in before truncation",
        TRUNCATED,
        lambda fan_in, fan_out: TRUNCATED_STD**2 / fan_in,
    )
    yield Rule("normal, std 1/√fan_out", NORMAL, lambda fan_in, fan_out: 1 / fan_out)


RULES = tuple(_rules())


@dataclass(frozen=True)
class DrawnFrom:
    """What an array may have been drawn from.

    `names` are the named distributions that its numbers do not contradict, the most specific first, empty
    for none of these; `fans` the fans for which the first of them holds, where that matters. `is_certain` is
    false for too few numbers. `std`, `mean`, `bound` (largest magnitude) and `kurtosis` are measured.
    """

    names: tuple[str, ...]
    fans: Fans | None
    is_certain: bool
    mean: float
    std: float
    bound: float
    kurtosis: float

    @property
    def text(self) -> str:
        """In words: `he_normal`, `consistent with zeros`, `none of these: mean 0.1, std 0.3, ...`."""
        if not self.names:
            return (
                f"none of these: mean {self.mean:.3g}, std {self.std:.3g}, largest {self.bound:.3g}, "
                f"kurtosis {self.kurtosis:.3g}"
            )
        told = " or ".join(self.names)
        return told if self.is_certain else f"consistent with {told}"


def drawn_from(draws: Sequence[np.ndarray], fans: Sequence[Fans]) -> DrawnFrom:
    """What `draws`, one array of the same shape per seed, may have been drawn from.

    **Arguments:** `fans`, the fans to try, the likeliest first: the operation's, and those of a framework.
    """
    values = np.concatenate([np.ravel(np.asarray(draw, np.float64)) for draw in draws])
    names, of = _names(draws, values, fans)
    mean, std = float(values.mean()), float(values.std())
    spread = values - mean
    kurtosis = float(np.mean(spread**4) / std**4) if std else math.nan
    exact = bool(names) and not std
    return DrawnFrom(
        tuple(names),
        of,
        exact or values.size >= ENOUGH,
        mean,
        std,
        float(np.max(np.abs(values))),
        kurtosis,
    )


def _names(
    draws: Sequence[np.ndarray], values: np.ndarray, fans: Sequence[Fans]
) -> tuple[list[str], Fans | None]:
    if not np.all(np.isfinite(values)):
        return [], None
    if np.all(values == values[0]):
        of_constant = {0.0: "zeros", 1.0: "ones"}
        return [of_constant.get(values[0], f"constant:value={values[0]:g}")], None
    structured = _structured(draws)
    if structured:
        return [structured], None
    zeros = np.mean(values == 0)
    if zeros > 0.01:
        rest = values[values != 0]
        kinds = [name for name, _ in _unnamed(rest)]
        return [f"sparse: {zeros:.0%} zeros, else {kinds[0]}"] if kinds else [], None
    found: list[tuple[str, Fans]] = []
    for each in dict.fromkeys(fans):
        for rule in RULES:
            known = [name for name, _ in found]
            if rule.name not in known and not contradicts(values, rule.shape, rule.variance(*each) ** 0.5):
                found.append((rule.name, each))
        if found:
            return [name for name, _ in found], each
    return [name for name, _ in _unnamed(values)], None


def contradicts(values: np.ndarray, shape: Shape, std: float) -> str:
    """Why `values` (flat) were not drawn from `shape` with this standard deviation; empty if they may be."""
    x = values / std
    n = x.size
    if np.max(np.abs(x)) > shape.bound * (1 + _ROUNDING):
        return "support"
    if abs(np.mean(x)) * math.sqrt(n) > STANDARD_ERRORS:
        return "mean"
    if abs(np.mean(x**2) - 1) > STANDARD_ERRORS * math.sqrt((shape.kurtosis - 1) / n):
        return "scale"
    if _distance(x, shape) > _KOLMOGOROV:
        return "shape"
    return ""


def _distance(x: np.ndarray, shape: Shape) -> float:
    """√n times the largest distance between the empirical and the expected distribution function."""
    if x.size > _MOST_SORTED:
        x = x[:: math.ceil(x.size / _MOST_SORTED) | 1]
    n = x.size
    expected = shape.cdf(np.sort(x))
    steps = np.arange(n + 1) / n
    return float(math.sqrt(n) * max(np.max(steps[1:] - expected), np.max(expected - steps[:-1])))


def _unnamed(values: np.ndarray) -> Iterator[tuple[str, float]]:
    """The kinds that fit with a scale of their own, as `normal:std=0.02`."""
    n, std = values.size, float(np.sqrt(np.mean(values**2)))
    for shape in SHAPES:
        # A uniform's bound is known far better than its standard deviation.
        fitted = float(np.max(np.abs(values))) * (n + 1) / n / math.sqrt(3) if shape is UNIFORM else std
        if shape is TRUNCATED:
            fitted = max(std, float(np.max(np.abs(values))) / shape.bound)
        if contradicts(values, shape, fitted):
            continue
        if shape is UNIFORM:
            yield f"uniform:bound={_round(values, shape, fitted, math.sqrt(3)):g}", fitted
        elif shape is TRUNCATED:
            yield f"truncated_normal:std={_round(values, shape, fitted, 1 / TRUNCATED_STD):g}", fitted
        else:
            yield f"normal:std={_round(values, shape, fitted, 1.0):g}", fitted


def _round(values: np.ndarray, shape: Shape, std: float, per_std: float) -> float:
    """`std · per_std` with as few digits as the numbers do not contradict."""
    for digits in (1, 2, 3):
        rounded = float(f"{std * per_std:.{digits}g}")
        if not contradicts(values, shape, rounded / per_std):
            return rounded
    return float(f"{std * per_std:.4g}")


def _structured(draws: Sequence[np.ndarray]) -> str:
    """Arrays whose numbers depend on each other: identities, deltas, orthogonal matrices."""
    first = np.asarray(draws[0], np.float64)
    if first.ndim < 2 or min(first.shape[-2:]) < 2:
        return ""
    matrix = first.reshape(-1, first.shape[-1])
    nonzero = np.flatnonzero(matrix)
    if nonzero.size and nonzero.size <= min(first.shape[-2:]) and np.ptp(matrix.ravel()[nonzero]) == 0:
        if first.ndim == 2 and np.array_equal(matrix, matrix.flat[0] * np.eye(*matrix.shape)):
            return "identity"
        if first.ndim > 2:
            return "delta"
    for layout in (matrix, first.reshape(first.shape[0], -1)):
        tall = layout if layout.shape[0] >= layout.shape[1] else layout.T
        gram = tall.T @ tall
        scale = float(np.mean(np.diag(gram)))
        if scale and gram.shape[0] > 1 and np.allclose(gram / scale, np.eye(len(gram)), atol=2e-4):
            gain = math.sqrt(scale)
            return "orthogonal" if abs(gain - 1) < 1e-4 else f"orthogonal:gain={gain:.3g}"
    return ""
