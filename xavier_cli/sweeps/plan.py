"""Plans a sweep: the cells of a recipe with their files, grouped by the programs that train them."""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import NamedTuple

from xavier_cli.config.run import RunConfig
from xavier_cli.errors import ConfigError
from xavier_cli.runs.listing import RunNames, run_path
from xavier_cli.runs.result import ResultConfig
from xavier_cli.runs.surface import SurfaceConfig
from xavier_cli.runs.svm import SvmConfig
from xavier_cli.sweeps.labels import labels
from xavier_cli.sweeps.recipe import CellSettings, Command, Recipe, RecipeError
from xavier_cli.training.engine.population import Variant
from xavier_cli.training.estimate import (
    SECONDS_PER_PROGRAM,
    compiled_programs,
    core_seconds,
    memory,
    svm_cost,
    trained_members,
)
from xavier_cli.vocabulary import lookup
from xavier_cli.vocabulary.user_functions import named_places

# Larger groups gain nothing from a common program, and would be lost together.
MOST_MEMBERS = 64
MOST_BYTES = 4_000_000_000
SURFACE_SECONDS = 0.5
# Of a small custom network: what comparing its numbers with distributions takes, and each seed's statistics.
LOOK_SECONDS, LOOK_SECONDS_PER_SEED = 8.0, 2.0


class Folders(NamedTuple):
    """The folder of each command's files."""

    train: Path
    probe: Path
    surface: Path
    svm: Path = Path("svms")


@dataclass(frozen=True)
class SweepCell:
    """One configuration with all its seeds, or in rounds with one of them, and its file."""

    command: Command
    config: RunConfig | ResultConfig
    path: Path
    label: str = field(default="", compare=False)
    """The settings in which it differs from other cells of its sweep, as text; empty if it is alone."""

    @property
    def title(self) -> str:
        """A short description that is its own in any sweep, for errors."""
        return self.path.stem

    @property
    def seeds(self) -> int:
        """The number of its seeds; 0 for what has none."""
        return len(self.config.seeds) if isinstance(self.config, RunConfig) else 0

    @property
    def members(self) -> int:
        """The number of networks that it trains."""
        return trained_members(self.config) if isinstance(self.config, RunConfig) else 0

    @property
    def is_estimated(self) -> bool:
        """Whether time and memory are estimated: the size of a custom network is known when its code runs."""
        config = self.config
        return not isinstance(config, RunConfig) or not config.network.is_users or is_look(self)

    @cached_property
    def core_seconds(self) -> float:
        """The estimated time on one core, in seconds; of a trained custom network that of a usual perceptron.

        Where nothing better is known, it tells how much of a sweep is done and divides it into parts.
        """
        if is_look(self):
            return LOOK_SECONDS + LOOK_SECONDS_PER_SEED * self.seeds
        if isinstance(self.config, RunConfig):
            return core_seconds(self.config)
        return svm_cost(self.config).seconds if isinstance(self.config, SvmConfig) else SURFACE_SECONDS


def is_look(cell: SweepCell) -> bool:
    """Whether `cell` is of a custom network that is measured at initialization alone."""
    config = cell.config
    return isinstance(config, RunConfig) and config.network.is_users and cell.command == "probe"


