"""The processor cores that this process may run on."""

from __future__ import annotations

import os


def usable_cores() -> list[int]:
    """The numbers of the cores, rising; fewer than the machine has where some are not this process's."""
    if hasattr(os, "sched_getaffinity"):
        return sorted(os.sched_getaffinity(0))
    return list(range(os.cpu_count() or 1))
