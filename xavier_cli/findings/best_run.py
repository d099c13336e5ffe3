"""Chooses the run that represents a configuration by its validation error, never by its test error."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from xavier_cli.config.run import SEARCH_DETAILS, SEARCHABLE, RunConfig
from xavier_cli.config.settings import settings_where
from xavier_cli.errors import ConfigError
from xavier_cli.findings.scores import final_error
from xavier_cli.runs.record import Run
from xavier_cli.statistics.estimate import mean_over_seeds
from xavier_cli.vocabulary import lookup

# Competing runs must share these settings, or they are not a choice between methods.
_NEVER_CHOSEN = {name for role in ("data", "observation", "layout") for name in settings_where(role=role)}


@dataclass(frozen=True)
class BestRun:
    """A chosen run; `over` are the settings in which its rivals differed.

    `on_edge` are those of them whose value is the lowest or highest tried, so that a better one may lie
    beyond; `rivals` is the number of runs that were not chosen.
    """

    run: Run
    over: tuple[str, ...]
    on_edge: tuple[str, ...] = ()
    rivals: int = 0


def select(runs: Sequence[Run], over: Sequence[str]) -> tuple[list[BestRun], list[str]]:
    """Choose among merged `runs` that differ in the settings `over` alone, by validation error; with notes.

    The lowest mean validation error at the last record wins, over the seeds that all rivals share (over each
    one's own where they share none); a diverged seed has the error of chance. Unfinished runs are left out.
    Raises `ConfigError` for a setting that cannot be chosen by validation error.
    """
    for name in over:
        if name in _NEVER_CHOSEN or name not in RunConfig.model_fields:
            known = [field for field in RunConfig.model_fields if field not in _NEVER_CHOSEN]
            raise ConfigError(f"select: {lookup.unknown_message('setting to choose by', name, known)}")
    rivals: dict[object, list[Run]] = {}
    for run in runs:
        rivals.setdefault(_apart_from(run.config, over), []).append(run)
    choices, notes = [], []
    for group in rivals.values():
        finished = [run for run in group if run.status == "complete" and run.updates[-1] > 0]
        if len(finished) < len(group):
            notes.append(f"{len(group) - len(finished)} unfinished left out in choosing {_named(over)}")
        if finished:
            choices.append(_best(finished, over))
    return choices, notes


def _best(rivals: Sequence[Run], over: Sequence[str]) -> BestRun:
    shared = set.intersection(*(set(run.seeds.tolist()) for run in rivals))
    best = min(rivals, key=lambda run: _valid_error(run, shared))
    on_edge = []
    for name in over:
        tried = {run.setting(name) for run in rivals}
        numbers = [value for value in tried if isinstance(value, int | float)]
        if len(numbers) > 1 and best.setting(name) in (min(numbers), max(numbers)):
            on_edge.append(name)
    return BestRun(best, tuple(over), tuple(on_edge), len(rivals) - 1)


def _valid_error(run: Run, seeds: set[int]) -> tuple[float, int]:
    """The mean over `seeds`, all where there are none; between equal ones, how many of them diverged."""
    rows = np.isin(run.seeds, [*seeds]) if seeds else np.ones(len(run.seeds), bool)
    return mean_over_seeds(final_error(run, "valid")[rows]).mean, int(run.diverged[rows].sum())


def _apart_from(config: RunConfig, over: Sequence[str]) -> RunConfig:
    """A configuration that is equal for all that differ only in `over` and in their seeds."""
    more = SEARCH_DETAILS if {*SEARCHABLE} & {*over} else ()
    return config.model_copy(update=dict.fromkeys(("seeds", *more, *over)))


def _named(over: Sequence[str]) -> str:
    return " and ".join(over)
