"""Which cells of a sweep failed, kept in a hidden file beside the runs so that they can be run again."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

from xavier_cli.runs.publish import publish
from xavier_cli.text_files import read_text

# A line for each of millions of cells.
_LARGEST = 500_000_000


class Ledger:
    """The failed cells of one sweep in `folder`; `part` keeps shards that run at the same time apart."""

    def __init__(self, folder: Path, sweep_id: str, part: str = ""):
        self._folder = folder
        self._stem = f".sweep-{sweep_id[:8]}"
        self._own = folder / f"{self._stem}{f'-{part}' if part else ''}.json"

    def failed(self) -> dict[str, str]:
        """File name of every cell that failed, and why; a damaged or missing ledger knows of none."""
        found: dict[str, str] = {}
        if not self._folder.is_dir():
            return found
        for path in sorted(self._folder.glob(f"{self._stem}*.json")):
            try:
                content = json.loads(read_text(path, _LARGEST))["failed"]
                found |= {str(name): str(why) for name, why in content.items()}
            except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
                continue
        return found

    def keep(self, failed: Mapping[str, str]) -> None:
        """Replace what this part of the sweep knows; without any failure its file goes away.

        Raises `StorageError`.
        """
        if not failed:
            self._own.unlink(missing_ok=True)
            return
        text = json.dumps({"schema": "xavier.sweep-failures/1", "failed": dict(failed)}, indent=1)
        publish(self._own, f"{text}\n".encode(), verify=lambda temporary: None)
