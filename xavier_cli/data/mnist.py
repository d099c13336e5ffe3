"""Reads MNIST and Fashion-MNIST from their four official files each, split 50,000 / 10,000 / 10,000.

They are searched for where people and other libraries put them, packed or not, with `-idx` or `.idx`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from xavier_cli.data.idx import parse_idx, read_content
from xavier_cli.data.sets import DataDamagedError, DataMissingError, Examples, FiniteSet, first_there
from xavier_cli.vocabulary.lookup import DATA_SETS

VALID = 10_000
# Torchvision's are the ones with `raw`.
FOLDERS = ("mnist/", "", "MNIST/raw/", "MNIST/", "mnist/raw/", "mnist/MNIST/raw/", "raw/")
FASHION_FOLDERS = (
    *("fashion-mnist/", "FashionMNIST/raw/", "FashionMNIST/", "fashion_mnist/", "Fashion-MNIST/"),
    *("fashion-mnist/raw/", "fashion_mnist/raw/", "data/fashion/"),
)
TRAIN_IMAGES, TRAIN_LABELS = "train-images-idx3-ubyte", "train-labels-idx1-ubyte"
TEST_IMAGES, TEST_LABELS = "t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte"

# SHA-256 of the unpacked files, the same whichever way they were packed.
SHA256 = {
    TRAIN_IMAGES: "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
    TRAIN_LABELS: "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
    TEST_IMAGES: "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
    TEST_LABELS: "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
}
# MD5 of the files as they were published, packed.
FASHION_MD5 = {
    TRAIN_IMAGES: "8d4fb7e6c68d591d4c3dfef9ec88bf0d",
    TRAIN_LABELS: "25c81989df183df01b3e8a0aad5dffbe",
    TEST_IMAGES: "bef4ecab320f06d8554ea6380940ec79",
    TEST_LABELS: "bb300cfdad3c16e7a12a480ee83cd310",
}


def read(folders: Sequence[Path]) -> FiniteSet:
    """MNIST out of the first of `folders`, or of its `FOLDERS`, that has the files, packed or not.

    The last 10,000 training images are for validation. Raises `DataMissingError` and `DataDamagedError`.
    """
    arrays = {}
    for name, expected in SHA256.items():
        path = _find("mnist", folders, _candidates(FOLDERS, name))
        content = read_content(path)
        _verify(path, content, "sha256", expected)
        arrays[name] = parse_idx(content, path)
    return _split("mnist", arrays, SHA256)


def read_fashion(folders: Sequence[Path]) -> FiniteSet:
    """Fashion-MNIST out of the `FASHION_FOLDERS` of the first of `folders` that has the files.

    Its files are called like MNIST's, so that they are looked for nowhere else. Checksums were published for
    the packed files; unpacked ones have to have its sizes and as many examples of each class.
    """
    arrays = {}
    unpacked = []
    for name, expected in FASHION_MD5.items():
        path = _find("fashion_mnist", folders, _candidates(FASHION_FOLDERS, name))
        content = read_content(path)
        if path.suffix == ".gz":
            try:
                packed = path.read_bytes()
            except OSError as error:
                raise DataDamagedError.unreadable(path, error) from None
            _verify(path, packed, "md5", expected)
        else:
            unpacked.append(path.name)
            if hashlib.sha256(content).hexdigest() == SHA256[name]:
                raise DataDamagedError(f"`{path}` is MNIST's, not Fashion-MNIST's")
        arrays[name] = parse_idx(content, path)
        if path.suffix != ".gz":
            _refuse_other_sizes(path, name, arrays[name])
    finite = _split("fashion_mnist", arrays, {} if unpacked else FASHION_MD5)
    if not unpacked:
        return finite
    return replace(
        finite, notes=("files were unpacked, which have no published checksums: sizes are checked",)
    )


def _refuse_other_sizes(path: Path, name: str, array: np.ndarray) -> None:
    train, valid, test = DATA_SETS["fashion_mnist"].sizes
    count = train + valid if name in (TRAIN_IMAGES, TRAIN_LABELS) else test
    is_images = name in (TRAIN_IMAGES, TEST_IMAGES)
    whole = array.shape == ((count, *DATA_SETS["fashion_mnist"].shape) if is_images else (count,))
    if not whole or (not is_images and set(np.bincount(array).tolist()) != {count // 10}):
        raise DataDamagedError(f"`{path}` is not the official file: its size or its classes differ")


def source(folders: Sequence[Path]) -> Path:
    """The folder that MNIST is read from; raises `DataMissingError` where a file is nowhere."""
    paths = [_find("mnist", folders, _candidates(FOLDERS, name)) for name in SHA256]
    return paths[0].parent


def fashion_source(folders: Sequence[Path]) -> Path:
    """The folder that Fashion-MNIST is read from; raises `DataMissingError` where a file is nowhere."""
    paths = [_find("fashion_mnist", folders, _candidates(FASHION_FOLDERS, name)) for name in FASHION_MD5]
    return paths[0].parent


def _candidates(folders: Sequence[str], name: str) -> list[str]:
    spellings = (name, name.replace("-idx", ".idx"))
    return [
        f"{folder}{spelling}{ending}"
        for folder in folders
        for spelling in spellings
        for ending in (".gz", "")
    ]


def _split(name: str, arrays: dict[str, np.ndarray], checksums: dict[str, str]) -> FiniteSet:
    def examples(images: str, labels: str, part: slice) -> Examples:
        pixels = arrays[images].reshape(len(arrays[images]), -1)
        return Examples(pixels[part], arrays[labels][part].astype(np.int32))

    return FiniteSet(
        train=examples(TRAIN_IMAGES, TRAIN_LABELS, slice(None, -VALID)),
        valid=examples(TRAIN_IMAGES, TRAIN_LABELS, slice(-VALID, None)),
        test=examples(TEST_IMAGES, TEST_LABELS, slice(None)),
        labels=DATA_SETS[name].labels,
        shape=DATA_SETS[name].shape,
        checksums=dict(checksums),
    )


def _verify(path: Path, content: bytes, algorithm: str, expected: str) -> None:
    if hashlib.new(algorithm, content, usedforsecurity=False).hexdigest() != expected:
        raise DataDamagedError(f"`{path}` is not the official file: its checksum differs")


def _find(name: str, folders: Sequence[Path], files: Sequence[str]) -> Path:
    path = first_there(folders, files)
    if path is None:
        raise DataMissingError(not_there(name, files[0], folders))
    return path


def not_there(name: str, file: str, folders: Sequence[Path]) -> str:
    """One line that says where `file` of the set `name` was looked for, and what to do."""
    looked = ", ".join(f"`{folder}`" for folder in folders)
    remedy = f"`xavier data fetch {name}` downloads it; or pass `--data-dir FOLDER`"
    return f"{name}: data set not found (no `{file}` in {looked}): {remedy}"
