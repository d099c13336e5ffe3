"""Parses names of data sets, and defines what is known of a data set before and after it is read.

    shapeset            mnist, cifar10, fashion_mnist       small-imagenet[@SIZE[rgb]]
    shapeset:EXAMPLES   PATH.npz, PATH-idx3-ubyte[.gz]      images:PATH[@SIZE[rgb][,background=black]]
    FILE.py:FUNCTION    package.module:FUNCTION

Nothing is read from disk here: a name says only where to look. A path stays as it was given, since a run's
data are identified by their content: by the digest in `DatasetInfo`.
"""

from __future__ import annotations

import json
import os
import re
import unicodedata
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

from pydantic import BaseModel, ConfigDict, Field, FiniteFloat, ValidationError

from xavier_cli.vocabulary import lookup
from xavier_cli.vocabulary.grammar import whole
from xavier_cli.vocabulary.lookup import DATA_SETS, DataSetEntry, UnknownNameError
from xavier_cli.vocabulary.told_words import as_name, words_are_told
from xavier_cli.vocabulary.user_functions import refuse_parameters, short_name, user_function_word

SIDE = 37
"""Default side in pixels of images read from a folder: that of Small-ImageNet (PAPER §1.2)."""

MIN_SIDE, MAX_SIDE = 4, 512
BACKGROUNDS = ("white", "black")
"""Background colours for transparent images; the first is the default."""

MAX_EXAMPLES = 1_000_000
MAX_NAME = 4096
SMALL_IMAGENET = "small-imagenet"
UNNAMED = "unnamed data"
"""The data set of a watched training that does not call it by a name."""
# All names without parameters, in a table or as a folder.
NAMED = (*DATA_SETS, SMALL_IMAGENET)

# The names with parameters: `xavier data list` and the message about an unknown name show them, too.
FAMILIES = {
    "shapeset:EXAMPLES": "N fixed images of Shapeset, seen in epochs",
    "small-imagenet[@SIZE[rgb]]": "the folder `small-imagenet` of images, 37×37 grey unless said otherwise",
    "images:PATH[@SIZE[rgb]]": "PATH/CLASS/*, or PATH/train/CLASS/*, PATH/test/CLASS/* and perhaps "
    "PATH/valid/CLASS/*; 37×37 grey; transparent ones on white unless `@64,background=black`",
    "FILE.py:FUNCTION": "arrays that a custom function returns: (x, y), or a dict of what a .npz holds",
    "PATH-images-idx3-ubyte[.gz]": "images in an IDX file; labels, and perhaps a test part, beside it",
    "PATH.npz": "x and y, or x_train, y_train, x_test, y_test and perhaps x_valid, y_valid",
}

Kind = Literal["shapeset", "official", "images", "arrays", "idx", "own", "told"]


_ADDED = ("notes", "warnings", "standardized")


class DatasetInfo(BaseModel):
    """The facts of a data set that was read; they are stored in the run file.

    `shape` is an image's `(height, width)`, or `(3, height, width)` for planes of red, green and blue.
    `train`, `valid` and `test` count examples, None for an endless stream. `sha256` is the digest of the
    decoded examples, empty for a stream; `sources` are checksums of files. `notes` say how it was read,
    `warnings` what looks wrong in it; `standardized` holds the mean and the standard deviation that were
    removed.
    """

    model_config = ConfigDict(frozen=True)

    name: str
    inputs: int = Field(ge=1)
    classes: int = Field(ge=1)
    labels: tuple[str, ...]
    top_class: float = Field(gt=0, le=1)
    shape: tuple[int, ...]
    train: int | None = None
    valid: int | None = None
    test: int | None = None
    sha256: str = ""
    sources: dict[str, str] = {}
    notes: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    standardized: tuple[FiniteFloat, FiniteFloat] | None = None

    @property
    def guessing_error(self) -> float:
        """The chance level: the test error, a fraction, of always answering the most frequent class."""
        return 1 - self.top_class

    def to_json(self) -> str:
        """The facts as canonical ASCII JSON; empty fields are left out, as in older files."""
        content = self.model_dump(mode="json")
        kept = {name: value for name, value in content.items() if value or name not in _ADDED}
        return json.dumps(kept, sort_keys=True, separators=(",", ":"))

    @classmethod
    def from_json(cls, text: str) -> DatasetInfo:
        """The facts that `to_json` wrote; raises `ValueError` with a message of one line."""
        try:
            return cls.model_validate(json.loads(text))
        except (ValidationError, RecursionError):
            raise ValueError("its data set makes no sense") from None


