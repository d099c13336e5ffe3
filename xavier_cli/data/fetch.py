"""Downloads the official files of a data set: from several mirrors, checked, completely or not at all.

An interrupted download is kept beside its place as a hidden `.<name>.part` and resumed, also from another
mirror. Only content with the known checksum gets the file's name.
"""

from __future__ import annotations

import contextlib
import hashlib
import http.client
import os
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, BinaryIO

from xavier_cli.data.mirrors import Remote
from xavier_cli.data.sets import DataDamagedError, DataMissingError
from xavier_cli.files.locks import is_same_file, try_lock
from xavier_cli.files.publish import adopt
from xavier_cli.version import __version__

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
    and `StorageError` or `OSError` where it cannot be stored.
    """
    place = folder / remote.folder
    place.mkdir(parents=True, exist_ok=True)
    for file, md5 in remote.files.items():
        path, changed = place / file, False
        if path.exists() and _md5(path) == md5:
            continue
        for mirror in remote.mirrors:
            part = place / f".{file}.part"
            # The partial file may be of other content: then download it again from the start.
            for _ in range(2 if part.exists() and part.stat().st_size else 1):
                problem, differs = _fetch_one(mirror + file, md5, path, part, report)
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
                f"is kept, and the same command resumes it; or put the file into `{place}`"
            )
    return place


def _fetch_one(url: str, md5: str, path: Path, part: Path, report: Report) -> tuple[str, bool]:
    """What went wrong with one mirror, if anything, and whether it was the content."""
    try:
        with _alone(part) as file:
            _resume(url, file, part, report)
            # The lock is held until the file has its name, so that nobody else resumes it.
            file.flush()
            if _md5(part) != md5:
                part.unlink()
                return "other content than the official file's", True
            adopt(part, path)
    except _NotServedError as error:
        return str(error), False
    return "", False


def _md5(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "md5").hexdigest()


@contextlib.contextmanager
def _alone(part: Path) -> Iterator[BinaryIO]:
    """The file `part`, to be added to by nobody else for as long as the context lasts."""
    flags = os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW | os.O_CLOEXEC
    with open(os.open(part, flags, 0o666), "ab") as file:
        if try_lock(file.fileno()) is False or not is_same_file(file.fileno(), part):
            raise _NotServedError("another process is fetching the file")
        yield file


def _resume(url: str, file: BinaryIO, part: Path, report: Report) -> None:
    """Complete `file` at `part`, which may hold the beginning, from `url`.

    Raises `_NotServedError`, `OSError`.
    """
    done = file.seek(0, os.SEEK_END)
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
