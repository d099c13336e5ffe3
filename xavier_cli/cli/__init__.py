"""The command line: options in, one view out. Nothing heavy is imported before a command's body runs."""

from xavier_cli.cli.app import main

__all__ = ["main"]
