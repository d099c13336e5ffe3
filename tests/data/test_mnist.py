"""MNIST out of the official files, and every way in which they can be something else."""

from __future__ import annotations

import gzip
import os
from pathlib import Path

import numpy as np
import pytest

from xavier_cli.data.idx import parse_idx, read_content
from xavier_cli.data.load import load_data
from xavier_cli.data.mnist import SHA256, read
from xavier_cli.data.sets import DataDamagedError, DataMissingError
from xavier_cli.vocabulary.datasets import find_data

DATA_DIR = Path(os.environ.get("XAVIER_DATA_DIR", "data"))
HERE = Path("file")
needs_mnist = pytest.mark.skipif(
    not (DATA_DIR / "mnist").is_dir(), reason="no mnist folder in XAVIER_DATA_DIR"
)


def idx(array: np.ndarray) -> bytes:
    return bytes([0, 0, 8, array.ndim]) + np.array(array.shape, ">u4").tobytes() + array.tobytes()


@needs_mnist
def test_the_real_files_have_the_official_counts_and_split():
    mnist = read([DATA_DIR])
    digits = np.bincount(np.concatenate([mnist.train.labels, mnist.valid.labels]))

    assert digits.tolist() == [5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949]
    assert np.bincount(mnist.test.labels).tolist() == [980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009]
    assert [len(part.labels) for part in (mnist.train, mnist.valid, mnist.test)] == [50_000, 10_000, 10_000]
    assert mnist.train.pixels.shape == (50_000, 784)
    assert mnist.train.pixels.dtype == np.uint8


@needs_mnist
def test_files_that_were_unpacked_serve_as_well(tmp_path):
    for name in SHA256:
        (tmp_path / name).write_bytes(gzip.decompress((DATA_DIR / "mnist" / f"{name}.gz").read_bytes()))

    assert np.array_equal(read([tmp_path]).test.pixels, read([DATA_DIR]).test.pixels)


@needs_mnist
@pytest.mark.parametrize("damage", ["flip", "cut", "empty", "text"])
def test_a_damaged_file_is_named(tmp_path, damage):
    for name in SHA256:
        (tmp_path / f"{name}.gz").symlink_to((DATA_DIR / "mnist" / f"{name}.gz").resolve())
    victim = tmp_path / "t10k-labels-idx1-ubyte.gz"
    content = bytearray(victim.read_bytes())
    victim.unlink()
    content[len(content) // 2] ^= 1
    victim.write_bytes({"flip": content, "cut": content[:999], "empty": b"", "text": b"no data"}[damage])

    with pytest.raises(DataDamagedError, match="t10k-labels-idx1-ubyte"):
        read([tmp_path])


def test_missing_files_are_named_with_what_to_do(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    with pytest.raises(DataMissingError, match="train-images-idx3-ubyte"):
        read([tmp_path])
    with pytest.raises(DataMissingError, match="--data-dir"):
        load_data(find_data("mnist"), None)


def test_an_idx_array_comes_back_as_it_was():
    array = np.arange(24, dtype=np.uint8).reshape(2, 3, 4)

    assert np.array_equal(parse_idx(idx(array), HERE), array)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\x00\x00\x08",
        b"\x00\x00\x08\x03\x00",
        b"\x00\x00\x09\x01\x00\x00\x00\x01a",
        b"\x00\x00\x08\x00",
        b"\x00\x00\x08\x04" + b"\x00\x00\x00\x01" * 4 + b"a",
        b"\x00\x00\x08\x03" + b"\xff" * 12,
        idx(np.zeros(5, np.uint8)) + b"more",
        idx(np.zeros(5, np.uint8))[:-1],
    ],
)
def test_what_is_no_idx_file_is_refused(content):
    with pytest.raises(DataDamagedError):
        parse_idx(content, HERE)


def test_random_bytes_are_refused_or_read_but_never_crash():
    rng = np.random.default_rng(0)
    whole = idx(np.arange(60, dtype=np.uint8).reshape(3, 4, 5))
    for _ in range(500):
        content = bytearray(whole[: rng.integers(0, len(whole) + 1)])
        for at in rng.integers(0, max(len(content), 1), rng.integers(0, 4)):
            if content:
                content[at] = rng.integers(0, 256)
        try:
            array = parse_idx(bytes(content), HERE)
        except DataDamagedError:
            continue
        assert array.size <= 60


def test_a_small_archive_that_unpacks_to_very_much_is_refused(tmp_path):
    bomb = tmp_path / "bomb.gz"
    with gzip.open(bomb, "wb", compresslevel=9) as file:
        for _ in range(110):
            file.write(bytes(1_000_000))

    with pytest.raises(DataDamagedError, match="unpacks to over"):
        read_content(bomb)
