"""Collects what may differ between two equal runs: versions, machine, layout."""

from __future__ import annotations

import os
import platform
from functools import cache
from importlib.metadata import version
from typing import Any

import jax

from xavier_cli.training.engine.layout import Layout
from xavier_cli.training.engine.time_spent import utc_now
from xavier_cli.training.keys import KEY_IMPLEMENTATION
from xavier_cli.version import __version__

# Each look reads a file, which is much to a cell of a sweep that takes a second.
_version = cache(version)


def provenance_of(layout: Layout) -> dict[str, Any]:
    """Versions, device and layout, ready for the run file."""
    device = layout.mesh.devices.flat[0]
    return {
        **_machine(),
        "versions": {name: _version(name) for name in ("jax", "jaxlib", "numpy", "h5py", "optax")},
        "device": device.device_kind,
        "devices": int(layout.mesh.devices.size),
        "strategy": layout.strategy,
        "key_implementation": KEY_IMPLEMENTATION,
    }


def began_now() -> dict[str, Any]:
    """When (`utc`) and where a training begins, for its checkpoints, called as in `provenance_of`."""
    return {"utc": utc_now(), **_machine(), "device": jax.local_devices()[0].device_kind}


def _machine() -> dict[str, Any]:
    return {
        "xavier": __version__,
        "python": platform.python_version(),
        "platform": platform.platform(),
        "machine": platform.machine(),
        "cores": os.cpu_count(),
    }