@dataclass(frozen=True)
class Group:
    """Cells that one program trains together; they differ only in initializer and learning rate."""

    cells: tuple[SweepCell, ...]

    @property
    def members(self) -> int:
        """The number of networks that are trained together."""
        return sum(cell.members for cell in self.cells)

    @property
    def code_places(self) -> list[str]:
        """The files and modules of the custom functions that its cells name."""
        configs = [cell.config for cell in self.cells if isinstance(cell.config, RunConfig)]
        return sorted({place for config in configs for place in named_places(config.sources)})

    @property
    def is_estimated(self) -> bool:
        """Whether time and memory are estimated."""
        return all(cell.is_estimated for cell in self.cells)

    @property
    def core_seconds(self) -> float:
        """The time on one core, in seconds, with compilation; a guess where it is not estimated."""
        return sum(cell.core_seconds for cell in self.cells) + SECONDS_PER_PROGRAM * self.programs

    @property
    def compile_share(self) -> float:
        """The fraction of `core_seconds` that compiling takes."""
        return SECONDS_PER_PROGRAM * self.programs / self.core_seconds if self.programs else 0.0

    @property
    def programs(self) -> int:
        """The number of programs that are compiled."""
        config = self.cells[0].config
        return compiled_programs(config) if isinstance(config, RunConfig) else 0

    @property
    def memory(self) -> int:
        """The memory on the devices, in bytes; a guess where it is not estimated."""
        config = self.cells[0].config
        if is_look(self.cells[0]):
            # One seed after the other: little, whatever the network.
            return 0
        if isinstance(config, ResultConfig):
            return svm_cost(config).memory if isinstance(config, SvmConfig) else 0
        return memory(config) if config.search else memory(config, self.members)


def cells(
    recipe: Recipe, scale: str, folders: Folders, changes: Mapping[str, object] | None = None
) -> list[SweepCell]:
    """The cells of `recipe` at `scale`, each file once; `changes` override the settings of every cell.

    In rounds each seed of a training is a cell, and the first seeds of all come before their second ones.
    Raises `RecipeError` that names the recipe and the setting.
    """
    found: dict[Path, SweepCell] = {}
    names = {folder: RunNames(folder) for folder in folders}
    for settings in recipe.expand(scale, changes):
        try:
            cell = _cell(settings, folders, names)
        except ConfigError as error:
            raise RecipeError(f"recipe {recipe.name}: {error}") from None
        found.setdefault(cell.path, cell)
    if scale not in recipe.rounds:
        return _labelled(list(found.values()))
    parts = [_by_seed(cell, names) for cell in found.values()]
    rounds = itertools.zip_longest(*parts)
    return _labelled(list({cell.path: cell for each in rounds for cell in each if cell}.values()))


def _by_seed(cell: SweepCell, names: Mapping[Path, RunNames]) -> list[SweepCell]:
    """A cell for each seed of `cell`; itself if it trains nothing, or searches a rate for all its seeds."""
    config, folder = cell.config, cell.path.parent
    if cell.command != "train" or not isinstance(config, RunConfig) or config.search:
        return [cell]
    configs = [config.with_seeds((seed,)) for seed in config.seeds]
    return [SweepCell("train", each, run_path(folder, each, names[folder])) for each in configs]


def _labelled(cells: list[SweepCell]) -> list[SweepCell]:
    """`cells`, each with as many differing settings as make labels unique: `tanh normalized, depth 5`."""
    configs = [cell.config for cell in cells if isinstance(cell.config, RunConfig)]
    if len(configs) < len(cells):
        # Cells of other commands have few settings, all of which stand in their names.
        return cells
    return [replace(cell, label=label) for cell, label in zip(cells, labels(configs), strict=True)]


def _cell(cell: CellSettings, folders: Folders, names: Mapping[Path, RunNames]) -> SweepCell:
    def made(folder: Path, command: Command, config: RunConfig | ResultConfig) -> SweepCell:
        return SweepCell(command, config, run_path(folder, config, names[folder]))

    config: RunConfig | ResultConfig
    if cell.command == "svm":
        # The other settings are those of the networks beside it.
        config = SvmConfig.of(**{k: v for k, v in cell.settings.items() if k in SvmConfig.model_fields})
        return made(folders.svm, cell.command, config)
    if cell.command == "surface":
        for key in cell.settings:
            if key not in SurfaceConfig.model_fields:
                raise ConfigError(
                    lookup.unknown_message("setting of a surface", key, SurfaceConfig.model_fields)
                )
        config = SurfaceConfig.of(**cell.settings)
        return made(folders.surface, cell.command, config)
    config = RunConfig.of(**cell.settings)
    command = cell.command
    if config.network.is_users and not config.updates:
        # A custom network that is not trained is looked at, as `probe` does.
        command = "probe"
    if command == "probe":
        # Imported here, since it loads JAX, which a plan of trainings does not need.
        from xavier_cli.training.train import untrained

        config = untrained(config)
        return made(folders.probe, command, config)
    return made(folders.train, command, config)


