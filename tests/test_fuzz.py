"""Recipes, configurations and data files, damaged or made up: our own errors alone, nothing executed."""

from __future__ import annotations

import gzip
import io
import os
import random
import sys
import tarfile
import tomllib
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from xavier_cli.config.run import RunConfig
from xavier_cli.data import cifar, mnist
from xavier_cli.data.arrays import read_arrays
from xavier_cli.data.folders import list_images
from xavier_cli.data.images import read_images
from xavier_cli.data.sets import DataDamagedError, DataMissingError
from xavier_cli.errors import ConfigError
from xavier_cli.sweeps.recipe import read_recipe, shipped_recipes
from xavier_cli.vocabulary.shipped import shipped_folder

OURS = (ConfigError, DataDamagedError, DataMissingError)
# Python's audit events that must not occur while files are read.
FORBIDDEN = (
    "os.system",
    "subprocess.",
    "os.exec",
    "os.posix_spawn",
    "os.fork",
    "pickle.",
    "socket.",
    "shutil.",
)
WORDS = (
    *(
        "-1",
        "0",
        "1e400",
        "nan",
        "inf",
        "4294967296",
        "99999999999999999999999",
        '""',
        '"../../../etc/passwd"',
    ),
    *(
        '"nan"',
        "true",
        "[]",
        "[[]]",
        "{}",
        '"\\u0000"',
        '"\\u202e"',
        "1979-05-27",
        '"os:system"',
        "[1, 'two']",
    ),
    *(
        '"every:0"',
        '"log:"',
        '"0:10:0"',
        '"images:/dev/zero"',
        '"__import__"',
        "[nan]",
        '"' + "9" * 5000 + '"',
    ),
)


class Watch:
    """While on, remembers what the interpreter was asked to do that reading a file never takes."""

    def __init__(self) -> None:
        self.on = False
        self.seen: list[str] = []
        sys.addaudithook(self._note)

    def _note(self, event: str, arguments: tuple[object, ...]) -> None:
        if self.on:
            writes = (
                event == "open" and isinstance(arguments[2], int) and arguments[2] & (os.O_WRONLY | os.O_RDWR)
            )
            if writes or event.startswith(FORBIDDEN):
                self.seen.append(f"{event} {arguments!r}"[:200])


@pytest.fixture(scope="module")
def watch() -> Watch:
    return Watch()


def damaged(content: bytes, rng: random.Random) -> bytes:
    """`content` with bytes flipped, cut out, doubled, zeroed, or junk put in."""
    for _ in range(rng.randint(1, 3)):
        at, length = rng.randrange(len(content) + 1), int(2 ** rng.uniform(0, 8))
        piece = content[at : at + length]
        put = rng.choice(
            [b"", piece * 2, bytes(len(piece)), rng.randbytes(len(piece)), rng.randbytes(length)]
        )
        content = content[:at] + put + content[at + len(piece) :]
    return content


def reworded(text: str, rng: random.Random) -> bytes:
    """TOML with some values replaced by others that are TOML, too, or nearly."""
    lines = text.splitlines()
    for _ in range(rng.randint(1, 3)):
        i = rng.randrange(len(lines))
        key, equals, _ = lines[i].partition("=")
        lines[i] = (
            f"{key}={rng.choice(WORDS)}" if equals else rng.choice(["", "[base]", "[[cells]]", "[grid]"])
        )
    return "\n".join(lines).encode()


def recipes(folder: Path, rng: random.Random) -> Iterator[Callable[[], object]]:
    texts = [(shipped_folder() / f"{name}.toml").read_text() for name in shipped_recipes()]
    while True:
        text = rng.choice(texts)
        path = folder / "mine.toml"
        path.write_bytes(reworded(text, rng) if rng.random() < 0.7 else damaged(text.encode(), rng))

        def read(path: Path = path) -> None:
            recipe = read_recipe(str(path))
            for cell, _ in zip(recipe.expand("laptop"), range(20), strict=False):
                if cell.command != "surface":
                    RunConfig.of(**cell.settings)

        yield read


def configurations(folder: Path, rng: random.Random) -> Iterator[Callable[[], object]]:
    text = RunConfig.of(lr=(0.1, 0.2)).to_json()
    toml = "\n".join(f"{name} = 1" for name in RunConfig.model_fields)
    while True:
        if rng.random() < 0.5:
            changed = damaged(text.encode(), rng).decode("latin-1")
            yield lambda changed=changed: RunConfig.from_json(changed)
            continue
        try:
            settings = tomllib.loads(reworded(toml, rng).decode())
        except tomllib.TOMLDecodeError:
            continue
        kept = dict(rng.sample(sorted(settings.items(), key=str), min(len(settings), 2)))
        yield lambda kept=kept: RunConfig.of(**kept)