@dataclass(frozen=True)
class DatasetSpec:
    """A data set as a user named it.

    `name` is its canonical name and `stem` a short one that is safe in a file name. `builtin` is the row of a
    data set with a name of its own; the classes of others are known only after reading. `path` is a folder
    of images (empty: the one called `small-imagenet`), a file of arrays or of images in IDX, or the name of a
    user function; `side`, `colour` and `background` apply to images; `examples` is the size of a finite
    Shapeset, 0 for the stream.
    """

    name: str
    kind: Kind
    stem: str
    coding: tuple[float, float] = (0.0, 1.0)
    builtin: DataSetEntry | None = None
    path: str = ""
    side: int = SIDE
    colour: bool = False
    background: str = BACKGROUNDS[0]
    examples: int = 0

    @property
    def facts(self) -> DatasetInfo | None:
        """The facts that are known without reading it; None where there are none."""
        if self.builtin is None:
            return None
        word = self.builtin
        train, valid, test = word.sizes or (self.examples or None, None, None)
        return DatasetInfo(
            name=self.name,
            inputs=word.inputs,
            classes=word.classes,
            labels=word.labels,
            top_class=word.top_class,
            shape=word.shape,
            train=train,
            valid=valid,
            test=test,
        )


def find_data(word: str) -> DatasetSpec:
    """The data set called `word`; raises `ValueError` that names the accepted forms."""
    if len(word) > MAX_NAME or any(unicodedata.category(c) == "Cc" for c in word):
        raise ValueError(f"should have at most {MAX_NAME} characters, none of them a control character")
    if words_are_told():
        return _told(word)
    if word.startswith("images:"):
        path, images = _sized(word, word.removeprefix("images:"))
        path = os.path.normpath(path)
        return DatasetSpec(
            f"images:{path}@{images.text}", "images", _stem("images", path), path=path, **images.fields
        )
    base = word.partition("@")[0].replace("_", "-")
    if base == SMALL_IMAGENET:
        _, images = _sized(word, word)
        size = f"@{images.text}" if images != _Images() else ""
        return DatasetSpec(SMALL_IMAGENET + size, "images", SMALL_IMAGENET, **images.fields)
    if word.lower().endswith(".npz"):
        path = os.path.normpath(word)
        return DatasetSpec(path, "arrays", _stem("npz", path[: -len(".npz")]), path=path)
    if idx := re.fullmatch(r"(.+?)[.-]idx[1-4]?([.-]ubyte)?(\.gz)?", word, re.DOTALL | re.IGNORECASE):
        return DatasetSpec(os.path.normpath(word), "idx", _stem("idx", idx[1]), path=os.path.normpath(word))
    if word.startswith("shapeset:"):
        return _finite_shapeset(word.removeprefix("shapeset:"))
    refuse_parameters(word)
    own = None if word.partition(":")[0] in DATA_SETS else user_function_word("data", word)
    if own:
        return DatasetSpec(own, "own", _stem("own", short_name(own)), path=own)
    try:
        # `MNIST` and `CIFAR-10` are how people write them.
        plain = word.lower().replace("-", "")
        known = lookup.find("data set", plain if plain in DATA_SETS else word, DATA_SETS)
    except UnknownNameError as error:
        if ("/" in word or os.sep in word) and "FUNCTION" not in str(error):
            hint = f"a folder of images is `images:{word}`, arrays are `PATH.npz`"
            raise UnknownNameError(f"unknown data set `{word}`: {hint}") from None
        if "did you mean" in str(error):
            raise
        shown = [*DATA_SETS, *FAMILIES]
        raise UnknownNameError(
            lookup.unknown_message("data set", word, [*DATA_SETS, SMALL_IMAGENET], shown)
        ) from None
    kind: Kind = "shapeset" if known.name == "shapeset" else "official"
    return DatasetSpec(known.name, kind, known.name, known.coding, known)


