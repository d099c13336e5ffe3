"""Implements the command line. Imports nothing heavy before the body of a command runs."""

import os

from xavier_cli.cli.terminal.streams import open_closed_streams

__all__ = ["main"]


def main() -> None:
    """Run `xavier` with the arguments of this process, and exit."""
    # First of all, since any file opened earlier could get the descriptor of a closed stream.
    open_closed_streams()
    # Figures do not depend on the user's matplotlibrc, and an unreadable one would end the command.
    os.environ["MATPLOTLIBRC"] = os.devnull
    if "_XAVIER_COMPLETE" in os.environ:
        from xavier_cli.cli.options import completion

        if completion.answer():
            return
    from xavier_cli.cli import app

    app.main()