def idx_files(folder: Path, rng: random.Random) -> Iterator[Callable[[], object]]:
    shapes = {"train-images-idx3-ubyte": (30, 28, 28), "train-labels-idx1-ubyte": (30,)}
    shapes |= {name.replace("train", "t10k"): shape for name, shape in shapes.items()}
    while True:
        bad = rng.choice(sorted(shapes))
        for name, shape in shapes.items():
            header = bytes([0, 0, 8, len(shape)]) + np.array(shape, ">u4").tobytes()
            content = header + bytes(int(np.prod(shape)))
            packed = gzip.compress(content, 1)
            (folder / f"{name}.gz").write_bytes(damaged(packed, rng) if name == bad else packed)
        yield lambda: mnist.read([folder])


def cifar_archives(folder: Path, rng: random.Random) -> Iterator[Callable[[], object]]:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w") as archive:
        for name in cifar.MD5:
            member = tarfile.TarInfo(f"{cifar.FOLDER}/{name}")
            member.size = 512
            archive.addfile(member, io.BytesIO(bytes(512)))
    plain = stream.getvalue()
    while True:
        packed = gzip.compress(damaged(plain, rng), 1)
        content = packed if rng.random() < 0.7 else damaged(packed, rng)
        (folder / cifar.ARCHIVES[0]).write_bytes(content)
        yield lambda: cifar.read([folder])


def array_files(folder: Path, rng: random.Random) -> Iterator[Callable[[], object]]:
    stream = io.BytesIO()
    labels = np.arange(60) % 3
    np.savez(stream, x=np.random.default_rng(1).integers(0, 255, (60, 4, 4), np.uint8), y=labels)
    while True:
        (folder / "a.npz").write_bytes(damaged(stream.getvalue(), rng))
        yield lambda: read_arrays(folder / "a.npz")


def image_folders(folder: Path, rng: random.Random) -> Iterator[Callable[[], object]]:
    pictures = []
    for format in ("PNG", "JPEG", "GIF", "BMP", "TIFF", "WEBP", "PPM"):
        stream = io.BytesIO()
        Image.fromarray(np.arange(300, dtype=np.uint8).reshape(10, 10, 3)).save(stream, format)
        pictures.append(stream.getvalue())
    for label in "ab":
        (folder / label).mkdir()
        for number in range(10):
            (folder / label / f"{number}.png").write_bytes(pictures[0])
    while True:
        (folder / "a" / "3.png").write_bytes(damaged(rng.choice(pictures), rng))
        yield lambda: read_images(list_images(folder), 8, False)


KINDS = (recipes, configurations, idx_files, cifar_archives, array_files, image_folders)


def outcomes(kind, count: int, folder: Path, watch: Watch) -> dict[str, int]:
    """How many were read and how many refused; fails on any other end."""
    rng = random.Random(f"{kind.__name__} {count}")
    found = {"read": 0, "refused": 0}
    reads = kind(folder, rng)
    for _ in range(count):
        read = next(reads)
        watch.on = True
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                read()
            said = None
        except OURS as error:
            said = str(error)
        finally:
            watch.on = False
        assert said is None or ("\n" not in said and len(said) < 1000)
        found["read" if said is None else "refused"] += 1
    assert watch.seen == []
    return found


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_made_up_is_refused_in_one_line_or_read(kind, tmp_path, watch, count):
    found = outcomes(kind, 60, tmp_path, watch)
    count(**{"fuzzed files": 60, "fuzzed files refused": found["refused"]})

    assert found["refused"] > 10


@pytest.mark.faults
@pytest.mark.parametrize("kind", KINDS)
def test_what_is_made_up_is_refused_in_one_line_or_read_full(kind, tmp_path, watch, count):
    found = outcomes(kind, 2000, tmp_path, watch)
    count(**{"fuzzed files": 2000, "fuzzed files refused": found["refused"]})

    assert found["refused"] > 500


def test_control_a_reader_without_checks_meets_other_errors():
    """The same recipes, read as most programs would read them."""
    rng = random.Random(5)
    text = (shipped_folder() / "table-1.toml").read_text()
    others = set()
    for _ in range(200):
        try:
            damage = rng.choice([damaged(text.encode(), rng), reworded(text, rng)])
            content = tomllib.loads(damage.decode())
            [*content["base"].items(), *content["grid"]["data"], int(content["scales"]["tiny"]["lr"])]
        except Exception as error:
            others.add(type(error).__name__)

    assert {"UnicodeDecodeError", "TOMLDecodeError"} <= others
    assert {"KeyError", "AttributeError", "TypeError"} & others


def test_control_the_watch_sees_what_is_forbidden(watch, tmp_path):
    watch.on = True
    try:
        (tmp_path / "x").write_text("")
    finally:
        watch.on = False
    seen, watch.seen = watch.seen, []

    assert seen
