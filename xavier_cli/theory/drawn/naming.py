"""Names the distributions that the numbers of one parameter or layer do not contradict."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np

from xavier_cli.theory.drawn.contradiction import contradicts
from xavier_cli.theory.drawn.rules import RULES, Fans, Rule
from xavier_cli.theory.drawn.sample import Sample, measure, real
from xavier_cli.theory.drawn.shapes import NORMAL, TRUNCATED, UNIFORM, Shape
from xavier_cli.theory.drawn.structure import find_structure, without_copies
from xavier_cli.vocabulary.entry import TRUNCATED_STD
from xavier_cli.vocabulary.network_info import MOST_NAMES, Drawn

ENOUGH = 100
"""With fewer numbers a distribution is only said to be consistent with them."""
# The true one of k distributions is less likely than another by a factor of e^17 in k of 24 million cases.
_FAR_LESS_LIKELY = 17.0
_AS_LIKELY = 3.0
_SPARSE = 0.01


class Candidate(NamedTuple):
    """Fans to try: `of` says in words how they differ from the operation's own; `rules` what to try there."""

    fans: Fans
    of: str = ""
    rules: tuple[Rule, ...] = RULES


class _Fit(NamedTuple):
    name: str
    shape: Shape
    std: float
    is_rare: bool = False


def drawn_from(draws: Sequence[np.ndarray], candidates: Sequence[Candidate] = ()) -> Drawn:
    """What `draws`, one array of the same shape per seed, may have been drawn from.

    **Arguments:** `candidates`, the fans to try, the likeliest first: the operation's, then others'.
    """
    arrays = [real(draw) for draw in draws]
    if not arrays or not arrays[0].size:
        return Drawn(names=(), is_certain=False)
    whole = measure(arrays)
    if not whole.is_finite:
        return Drawn(names=())
    if whole.is_constant:
        return _constant(whole)
    distinct = _distinct(arrays)
    reduced = [without_copies(array) for array in distinct]
    repeats = reduced[0][1] if len({each for _, each in reduced}) == 1 else ""
    if repeats:
        distinct = [array for array, _ in reduced]
    found = _found(distinct, whole if len(distinct) == len(arrays) and not repeats else None, candidates)
    return found.model_copy(
        update={
            "seeds_alike": len(distinct) < len(arrays),
            "repeats": repeats,
            "mean": whole.mean,
            "std": whole.std,
            "bound": whole.bound,
            "kurtosis": whole.kurtosis if math.isfinite(whole.kurtosis) else None,
        }
    )


def _constant(sample: Sample) -> Drawn:
    value = sample.low
    name = {0.0: "zeros", 1.0: "ones"}.get(value, f"constant:value={value:g}")
    sure = sample.number > 1 or value in (0.0, 1.0)
    return Drawn(
        names=(name,), is_certain=sure, mean=value, std=0.0, bound=abs(value), nearest=name, named_std=0.0
    )


def _distinct(arrays: Sequence[np.ndarray]) -> list[np.ndarray]:
    """`arrays` without copies of earlier ones."""
    kept: list[np.ndarray] = []
    for array in arrays:
        if not any(np.array_equal(array.flat[:9], k.flat[:9]) and np.array_equal(array, k) for k in kept):
            kept.append(array)
    return kept


def _found(arrays: Sequence[np.ndarray], sample: Sample | None, candidates: Sequence[Candidate]) -> Drawn:
    sample = sample or measure(arrays)
    if sample.is_constant:
        return _constant(sample)
    if blocks := _blocks(arrays[0]):
        return Drawn(names=(blocks,))
    structures = [find_structure(array, sample.grain) for array in arrays]
    if structures[0] and all(each and each.name == structures[0].name for each in structures):
        name, std = structures[0]
        return Drawn(names=(name,), nearest=name, named_std=std)
    rows, rest = _without_zero_rows(arrays, sample)
    if rows:
        found = _found(rest, None, candidates)
        return found.model_copy(update={"zero_rows": rows})
    if sample.zeros > _SPARSE * sample.number:
        others = measure([array[array != 0] for array in arrays])
        kinds = [] if others.is_constant else [fit.name for fit in _unnamed(others)]
        told = f"sparse: {sample.zeros / sample.number:.0%} zeros, else {kinds[0]}" if kinds else ""
        return Drawn(names=(told,) if told else (), is_certain=others.number >= ENOUGH)
    return _independent(sample, candidates)


def _independent(sample: Sample, candidates: Sequence[Candidate]) -> Drawn:
    certain = sample.number >= ENOUGH
    unnamed = list(_unnamed(sample))
    at, fits = next(((each, fits) for each in candidates if (fits := _named(sample, each))), (None, []))
    if at and at.of:
        # Few values are so round that they would be met by chance.
        fits = [*fits, *(fit for fit in unnamed if _is_round(sample, fit))]
    fits = fits or unnamed
    names = tuple(dict.fromkeys(fit.name for fit in fits))
    nearest, std = _nearest(sample, candidates, unnamed)
    if at and fits and not at.of:
        nearest, std = fits[0].name, fits[0].std
    return Drawn(
        names=names if certain else names[:MOST_NAMES],
        fans=at.fans if at else None,
        fans_of=at.of if at else "",
        is_certain=certain or not names,
        nearest=nearest,
        named_std=std,
    )


