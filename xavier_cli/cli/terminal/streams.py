"""Makes the standard streams safe: closed at the start, or failing while they are written."""

from __future__ import annotations

import contextlib
import errno
import os
import sys

_STREAMS = (("stdin", "r"), ("stdout", "w"), ("stderr", "w"))
# The errors of a full or failing disk.
_WRITING = {errno.ENOSPC, errno.EFBIG, errno.EDQUOT, errno.EIO}


def open_closed_streams() -> None:
    """Open closed ones of stdin, stdout and stderr on /dev/null, before any other file is opened.

    A file that got one of their descriptors would receive the output.
    """
    for number, (name, mode) in enumerate(_STREAMS):
        try:
            os.fstat(number)
        except OSError:
            # `os.open` returns the lowest free descriptor, which is this one; children inherit it.
            os.set_inheritable(os.open(os.devnull, os.O_RDWR), True)
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, mode, encoding="utf-8"))  # noqa: SIM115


def is_about_stdout(error: BaseException) -> bool:
    """Whether `error` came from printing to stdout; all other outputs raise errors that name their path."""
    return isinstance(error, OSError) and error.filename is None and error.errno in _WRITING


def give_up_stdout() -> None:
    """Redirect stdout to /dev/null: otherwise flushing it at exit would fail with another exit code."""
    _lead_nowhere(1)


def give_up_stderr_if_full() -> None:
    """Redirect stderr if it cannot be written, so that a lost message does not change the exit code."""
    try:
        sys.stderr.flush()
    except OSError:
        _lead_nowhere(2)


def _lead_nowhere(number: int) -> None:
    with contextlib.suppress(OSError):
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, number)
        os.close(nowhere)
