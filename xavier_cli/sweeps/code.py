"""Sends the files of custom functions, and what they import from their folders, to workers elsewhere."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from xavier_cli.vocabulary.imports import imported_files
from xavier_cli.vocabulary.user_functions import (
    UserFunctionError,
    digest,
    files_from_elsewhere,
    is_file_place,
    place_file,
)

# By module name, the files that functions of earlier groups imported here, which Python loads once.
_imported: dict[str, str] = {}


@dataclass(frozen=True)
class Code:
    """The files of custom functions as bytes, by paths below `root`, the folder that they are in at home.

    `places` has the path of each place that configurations name; the other files are imported by those.
    """

    root: Path
    files: Mapping[str, bytes]
    places: Mapping[str, str]


def read_code(places: Iterable[str]) -> Code:
    """The files at `places`, as `user_functions.named_places` gives them; modules are not among them.

    Raises `UserFunctionError` where one cannot be read.
    """
    named = {place: place_file(place).resolve() for place in places if is_file_place(place)}
    needed = {each for file in named.values() for each in (file, *imported_files(file))}
    if not needed:
        return Code(Path(), {}, {})
    root = Path(os.path.commonpath([each.parent for each in needed]))
    try:
        files = {each.relative_to(root).as_posix(): each.read_bytes() for each in sorted(needed)}
    except OSError as error:
        raise UserFunctionError(f"`{error.filename}` cannot be read: {error.strerror}") from None
    return Code(root, files, {place: file.relative_to(root).as_posix() for place, file in named.items()})


@contextmanager
def code_at_hand(code: Code) -> Iterator[None]:
    """Within it, functions are those of `code`: in its own folder where that is the same here, else a copy.

    Raises `UserFunctionError` for an import that an earlier group of this process loaded with another text.
    """
    for path in sorted({*code.files} - {*code.places.values()}):
        if _imported.setdefault(path, digest(code.files[path])) != digest(code.files[path]):
            raise UserFunctionError(
                f"`{path}` has changed since a worker imported it, as Python does once: restart the workers"
            )
    with tempfile.TemporaryDirectory(prefix="xavier-code-") as folder:
        root = code.root
        if not all(_is_at(root / path, text) for path, text in code.files.items()):
            root = Path(folder)
            for path, text in code.files.items():
                (root / path).parent.mkdir(parents=True, exist_ok=True)
                (root / path).write_bytes(text)
        with files_from_elsewhere({place: root / path for place, path in code.places.items()}):
            yield


def _is_at(file: Path, text: bytes) -> bool:
    try:
        return file.read_bytes() == text
    except OSError:
        return False
