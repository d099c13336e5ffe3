"""Folders of images, a folder per class: any pictures that Pillow reads, made equal in size.

    PATH/train/CLASS/* and PATH/test/CLASS/*        or        PATH/CLASS/*

Every image is turned upright, made grey or RGB, and resized (Lanczos, so without aliases) to SIZE × SIZE
whatever its own size and shape. Without `test` a tenth of each class is the test part; a tenth of each
class's training images is for validation. Which ones follows from their names (`data.split`).

Hidden files are passed over; all others have to be images, or the set is refused: what a run learnt from
should not depend on what happened to be readable. Links to files and to class folders are followed.
"""

from __future__ import annotations

import os
import warnings
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

import numpy as np

from xavier_cli.data.sets import DataDamagedError, DataMissingError, Examples, FiniteSet, refuse_over_memory
from xavier_cli.data.split import held_out, marks
from xavier_cli.datasets import SMALL_IMAGENET, AskedData

# No format that runs another program (EPS calls Ghostscript).
FORMATS = ("JPEG", "PNG", "GIF", "BMP", "TIFF", "WEBP", "PPM")
MAX_PIXELS = 50_000_000
SHOWN = 3


class Listed(NamedTuple):
    """The image files of one part, `(class, file)` each, in the order of their marks."""

    files: list[tuple[int, Path]]
    marks: np.ndarray


class Listing(NamedTuple):
    """Which images there are; `test` is None where the folder does not say."""

    folder: Path
    labels: tuple[str, ...]
    train: Listed
    test: Listed | None


def find_folder(asked: AskedData, folders: Sequence[Path]) -> Path:
    """The folder that `asked` names; raises `DataMissingError`."""
    if asked.path:
        folder = Path(asked.path).expanduser()
        if not folder.is_dir():
            raise DataMissingError(f"{asked.name}: no folder `{folder}`")
        return folder
    for folder in folders:
        if (folder / SMALL_IMAGENET).is_dir():
            return folder / SMALL_IMAGENET
    looked = ", ".join(f"`{folder}`" for folder in folders)
    raise DataMissingError(
        f"{asked.name}: no folder `{SMALL_IMAGENET}` in {looked}; the paper's set was never published: any "
        f"images in `{SMALL_IMAGENET}/train/CLASS/` and `{SMALL_IMAGENET}/test/CLASS/` stand in"
    )


def list_images(folder: Path) -> Listing:
    """The images under `folder`, without opening one; raises `DataDamagedError`."""
    try:
        split = all((folder / part).is_dir() for part in ("train", "test"))
        classes = {part: _classes(folder / part if split else folder) for part in ("train", "test")}
        if not classes["train"]:
            raise DataDamagedError(f"`{folder}` holds no folders, one per class, with images in them")
        for name in sorted(set(classes["train"]) ^ set(classes["test"])):
            has = "train" if name in classes["train"] else "test"
            raise DataDamagedError(f"`{folder}`: class `{name}` is in `{has}` alone")
        train = _listed(classes["train"])
        return Listing(folder, tuple(classes["train"]), train, _listed(classes["test"]) if split else None)
    except OSError as error:
        raise DataDamagedError.unreadable(folder, error) from None


def _classes(folder: Path) -> dict[str, list[Path]]:
    found = {}
    for entry in sorted(folder.iterdir()):
        if entry.is_dir() and not entry.name.startswith("."):
            files = [file for file in sorted(entry.iterdir()) if not file.name.startswith(".")]
            if not files:
                raise DataDamagedError(f"`{entry}` holds no images")
            found[entry.name] = files
    return found


def _listed(classes: dict[str, list[Path]]) -> Listed:
    files = [(label, file) for label, each in enumerate(classes.values()) for file in each]
    marked = marks(os.fsencode(f"{file.parent.name}/{file.name}") for _, file in files)
    # By mark, so that any piece of a part has all classes in it.
    order = np.argsort(marked, kind="stable")
    return Listed([files[i] for i in order], marked[order])


def read_images(listing: Listing, side: int, colour: bool) -> FiniteSet:
    """The images of `listing`, `side` pixels square, grey or in colour; raises `DataDamagedError`."""
    shape = (3, side, side) if colour else (side, side)
    everything = [listing.train, *([listing.test] if listing.test else [])]
    count = sum(len(part.files) for part in everything)
    refuse_over_memory(count, int(np.prod(shape)), 1, listing.folder)
    train, *rest = _decoded(listing.folder, everything, side, colour)
    train_marks = listing.train.marks
    if rest:
        test = rest[0]
    else:
        chosen = held_out(train.labels, train_marks)
        test, train, train_marks = _taken(train, chosen), _taken(train, ~chosen), train_marks[~chosen]
    chosen = held_out(train.labels, train_marks)
    return FiniteSet(_taken(train, ~chosen), _taken(train, chosen), test, listing.labels, shape)


def _taken(examples: Examples, chosen: np.ndarray) -> Examples:
    return Examples(examples.pixels[chosen], examples.labels[chosen])


def _decoded(folder: Path, parts: Sequence[Listed], side: int, colour: bool) -> list[Examples]:
    def one(file: Path) -> np.ndarray | str:
        try:
            return _image(file, side, colour)
        except Exception as error:
            # Whatever a decoder makes of a file that is no image.
            return f"`{file.relative_to(folder)}` ({' '.join(str(error).split())[:80]})"

    decoded = []
    problems: list[str] = []
    with ThreadPoolExecutor() as pool, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for part in parts:
            pixels = np.empty((len(part.files), (3 if colour else 1) * side * side), np.uint8)
            for row, made in enumerate(pool.map(one, (file for _, file in part.files))):
                if isinstance(made, str):
                    problems.append(made)
                else:
                    pixels[row] = made
            decoded.append(Examples(pixels, np.array([label for label, _ in part.files], np.int32)))
    if problems:
        more = f" and {len(problems) - SHOWN} more" if len(problems) > SHOWN else ""
        total = sum(len(part.files) for part in parts)
        raise DataDamagedError(
            f"`{folder}`: {len(problems)} of {total} files are no images that can be read: "
            f"{', '.join(sorted(problems)[:SHOWN])}{more}"
        )
    return decoded


def _image(file: Path, side: int, colour: bool) -> np.ndarray:
    from PIL import Image, ImageOps

    # A pipe would be waited for.
    if not file.is_file():
        raise ValueError("not a file")
    with Image.open(file, formats=FORMATS) as image:
        if image.width * image.height > MAX_PIXELS:
            raise ValueError(f"{image.width}×{image.height} pixels are over {MAX_PIXELS}")
        if image.mode.startswith(("I", "F")):
            raise ValueError("more than 8 bits per pixel")
        upright = ImageOps.exif_transpose(image)
        plain = upright.convert("RGB" if colour else "L")
        small = plain.resize((side, side), Image.Resampling.LANCZOS)
    pixels = np.asarray(small)
    return (pixels.transpose(2, 0, 1) if colour else pixels).reshape(-1)
