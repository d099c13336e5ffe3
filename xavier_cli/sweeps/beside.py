"""Finds the files of functions that a recipe names by paths from its own folder."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from xavier_cli.config.settings import SETTINGS

# The file in `nets.py:cnn:depth=5` and in `normalized,output=mine.py:zeros`.
_FILE = re.compile(r"[^,=\s:]+\.py(?=:)")


def with_files_beside(settings: Mapping[str, Any], folder: Path) -> dict[str, Any]:
    """`settings` whose functions in files of the recipe's `folder` are found from the working folder."""

    def found(match: re.Match[str]) -> str:
        beside = folder / match[0]
        # A path that no file can have is told where the setting is checked.
        return str(beside) if "\0" not in match[0] and os.path.isfile(beside) else match[0]

    def placed(name: str, value: Any) -> Any:
        if isinstance(value, Mapping):
            return with_files_beside(value, folder)
        if isinstance(value, list):
            return [placed(name, each) for each in value]
        may_name_one = name in SETTINGS and SETTINGS[name].words
        return _FILE.sub(found, value) if may_name_one and isinstance(value, str) else value

    return {name: placed(name, value) for name, value in settings.items()}
