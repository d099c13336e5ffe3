"""Writes the names of activations and data sets as people do: ReLU, Shapeset, CIFAR-10.

Standard library only. Files and programs keep the canonical names; a name that is in no table stays as it is.
"""

from __future__ import annotations

import re

from xavier_cli.vocabulary.activations import ACTIVATIONS
from xavier_cli.vocabulary.builtin_data import DATA_SETS
from xavier_cli.vocabulary.user_functions import is_user_function

_SIZED = re.compile(r"@(\d+)(rgb)?(?:,background=\w+)?$")


def activation_spelling(word: str) -> str:
    """`relu` as `ReLU`, `leaky_relu:slope=0.2` as `leaky ReLU (slope 0.2)`; a custom one without folder."""
    name, _, parameters = word.partition(":")
    if name not in ACTIVATIONS:
        return _last_part(word) if is_user_function(word) else word
    written = ACTIVATIONS[name].written or name
    return f"{written} ({parameters.replace('=', ' ').replace(',', ', ')})" if parameters else written


def data_spelling(word: str) -> str:
    """`mnist` as `MNIST`, `shapeset:5000` as `Shapeset (5,000 images)`; a path as its last part."""
    name, _, rest = word.partition(":")
    if name in DATA_SETS:
        written = DATA_SETS[name].written or name
        return f"{written} ({int(rest):,} images)" if rest.isdecimal() else f"{written} {rest}".strip()
    size = _SIZED.search(word)
    plain = word[: size.start()] if size else word
    shown = "Small-ImageNet" if plain == "small-imagenet" else _last_part(plain.removeprefix("images:"))
    return f"{shown}, {size[1]}×{size[1]}{' colour' * bool(size[2])}" if size else shown


def _last_part(path: str) -> str:
    """A path without its folders; of a custom function the file's, and the function."""
    return path.rstrip("/").rpartition("/")[2] or path
