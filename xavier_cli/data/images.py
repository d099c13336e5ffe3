"""Reads folders of images, a folder per class, in the usual formats, resized to one size.

Every image is turned upright, composed with the background where it is transparent, converted to grey or RGB,
and resized (Lanczos, so without aliasing) to SIZE × SIZE whatever its own size and shape. Without `test` a
tenth of each class is the test part; without `valid` a tenth of each class's training images is for
validation. Which ones follows from their names (`data.split`).

All files that `data.folders` lists have to be images, or the set is refused: what a run learned from should
not depend on what happened to be readable. Headers are checked before anything is decoded.
"""

from __future__ import annotations

import warnings
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, nullcontext
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING

import numpy as np

from xavier_cli.data.folders import Listing
from xavier_cli.data.sets import (
    DataDamagedError,
    DataMissingError,
    Examples,
    FiniteSet,
    refuse_labels,
    refuse_over_memory,
)
from xavier_cli.data.split import held_out
from xavier_cli.vocabulary.datasets import BACKGROUNDS, SMALL_IMAGENET, DatasetSpec

if TYPE_CHECKING:
    from PIL.Image import Image

# No format that runs another program (EPS calls Ghostscript).
FORMATS = ("JPEG", "PNG", "GIF", "BMP", "TIFF", "WEBP", "PPM")
MAX_PIXELS = 50_000_000
LARGE = 4_000_000
"""Pixels above which pictures are decoded one at a time: as many as there are cores would fill the memory."""

SHOWN = 3
Files = Sequence[tuple[int, Path]]
_one_large = Lock()
_WORDS = {
    "transparent": ("is transparent", "are transparent"),
    "deep": ("has 16 bits per pixel: scaled to 8", "have 16 bits per pixel: scaled to 8"),
    "frames": ("has further frames: the first is read", "have further frames: the first is read"),
}


def find_folder(asked: DatasetSpec, folders: Sequence[Path]) -> Path:
    """The folder that `asked` names; raises `DataMissingError`."""
    if asked.path:
        folder = Path(asked.path).expanduser()
        if folder.exists() and not folder.is_dir():
            raise DataMissingError(f"`{folder}` is a file: `images:PATH` names a folder with one per class")
        if not folder.is_dir():
            raise DataMissingError(f"no folder `{folder}`")
        return folder
    for folder in folders:
        if (folder / SMALL_IMAGENET).is_dir():
            return folder / SMALL_IMAGENET
    looked = ", ".join(f"`{folder}`" for folder in folders)
    raise DataMissingError(
        f"{asked.name}: no folder `{SMALL_IMAGENET}` in {looked}; the paper's set was never published: any "
        f"images in `{SMALL_IMAGENET}/train/CLASS/` and `{SMALL_IMAGENET}/test/CLASS/` stand in"
    )


def read_images(listing: Listing, side: int, colour: bool, background: str = BACKGROUNDS[0]) -> FiniteSet:
    """The images of `listing`, `side` pixels square, grey or in colour; raises `DataDamagedError`."""
    shape = (3, side, side) if colour else (side, side)
    parts = _parts(listing)
    labels = {name: np.array([label for label, _ in files], np.int32) for name, files in parts.items()}
    with ThreadPoolExecutor() as pool, _quiet():
        _each(pool, listing.folder, list(parts.values()), lambda part, row, file: _look(file))
    # Before a picture is decoded, which what is too few or too much does not need.
    refuse_labels(labels, listing.labels, listing.folder)
    refuse_over_memory(sum(map(len, parts.values())) * int(np.prod(shape)), listing.folder)
    decoded, notes = _decoded(listing.folder, list(parts.values()), side, colour, background)
    made = {name: Examples(pixels, labels[name]) for name, pixels in zip(parts, decoded, strict=True)}
    return FiniteSet(
        made["train"], made["valid"], made["test"], listing.labels, shape, notes=(*listing.notes, *notes)
    )


def _parts(listing: Listing) -> dict[str, Files]:
    """The files of each part, those of the training part that are held out among them."""
    train, marks = np.array(listing.train.files, dtype=object), listing.train.marks
    parts: dict[str, Files] = {}
    for name, given in (("test", listing.test), ("valid", listing.valid)):
        if given:
            parts[name] = given.files
            continue
        chosen = held_out(np.array([label for label, _ in train], np.int32), marks)
        parts[name] = [(label, file) for label, file in train[chosen]]
        train, marks = train[~chosen], marks[~chosen]
    return {"train": [(label, file) for label, file in train], **parts}


def _decoded(
    folder: Path, parts: Sequence[Files], side: int, colour: bool, background: str = BACKGROUNDS[0]
) -> tuple[list[np.ndarray], list[str]]:
    """The pixels of each part, and what was done to them, a line each."""
    odd: list[str] = []
    decoded = [np.empty((len(files), (3 if colour else 1) * side * side), np.uint8) for files in parts]

    def fill(part: int, row: int, file: Path) -> None:
        decoded[part][row] = _image(file, side, colour, background, odd)

    with ThreadPoolExecutor() as pool, _quiet():
        _each(pool, folder, parts, fill)
    return decoded, _notes(Counter(odd), background)


