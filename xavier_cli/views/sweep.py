"""Builds the output of `sweep`: the list of recipes, a plan, how the cells ended."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from xavier_cli.sweeps import plan as planning
from xavier_cli.sweeps.plan import Plan, SweepCell
from xavier_cli.sweeps.recipe import Recipe, read_recipe, shipped_recipes
from xavier_cli.sweeps.run import Finished
from xavier_cli.training.cores import usable_cores
from xavier_cli.views import numbers
from xavier_cli.views.numbers import about
from xavier_cli.views.page import Column, Page, Table, clean

LIST_SCHEMA = "xavier.recipes/1"
PLAN_SCHEMA = "xavier.sweep-plan/1"
SCHEMA = "xavier.sweep/1"
# The times in the list of recipes assume so many cores, so that they are the same everywhere.
LISTED_CORES = 2
# A plan with more rows would not be read on a screen; machine formats have all rows.
MOST_ROWS = 40


def recipes_page() -> Page:
    """The shipped recipes, with their times at laptop scale."""
    recipes = [read_recipe(name) for name in shipped_recipes()]
    times = [_seconds(recipe) for recipe in recipes]
    records = [
        {
            "recipe": recipe.name,
            "title": recipe.title,
            "cells": recipe.count(),
            "laptop_seconds": seconds,
            "claims": ",".join(recipe.claims),
        }
        for recipe, seconds in zip(recipes, times, strict=True)
    ]
    rows = [
        (recipe.name, about(seconds), recipe.title) for recipe, seconds in zip(recipes, times, strict=True)
    ]
    columns = (Column("recipe"), Column("time", "right"), Column("title", wraps=True, moves=True))
    note = f"Time: about, at laptop scale on {LISTED_CORES} cores, with nothing finished yet."
    return Page(LIST_SCHEMA, {"recipes": records}, records, (Table(columns, tuple(rows)),), (note,))


def _seconds(recipe: Recipe) -> float | None:
    """The time of the whole recipe at laptop scale; None if it cannot be estimated here."""
    from xavier_cli.errors import ConfigError

    folders = planning.Folders(Path("runs"), Path("probes"), Path("surfaces"), Path("svms"))
    try:
        groups = planning.groups(planning.cells(recipe, "laptop", folders))
    except ConfigError:
        return None
    return sum(group.core_seconds for group in groups) / LISTED_CORES


def plan_page(plan: Plan, jobs: int) -> Page:
    """What would be run, with estimates of memory and time."""
    pending = plan.pending
    cores = len(usable_cores())
    heaviest = sorted((group.memory for group in pending), reverse=True)[:jobs]
    todo = [cell for group in pending for cell in group.cells]
    facts: dict[str, object] = {
        "recipe": plan.recipe.name,
        "title": plan.recipe.title,
        "scale": plan.scale,
        "cells": len(plan.mine),
        "finished": len(plan.mine) - len(todo),
        "to_do": len(todo),
        "members": sum(group.members for group in pending),
        "programs": len(pending),
        "memory_bytes": sum(heaviest),
        "seconds": sum(group.core_seconds for group in pending) / cores,
    }
    shown = {**facts, "memory_bytes": f"about {sum(heaviest) / 1e6:,.0f} MB"}
    shown["seconds"] = f"{about(sum(group.core_seconds for group in pending) / cores)} on {cores} CPU cores"
    names = {"memory_bytes": "memory", "seconds": "time", "to_do": "to do"}
    table = Table(
        (Column("plan"), Column("value", wraps=True)),
        tuple((names.get(name, name), numbers.setting(value)) for name, value in shown.items()),
    )
    unfinished = {cell.path for cell in todo}
    states = {cell.path: "to do" if cell.path in unfinished else "finished" for cell in plan.mine}
    records = _records(plan, states)
    return Page(
        schema=PLAN_SCHEMA,
        data={**facts, "cells": records},
        records=records,
        tables=(table, *_cell_tables(plan.mine, states)),
        notes=(
            "Time: by a rule, not measured: weights × updates at the pace of two busy cores. A GPU is "
            "another matter.",
        ),
    )


def ended_page(plan: Plan, finished: Finished) -> Page:
    """How the cells ended."""
    said = {"done": "finished", "failed": "failed", "stopped": "not made"}
    states = {outcome.cell.path: said[outcome.ending] for outcome in finished.outcomes}
    reasons = [f"{outcome.cell.title}: {outcome.why}" for outcome in finished.outcomes if outcome.why]
    counts = {state: list(states.values()).count(state) for state in said.values()}
    summary = ", ".join(f"{count} {state}" for state, count in counts.items() if count)
    records = _records(plan, states)
    for record, outcome in zip(records, finished.outcomes, strict=True):
        record["why"] = outcome.why
    return Page(
        schema=SCHEMA,
        data={
            "recipe": plan.recipe.name,
            "scale": plan.scale,
            "sweep_id": plan.sweep_id,
            "made_now": finished.trained,
            "cells": records,
        },
        records=records,
        tables=tuple(_cell_tables(plan.mine, states, f"{plan.recipe.title} ({plan.scale})")),
        notes=(f"{summary}; {finished.trained} made now.", *map(clean, reasons[:10])),
    )


def _cell_tables(cells: Sequence[SweepCell], states: Mapping[Path, str], title: str = "") -> list[Table]:
    """A table of the settings in which cells differ; none if there are too many rows for a screen."""
    if not cells or len(cells) > MOST_ROWS:
        return []
    settings = [_settings(cell, numbers.setting) for cell in cells]
    keys = list(dict.fromkeys(key for each in settings for key in each))
    varying = [key for key in keys if len({each.get(key) for each in settings}) > 1] or keys[:1]
    columns = [*map(Column, varying), Column("state"), Column("file", moves=True)]
    rows = [
        (*(each.get(key, "") for key in varying), states[cell.path], cell.path.name)
        for cell, each in zip(cells, settings, strict=True)
    ]
    return [Table(tuple(columns), tuple(rows), title=title)]


def _records(plan: Plan, states: Mapping[Path, str]) -> list[dict[str, object]]:
    return [
        {
            "path": str(cell.path),
            "command": cell.command,
            "state": states[cell.path],
            **_settings(cell, _written),
        }
        for cell in plan.mine
    ]


def _settings(cell: SweepCell, write: Callable[[object, str], str]) -> dict[str, str]:
    """The settings of a cell, as `write` writes a value with the name of its setting."""
    settings = {"command": cell.command, **cell.config.model_dump()}
    return {name: write(value, name) for name, value in settings.items() if value is not None}


def _written(value: object, name: str) -> str:
    """A setting as programs read it."""
    if isinstance(value, tuple) and name != "seeds":
        return ",".join(f"{part:g}" for part in value)
    return str(value) if isinstance(value, bool) else numbers.setting(value, name)
