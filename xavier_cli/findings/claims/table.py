"""Judges claims about Table 1 and Figure 11, which need the paper's length, and may need its width."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from xavier_cli.findings.claims.errors import ALPHA, SOFTSIGN_NORMALIZED, STRICT_ALPHA, probability
from xavier_cli.findings.claims.few_seeds import fewest_seeds
from xavier_cli.findings.claims.measurements import check_late, described
from xavier_cli.findings.claims.paper_scale import PAPER_SCALE, PAPER_WIDTH, of_paper_width
from xavier_cli.findings.claims.requirements import (
    Evidence,
    NetworkKind,
    Requirements,
    select_runs,
)
from xavier_cli.findings.claims.saturation import SOFTSIGN, TANH, TANH_NORMALIZED
from xavier_cli.findings.claims.sigmoid import DEPTH_4, DEPTH_5
from xavier_cli.findings.claims.verdict import (
    FewSeedsError,
    Judgement,
    UndecidedError,
    Word,
    count,
    together,
)
from xavier_cli.findings.scores import final_error, late_error
from xavier_cli.runs.counting import error_curve
from xavier_cli.runs.record import Run
from xavier_cli.statistics.difference import SEEDS_FOR_A_TEST, Untested, difference_p
from xavier_cli.statistics.estimate import mean_over_seeds
from xavier_cli.statistics.multiple import holm
from xavier_cli.statistics.networks import two_proportions

ROWS = (SOFTSIGN, SOFTSIGN_NORMALIZED, TANH, TANH_NORMALIZED, DEPTH_5)
TABLE_1 = {
    "shapeset": (0.1627, 0.1606, 0.2715, 0.1560, 0.8261),
    "mnist": (0.0164, 0.0172, 0.0176, 0.0164, 0.0221),
    "cifar10": (0.5578, 0.538, 0.559, 0.5292, 0.5728),
    "small_imagenet": (0.6914, 0.6813, 0.7058, 0.6857, 0.7066),
}
"""Test errors as fractions, in the order of `ROWS`."""
TEST_EXAMPLES = 10_000

READINGS: Mapping[NetworkKind, Mapping[float, float]] = {
    DEPTH_5: {25e6: 0.833},
    DEPTH_4: {25e6: 0.35},
    TANH: {5e6: 0.48, 10e6: 0.39, 25e6: 0.275},
    SOFTSIGN: {5e6: 0.34, 10e6: 0.27, 25e6: 0.17},
    SOFTSIGN_NORMALIZED: {25e6: 0.165},
    TANH_NORMALIZED: {5e6: 0.34, 10e6: 0.26, 25e6: 0.158},
}
"""Figure 11: examples seen -> test error, read off the figure to a point or two."""
READ_TO = 2.0
"""Points to which the figure can be read."""


def bold(errors: Sequence[float]) -> tuple[bool, ...]:
    """Which networks of a column do not differ from its best: two-sided two-proportion z-test, p >= .005.

    `errors` are fractions of `TEST_EXAMPLES`. Uncorrected, since that reproduces the paper's pattern.
    """
    best, n = min(errors), TEST_EXAMPLES
    return tuple(two_proportions(error, best, n, n) >= STRICT_ALPHA for error in errors)


def table_1_bold(material: Evidence) -> Judgement:
    """The means over seeds have the paper's pattern, on Shapeset and on every other data set given.

    This is the paper's test, for the 10,000 answers of one network: a mean over seeds is treated as one.
    It does not hold where neither the means nor the networks of any seed have the pattern, and is undecided
    where those are narrower than the paper's.
    """
    words: list[Word] = []
    parts, shares = [], []
    columns = _columns(material)
    for data, runs in columns.items():
        wanted = bold(TABLE_1[data])
        same = np.array([bold(column) == wanted for column in _by_seed(data, runs)])
        of_means = bold([float(final_error(run).mean()) for run in runs]) == wanted
        words.append("holds" if of_means else "undecided" if same.any() else "does_not_hold")
        shares.append(same.mean())
        parts.append(
            f"on {data} the paper's pattern is {'' if of_means else 'not '}that of the means, and that of "
            f"{count(same)} ({described(material, *runs)})"
        )
    finding = Judgement(together(words), "; ".join(parts), float(np.mean(shares)))
    return of_paper_width(finding, *itertools.chain(*columns.values()))


def _by_seed(data: str, runs: Sequence[Run]) -> list[list[float]]:
    """A column of test errors for each seed that all rows have."""
    errors = [dict(zip(run.seeds.tolist(), final_error(run).tolist(), strict=True)) for run in runs]
    seeds = sorted(set.intersection(*(set(each) for each in errors)))
    if len(seeds) < fewest_seeds(PAPER_SCALE.seeds):
        raise FewSeedsError(
            f"needs {PAPER_SCALE.seeds} seeds that all five rows of {data} share; there are {len(seeds)}"
        )
    return [[each[seed] for each in errors] for seed in seeds]


def table_1_order(material: Evidence) -> Judgement:
    """Shapeset's three leaders have a lower error than tanh, and tanh than sigmoid: Holm over all 10 pairs.

    The order among the leaders is not tested: in the paper they do not differ significantly. It does not hold
    where a pair differs significantly the other way round, and is undecided where that is at less than the
    paper's width.
    """
    runs = select_runs(material, ROWS, PAPER_SCALE)
    errors = [_late(run) for run in runs]
    pairs = list(itertools.combinations(range(len(runs)), 2))
    sides = [(errors[i], errors[j], runs[i].seeds.tolist(), runs[j].seeds.tolist()) for i, j in pairs]
    p = dict(zip(pairs, holm([_tested(difference_p(*side)) for side in sides]), strict=True))
    tanh, sigmoid = ROWS.index(TANH), ROWS.index(DEPTH_5)
    asked = [(i, tanh) for i in range(len(ROWS)) if i not in (tanh, sigmoid)] + [(tanh, sigmoid)]
    words: list[Word] = []
    for better, worse in asked:
        apart = p[min(better, worse), max(better, worse)] < ALPHA
        rises = errors[better].mean() < errors[worse].mean()
        words.append("undecided" if not apart else "holds" if rises else "does_not_hold")
    largest = max(p[min(pair), max(pair)] for pair in asked)
    sure = f"the least sure of the four steps has p {probability(largest)}"
    if min(len(run.seeds) for run in runs) < SEEDS_FOR_A_TEST:
        sure = f"the four steps are not tested {Untested.NO_TEST}"
    evidence = f"{_levels(runs, errors)}; {sure}"
    finding = Judgement(together(words), f"{evidence} ({described(material, *runs)})", largest, ALPHA)
    return of_paper_width(finding, *runs)


def table_1_levels(material: Evidence) -> Judgement:
    """An estimate: how far every row of Shapeset is from the paper's, with the CI of the mean over seeds.

    The paper gives one network per row without its spread, and so no margin within which a row is the same.
    """
    runs = select_runs(material, ROWS, replace(PAPER_SCALE, seeds=1))
    errors = [_late(run) for run in runs]
    rows = zip(ROWS, errors, TABLE_1["shapeset"], strict=True)
    distances = [_distance(str(row), values, target) for row, values, target in rows]
    return _estimate(distances, "; ".join(each.words for each in distances), described(material, *runs))


def figure_11_readings(material: Evidence) -> Judgement:
    """An estimate: how far the curves are from every reading of the figure, with the CI over seeds.

    The readings are good to a point or two, and the paper gives no margin. It tells which curves are missing;
    any number of seeds will do, and of a training that was stopped the readings that it has come to.
    """
    scale = replace(PAPER_SCALE, seeds=1, is_whole=False)
    cells, missing = _there(material, tuple(READINGS), scale)
    found = dict(zip(cells, select_runs(material, cells, scale), strict=True))
    distances = [
        _distance(
            f"{cell} after {examples / 1e6:g} million examples",
            _error_at(run, examples / run.config.batch_size),
            target,
        )
        for cell, run in found.items()
        for examples, target in READINGS[cell].items()
        if _has_come_to(run, examples / run.config.batch_size)
    ]
    stopped = [f"{cell} ({run.updates[-1]:,})" for cell, run in found.items() if run.status != "complete"]
    if not distances:
        first = min(min(readings) for readings in READINGS.values())
        raise UndecidedError(
            f"needs a training of {first / 1e6:g} million examples; updates so far: {', '.join(stopped)}"
        )
    near = [each for each in distances if abs(each.points) <= READ_TO]
    below = [each for each in distances if each.points < -READ_TO]
    above = [each for each in distances if each.points > READ_TO]
    narrower = min(min(run.config.widths) for run in found.values()) < PAPER_WIDTH
    parts = {
        f"within {READ_TO:g} points ({len(near)} of {len(distances)} readings)": near,
        "lower than the paper's": below,
        "higher" + f", which may need the paper's width of {PAPER_WIDTH:,} or another rate" * narrower: above,
    }
    said = [f"{words}: {'; '.join(each.words for each in some)}" for words, some in parts.items() if some]
    tested = ", ".join(f"{n:,}" for n in sorted({run.config.eval_examples for run in found.values()}))
    said.append(f"before the end means of five records, on {tested} test examples that all seeds share")
    said += [f"stopped before their end (updates): {', '.join(stopped)}"] * bool(stopped)
    said += [f"not run: {', '.join(map(str, missing))}"] * bool(missing)
    return _estimate(distances, "; ".join(said), described(material, *found.values()))


def _has_come_to(run: Run, update: float) -> bool:
    """Whether `_error_at` has its records on both sides of `update`, or the run is over there."""
    return run.status == "complete" or int((run.updates > update).sum()) >= 2


def _there(
    material: Evidence, cells: Sequence[NetworkKind], scale: Requirements
) -> tuple[list[NetworkKind], list[NetworkKind]]:
    """Those of `cells` that have a run, and the others; raises `UndecidedError` where none has."""
    found, why = [], []
    for cell in cells:
        try:
            select_runs(material, [cell], scale)
        except UndecidedError as error:
            why.append(error)
        else:
            found.append(cell)
    if not found:
        raise why[0]
    return found, [cell for cell in cells if cell not in found]


class _Distance(NamedTuple):
    """How far errors are from the paper's, in points, and that in words."""

    points: float
    words: str


