"""Which of several runs stands for a configuration: the best on validation, whatever the test set says."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from xavier_cli.config.run import SEARCH_DETAILS, SEARCHABLE, RunConfig
from xavier_cli.config.settings import settings_where
from xavier_cli.errors import ConfigError
from xavier_cli.runs.record import Run
from xavier_cli.vocabulary import lookup

# What two runs that compete have to share, or what is no choice of a method.
_NEVER_CHOSEN = {name for role in ("data", "observation", "layout") for name in settings_where(role=role)}
# A seed that diverged counts as worse than every error there can be.
WORST = 1.0


@dataclass(frozen=True)
class Choice:
    """The run that was chosen, and what by: `over` are the settings that its rivals differed in.

    `on_edge` are those of them whose value is the lowest or highest tried, so that a better one may lie
    beyond; `rivals` counts the runs that were passed over.
    """

    run: Run
    over: tuple[str, ...]
    on_edge: tuple[str, ...] = ()
    rivals: int = 0


def select(runs: Sequence[Run], over: Sequence[str]) -> tuple[list[Choice], list[str]]:
    """For every configuration of merged `runs`, all but `over` equal, the run best on validation; and notes.

    The figure is the mean validation error at the last record over the seeds that all rivals have (over
    each one's own where they have none in common); a seed that diverged counts as `WORST`. A run that is not
    finished is passed over. Raises `ConfigError` for a setting that nothing can be chosen by.
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
            notes.append(f"passed over {len(group) - len(finished)} unfinished in choosing {_named(over)}")
        if finished:
            choices.append(_best(finished, over))
    return choices, notes


def _best(rivals: Sequence[Run], over: Sequence[str]) -> Choice:
    shared = set.intersection(*(set(run.seeds.tolist()) for run in rivals))
    best = rivals[int(np.argmin([_valid_error(run, shared) for run in rivals]))]
    on_edge = []
    for name in over:
        tried = {run.setting(name) for run in rivals}
        numbers = [value for value in tried if isinstance(value, int | float)]
        if len(numbers) > 1 and best.setting(name) in (min(numbers), max(numbers)):
            on_edge.append(name)
    return Choice(best, tuple(over), tuple(on_edge), len(rivals) - 1)


def _valid_error(run: Run, seeds: set[int]) -> float:
    error = run["curves/valid_error"][:, -1]
    error = np.where(run.diverged | ~np.isfinite(error), WORST, error)
    return float(np.mean([e for e, seed in zip(error, run.seeds, strict=True) if not seeds or seed in seeds]))


def _apart_from(config: RunConfig, over: Sequence[str]) -> RunConfig:
    """Equal for configurations that differ in `over` and their seeds alone."""
    more = SEARCH_DETAILS if {*SEARCHABLE} & {*over} else ()
    return config.model_copy(update=dict.fromkeys(("seeds", *more, *over)))


def _named(over: Sequence[str]) -> str:
    return " and ".join(over)
