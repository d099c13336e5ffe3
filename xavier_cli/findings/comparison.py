"""Ranks experiments on each data set, and tests which of them differ significantly."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from xavier_cli.config.differing import implied, own_differences
from xavier_cli.config.run import OBSERVATION_SETTINGS, RunConfig
from xavier_cli.config.settings import settings_where
from xavier_cli.findings.best_run import BestRun
from xavier_cli.findings.metric import TEST_ERROR, Metric
from xavier_cli.findings.ranked import (
    RankedExperiment,
    Setting,
    Verdict,
    VerdictKind,
    ranked,
    same_experiments,
)
from xavier_cli.runs.record import Run
from xavier_cli.statistics.effect import effect_size
from xavier_cli.statistics.networks import mcnemar
from xavier_cli.statistics.simultaneous import AllPairs
from xavier_cli.vocabulary.networks import AS_MADE

# With more rows their number of pairs would hide every difference: the best by validation error are tested.
MOST_ROWS_TESTED = 200
ROWS_TESTED_OF_MORE = 40

_UNTOLD = ("", AS_MADE)
_ALWAYS_SHOWN = settings_where(is_name=True, mention="always")

OTHER_RECORDS = "other records"
"""Why a number of updates was not tested: the runs were looked at after different numbers of updates."""


@dataclass(frozen=True)
class Section:
    """The experiments on one data set, the best first; experiments on different data sets are not compared.

    `varying` names the settings in which rows differ, and always `act` and `init`; `common` holds those that
    all rows share; `tests` is the number of pairs with a p. Intervals and p are corrected over `pairs`, all
    that have an interval; `moderated` says whether their variances were. Where there are too many rows, only
    `rows_tested` are in these pairs, and come first.
    """

    data: str
    rows: tuple[RankedExperiment, ...]
    varying: tuple[str, ...]
    common: Mapping[str, Setting]
    tests: int
    pairs: int = 0
    moderated: bool = False
    rows_tested: int | None = None


@dataclass(frozen=True)
class Comparison:
    """A section per data set, in the order of their first runs; `metric` is what was compared."""

    sections: tuple[Section, ...]
    metric: Metric = TEST_ERROR


def compare(
    experiments: Iterable[Run], choices: Sequence[BestRun] = (), metric: Metric = TEST_ERROR
) -> Comparison:
    """Rank and test experiments, given as runs of which no two differ only in their seeds.

    Runs that differ only in what was measured are one experiment, with the seeds of all. `choices` say how
    some runs were chosen among others, which the table marks. By default the test error at the last record is
    compared; runs without training are left out. Raises `ConfigError` for losses that cannot be compared.
    """
    by_data: dict[tuple[str, str], list[Run]] = {}
    for run in experiments:
        if run.updates[-1] > 0:
            # A path may have held different data at different times.
            digest = run.facts.sha256 if run.config.dataset.builtin is None else ""
            by_data.setdefault((run.config.data, digest), []).append(run)
    chosen = {choice.run.config: choice for choice in choices}
    sections = tuple(_section(data, runs, chosen, metric) for (data, _), runs in by_data.items())
    return Comparison(sections, metric)


def _section(data: str, runs: Sequence[Run], choices: Mapping[RunConfig, BestRun], metric: Metric) -> Section:
    metric.refuse_mixed(runs)
    rows = [
        replace(ranked(alike, metric), choice=choices.get(alike[0].config))
        for alike in same_experiments(runs)
    ]
    # An unfinished run is shown below the finished ones, and one without a value for some seed between them.
    rows.sort(key=lambda row: (row.status != "complete", len(row.without), _mean_or_last(row)))
    finished = [index for index, row in enumerate(rows) if row.is_ranked]
    chosen = finished
    if len(finished) > MOST_ROWS_TESTED:
        by_validation = sorted(finished, key=lambda index: rows[index].valid_error.mean)
        chosen = sorted(by_validation[:ROWS_TESTED_OF_MORE])
        rows = [rows[i] for i in (*chosen, *(i for i in range(len(rows)) if i not in chosen))]
    every = AllPairs([(row.values, row.seeds) for row in rows[: len(chosen)]])
    verdicts = _verdicts(rows, len(chosen), every, metric)
    settings = {name: [row.settings.get(name, "") for row in rows] for name in rows[0].settings}
    shown = {*_ALWAYS_SHOWN, *(name for row in rows if row.choice for name in row.choice.over)}
    # A setting that does not apply to a row, or is its network's own, tells nothing of it.
    shown = {name for name in shown if any(value not in _UNTOLD for value in settings.get(name, ()))}
    configs = [row.run.config for row in rows]
    follows, own = implied(configs) - {"coding"}, own_differences(configs)
    varying = [
        name
        for name, values in settings.items()
        if name in shown
        or name in own
        or (name not in follows and len({value for value in values if value not in _UNTOLD}) > 1)
    ]
    # The searched rates are a difference only where searches differ in them.
    if len({row.run.config.search for row in rows} - {()}) < 2:
        varying = [name for name in varying if name != "searched"]
    told_by = [name for name in varying if name not in OBSERVATION_SETTINGS]
    for name in (name for name in OBSERVATION_SETTINGS if name in varying):
        if len({tuple(row.settings.get(each) for each in told_by) for row in rows}) < len(rows):
            told_by.append(name)
    common = {name: values[0] for name, values in settings.items() if len(set(values)) == 1}
    return Section(
        data=data,
        rows=tuple(replace(row, verdict=verdict) for row, verdict in zip(rows, verdicts, strict=True)),
        varying=tuple(told_by),
        common={
            name: value for name, value in common.items() if name not in varying and value not in _UNTOLD
        },
        tests=every.tests,
        pairs=every.pairs,
        moderated=every.moderated,
        rows_tested=len(chosen) if len(chosen) < len(finished) else None,
    )


def _mean_or_last(row: RankedExperiment) -> float:
    """Where a row ranks among those of its kind: one without any value is the last."""
    mean = row.estimate.mean
    return math.inf if math.isnan(mean) else mean


def _verdicts(
    rows: Sequence[RankedExperiment], tested: int, every: AllPairs, metric: Metric
) -> list[Verdict]:
    """A verdict per row; the first `tested` rows, of which `every` holds the pairs, are compared."""
    verdicts = []
    for index, row in enumerate(rows):
        if not row.is_ranked:
            verdicts.append(Verdict("not_tested", why=_unranked(row, metric)))
        elif index == 0 or tested < 2:
            verdicts.append(Verdict("best"))
        elif index < tested:
            verdicts.append(_against(row, rows[0], every, index, metric))
        else:
            verdicts.append(Verdict("not_tested", why=f"over {MOST_ROWS_TESTED} rows"))
    return verdicts


def _unranked(row: RankedExperiment, metric: Metric) -> str:
    if row.status != "complete":
        return f"{row.status} at {row.updates_done:,} of {row.run.config.updates:,}"
    return metric.missing(len(row.without), len(row.seeds))


def _against(
    row: RankedExperiment, best: RankedExperiment, every: AllPairs, index: int, metric: Metric
) -> Verdict:
    """The verdict on the row at `index` of the pairs, whose first is the best."""
    gap = every.difference(index, 0)
    effect = effect_size(row.values, best.values, row.seeds, best.seeds)
    if metric.threshold is not None and not _same_records(row, best):
        # A threshold is found at a record, so that records further apart find it later.
        return Verdict("not_tested", why=OTHER_RECORDS)
    if gap.untested is None:
        kind: VerdictKind = "told_apart" if gap.leaves_zero else "not_told_apart"
        return Verdict(kind, gap, every.corrected(gap.p), effect=effect)
    p_networks = math.nan
    correct = "final/test_correct"
    # The answers of a network that diverged are those of its frozen weights: its error is chance instead.
    single = len(row.seeds) == len(best.seeds) == 1 and not (row.diverged or best.diverged)
    if metric == TEST_ERROR and single and correct in row.run and correct in best.run:
        p_networks = mcnemar(row.run[correct][0], best.run[correct][0])
    return Verdict("not_tested", gap, p_networks=p_networks, why=gap.untested, effect=effect)


def _same_records(row: RankedExperiment, best: RankedExperiment) -> bool:
    """Whether both were looked at after the same updates, up to the last value of a seed of theirs."""
    last = max(*row.values, *best.values)
    records = {tuple(r.updates[r.updates <= last].tolist()) for each in (row, best) for r in each.runs}
    return len(records) == 1
