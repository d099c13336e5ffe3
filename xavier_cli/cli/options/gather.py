"""What a figure shows that is no run: sample images, or a loss surface."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from xavier_cli.cli.options import run_files
from xavier_cli.cli.options.settings import refuse_bare_folder
from xavier_cli.cli.terminal.errors import say
from xavier_cli.config.run import MAX_SEED
from xavier_cli.errors import ConfigError, ExitCode
from xavier_cli.views.page import clean
from xavier_cli.vocabulary.datasets import DatasetInfo, DatasetSpec, find_data

if TYPE_CHECKING:
    from xavier_cli.data.sets import FiniteSet
    from xavier_cli.figures.samples import Samples
    from xavier_cli.runs.surface import Surface

SURFACES = Path("surfaces")
# Enough that each class of Shapeset, the rarest 1 of 18, is there four times.
SAMPLES = 1000


def samples(data: str | None, seed: int | None, data_dir: Path | None) -> Samples:
    """The first training images of `seed`: for Shapeset its own stream, for a finite set the set's order."""
    from xavier_cli.figures.samples import Samples

    asked = asked_for(data or "shapeset")
    if asked.name != "shapeset":
        if seed is not None:
            raise typer.BadParameter(
                f"`{asked.name}` is not drawn anew for each seed: it has none", param_hint="--seed"
            )
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
    """The data set that `data` asks for; raises `ConfigError`."""
    refuse_bare_folder(data)
    try:
        return find_data(data)
    except ValueError as error:
        raise ConfigError(f"data: {error}") from None


def finite_set(
    asked: DatasetSpec, data_dir: Path | None, decoded: bool = True
) -> tuple[FiniteSet, DatasetInfo]:
    """The finite set `asked` for, read or generated, and its facts."""
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
    """Tell people what was done in reading a data set, and what looks odd in it."""
    for note in facts.notes:
        say(f"{clean(facts.name)}: {clean(note)}")
    for warning in facts.warnings:
        say(f"warning: {clean(facts.name)}: {clean(warning)}")


def surface(given: Sequence[str] | None, read: run_files.Inputs) -> Surface:
    """The one surface that `given` names, or the newest in `surfaces/` that can be read; `read` is told."""
    from xavier_cli.runs.errors import RunFileError
    from xavier_cli.runs.listing import list_runs
    from xavier_cli.runs.reader import read_surface

    if given and len(given) > 1:
        raise typer.BadParameter(f"`loss-surface` draws one file, not {len(given)}")
    if given:
        path = Path(given[0])
    else:
        paths = list_runs(SURFACES)
        if not paths:
            say(f"xavier: no surfaces in `{SURFACES}`: `xavier surface` makes one, or name a file")
            raise typer.Exit(ExitCode.USAGE)
        for newest in reversed(paths):
            say(f"reading `{clean(str(newest))}`")
            try:
                return read_surface(newest)
            except RunFileError as error:
                read.problem(str(error))
        raise run_files.none_could_be("read")
    return read_surface(path)
