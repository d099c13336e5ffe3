"""Which cells of a sweep failed, kept in a hidden file beside the runs so that they can be run again."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

from xavier_cli.plain_text import utf8_throughout
from xavier_cli.publish import publish


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
                content = json.loads(path.read_text(encoding="utf-8"))["failed"]
                found |= {str(name): str(why) for name, why in content.items()}
            except (OSError, ValueError, KeyError, TypeError, AttributeError):
                continue
        return found

    def keep(self, failed: Mapping[str, str]) -> None:
        """Replace what this part of the sweep knows; without any failure its file goes away.

        Raises `StorageError`.
        """
        if not failed:
            self._own.unlink(missing_ok=True)
            return
        text = json.dumps({"schema": "xavier.sweep-failures/1", "failed": utf8_throughout(failed)}, indent=1)
        publish(self._own, f"{text}\n".encode())
