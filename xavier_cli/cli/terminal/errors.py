"""Determines the exit code of an error, and formats it as one line."""

from __future__ import annotations

import contextlib
import difflib
import re
import sys

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
            "out of memory: fewer seeds at a time or smaller networks; `train --dry-run` says what it takes"
        )
    # Errors of Typer format a message that says more than their text.
    typers = getattr(error, "format_message", None) if exit_code(error) is ExitCode.USAGE else None
    text = _of_option(error) or _of_unknown_option(error) or (str(typers()) if typers else said(error))
    text = clean(" ".join(text.split()))
    if exit_code(error) is ExitCode.UNEXPECTED:
        text = f"{type(error).__name__}: {text}; `--debug` shows where"
    return text


def _of_option(error: BaseException) -> str:
    """The message about an option's value that pydantic refused; empty for other errors."""
    judged = getattr(error.__cause__, "errors", None)
    options = getattr(getattr(error, "param", None), "opts", None)
    if not callable(judged) or not options:
        return ""
    from xavier_cli.config import refusals
    from xavier_cli.vocabulary import lookup

    first, name = judged()[0], max(options, key=len)
    option = name if name.startswith("-") else name.upper()
    # The accepted values are only in the text, at its end.
    text = said(first.get("ctx", {}).get("error", error))
    choices = re.search(r" is not one of ('[^']*'(?:, '[^']*')*)\.$", text)
    if choices:
        known = re.findall(r"'([^']*)'", choices[1])
        return f"{option}: {lookup.unknown_message('value', str(first['input']), known)}"
    return f"{option}: {refusals.words(first)}{refusals.given(first)}"


def _of_unknown_option(error: BaseException) -> str:
    """The message about an option that there is not, with what is meant; empty for other errors."""
    # An option without its value has a name, too.
    if not hasattr(error, "possibilities") or not hasattr(error, "option_name"):
        return ""
    from xavier_cli.vocabulary import other_words

    typed, nearest = (
        error.option_name,
        difflib.get_close_matches(error.option_name, error.possibilities or (), 2),
    )

    meant = other_words.hint("setting", typed.lstrip("-"))
    # Settings are options here.
    meant = re.sub(r"`([a-z_]+)`", lambda word: f"`--{word[1].replace('_', '-')}`", meant)
    if nearest and not meant:
        meant = f"did you mean {' or '.join(f'`{each}`' for each in nearest)}?"
    return f"no option `{typed}`" + (f": {meant}" if meant else "; `--help` lists them")


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
