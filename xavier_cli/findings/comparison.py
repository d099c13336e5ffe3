"""Ranks experiments on each data set, and tests which of them differ significantly."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np

from xavier_cli.config.run import LOOKS, OBSERVATION_SETTINGS, SEARCHABLE, RunConfig
from xavier_cli.config.settings import settings_where
from xavier_cli.findings import scores
from xavier_cli.findings.best_run import BestRun
from xavier_cli.runs.record import Run, Status
from xavier_cli.statistics.difference import Difference
from xavier_cli.statistics.effect import Effect, effect_size
from xavier_cli.statistics.estimate import Estimate, mean_over_seeds
from xavier_cli.statistics.networks import mcnemar
from xavier_cli.statistics.simultaneous import AllPairs

# With more rows their number of pairs would hide every difference: the best by validation error are tested.
MOST_ROWS_TESTED = 200
ROWS_TESTED_OF_MORE = 40

# Settings without a column: the data set heads the section, and seeds are counted.
_NOT_A_COLUMN = ("data", *settings_where(role="layout"))
_ALWAYS_SHOWN = settings_where(is_name=True)

Setting = str | int | float
VerdictKind = Literal["best", "told_apart", "not_told_apart", "not_tested"]


@dataclass(frozen=True)
class Verdict:
    """The comparison of a row with the best one.

    `difference` is this row minus the best, as a fraction, with an interval that is simultaneous over all
    pairs of the section; `effect` is the same in standard deviations. `p` is corrected over the same pairs: a
    row differs significantly exactly where the interval leaves zero. `p_networks` is McNemar's, for one
    network on each side. NaN means not tested; `why` says why.
    """

    kind: VerdictKind
    difference: Difference | None = None
    p: float = math.nan
    p_networks: float = math.nan
    why: str = ""
    effect: Effect | None = None


@dataclass(frozen=True)
class RankedExperiment:
    """One experiment: its settings, its results over seeds, and its comparison with the best.

    `errors` holds each seed's final test error, in the order of `seeds`; a diverged seed has the error of
    chance. Runs that differ from `run` only in what was measured belong to the same experiment: they are in
    `alike`, and a seed counts once.
    """

    run: Run
    settings: Mapping[str, Setting]
    seeds: tuple[int, ...]
    errors: tuple[float, ...]
    test_error: Estimate
    valid_error: Estimate
    verdict: Verdict
    choice: BestRun | None = None
    """How this run was chosen among others; None where it was not."""
    diverged: tuple[int, ...] = ()
    """The seeds that diverged."""
    alike: tuple[Run, ...] = ()

    @property
    def runs(self) -> tuple[Run, ...]:
        """All runs of this experiment."""
        return (self.run, *self.alike)

    @property
    def status(self) -> Status:
        """Whether training is complete."""
        return self.run.status

    @property
    def updates_done(self) -> int:
        """The number of updates at the last record."""
        return int(self.run.updates[-1])

    @property
    def searched(self) -> bool:
        """Whether the learning rate was chosen by a search, on seeds that are also reported."""
        return bool(self.run.chosen)

    @property
    def chosen(self) -> tuple[str, ...]:
        """The settings that were chosen by validation error on seeds that are also reported."""
        own = self.choice.over if self.choice and self.choice.rivals else ()
        return tuple(dict.fromkeys((*self.run.chosen, *own)))

    @property
    def on_edge(self) -> tuple[str, ...]:
        """The chosen settings whose value is the lowest or highest tried: a better one may lie beyond."""
        own = self.choice.on_edge if self.choice else ()
        return tuple(dict.fromkeys((*self.run.on_edge, *own)))


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
    """A section per data set, in the order of their first runs."""

    sections: tuple[Section, ...]


def compare(experiments: Iterable[Run], choices: Sequence[BestRun] = ()) -> Comparison:
    """Rank and test experiments, given as runs of which no two differ only in their seeds.

    Runs that differ only in what was measured are one experiment, with the seeds of all. `choices` say how
    some runs were chosen among others, which the table marks. The test error at the last record is compared;
    runs without training are left out.
    """
    by_data: dict[tuple[str, str], list[Run]] = {}
    for run in experiments:
        if run.updates[-1] > 0:
            # A path may have held different data at different times.
            digest = run.facts.sha256 if run.config.dataset.builtin is None else ""
            by_data.setdefault((run.config.data, digest), []).append(run)
    chosen = {choice.run.config: choice for choice in choices}
    return Comparison(tuple(_section(data, runs, chosen) for (data, _), runs in by_data.items()))


def _section(data: str, runs: Sequence[Run], choices: Mapping[RunConfig, BestRun]) -> Section:
    rows = [replace(_row(alike), choice=choices.get(alike[0].config)) for alike in _experiments(runs)]
    # An unfinished run is shown below the finished ones, and cannot be the best.
    rows.sort(key=lambda row: (row.status != "complete", row.test_error.mean))
    finished = [index for index, row in enumerate(rows) if row.status == "complete"]
    chosen = finished
    if len(finished) > MOST_ROWS_TESTED:
        by_validation = sorted(finished, key=lambda index: rows[index].valid_error.mean)
        chosen = sorted(by_validation[:ROWS_TESTED_OF_MORE])
        rows = [rows[i] for i in (*chosen, *(i for i in range(len(rows)) if i not in chosen))]
    every = AllPairs([(row.errors, row.seeds) for row in rows[: len(chosen)]])
    verdicts = _verdicts(rows, len(chosen), every)
    settings = {name: [row.settings.get(name, "") for row in rows] for name in rows[0].settings}
    shown = {*_ALWAYS_SHOWN, *(name for row in rows if row.choice for name in row.choice.over)}
    varying = [name for name, values in settings.items() if len(set(values)) > 1 or name in shown]
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
        common={name: value for name, value in common.items() if name not in varying and value != ""},
        tests=every.tests,
        pairs=every.pairs,
        moderated=every.moderated,
        rows_tested=len(chosen) if len(chosen) < len(finished) else None,
    )


def _experiments(runs: Sequence[Run]) -> list[list[Run]]:
    """Group the runs that differ only in their seeds and in what was measured."""
    found: list[list[Run]] = []
    by_key: dict[object, list[list[Run]]] = {}
    for run in runs:
        config = run.config.model_copy(update=dict.fromkeys(("seeds", *LOOKS)))
        # The rate that a search chose and the status are not part of the configuration.
        candidates = by_key.setdefault((config, run.lr, run.status == "complete"), [])
        # Runs with the same measurements were left unmerged for a reason; unfinished runs stay apart, too.
        alike = next(
            (a for a in candidates if run.status == "complete" and _looks(run) not in map(_looks, a)), None
        )
        if alike is None:
            alike = []
            candidates.append(alike)
            found.append(alike)
        alike.append(run)
    return found


def _looks(run: Run) -> tuple[object, ...]:
    return tuple(getattr(run.config, name) for name in LOOKS)


def _row(alike: Sequence[Run]) -> RankedExperiment:
    run, *others = alike
    found: dict[int, tuple[float, float, bool]] = {}
    for each in alike:
        tests, valids = scores.final_error(each), scores.final_error(each, "valid")
        for seed, test, valid, lost in zip(each.seeds, tests, valids, each.diverged, strict=True):
            found.setdefault(int(seed), (float(test), float(valid), bool(lost)))
    errors = tuple(test for test, _, _ in found.values())
    return RankedExperiment(
        run=run,
        # Settings in which these runs differ do not belong to the experiment.
        settings=_settings(run)
        | {name: "" for name in LOOKS if len({getattr(r.config, name) for r in alike}) > 1},
        seeds=tuple(found),
        errors=errors,
        test_error=mean_over_seeds(np.array(errors)),
        valid_error=mean_over_seeds(np.array([valid for _, valid, _ in found.values()])),
        verdict=Verdict("not_tested"),
        diverged=tuple(seed for seed, (_, _, lost) in found.items() if lost),
        alike=tuple(others),
    )


def _settings(run: Run) -> dict[str, Setting]:
    """The settings of the training as plain values; `searched` holds the rates that were searched."""
    settings: dict[str, Setting] = {}
    for name in RunConfig.model_fields:
        if name not in _NOT_A_COLUMN:
            settings[name] = _plain(run.setting(name))
        if name in SEARCHABLE:
            settings["searched"] = _plain(run.config.search)
    return settings


def _plain(value: Any) -> Setting:
    if isinstance(value, tuple):
        return ",".join(f"{part:g}" for part in value)
    # NaN: a search chose the value, and a rescued file lacks the result.
    plain: Setting = "" if value != value else value
    return plain


def _verdicts(rows: Sequence[RankedExperiment], tested: int, every: AllPairs) -> list[Verdict]:
    """A verdict per row; the first `tested` rows, of which `every` holds the pairs, are compared."""
    if tested < 2:
        return [_alone(row) for row in rows]
    verdicts = [Verdict("best")]
    for index, row in enumerate(rows[1:], start=1):
        if index < tested:
            verdicts.append(_against(row, rows[0], every, index))
        elif row.status == "complete":
            verdicts.append(Verdict("not_tested", why=f"over {MOST_ROWS_TESTED} rows"))
        else:
            verdicts.append(_alone(row))
    return verdicts


def _alone(row: RankedExperiment) -> Verdict:
    if row.status == "complete":
        return Verdict("best")
    return Verdict("not_tested", why=f"{row.status} at {row.updates_done:,} of {row.run.config.updates:,}")


def _against(row: RankedExperiment, best: RankedExperiment, every: AllPairs, index: int) -> Verdict:
    """The verdict on the row at `index` of the pairs, whose first is the best."""
    gap = every.difference(index, 0)
    effect = effect_size(row.errors, best.errors, row.seeds, best.seeds)
    if gap.untested is None:
        kind: VerdictKind = "told_apart" if gap.leaves_zero else "not_told_apart"
        return Verdict(kind, gap, every.corrected(gap.p), effect=effect)
    p_networks = math.nan
    correct = "final/test_correct"
    # The answers of a network that diverged are those of its frozen weights: its error is chance instead.
    single = len(row.seeds) == len(best.seeds) == 1 and not (row.diverged or best.diverged)
    if single and correct in row.run and correct in best.run:
        p_networks = mcnemar(row.run[correct][0], best.run[correct][0])
    return Verdict("not_tested", gap, p_networks=p_networks, why=gap.untested, effect=effect)
