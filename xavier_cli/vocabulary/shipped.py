"""Finds the files that come with the package: the recipes, and the networks that they name."""

from __future__ import annotations

from pathlib import Path, PurePath

RECIPES = "recipes"


def shipped_folder() -> Path:
    """The folder of the shipped recipes: in the package, or beside it in a source checkout."""
    package = Path(__file__).parents[1]
    shipped = package / "shipped_recipes"
    return shipped if shipped.is_dir() else package.parent / RECIPES


def shipped_file(place: str) -> Path | None:
    """The shipped file that `recipes/networks/cnn.py` stands for in any folder; None where there is none.

    So a run of it has the same configuration, and the same hash, on every machine.
    """
    first, *rest = PurePath(place).parts or ("",)
    if first != RECIPES or not rest or ".." in rest:
        return None
    found = shipped_folder().joinpath(*rest)
    return found if found.is_file() else None