def _told(word: str) -> DatasetSpec:
    """The data set that a watched training calls `word`: that of a table, or a name alone."""
    plain = re.sub(r"[-_\s]", "", word).lower()
    for known in DATA_SETS.values():
        if plain in {re.sub(r"[-_\s]", "", each).lower() for each in (known.name, *known.aliases)}:
            kind: Kind = "shapeset" if known.name == "shapeset" else "official"
            return DatasetSpec(known.name, kind, known.name, known.coding, known)
    name = as_name(word)
    return DatasetSpec(name, "told", _stem("", name).strip("-") or "data")


def _finite_shapeset(text: str) -> DatasetSpec:
    try:
        count = whole(text)
    except ValueError:
        count = 0
    if not isinstance(count, int) or not 1 <= count <= MAX_EXAMPLES:
        raise ValueError(
            f"`shapeset:{text}` should be `shapeset:` and a number of examples from 1 to {MAX_EXAMPLES}"
        )
    word = DATA_SETS["shapeset"]
    name = f"shapeset:{count}"
    return DatasetSpec(name, "shapeset", f"shapeset-{count}", word.coding, word, examples=count)


class _Images(NamedTuple):
    """The size, colour and background that images are converted to."""

    side: int = SIDE
    colour: bool = False
    background: str = BACKGROUNDS[0]

    @property
    def text(self) -> str:
        """Its text after the `@` of a name."""
        laid = f",background={self.background}" if self.background != BACKGROUNDS[0] else ""
        return f"{self.side}{'rgb' * self.colour}{laid}"

    @property
    def fields(self) -> dict[str, Any]:
        """The fields of a `DatasetSpec`."""
        return self._asdict()


def _sized(word: str, text: str) -> tuple[str, _Images]:
    """The path of `PATH[@SIZE[rgb][,background=COLOUR]]`, and the options after its last `@`."""
    path, at, size = text.rpartition("@")
    if not at:
        path = text
    elif "/" in size or os.sep in size:
        # The `@` belongs to the name of a parent folder.
        path, size, at = text, "", ""
    if not path:
        raise ValueError(f"`{word}` should name a folder: `images:PATH`")
    if not at:
        return path, _Images()
    colours = "|".join(BACKGROUNDS)
    match = re.fullmatch(
        rf"([0-9]{{1,4}})(rgb)?(?:,background=({colours}))?|background=(?P<alone>{colours})", size
    )
    if not match or not MIN_SIDE <= int(match[1] or SIDE) <= MAX_SIDE:
        raise ValueError(
            f"`@{size}` in `{word}` should be a size from {MIN_SIDE} to {MAX_SIDE}, with `rgb` after it "
            "for colour, like `@64` or `@64rgb`; `,background=black` lays transparent images on black"
        )
    return path, _Images(int(match[1] or SIDE), bool(match[2]), match[3] or match["alone"] or BACKGROUNDS[0])


def _stem(kind: str, path: str) -> str:
    """`kind` and the last part of `path`, without characters that are unsafe in a file name."""
    last = re.sub(r"[^A-Za-z0-9_.-]+", "-", os.path.basename(path)).strip("-.")[:40]
    return f"{kind}-{last}" if last else kind
