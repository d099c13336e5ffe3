"""`xavier data`, `--data` with parameters, and bad data at the front door: one line, the right code."""

from __future__ import annotations

import gzip
import hashlib
import json
import threading
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from xavier_cli.config.run import RunConfig
from xavier_cli.data import mirrors, mnist
from xavier_cli.data.mirrors import Remote
from xavier_cli.errors import ConfigError

# A program that is not compiled; without it, and of this shape, `test_json_keys.py` has the others.
WITHOUT = ("--jacobian-examples", 0)


@pytest.fixture
def here(tmp_path, monkeypatch) -> Path:
    """The current folder, with `pets` of two classes of pictures; no data set anywhere."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.delenv("XAVIER_DATA_DIR", raising=False)
    monkeypatch.delenv("XAVIER_RUNS_DIR", raising=False)
    rng = np.random.default_rng(0)
    for part, count in (("train", 20), ("test", 150)):
        for label, name in enumerate(("cat", "dög")):
            folder = tmp_path / "pets" / part / name
            folder.mkdir(parents=True)
            for number in range(count):
                pixels = rng.integers(0, 128, (5, 6), np.uint8) + 127 * label
                Image.fromarray(pixels.astype(np.uint8)).save(folder / f"{number}.png")
    return tmp_path


@pytest.fixture
def small_mnist(here, monkeypatch) -> Path:
    """Small files that are known as if they were MNIST's, packed in a folder `files`."""
    contents = {}
    for images, labels, count in (
        (mnist.TRAIN_IMAGES, mnist.TRAIN_LABELS, 60),
        (mnist.TEST_IMAGES, mnist.TEST_LABELS, 40),
    ):
        header = [bytes([0, 0, 8, n]) + np.array([count, 28, 28][:n], ">u4").tobytes() for n in (3, 1)]
        contents[images] = header[0] + bytes(count * 784)
        contents[labels] = header[1] + (np.arange(count) % 10).astype(np.uint8).tobytes()
    monkeypatch.setattr(mnist, "VALID", 10)
    monkeypatch.setattr(mnist, "SHA256", {k: hashlib.sha256(v).hexdigest() for k, v in contents.items()})
    (here / "files").mkdir()
    for name, content in contents.items():
        (here / "files" / f"{name}.gz").write_bytes(gzip.compress(content, mtime=0))
    return here / "files"


def test_list_says_where_each_set_is_or_how_to_get_it(xavier, here, small_mnist):
    answer = xavier("data", "list", "-f", "json", "--data-dir", "files")
    sets = {each["name"]: each for each in json.loads(answer.out)["data_sets"]}

    assert answer.code == 0
    assert sets["mnist"]["where"] == "files"
    assert sets["cifar10"]["where"] == "not found: `xavier data fetch cifar10`"
    assert (sets["fashion_mnist"]["inputs"], sets["fashion_mnist"]["train"]) == (784, 50_000)
    assert sets["small-imagenet"]["classes"] is None


@pytest.mark.parametrize("width", [80, 60])
def test_list_fits_the_screen(xavier, here, width):
    answer = xavier("data", "list", width=width)

    assert answer.code == 0
    assert max(map(len, answer.out.splitlines())) <= width
    assert "images:PATH[@SIZE[rgb]]" in answer.out


def test_show_counts_classes_and_tells_pixels_and_digest(xavier, here):
    answer = xavier("data", "show", "images:pets@6", "-f", "json")
    shown = json.loads(answer.out)

    assert answer.code == 0, answer.err
    assert shown["counts"] == {"train": [18, 18], "valid": [2, 2], "test": [150, 150]}
    assert shown["labels"] == ["cat", "dög"]
    assert shown["guessing_error"] == 0.5
    assert len(shown["sha256"]) == 64
    assert 0 <= shown["pixels"]["min"] < shown["pixels"]["max"] <= 255
    table = xavier("data", "show", "images:pets@6")
    assert "36 train, 4 valid, 300 test" in table.out


def test_what_a_custom_function_makes_is_generated(xavier, here):
    (here / "mine.py").write_text(
        "import numpy as np\n"
        "def images():\n"
        "    x = np.random.default_rng(3).random((3600, 5, 5), np.float32)\n"
        "    return x, (x.mean((1, 2)) > 0.5).astype(int)\n"
    )
    for command in ("show", "verify"):
        answer = xavier("data", command, "mine.py:images")

        assert answer.code == 0, answer.err
        assert "generated" in answer.out
        assert "not here" not in answer.out


def test_verify_tells_whole_from_damaged(xavier, here, small_mnist):
    whole = xavier("data", "verify", "mnist", "--data-dir", "files", "-f", "json")
    victim = small_mnist / f"{mnist.TEST_LABELS}.gz"
    victim.write_bytes(gzip.compress(b"\x00\x00\x08\x01\x00\x00\x00\x01\x07"))
    damaged = xavier("data", "verify", "mnist", "--data-dir", "files")
    all_of_them = xavier("data", "verify", "--data-dir", "files", "-f", "json")

    assert (whole.code, json.loads(whole.out)["data_sets"][0]["result"]) == (0, "whole")
    assert (damaged.code, damaged.out) == (5, "")
    assert "t10k-labels-idx1-ubyte.gz` is not the official file" in damaged.err
    assert (all_of_them.code, json.loads(all_of_them.out)["data_sets"][0]["result"]) == (5, "damaged")


