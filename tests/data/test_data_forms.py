"""Data as people have it: a table of forms, each read as it is, noted, warned of or refused, in which words.

"read" says nothing; "noted" says what was done; "warned" says what looks odd; "refused" names the thing.
"""

from __future__ import annotations

import gzip
import io
import struct
import tracemalloc
import warnings
import zipfile
import zlib

import numpy as np
import pytest
from PIL import Image

from xavier_cli.data import sets
from xavier_cli.data.load import load_data
from xavier_cli.data.moments import doubts
from xavier_cli.data.sets import DataDamagedError, DataMissingError
from xavier_cli.vocabulary.datasets import find_data

RNG = np.random.default_rng(0)
N = 400
X = RNG.integers(0, 256, (N, 4, 5), np.uint8)
Y = np.arange(N) % 4
PETS = np.array(["cat", "dog", "emu", "fox"])
SPLIT = {"x_train": X, "y_train": Y, "x_test": X, "y_test": Y}


@pytest.fixture(autouse=True)
def few_are_enough(monkeypatch):
    monkeypatch.setattr(sets, "MIN_TEST_EXAMPLES", 3)


def outcome(word, data_dir=None):
    """How reading `word` ends, and all that is said of it; no warning of a library's gets through."""
    asked = find_data(str(word))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        try:
            finite = load_data(asked, data_dir)
        except (DataDamagedError, DataMissingError) as error:
            return "refused", str(error), None
        odd = doubts(finite, asked.coding)
    kind = "warned" if odd else "noted" if finite.notes else "read"
    return kind, "; ".join((*odd, *finite.notes)), finite


def named(names):
    return PETS[names % 4]


def one_hot(labels, kind=np.float32):
    return np.eye(4, dtype=kind)[labels]


