"""Fetching from mirrors that cut off, change, refuse or are down; nothing unchecked ever gets its name."""

from __future__ import annotations

import hashlib
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import ClassVar

import pytest

from xavier_cli.data import fetch as room
from xavier_cli.data.fetch import fetch
from xavier_cli.data.mirrors import REMOTES, Remote
from xavier_cli.data.sets import DataDamagedError, DataMissingError
from xavier_cli.errors import StorageError

CONTENT = bytes(range(256)) * 4000
MD5 = hashlib.md5(CONTENT).hexdigest()
HALF = len(CONTENT) // 2


class Mirrors(BaseHTTPRequestHandler):
    """A server; the first part of a path says how it behaves, and `asked` lists the requests."""

    asked: ClassVar[list[tuple[str, str | None]]] = []

    def do_GET(self) -> None:
        how, wanted = self.path.split("/")[1], self.headers["Range"]
        self.asked.append((how, wanted))
        content = CONTENT[:HALF] + bytes(HALF) if how == "changed" else CONTENT
        if how == "absent":
            self.send_error(404)
            return
        begin = int(wanted.removeprefix("bytes=").removesuffix("-")) if wanted and how != "whole" else 0
        if begin >= len(content):
            self.send_error(416)
            return
        self.send_response(206 if begin else 200)
        if begin:
            shift = 1 if how == "shifted" else 0
            self.send_header("Content-Range", f"bytes {begin + shift}-{len(content) - 1}/{len(content)}")
        self.send_header("Content-Length", str(len(content) - begin))
        self.end_headers()
        self.wfile.write(content[begin : HALF if how == "cut" and begin < HALF else None])

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def mirror(monkeypatch):
    """A function from a behaviour to the address of a mirror that behaves so."""
    monkeypatch.setattr(Mirrors, "asked", [])
    with ThreadingHTTPServer(("127.0.0.1", 0), Mirrors) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield lambda how: f"http://127.0.0.1:{server.server_port}/{how}/"
        server.shutdown()
        thread.join()


@pytest.fixture
def get(tmp_path, mirror):
    """`get("cut", "good")` fetches one file from mirrors that behave so; `get.said` is what was said."""

    def run(*behaviours):
        remote = Remote("set", {"file.gz": MD5}, tuple(map(mirror, behaviours)))
        return fetch("mine", remote, tmp_path, lambda *_: None, run.said.append)

    run.said = []
    return run


def names(folder):
    return sorted(path.name for path in (folder / "set").iterdir())


def test_a_file_comes_whole_and_is_not_fetched_twice(get, tmp_path):
    assert get("good") == get("good") == tmp_path / "set"
    assert (tmp_path / "set" / "file.gz").read_bytes() == CONTENT
    assert Mirrors.asked == [("good", None)]
    assert names(tmp_path) == ["file.gz"]


@pytest.mark.parametrize("bad", ["absent", "changed", "cut", "shifted"])
def test_the_next_mirror_serves_where_the_first_fails(get, tmp_path, bad):
    get(bad, "good")

    assert (tmp_path / "set" / "file.gz").read_bytes() == CONTENT
    assert names(tmp_path) == ["file.gz"]
    assert len(get.said) == (bad != "shifted")


def test_a_mirror_that_is_down_is_told_and_passed_over(get, tmp_path, mirror):
    remote = Remote("set", {"file.gz": MD5}, ("http://127.0.0.1:1/", mirror("good")))
    fetch("mine", remote, tmp_path, lambda *_: None, get.said.append)

    assert names(tmp_path) == ["file.gz"]
    assert "refused" in get.said[0]


def test_what_was_cut_off_is_kept_and_gone_on_with(get, tmp_path):
    with pytest.raises(DataMissingError, match="could not be fetched from any of 1 mirrors"):
        get("cut")
    assert names(tmp_path) == [".file.gz.part"]
    assert "cut off at" in get.said[0]
    get("good")

    assert Mirrors.asked == [("cut", None), ("good", f"bytes={HALF}-")]
    assert names(tmp_path) == ["file.gz"]


def test_a_server_that_ignores_ranges_sends_all_again(get, tmp_path):
    with pytest.raises(DataMissingError):
        get("cut")
    get("whole")

    assert (tmp_path / "set" / "file.gz").read_bytes() == CONTENT


def test_the_beginning_of_another_content_does_not_spoil_the_right_one(get, tmp_path):
    (tmp_path / "set").mkdir()
    (tmp_path / "set" / ".file.gz.part").write_bytes(b"another beginning")
    get("good")

    assert (tmp_path / "set" / "file.gz").read_bytes() == CONTENT
    assert [how for how, _ in Mirrors.asked] == ["good", "good"]


def test_more_than_there_is_does_not_spoil_it_either(get, tmp_path):
    (tmp_path / "set").mkdir()
    (tmp_path / "set" / ".file.gz.part").write_bytes(CONTENT + b"more")
    get("good")

    assert (tmp_path / "set" / "file.gz").read_bytes() == CONTENT


def test_content_that_changed_everywhere_is_damage_and_none_of_it_stays(get, tmp_path):
    with pytest.raises(DataDamagedError, match=r"`file.gz`: its checksum differs"):
        get("changed", "changed")

    assert names(tmp_path) == []


def test_all_mirrors_absent_leaves_nothing(get, tmp_path):
    with pytest.raises(DataMissingError):
        get("absent", "absent")

    assert names(tmp_path) == []


def test_a_file_that_is_there_but_wrong_is_replaced_only_by_the_right_one(get, tmp_path):
    (tmp_path / "set").mkdir()
    (tmp_path / "set" / "file.gz").write_bytes(b"old")
    with pytest.raises(DataDamagedError):
        get("changed")
    assert (tmp_path / "set" / "file.gz").read_bytes() == b"old"
    get("good")

    assert (tmp_path / "set" / "file.gz").read_bytes() == CONTENT


def test_a_server_that_never_ends_is_left(get, tmp_path, monkeypatch):
    monkeypatch.setattr(room, "MAX_BYTES", 100_000)
    with pytest.raises(DataMissingError):
        get("good")

    assert "sends over 100000 bytes" in get.said[0]
    assert (tmp_path / "set" / ".file.gz.part").stat().st_size == 0


def test_a_full_disk_is_no_fault_of_the_mirrors(get, tmp_path, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(room.os, "replace", full)
    with pytest.raises(StorageError, match="No space left"):
        get("good")


def test_every_official_set_has_several_mirrors_and_a_checksum_per_file():
    for remote in REMOTES.values():
        assert len(remote.mirrors) > 1
        assert all(mirror.endswith("/") for mirror in remote.mirrors)
        assert all(len(md5) == 32 for md5 in remote.files.values())
    assert len({remote.folder for remote in REMOTES.values()}) == len(REMOTES)
