"""Determines the exit code of an error, and formats it as one line."""

from __future__ import annotations

import contextlib
import sys

from xavier_cli.cli.terminal.usage_errors import usage_message
from xavier_cli.errors import ExitCode, XavierError
from xavier_cli.sanitize import clean, said

# Exit codes of other libraries' errors, by class name, so that nothing has to be imported.
_EXIT_CODES = {
    "TyperException": ExitCode.USAGE,
    "BrokenPipeError": ExitCode.DONE,
    "KeyboardInterrupt": ExitCode.INTERRUPTED,
}


def exit_code(error: BaseException) -> ExitCode:
    """The exit code of `error`: its own, or that of its nearest base class that has one."""
    if isinstance(error, XavierError):
        return error.exit_code
    codes = (_EXIT_CODES.get(base.__name__) for base in type(error).__mro__)
    return next((code for code in codes if code is not None), ExitCode.UNEXPECTED)


def one_line(error: BaseException) -> str:
    """The message of `error` in one line, without a traceback."""
    if _is_out_of_memory(error):
        return (
            "out of memory: fewer seeds at a time or smaller networks; `train --dry-run` shows what is needed"
        )
    # Errors of Typer format a message that says more than their text.
    typers = getattr(error, "format_message", None) if exit_code(error) is ExitCode.USAGE else None
    text = usage_message(error) or (str(typers()) if typers else said(error))
    text = clean(" ".join(text.split()))
    if exit_code(error) is ExitCode.UNEXPECTED:
        text = f"{type(error).__name__}: {text}; `--debug` shows where"
    return text


def _is_out_of_memory(error: BaseException) -> bool:
    # XLA's error can be recognized only by its text.
    return isinstance(error, MemoryError) or "RESOURCE_EXHAUSTED" in said(error)


def say_warning(message: Warning | str, *_: object, **__: object) -> None:
    """Print a warning in one line; has the signature of `warnings.showwarning`."""
    say(f"xavier: {clean(' '.join(str(message).split()))}")


def say(text: str) -> None:
    """Print a note as one line without control characters, to stderr, since stdout carries only results.

    Failures are ignored (a terminal that hung up, a closed pipe), so that the work continues.
    """
    with contextlib.suppress(OSError):
        print(clean(text), file=sys.stderr, flush=True)
