"""Gathers what a recipe said into `Results`: errors of its cells, verdicts, times."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, Protocol

import numpy as np

from xavier_cli.config.command_text import typed
from xavier_cli.config.run import RunConfig
from xavier_cli.config.settings import settings_where
from xavier_cli.findings.best_run import BestRun
from xavier_cli.findings.claims.verdict import ClaimVerdict
from xavier_cli.findings.comparison import compare
from xavier_cli.findings.ranked import RankedExperiment
from xavier_cli.findings.scores import final_error
from xavier_cli.runs.counting import lost_seeds
from xavier_cli.runs.merge import merge_runs
from xavier_cli.runs.record import SECONDS, Run
from xavier_cli.statistics.estimate import mean_over_seeds
from xavier_cli.sweeps.origin import this_origin
from xavier_cli.sweeps.plan import Plan, SweepCell
from xavier_cli.sweeps.recipe_shows import RecipeTable
from xavier_cli.sweeps.results import (
    CellResult,
    CellTraining,
    ClaimResult,
    ErrorEstimate,
    Results,
    Settings,
    TableLayout,
    Value,
)
from xavier_cli.sweeps.work import Outcome
from xavier_cli.training.engine.population import Variant
from xavier_cli.vocabulary import lookup

# Errors are counts of 10,000 examples, averaged over a few seeds.
_PLACES = 6
_NOT_SHOWN = {"seeds", *settings_where(derived=True)}
# The folders before a name, also after `images:` and in `init=FILE:FUNCTION`.
_FOLDERS = re.compile(r"[^:=,]*/")


class Made(Protocol):
    """What a cell left behind, whatever its command."""

    @property
    def config(self) -> Any:
        """Its configuration."""

    @property
    def created_utc(self) -> str:
        """When it was begun."""

    @property
    def provenance(self) -> Mapping[str, Any]:
        """Versions, device and times."""


def gather(
    plan: Plan,
    outcomes: Sequence[Outcome],
    made: Sequence[Made],
    kept: Sequence[Run],
    choices: Sequence[BestRun],
    verdicts: Sequence[ClaimVerdict],
) -> Results:
    """The results of a recipe.

    `outcomes` say how its cells ended, `made` is what they left, of each file. `kept` are the runs of the
    recipe's table, chosen by `choices`. In rounds the seeds of a configuration are one cell of the results.
    """
    by_config = {each.config.as_asked(): each for each in made}
    ranked = {
        _key(run.config): row
        for section in compare(kept, choices).sections
        for row in section.rows
        for run in row.runs
    }
    selected = {_key(run.config) for run in kept} if plan.recipe.select else None
    programs = _programs(made)
    parts = _by_experiment(outcomes) if plan.scale in plan.recipe.rounds else [[each] for each in outcomes]
    whole = [_whole([outcome.cell for outcome in each]) for each in parts]
    cells = []
    for cell, each, planned in zip(whole, parts, planned_cells(whole), strict=True):
        key = _key(cell.config)
        left = [by_config[outcome.cell.config] for outcome in each if outcome.cell.config in by_config]
        update: dict[str, object] = {"state": _state(each, by_config)}
        if left:
            update |= _measured(left, ranked.get(key), plan.recipe.table, programs)
            update["selected"] = selected is None or key in selected
        cells.append(planned.model_copy(update=update))
    times = list(programs.values())
    table = plan.recipe.table
    return Results(
        recipe=plan.recipe.name,
        title=plan.recipe.title,
        scale=plan.scale,
        changes={name: _without_folders(str(value)) for name, value in plan.changes.items()},
        status="complete" if all(cell.state == "done" for cell in cells) else "partial",
        utc=datetime.now(UTC).isoformat(timespec="seconds"),
        origin=this_origin(tuple(dict.fromkeys(t.device for t in times if t.device))),
        seconds=_sum([part for each in times for part in (each.seconds, each.compile_seconds)]),
        processor_seconds=_sum([each.processor_seconds for each in times]),
        claims=tuple(_claim(verdict) for verdict in verdicts),
        table=TableLayout(rows=table.rows, columns=table.columns) if table else None,
        common=common_settings(whole),
        cells=tuple(cells),
    )


def _by_experiment(outcomes: Sequence[Outcome]) -> list[list[Outcome]]:
    """`outcomes` of the cells of each configuration, whatever their seeds."""
    found: dict[object, list[Outcome]] = {}
    for outcome in outcomes:
        found.setdefault(_key(outcome.cell.config), []).append(outcome)
    return list(found.values())


def _whole(cells: Sequence[SweepCell]) -> SweepCell:
    """The cell with all seeds of `cells`, which differ in nothing else; its name is that of such a run."""
    first = cells[0]
    if len(cells) == 1 or not isinstance(first.config, RunConfig):
        return first
    seeds = [seed for cell in cells if isinstance(cell.config, RunConfig) for seed in cell.config.seeds]
    config = first.config.with_seeds(tuple(seeds))
    return replace(first, config=config, path=first.path.with_name(f"{config.file_stem()}.h5"))


def _state(outcomes: Sequence[Outcome], by_config: Mapping[Any, Made]) -> str:
    """`done` if all are and can be read, else what came of the first that is not."""
    states = [
        "unreadable" if each.ending == "done" and each.cell.config not in by_config else each.ending
        for each in outcomes
    ]
    return next((state for state in states if state != "done"), "done")


def planned_cells(cells: Sequence[SweepCell]) -> list[CellResult]:
    """Each of `cells` as far as it is known beforehand, with the settings in which they differ."""
    varying = _varying(cells)
    return [
        CellResult(
            name=cell.title,
            command=cell.command,
            settings={name: value for name, value in _settings(cell).items() if name in varying},
            seeds=_seeds(cell.config),
        )
        for cell in cells
    ]


def common_settings(cells: Sequence[SweepCell]) -> Settings:
    """The settings that all trained `cells` share, as far as a table names them."""
    configs = [cell.config for cell in cells if cell.command == "train"]
    trained = [config for config in configs if isinstance(config, RunConfig)]
    if not trained:
        return {}
    varying = _varying(cells)
    shown = {*settings_where(mention="always"), *trained[0].unusual(mention="unusual")}
    return {
        name: value
        for name, value in _settings(cells[configs.index(trained[0])]).items()
        if name in shown and name not in varying
    }


def _key(config: Any) -> object:
    """Equal for configurations that differ only in their seeds, which may have been merged."""
    config = config.as_asked()
    return config.experiment if isinstance(config, RunConfig) else config


def _measured(
    parts: Sequence[Made],
    row: RankedExperiment | None,
    table: RecipeTable | None,
    programs: Mapping[object, CellTraining],
) -> dict[str, object]:
    """What `parts`, of one configuration with various seeds, say together."""
    own = dict.fromkeys(_program(part) for part in parts)
    found: dict[str, object] = {"trained": _trained_in_turn([programs[key] for key in own])}
    runs = [part for part in parts if isinstance(part, Run)]
    if not runs:
        return found
    made = merge_runs(runs)[0][0]
    found["diverged"] = int(lost_seeds(made).sum())
    if made.updates[-1] > 0:
        estimate = mean_over_seeds(final_error(made))
        found["test_error"] = ErrorEstimate(
            mean=round(estimate.mean, _PLACES),
            low=_rounded(estimate.low),
            high=_rounded(estimate.high),
            n=estimate.n,
        )
    if table:
        settings = {name: made.setting(name) for name in RunConfig.model_fields}
        column = settings.get(table.columns, "")
        found["paper_percent"] = table.paper_percent(settings, column)
    if row:
        found["beside_best"] = row.verdict.kind
        found["chosen"] = {name: float(row.run.setting(name)) for name in row.chosen}
        found["on_edge"] = row.on_edge
    return found


def _trained_in_turn(parts: Sequence[CellTraining]) -> CellTraining:
    """How a cell was made whose seeds are of several programs: the last of them, with the time of all."""
    return parts[-1].model_copy(
        update={
            name: _sum([getattr(part, name) for part in parts])
            for name in ("seconds", "compile_seconds", "processor_seconds")
            if len(parts) > 1
        }
    )


def _programs(made: Sequence[Made]) -> dict[object, CellTraining]:
    """How each program's cells were made: cells that were trained together have one time, that of all."""
    programs: dict[object, CellTraining] = {}
    for each in made:
        key, told = _program(each), each.provenance
        before = programs.get(key)
        programs[key] = CellTraining(
            utc=each.created_utc,
            xavier=str(told.get("xavier", "")),
            device=str(told.get("device", "")),
            seconds=told.get("train_seconds"),
            compile_seconds=told.get("compile_seconds"),
            processor_seconds=told.get("processor_seconds"),
            together=before.together + 1 if before else 1,
        )
    return programs


