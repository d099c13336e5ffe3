"""Implements `xavier cache`: shows and clears the caches, of compiled programs, decoded data and others."""

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
    run_index,
)
from xavier_cli.vocabulary import lookup

# The caches that can be cleared separately.
KINDS = ("programs", "data", "theory", "index")

cache = CommandApp(help="Show or clear caches: programs, data, predictions.")


def _kinds(incomplete: str) -> list[str]:
    return [kind for kind in KINDS if kind.startswith(incomplete)]


@cache.command("show")
def show(format: FormatOption = None, output: OutputOption = None) -> None:
    """Show the caches: folders, files and sizes.

    A folder over its limit loses its least recently used files. All of them are made again when needed.
    Downloaded data sets are not part of the caches.
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
    """Clear the caches, or one of them.

    xavier cache clear programs

    The next training compiles or decodes again, with the same results. Files of other programs are kept, and
    so are files that another process is writing.
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
    of_jax = [] if told else [jax_programs()]
    return [compiled_programs(told), *of_jax, decoded_data(), predictions(), run_index()]
