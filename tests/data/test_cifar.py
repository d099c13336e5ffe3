"""CIFAR-10 out of archives and folders, and every way in which they can be something else."""

from __future__ import annotations

import hashlib
import io
import os
import tarfile
from pathlib import Path

import numpy as np
import pytest

from xavier_cli.data import cifar
from xavier_cli.data.load import load_data, where
from xavier_cli.data.sets import DataDamagedError, DataMissingError
from xavier_cli.vocabulary.datasets import find_data

DATA_DIR = Path(os.environ.get("XAVIER_DATA_DIR", "data"))
ROWS = 20


@pytest.fixture
def batches(monkeypatch):
    """Six small batches by name, known to the reader as if they were the official ones."""
    rng = np.random.default_rng(5)
    made = {}
    for name in cifar.MD5:
        rows = rng.integers(0, 256, (ROWS, cifar.ROW), np.uint8)
        rows[:, 0] = np.arange(ROWS) % 10
        made[name] = rows.tobytes()
    monkeypatch.setattr(cifar, "ROWS", ROWS)
    monkeypatch.setattr(cifar, "MAX_UNPACKED", 1_000_000)
    monkeypatch.setattr(cifar, "MD5", {name: hashlib.md5(each).hexdigest() for name, each in made.items()})
    return made


def pack(path: Path, contents: dict[str, bytes], folder: str = "cifar-10-batches-bin/") -> Path:
    with tarfile.open(path, "w:gz") as archive:
        for name, content in contents.items():
            member = tarfile.TarInfo(f"{folder}{name}")
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return path


@pytest.mark.skipif(not (DATA_DIR / "cifar10").is_dir(), reason="no cifar10 folder in XAVIER_DATA_DIR")
def test_the_real_archive_has_the_official_counts_and_split():
    real = cifar.read([DATA_DIR])

    assert [len(part.labels) for _, part in real.parts()] == [40_000, 10_000, 10_000]
    assert np.bincount(real.test.labels).tolist() == [1000] * 10
    both = np.concatenate([real.train.labels, real.valid.labels])
    assert np.bincount(both).tolist() == [5000] * 10
    assert real.facts("cifar10").top_class == find_data("cifar10").facts.top_class
    assert real.train.pixels.shape == (40_000, 3072)


@pytest.mark.parametrize("place", ["cifar10/cifar-10-binary.tar.gz", "cifar-10-batches-bin.tar.gz"])
def test_an_archive_is_read_in_planes_of_red_green_and_blue(tmp_path, batches, place):
    (tmp_path / "cifar10").mkdir()
    path = pack(tmp_path / place, {"readme.html": b"hello", **batches})
    finite = cifar.read([tmp_path])

    assert cifar.source([tmp_path]) == path
    assert [len(part.labels) for _, part in finite.parts()] == [4 * ROWS, ROWS, ROWS]
    row = np.frombuffer(batches["test_batch.bin"], np.uint8).reshape(ROWS, -1)[3]
    assert finite.test.labels[3] == row[0]
    assert np.array_equal(finite.test.pixels[3].reshape(finite.shape)[2], row[2049:].reshape(32, 32))


@pytest.mark.parametrize("place", ["cifar10/cifar-10-batches-bin", "cifar-10-batches-bin", "cifar10", "."])
def test_an_unpacked_folder_serves_as_well(tmp_path, batches, place):
    folder = tmp_path / place
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in batches.items():
        (folder / name).write_bytes(content)

    assert cifar.read([tmp_path]).sha256 == cifar.read([tmp_path]).sha256
    assert cifar.source([tmp_path]) == folder


def damaged(batches, how):
    contents = dict(batches)
    if how == "flip":
        contents["test_batch.bin"] = contents["test_batch.bin"][:-1] + b"?"
    elif how == "short":
        contents["data_batch_3.bin"] = contents["data_batch_3.bin"][:-1]
    elif how == "missing":
        del contents["data_batch_5.bin"]
    elif how == "many":
        contents = {f"{i}": b"" for i in range(200)} | contents
    elif how == "bomb":
        contents = {"zeros": bytes(3_000_000)} | contents
    return contents


@pytest.mark.parametrize(
    ("how", "said"),
    [
        ("flip", "`test_batch.bin` in .* checksum differs"),
        ("short", "`data_batch_3.bin` in .* has 61459 bytes, not 61460"),
        ("missing", "lacks `data_batch_5.bin`"),
        ("many", "over 100 entries"),
        ("bomb", "unpacks to more than 1000000 bytes"),
    ],
)
def test_a_damaged_archive_is_named_with_what_is_wrong(tmp_path, batches, how, said):
    pack(tmp_path / cifar.ARCHIVES[0], damaged(batches, how))

    with pytest.raises(DataDamagedError, match=said):
        cifar.read([tmp_path])


@pytest.mark.parametrize("how", ["flip", "short", "missing"])
def test_a_damaged_folder_is_named_with_what_is_wrong(tmp_path, batches, how):
    for name, content in damaged(batches, how).items():
        (tmp_path / name).write_bytes(content)

    with pytest.raises(DataDamagedError, match="batch"):
        cifar.read([tmp_path])


@pytest.mark.parametrize("content", [b"", b"no archive", b"\x1f\x8b\x08\x00broken"])
def test_what_is_no_archive_is_refused(tmp_path, batches, content):
    (tmp_path / cifar.ARCHIVES[0]).write_bytes(content)

    with pytest.raises(DataDamagedError, match="cannot be read"):
        cifar.read([tmp_path])


def test_a_cut_or_flipped_archive_is_refused_or_right_but_never_crashes(tmp_path, batches):
    path = pack(tmp_path / cifar.ARCHIVES[0], batches)
    whole, expected = path.read_bytes(), cifar.read([tmp_path]).sha256
    rng = np.random.default_rng(0)
    for turn in range(30):
        content = bytearray(whole)
        if turn % 2:
            content = content[: rng.integers(0, len(content))]
        else:
            content[rng.integers(0, len(content))] ^= 1 << rng.integers(0, 8)
        path.write_bytes(content)
        try:
            assert cifar.read([tmp_path]).sha256 == expected
        except DataDamagedError:
            continue


def test_links_and_paths_in_an_archive_lead_nowhere(tmp_path, batches):
    path = tmp_path / cifar.ARCHIVES[0]
    with tarfile.open(path, "w:gz") as archive:
        for name in batches:
            member = tarfile.TarInfo(f"../../{name}")
            member.type, member.linkname = tarfile.SYMTYPE, "/etc/passwd"
            archive.addfile(member)

    with pytest.raises(DataDamagedError, match="lacks"):
        cifar.read([tmp_path])
    assert [each.name for each in tmp_path.iterdir()] == [path.name]


def test_it_is_looked_for_in_the_given_folder_then_where_it_is_fetched_to(tmp_path, cache, batches):
    asked = find_data("cifar-10")
    with pytest.raises(DataMissingError, match="xavier data fetch cifar10"):
        load_data(asked, tmp_path)
    assert where(asked, tmp_path) is None
    (cache / "data" / "cifar10").mkdir(parents=True)
    fetched = pack(cache / "data" / "cifar10" / cifar.ARCHIVES[0], batches)

    assert where(asked, tmp_path) == fetched
    assert load_data(asked, tmp_path).sha256 == cifar.read([fetched.parent]).sha256
