"""Implements `xavier init`: the list of initializers, and the distribution of one with a million draws."""

from __future__ import annotations

from typing import Annotated

import typer

from xavier_cli.cli.options import completion
from xavier_cli.cli.terminal.help_pages import CommandApp
from xavier_cli.cli.terminal.output import FormatOption, OutputOption, check_output, show_page
from xavier_cli.vocabulary.grammar import parse_layers
from xavier_cli.vocabulary.resolve import PLACES, find_initializer

DRAWS = 1_000_000
LARGEST_MATRIX = 20_000_000

init = CommandApp(help="List and show initializers: variance, gain, aliases.")


NameArgument = Annotated[
    str,
    typer.Argument(
        metavar="NAME", help="initializer, by any of its names", autocompletion=completion.initializers
    ),
]
FanInOption = Annotated[int, typer.Option("--fan-in", min=1, help="units of the layer below")]
FanOutOption = Annotated[int, typer.Option("--fan-out", min=1, help="units of the layer itself")]


@init.command("list")
def list_(format: FormatOption = None, output: OutputOption = None) -> None:
    """List initializers: distribution, other names."""
    from xavier_cli.views.initializers import initializers_page

    if output is not None:
        check_output(output)
    show_page(initializers_page(), format, output)


@init.command("show")
def show(
    name: NameArgument,
    fan_in: FanInOption = 1000,
    fan_out: FanOutOption = 1000,
    format: FormatOption = None,
    output: OutputOption = None,
) -> None:
    """Show an initializer: formula, variance, a million draws.

    xavier init show normalized --fan-in 1024 --fan-out 1000
    """
    from xavier_cli.nn.initializers import draws
    from xavier_cli.views.initializers import initializer_page

    if output is not None:
        check_output(output)
    if parse_layers(name, PLACES)[1]:
        raise typer.BadParameter("`init show` takes the initializer of one layer", param_hint="NAME")
    word = find_initializer(name)
    if fan_in * fan_out > LARGEST_MATRIX:
        raise typer.BadParameter(
            f"{fan_in:,}×{fan_out:,} is more than {LARGEST_MATRIX:,} weights",
            param_hint="--fan-in, --fan-out",
        )
    weights = draws(word, fan_in, fan_out, DRAWS)
    show_page(initializer_page(word, fan_in, fan_out, weights), format, output)
