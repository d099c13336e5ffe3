"""What the shell offers once a word is begun: names from the tables, and runs; imports nothing heavy."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path

from xavier_cli import names

# A shell waits: each function imports what it needs, and only when it is asked.
Offers = list[tuple[str, str]]


def activations(incomplete: str) -> Offers:
    """Activations, with their formulas."""
    return _begun(incomplete, {word.name: word.formula for word in names.ACTIVATIONS.values()})


def initializers(incomplete: str) -> Offers:
    """Initializers, with their laws."""
    return _begun(incomplete, {word.name: word.law for word in names.INITIALIZERS.values()})


def optimizers(incomplete: str) -> Offers:
    """Optimizers, with what they are."""
    from xavier_cli.optimizers import OPTIMIZERS, SHORT

    known = {word.name: word.about for word in OPTIMIZERS.values()}
    return _begun(incomplete, known | {short: f"{name} with momentum" for short, (name, _) in SHORT.items()})


def data_sets(incomplete: str) -> Offers:
    """Data sets, and the beginnings of those that have a size or a path in their name."""
    from xavier_cli.datasets import FAMILIES

    families = {
        family.partition(":")[0] + ":": about
        for family, about in FAMILIES.items()
        if re.match("[a-z]+:", family)
    }
    return _begun(incomplete, {word.name: word.about for word in names.DATA_SETS.values()} | families)


def scales(incomplete: str) -> Offers:
    """Presets of sizes."""
    from xavier_cli.config import SCALES

    return _begun(incomplete, dict.fromkeys(SCALES, ""))


def likes(incomplete: str) -> Offers:
    """Frameworks whose dense layer can be followed."""
    from xavier_cli.config import LIKE

    return _begun(incomplete, {name: ", ".join(map(str, preset.values())) for name, preset in LIKE.items()})


def recipes(incomplete: str) -> Offers:
    """Recipes that ship; of the user's own ones the shell offers the files."""
    from xavier_cli.recipes import shipped_recipes

    return _begun(incomplete, dict.fromkeys([*shipped_recipes(), "list"], ""))


def settings(incomplete: str) -> Offers:
    """Settings of a configuration, the last of a list with commas."""
    from xavier_cli.config import RunConfig

    before, comma, last = incomplete.rpartition(",")
    described = {name: info.description or "" for name, info in RunConfig.model_fields.items()}
    return [(f"{before}{comma}{name}", about) for name, about in _begun(last, described)]


def runs(incomplete: str) -> Offers:
    """Runs in the runs' folder by name; where none begins so, the shell offers files."""
    folder = Path(os.environ.get("XAVIER_RUNS_DIR") or "runs")
    try:
        files = sorted(entry.name for entry in os.scandir(folder))
    except OSError:
        return []
    shown = [file.removesuffix(".h5") for file in files if file.endswith(".h5") and not file.startswith(".")]
    return _begun(incomplete, dict.fromkeys(shown, ""))


BY_SETTING = {
    "act": activations,
    "init": initializers,
    "bias_init": initializers,
    "data": data_sets,
    "optimizer": optimizers,
}


def _begun(incomplete: str, words: Mapping[str, str]) -> Offers:
    return [(word, about) for word, about in words.items() if word.startswith(incomplete)]
