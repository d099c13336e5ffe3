"""The command line: options in, one view out. Nothing heavy is imported before a command's body runs."""

import os

from xavier_cli.cli.terminal.streams import open_closed_streams

__all__ = ["main"]


def main() -> None:
    """Run `xavier` with the arguments of this process, and exit."""
    # First of all: whatever is opened before could take a closed one's number.
    open_closed_streams()
    # A figure's look is ours alone, and a file that matplotlib cannot read would end the command.
    os.environ["MATPLOTLIBRC"] = os.devnull
    if "_XAVIER_COMPLETE" in os.environ:
        from xavier_cli.cli.options import completion

        if completion.answer():
            return
    from xavier_cli.cli import app

    app.main()
