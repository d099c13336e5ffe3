"""Lists the run files in a folder, and those of the newest command."""

from __future__ import annotations

import os
from collections.abc import Iterable
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from xavier_cli.config.run import HASH_LENGTH, RunConfig
from xavier_cli.runs.errors import NoTrainingError, RunFileError
from xavier_cli.runs.many import read_runs

if TYPE_CHECKING:
    from xavier_cli.runs.result import ResultConfig


def list_runs(folder: str | os.PathLike[str]) -> list[Path]:
    """What is called like a run file in `folder`, the oldest first; none where there is no such folder.

    By the name and its own time alone, without opening or following it: what is a run file and what only
    looks like one (a folder, a link to nowhere) shows when it is read, and is that one's failure. Hidden
    files (temporaries, locks, resume states) are none.
    """
    found = []
    try:
        with os.scandir(folder) as entries:
            names = [each.name for each in entries if each.name.endswith(".h5") and each.name[0] != "."]
    except FileNotFoundError:
        return []
    except OSError as error:
        raise RunFileError(folder, os.strerror(error.errno) if error.errno else str(error)) from error
    for name in names:
        path = Path(folder) / name
        try:
            found.append((_time(path), name))
        except FileNotFoundError:
            continue  # Gone since it was listed.
        except OSError:
            found.append((0, name))
    return [Path(folder) / name for _, name in sorted(found)]


def run_path(folder: Path, config: RunConfig | ResultConfig, names: RunNames | None = None) -> Path:
    """The file of `config` in `folder`: one that is there or was begun, else the name that it is to get.

    The words of a name change with versions and defaults; the digits of the hash at its end do not, so that
    what an earlier version wrote is found. Who asks for many gives `names`, those of `folder`.
    """
    stem = config.file_stem()
    path = folder / f"{stem}.h5"
    if os.path.lexists(path):
        return path
    found = (names or RunNames(folder)).ending_in(stem[-HASH_LENGTH - 1 :])
    return path if path.name in found or not found else folder / found[-1]


class RunNames:
    """The names of run files in a folder, also of those only begun, by their ends; read when first asked."""

    def __init__(self, folder: Path):
        self._folder = folder

    def ending_in(self, end: str) -> list[str]:
        """The names of the files whose stem ends in `end`, a hyphen and the digits of a hash, in order."""
        return self._by_end.get(end, [])

    @cached_property
    def _by_end(self) -> dict[str, list[str]]:
        found: dict[str, list[str]] = {}
        try:
            names = sorted(os.listdir(self._folder))
        except OSError:
            names = []
        for name in (name.removesuffix(".ckpt") for name in names):
            if name.endswith(".h5"):
                found.setdefault(name[-HASH_LENGTH - 4 : -3], []).append(name.lstrip("."))
        return found


def _time(path: Path) -> int:
    """When the file at `path` was written; of a link that leads nowhere, when the link was made."""
    try:
        return path.stat().st_mtime_ns
    except OSError:
        return path.lstat().st_mtime_ns


def newest_command(paths: str | os.PathLike[str] | Iterable[Path]) -> tuple[list[Path], list[str]]:
    """The run files of the newest command among `paths`, or in a folder, oldest first; and notes.

    All runs that share the `command_id` of the newest one belong to its command; a run without an id is a
    command of its own. Files without training are passed over, unreadable ones too, with a note each.
    """
    if isinstance(paths, str | os.PathLike):
        paths = list_runs(paths)
    commands: dict[str, list[tuple[datetime, Path]]] = {}
    notes = []
    paths = list(paths)
    for path, run in zip(paths, read_runs(paths, only=("update",)), strict=True):
        if isinstance(run, NoTrainingError):
            continue
        if isinstance(run, RunFileError):
            notes.append(f"{run}; left out")
            continue
        if run.updates[-1] == 0:
            continue
        begun = datetime.fromisoformat(run.begun_utc)
        # A time without a zone would not compare with the others.
        begun = begun if begun.tzinfo else begun.replace(tzinfo=UTC)
        commands.setdefault(str(run.provenance.get("command_id") or path), []).append((begun, path))
    if not commands:
        return [], notes
    return [path for _, path in sorted(max(commands.values(), key=max))], notes