@contextmanager
def _quiet() -> Iterator[None]:
    """Without Pillow's warnings: of damaged metadata, say, and of sizes that are refused here."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def _each(
    pool: ThreadPoolExecutor, folder: Path, parts: Sequence[Files], work: Callable[[int, int, Path], None]
) -> None:
    """Do `work` with part, row and path of every file; raises `DataDamagedError` for those it fails on."""
    problems: list[str] = []

    def one(place: tuple[int, int, Path]) -> None:
        try:
            work(*place)
        except Exception as error:
            # Whatever a decoder makes of a file that is no image.
            problems.append(f"`{place[2].relative_to(folder)}` ({_why(error)})")

    every = [(part, row, file) for part, files in enumerate(parts) for row, (_, file) in enumerate(files)]
    # Read to the end, so that nothing is left undone or untold.
    for _ in pool.map(one, every):
        pass
    if problems:
        more = f" and {len(problems) - SHOWN:,} more" if len(problems) > SHOWN else ""
        raise DataDamagedError(
            f"`{folder}`: {len(problems):,} of {len(every):,} files cannot be read as images: "
            f"{', '.join(sorted(problems)[:SHOWN])}{more}; repair the images, and move other files elsewhere"
        )


class _RefusedError(ValueError):
    """A file that is not read as an image; its text says why."""


def _why(error: Exception) -> str:
    """Why a file could not be read, without a library's words, which name paths and objects of its own."""
    from PIL import Image, UnidentifiedImageError

    if isinstance(error, _RefusedError):
        return str(error)
    if isinstance(error, UnidentifiedImageError):
        return "not an image, or of an unsupported format"
    if isinstance(error, Image.DecompressionBombError):
        return f"over {MAX_PIXELS:,} pixels"
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return "damaged or cut off"


def _notes(odd: Counter[str], background: str) -> list[str]:
    lines = []
    for kind, words in _WORDS.items():
        if count := odd[kind]:
            line = f"{count:,} picture{'s' * (count > 1)} {words[count > 1]}"
            other = next(each for each in BACKGROUNDS if each != background)
            laid = f": laid on {background} (`@SIZE,background={other}` lays on {other})"
            lines.append(line + laid * (kind == "transparent"))
    return lines


def _open(file: Path) -> Image:
    from PIL import Image

    # A pipe would be waited for.
    if not file.is_file():
        raise _RefusedError("not a file")
    image = Image.open(file, formats=FORMATS)
    if image.width * image.height > MAX_PIXELS:
        raise _RefusedError(f"{image.width}×{image.height} pixels are over {MAX_PIXELS:,}")
    if image.mode.startswith(("I", "F")) and not _is_deep(image):
        raise _RefusedError("more than 16 bits per pixel")
    return image


def _look(file: Path) -> None:
    """Raise what is wrong with a file that does not begin as an image that can be read."""
    _open(file).close()


def _image(
    file: Path, side: int, colour: bool, background: str = BACKGROUNDS[0], odd: list[str] | None = None
) -> np.ndarray:
    """The pixels of a file; what was special about it is added to `odd`."""
    from PIL import Image, ImageOps

    odd = [] if odd is None else odd
    with _open(file) as image, _one_large if image.width * image.height > LARGE else nullcontext():
        if getattr(image, "is_animated", False):
            odd.append("frames")
        deep = _is_deep(image)
        upright = ImageOps.exif_transpose(image)
        if deep:
            odd.append("deep")
            plain = Image.fromarray(np.asarray(upright).astype(np.float32) / 257)
        else:
            plain = _laid(upright, background, odd).convert("RGB" if colour else "L")
        small = plain.resize((side, side), Image.Resampling.LANCZOS)
    pixels = np.asarray(small)
    if deep:
        pixels = np.clip(np.rint(pixels), 0, 255).astype(np.uint8)
        return np.tile(pixels.reshape(-1), 3 if colour else 1)
    return (pixels.transpose(2, 0, 1) if colour else pixels).reshape(-1)


def _laid(image: Image, background: str, odd: list[str]) -> Image:
    """`image` on its background, or as it is where nothing of it is transparent."""
    from PIL import Image

    if not image.has_transparency_data:
        return image
    with_alpha = image.convert("RGBA")
    # All opaque, it stays what it was before anybody looked for alpha.
    if with_alpha.getchannel("A").getextrema()[0] == 255:
        return image
    odd.append("transparent")
    return Image.alpha_composite(Image.new("RGBA", image.size, background), with_alpha)


def _is_deep(image: Image) -> bool:
    """Whether it is grey, of 16 bits; older versions of Pillow read them into 32."""
    return image.mode.startswith("I;16") or (image.mode == "I" and image.format in ("PNG", "PPM"))
