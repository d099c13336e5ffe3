"""Reads recipes from TOML, and expands them into the settings of their cells. Runs nothing."""

from __future__ import annotations

import itertools
import math
import os
import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, Field, ValidationError, field_validator, model_validator

from xavier_cli.config import refusals
from xavier_cli.config.presets import BY_ENTRY, SCALES, without_like
from xavier_cli.config.run import RunConfig
from xavier_cli.config.settings import settings_where
from xavier_cli.errors import ConfigError
from xavier_cli.files.text import read_toml
from xavier_cli.sweeps.beside import with_files_beside
from xavier_cli.sweeps.recipe_shows import Figure, PaperCurve, PaperRow, RecipePart, RecipeTable
from xavier_cli.vocabulary import lookup
from xavier_cli.vocabulary.grammar import distinct, parse_range
from xavier_cli.vocabulary.networks import MLP
from xavier_cli.vocabulary.shipped import shipped_folder

ENDING = ".toml"
# A plan of so many cells takes some 20 s, and nobody would read it.
MOST_CELLS = 50_000

Command = Literal["train", "probe", "surface", "svm", "samples"]
Settings = dict[str, Any]


class RecipeError(ConfigError):
    """A missing or invalid recipe; the message names it in one line."""


@dataclass(frozen=True)
class CellSettings:
    """One cell of the grid before its settings are checked: its command and its settings."""

    command: Command
    settings: Settings


