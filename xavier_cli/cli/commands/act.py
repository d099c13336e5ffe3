"""Implements `xavier act`: the list of activations, and the properties of one."""

from __future__ import annotations

from typing import Annotated

import typer

from xavier_cli.cli.options import completion
from xavier_cli.cli.terminal.help_pages import CommandApp
from xavier_cli.cli.terminal.output import FormatOption, OutputOption, check_output, show_page
from xavier_cli.vocabulary.resolve import find_activation

act = CommandApp(help="List and show activations: formula, range, gain, aliases.")


NameArgument = Annotated[
    str,
    typer.Argument(
        metavar="NAME", help="activation, by any of its names", autocompletion=completion.activations
    ),
]


@act.command("list")
def list_(format: FormatOption = None, output: OutputOption = None) -> None:
    """List activations: formula, range, other names."""
    from xavier_cli.views.activations import activations_page

    if output is not None:
        check_output(output)
    show_page(activations_page(), format, output)


@act.command("show")
def show(name: NameArgument, format: FormatOption = None, output: OutputOption = None) -> None:
    """Show an activation: formula, range, gain, other names.

    xavier act show tanh
    """
    from xavier_cli.views.activations import activation_page

    if output is not None:
        check_output(output)
    show_page(activation_page(find_activation(name)), format, output)
