"""Finds, reads or generates the data set that a command is given, and its sample images."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import typer

from xavier_cli.cli.terminal.errors import say
from xavier_cli.config.layers import refuse_bare_folder
from xavier_cli.config.run import MAX_SEED
from xavier_cli.errors import ConfigError
from xavier_cli.sanitize import clean
from xavier_cli.vocabulary.datasets import DatasetInfo, DatasetSpec, find_data

if TYPE_CHECKING:
    from xavier_cli.data.sets import FiniteSet
    from xavier_cli.figures.samples import Samples

# Enough for four images of each class of Shapeset, the rarest of which has a share of 1/18.
SAMPLES = 1000


def samples(data: str | None, seed: int | None, data_dir: Path | None) -> Samples:
    """The first training images of `seed`: from its stream for Shapeset, else in the set's order."""
    from xavier_cli.figures.samples import Samples

    asked = asked_for(data or "shapeset")
    if asked.name != "shapeset":
        if seed is not None:
            raise typer.BadParameter(f"`{asked.name}` is the same for every seed", param_hint="--seed")
        finite, facts = finite_set(asked, data_dir)
        return Samples(facts, *finite.train, "its training set")
    seed = seed or 0
    if seed > MAX_SEED:
        raise typer.BadParameter(f"should be at most {MAX_SEED}", param_hint="--seed")
    import jax
    import numpy as np

    from xavier_cli.data import shapeset
    from xavier_cli.training.devices import keep_compiled_programs
    from xavier_cli.training.keys import Purpose, seed_key

    keep_compiled_programs()
    make = jax.jit(shapeset.images, static_argnums=2)
    pixels, labels = make(seed_key(seed, Purpose.IMAGES), 0, SAMPLES)
    assert asked.facts is not None
    source = f"the training stream of seed {seed}"
    return Samples(asked.facts, np.asarray(pixels), np.asarray(labels), source)


def asked_for(data: str) -> DatasetSpec:
    """The data set called `data`; raises `ConfigError`."""
    refuse_bare_folder(data)
    try:
        return find_data(data)
    except ValueError as error:
        raise ConfigError(f"data: {error}") from None


def finite_set(
    asked: DatasetSpec, data_dir: Path | None, decoded: bool = True
) -> tuple[FiniteSet, DatasetInfo]:
    """The finite data set `asked`, read or generated, and its facts."""
    if asked.kind != "shapeset":
        from xavier_cli.data.load import load_data
        from xavier_cli.data.moments import doubts

        finite = load_data(asked, data_dir, decoded)
        facts = finite.facts(asked.name)
        return finite, facts.model_copy(update={"warnings": doubts(finite, asked.coding)})
    from xavier_cli.training.devices import keep_compiled_programs
    from xavier_cli.training.engine.training_data import shapeset_facts, shapeset_set

    keep_compiled_programs()
    finite = shapeset_set(asked)
    return finite, shapeset_facts(asked, finite)


def say_data(facts: DatasetInfo) -> None:
    """Print notes and warnings from reading a data set to stderr."""
    for note in facts.notes:
        say(f"{clean(facts.name)}: {clean(note)}")
    for warning in facts.warnings:
        say(f"warning: {clean(facts.name)}: {clean(warning)}")
