"""Makes the rows of a comparison: experiments, each with its values over seeds, from the runs it is in."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

import numpy as np

from xavier_cli.config.run import LOOKS, SEARCHABLE, RunConfig
from xavier_cli.config.settings import SETTINGS, settings_where
from xavier_cli.findings import scores
from xavier_cli.findings.best_run import BestRun
from xavier_cli.findings.metric import Metric
from xavier_cli.runs.record import Run, Status
from xavier_cli.statistics.difference import Difference
from xavier_cli.statistics.effect import Effect
from xavier_cli.statistics.estimate import Estimate, mean_over_seeds
from xavier_cli.vocabulary.networks import AS_MADE

# Settings without a column: the data set heads the section, and seeds are counted.
_NOT_A_COLUMN = ("data", *settings_where(role="layout"))

Setting = str | int | float
VerdictKind = Literal["best", "told_apart", "not_told_apart", "not_tested"]


@dataclass(frozen=True)
class Verdict:
    """The comparison of a row with the best one.

    `difference` is this row minus the best (of errors, as a fraction), with an interval that is simultaneous
    over all pairs of the section; `effect` is the same in standard deviations. `p` is corrected over the same
    pairs: a row differs significantly exactly where the interval leaves zero. `p_networks` is McNemar's, for
    one network on each side. NaN means not tested; `why` says why.
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
    chance. `values` holds what is compared, which for the usual metric are the errors, and `estimate` its
    mean; the seeds in `without` have no value (see `Metric.values`), and are not in a mean of losses. Runs
    that differ from `run` only in what was measured belong to the same experiment: they are in `alike`, and a
    seed counts once.
    """

    run: Run
    settings: Mapping[str, Setting]
    seeds: tuple[int, ...]
    errors: tuple[float, ...]
    values: tuple[float, ...]
    test_error: Estimate
    valid_error: Estimate
    estimate: Estimate
    verdict: Verdict
    choice: BestRun | None = None
    """How this run was chosen among others; None where it was not."""
    diverged: tuple[int, ...] = ()
    """The seeds that diverged."""
    without: tuple[int, ...] = ()
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
    def is_ranked(self) -> bool:
        """Whether it can be the best, and be tested: it is complete, and every seed has a value."""
        return self.status == "complete" and not self.without

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


def same_experiments(runs: Sequence[Run]) -> list[list[Run]]:
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


def ranked(alike: Sequence[Run], metric: Metric) -> RankedExperiment:
    """The row of runs that are `alike` but for what was measured, not yet compared; a seed counts once."""
    run, *others = alike
    found: dict[int, _OfSeed] = {}
    for each in alike:
        values, known = metric.values(each)
        columns = scores.final_error(each), scores.final_error(each, "valid"), values, each.diverged, known
        for seed, test, valid, value, lost, has in zip(each.seeds, *columns, strict=True):
            of_seed = _OfSeed(float(test), float(valid), float(value), bool(lost), bool(has))
            found.setdefault(int(seed), of_seed)
    errors = tuple(each.test for each in found.values())
    values_ = tuple(each.value for each in found.values())
    counted = [value for value in values_ if math.isfinite(value)]
    test_error = mean_over_seeds(np.array(errors))
    return RankedExperiment(
        run=run,
        # Settings in which these runs differ do not belong to the experiment.
        settings=_settings(run)
        | {name: "" for name in LOOKS if len({getattr(r.config, name) for r in alike}) > 1},
        seeds=tuple(found),
        errors=errors,
        values=values_,
        test_error=test_error,
        valid_error=mean_over_seeds(np.array([each.valid for each in found.values()])),
        estimate=test_error if tuple(counted) == errors else mean_over_seeds(np.array(counted or [math.nan])),
        verdict=Verdict("not_tested"),
        diverged=tuple(seed for seed, each in found.items() if each.diverged),
        without=tuple(seed for seed, each in found.items() if not each.has_value),
        alike=tuple(others),
    )


class _OfSeed(NamedTuple):
    """What a row has of one seed."""

    test: float
    valid: float
    value: float
    diverged: bool
    has_value: bool


def _settings(run: Run) -> dict[str, Setting]:
    """The settings of the training as plain values; `searched` holds the rates that were searched."""
    settings: dict[str, Setting] = {}
    for name in RunConfig.model_fields:
        if name not in _NOT_A_COLUMN:
            is_own = run.config.network.is_users and getattr(run.config, name) == AS_MADE
            is_told = run.config.applies(name) or SETTINGS[name].derived or is_own
            settings[name] = _plain(run.setting(name)) if is_told else ""
        if name in SEARCHABLE:
            settings["searched"] = _plain(run.config.search)
    return settings


def _plain(value: Any) -> Setting:
    if isinstance(value, tuple):
        return ",".join(f"{part:g}" for part in value)
    # NaN: a search chose the value, and a rescued file lacks the result.
    plain: Setting = "" if value != value else value
    return plain