def _named(sample: Sample, at: Candidate) -> list[_Fit]:
    """The rules that hold for a candidate's fans, the likeliest first, and the common before the rare."""
    fits = [_Fit(rule.name, rule.shape, rule.std(at.fans), rule.is_rare) for rule in at.rules]
    return _likeliest(sample, [fit for fit in fits if not contradicts(sample, fit.shape, fit.std)])


def _likeliest(sample: Sample, fits: Sequence[_Fit]) -> list[_Fit]:
    def log_likelihood(fit: _Fit) -> float:
        return fit.shape.log_likelihood(sample.number, sample.mean_square, fit.std)

    best = max(map(log_likelihood, fits), default=0.0)
    short = {fit: best - log_likelihood(fit) for fit in fits}
    kept = [fit for fit in fits if short[fit] < _FAR_LESS_LIKELY]
    return sorted(kept, key=lambda fit: (fit.is_rare, max(short[fit], _AS_LIKELY)))


def _nearest(
    sample: Sample, candidates: Sequence[Candidate], unnamed: Sequence[_Fit]
) -> tuple[str, float | None]:
    """The common name with the nearest standard deviation, of the kind of the numbers where it is known."""
    own = [each for each in candidates if not each.of][:1]
    kinds = {fit.shape.kind for fit in unnamed}
    known = [
        (rule.name, rule.std(each.fans))
        for each in own
        for rule in each.rules
        if not rule.is_rare and rule.depends_on != "fan_out" and (not kinds or rule.shape.kind in kinds)
    ]
    if not known or not sample.std:
        return "", None
    return min(known, key=lambda each: abs(math.log(each[1] / sample.std)))


def _unnamed(sample: Sample) -> list[_Fit]:
    """The kinds that fit with a scale of their own, as `normal:std=0.02`."""
    return _likeliest(sample, list(_with_own_scale(sample)))


def _with_own_scale(sample: Sample) -> Iterator[_Fit]:
    n, rms = sample.number, math.sqrt(sample.mean_square)
    fitted = {
        NORMAL.kind: rms,
        # A uniform's bound is known far better than its standard deviation.
        UNIFORM.kind: sample.bound * (n + 1) / n / UNIFORM.bound,
        TRUNCATED.kind: max(rms, sample.bound / TRUNCATED.bound),
    }
    for shape, name, factor in _SPELLED:
        if not contradicts(sample, shape, fitted[shape.kind]):
            value = _fewest_digits(sample, shape, fitted[shape.kind], factor)
            yield _Fit(f"{name}={value:g}", shape, value / factor)


# As the initializers of these names take it: a parameter, and what it is of a standard deviation.
_SPELLED = (
    (NORMAL, "normal:std", 1.0),
    (TRUNCATED, "truncated_normal:std", 1 / TRUNCATED_STD),
    (UNIFORM, "uniform:bound", math.sqrt(3)),
)


def _fewest_digits(sample: Sample, shape: Shape, std: float, factor: float) -> float:
    """`std · factor` with as few digits as the numbers do not contradict."""
    for digits in (1, 2, 3):
        rounded = float(f"{std * factor:.{digits}g}")
        if not contradicts(sample, shape, rounded / factor):
            return rounded
    return float(f"{std * factor:.4g}")


def _is_round(sample: Sample, fit: _Fit) -> bool:
    value = float(fit.name.rpartition("=")[2])
    return value == float(f"{value:.1g}") and not contradicts(sample, fit.shape, fit.std)


def _blocks(array: np.ndarray) -> str:
    """Biases of gates: zeros, but ones for the gate that forgets."""
    if array.ndim != 1 or not np.isin(array, (0.0, 1.0)).all():
        return ""
    for gates in (4, 3, 2):
        if array.size % gates == 0:
            parts = array.reshape(gates, -1)
            if np.all(parts == parts[:, :1]):
                return f"zeros, but ones in {int(parts[:, 0].sum())} of {gates} blocks"
    return ""


def _without_zero_rows(arrays: Sequence[np.ndarray], sample: Sample) -> tuple[int, list[np.ndarray]]:
    """The number of rows that are zero in all `arrays`, matrices, and the arrays without them."""
    if arrays[0].ndim != 2 or sample.zeros < arrays[0].shape[1] * len(arrays):
        return 0, []
    empty = np.all([~array.any(axis=1) for array in arrays], axis=0)
    rows = int(empty.sum())
    # Else zeros are strewn about.
    if not 0 < rows < len(empty) or sample.zeros > 1.01 * rows * arrays[0].shape[1] * len(arrays):
        return 0, []
    return rows, [array[~empty] for array in arrays]
