"""Restores process state that user code may change: JAX's settings, streams, the working folder.

Standard library only: NumPy and JAX are restored where they are already loaded.
"""

from __future__ import annotations

import contextlib
import os
import sys
import threading
import warnings
from collections.abc import Iterator
from typing import Any, TextIO, cast

from xavier_cli.errors import XavierError

# `catch_warnings` restores the filters that it found; those must not be another thread's.
_ONE_AT_A_TIME = threading.RLock()


class SettingsChangedError(XavierError):
    """User code changed JAX settings, which affect results; the message is their names."""


_STREAMS = tuple(f"{dunder}{name}{dunder}" for dunder in ("", "__") for name in ("stdin", "stdout", "stderr"))


class _Unclosable:
    """A stream that user code can use but not close, since others use it too."""

    def __init__(self, stream: Any):
        self._stream = stream

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._stream, name)
        return _Unclosable(found) if name in ("buffer", "raw") else found

    def __enter__(self) -> _Unclosable:
        return self

    def __exit__(self, *error: object) -> None:
        self._stream.flush()

    def __iter__(self) -> Iterator[Any]:
        return iter(self._stream)

    def close(self) -> None:
        """Do nothing: others still use the stream."""

    def detach(self) -> Any:
        """The underlying buffer, which stays attached."""
        return self.buffer if hasattr(self._stream, "buffer") else self.raw


def unclosable(stream: TextIO) -> TextIO:
    """`stream` protected from being closed; None where there is none, as under a window system."""
    return stream if stream is None or isinstance(stream, _Unclosable) else cast(TextIO, _Unclosable(stream))


@contextlib.contextmanager
def kept_streams() -> Iterator[None]:
    """Send what user code prints to stderr, and restore the streams afterwards."""
    before = {name: getattr(sys, name) for name in _STREAMS}
    for name, stream in before.items():
        setattr(sys, name, unclosable(stream))
    sys.stdout = sys.stderr
    try:
        yield
    finally:
        for name, stream in before.items():
            setattr(sys, name, stream)


@contextlib.contextmanager
def kept_state() -> Iterator[None]:
    """Send what user code prints to stderr, and restore the process state that it changes.

    stdout carries results that programs read. Warnings about user code are not shown. Raises
    `SettingsChangedError` where JAX settings were changed.
    """
    with contextlib.ExitStack() as stack:
        stack.enter_context(_ONE_AT_A_TIME)
        stack.enter_context(kept_streams())
        stack.enter_context(warnings.catch_warnings())
        warnings.simplefilter("ignore")
        if numpy := sys.modules.get("numpy"):
            stack.enter_context(numpy.errstate(all="ignore"))
        folder, deepest = os.getcwd(), sys.getrecursionlimit()
        before = _jax_settings()
        try:
            yield
        finally:
            sys.setrecursionlimit(deepest)
            with contextlib.suppress(OSError):
                os.chdir(folder)
            changed = _set_back(before)
        if changed:
            raise SettingsChangedError(", ".join(changed))


def _jax_settings() -> dict[str, object]:
    jax = sys.modules.get("jax")
    if not jax or not hasattr(jax, "config"):
        return {}
    # The cache of compiled programs does not affect results, and another thread of xavier may set it.
    return {name: value for name, value in jax.config.values.items() if "cache" not in name}


def _set_back(before: dict[str, object]) -> list[str]:
    """Restore JAX's settings to those of `before`; returns the names of those that had changed."""
    after = _jax_settings()
    changed = sorted(name for name, value in before.items() if after.get(name, value) != value)
    for name in changed:
        sys.modules["jax"].config.update(name, before[name])
    return changed
