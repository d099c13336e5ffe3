"""How the command line ends: exit codes, and one line for every error."""

from __future__ import annotations

import contextlib
import re
import sys
from enum import IntEnum

from xavier_cli.plain_text import clean, said


class ExitCode(IntEnum):
    """What the shell is told; DESIGN fixes these for other programs."""

    DONE = 0
    UNEXPECTED = 1
    USAGE = 2
    ANSWER_IS_NO = 3
    IN_PART = 4
    NO_INPUT = 5
    STORAGE = 6
    INTERRUPTED = 130


# By class name, so that mapping an error imports no room that could have raised it.
EXIT_CODES = {
    "TyperException": ExitCode.USAGE,
    "ConfigError": ExitCode.USAGE,
    "UnknownNameError": ExitCode.USAGE,
    "ParameterError": ExitCode.USAGE,
    "OwnFunctionError": ExitCode.USAGE,
    "DataMissingError": ExitCode.USAGE,
    "UnsuitableRunError": ExitCode.USAGE,
    "ResumeError": ExitCode.USAGE,
    "TensorBoardMissingError": ExitCode.USAGE,
    "ClusterError": ExitCode.USAGE,
    "DataDamagedError": ExitCode.NO_INPUT,
    "RunFileError": ExitCode.NO_INPUT,
    "StorageError": ExitCode.STORAGE,
    "BrokenPipeError": ExitCode.DONE,
    "KeyboardInterrupt": ExitCode.INTERRUPTED,
}


def exit_code(error: BaseException) -> ExitCode:
    """The exit code of `error`, by its class or the nearest base that has one."""
    for base in type(error).__mro__:
        if base.__name__ in EXIT_CODES:
            return EXIT_CODES[base.__name__]
    return ExitCode.UNEXPECTED


def one_line(error: BaseException) -> str:
    """`error` in one line, without a traceback."""
    if _is_out_of_memory(error):
        return (
            "out of memory: fewer seeds at a time or smaller networks; `train --dry-run` says what it takes"
        )
    # Typer's own errors say more than their text.
    typers = getattr(error, "format_message", None) if exit_code(error) is ExitCode.USAGE else None
    text = _of_option(error) or (str(typers()) if typers else said(error))
    text = clean(" ".join(text.split()))
    if exit_code(error) is ExitCode.UNEXPECTED:
        text = f"{type(error).__name__}: {text}; `--debug` shows where"
    return text


def _of_option(error: BaseException) -> str:
    """What is wrong with an option's value where a library judged it, in words of ours; else nothing."""
    judged = getattr(error.__cause__, "errors", None)
    options = getattr(getattr(error, "param", None), "opts", None)
    if not callable(judged) or not options:
        return ""
    from xavier_cli import names, refusals

    first, name = judged()[0], max(options, key=len)
    option = name if name.startswith("-") else name.upper()
    # The words that an option takes stand in the text alone, last.
    text = said(first.get("ctx", {}).get("error", error))
    choices = re.search(r" is not one of ('[^']*'(?:, '[^']*')*)\.$", text)
    if choices:
        known = re.findall(r"'([^']*)'", choices[1])
        return f"{option}: {names.unknown('value', str(first['input']), known)}"
    return f"{option}: {refusals.words(first)}{refusals.given(first)}"


def _is_out_of_memory(error: BaseException) -> bool:
    # Of XLA's error only the text says so.
    return isinstance(error, MemoryError) or "RESOURCE_EXHAUSTED" in said(error)


def say_warning(message: Warning | str, *_: object, **__: object) -> None:
    """A warning in one line, as `warnings.showwarning` is given it."""
    say(f"xavier: {clean(' '.join(str(message).split()))}")


def say(text: str) -> None:
    """A note for people, in one line that no terminal obeys: to stderr, since stdout carries results only.

    Nobody may be there to read it (a terminal that hung up, a closed pipe), which stops no work.
    """
    with contextlib.suppress(OSError):
        print(clean(text), file=sys.stderr, flush=True)
