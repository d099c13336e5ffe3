"""Finds out which program is running, and on which machine, without saying whose machine it is."""

from __future__ import annotations

import platform
import subprocess
from contextlib import suppress
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from xavier_cli.sweeps.results import Origin
from xavier_cli.training.cores import processor_name, usable_cores
from xavier_cli.training.memory import machine_bytes
from xavier_cli.version import __version__

PACKAGES = ("jax", "jaxlib", "numpy")
# Changes of other files, such as results that are being written one by one, change no result.
_DECIDING = ("xavier_cli", "pyproject.toml", "recipes/*.toml")
_GIT_SECONDS = 20.0


def this_origin(devices: tuple[str, ...] = ()) -> Origin:
    """The running program and its machine; `devices` are the kinds that networks were trained on."""
    commit, modified = source_commit(Path(__file__).parents[2])
    total = machine_bytes()
    return Origin(
        xavier=__version__,
        commit=commit,
        modified=modified,
        python=platform.python_version(),
        versions={name: found for name in PACKAGES if (found := _version(name))},
        processor=processor_name(),
        cores=len(usable_cores()),
        memory_gib=round(total / 2**30, 1) if total else None,
        devices=devices,
    )


def source_commit(root: Path) -> tuple[str | None, bool | None]:
    """The commit of the source checkout at `root`, and whether its code or recipes differ from it.

    (None, None) for an installed package, also where its environment lies inside another repository.
    """
    top = _git(root, "rev-parse", "--show-toplevel")
    if top is None or Path(top).resolve() != root.resolve() or not (root / "pyproject.toml").is_file():
        return None, None
    commit = _git(root, "rev-parse", "HEAD")
    changed = _git(root, "status", "--porcelain", "--", *_DECIDING)
    return commit or None, None if changed is None or not commit else bool(changed)


def _git(root: Path, *arguments: str) -> str | None:
    """What git says about `root`; None where there is no git, or no repository."""
    with suppress(OSError, subprocess.SubprocessError):
        # Refresh nothing: another process may hold the repository.
        command = ["git", "--no-optional-locks", "-C", str(root), *arguments]
        said = subprocess.run(
            command, capture_output=True, text=True, errors="replace", timeout=_GIT_SECONDS, check=True
        )
        return said.stdout.strip()
    return None


def _version(name: str) -> str:
    with suppress(PackageNotFoundError):
        return version(name)
    return ""