def test_fetch_gets_what_is_not_here_and_train_finds_it(xavier, here, small_mnist, monkeypatch):
    md5 = {path.name: hashlib.md5(path.read_bytes()).hexdigest() for path in small_mnist.iterdir()}
    handler = partial(SimpleHTTPRequestHandler, directory=small_mnist)
    monkeypatch.setattr(SimpleHTTPRequestHandler, "log_message", lambda *_: None)
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        remote = Remote("mnist", md5, ("http://127.0.0.1:1/", f"http://127.0.0.1:{server.server_port}/"))
        monkeypatch.setitem(mirrors.REMOTES, "mnist", remote)
        there = xavier("data", "fetch", "mnist", "--data-dir", "files")
        fetched = xavier("data", "fetch", "mnist")
        server.shutdown()
        thread.join()
    listed = json.loads(xavier("data", "list", "-f", "json").out)["data_sets"]

    assert (there.code, there.out.strip()) == (0, "files")
    assert not (here / "cache" / "xavier" / "data" / "cifar10").exists()
    assert fetched.code == 0, fetched.err
    assert fetched.out.strip() == str(here / "cache" / "xavier" / "data" / "mnist")
    assert "http://127.0.0.1:1/: " in fetched.err
    assert next(each["where"] for each in listed if each["name"] == "mnist") == fetched.out.strip()
    assert xavier("data", "verify", "mnist").code == 0


def test_a_run_on_a_folder_of_images_carries_what_it_learnt_from(xavier, here):
    tiny = ["--width", 6, "--depth", 1, "--updates", 4, "--records", 2, "--seeds", 2, "--batch-size", 4, "-q"]
    done = xavier("train", "--data", "images:pets@6", *tiny, "-f", "json")
    assert done.code == 0, done.err
    run = json.loads(done.out)["run"]
    assert run.startswith("runs/images-pets-tanh-normalized-d1w6-lr0.03-")
    compared = xavier("compare")
    drawn = xavier("plot", "curves")
    again = xavier("train", "--data", "images:pets@6", *tiny)
    assert "2 classes (cat, dög), 36 training, 4 validation, 300 test examples" in " ".join(again.out.split())
    (here / "pets" / "train" / "cat" / "1.png").unlink()
    changed = xavier("train", "--data", "images:pets@6", *tiny)

    assert (compared.code, drawn.code, again.code) == (0, 0, 0), compared.err + drawn.err
    assert "already trained" in again.err
    assert (changed.code, changed.out) == (2, "")
    assert "`images:pets@6` has changed since" in changed.err


def test_samples_of_images_are_drawn_in_colour(xavier, here):
    answer = xavier("plot", "samples", "--data", "images:pets@6rgb", "-o", "samples.png")

    assert answer.code == 0, answer.err
    assert (here / "samples.png").stat().st_size > 5000


def test_a_plan_of_images_knows_the_classes_and_the_memory(xavier, here):
    plan = json.loads(xavier("train", "--data", "images:pets@6", "--dry-run", "-f", "json", "--depth", 1).out)

    assert plan["parameters_per_member"] == 37 * 300 + 301 * 2


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["data", "show", "mnits"], 2, "did you mean `mnist`"),
        (["data", "show", "shapeset"], 2, "is generated without end"),
        (["data", "show", "mnist"], 2, "`xavier data fetch mnist`"),
        (["data", "show", "images:nowhere"], 2, "no folder `nowhere`"),
        (["data", "show", "images:pets@7000"], 2, "from 4 to 512"),
        (["data", "show", "none.npz"], 2, "no file `none.npz`"),
        (["data", "show", "bad.npz"], 2, "`bad.npz` is a folder"),
        (["data", "show", f"{'x' * 300}.npz"], 2, "its name is too long"),
        (["train", "--data", f"images:{'x' * 300}"], 2, "its name is too long"),
        (["train", "--data", "images:nowhere"], 2, "no folder `nowhere`"),
        (["train", "--data", "images:broken.npz"], 2, "`broken.npz` is a file"),
        (["train", "--data", "images:bad.npz"], 5, "`bad.npz` holds no folders, one per class"),
        (["data", "show", "broken.npz"], 5, "`broken.npz` cannot be read"),
        (["data", "verify"], 2, "no data set was found"),
        (["data", "verify", "cifar10"], 2, "xavier data fetch cifar10"),
        (["data", "fetch", "small-imagenet"], 2, "mnist, cifar10, fashion_mnist can"),
        (["data", "show", "images:pets", "-o", "pets"], 2, "is a folder"),
        (["train", "--data", "images:bad"], 5, "1 of 1 files cannot be read as images"),
        (["train", "--data", "broken.npz"], 5, "`broken.npz` cannot be read"),
        (["train", "--data", "images:pets@6", "--batch-size", "37"], 2, "has only 36 training examples"),
        (["train", "--data", "shapeset:10", "--batch-size", "11"], 2, "has only 10 training examples"),
        (["plot", "samples", "--data", "images:pets@6", "--seed", "1"], 2, "is the same for every seed"),
        (["svm", "--examples", "0"], 2, "from 1 to 1000000"),
    ],
)
def test_bad_data_gets_one_line_and_writes_nothing(xavier, here, arguments, code, said):
    (here / "broken.npz").write_text("no archive")
    (here / "bad" / "one").mkdir(parents=True)
    (here / "bad" / "one" / "text.jpg").write_text("no image")
    (here / "bad.npz").mkdir()
    before = sorted(path for path in here.rglob("*") if "cache" not in path.parts)
    answer = xavier(*arguments)

    assert answer.code == code, answer.err
    assert said in answer.err
    assert len(answer.err.strip().splitlines()) == 1
    assert answer.out == ""
    assert sorted(path for path in here.rglob("*") if "cache" not in path.parts) == before


