"""Builds the output of `sweep`: the list of recipes, a plan, how the cells ended."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from xavier_cli.config.run import RunConfig
from xavier_cli.config.settings import SETTINGS, settings_where
from xavier_cli.errors import XavierError
from xavier_cli.findings.comparison import Comparison
from xavier_cli.sweeps import plan as planning
from xavier_cli.sweeps.plan import Group, Plan, SweepCell
from xavier_cli.sweeps.recipe import Recipe, read_recipe, shipped_recipes
from xavier_cli.sweeps.run import Finished, reasons
from xavier_cli.training.cores import usable_cores
from xavier_cli.training.estimate import Sizes
from xavier_cli.training.estimate import memory as estimated_memory
from xavier_cli.views import numbers
from xavier_cli.views.comparison import comparison_page
from xavier_cli.views.comparison_layout import View
from xavier_cli.views.comparison_rules import Explanation, rules
from xavier_cli.views.durations import about
from xavier_cli.views.page import Cell, Column, Page, Table, clean
from xavier_cli.vocabulary.datasets import DatasetInfo
from xavier_cli.vocabulary.grammar import write_value

Look = Callable[[RunConfig], tuple[RunConfig, DatasetInfo | None, Sizes | None]]
"""Runs the code of a custom network: its configuration with its layers, the facts of its data, its sizes."""
LIST_SCHEMA = "xavier.recipes/1"
PLAN_SCHEMA = "xavier.sweep-plan/1"
SCHEMA = "xavier.sweep/1"
# The times in the list of recipes assume so many cores, so that they are the same everywhere.
LISTED_CORES = 2
NOT_KNOWN = "not known before the networks are trained"
# A plan with more rows would not be read on a screen; machine formats have all rows.
MOST_ROWS = 40
MOST_REASONS = 10
IN_THE_WAY = "in the way"
"""The state of a cell at whose file something else lies."""
# What `sweep` explains of its best rows; `compare` explains all.
_EXPLAINED = (Explanation.INTERVAL, Explanation.BEST, Explanation.NO_TEST, Explanation.DIVERGED)


def recipes_page(scale: str = "laptop") -> Page:
    """The shipped recipes that have `scale`, with their times at it."""
    every = [read_recipe(name) for name in shipped_recipes()]
    recipes = [recipe for recipe in every if recipe.has_scale(scale)]
    times = [_seconds(recipe, scale) for recipe in recipes]
    records = [
        {
            "recipe": recipe.name,
            "title": recipe.title,
            "cells": recipe.count(scale),
            f"{scale}_seconds": seconds,
            "claims": ",".join(recipe.claims),
        }
        for recipe, seconds in zip(recipes, times, strict=True)
    ]
    rows = [
        (recipe.name, about(seconds), recipe.title) for recipe, seconds in zip(recipes, times, strict=True)
    ]
    columns = (Column("recipe"), Column("time", "right"), Column("title", wraps=True, moves=True))
    note = f"Time: estimated, at {scale} scale on {LISTED_CORES} cores, with nothing finished yet."
    if None in times:
        note += f" {about(None)}: a custom network is trained, whose size nobody knows beforehand."
    if left := len(every) - len(recipes):
        note += f" {left} recipes are not made for this scale."
    return Page(LIST_SCHEMA, {"recipes": records}, records, (Table(columns, tuple(rows)),), (note,))


def _seconds(recipe: Recipe, scale: str) -> float | None:
    """The time of the whole recipe at `scale`; None if it cannot be estimated here."""
    from xavier_cli.errors import ConfigError

    folders = planning.Folders(Path("runs"), Path("probes"), Path("surfaces"), Path("svms"))
    try:
        groups = planning.groups(planning.cells(recipe, scale, folders))
    except ConfigError:
        return None
    if not all(group.is_estimated for group in groups):
        return None
    return sum(group.core_seconds for group in groups) / LISTED_CORES


class _Networks:
    """What is known of the trained custom networks of `groups`, once `look` ran their code."""

    def __init__(self, groups: Sequence[Group], look: Look | None):
        self.memory: dict[Group, int] = {}
        self.parameters: dict[str, int] = {}
        """By the network as it is typed."""
        self.notes: list[str] = []
        for group in groups if look else ():
            config = group.cells[0].config
            assert look is not None
            assert isinstance(config, RunConfig)
            try:
                layered, facts, sizes = look(config)
            except XavierError as error:
                self.notes.append(f"Would fail: {clean(str(error))}")
                continue
            if sizes:
                self.parameters[config.net] = sizes.parameters
                members = None if config.search else group.members
                self.memory[group] = estimated_memory(layered, members, facts, sizes=sizes)


def plan_page(plan: Plan, jobs: int, look: Look | None = None) -> Page:
    """What would be run, with estimates of memory and time.

    `look` runs the code of a custom network and says how large it is, as `training.session.looked_into`;
    without it, its memory is not known.
    """
    pending = plan.pending
    cores = len(usable_cores())
    estimated = [group for group in pending if group.is_estimated]
    is_whole = len(estimated) == len(pending)
    networks = _Networks([group for group in pending if not group.is_estimated], look)
    known = {group: group.memory for group in estimated} | networks.memory
    is_memory_known = len(known) == len(pending)
    memory = sum(sorted(known.values(), reverse=True)[:jobs])
    seconds = sum(group.core_seconds for group in estimated) / cores
    todo = [cell for group in pending for cell in group.cells]
    blocked = plan.blocked
    facts: dict[str, object] = {
        "recipe": plan.recipe.name,
        "title": plan.recipe.title,
        "scale": plan.scale,
        "cells": len(plan.mine),
        "finished": len(plan.mine) - len(todo) - len(blocked),
        **({"in_the_way": len(blocked)} if blocked else {}),
        "to_do": len(todo),
        "members": sum(group.members for group in pending),
        "programs": len(pending),
        **({"parameters": networks.parameters} if networks.parameters else {}),
        "memory_bytes": memory if is_memory_known else None,
        "seconds": seconds if is_whole else None,
        "runs_code": sorted({place for group in pending for place in group.code_places}),
    }
    shown = {**facts, "memory_bytes": f"about {memory / 1e6:,.0f} MB"}
    shown["seconds"] = f"{about(seconds)} on {cores} CPU cores"
    # How long it takes, nobody knows beforehand.
    for name, is_known in (("memory_bytes", is_memory_known), ("seconds", is_whole)):
        if not is_known:
            shown[name] = f"{shown[name]}, and what custom networks take" if estimated else NOT_KNOWN
    if networks.parameters:
        shown["parameters"] = ", ".join(f"{net} {count:,}" for net, count in networks.parameters.items())
    if not shown["runs_code"]:
        del shown["runs_code"]
    names = {"memory_bytes": "memory", "seconds": "time", "to_do": "to do", "members": "networks"}
    names |= {"runs_code": "runs the code in", "in_the_way": IN_THE_WAY}
    rows = [(names.get(name, name), numbers.setting(value)) for name, value in shown.items()]
    if seeds := _seeds(plan.mine):
        rows.insert(list(shown).index("members"), ("seeds", seeds))
    table = Table((Column("plan"), Column("value", wraps=True)), tuple(rows))
    unfinished = {cell.path for cell in todo}
    states = {cell.path: "to do" if cell.path in unfinished else "finished" for cell in plan.mine}
    states |= dict.fromkeys(blocked, IN_THE_WAY)
    records = _records(plan, states)
    return Page(
        schema=PLAN_SCHEMA,
        data={**facts, "cells": records},
        records=records,
        tables=(table, *_cell_tables(plan.mine, states)),
        notes=(
            *_blocked_notes(blocked),
            *networks.notes,
            *(
                ("Time: estimated from weights × updates on two busy cores, not measured; a GPU differs.",)
                if estimated
                else ()
            ),
        ),
    )


def _blocked_notes(blocked: Mapping[Path, str]) -> list[str]:
    """Why cells cannot be made, a line each, as far as they would be read."""
    lines = [f"{clean(why)}." for why in list(blocked.values())[:MOST_REASONS]]
    more = len(blocked) - len(lines)
    return [*lines, *([f"So are {more} more."] if more else [])]


def best_page(comparison: Comparison, notes: Sequence[str], top: int) -> Page:
    """The output of `compare`, cut to the best `top` rows per data set and to the sentences they need."""
    page = comparison_page(comparison, notes, View(top=top))
    left_out = {text for about, text in rules(comparison).items() if about not in _EXPLAINED}
    return replace(page, notes=tuple(note for note in page.notes if note not in left_out))


def ended_page(
    plan: Plan, finished: Finished, best: Page | None = None, diverged: int = 0, all_cells: bool = True
) -> Page:
    """How the cells ended, below the tables and sentences of `best`, which compares the best of them.

    `all_cells` adds a table of all cells and their files. `diverged` cells have seeds that diverged.
    """
    said = {"done": "finished", "failed": "failed", "stopped": "not run"}
    states = {outcome.cell.path: said[outcome.ending] for outcome in finished.outcomes}
    counts = {state: list(states.values()).count(state) for state in said.values()}
    parts = [f"{count} {state}" for state, count in counts.items() if count]
    if diverged:
        parts.insert(1, f"{diverged} with diverged seeds")
    records = _records(plan, states)
    for record, outcome in zip(records, finished.outcomes, strict=True):
        record["why"] = outcome.why
    title = f"{plan.recipe.title} ({plan.scale})"
    notes = (
        f"{', '.join(parts)}; {finished.trained} made now.",
        *map(clean, reasons(finished.outcomes)[:MOST_REASONS]),
    )
    return replace(
        best or Page(SCHEMA, {}, ()),
        schema=SCHEMA,
        data={
            "recipe": plan.recipe.name,
            "scale": plan.scale,
            "sweep_id": plan.sweep_id,
            "made_now": finished.trained,
            "cells": records,
        },
        records=records,
        tables=(
            *(_cell_tables(plan.mine, states, title) if all_cells else ()),
            *(best.tables if best else ()),
        ),
        notes=(*notes, *(best.notes if best else ())),
    )


def _seeds(cells: Sequence[SweepCell]) -> str:
    """The number of seeds per cell, `5 each` or `2 to 5 each`; empty for cells without seeds."""
    counts = sorted({cell.seeds for cell in cells if cell.seeds})
    return f"{' to '.join(map(str, dict.fromkeys((counts[0], counts[-1]))))} each" if counts else ""


def _cell_tables(cells: Sequence[SweepCell], states: Mapping[Path, str], title: str = "") -> list[Table]:
    """A table of the settings in which cells differ; none if there are too many rows for a screen."""
    if not cells or len(cells) > MOST_ROWS:
        return []
    settings = [
        {key: value for key, value in _settings(cell, numbers.setting).items() if key not in _unused(cell)}
        for cell in cells
    ]
    keys = list(dict.fromkeys(key for each in settings for key in each))
    varying = [key for key in keys if len({each[key] for each in settings if key in each}) > 1] or keys[:1]
    columns = [*(Column(key, fold="cell") for key in varying), Column("state"), Column("file", moves=True)]
    rows: list[tuple[Cell | str, ...]] = [
        (*(_in_label(each.get(key, ""), key) for key in varying), states[cell.path], cell.path.name)
        for cell, each in zip(cells, settings, strict=True)
    ]
    return [Table(tuple(columns), tuple(rows), title=title)]


def _in_label(text: str, name: str) -> Cell:
    """A setting of a cell; in a label with its name, where it does not speak for itself."""
    speaks = name not in SETTINGS or SETTINGS[name].is_name or SETTINGS[name].phrase == "{}"
    return Cell(text, phrase=text if speaks else f"{name} {text}" if text else "")


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


def _unused(cell: SweepCell) -> set[str]:
    """Settings that say nothing of the network of `cell`, or follow from others as digests of sources do."""
    if not isinstance(cell.config, RunConfig):
        return set()
    is_users = cell.config.network.is_users
    of_others = settings_where(of_mlp=True) if is_users else settings_where(of_custom=True)
    return {*of_others, *settings_where(derived=True)}


def _written(value: object, name: str) -> str:
    """A setting as programs read it."""
    if isinstance(value, tuple) and name != "seeds":
        return ",".join(write_value(part) for part in value)
    return str(value) if isinstance(value, bool) else numbers.setting(value, name)
