"""Implements `xavier export`: runs as CSV, JSON, NetCDF or TensorBoard's event files."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from enum import StrEnum
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from xavier_cli.cli.options import run_files
from xavier_cli.cli.options.run_files import RunsArgument
from xavier_cli.cli.terminal.errors import say
from xavier_cli.cli.terminal.output import Format, check_output, show_page
from xavier_cli.sanitize import clean

if TYPE_CHECKING:
    from xavier_cli.runs.record import Run


class To(StrEnum):
    """A format of other programs."""

    CSV = "csv"
    JSON = "json"
    NETCDF = "netcdf"
    TENSORBOARD = "tensorboard"
    WEIGHTS = "weights"


def export(
    to: Annotated[
        To,
        typer.Option(
            "--to",
            help="csv: one number per line; json: all arrays; netcdf: for xarray; tensorboard: event files; "
            "weights: trained networks, .npz or .safetensors",
            show_default=False,
        ),
    ],
    runs: RunsArgument = None,
    output: Annotated[
        Path | None,
        typer.Option(
            "--output",
            "-o",
            help="file to write to instead of stdout (csv, json), file or folder (netcdf), folder "
            "(tensorboard), file (weights)",
            show_default=False,
        ),
    ] = None,
    seed: Annotated[
        int | None,
        typer.Option(
            "--seed",
            min=0,
            help="weights: only this seed's network, its arrays named layer1/weight [default: all seeds, "
            "seed0/layer1/weight]",
            show_default=False,
        ),
    ] = None,
    update: Annotated[
        int | None,
        typer.Option(
            "--update",
            min=0,
            help="weights: the networks at the record after this update [default: the last]",
            show_default=False,
        ),
    ] = None,
) -> None:
    """Export runs to csv, json, netcdf, tensorboard, weights.

    Without RUN: all runs in `runs/` (or `XAVIER_RUNS_DIR`). Runs of one configuration are merged. Weights are
    those of one run, trained with `--save-weights`.

    xavier export --to csv runs/*.h5 -o runs.csv

    xavier export --to tensorboard -o logs; tensorboard --logdir logs

    xavier export --to weights runs/NAME.h5 --seed 0 -o weights.safetensors
    """
    from xavier_cli.views.exports import diverged_notes, long_page, whole_page

    if to is not To.WEIGHTS and (seed is not None or update is not None):
        option = "--seed" if seed is not None else "--update"
        raise typer.BadParameter("chooses among weights: only with `--to weights`", param_hint=option)
    if to is To.WEIGHTS:
        _write_weights(runs, seed, update, output)
        return
    if to in (To.CSV, To.JSON) and output is not None:
        check_output(output)
    if to in (To.NETCDF, To.TENSORBOARD) and output is None:
        raise typer.BadParameter(f"`--to {to}` needs a place to write to", param_hint="--output")
    read = run_files.read_inputs(runs)
    experiments, notes = run_files.merged(read)
    if not experiments:
        raise run_files.nothing_to_show(read)
    for note in (*notes, *diverged_notes(experiments)):
        say(clean(note))
    match to:
        case To.CSV:
            show_page(read.isolated(experiments, lambda runs: long_page(_named(runs))), Format.CSV, output)
        case To.JSON:
            show_page(read.isolated(experiments, lambda runs: whole_page(_named(runs))), Format.JSON, output)
        case To.NETCDF:
            assert output is not None
            _write_netcdf(read, _named(experiments), output)
        case To.TENSORBOARD:
            assert output is not None
            _write_events(read, _named(experiments), output)
    read.finish()


def _write_weights(
    given: Sequence[str] | None, seed: int | None, update: int | None, output: Path | None
) -> None:
    """Write the weights of the one run that is `given`."""
    from xavier_cli.export.weights import ENDINGS, weights_file
    from xavier_cli.files.publish import publish
    from xavier_cli.runs.weights import run_of_weights

    if output is None or output.suffix not in ENDINGS:
        raise typer.BadParameter(
            f"`--to weights` needs a file to write to, {' or '.join(ENDINGS)}", param_hint="--output"
        )
    check_output(output)
    if kept := run_of_weights(Path(os.path.realpath(output))):
        raise typer.BadParameter(
            f"`{output}` has the weights that `{kept.name}` kept: name another file", param_hint="--output"
        )
    read = run_files.read_inputs(given, only=())
    if len(read.runs) != 1:
        raise typer.BadParameter(f"weights are of one run, and these are {len(read.runs)}", param_hint="RUN")
    publish(output, weights_file(read.runs[0], seed, update, output.suffix))
    _tell(output)
    read.finish()


def _write_netcdf(read: run_files.Inputs, runs: Sequence[tuple[str, Run]], output: Path) -> None:
    """Write copies of the run files, with merged seeds: they are NetCDF-4 already."""
    from xavier_cli.runs.store import write_run

    one_file = len(runs) == 1 and output.suffix and not output.is_dir()
    if not one_file and output.exists() and not output.is_dir():
        wrong = f"`{output}` is a file; {len(runs)} runs need a folder"
        raise typer.BadParameter(wrong, param_hint="--output")
    for name, run in runs:
        path = output if one_file else output / f"{name}.nc"
        for _ in read.part(run, partial(write_run, path)):
            _tell(path)


def _write_events(read: run_files.Inputs, runs: Sequence[tuple[str, Run]], output: Path) -> None:
    from xavier_cli.export.tensorboard import event_files
    from xavier_cli.files.publish import publish

    if output.exists() and not output.is_dir():
        raise typer.BadParameter(f"`{output}` is a file; name a folder", param_hint="--output")
    for name, run in runs:
        for files in read.part(run, event_files):
            for place, content in files.items():
                publish(output / name / place, content)
            _tell(output / name)


def _tell(path: Path) -> None:
    # Bytes, since a path may not be valid text.
    typer.echo(os.fsencode(path))


def _named(runs: Sequence[Run]) -> list[tuple[str, Run]]:
    return list(zip(_names(runs), runs, strict=True))


def _names(runs: Sequence[Run]) -> Iterator[str]:
    """Yield a unique name per run that is safe in a path: that of its file, or one of its content."""
    taken: set[str] = set()
    for run in runs:
        name = clean(run.path.stem if run.path else run.config.file_stem()).lstrip(".") or "run"
        unique, number = name, 2
        while unique in taken:
            unique, number = f"{name}-{number}", number + 1
        taken.add(unique)
        yield unique