def test_what_was_done_and_what_looks_odd_is_said_and_kept(xavier, here):
    rng = np.random.default_rng(0)
    x = rng.integers(0, 256, (4000, 6)).astype(float)
    np.savez(here / "set.npz", X=x, y=np.array(["cat", "dog"])[np.arange(4000) % 2], memo=x)
    shown = xavier("data", "show", "set.npz", width=500)
    assert shown.code == 0
    assert "not read: `memo`" in shown.out
    assert "labels are names: `cat`, `dog`" in shown.out
    assert "far outside the usual range: 0 to 255" in shown.out

    small = ("--width", 4, "--depth", 1, "--updates", 20, "--records", 2, "--seeds", 1, *WITHOUT, "-q")
    trained = xavier("train", "--data", "set.npz", *small, "--coding", "standardize", "-o", "a.h5")
    assert trained.code == 0
    assert "set.npz: labels are names: `cat`, `dog`" in trained.err
    assert "set.npz: standardized: mean 127" in trained.err
    assert "warning: set.npz" not in trained.err
    answer = json.loads(xavier("show", "a.h5", "-f", "json").out)
    assert json.dumps(answer).count("standardize") >= 1
    assert "odd-data" not in xavier("check", "a.h5").out

    trained = xavier("train", "--data", "set.npz", *small, "-o", "b.h5")
    assert "warning: set.npz: inputs are far outside the usual range" in trained.err
    checked = xavier("check", "b.h5", width=500)
    assert "odd-data" in checked.out
    assert "far outside the usual range" in checked.out


@pytest.mark.filterwarnings("ignore:invalid value:RuntimeWarning")
def test_a_run_on_nothing_but_black_is_not_clean(xavier, here):
    np.savez(here / "set.npz", x=np.zeros((4000, 6), np.uint8), y=np.arange(4000) % 2)
    small = ("--width", 4, "--depth", 1, "--updates", 20, "--records", 2, "--seeds", 1, *WITHOUT, "-q")
    trained = xavier("train", "--data", "set.npz", *small, "-o", "a.h5")
    assert trained.code == 0
    assert "warning: set.npz: all training pixels are 0" in trained.err
    checked = xavier("check", "a.h5", width=500)
    assert checked.code == 3
    assert "zero-gradients" in checked.out
    assert "odd-data" in checked.out


@pytest.mark.parametrize("count", [1, 2, 3, 10, 40])
@pytest.mark.parametrize("command", [("data", "show"), ("train", "--scale", "tiny", "--data")])
def test_a_set_of_few_examples_ends_in_one_line(xavier, here, command, count):
    np.savez(here / "set.npz", x=np.zeros((count, 6), np.uint8), y=np.arange(count) % 3)
    answer = xavier(*command, "set.npz")

    assert answer.code == 5
    assert answer.err.count("\n") == 1
    assert str(count) in answer.err or "examples" in answer.err


@pytest.mark.parametrize("command", [("data", "show"), ("train", "--data"), ("config", "show", "--data")])
def test_a_folder_that_is_typed_alone_is_told_how_to_be(xavier, here, command):
    answer = xavier(*command, "pets")

    assert answer.code == 2
    assert answer.err == "xavier: data: unknown data set `pets`: a folder of images is `images:pets`\n"


def test_a_recorded_word_is_no_folder_that_is_looked_for(here):
    with pytest.raises(ConfigError, match="known: shapeset"):
        RunConfig.from_json('{"data": "pets"}')


def test_a_picture_is_told_from_a_folder_in_the_words_that_were_typed(xavier, here):
    answer = xavier("data", "show", "images:pets/train/cat/0.png")

    assert answer.code == 2
    assert "`pets/train/cat/0.png` is a file: `images:PATH` names a folder" in answer.err
    assert "@37" not in answer.err + xavier("data", "show", "images:nowhere").err
