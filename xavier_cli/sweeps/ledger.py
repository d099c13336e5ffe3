"""Stores which cells of a sweep failed, in a hidden file beside the runs, so that they can be run again."""

from __future__ import annotations

import contextlib
import json
import stat
import unicodedata
from collections.abc import Callable, Mapping
from pathlib import Path

from xavier_cli.errors import StorageError
from xavier_cli.files.publish import publish
from xavier_cli.sanitize import clean, utf8_throughout
from xavier_cli.sweeps.json_file import read_json

# More than the ledger of the largest sweep if all its cells failed with long reasons.
MOST_BYTES = 2**26


class Ledger:
    """The failed cells of one sweep in `folder`; `part` separates shards that run at the same time.

    `note` is called with a line about each invalid ledger.
    """

    def __init__(
        self, folder: Path, sweep_id: str, part: str = "", note: Callable[[str], None] = lambda _: None
    ):
        self._folder, self._note = folder, note
        self._stem = f".sweep-{sweep_id[:8]}"
        self._own = folder / f"{self._stem}{f'-{part}' if part else ''}.json"

    def failed(self) -> dict[str, str]:
        """File name of every failed cell, and the reason; a damaged or missing ledger has none."""
        found: dict[str, str] = {}
        bad: list[str] = []
        paths: list[Path] = []
        with contextlib.suppress(OSError):
            paths = sorted(self._folder.glob(f"{self._stem}*.json"))
        for path in paths:
            try:
                found |= _failed(read_json(path, MOST_BYTES, follow_link=False))
            except FileNotFoundError:
                # Another part of the sweep has removed it.
                continue
            except (OSError, ValueError) as error:
                why = error.strerror if isinstance(error, OSError) else str(error)
                bad.append(f"`{path}` is ignored: it is not a list of failed cells ({why})")
        if bad:
            self._note(bad[0] + (f"; so are {len(bad) - 1} more" if len(bad) > 1 else ""))
        return found

    def keep(self, failed: Mapping[str, str]) -> None:
        """Replace the failures of this part of the sweep; without failures its file is removed.

        Raises `StorageError`.
        """
        try:
            self._clear(but_a_file=bool(failed))
        except OSError as error:
            raise StorageError.of(self._own, error) from error
        if failed:
            plain = utf8_throughout({name: clean(why) for name, why in failed.items()})
            text = json.dumps({"schema": "xavier.sweep-failures/1", "failed": plain}, indent=1)
            publish(self._own, f"{text}\n".encode())

    def _clear(self, but_a_file: bool) -> None:
        """Remove whatever is at the ledger's path, which is only for ledgers; a file not if `but_a_file`."""
        with contextlib.suppress(FileNotFoundError):
            mode = self._own.lstat().st_mode
            if stat.S_ISDIR(mode):
                self._own.rmdir()
            elif not (but_a_file and stat.S_ISREG(mode)):
                self._own.unlink()


def _failed(content: object) -> dict[str, str]:
    """The failures in a ledger's content; raises `ValueError` if it is not valid."""
    failed = content.get("failed") if isinstance(content, dict) else None
    if not isinstance(failed, dict):
        raise ValueError("it has none")
    for name, why in failed.items():
        # Names are compared and never shown; file names may be in any script.
        if any(unicodedata.category(c) == "Cc" for c in name):
            raise ValueError("a name with control characters")
        if not isinstance(why, str) or clean(why) != why:
            raise ValueError("a reason that is no plain text")
    return failed
