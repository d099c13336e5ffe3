"""What a sweep will do: a recipe's cells with their files, grouped by the programs that train them."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from xavier_cli.config.run import RunConfig
from xavier_cli.errors import ConfigError
from xavier_cli.runs.surface import SurfaceConfig
from xavier_cli.sweeps.recipe import CellSettings, Command, Recipe, RecipeError
from xavier_cli.training.engine.population import Variant
from xavier_cli.training.estimate import (
    SECONDS_PER_PROGRAM,
    compiled_programs,
    core_seconds,
    memory,
    trained_members,
)
from xavier_cli.vocabulary import lookup

# More members than this gain nothing from a common program, and would be lost together.
MOST_MEMBERS = 64
MOST_BYTES = 4_000_000_000
SURFACE_SECONDS = 0.5


@dataclass(frozen=True)
class Folders:
    """Where each command keeps its files."""

    train: Path
    probe: Path
    surface: Path


@dataclass(frozen=True)
class SweepCell:
    """One configuration with all its seeds, and the file it ends in."""

    command: Command
    config: RunConfig | SurfaceConfig
    path: Path

    @property
    def title(self) -> str:
        """In a few words, for progress and errors."""
        return self.path.stem

    @property
    def members(self) -> int:
        """How many networks it trains."""
        return trained_members(self.config) if isinstance(self.config, RunConfig) else 0

    @cached_property
    def core_seconds(self) -> float:
        """About how long it takes one core."""
        return core_seconds(self.config) if isinstance(self.config, RunConfig) else SURFACE_SECONDS


@dataclass(frozen=True)
class Group:
    """Cells that one program makes together; they differ in initializer and rate alone."""

    cells: tuple[SweepCell, ...]

    @property
    def members(self) -> int:
        """How many networks are trained together."""
        return sum(cell.members for cell in self.cells)

    @property
    def core_seconds(self) -> float:
        """About how long one core works on it, compiling included."""
        return sum(cell.core_seconds for cell in self.cells) + SECONDS_PER_PROGRAM * self.programs

    @property
    def programs(self) -> int:
        """How many are compiled."""
        config = self.cells[0].config
        if isinstance(config, SurfaceConfig):
            return 0
        return compiled_programs(config)

    @property
    def memory(self) -> int:
        """About how many bytes the devices need for it."""
        config = self.cells[0].config
        if isinstance(config, SurfaceConfig):
            return 0
        return memory(config) if config.search else memory(config, self.members)


def cells(
    recipe: Recipe, scale: str, folders: Folders, changes: Mapping[str, object] | None = None
) -> list[SweepCell]:
    """The cells of `recipe` at `scale`, each file once; `changes` go over every cell.

    Raises `RecipeError`, which names the recipe and the setting.
    """
    found: dict[Path, SweepCell] = {}
    for settings in recipe.expand(scale, changes):
        try:
            cell = _cell(settings, folders)
        except ConfigError as error:
            raise RecipeError(f"recipe {recipe.name}: {error}") from None
        found.setdefault(cell.path, cell)
    return list(found.values())


def _cell(cell: CellSettings, folders: Folders) -> SweepCell:
    config: RunConfig | SurfaceConfig
    if cell.command == "surface":
        for key in cell.settings:
            if key not in SurfaceConfig.model_fields:
                raise ConfigError(
                    lookup.unknown_message("setting of a surface", key, SurfaceConfig.model_fields)
                )
        config = SurfaceConfig.of(**cell.settings)
        return SweepCell(cell.command, config, folders.surface / f"{config.file_stem()}.h5")
    config = RunConfig.of(**cell.settings)
    if cell.command == "probe":
        # Here alone: the room loads JAX, which a plan of trainings does without.
        from xavier_cli.training.train import untrained

        config = untrained(config)
        return SweepCell(cell.command, config, folders.probe / f"{config.file_stem()}.h5")
    return SweepCell(cell.command, config, folders.train / f"{config.file_stem()}.h5")


def groups(cells: Iterable[SweepCell]) -> list[Group]:
    """`cells` by the program that trains them, in the order of their first cells.

    A search is a program of its own: its rates fill it. No group is larger than its members' memory allows.
    """
    together: dict[object, list[SweepCell]] = {}
    for cell in cells:
        together.setdefault(_program(cell), []).append(cell)
    return [Group(tuple(part)) for alike in together.values() for part in _parts(alike)]


def _program(cell: SweepCell) -> object:
    """Equal for cells that can be trained together."""
    config = cell.config
    if isinstance(config, SurfaceConfig) or config.search:
        return cell
    return cell.command, config.model_copy(update=dict.fromkeys(Variant._fields))


def _parts(alike: Sequence[SweepCell]) -> Iterable[Sequence[SweepCell]]:
    config = alike[0].config
    if isinstance(config, SurfaceConfig) or len(alike) == 1:
        yield alike
        return
    each = len(config.seeds)
    fixed = memory(config, 1)
    heaviest = max(1, int((MOST_BYTES - fixed) // max(1, memory(config, 2) - fixed)))
    count = max(1, min(MOST_MEMBERS, heaviest) // each)
    for first in range(0, len(alike), count):
        yield alike[first : first + count]


def shard(groups: Sequence[Group], index: int, count: int) -> list[Group]:
    """The part `index` (from 1) of `count`: whole programs, so shared out that all take about as long.

    It depends on the plan alone, never on what is finished, so that the parts always make up the whole.
    """
    loads = [0.0] * count
    mine = set()
    # The longest first, each to whoever has the least to do.
    for at in sorted(range(len(groups)), key=lambda at: (-groups[at].core_seconds, groups[at].cells[0].path)):
        lightest = loads.index(min(loads))
        loads[lightest] += groups[at].core_seconds
        if lightest == index - 1:
            mine.add(at)
    return [group for at, group in enumerate(groups) if at in mine]


def sweep_id(cells: Iterable[SweepCell]) -> str:
    """The same for every part and every later start of one sweep, so that its runs are one command's."""
    stems = "\n".join(sorted(cell.path.stem for cell in cells))
    return hashlib.sha256(stems.encode()).hexdigest()[:32]


@dataclass(frozen=True)
class Plan:
    """A recipe's cells, the groups of this part of them, and those in it that have no finished run yet."""

    recipe: Recipe
    scale: str
    cells: list[SweepCell]
    groups: list[Group]
    pending: list[Group]

    @property
    def mine(self) -> list[SweepCell]:
        """The cells of this part."""
        return [cell for group in self.groups for cell in group.cells]

    @property
    def sweep_id(self) -> str:
        """Shared by all parts."""
        return sweep_id(self.cells)


def is_finished(cell: SweepCell) -> bool:
    """Whether the file of `cell` holds its configuration, whole."""
    from xavier_cli.runs.errors import RunFileError
    from xavier_cli.runs.reader import read_run, read_surface

    if not cell.path.exists():
        return False
    try:
        made = read_surface(cell.path) if cell.command == "surface" else read_run(cell.path, only=())
    except RunFileError:
        return False
    return made.config == cell.config and made.status == "complete"
