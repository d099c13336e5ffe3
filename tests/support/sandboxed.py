"""Tries every way of changing something, in a process that gave its rights up: `sandboxed.py HOW FOLDER`.

HOW is `free` (the control), or the Landlock version to cap at (0: seccomp alone) with `,landlock` where
seccomp is left out. What was not refused is printed as JSON, for each of two threads.
"""

from __future__ import annotations

import ctypes
import errno
import fcntl
import importlib.util
import json
import os
import pty
import resource
import socket
import sys
import termios
import threading
from collections.abc import Callable
from pathlib import Path

ROOM = Path(__file__).parents[2] / "xavier_cli" / "runs" / "sandbox.py"
how, folder = sys.argv[1], Path(sys.argv[2])
libc = ctypes.CDLL(None, use_errno=True)
listening = os.environ["LISTENING"]
# Opened before anything is given up, read-only as a name in /dev/pts would be.
_, slave = pty.openpty()
terminal = os.open(os.ttyname(slave), os.O_RDONLY | os.O_NOCTTY)
modes = termios.tcgetattr(terminal)


def call(number: int, *arguments: object) -> None:
    """A system call; raises `OSError`."""
    if libc.syscall(number, *arguments) < 0:
        raise OSError(ctypes.get_errno(), "refused")


def connect() -> None:
    with socket.socket(socket.AF_UNIX) as each:
        each.connect(listening)


def set_clock() -> None:
    """Set an invalid time, which changes no clock, to see whether the call is refused beforehand."""
    try:
        call(227 if os.uname().machine == "x86_64" else 112, 0, (ctypes.c_int64 * 2)(0, 2 * 10**9))
    except OSError as error:
        if error.errno == errno.EPERM:
            raise


def run_another() -> None:
    if not os.fork():
        os._exit(0)
    os.wait()


def tries(at: Path) -> dict[str, Callable[[], object]]:
    """Each in the folder `at`, where `file`, `other` and the empty folder `empty` are."""
    read = os.open(at / "file", os.O_RDONLY)
    parent = os.getppid()
    return {
        "write": lambda: os.open(at / "file", os.O_WRONLY),
        "append": lambda: os.open(at / "file", os.O_WRONLY | os.O_APPEND),
        "create": lambda: os.open(at / "new", os.O_RDONLY | os.O_CREAT),
        "empty by opening": lambda: os.open(at / "file", os.O_RDONLY | os.O_TRUNC),
        "nameless file": lambda: os.open(at, os.O_TMPFILE | os.O_RDWR),
        "truncate": lambda: os.truncate(at / "file", 0),
        "rename": lambda: os.rename(at / "other", at / "moved"),
        "replace": lambda: os.replace(at / "file", at / "replaced"),
        "link": lambda: os.link(at / "file", at / "linked"),
        "symlink": lambda: os.symlink("file", at / "symlinked"),
        "mkdir": lambda: os.mkdir(at / "made"),
        "rmdir": lambda: os.rmdir(at / "empty"),
        "fifo": lambda: os.mkfifo(at / "fifo"),
        "unlink": lambda: os.unlink(at / "doomed"),
        "chmod": lambda: os.chmod(at / "kept", 0o600),
        "fchmod": lambda: os.fchmod(read, 0o600),
        "fchmodat2": lambda: call(452, read, b"", 0o600, 0x1000),
        "chown": lambda: os.chown(at / "kept", os.getuid(), os.getgid()),
        "utime": lambda: os.utime(at / "kept", (0, 0)),
        "xattr": lambda: os.setxattr(at / "kept", "user.x", b"1"),
        "openat2": lambda: call(437, -100, os.fsencode(at / "kept"), (ctypes.c_uint64 * 3)(1, 0, 0), 24),
        "io_uring": lambda: call(425, 1, (ctypes.c_uint32 * 30)()),
        "signal": lambda: os.kill(parent, 0),
        "trace": lambda: call(101 if os.uname().machine == "x86_64" else 117, 0x4206, parent, 0, 0),
        "connect": connect,
        "socketpair": socket.socketpair,
        "start a program": run_another,
        "type into a terminal": lambda: fcntl.ioctl(terminal, termios.TIOCSTI, b"x"),
        "change a terminal": lambda: termios.tcsetattr(terminal, termios.TCSANOW, modes),
        "flags of a file": lambda: fcntl.ioctl(read, 0x40086602, b"\0" * 8),
        "signal on arrival": lambda: fcntl.fcntl(read, fcntl.F_SETOWN, parent),
        "lease": lambda: fcntl.fcntl(read, 1024, fcntl.F_RDLCK),
        "lock a file": lambda: fcntl.flock(read, fcntl.LOCK_SH),
        "lock a range": lambda: fcntl.lockf(read, fcntl.LOCK_SH),
        "set the clock": set_clock,
        "limit another process": lambda: resource.prlimit(parent, resource.RLIMIT_CORE, (0, 0)),
        "slow another process": lambda: os.setpriority(os.PRIO_PROCESS, parent, 19),
    }


def outcome(at: Path) -> list[str]:
    """The changes that were not refused."""
    for name in ("file", "other", "doomed", "kept"):
        (at / name).write_text("content")
    (at / "empty").mkdir(parents=True)
    return []


def attempt(at: Path, done: list[str]) -> None:
    for name, each in tries(at).items():
        try:
            each()
        except (OSError, termios.error):
            continue
        done.append(name)


places = {"main": folder / "main", "thread": folder / "thread"}
for place in places.values():
    place.mkdir()
    outcome(place)
offered = None
if how != "free":
    spec = importlib.util.spec_from_file_location("sandbox", ROOM)
    sandbox = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(sandbox)
    cap, _, only = how.partition(",")
    if only:
        sandbox._seccomp = lambda libc: False
    offered = sandbox.restrict(int(cap))
done: dict[str, list[str]] = {name: [] for name in places}
attempt(places["main"], done["main"])
thread = threading.Thread(target=attempt, args=(places["thread"], done["thread"]))
thread.start()
thread.join()
print(json.dumps({"offered": offered, **done}))
