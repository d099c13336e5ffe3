"""Which configurations can be told apart: experiments in, one ranked and tested section per data set out."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np

from xavier_cli.config.run import LOOKS, OBSERVATION_SETTINGS, SEARCHABLE, RunConfig
from xavier_cli.config.settings import settings_where
from xavier_cli.findings import scores
from xavier_cli.findings.best_run import Choice
from xavier_cli.runs.record import Run, Status
from xavier_cli.statistics.difference import Difference, difference, difference_p
from xavier_cli.statistics.effect import Effect, effect_size
from xavier_cli.statistics.estimate import Estimate, mean_over_seeds
from xavier_cli.statistics.multiple import holm
from xavier_cli.statistics.networks import mcnemar

ALPHA = 0.05
# All pairs of more rows could not be told apart at any usual number of seeds, and would take long.
MOST_ROWS_TESTED = 200

# What distinguishes runs but is no column: the data set heads the section, seeds are counted.
_NOT_A_COLUMN = ("data", *settings_where(role="layout"))
_ALWAYS_SHOWN = settings_where(is_name=True)

Setting = str | int | float
VerdictKind = Literal["best", "told_apart", "not_told_apart", "not_tested"]


@dataclass(frozen=True)
class Verdict:
    """How a row stands to the best one.

    `difference` is this row less the best, as fractions, and `effect` that in standard deviations; `p` is
    corrected by Holm over all pairs of the section, `p_networks` is McNemar's where there is one network on
    each side. NaN is "not taken"; `why` says why nothing was tested.
    """

    kind: VerdictKind
    difference: Difference | None = None
    p: float = math.nan
    p_networks: float = math.nan
    why: str = ""
    effect: Effect | None = None


@dataclass(frozen=True)
class RankedExperiment:
    """One experiment: what was set, what came out over its seeds, and how it stands to the best.

    `errors` holds each seed's final test error, in the order of `seeds`, a diverged one counted as guessing.
    Runs that differ from `run` only in how they were looked at are the same experiment: they are in `alike`,
    and a seed counts once.
    """

    run: Run
    settings: Mapping[str, Setting]
    seeds: tuple[int, ...]
    errors: tuple[float, ...]
    test_error: Estimate
    valid_error: Estimate
    verdict: Verdict
    choice: Choice | None = None
    """How this run was chosen among others, where it was."""
    diverged: tuple[int, ...] = ()
    """The seeds that diverged."""
    alike: tuple[Run, ...] = ()

    @property
    def runs(self) -> tuple[Run, ...]:
        """All runs of this experiment."""
        return (self.run, *self.alike)

    @property
    def status(self) -> Status:
        """Whether the training went to its end."""
        return self.run.status

    @property
    def updates_done(self) -> int:
        """The updates at the last record."""
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
        """Those of them with the lowest or highest value tried, so that a better one may lie beyond."""
        own = self.choice.on_edge if self.choice else ()
        return tuple(dict.fromkeys((*self.run.on_edge, *own)))


@dataclass(frozen=True)
class Section:
    """The experiments on one data set, the best first; only they are compared with each other.

    `varying` names the settings that tell the rows apart (and `act` and `init` always), `common` holds those
    that all rows share;
    `tests` is the number of pairs that Holm's correction ran over.
    """

    data: str
    rows: tuple[RankedExperiment, ...]
    varying: tuple[str, ...]
    common: Mapping[str, Setting]
    tests: int


@dataclass(frozen=True)
class Comparison:
    """A section per data set, in the order of their first run."""

    sections: tuple[Section, ...]


def compare(experiments: Iterable[Run], choices: Sequence[Choice] = ()) -> Comparison:
    """Rank and test experiments: runs of which no two differ in their seeds alone.

    Those that differ only in how they were looked at count as one, with the seeds of all of them.
    `choices` say of some of them how they were chosen among others, which is marked in the table.
    The figure is the test error at the last record. Runs without any training are left out.
    """
    by_data: dict[tuple[str, str], list[Run]] = {}
    for run in experiments:
        if run.updates[-1] > 0:
            # One path can have led to different data at different times.
            digest = run.facts.sha256 if run.config.dataset.builtin is None else ""
            by_data.setdefault((run.config.data, digest), []).append(run)
    chosen = {choice.run.config: choice for choice in choices}
    return Comparison(tuple(_section(data, runs, chosen) for (data, _), runs in by_data.items()))


def _section(data: str, runs: Sequence[Run], choices: Mapping[RunConfig, Choice]) -> Section:
    rows = [replace(_row(alike), choice=choices.get(alike[0].config)) for alike in _experiments(runs)]
    # An unfinished run is shown but cannot win: it goes below the finished ones.
    rows.sort(key=lambda row: (row.status != "complete", row.test_error.mean))
    verdicts, tests = _verdicts(rows)
    settings = {name: [row.settings.get(name, "") for row in rows] for name in rows[0].settings}
    shown = {*_ALWAYS_SHOWN, *(name for row in rows if row.choice for name in row.choice.over)}
    varying = [name for name, values in settings.items() if len(set(values)) > 1 or name in shown]
    # Whether and over what rates a search went matters only where that differs between searches.
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
        tests=tests,
    )


def _experiments(runs: Sequence[Run]) -> list[list[Run]]:
    """`runs`, those together that differ only in their seeds and in how they were looked at."""
    found: list[list[Run]] = []
    by_key: dict[object, list[list[Run]]] = {}
    for run in runs:
        config = run.config.model_copy(update=dict.fromkeys(("seeds", *LOOKS)))
        # Neither a rate that a search chose nor how far a training is stands in the configuration.
        candidates = by_key.setdefault((config, run.lr, run.status == "complete"), [])
        # What was looked at in the same way was not merged for a reason; unfinished ones stay apart.
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
        # A setting in which they differ is none of the experiment's.
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
    """What was trained with, as plain values; `searched` are those that a rate was chosen from."""
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
    # Unknown where a search chose it and a rescued file lacks what it found.
    plain: Setting = "" if value != value else value
    return plain


def _verdicts(rows: Sequence[RankedExperiment]) -> tuple[list[Verdict], int]:
    """A verdict per row, the best being the first finished one, and the number of pairs tested."""
    finished = [index for index, row in enumerate(rows) if row.status == "complete"]
    if len(finished) < 2:
        return [_alone(row) for row in rows], 0
    best = finished[0]
    if len(finished) > MOST_ROWS_TESTED:
        many = Verdict("not_tested", why=f"over {MOST_ROWS_TESTED} rows")
        return [Verdict("best") if index == best else many for index in range(len(rows))], 0
    p = {
        (i, j): difference_p(rows[i].errors, rows[j].errors, rows[i].seeds, rows[j].seeds)
        for i, j in itertools.combinations(finished, 2)
    }
    tested = [pair for pair, value in p.items() if not math.isnan(value)]
    corrected = dict(zip(tested, holm([p[pair] for pair in tested]), strict=True))
    verdicts = []
    for index, row in enumerate(rows):
        if index == best:
            verdicts.append(Verdict("best"))
        elif index not in finished:
            verdicts.append(_alone(row))
        else:
            verdicts.append(_against(row, rows[best], corrected.get((best, index), math.nan)))
    return verdicts, len(tested)


def _alone(row: RankedExperiment) -> Verdict:
    if row.status == "complete":
        return Verdict("best")
    return Verdict("not_tested", why=f"{row.status} at {row.updates_done:,} of {row.run.config.updates:,}")


def _against(row: RankedExperiment, best: RankedExperiment, corrected_p: float) -> Verdict:
    gap = difference(row.errors, best.errors, row.seeds, best.seeds)
    effect = effect_size(row.errors, best.errors, row.seeds, best.seeds)
    if not math.isnan(corrected_p):
        return Verdict(
            "told_apart" if corrected_p < ALPHA else "not_told_apart", gap, corrected_p, effect=effect
        )
    p_networks = math.nan
    correct = "final/test_correct"
    if len(row.seeds) == len(best.seeds) == 1 and correct in row.run and correct in best.run:
        p_networks = mcnemar(row.run[correct][0], best.run[correct][0])
    return Verdict("not_tested", gap, p_networks=p_networks, why=gap.untested or "", effect=effect)
