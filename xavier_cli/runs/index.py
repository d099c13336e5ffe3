"""Remembers what was read of run files, in SQLite, so that thousands need not be read again.

It is never believed over a file. An entry is of one state of a file: device, inode, size and both times in
nanoseconds; whatever changes a file changes its time of change, which nobody can set back. As in git, a file
that is not older than the moment it was read gets no entry: it could change again without a trace. An entry
carries a digest of all this and of the code that reads, so that a damaged one, one of another version and one
of another state are all the same: none. An index that cannot be used is passed over, and replaced if it can
be.

Standard library only: it is asked before anything heavy is imported.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import sqlite3
import stat
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import cache
from pathlib import Path
from typing import NamedTuple, TypeVar
from urllib.parse import quote

from xavier_cli.files.caches import Cache, run_index
from xavier_cli.runs.file_state import Reading, State, opened_state, state_of
from xavier_cli.version import __version__

NAME = "runs.sqlite"
FORMAT = 1
# Another process holds the index for milliseconds; what takes longer is not waited for.
READ_TIMEOUT, WRITE_TIMEOUT = 0.2, 1.0
DAY = 86_400
# More than these entries are looked up, or looked after, by parts.
AT_ONCE = 500

_SCHEMA = """
CREATE TABLE common (digest BLOB PRIMARY KEY, content BLOB NOT NULL) WITHOUT ROWID;
CREATE TABLE files (
    device INTEGER NOT NULL, inode INTEGER NOT NULL, read_ns INTEGER NOT NULL, used INTEGER NOT NULL,
    path BLOB NOT NULL, common BLOB NOT NULL, own BLOB NOT NULL, digest BLOB NOT NULL
);
CREATE UNIQUE INDEX by_file ON files (device, inode);
CREATE INDEX by_path ON files (path);
CREATE INDEX by_use ON files (used, read_ns);
"""
_FIND = "SELECT inode, read_ns, used, common, own, digest FROM files WHERE device = ? AND inode IN ({})"
_KEEP = "INSERT OR REPLACE INTO files VALUES (?, ?, ?, ?, ?, ?, ?, ?)"
# What other processes, the disk or permissions are to blame for; after any other error it is damaged.
_PASSING = {
    sqlite3.SQLITE_BUSY,
    sqlite3.SQLITE_CANTOPEN,
    sqlite3.SQLITE_FULL,
    sqlite3.SQLITE_INTERRUPT,
    sqlite3.SQLITE_IOERR,
    sqlite3.SQLITE_LOCKED,
    sqlite3.SQLITE_NOMEM,
    sqlite3.SQLITE_PERM,
    sqlite3.SQLITE_READONLY,
}

T = TypeVar("T")


class Entry(NamedTuple):
    """What is remembered of a file: a part that it has in common with others, and its own."""

    common: bytes
    own: bytes


class Found(NamedTuple):
    """An entry, and the state that its file was in when it was read and is in now."""

    entry: Entry
    state: State


class Index:
    """The entries of all files that `cache` remembers; nothing raises."""

    def __init__(self, cache: Cache | None = None):
        self._cache = cache or run_index()
        self._path = self._cache.path / NAME

    def may_lack(self, places: Iterable[str | os.PathLike[str]]) -> bool:
        """Whether a file or folder in `places` changed since an entry was last made: some may be missing."""
        try:
            last = os.stat(self._path).st_mtime_ns
            return any(max(s.st_mtime_ns, s.st_ctime_ns) >= last for s in map(os.stat, places))
        except (OSError, ValueError):
            return True

    def find(self, paths: Sequence[Path]) -> list[Found | None]:
        """What is remembered of each file, as it is now."""
        states = [state_of(path) for path in paths]
        found: dict[tuple[int, int], tuple[int, bytes, bytes, bytes]] = {}
        aged: list[tuple[int, int]] = []
        common: dict[bytes, bytes] = {}
        now = time.time_ns()

        def look(db: sqlite3.Connection) -> None:
            by_device: dict[int, list[int]] = {}
            for state in {state for state in states if state}:
                by_device.setdefault(state.key[0], []).append(state.key[1])
            for device, inodes in by_device.items():
                for part in _parts(inodes):
                    for inode, read_ns, used, of, own, digest in db.execute(
                        _FIND.format(",".join("?" * len(part))), (device, *part)
                    ):
                        found[device, inode] = read_ns, of, own, digest
                        if used != now // 10**9 // DAY:
                            aged.append((device, inode))
            for digests in _parts(list({of for _, of, _, _ in found.values()})):
                marks = ",".join("?" * len(digests))
                asked = f"SELECT digest, content FROM common WHERE digest IN ({marks})"
                common.update(db.execute(asked, digests))

        self._do(look)
        common = {digest: content for digest, content in common.items() if _digest(content) == digest}
        entries: list[Found | None] = []
        for path, seen in zip(paths, states, strict=True):
            row = found.get(seen.key) if seen else None
            # One from the future: the clock was set back, and times do not tell what came first.
            if row is None or row[0] > now or row[1] not in common:
                entries.append(None)
                continue
            read_ns, of, own, digest = row
            state = opened_state(path)
            holds = state is not None and _entry_digest(state, read_ns, of, own) == digest
            entries.append(Found(Entry(common[of], own), state) if state and holds else None)
        if aged:
            self._do(lambda db: _mark_used(db, aged, now), writes=True)
        return entries

    def keep(self, read: Sequence[tuple[Reading, Entry]]) -> None:
        """Remember what was read of files whose reading `is_lasting`."""
        today = time.time_ns() // 10**9 // DAY
        common, rows = {}, []
        for reading, entry in read:
            assert reading.state
            of = _digest(entry.common)
            common[of] = entry.common
            digest = _entry_digest(reading.state, reading.at_ns, of, entry.own)
            path = os.fsencode(os.path.abspath(reading.path))
            rows.append((*reading.state.key, reading.at_ns, today, path, of, entry.own, digest))

        def write(db: sqlite3.Connection) -> None:
            db.execute("BEGIN IMMEDIATE")
            db.executemany("DELETE FROM files WHERE path = ?", [(row[4],) for row in rows])
            db.executemany("INSERT OR REPLACE INTO common VALUES (?, ?)", common.items())
            db.executemany(_KEEP, rows)
            _forget_gone(db)
            _forget_unused(db, self._cache.most_bytes)
            db.execute("COMMIT")
            # Gives the room of what was forgotten back to the disk.
            db.executescript("PRAGMA incremental_vacuum")

        self._do(write, writes=True)

    def _do(self, action: Callable[[sqlite3.Connection], object], writes: bool = False) -> None:
        """`action` with the index, if it can be used; a damaged one is removed, and made anew if `writes`.

        Another process may do the same meanwhile, so that the second try is the last.
        """
        for _ in range(2 if writes else 1):
            try:
                with self._connected(writes) as db:
                    if db is not None:
                        action(db)
                return
            except sqlite3.Error as error:
                if getattr(error, "sqlite_errorcode", sqlite3.SQLITE_CORRUPT) & 0xFF in _PASSING:
                    return
            except (OSError, OverflowError, UnicodeError):
                return
            # Damaged. A journal would be played back into the next one.
            for name in (f"{NAME}-journal", NAME):
                with contextlib.suppress(OSError):
                    os.unlink(self._cache.path / name)

    @contextlib.contextmanager
    def _connected(self, writes: bool) -> Iterator[sqlite3.Connection | None]:
        """The database; None where there is none to read. Raises `sqlite3.Error` and `OSError`."""
        usable = self._cache.make() if writes else not self._cache.problem()
        if not usable or not self._is_ours(writes):
            yield None
            return
        mode, timeout = ("rw", WRITE_TIMEOUT) if writes else ("ro", READ_TIMEOUT)
        db = sqlite3.connect(
            f"file:{quote(os.fspath(self._path))}?mode={mode}", timeout, isolation_level=None, uri=True
        )
        try:
            # What a power cut leaves is found out by its digest.
            db.execute("PRAGMA synchronous = OFF")
            (version,) = db.execute("PRAGMA user_version").fetchone()
            if version == 0 and writes:
                _create(db)
            elif version not in (0, FORMAT):
                raise sqlite3.DatabaseError("an index of another version")
            # Another process has made the file, and nothing in it yet.
            yield db if version or writes else None
        finally:
            # Also what was begun and not finished ends here.
            db.close()

    def _is_ours(self, writes: bool) -> bool:
        """Whether there is a file of this user that nobody else may write to; if `writes`, it is made.

        Raises `OSError` where that cannot be.
        """
        for _ in range(2):
            try:
                status = os.lstat(self._path)
            except FileNotFoundError:
                if not writes:
                    return False
            else:
                if (
                    stat.S_ISREG(status.st_mode)
                    and status.st_uid == os.geteuid()
                    and not status.st_mode & 0o022
                ):
                    return True
                if not writes:
                    return False
                # A link, a pipe: removed, and never opened.
                os.unlink(self._path)
            with contextlib.suppress(FileExistsError):
                os.close(os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
        return False


def _create(db: sqlite3.Connection) -> None:
    db.execute("PRAGMA auto_vacuum = INCREMENTAL")
    db.execute("BEGIN IMMEDIATE")
    # Another process may have done it since.
    if db.execute("PRAGMA user_version").fetchone() == (0,):
        for statement in _SCHEMA.split(";"):
            db.execute(statement)
        db.execute(f"PRAGMA user_version = {FORMAT}")
    db.execute("COMMIT")


def _mark_used(db: sqlite3.Connection, keys: Sequence[tuple[int, int]], now: int) -> None:
    """Once a day, so that reading hardly ever writes."""
    today = now // 10**9 // DAY
    db.execute("BEGIN IMMEDIATE")
    db.executemany(
        "UPDATE files SET used = ? WHERE device = ? AND inode = ?", [(today, *key) for key in keys]
    )
    db.execute("COMMIT")


def _forget_gone(db: sqlite3.Connection) -> None:
    """Forget entries, of some anywhere in the table, whose file is no longer where it was."""
    (last,) = db.execute("SELECT max(rowid) FROM files").fetchone()
    first = time.time_ns() % max(1, last - AT_ONCE + 2)
    rows = db.execute(
        "SELECT rowid, device, inode, path FROM files WHERE rowid >= ? ORDER BY rowid LIMIT ?",
        (first, AT_ONCE),
    ).fetchall()
    gone = []
    for rowid, device, inode, path in rows:
        state = state_of(Path(os.fsdecode(path)))
        if state is None or state.key != (device, inode):
            gone.append((rowid,))
    db.executemany("DELETE FROM files WHERE rowid = ?", gone)


def _forget_unused(db: sqlite3.Connection, most: int) -> None:
    """Forget what was not used for longest, until the rest takes no more than `most` bytes."""
    while _size(db) > most:
        (count,) = db.execute("SELECT count(*) FROM files").fetchone()
        if not count:
            return
        oldest = "SELECT rowid FROM files ORDER BY used, read_ns LIMIT ?"
        db.execute(f"DELETE FROM files WHERE rowid IN ({oldest})", (-(-count // 10),))
        db.execute("DELETE FROM common WHERE digest NOT IN (SELECT common FROM files)")


def _size(db: sqlite3.Connection) -> int:
    count, free, size = (
        db.execute(f"PRAGMA {name}").fetchone()[0] for name in ("page_count", "freelist_count", "page_size")
    )
    return int((count - free) * size)


def _digest(*parts: bytes) -> bytes:
    hashed = hashlib.blake2b(digest_size=16)
    for part in parts:
        hashed.update(part)
    return hashed.digest()


def _entry_digest(state: State, read_ns: int, common: bytes, own: bytes) -> bytes:
    """The digest of an entry: of the code that made it, the state of its file, when, and what."""
    return _digest(_code(), " ".join(map(str, (*state, read_ns))).encode(), common, own)


@cache
def _code() -> bytes:
    """What decides how a file is read, and what of it is refused: this package's version and modules."""
    package = Path(__file__).parents[1]
    told = [__version__]
    for room in ("config", "runs", "vocabulary"):
        with contextlib.suppress(OSError), os.scandir(package / room) as entries:
            for each in sorted(entries, key=lambda entry: entry.name):
                if each.name.endswith(".py"):
                    status = each.stat()
                    told.append(f"{room}/{each.name} {status.st_size} {status.st_mtime_ns}")
    return "\n".join(told).encode()


def _parts(items: Sequence[T]) -> Iterator[Sequence[T]]:
    for first in range(0, len(items), AT_ONCE):
        yield items[first : first + AT_ONCE]
