"""Arrays out of `.npz` files, and every way in which they can be something else."""

from __future__ import annotations

import zipfile

import numpy as np
import pytest

from xavier_cli.data import sets
from xavier_cli.data.arrays import read_arrays
from xavier_cli.data.load import load_data
from xavier_cli.data.sets import DataDamagedError, DataMissingError
from xavier_cli.vocabulary.datasets import find_data

RNG = np.random.default_rng(0)
X = RNG.integers(0, 256, (400, 4, 5), np.uint8)
Y = np.arange(400) % 4


def stored(tmp_path, **arrays):
    np.savez_compressed(tmp_path / "set.npz", **arrays)
    return tmp_path / "set.npz"


def test_x_and_y_are_split_by_class_and_keep_their_rows_together(tmp_path):
    finite = read_arrays(stored(tmp_path, x=X, y=Y))

    assert [np.bincount(part.labels).tolist() for _, part in finite.parts()] == [[81] * 4, [9] * 4, [10] * 4]
    rows = {row.tobytes(): label for row, label in zip(X.reshape(400, -1), Y, strict=True)}
    for _, part in finite.parts():
        assert [rows.pop(row.tobytes()) for row in part.pixels] == part.labels.tolist()
    assert rows == {}
    assert finite.shape == (4, 5)
    assert finite.labels == ("0", "1", "2", "3")


def test_parts_that_are_given_are_taken_as_they_are(tmp_path):
    parts = {"x_train": X, "y_train": Y, "x_test": X[:50], "y_test": Y[:50]}
    without = read_arrays(stored(tmp_path, **parts))
    whole = read_arrays(stored(tmp_path, **parts, x_valid=X[:7], y_valid=Y[:7]))

    assert [len(part.labels) for _, part in without.parts()] == [360, 40, 50]
    assert [len(part.labels) for _, part in whole.parts()] == [400, 7, 50]
    assert np.array_equal(whole.train.pixels, X.reshape(400, -1))


@pytest.mark.parametrize(
    ("shape", "drawn"),
    [((16,), (4, 4)), ((15,), (1, 15)), ((2, 8), (2, 8)), ((3, 4, 4), (3, 4, 4)), ((4, 4, 3), (3, 4, 4))],
)
def test_an_example_may_have_many_shapes(tmp_path, shape, drawn):
    x = RNG.integers(0, 256, (400, *shape), np.uint8)
    finite = read_arrays(stored(tmp_path, x=x, y=Y))

    assert finite.shape == drawn
    assert finite.train.pixels.shape[1] == np.prod(shape)


def test_colour_in_the_last_axis_becomes_planes(tmp_path):
    x = np.zeros((400, 4, 4, 3), np.uint8)
    x[..., 1] = 7

    assert read_arrays(stored(tmp_path, x=x, y=Y)).test.pixels[0].tolist() == [0] * 16 + [7] * 16 + [0] * 16


def test_floats_stay_floats(tmp_path):
    x = RNG.normal(size=(400, 5))

    assert read_arrays(stored(tmp_path, x=x, y=Y)).train.pixels.dtype == np.float32


@pytest.mark.parametrize(
    ("arrays", "said"),
    [
        ({"x": X}, "has no `y`"),
        ({"a": X}, "should hold x and y, or x_train"),
        ({"x_train": X, "y_train": Y, "x_test": X}, "has no `y_test`"),
        ({"x_train": X, "y_train": Y, "x_test": X, "y_test": Y, "y_valid": Y}, "has no `x_valid`"),
        ({"x": X, "y": Y / 2}, "`y` holds 0.5; labels are whole numbers or names"),
        ({"x": X, "y": Y - 1}, "`y` runs from -1 to 2"),
        ({"x": X, "y": Y[:-1]}, "`y` has shape"),
        ({"x": X[:, 0, 0], "y": Y}, r"`x` has shape \(400,\)"),
        ({"x": X[:0], "y": Y[:0]}, "`x` has shape"),
        ({"x": np.zeros((400, 2, 4, 4)), "y": Y}, "`x` has shape"),
        ({"x": np.full((400, 3), np.nan), "y": Y}, "not finite"),
        ({"x": np.full((400, 3), 1e300), "y": Y}, "over 1e6"),
        ({"x_train": X, "y_train": Y, "x_test": X[:, :2], "y_test": Y}, "one example of `x_test` has shape"),
        ({"x": np.array([[object()]]), "y": Y}, "`x` holds object"),
    ],
)
def test_arrays_that_do_not_fit_are_named(tmp_path, arrays, said, monkeypatch):
    monkeypatch.setattr(sets, "MIN_TEST_EXAMPLES", 3)
    path = stored(tmp_path, **arrays)

    with pytest.raises(DataDamagedError, match=said) as caught:
        load_data(find_data(str(path)), None)
    assert str(path) in str(caught.value)


def test_a_test_label_that_is_never_trained_on_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(sets, "MIN_TEST_EXAMPLES", 3)
    path = stored(tmp_path, x_train=X, y_train=Y, x_test=X, y_test=Y + 1)

    with pytest.raises(DataDamagedError, match="no training example of class `4`"):
        load_data(find_data(str(path)), None)


def test_a_file_that_declares_too_much_is_refused_before_it_is_unpacked(tmp_path, monkeypatch):
    monkeypatch.setattr(sets, "MAX_BYTES", 5000)

    with pytest.raises(DataDamagedError, match="numbers, over"):
        read_arrays(stored(tmp_path, x=X, y=Y))


def test_a_file_that_declares_less_than_it_holds_is_refused(tmp_path):
    path = stored(tmp_path, x=X, y=Y)
    with zipfile.ZipFile(path) as archive:
        contents = {name: archive.read(name) for name in archive.namelist()}
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("x.npy", contents["x.npy"] + bytes(1000))
        archive.writestr("y.npy", contents["y.npy"])

    with pytest.raises(DataDamagedError, match="`x` is not as long as it declares"):
        read_arrays(path)


def test_what_is_missing_or_no_archive_is_told(tmp_path):
    with pytest.raises(DataMissingError, match="no file"):
        read_arrays(tmp_path / "none.npz")
    (tmp_path / "text.npz").write_text("no archive")
    with pytest.raises(DataDamagedError, match="cannot be read"):
        read_arrays(tmp_path / "text.npz")


@pytest.mark.parametrize(
    ("local", "central", "bits", "said"),
    [(6, 8, 1, "encrypted"), (8, 10, 99, "compression method is not supported")],
)
def test_an_archive_that_cannot_be_opened_is_told(tmp_path, local, central, bits, said):
    path = stored(tmp_path, x=X, y=Y)
    content = bytearray(path.read_bytes())
    for signature, place in ((b"PK\x03\x04", local), (b"PK\x01\x02", central)):
        at = content.find(signature)
        while at >= 0:
            content[at + place] = bits
            at = content.find(signature, at + 1)
    path.write_bytes(content)

    with pytest.raises(DataDamagedError, match=f"cannot be read: .*{said}"):
        read_arrays(path)


def test_flipped_and_cut_files_are_refused_or_right_but_never_crash(tmp_path):
    path = stored(tmp_path, x=X, y=Y)
    whole, expected = path.read_bytes(), read_arrays(path).sha256
    rng = np.random.default_rng(0)
    for turn in range(300):
        content = bytearray(whole)
        if turn % 5 == 0:
            content = content[: rng.integers(0, len(content))]
        else:
            content[rng.integers(0, len(content))] ^= 1 << rng.integers(0, 8)
        path.write_bytes(content)
        try:
            assert read_arrays(path).sha256 == expected
        except DataDamagedError:
            continue