class Recipe(BaseModel):
    """A grid of configurations, with the figures, table and claims to derive from them.

    The settings of a cell are, later ones overriding earlier ones: `base`, the preset of the scale
    (`SCALES`), the recipe's `scales` entry, the cell with its point of the grid, the cell's entry for the
    scale, and those of the command line. What is set for all cells of the size of perceptrons holds for those
    alone, where a cell has a custom network. `extends` inherits base, scales and rounds of another recipe. A
    cell may have a `command` of its own; a support vector machine (`svm`) takes its data from the recipe.

    A setting of the grid that the entry of a scale names has its values from there at that scale. At the
    scales in `rounds` every seed of a training is a file of its own, and all cells' first seeds come before
    the second ones, so that what takes hours can be read after each round.
    """

    model_config = RecipePart.model_config

    name: str = ""
    title: Annotated[str, Field(min_length=1)]
    about: str = ""
    extends: str | None = None
    command: Command = "train"
    base: Settings = {}
    grid: dict[str, Annotated[list[Any], Field(min_length=1)]] = {}
    cells: Annotated[tuple[Settings, ...], Field(min_length=1)] = ({},)
    scales: dict[str, Settings] = {}
    rounds: tuple[str, ...] = ()
    select: tuple[str, ...] = ()
    figures: tuple[Figure, ...] = ()
    table: RecipeTable | None = None
    claims: tuple[str, ...] = ()

    @field_validator("grid", mode="before")
    @classmethod
    def _ranges_as_lists(cls, grid: object) -> object:
        """Values may be given as a range: `lr = "1e-3:1e-1:5:log"`. None stands twice in its list."""
        if not isinstance(grid, Mapping):
            return grid
        lists = {name: parse_range(values) for name, values in grid.items()}
        for name, values in lists.items():
            twice = [each for each in values if values.count(each) > 1] if isinstance(values, list) else []
            if twice:
                raise ValueError(f"`{twice[0]}` is given twice for {name}")
        return lists

    @field_validator("scales")
    @classmethod
    def _known_scales(cls, scales: dict[str, Settings]) -> dict[str, Settings]:
        _all_known("scale", scales, SCALES)
        return scales

    @field_validator("rounds")
    @classmethod
    def _known_rounds(cls, rounds: tuple[str, ...]) -> tuple[str, ...]:
        _all_known("scale", dict.fromkeys(rounds), SCALES)
        return rounds

    @field_validator("claims")
    @classmethod
    def _known_claims(cls, claims: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(distinct([lookup.find("claim", word, lookup.CLAIMS).name for word in claims]))

    @field_validator("select")
    @classmethod
    def _distinct_choices(cls, select: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(distinct(select))

    @field_validator("figures")
    @classmethod
    def _distinct_figures(cls, figures: tuple[Figure, ...]) -> tuple[Figure, ...]:
        stems = [figure.stem for figure in figures]
        twice = [stem for stem in stems if stems.count(stem) > 1]
        if twice:
            raise ValueError(f"two figures are called `{twice[0]}`: give one a `name`")
        return figures

    @model_validator(mode="after")
    def _known_settings(self) -> Self:
        if self.command == "surface":
            return self  # The settings of a surface are checked when its configuration is made.
        # Loads NumPy, which completion does without.
        from xavier_cli.runs.svm import SvmConfig

        fields = [*RunConfig.model_fields, *SvmConfig.model_fields, "like"]
        places = {"base": self.base, "grid": self.grid, **{f"scales.{k}": v for k, v in self.scales.items()}}
        places |= {f"cells.{i}": _plain(cell) for i, cell in enumerate(self.cells)}
        for scale in SCALES:
            places |= {f"cells.{i}.{scale}": cell.get(scale, {}) for i, cell in enumerate(self.cells)}
        places["select"] = dict.fromkeys(self.select)
        for i, figure in enumerate(self.figures):
            places[f"figures.{i}.where"] = figure.where
            places |= {f"figures.{i}.paper.{j}": curve.row for j, curve in enumerate(figure.paper)}
        if self.table:
            places["table"] = dict.fromkeys(
                (*self.table.rows, *[self.table.columns] * bool(self.table.columns))
            )
        for place, settings in places.items():
            if not isinstance(settings, Mapping):
                raise ValueError(f"{place}: should be a table of settings")
            _all_known("setting", settings, fields, place)
        return self

    def has_scale(self, scale: str) -> bool:
        """Whether the recipe can be run at `scale`, which some scales ask it or one of its cells to name.

        Images and surfaces are the same at every scale.
        """
        if scale not in BY_ENTRY or self.command in ("samples", "surface"):
            return True
        return scale in self.scales or any(scale in cell for cell in self.cells)

    def count(self, scale: str) -> int:
        """The number of cells at `scale`, computed without making them; raises `RecipeError` as `expand`."""
        if self.command == "samples":
            return 0
        return len(self.cells) * math.prod(map(len, self._grid(scale).values()))

    def expand(self, scale: str, changes: Mapping[str, object] | None = None) -> Iterator[CellSettings]:
        """Yield all cells at `scale`: all `cells` at each point of the grid; `changes` override settings.

        Raises `RecipeError` if the recipe does not have this scale.
        """
        if self.command == "samples":
            return
        grid = self._grid(scale)
        for *point, cell in itertools.product(*grid.values(), self.cells):
            command: Command = cell.get("command", self.command)
            preset = SCALES[scale] if command != "surface" else {}
            parts = (
                self.base,
                preset,
                self.scales.get(scale, {}),
                dict(zip(grid, point, strict=True)),
                _plain(cell),
                cell.get(scale, {}),
                changes or {},
            )
            settings: Settings = {}
            for part in parts:
                settings |= without_like(part)
            if settings.get("net", MLP) != MLP:
                # Sizes that hold for many cells are of the perceptrons among them.
                shared = parts[:3] if self.base.get("net", MLP) == MLP else (preset,)
                own = {name for part in parts if not any(part is each for each in shared) for name in part}
                for name in {*settings}.intersection(settings_where(of_mlp=True)) - own:
                    del settings[name]
            yield CellSettings(command, settings)

    def _grid(self, scale: str) -> dict[str, list[Any]]:
        """The values of the grid's settings at `scale`."""
        if not self.has_scale(scale):
            others = [name for name in SCALES if self.has_scale(name)]
            raise RecipeError(
                f"recipe {self.name} is not made for scale `{scale}`, having no `[scales.{scale}]`: "
                f"choose {', '.join(others[:-1])} or {others[-1]}"
            )
        own = self.scales.get(scale, {})
        given = {name: own[name] for name in self.grid if name in own}
        return self.grid | {
            name: value if isinstance(value, list) else [value] for name, value in given.items()
        }


def _plain(cell: Settings) -> Settings:
    """The settings of a cell that hold at every scale."""
    return {key: value for key, value in cell.items() if key != "command" and key not in SCALES}


def _all_known(kind: str, words: Mapping[str, object], known: Collection[str], place: str = "") -> None:
    for word in words:
        if word not in known:
            raise ValueError((f"{place}: " if place else "") + lookup.unknown_message(kind, word, known))


def shipped_recipes() -> list[str]:
    """The names of the shipped recipes in natural order: `figure-2` before `figure-10`."""
    return sorted((path.stem for path in shipped_folder().glob(f"*{ENDING}")), key=natural_order)


def natural_order(name: str) -> list[tuple[int, str]]:
    """A key that sorts names of recipes as people count: `figure-2` before `figure-10`."""
    return [(int(part or 0), "") if part.isdigit() else (0, part) for part in re.split(r"(\d+)", name)]


def find_recipe(word: str, beside: Path | None = None) -> Path:
    """The file of the recipe called `word`, or at that path; the folder `beside` precedes shipped recipes.

    Raises `RecipeError`.
    """
    if "\0" in word:
        # No file can have this name.
        raise RecipeError(lookup.unknown_message("recipe", word, shipped_recipes()))
    path = Path(word)
    if path.suffix == ENDING or path.name != word:
        return beside / path if beside else path
    # Accept `figure2`, `fig-2` and `Table_1`.
    name = re.sub(r"^(fig|figure|table)-?(?=\d)", r"\1-", word.lower().replace("_", "-"))
    name = re.sub(r"^fig-", "figure-", name)
    folders = [folder for folder in (beside, shipped_folder()) if folder]
    for folder in folders:
        # Not pathlib, which raises for names that no file can have.
        if os.path.isfile(found := folder / f"{name}{ENDING}"):
            return found
    raise RecipeError(lookup.unknown_message("recipe", word, shipped_recipes()))


def read_recipe(word: str) -> Recipe:
    """The recipe called `word`, or at that path. Raises `RecipeError` that names the file."""
    return _read(find_recipe(word), ())


def _read(path: Path, above: tuple[Path, ...]) -> Recipe:
    here = path.resolve()
    if here in above:
        chain = " extends ".join(f"`{each.stem}`" for each in (*above[above.index(here) :], here))
        raise RecipeError(f"`{path}`: {chain}: a circle")
    try:
        content = with_files_beside(read_toml(path), path.parent)
        recipe = Recipe.model_validate({**content, "name": path.stem})
    except ValidationError as error:
        raise RecipeError(f"`{path}`: {_one_line(error)}") from None
    except ConfigError as error:
        raise RecipeError(str(error)) from None
    if recipe.extends is None:
        return recipe
    base = _read(find_recipe(recipe.extends, path.parent), (*above, here))
    scales = {
        scale: {**base.scales.get(scale, {}), **recipe.scales.get(scale, {})}
        for scale in {**base.scales, **recipe.scales}
    }
    rounds = tuple(dict.fromkeys((*base.rounds, *recipe.rounds)))
    return recipe.model_copy(
        update={"base": {**base.base, **recipe.base}, "scales": scales, "rounds": rounds}
    )


def _one_line(error: ValidationError) -> str:
    first = refusals.foremost(error.errors())
    place = ".".join(map(str, first["loc"]))
    if first["type"] == "extra_forbidden":
        parent, key = ".".join(map(str, first["loc"][:-1])), str(first["loc"][-1])
        of_paper = "paper" in parent
        parts = {
            "figures": PaperCurve if of_paper else Figure,
            "table": PaperRow if of_paper else RecipeTable,
        }
        part = parts.get(str(first["loc"][0]), Recipe)
        words = lookup.unknown_message("key", key, part.model_fields if parent else Recipe.model_fields)
        return f"{parent}: {words}" if parent else words
    words = refusals.words(first)
    return f"{place}: {words}" if place else words