def groups(cells: Iterable[SweepCell], in_rounds: bool = False) -> list[Group]:
    """`cells` grouped by the program that trains them, in the order of their first cells.

    A search has a program of its own, which its rates fill. Groups are bounded by the memory of the devices;
    those of custom networks, whose size nobody knows yet, when they begin (`work`). In rounds every cell is
    alone: it takes long, is stored while it trains, and resumes what `train` began.
    """
    if in_rounds:
        return [Group((cell,)) for cell in cells]
    together: dict[object, list[SweepCell]] = {}
    for cell in cells:
        together.setdefault(_program(cell), []).append(cell)
    return [Group(tuple(part)) for alike in together.values() for part in _parts(alike)]


def _program(cell: SweepCell) -> object:
    """A key that is equal for cells that can be trained together."""
    config = cell.config
    if isinstance(config, ResultConfig) or config.search or is_look(cell):
        return cell
    return cell.command, config.model_copy(update=dict.fromkeys(Variant._fields))


def _parts(alike: Sequence[SweepCell]) -> Iterable[Sequence[SweepCell]]:
    config = alike[0].config
    if isinstance(config, ResultConfig) or len(alike) == 1:
        yield alike
        return
    most = MOST_MEMBERS
    if alike[0].is_estimated:
        fixed = memory(config, 1)
        most = min(most, max(1, int((MOST_BYTES - fixed) // max(1, memory(config, 2) - fixed))))
    count = max(1, most // len(config.seeds))
    for first in range(0, len(alike), count):
        yield alike[first : first + count]


def shard(groups: Sequence[Group], index: int, count: int) -> list[Group]:
    """The part `index` (from 1) of `count`: whole groups, such that all parts take about equally long.

    It depends only on the plan, not on what is finished, so that the parts always add up to the whole.
    """
    loads = [0.0] * count
    mine = set()
    # The longest first, each to the part with the least work.
    for at in sorted(range(len(groups)), key=lambda at: (-groups[at].core_seconds, groups[at].cells[0].path)):
        lightest = loads.index(min(loads))
        loads[lightest] += groups[at].core_seconds
        if lightest == index - 1:
            mine.add(at)
    return [group for at, group in enumerate(groups) if at in mine]


def sweep_id(cells: Iterable[SweepCell]) -> str:
    """An id that all parts and restarts of a sweep share, so that its runs belong to one command."""
    # Not of the files' names, which may be those of another version.
    hashes = "\n".join(sorted(f"{cell.command} {cell.config.sha256()}" for cell in cells))
    return hashlib.sha256(hashes.encode()).hexdigest()[:32]


@dataclass(frozen=True)
class Plan:
    """The cells of a recipe, the groups of this part, and its groups of cells that are to be made.

    `changes` are the settings that override those of every cell. `blocked` are the files of this part's cells
    at which something else lies, which stays, and what.
    """

    recipe: Recipe
    scale: str
    cells: list[SweepCell]
    groups: list[Group]
    pending: list[Group]
    changes: Mapping[str, object] = field(default_factory=dict)
    blocked: Mapping[Path, str] = field(default_factory=dict)

    @property
    def mine(self) -> list[SweepCell]:
        """The cells of this part."""
        return [cell for group in self.groups for cell in group.cells]

    @property
    def sweep_id(self) -> str:
        """The id that all parts share."""
        return sweep_id(self.cells)
