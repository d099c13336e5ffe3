"""Gets the official files of a data set: from several mirrors, checked, whole or not at all.

What is cut off stays beside its place as a hidden `.<name>.part` and is gone on with, also from another
mirror. Only content with the known checksum ever gets its name: pooch checks and renames it.
"""

from __future__ import annotations

import fcntl
import http.client
import os
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

from xavier_cli import __version__
from xavier_cli.data.mirrors import Remote
from xavier_cli.data.sets import DataDamagedError, DataMissingError

PIECE_BYTES = 2**18
# The largest set has 170 MB; a server can send for ever.
MAX_BYTES = 300_000_000
TIMEOUT_SECONDS = 30.0

Report = Callable[[str, int, int | None], None]
"""Told the file, the bytes there are, and how many there will be, where the server says so."""


class _NotServedError(Exception):
    """A mirror that did not give the file, or not all of it."""


def fetch(name: str, remote: Remote, folder: Path, report: Report, say: Callable[[str], None]) -> Path:
    """Put all files of the set `name` into their place under `folder`, and return that place.

    Files that are there and right are left alone. `say` is told of mirrors that fail. Raises
    `DataMissingError` where no mirror has a file, `DataDamagedError` where one has, but with other content,
    and `OSError` where it cannot be stored.
    """
    import pooch

    pooch.get_logger().setLevel("ERROR")
    place = folder / remote.folder
    place.mkdir(parents=True, exist_ok=True)
    for file, md5 in remote.files.items():
        changed = False
        for mirror in remote.mirrors:
            part = place / f".{file}.part"
            # What was begun may be of another content: then once more from the start.
            for _ in range(2 if part.exists() and part.stat().st_size else 1):
                problem, differs = _fetch_one(pooch, mirror + file, f"md5:{md5}", place / file, part, report)
                changed |= differs
                if not differs:
                    break
            if not problem:
                break
            say(f"{mirror}: {problem}")
        else:
            if changed:
                raise DataDamagedError(f"{name}: no mirror has the official `{file}`: its checksum differs")
            raise DataMissingError(
                f"{name}: `{file}` could not be fetched from any of {len(remote.mirrors)} mirrors; what came "
                f"is kept, and the same command goes on; or put the file into `{place}`"
            )
    return place


def _fetch_one(pooch: Any, url: str, known: str, path: Path, part: Path, report: Report) -> tuple[str, bool]:
    """What went wrong with one mirror, if anything, and whether it was the content."""

    def download(url: str, output: str, _: object) -> None:
        _resume(url, part, report)
        os.replace(part, output)

    try:
        pooch.retrieve(url, known_hash=known, fname=path.name, path=path.parent, downloader=download)
    except _NotServedError as error:
        return str(error), False
    except ValueError:
        return "other content than the official file's", True
    return "", False


def _resume(url: str, part: Path, report: Report) -> None:
    """Complete `part`, which may hold the beginning, from `url`; raises `_NotServedError`, `OSError`."""
    with part.open("ab") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise _NotServedError("another process is fetching the file") from None
        done = file.tell()
        try:
            response = _open(url, done)
        except _NotServedError:
            if not done:
                part.unlink()
            raise
        with response:
            sent = response.headers.get("Content-Range", "")
            if response.status != 206 or not sent.startswith(f"bytes {done}-"):
                # The server sends everything, whatever was asked for, or something else.
                if response.status != 200:
                    raise _NotServedError(f"sends `{sent[:40]}` where the rest was asked for")
                file.truncate(0)
                done = 0
            length = response.headers.get("Content-Length", "")
            total = done + int(length) if length.isdigit() else None
            while piece := _piece(response):
                done += len(piece)
                if done > MAX_BYTES:
                    file.truncate(0)
                    raise _NotServedError(f"sends over {MAX_BYTES} bytes")
                file.write(piece)
                report(part.name[1 : -len(".part")], done, total)
    if total is not None and done < total:
        raise _NotServedError(f"cut off at {done} of {total} bytes")


def _open(url: str, begin: int) -> Any:
    headers = {"User-Agent": f"xavier/{__version__}", "Accept-Encoding": "identity"}
    if begin:
        headers["Range"] = f"bytes={begin}-"
    try:
        return urllib.request.urlopen(urllib.request.Request(url, headers=headers), timeout=TIMEOUT_SECONDS)
    except urllib.error.HTTPError as error:
        error.close()
        if error.code == 416:
            # There is nothing after what is here: it is whole, or of something else. The start tells.
            return _open(url, 0)
        raise _NotServedError(f"{error.code} {error.reason}") from None
    except (OSError, http.client.HTTPException, ValueError) as error:
        raise _NotServedError(str(getattr(error, "reason", error)) or type(error).__name__) from None


def _piece(response: Any) -> bytes:
    try:
        piece: bytes = response.read1(PIECE_BYTES)
    except (OSError, http.client.HTTPException) as error:
        raise _NotServedError(f"cut off: {error or type(error).__name__}") from None
    return piece
