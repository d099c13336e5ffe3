"""MNIST, Fashion-MNIST and CIFAR-10 where other libraries and people's hands put them."""

from __future__ import annotations

import gzip
import hashlib

import numpy as np
import pytest

from xavier_cli.data import cifar, mnist
from xavier_cli.data.load import load_data, where
from xavier_cli.data.mirrors import REMOTES
from xavier_cli.data.sets import DataDamagedError, DataMissingError
from xavier_cli.vocabulary.datasets import find_data
from xavier_cli.vocabulary.lookup import DATA_SETS, load

PARTS = ((mnist.TRAIN_IMAGES, mnist.TRAIN_LABELS, 60_000), (mnist.TEST_IMAGES, mnist.TEST_LABELS, 10_000))


@pytest.fixture(scope="module")
def contents():
    """Files of MNIST's sizes, with as many examples of each class."""
    made = {}
    for images, labels, count in PARTS:
        for name, shape in ((images, (count, 28, 28)), (labels, (count,))):
            header = bytes([0, 0, 8, len(shape)]) + np.array(shape, ">u4").tobytes()
            made[name] = header + (np.arange(np.prod(shape)) % 10).astype(np.uint8).tobytes()
    return made


@pytest.fixture
def known(contents, monkeypatch):
    """They are known as MNIST's; packed by `gzip.compress(…, 1, mtime=0)`, as Fashion-MNIST's."""
    monkeypatch.setattr(mnist, "SHA256", {n: hashlib.sha256(c).hexdigest() for n, c in contents.items()})


def put(folder, contents, spelling=str, packed=False):
    folder.mkdir(parents=True)
    for name, content in contents.items():
        ending = ".gz" if packed else ""
        (folder / (spelling(name) + ending)).write_bytes(gzip.compress(content, 0) if packed else content)


def test_every_set_of_files_can_be_found_and_fetched(tmp_path):
    of_files = {name: row for name, row in DATA_SETS.items() if row.sizes}

    assert {*of_files} == {*REMOTES}
    for row in of_files.values():
        with pytest.raises(DataMissingError, match=row.name):
            load(row.locate)([tmp_path])


def dotted(name):
    return name.replace("-idx", ".idx")


@pytest.mark.parametrize(
    ("place", "spelling", "packed"),
    [("", dotted, False), ("mnist", dotted, True), ("MNIST/raw", str, False), ("MNIST/raw", str, True)],
)
def test_mnist_is_found_under_its_usual_names(tmp_path, contents, known, place, spelling, packed):
    put(tmp_path / "data" / place, contents, spelling, packed)
    finite = load_data(find_data("mnist"), tmp_path / "data")

    assert [len(part.labels) for _, part in finite.parts()] == [50_000, 10_000, 10_000]
    assert where(find_data("mnist"), tmp_path / "data") == tmp_path / "data" / place


@pytest.mark.parametrize("place", ["fashion-mnist", "FashionMNIST/raw", "fashion_mnist"])
def test_unpacked_fashion_mnist_is_read_by_its_sizes_and_classes(tmp_path, contents, place):
    put(tmp_path / "data" / place, contents)
    finite = load_data(find_data("fashion_mnist"), tmp_path / "data")

    assert [len(part.labels) for _, part in finite.parts()] == [50_000, 10_000, 10_000]
    assert finite.checksums == {}
    assert "no published checksums" in finite.notes[0]


def test_what_is_not_fashion_mnist_is_refused(tmp_path, contents, known):
    put(tmp_path / "fashion-mnist", contents)
    with pytest.raises(DataDamagedError, match="is MNIST's, not Fashion-MNIST's"):
        load_data(find_data("fashion_mnist"), tmp_path)
    other = dict.fromkeys(contents, b"\x00\x00\x08\x01\x00\x00\x00\x00")
    put(tmp_path / "b" / "FashionMNIST", other)
    with pytest.raises(DataDamagedError, match="its size or its classes differ"):
        load_data(find_data("fashion_mnist"), tmp_path / "b")


@pytest.mark.parametrize("place", ["", "cifar10", "CIFAR10", "cifar-10", "cifar10/cifar-10-batches-bin"])
def test_cifar_is_found_unpacked_under_its_usual_names(tmp_path, place, monkeypatch):
    rows = np.zeros((20, cifar.ROW), np.uint8)
    rows[:, 0] = np.arange(20) % 10
    monkeypatch.setattr(cifar, "ROWS", 20)
    monkeypatch.setattr(cifar, "MD5", dict.fromkeys(cifar.MD5, hashlib.md5(rows.tobytes()).hexdigest()))
    put(tmp_path / "data" / place, dict.fromkeys(cifar.MD5, rows.tobytes()))

    assert len(cifar.read([tmp_path / "data"]).train.labels) == 80


@pytest.mark.parametrize("name", ["cifar-10-python.tar.gz", "cifar10/cifar-10-python.tar.gz", "data_batch_1"])
def test_cifars_pickles_are_refused_with_what_to_get(tmp_path, name):
    (tmp_path / "cifar10").mkdir()
    (tmp_path / name).write_bytes(b"cos\nsystem\n(S'touch /tmp/never'\ntR.")

    with pytest.raises(DataMissingError, match=r"pickles and never loaded: `cifar-10-binary.tar.gz`"):
        load_data(find_data("cifar10"), tmp_path)
    assert where(find_data("cifar10"), tmp_path) is None
