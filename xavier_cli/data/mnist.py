"""MNIST from the four official files, split 50,000 / 10,000 / 10,000."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np

from xavier_cli.data.idx import parse_idx, read_content
from xavier_cli.data.sets import DataDamagedError, DataMissingError, Examples, FiniteSet

# SHA-256 of the unpacked files, the same whichever way they were packed.
SHA256 = {
    "train-images-idx3-ubyte": "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
    "train-labels-idx1-ubyte": "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
    "t10k-images-idx3-ubyte": "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
    "t10k-labels-idx1-ubyte": "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
}


def load(data_dir: Path | None) -> FiniteSet:
    """MNIST out of `data_dir` or its `mnist` folder, packed or not.

    The last 10,000 training images are for validation. Raises `DataMissingError` and `DataDamagedError`.
    """
    arrays = {name: _verified(name, data_dir) for name in SHA256}
    pixels = arrays["train-images-idx3-ubyte"].reshape(-1, 784)
    labels = arrays["train-labels-idx1-ubyte"].astype(np.int32)
    return FiniteSet(
        train=Examples(pixels[:50_000], labels[:50_000]),
        valid=Examples(pixels[50_000:], labels[50_000:]),
        test=Examples(
            arrays["t10k-images-idx3-ubyte"].reshape(-1, 784),
            arrays["t10k-labels-idx1-ubyte"].astype(np.int32),
        ),
        checksums=dict(SHA256),
    )


def _verified(name: str, data_dir: Path | None) -> np.ndarray:
    path = _find(name, data_dir)
    content = read_content(path)
    if hashlib.sha256(content).hexdigest() != SHA256[name]:
        raise DataDamagedError(f"`{path}` is not the official file: its checksum differs")
    return parse_idx(content, path)


def _find(name: str, data_dir: Path | None) -> Path:
    if data_dir is None:
        raise DataMissingError(
            "mnist: give `--data-dir FOLDER` or set `XAVIER_DATA_DIR`, where its four IDX files are"
        )
    for folder in (data_dir / "mnist", data_dir):
        for path in (folder / f"{name}.gz", folder / name):
            if path.is_file():
                return path
    raise DataMissingError(f"mnist: no `{name}.gz` in `{data_dir}` or `{data_dir / 'mnist'}`")