ARRAYS = [
    # Forms that were always accepted give no message.
    ("bytes, whole labels", {"x": X, "y": Y}, "read", ""),
    ("parts", SPLIT, "read", ""),
    ("parts with validation", SPLIT | {"x_valid": X, "y_valid": Y}, "read", ""),
    ("floats", {"x": X / 255, "y": Y}, "read", ""),
    ("Fortran order", {"x": np.asfortranarray(X), "y": Y}, "read", ""),
    ("big-endian floats", {"x": (X / 255).astype(">f4"), "y": Y.astype(">i8")}, "read", ""),
    ("half precision", {"x": (X / 255).astype(np.float16), "y": Y}, "read", ""),
    # Labels.
    ("labels (n, 1)", {"x": X, "y": Y[:, None]}, "noted", "labels have shape (n, 1)"),
    ("one-hot", {"x": X, "y": one_hot(Y)}, "noted", "labels are one-hot, of 4 columns"),
    ("one-hot truth values", {"x": X, "y": one_hot(Y, bool)}, "noted", "labels are one-hot"),
    ("truth values", {"x": X, "y": Y > 1}, "noted", "class 0 is false, class 1 true"),
    ("whole floats", {"x": X, "y": Y.astype(float)}, "noted", "labels are whole floats"),
    ("names", {"x": X, "y": named(Y)}, "noted", "labels are names: `cat`, `dog`, `emu`, `fox`"),
    ("names as bytes", {"x": X, "y": named(Y).astype("S")}, "noted", "labels are names: `cat`"),
    ("numbers as names", {"x": X, "y": (Y * 5).astype(str)}, "noted", "names: `0`, `5`, `10`, `15`"),
    ("labels from 1", {"x": X, "y": Y + 1}, "noted", "labels start at 1: the 4 classes keep their numbers"),
    ("labels with gaps", {"x": X, "y": Y * 2}, "noted", "labels have gaps: the 4 classes"),
    ("labels -1 and 1", {"x": X, "y": Y % 2 * 2 - 1}, "noted", "labels are -1 and 1"),
    ("labels over 2^31", {"x": X, "y": Y + 2**40}, "noted", f"`{2**40}`"),
    ("names as objects", {"x": X, "y": named(Y).astype(object)}, "refused", "`y.astype(str)` stores names"),
    ("negative labels", {"x": X, "y": Y - 1}, "refused", "runs from -1 to 2"),
    ("labels over 2^63", {"x": X, "y": Y.astype(np.uint64) + np.uint64(2**63)}, "refused", "over 2^63"),
    ("fractions", {"x": X, "y": Y / 2}, "refused", "`y` holds 0.5; labels are whole numbers or names"),
    ("labels NaN", {"x": X, "y": np.where(Y, Y, np.nan)}, "refused", "`y` holds nan"),
    ("labels inf", {"x": X, "y": np.where(Y, Y, np.inf)}, "refused", "`y` holds inf"),
    ("two ones in a row", {"x": X, "y": one_hot(Y) + one_hot(Y * 0)}, "refused", "not one-hot"),
    ("complex labels", {"x": X, "y": Y + 0j}, "refused", "`y` holds complex128"),
    ("dates", {"x": X, "y": Y.astype("datetime64[D]")}, "refused", "`y` holds datetime64[D]"),
    ("names and numbers", SPLIT | {"y_test": named(Y)}, "refused", "`y_train` and `y_test` do not both hold"),
    ("empty names", {"x": X, "y": np.where(Y, named(Y), "")}, "refused", "no name of a class"),
    ("names that are no text", {"x": X, "y": np.full(N, b"\xff\xfe")}, "refused", "not UTF-8"),
    (
        "too many labels",
        {"x": X, "y": np.arange(N) * 7},
        "refused",
        "has no valid examples: it has 400 in all",
    ),
    # Inputs.
    ("one channel last", {"x": X[..., None], "y": Y}, "noted", "(4, 5, 1), one channel: a grey picture"),
    ("one channel first", {"x": X[:, None], "y": Y}, "noted", "(1, 4, 5), one channel: a grey picture"),
    (
        "three channels last",
        {"x": RNG.integers(0, 256, (N, 4, 5, 3), np.uint8), "y": Y},
        "noted",
        "(4, 5, 3), three channels last: red, green and blue",
    ),
    (
        "three channels first",
        {"x": RNG.integers(0, 256, (N, 3, 4, 5), np.uint8), "y": Y},
        "noted",
        "(3, 4, 5), three channels first: red, green and blue",
    ),
    ("int64 of bytes", {"x": X.astype(np.int64), "y": Y}, "noted", "int64: 0 is black, 255 is white"),
    (
        "int8",
        {"x": (X.astype(np.int16) - 128).astype(np.int8), "y": Y},
        "noted",
        "-128 is black, 127 is white",
    ),
    ("16 bits", {"x": X.astype(np.uint16) * 257, "y": Y}, "noted", "uint16: 0 is black, 65535 is white"),
    ("32 bits", {"x": X.astype(np.uint32) << 24, "y": Y}, "noted", "uint32: 0 is black, 4294967295 is white"),
    ("int8 from 0", {"x": (X // 2).astype(np.int8), "y": Y}, "noted", "int8: 0 is black, 127 is white"),
    ("int16 from 0", {"x": X.astype(np.int16) * 128, "y": Y}, "noted", "int16: 0 is black, 32767 is white"),
    ("int16 of bytes", {"x": X.astype(np.int16), "y": Y}, "noted", "int16: 0 is black, 255 is white"),
    ("int32 below its scale", {"x": X.astype(np.int32) * 1000, "y": Y}, "warned", "inputs hardly differ"),
    ("bytes 0 and 1", {"x": X // 128, "y": Y}, "warned", "store truth values (`x > 0`)"),
    ("int64 0 and 1", {"x": (X // 128).astype(np.int64), "y": Y}, "warned", "inputs 0 to 0.003922"),
    ("narrow floats", {"x": X / 25500, "y": Y}, "warned", "training pixels are 0 to 0.01"),
    ("truth values as inputs", {"x": X > 99, "y": Y}, "noted", "false is black, true is white"),
    ("negative int64", {"x": X.astype(np.int64) - 9, "y": Y}, "refused", "store floats from 0 to 1"),
    ("four channels", {"x": np.zeros((N, 4, 4, 4)), "y": Y}, "refused", "a fourth channel is transparency"),
    ("complex", {"x": X + 0j, "y": Y}, "refused", "`x` holds complex128"),
    ("records", {"x": np.zeros(N, [("a", "u1")]), "y": Y}, "refused", "`x` holds [('a', 'u1')]"),
    ("objects", {"x": X.astype(object), "y": Y}, "refused", "a pickle and never loaded"),
    ("no dimensions", {"x": np.float32(1), "y": Y}, "refused", "`x` has shape ()"),
    ("no label per example", {"x": X, "y": np.int64(1)}, "refused", "`y` has shape ()"),
    ("NaN", {"x": np.full((N, 3), np.nan), "y": Y}, "refused", "not finite"),
    # Odd data.
    ("floats to 255", {"x": X.astype(float), "y": Y}, "warned", "far outside the usual range: 0 to 255"),
    ("constant", {"x": X * 0, "y": Y}, "warned", "all training pixels are 0"),
    ("one class", {"x": X, "y": Y * 0}, "warned", "one class, `0`: every prediction is right"),
    # Names of arrays.
    ("capitals", {"X": X, "Y": Y}, "noted", "read `X` as x, `Y` as y"),
    ("images and labels", {"images": X, "labels": Y}, "noted", "read `images` as x, `labels` as y"),
    (
        "MedMNIST",
        {
            f"{part}_{kind}": array
            for part in ("train", "val", "test")
            for kind, array in (("images", X), ("labels", Y[:, None]))
        },
        "noted",
        "`val_images` as x_valid",
    ),
    ("x_val", SPLIT | {"x_val": X, "y_val": Y}, "noted", "read `x_val` as x_valid, `y_val` as y_valid"),
    ("X_validation", SPLIT | {"X_validation": X, "y_validation": Y}, "noted", "`X_validation` as x_valid"),
    ("other arrays", {"x": X, "y": Y, "readme": Y, "w": Y}, "noted", "not read: `readme`, `w`"),
    ("two of one kind", {"X": X, "images": X, "y": Y}, "refused", "has `X`, `images`: which is `x`?"),
    ("no labels", {"images": X}, "refused", "has `images` but has no `labels`"),
    ("no test part", {"x_train": X, "y_train": Y}, "refused", "has `x_train` but has no `x_test`"),
    ("validation without inputs", SPLIT | {"y_val": Y}, "refused", "has `y_val` but has no `x_val`"),
    ("validation without labels", SPLIT | {"X_val": Y}, "refused", "has `X_val` but has no `y_val`"),
    # Tiny sets: `data show` and `train` end in one line.
    ("no example", {"x": X[:0], "y": Y[:0]}, "refused", "`x` has shape (0, 4, 5)"),
    ("one example", {"x": X[:1], "y": Y[:1]}, "refused", "examples: it has 1 in all"),
    ("two examples", {"x": X[:2], "y": Y[:2]}, "refused", "examples: it has 2 in all"),
    ("two of a class", {"x": X[:2], "y": Y[:2] * 0}, "refused", "examples: it has 2 in all"),
    ("ten examples", {"x": X[:10], "y": Y[:10]}, "read", ""),
    (
        "one test example",
        SPLIT | {"x_test": X[:1], "y_test": Y[:1]},
        "refused",
        "has 1 test example, where 3 probe examples are needed: a tenth of a set is its "
        "test part, so give about 30 examples in all, or your own test part (`x_test`",
    ),
]


@pytest.mark.parametrize(
    ("arrays", "kind", "said"), [row[1:] for row in ARRAYS], ids=[row[0] for row in ARRAYS]
)
def test_a_form_of_arrays(tmp_path, arrays, kind, said):
    np.savez(tmp_path / "set.npz", **arrays)
    how, words, _ = outcome(tmp_path / "set.npz")

    assert (how, said in words) == (kind, True), words
    assert "\n" not in words


@pytest.mark.parametrize(
    "changed",
    [
        {"y": Y[:, None]},
        {"y": one_hot(Y)},
        {"y": named(Y)},
        {"y": Y + 1},
        {"y": Y * 3},
        {"y": Y.astype(float)},
        {"x": X[..., None]},
        {"x": X[:, None]},
        {"x": X.astype(np.int32)},
        {"x": (X.astype(np.int16) - 128).astype(np.int8)},
    ],
)
def test_whatever_its_form_a_set_is_the_same(tmp_path, changed):
    np.savez(tmp_path / "plain.npz", x=X, y=Y)
    np.savez(tmp_path / "other.npz", **({"x": X, "y": Y} | changed))

    assert outcome(tmp_path / "other.npz")[2].sha256 == outcome(tmp_path / "plain.npz")[2].sha256


def test_sixteen_bits_keep_all_their_levels(tmp_path):
    deep = RNG.integers(0, 65_536, (N, 8), np.uint16)
    np.savez(tmp_path / "set.npz", **(SPLIT | {"x_train": deep, "x_test": deep[:50], "y_test": Y[:50]}))
    finite = outcome(tmp_path / "set.npz")[2]

    assert np.allclose(finite.test.pixels, deep[:50] / 65_535, atol=1e-7)


# --- archives that are not what they seem -----------------------------------------------------------------


def npy(array=X, **header):
    file = io.BytesIO()
    np.save(file, array)
    content = file.getvalue()
    for old, new in header.items():
        content = content.replace(old.encode(), new, 1)
    return content


def zipped(path, members, declared=0):
    """A `.npz` of these members; `declared` forges how long the first is said to be."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            for name, content in members:
                archive.writestr(name, content)
    return path


def header(shape, dtype="|u1"):
    text = f"{{'descr': '{dtype}', 'fortran_order': False, 'shape': {shape}, }}".ljust(117) + "\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(text)) + text.encode()


@pytest.mark.parametrize(
    ("members", "said"),
    [
        ([("x.npy", npy()), ("x", npy()), ("y.npy", npy(Y))], "has two arrays `x`: `x.npy` and `x`"),
        ([("x.npy", npy()), ("y.npy", npy(Y)), ("y.npy", npy(Y))], "has two arrays `y`: `y.npy` and `y.npy`"),
        ([("x.npy", header((9 << 30, 1))), ("y.npy", npy(Y))], "declares 9.0 GiB of numbers, over 8 GiB"),
        ([("x.npy", header((1 << 20, 1 << 20))), ("y.npy", npy(Y))], "GiB of numbers, over 8 GiB"),
        (
            [("x.npy", b"\x93NUMPY\x02\x00\xff\xff\xff\xff" + b" " * 70_000), ("y.npy", npy(Y))],
            "cannot be read",
        ),
        ([("x.npy", header((N, 4))), ("y.npy", npy(Y))], "`x` is not as long as it declares"),
        ([("x.npy", header((-20, -20))), ("y.npy", npy(Y))], "`x` is not as long as it declares"),
        ([("x.npy", npy()[:-7]), ("y.npy", npy(Y))], "`x` is not as long as it declares"),
        ([("x.npy", b""), ("y.npy", npy(Y))], "cannot be read"),
        ([("x.npy", header("(" * 500)), ("y.npy", npy(Y))], "cannot be read"),
    ],
)
def test_an_archive_that_is_not_what_it_seems_is_refused_by_name(tmp_path, members, said):
    how, words, _ = outcome(zipped(tmp_path / "set.npz", members))

    assert (how, said in words) == ("refused", True), words


def test_a_header_that_declares_to_be_long_is_not_read_to_its_end(tmp_path):
    length = 40_000_000
    long = b"\x93NUMPY\x02\x00" + struct.pack("<I", length) + b" " * length
    path = zipped(tmp_path / "set.npz", [("x.npy", long), ("y.npy", npy(Y))])
    del long
    tracemalloc.start()
    try:
        assert outcome(path)[0] == "refused"
        assert tracemalloc.get_traced_memory()[1] < length / 4
    finally:
        tracemalloc.stop()


def test_what_all_members_declare_together_counts(tmp_path, monkeypatch):
    monkeypatch.setattr(sets, "MAX_BYTES", X.nbytes + Y.nbytes + 5000)
    np.savez(tmp_path / "one.npz", x=X, y=Y)
    np.savez(tmp_path / "four.npz", **SPLIT)

    assert outcome(tmp_path / "one.npz")[0] == "read"
    how, words, _ = outcome(tmp_path / "four.npz")
    assert (how, "numbers, over" in words) == ("refused", True)


def test_too_many_labels_are_refused_before_they_are_counted_or_sorted(tmp_path, monkeypatch):
    monkeypatch.setattr(sets, "MAX_EXAMPLES", 300)
    monkeypatch.setattr(np, "bincount", None)
    monkeypatch.setattr(np, "unique", None)
    np.savez(tmp_path / "set.npz", x=X, y=Y)

    how, words, _ = outcome(tmp_path / "set.npz")
    assert (how, "has 400 examples, over 300" in words) == ("refused", True)


def test_a_set_that_this_machine_has_no_memory_for_is_refused(tmp_path, monkeypatch):
    np.savez(tmp_path / "set.npz", x=X, y=Y)

    def full(*_, **__):
        raise MemoryError

    monkeypatch.setattr(np.lib.format, "read_array", full)
    how, words, _ = outcome(tmp_path / "set.npz")
    assert (how, "takes more memory than there is" in words) == ("refused", True)


# --- folders of pictures ----------------------------------------------------------------------------------


def png(path, level=99, mode="L", size=(6, 5), **settings):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new(mode, size, level).save(path, **settings)


@pytest.fixture
def pets(tmp_path):
    """`pets(part, …)`: a folder of two classes of grey pictures, under each part."""

    def make(*parts, count=30):
        for part in parts or ("",):
            for level, name in ((40, "cat"), (200, "dog")):
                for number in range(count):
                    png(tmp_path / "pets" / part / name / f"{number}.png", level + number % 9)
        return tmp_path / "pets"

    return make


def add(name, content=b"no picture"):
    def change(folder):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)

    return change


def nested(folder):
    for number in range(30):
        png(folder / "cat" / "more" / f"{number}.png")


def animated(folder):
    frames = [Image.new("L", (5, 5), level) for level in (9, 99)]
    frames[0].save(folder / "cat" / "a.gif", save_all=True, append_images=frames[1:])


def paged(folder):
    frames = [Image.new("L", (5, 5), level) for level in (9, 99)]
    frames[0].save(folder / "cat" / "a.tiff", save_all=True, append_images=frames[1:])


def loop(folder):
    (folder / "cat" / "loop").symlink_to(folder / "cat")


FOLDERS = [
    ("classes", (), None, "read", ""),
    ("train and test", ("train", "test"), None, "read", ""),
    ("train, valid and test", ("train", "valid", "test"), None, "read", ""),
    ("val", ("train", "val", "test"), None, "noted", "read `val` as valid"),
    ("validation", ("train", "validation", "test"), None, "noted", "read `validation` as valid"),
    ("capitals", ("Training", "Testing"), None, "noted", "read `Training` as train, `Testing` as test"),
    ("no test", ("train",), None, "refused", "has `train` but no `test`"),
    ("ImageNet's", ("train", "val"), None, "refused", "has `train` and `val` but no `test`"),
    ("no train", ("test",), None, "refused", "has `test` but no `train`"),
    ("two validations", ("train", "val", "valid", "test"), None, "refused", "`val` and `valid`: which is"),
    ("a class for validation alone", ("train", "val", "test"), lambda f: png(f / "val/emu/1.png"), "refused",
     "class `emu` is in `val` alone"),
    ("folders in a class", (), nested, "noted", "in folders inside classes, too: `cat/more`"),
    ("an empty folder", (), lambda f: (f / "cat/more.png").mkdir(), "noted", "not read: `cat/more.png`"),
    ("a circle of links", (), loop, "refused", "is a folder, over 8 folders inside its class"),
    (".DS_Store", (), add("cat/.DS_Store"), "noted", "skipped 1 that are no pictures: 1 × `.DS_Store`"),
    ("Thumbs.db", (), add("dog/Thumbs.db"), "noted", "1 × `Thumbs.db`"),
    ("desktop.ini", (), add("desktop.ini"), "noted", "1 × `desktop.ini`"),
    ("__MACOSX", (), add("__MACOSX/cat/1.png"), "noted", "1 × `__MACOSX`"),
    ("._ files", (), add("cat/._1.png"), "noted", "1 × `._*`"),
    ("a file beside classes", (), add("README.md"), "noted", "not read: `README.md`"),
    ("a folder beside parts", ("train", "test"), add("extra/a.txt"), "noted", "not read: `extra`"),
    ("a file in a part", ("train", "test"), add("train/a.csv"), "noted", "not read: `train/a.csv`"),
    ("no picture", (), add("cat/notes.txt"), "refused", "cannot be read as images: `cat/notes.txt` (not an im"),
    ("transparent", (), lambda f: png(f / "cat/a.png", (0, 0, 0, 0), "RGBA"), "noted",
     "1 picture is transparent: laid on white"),
    ("opaque, with alpha", (), lambda f: png(f / "cat/a.png", (1, 2, 3, 255), "RGBA"), "read", ""),
    ("16 bits", (), lambda f: png(f / "cat/a.png", 999, "I;16"), "noted", "has 16 bits per pixel"),
    ("frames of a GIF", (), animated, "noted", "1 picture has further frames: the first is read"),
    ("pages of a TIFF", (), paged, "noted", "1 picture has further frames: the first is read"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("parts", "change", "kind", "said"), [row[1:] for row in FOLDERS], ids=[row[0] for row in FOLDERS]
)
def test_a_form_of_folders(pets, parts, change, kind, said):
    folder = pets(*parts)
    if change:
        change(folder)
    how, words, _ = outcome(f"images:{folder}@4")

    assert (how, said in words) == (kind, True), words
    assert "\n" not in words


def test_pictures_of_trains_may_lie_in_a_folder_called_train(pets):
    folder = pets()
    for number in range(30):
        png(folder / "train" / f"{number}.png", 99)

    assert outcome(f"images:{folder}@4")[2].labels == ("cat", "dog", "train")


def test_a_validation_folder_is_the_validation_data(pets):
    finite = outcome(f"images:{pets('train', 'val', 'test')}@4")[2]

    assert [len(part.labels) for _, part in finite.parts()] == [60, 60, 60]


@pytest.mark.parametrize(("size", "level"), [("@4", 255), ("@4,background=black", 0), ("@4rgb", 255)])
def test_transparent_pictures_are_laid_on_what_is_asked_for(pets, size, level):
    folder = pets()
    for file in (folder / "cat").iterdir():
        png(file, (77, 77, 77, 0), "RGBA")
    finite = outcome(f"images:{folder}{size}")[2]

    assert set(finite.test.pixels[finite.test.labels == 0].flat) == {level}


def test_few_or_large_pictures_are_refused_before_one_is_decoded(pets, monkeypatch):
    from xavier_cli.data import images

    folder = pets()
    monkeypatch.setattr(images, "_image", None)
    monkeypatch.setattr(sets, "MIN_TEST_EXAMPLES", 300)
    assert "has 6 test examples, where 300" in outcome(f"images:{folder}@4")[1]
    monkeypatch.setattr(sets, "MIN_TEST_EXAMPLES", 3)
    monkeypatch.setattr(images, "MAX_PIXELS", 20)
    assert "60 of 60 files cannot be read as images" in outcome(f"images:{folder}@4")[1]


# --- official sets and IDX files under other names --------------------------------------------------------


def idx(array):
    codes = {"u1": 8, "i1": 9, "i4": 12, "f4": 13}
    kind = array.dtype.str[1:]
    shape = np.array(array.shape, ">u4").tobytes()
    return (
        bytes([0, 0, codes[kind], array.ndim]) + shape + array.astype(array.dtype.newbyteorder(">")).tobytes()
    )


PAIR = {"images": X, "labels": (Y + 1).astype(np.uint8)}


@pytest.mark.parametrize(
    ("files", "word", "sizes", "said"),
    [
        (("a-images-idx3-ubyte", "a-labels-idx1-ubyte"), "a-images-idx3-ubyte", [324, 36, 40], "start at 1"),
        (("images.idx", "labels.idx.gz"), "images.idx", [324, 36, 40], "read `images.idx` as x"),
        (
            tuple(
                f"{part}-{kind}-ubyte.gz"
                for part in ("train", "test")
                for kind in ("images-idx3", "labels-idx1")
            ),
            "train-images-idx3-ubyte.gz",
            [360, 40, 400],
            "`test-images-idx3-ubyte.gz` as x_test",
        ),
        (
            (
                "train-images.idx3-ubyte",
                "train-labels.idx1-ubyte",
                "t10k-images.idx3-ubyte",
                "t10k-labels.idx1-ubyte",
            ),
            "train-images.idx3-ubyte",
            [360, 40, 400],
            "`t10k-labels.idx1-ubyte` as y_test",
        ),
        (
            ("images-idx3-ubyte",),
            "images-idx3-ubyte",
            None,
            "no labels beside it: no file `labels-idx1-ubyte`",
        ),
        (("labels-idx1-ubyte",), "labels-idx1-ubyte", None, "name the file of images"),
        ((), "images-idx3-ubyte", None, "no file"),
    ],
)
def test_a_pair_of_idx_files_of_the_users_own(tmp_path, files, word, sizes, said):
    for name in files:
        content = idx(PAIR["images" if "images" in name else "labels"])
        (tmp_path / name).write_bytes(gzip.compress(content) if name.endswith(".gz") else content)
    _, words, finite = outcome(tmp_path / word)

    assert said in words
    assert sizes == (finite and [len(part.labels) for _, part in finite.parts()])


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"\x00\x00\x08\x03" + b"\x7f" * 12, "GiB of numbers, over 8 GiB"),
        (b"\x00\x00\x08\x01\x7f\xff\xff\xff", "examples, over"),
        (idx(X)[:-1], "where it declares"),
        (b"\x00\x00\x07\x01\x00\x00\x00\x01a", "is not an IDX file"),
    ],
)
def test_an_idx_file_is_refused_by_its_header(tmp_path, content, said):
    (tmp_path / "images-idx3-ubyte").write_bytes(content)
    (tmp_path / "labels-idx1-ubyte").write_bytes(idx(PAIR["labels"]))

    assert said in outcome(tmp_path / "images-idx3-ubyte")[1]


def test_a_packed_idx_file_is_not_unpacked_beyond_what_it_declares(tmp_path):
    (tmp_path / "labels-idx1-ubyte").write_bytes(idx(PAIR["labels"]))
    packer = zlib.compressobj(9, zlib.DEFLATED, 31)
    bomb = (
        packer.compress(idx(X)) + b"".join(packer.compress(bytes(10**6)) for _ in range(200)) + packer.flush()
    )
    (tmp_path / "images-idx3-ubyte.gz").write_bytes(bomb)

    assert "holds 8001 bytes where it declares (400, 4, 5)" in outcome(tmp_path / "images-idx3-ubyte.gz")[1]
