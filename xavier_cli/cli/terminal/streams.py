"""The three standard streams, whatever state they were handed over in."""

from __future__ import annotations

import contextlib
import errno
import os
import sys

_STREAMS = (("stdin", "r"), ("stdout", "w"), ("stderr", "w"))
# How a disk, or what stands for one, refuses what is written to it.
_WRITING = {errno.ENOSPC, errno.EFBIG, errno.EDQUOT, errno.EIO}


def open_closed_streams() -> None:
    """Open on /dev/null what is closed of stdin, stdout and stderr, before anything else opens a file.

    A file that got one of their numbers would receive what is printed.
    """
    for number, (name, mode) in enumerate(_STREAMS):
        try:
            os.fstat(number)
        except OSError:
            # The lowest free number, which is this one; children have it too.
            os.set_inheritable(os.open(os.devnull, os.O_RDWR), True)
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, mode, encoding="utf-8"))  # noqa: SIM115


def is_about_stdout(error: BaseException) -> bool:
    """Whether `error` came of printing to stdout: whatever else is written is published, and has a name."""
    return isinstance(error, OSError) and error.filename is None and error.errno in _WRITING


def give_up_stdout() -> None:
    """Let stdout lead nowhere: Python would fail once more, by an exit code of its own, when it flushes."""
    _lead_nowhere(1)


def give_up_stderr_if_full() -> None:
    """The same for stderr, which may fail at the end too: what nobody can be told changes no exit code."""
    try:
        sys.stderr.flush()
    except OSError:
        _lead_nowhere(2)


def _lead_nowhere(number: int) -> None:
    with contextlib.suppress(OSError):
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, number)
        os.close(nowhere)
