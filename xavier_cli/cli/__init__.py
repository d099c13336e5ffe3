"""The command line: options in, one view out. Nothing heavy is imported before a command's body runs."""

import os

__all__ = ["main"]


def main() -> None:
    """Run `xavier` with the arguments of this process, and exit."""
    if "_XAVIER_COMPLETE" in os.environ:
        from xavier_cli.cli import completion

        if completion.answer():
            return
    from xavier_cli.cli import app

    app.main()
