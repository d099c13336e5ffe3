"""Reads a small JSON file from an untrusted source."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from xavier_cli.files.text import read_bounded


def read_json(path: Path, most_bytes: int, *, follow_link: bool = True) -> Any:
    """The content of the JSON file at `path`; raises `OSError`, and `ValueError` if it is not JSON."""
    try:
        return json.loads(read_bounded(path, most_bytes, follow_link=follow_link).decode("utf-8"))
    except RecursionError:
        raise ValueError("nested too deeply") from None
