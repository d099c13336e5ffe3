"""Folders of images: their layouts, their split, and every way in which they can be something else."""

from __future__ import annotations

import os
import shutil

import numpy as np
import pytest
from PIL import Image

from xavier_cli.data import images, sets
from xavier_cli.data.folders import list_images
from xavier_cli.data.images import read_images
from xavier_cli.data.load import load_data
from xavier_cli.data.sets import DataDamagedError, DataMissingError
from xavier_cli.vocabulary.datasets import find_data


@pytest.fixture(autouse=True)
def few_are_enough(monkeypatch):
    monkeypatch.setattr(sets, "MIN_TEST_EXAMPLES", 3)


def load(folder, size="@8"):
    return load_data(find_data(f"images:{folder}{size}"), None)


def test_a_folder_with_train_and_test_is_split_as_it_says(pictures):
    folder = pictures(40, "train")
    pictures(5, "test")
    finite = load(folder)

    assert finite.labels == ("dark", "light", "white")
    assert [np.bincount(part.labels).tolist() for _, part in finite.parts()] == [[36] * 3, [4] * 3, [5] * 3]
    assert finite.train.pixels.shape == (108, 64)
    # Brightness tells the class: labels belong to their images.
    assert all(np.ptp(finite.train.labels[finite.train.pixels[:, 0] // 80 == level]) == 0 for level in (0, 1))


def test_without_a_test_folder_a_tenth_of_each_class_is_held_out_twice(pictures):
    finite = load(pictures(30))

    assert [np.bincount(part.labels).tolist() for _, part in finite.parts()] == [[24] * 3, [3] * 3, [3] * 3]


def test_the_split_depends_on_names_alone(pictures, tmp_path):
    folder = pictures(30)
    first = load(folder)
    copy = shutil.copytree(folder, tmp_path / "copy")

    assert load(copy).sha256 == first.sha256
    victim = sorted((copy / "dark").iterdir())[0]
    victim.rename(victim.with_name("another.png"))
    assert load(copy).sha256 != first.sha256


def test_every_part_begins_with_all_classes(pictures):
    finite = load(pictures(40))

    assert set(finite.train.labels[:20].tolist()) == {0, 1, 2}


def test_sizes_shapes_and_modes_may_be_mixed(pictures):
    folder = pictures(20)
    Image.new("L", (100, 3), 255).save(folder / "white" / "grey.png")
    Image.new("RGBA", (5, 50), (255, 255, 255, 9)).save(folder / "white" / "alpha.png")
    Image.new("P", (5, 5), 0).save(folder / "dark" / "palette.gif")
    Image.new("1", (9, 9), 1).save(folder / "white" / "bits.bmp")
    Image.new("CMYK", (9, 9)).save(folder / "white" / "print.jpg")

    assert load(folder, "@8rgb").shape == (3, 8, 8)
    assert load(folder, "@8").shape == (8, 8)


def test_colour_lies_in_planes_and_is_averaged_where_an_image_shrinks(tmp_path):
    folder = tmp_path / "pets"
    (folder / "one").mkdir(parents=True)
    stripes = np.zeros((64, 64, 3), np.uint8)
    stripes[:, ::2, 0] = 255  # Red columns, one pixel wide: aliases would be all or nothing.
    Image.fromarray(stripes).save(folder / "one" / "a.png")
    listing = list_images(folder)
    pixels = images._decoded(folder, [listing.train.files], 8, True)[0][0].reshape(3, 8, 8)

    assert np.allclose(pixels[0], 128, atol=12)
    assert not pixels[1:].any()


def test_a_photograph_is_turned_upright(tmp_path):
    (tmp_path / "a").mkdir()
    image = Image.new("L", (8, 8))
    image.paste(255, (0, 0, 8, 4))
    exif = image.getexif()
    exif[0x0112] = 3  # Upside down.
    image.save(tmp_path / "a" / "photo.png", exif=exif)
    pixels = images._image(tmp_path / "a" / "photo.png", 8, False).reshape(8, 8)

    assert pixels[-1].mean() > 250
    assert pixels[0].mean() < 5


def test_links_to_files_and_folders_are_followed_and_hidden_files_passed_over(pictures, tmp_path):
    real = pictures(30)
    first = load(real)
    linked = tmp_path / "linked"
    linked.mkdir()
    for folder in real.iterdir():
        (linked / folder.name).symlink_to(folder)
    (real / "dark" / ".DS_Store").write_bytes(b"junk")
    (real / ".hidden").mkdir()

    assert load(linked).sha256 == load(real).sha256 == first.sha256


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("text.jpg", b"no image"),
        ("empty.png", b""),
        ("README.txt", b"words"),
        ("program.eps", b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n"),
        ("cut.png", None),
    ],
)
def test_a_file_that_is_no_image_is_named_and_the_set_refused(pictures, name, content):
    folder = pictures(20)
    victim = folder / "light" / name
    victim.write_bytes((folder / "light" / "1.png").read_bytes()[:45] if content is None else content)

    with pytest.raises(DataDamagedError, match=rf"1 of 61 files .*light/{name}"):
        load(folder)


def test_of_many_bad_files_the_first_are_named_and_all_counted(pictures):
    folder = pictures(20)
    for file in (folder / "dark").iterdir():
        file.write_bytes(b"junk")

    with pytest.raises(DataDamagedError, match=r"20 of 60 files .*`dark/0.png` .* and 17 more"):
        load(folder)


def test_a_decompression_bomb_is_refused_before_it_is_unpacked(pictures, monkeypatch):
    folder = pictures(20)
    Image.new("L", (3000, 3000)).save(folder / "dark" / "bomb.png")
    monkeypatch.setattr(images, "MAX_PIXELS", 1_000_000)

    with pytest.raises(DataDamagedError, match=r"dark/bomb.png` \(3000×3000 pixels are over"):
        load(folder)


def test_sixteen_bits_are_scaled_to_eight_and_more_are_refused_rather_than_clipped(pictures):
    folder = pictures(20)
    deep = folder / "dark" / "deep.png"
    Image.fromarray(np.full((9, 9), 257 * 100, np.uint16)).save(deep)

    assert images._image(deep, 4, False).tolist() == [100] * 16
    assert images._image(deep, 4, True).tolist() == [100] * 48
    assert "1 picture has 16 bits per pixel: scaled to 8" in load(folder).notes
    Image.fromarray(np.full((9, 9), 0.5, np.float32)).save(folder / "dark" / "deeper.tiff")
    with pytest.raises(DataDamagedError, match="more than 16 bits"):
        load(folder)


def test_a_pipe_is_not_waited_for(pictures):
    folder = pictures(20)
    os.mkfifo(folder / "dark" / "pipe.png")

    with pytest.raises(DataDamagedError, match="not a file"):
        load(folder)


def test_a_folder_that_is_no_set_of_classes_says_why(pictures, tmp_path, monkeypatch):
    folder = pictures(20, "train")
    pictures(20, "test")
    (folder / "test" / "white").rename(folder / "test" / "whyte")
    with pytest.raises(DataDamagedError, match="class `white` is in `train` alone"):
        load(folder)
    (tmp_path / "flat").mkdir()
    with pytest.raises(DataDamagedError, match="holds no folders"):
        load(tmp_path / "flat")
    (tmp_path / "flat" / "empty").mkdir()
    with pytest.raises(DataDamagedError, match=r"`.*flat/empty` holds no images"):
        load(tmp_path / "flat")
    with pytest.raises(DataMissingError, match=r"no folder `.*nowhere`"):
        load(tmp_path / "nowhere")
    with pytest.raises(DataMissingError, match="never published"):
        load_data(find_data("small-imagenet"), tmp_path)


def test_too_few_test_images_are_refused(pictures, monkeypatch):
    monkeypatch.setattr(sets, "MIN_TEST_EXAMPLES", 300)

    with pytest.raises(DataDamagedError, match="has 6 test examples, where 300"):
        load(pictures(20))


def test_what_asks_for_too_much_memory_is_refused_before_it_is_read(pictures, monkeypatch):
    monkeypatch.setattr(sets, "MAX_BYTES", 1000)

    with pytest.raises(DataDamagedError, match="numbers, over"):
        load(pictures(20))


def test_small_imagenet_is_the_folder_of_that_name(pictures, tmp_path):
    pictures(30).rename(tmp_path / "small-imagenet")
    finite = load_data(find_data("small-imagenet"), tmp_path)
    same = read_images(list_images(tmp_path / "small-imagenet"), 37, False)

    assert finite.shape == (37, 37)
    assert finite.sha256 == same.sha256
