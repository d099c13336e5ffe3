"""Implements `sweep --slurm`, which prints the same command as a job array for `sbatch`."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from pathlib import Path

import typer

from xavier_cli.cli.terminal.errors import say
from xavier_cli.sweeps.plan import Plan, shard
from xavier_cli.sweeps.slurm import script
from xavier_cli.views.durations import about

# The only environment variables that affect a sweep.
VARIABLES = ("XAVIER_RUNS_DIR", "XAVIER_DATA_DIR")
LEAST_CORES = 2


def print_script(plan: Plan, parts: int, jobs: int) -> None:
    """Print a script that runs the command of this process in `parts` parts, with `jobs` processes each.

    Exits with 2 if some parts would have nothing to do.
    """
    programs = len(plan.groups)
    if parts > programs:
        count = f"{programs} program{'s' * (programs != 1)}"
        raise typer.BadParameter(
            f"the sweep has {count}, so that of {parts} parts some would have nothing to do",
            param_hint="--slurm",
        )
    cores = max(LEAST_CORES, jobs)
    longest = max(sum(group.core_seconds for group in shard(plan.groups, 1, parts)), 0.0) / cores
    time = f"About {about(longest)} for each part on {cores} cores: estimated, not measured."
    if not all(group.is_estimated for group in plan.groups):
        time = "The time of each part is not known before the code of its custom networks runs."
    before, after = _without_slurm(sys.argv[1:])
    text = script(
        [_program(), *before],
        ["--yes", *after],
        parts,
        title=plan.recipe.title,
        name=plan.recipe.name,
        cells=len(plan.cells),
        time=time,
        cores=cores,
        folder=Path.cwd(),
        variables={name: os.environ[name] for name in VARIABLES if os.environ.get(name)},
    )
    # Keep the bytes of paths and arguments, whatever the encoding of the screen.
    typer.echo(text.encode("utf-8", "surrogateescape"), nl=False)
    say("next: save it where every node can read it, like job.sh, then `sbatch job.sh`")


def _program() -> str:
    """The path of this program, since a batch job does not have the environment of this shell."""
    called = Path(sys.argv[0])
    return str(called.absolute()) if called.is_file() and os.access(called, os.X_OK) else "xavier"


def _without_slurm(words: Sequence[str]) -> tuple[list[str], list[str]]:
    """The arguments before `--slurm N` and after it."""
    at = next(i for i, word in enumerate(words) if word.partition("=")[0] == "--slurm")
    return list(words[:at]), list(words[at + (1 if "=" in words[at] else 2) :])
