"""Defines what a recipe shows: its figures and its table, each beside the paper's numbers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from xavier_cli.config.settings import settings_where


class RecipePart(BaseModel):
    """A table of a recipe: fixed, without unknown keys."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class PaperCurve(RecipePart):
    """The paper's test errors, `values` in percent after so many `updates`, of runs with settings `row`."""

    row: dict[str, Any]
    updates: tuple[Annotated[int, Field(ge=0)], ...]
    values: tuple[Annotated[float, Field(ge=0, le=100)], ...]

    @model_validator(mode="after")
    def _are_as_many(self) -> Self:
        if len(self.updates) != len(self.values):
            raise ValueError("should have as many `updates` as `values`")
        return self


class Figure(RecipePart):
    """A figure of the recipe, with the options of `xavier plot`, and for curves the paper's beside them.

    `where` selects runs by their settings, of which a list takes any, `trained` by whether they are trained;
    `name` is that of the file, needed for two figures of the same kind.
    """

    kind: str
    name: Annotated[str, Field(pattern=r"^[a-z0-9-]*$")] = ""
    record: str | None = None
    layers: tuple[int, ...] | None = None
    tensor: str | None = None
    together: bool = False
    where: dict[str, Any] = {}
    trained: bool | None = None
    data: str | None = None
    seed: int | None = None
    paper: tuple[PaperCurve, ...] = ()

    @property
    def stem(self) -> str:
        """The name of the figure's file without suffix."""
        return self.name or self.kind


class PaperRow(RecipePart):
    """The paper's numbers for one row: `row` holds the settings of the row, `values` percents by column."""

    row: dict[str, Any]
    values: dict[str, float]


class RecipeTable(RecipePart):
    """The table of test errors: the settings that identify its rows, and its columns."""

    rows: Annotated[tuple[str, ...], Field(min_length=1)] = settings_where(is_name=True)
    columns: str = "data"
    paper: tuple[PaperRow, ...] = ()

    def paper_percent(self, settings: Mapping[str, object], column: object = "") -> float | None:
        """The paper's error of a network with these `settings`, in percent; None where it has none.

        `column` is the value of the setting of the columns, if there is one.
        """
        for row in self.paper:
            if all(_is_alike(settings.get(name), value) for name, value in row.row.items()):
                return row.values.get(str(column)) if self.columns else next(iter(row.values.values()), None)
        return None


def _is_alike(one: object, other: object) -> bool:
    """Whether two values are the same setting, however they are typed."""
    return one == other or str(one) == str(other)
