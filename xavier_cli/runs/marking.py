"""Changes the marks of a run file that is there: publishes it whole with other tags or another note."""

from __future__ import annotations

import os
import stat
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from xavier_cli.errors import StorageError
from xavier_cli.files.locks import lock_output
from xavier_cli.runs import marks
from xavier_cli.runs.errors import RunFileError
from xavier_cli.runs.reader import examine, read_run
from xavier_cli.runs.record import Run
from xavier_cli.runs.store import write_run


def mark_run(path: Path, add: Sequence[str] = (), remove: Sequence[str] = (), note: str | None = None) -> Run:
    """Add tags to the run at `path`, remove others, and replace its note where one is given; the run.

    Numbers, digests, configuration and provenance stay, and so does the file where nothing changes. Readers
    find the old file or the new one, whole. Raises `ConfigError` for a tag or note that can be none,
    `RunFileError` where no whole run lies there, and `StorageError` where it is read-only, being written, or
    cannot be.
    """
    # A link stays, and what it leads to is marked.
    path = Path(os.path.realpath(path))
    with lock_output(path):
        run = read_run(path)
        tags = marks.changed(run.tags, add, remove)
        marked = replace(run, tags=tags, note=run.note if note is None else marks.note_text(note))
        if (marked.tags, marked.note) == (run.tags, run.note):
            return run
        status = path.stat()
        # Renaming a new file to its name would not ask.
        if not status.st_mode & (stat.S_IWUSR | stat.S_IWGRP | stat.S_IWOTH):
            raise StorageError(path, "is read-only")
        found = examine(path)
        if isinstance(found, RunFileError):
            raise found
        if found.strangers:
            raise StorageError(
                path, f"holds what this xavier does not know and would lose: {', '.join(found.strangers)}"
            )
        write_run(path, marked, like=status)
        return marked