def _distance(name: str, errors: np.ndarray, target: float) -> _Distance:
    gap = mean_over_seeds(100 * (errors - target))
    interval = f", 95 % [{gap.low:+.1f}, {gap.high:+.1f}]" if np.isfinite(gap.low) else ""
    words = f"{name} {100 * errors.mean():.1f} (the paper's {100 * target:.4g}): {gap.mean:+.1f}{interval}"
    return _Distance(gap.mean, words)


def _estimate(distances: Sequence[_Distance], words: str, scale: str) -> Judgement:
    farthest = max(distances, key=lambda each: abs(each.points))
    evidence = f"test error %, points from the paper's: {words} ({scale})"
    return Judgement("estimate", evidence, farthest.points)


def _columns(material: Evidence) -> dict[str, tuple[Run, ...]]:
    """The five rows of every data set that has them; Shapeset must."""
    columns = {"shapeset": select_runs(material, ROWS, PAPER_SCALE)}
    for data in TABLE_1:
        try:
            columns.setdefault(data, select_runs(material, ROWS, replace(PAPER_SCALE, data=data)))
        except UndecidedError:
            continue
    return columns


def _late(run: Run) -> np.ndarray:
    check_late(run)
    return late_error(run)


def _tested(p: float) -> float:
    """`p`, or 1 where there is no test since nothing varies over seeds."""
    return 1.0 if np.isnan(p) else p


def _levels(runs: Sequence[Run], errors: Sequence[np.ndarray]) -> str:
    rows = zip(ROWS, errors, TABLE_1["shapeset"], strict=True)
    return "error % (the paper's): " + ", ".join(
        f"{row} {100 * error.mean():.1f} ({100 * level:.2f})" for row, error, level in rows
    )


def _error_at(run: Run, update: float) -> np.ndarray:
    """The test error after `update` updates, `(S,)`: at the end on all test examples.

    Before, on `eval_examples` of them, the mean over the five nearest records.
    """
    if run.status == "complete" and update >= run.updates[-1]:
        return final_error(run)
    nearest = np.argsort(np.abs(run.updates - update), kind="stable")[:5]
    return np.asarray(error_curve(run)[:, nearest].mean(axis=1))
