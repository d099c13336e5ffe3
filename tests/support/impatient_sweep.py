"""Sweeps without their protections, as controls: workers outlive them, and they do not wait for locks."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from xavier_cli.cli import main
from xavier_cli.sweeps import work, workers

# Spawned workers import this module by the name of what they are to do, unchanged.
_make, _work = work.make, workers.work


def orphanable_work(*arguments: Any) -> None:
    """A worker as where the kernel cannot kill it: it looks itself, now and then, whether it is an orphan."""
    _work(*arguments[:-1], False)


def impatient_work(*arguments: Any) -> None:
    """Such a worker that tells of a cell of another process as failed."""
    work.make = _impatient_make
    orphanable_work(*arguments)


def _impatient_make(*arguments: Any) -> list[work.Outcome]:
    return [
        replace(outcome, ending="failed") if outcome.ending == "locked" else outcome
        for outcome in _make(*arguments)
    ]


def orphaning() -> None:
    """`xavier`, whose workers are not killed with it."""
    workers.work = orphanable_work
    main()


def impatient() -> None:
    """`xavier` that also does not wait for locks."""
    workers.work = impatient_work
    main()