def _program(made: Made) -> object:
    told, config = made.provenance, made.config
    if isinstance(config, RunConfig):
        # What cells that are trained together may differ in.
        config = config.model_copy(update=dict.fromkeys(Variant._fields))
    return config, made.created_utc, told.get("command_id"), *(told.get(name) for name in SECONDS)


def _sum(times: Sequence[float | None]) -> float | None:
    known = [each for each in times if each is not None]
    return round(sum(known), 1) if known else None


def _claim(verdict: ClaimVerdict) -> ClaimResult:
    return ClaimResult(
        claim=verdict.name,
        statement=lookup.CLAIMS[verdict.name].statement,
        verdict=verdict.verdict,
        evidence=verdict.evidence,
        statistic=_rounded(verdict.statistic),
        threshold=_rounded(verdict.threshold),
        source=verdict.paper,
    )


def _settings(cell: SweepCell) -> Settings:
    """The settings of a cell as they would be typed, without folders."""
    settings: Settings = {}
    for name, value in cell.config:
        if name not in _NOT_SHOWN and value is not None:
            plain: Value = typed(name, value) if isinstance(value, tuple) else value
            settings[name] = _without_folders(plain) if isinstance(plain, str) else plain
    return settings


def _seeds(config: Any) -> str:
    """The seeds as they would be typed, a count where they are the first; empty where it has none."""
    return typed("seeds", config.seeds) if isinstance(config, RunConfig) else ""


def _varying(cells: Sequence[SweepCell]) -> set[str]:
    """The names of the settings in which cells differ."""
    every = [_settings(cell) for cell in cells]
    return {name for each in every for name in each if any(o.get(name) != each[name] for o in every)}


def _without_folders(text: str) -> str:
    return _FOLDERS.sub("", text)


def _rounded(value: float | None) -> float | None:
    """`value` in six significant digits, which differ less from machine to machine; None for NaN."""
    return None if value is None or np.isnan(value) else float(f"{value:.6g}")
