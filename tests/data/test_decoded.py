"""Decoded sets are kept, and only ever believed when nothing has changed since."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest

from xavier_cli.data import decoded, images, sets
from xavier_cli.data.load import load_data
from xavier_cli.files import publish
from xavier_cli.vocabulary.datasets import find_data


@pytest.fixture
def asked(pictures, monkeypatch):
    monkeypatch.setattr(sets, "MIN_TEST_EXAMPLES", 3)
    return find_data(f"images:{pictures(30)}@8")


@pytest.fixture
def decodings(monkeypatch):
    """The images decoded so far."""
    seen = []
    decode = images._image
    monkeypatch.setattr(images, "_image", lambda file, *rest: (seen.append(file), decode(file, *rest))[1])
    return seen


def kept(cache):
    (path,) = (cache / "decoded").iterdir()
    return path


def test_a_set_is_decoded_once_and_comes_back_the_same(asked, decodings, cache):
    first, second = load_data(asked, None), load_data(asked, None)

    assert len(decodings) == 90
    assert first.sha256 == second.sha256
    assert (first.labels, first.shape, first.checksums) == (second.labels, second.shape, second.checksums)
    assert stat.S_IMODE((cache / "decoded").stat().st_mode) == 0o700
    load_data(asked, None, decoded=False)
    assert len(decodings) == 180


def test_another_size_is_another_set(asked, cache):
    load_data(asked, None)
    load_data(find_data(asked.name.replace("@8", "@9")), None)

    assert len(list((cache / "decoded").iterdir())) == 2


@pytest.mark.parametrize("change", ["content", "time", "added", "removed", "renamed"])
def test_a_changed_source_is_decoded_anew(asked, decodings, change, tmp_path):
    load_data(asked, None)
    folder = tmp_path / "pets" / "dark"
    victim = sorted(folder.iterdir())[0]
    if change == "content":
        victim.write_bytes((tmp_path / "pets" / "white" / "1.png").read_bytes())
    elif change == "time":
        os.utime(victim, ns=(1, 1))
    elif change == "added":
        (folder / "new.png").write_bytes(victim.read_bytes())
    elif change == "removed":
        victim.unlink()
    else:
        victim.rename(folder / "new.png")
    again = load_data(asked, None)

    assert len(decodings) > 90 + 80
    assert again.sha256 == load_data(asked, None, decoded=False).sha256


@pytest.mark.parametrize("damage", ["flip", "encrypted", "cut", "empty", "other", "folder"])
def test_a_damaged_cache_is_rebuilt(asked, decodings, cache, damage):
    first = load_data(asked, None)
    path = kept(cache)
    content = bytearray(path.read_bytes())
    path.unlink()
    # The one bit of an archive's list that says a member is encrypted.
    content[content.find(b"PK\x01\x02") + 8 if damage == "encrypted" else len(content) // 2] ^= 1
    if damage == "folder":
        path.mkdir()
    elif damage == "other":
        np.savez(path, a=1)
    else:
        path.write_bytes({"cut": content[:999], "empty": b""}.get(damage, content))
    again = load_data(asked, None)

    assert again.sha256 == first.sha256
    assert len(decodings) == 180
    if damage != "folder":
        load_data(asked, None)
        assert len(decodings) == 180


def test_numbers_that_do_not_match_their_digest_are_not_believed(asked, decodings, cache):
    first = load_data(asked, None)
    path = kept(cache)
    with np.load(path) as file:
        arrays = {name: file[name] for name in file}
    arrays["x_train"][0, 0] ^= 1
    np.savez(path, **arrays)

    assert load_data(asked, None).sha256 == first.sha256


def test_a_cache_that_cannot_be_written_is_no_error(asked, cache, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(decoded.np, "savez", lambda *_, **__: full())
    load_data(asked, None)

    assert list((cache / "decoded").iterdir()) == []


KILLED = """
import sys, time
from pathlib import Path
import numpy as np
from xavier_cli.data import decoded
from xavier_cli.data.sets import Examples, FiniteSet
def stuck(file, **arrays):
    file.write(bytes(1000)); file.flush(); print("begun", flush=True); time.sleep(60)
decoded.np.savez = stuck
part = Examples(np.zeros((3, 4), np.uint8), np.zeros(3, np.int32))
decoded.decoded_once("place", "stamp", lambda: FiniteSet(part, part, part, ("a",), (2, 2)))
"""


def test_what_a_kill_left_goes_with_the_next_set_that_is_kept(asked, cache, monkeypatch):
    for _ in range(2):
        with subprocess.Popen([sys.executable, "-c", KILLED], stdout=subprocess.PIPE, text=True) as writer:
            assert writer.stdout is not None
            assert writer.stdout.readline() == "begun\n"
            writer.kill()
    assert [*(cache / "decoded").iterdir()]
    # Later than a writer needs to lock what it made.
    monkeypatch.setattr(publish, "FRESH_SECONDS", 0.0)
    load_data(asked, None)

    assert kept(cache).suffix == ".npz"


def test_the_set_that_was_not_used_for_longest_goes_first(asked, decodings, cache, monkeypatch):
    def load(side):
        load_data(find_data(asked.name.replace("@8", f"@{side}")), None)

    for number, side in enumerate((8, 7)):
        load(side)
        newest = max((cache / "decoded").iterdir(), key=lambda path: path.stat().st_mtime)
        os.utime(newest, (number, number))
    load(8)
    bound = sum(path.stat().st_size for path in (cache / "decoded").iterdir())
    bounded = replace(decoded.decoded_data(), most_bytes=bound)
    monkeypatch.setattr(decoded, "decoded_data", lambda: bounded)
    load(6)
    assert len(decodings) == 3 * 90
    load(8)
    load(6)
    assert len(decodings) == 3 * 90
    load(7)
    assert len(decodings) == 4 * 90


def test_a_folder_that_others_can_write_to_is_not_believed(asked, decodings, cache):
    load_data(asked, None)
    (cache / "decoded").chmod(0o777)
    load_data(asked, None)

    assert len(decodings) == 180
