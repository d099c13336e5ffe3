"""Finds the files that a Python file imports from its own folder, without running any of them."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

MOST_FILES = 1000


def imported_files(file: Path) -> list[Path]:
    """The files in the folder of `file`, or below it, that it imports directly or through others, sorted.

    A module of a package may also import from anywhere in that package. Without `file` itself; what cannot be
    read or is not Python has no imports.
    """
    folder = _folder(file)
    found, waiting = {file.resolve()}, [file]
    while waiting and len(found) <= MOST_FILES:
        for each in _imports(waiting.pop(), folder):
            if each.resolve() not in found:
                found.add(each.resolve())
                waiting.append(each)
    return sorted(found - {file.resolve()})


def _folder(file: Path) -> Path:
    """The folder that the imports of `file` are looked up in: that of the outermost package it is in."""
    folder = file.absolute().parent
    while (folder / "__init__.py").is_file():
        folder = folder.parent
    return folder


def _imports(file: Path, folder: Path) -> Iterator[Path]:
    try:
        tree = ast.parse(file.read_bytes())
    except (OSError, SyntaxError, ValueError, RecursionError):
        return
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield from _files(folder, alias.name.split("."))
        elif isinstance(node, ast.ImportFrom):
            base = folder
            if node.level:
                base = file.absolute().parent
                for _ in range(node.level - 1):
                    base = base.parent
            parts = node.module.split(".") if node.module else []
            yield from _files(base, parts)
            for alias in node.names:
                yield from _files(base, [*parts, alias.name])


def _files(base: Path, parts: list[str]) -> Iterator[Path]:
    """The files that importing `parts` runs: every package on the way, and the module."""
    for count in range(1, len(parts) + 1):
        place = base.joinpath(*parts[:count])
        for each in (place / "__init__.py", place.with_suffix(".py")):
            if each.is_file():
                yield each
