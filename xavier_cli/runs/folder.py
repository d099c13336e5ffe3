"""Which run files lie in a folder, and which of them the newest command left."""

from __future__ import annotations

import os
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path

from xavier_cli.runs.errors import NoTrainingError, RunFileError
from xavier_cli.runs.reader import read_runs


def list_runs(folder: str | os.PathLike[str]) -> list[Path]:
    """The run files in `folder`, the oldest first; none where there is no such folder.

    By the time of the file alone, without opening it: what is a run file and what only looks like one shows
    when it is read. Hidden files (temporaries, locks, resume states) are none.
    """
    found = []
    try:
        with os.scandir(folder) as entries:
            for entry in entries:
                if entry.name.endswith(".h5") and not entry.name.startswith("."):
                    try:
                        if entry.is_file():
                            found.append((entry.stat().st_mtime_ns, entry.name))
                    except FileNotFoundError:
                        continue  # Gone since it was listed.
    except FileNotFoundError:
        return []
    except OSError as error:
        raise RunFileError(folder, os.strerror(error.errno) if error.errno else str(error)) from error
    return [Path(folder) / name for _, name in sorted(found)]


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
        created = datetime.fromisoformat(run.created_utc)
        # A time without a zone would not compare with the others.
        created = created if created.tzinfo else created.replace(tzinfo=UTC)
        commands.setdefault(str(run.provenance.get("command_id") or path), []).append((created, path))
    if not commands:
        return [], notes
    return [path for _, path in sorted(max(commands.values(), key=max))], notes
