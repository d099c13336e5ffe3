"""Implements `xavier cache`: shows and clears caches of compiled programs and decoded data."""

from __future__ import annotations

import os
from typing import Annotated

import typer

from xavier_cli.cli.terminal.help_pages import CommandApp
from xavier_cli.cli.terminal.output import FormatOption, OutputOption, check_output, show_page
from xavier_cli.files.caches import (
    JAX_FOLDER,
    Cache,
    compiled_programs,
    decoded_data,
    jax_programs,
    predictions,
)
from xavier_cli.vocabulary import lookup

# The caches that can be cleared separately.
KINDS = ("programs", "data", "theory")

cache = CommandApp(help="Show or clear caches: programs, data, predictions.")


def _kinds(incomplete: str) -> list[str]:
    return [kind for kind in KINDS if kind.startswith(incomplete)]


@cache.command("show")
def show(format: FormatOption = None, output: OutputOption = None) -> None:
    """Show where compiled programs and decoded data lie, and how much of each.

    Over its bound, a folder loses what was not used for longest. All of it is made again when it is needed.
    Data sets that `xavier data fetch` got are no part of it.
    """
    from xavier_cli.views.caches import caches_page

    if output is not None:
        check_output(output)
    kept = [(each, each.size()) for each in caches()]
    show_page(caches_page(kept, os.environ.get(JAX_FOLDER)), format, output)


@cache.command("clear")
def clear(
    what: Annotated[
        str | None,
        typer.Argument(metavar="|".join(KINDS), help="what to remove [default: all]", autocompletion=_kinds),
    ] = None,
    format: FormatOption = None,
) -> None:
    """Remove compiled programs, decoded data or both, and say what was freed.

    xavier cache clear programs

    The next training compiles anew, or decodes its images anew; results stay the same. Files that `xavier`
    or JAX did not put there stay, and so does what another process is writing.
    """
    from xavier_cli.errors import StorageError
    from xavier_cli.views.caches import cleared_page

    if what is not None and what not in KINDS:
        raise typer.BadParameter(lookup.unknown_message("cache", what, KINDS), param_hint="|".join(KINDS))
    freed = []
    for each in caches():
        if what is None or each.kind == what:
            try:
                freed.append((each, each.clear()))
            except OSError as error:
                raise StorageError(each.path, f"could not be cleared: {error.strerror or error}") from error
    show_page(cleared_page(freed), format)


def caches() -> list[Cache]:
    """The cache folders of this user."""
    told = os.environ.get(JAX_FOLDER)
    return [compiled_programs(told), *([] if told else [jax_programs()]), decoded_data(), predictions()]
