"""Reads the finite set that is asked for, from the first place that has it."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from xavier_cli.data.arrays import read_arrays
from xavier_cli.data.decoded import decoded_once, stamp
from xavier_cli.data.folders import list_images
from xavier_cli.data.idx_pairs import read_pair
from xavier_cli.data.images import find_folder, read_images
from xavier_cli.data.sets import DataDamagedError, DataMissingError, FiniteSet, checked
from xavier_cli.data.user_data import user_set
from xavier_cli.files.caches import cache_folder
from xavier_cli.vocabulary import lookup
from xavier_cli.vocabulary.datasets import DatasetSpec


def fetched_folder() -> Path:
    """Where `xavier data fetch` puts what it gets."""
    return cache_folder() / "data"


def places(data_dir: Path | None) -> list[Path]:
    """Where data sets are looked for, in this order: `data_dir`, if any, and what was fetched."""
    return [*([data_dir] if data_dir else []), fetched_folder()]


def load_data(asked: DatasetSpec, data_dir: Path | None, decoded: bool = True) -> FiniteSet:
    """The finite set `asked` for; `decoded=False` reads the sources whatever was kept of them before.

    Raises `DataMissingError` and `DataDamagedError`. A Shapeset is generated, not read: not by this.
    """
    try:
        with _looked_for(asked):
            return _loaded(asked, places(data_dir), decoded)
    except MemoryError:
        # Below the limit on all machines, and above what this one has.
        raise DataDamagedError(f"`{asked.path or asked.name}` takes more memory than there is") from None


@contextmanager
def _looked_for(asked: DatasetSpec) -> Iterator[None]:
    """Turns an error of the file system, met where files are looked for or read, into that of a data set."""
    try:
        yield
    except OSError as error:
        place = Path(asked.path or asked.name)
        if error.errno == errno.ENAMETOOLONG:
            raise DataMissingError(f"no file or folder `{place}`: its name is too long") from None
        raise DataDamagedError.unreadable(place, error) from None


def _loaded(asked: DatasetSpec, folders: Sequence[Path], decoded: bool) -> FiniteSet:
    if asked.kind == "arrays":
        return checked(read_arrays(Path(asked.path)), Path(asked.path))
    if asked.kind == "idx":
        return checked(read_pair(Path(asked.path)), Path(asked.path))
    if asked.kind == "own":
        return user_set(asked.path)
    if asked.kind == "images":
        return _images(asked, folders, decoded)
    assert asked.kind == "official"
    assert asked.builtin is not None
    row, read = asked.builtin, lookup.load(asked.builtin.function)
    if not row.is_slow_to_decode or not decoded:
        finite: FiniteSet = read(folders)
        return finite
    source: Path = lookup.load(row.locate)(folders)
    files = sorted(source.iterdir()) if source.is_dir() else [source]
    return decoded_once(os.path.abspath(source), stamp(asked.name, files), lambda: read(folders))


def _images(asked: DatasetSpec, folders: Sequence[Path], decoded: bool) -> FiniteSet:
    folder = find_folder(asked, folders)
    listing = list_images(folder)

    def read() -> FiniteSet:
        return checked(read_images(listing, asked.side, asked.colour, asked.background), folder)

    if not decoded:
        return read()
    import PIL

    # Another Pillow may decode the same file to other bytes.
    size = f"{asked.side}{asked.colour}{asked.background}{PIL.__version__}"
    parts = [part for part in (listing.train, listing.test, listing.valid) if part]
    try:
        # What lies beside the images is told, too.
        words = "\n".join((size, *listing.notes))
        stamped = stamp(words, sorted(file for part in parts for _, file in part.files))
    except OSError as error:
        raise DataDamagedError.unreadable(folder, error) from None
    return decoded_once(f"{folder.absolute()}@{size}", stamped, read)


def where(asked: DatasetSpec, data_dir: Path | None) -> Path | None:
    """Where the files of `asked` are, or None where they are not or nothing is read for it; opens none.

    Raises `DataDamagedError` where that cannot be told, for lack of permission.
    """
    folders = places(data_dir)
    with suppress(DataMissingError), _looked_for(asked):
        if asked.kind == "images":
            return find_folder(asked, folders)
        if asked.kind in ("arrays", "idx"):
            return Path(asked.path) if Path(asked.path).expanduser().is_file() else None
        if asked.builtin and asked.builtin.locate:
            found: Path = lookup.load(asked.builtin.locate)(folders)
            return found
    return None
