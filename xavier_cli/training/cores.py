"""The processor cores that this process may run on, and their name."""

from __future__ import annotations

import os
import platform
from contextlib import suppress
from pathlib import Path


def usable_cores() -> list[int]:
    """The numbers of the cores, rising; fewer than the machine has where some are not this process's."""
    if hasattr(os, "sched_getaffinity"):
        return sorted(os.sched_getaffinity(0))
    return list(range(os.cpu_count() or 1))


def processor_name() -> str:
    """The processor as its maker calls it, or its architecture where the system does not say."""
    with suppress(OSError):
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            name, _, value = line.partition(":")
            if name.strip() == "model name" and value.strip():
                return value.strip()
    return platform.processor() or platform.machine()
