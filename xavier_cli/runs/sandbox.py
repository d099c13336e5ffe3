"""Gives up a process's rights to change anything: the first thing that the reader process does.

Run as a script, it restricts itself and only then imports the package and answers questions. There are two
layers, either of which covers most of it: Landlock refuses every way of writing to a file system (no root
needed, Linux 5.13 and later), and a seccomp filter refuses the calls that write, signal, trace, connect or
start another program, those among them that Landlock leaves open. Where the kernel has neither, size limits
remain.

Standard library only, and as little of it as possible: a thread that was started before is not restricted.
"""

from __future__ import annotations

import ctypes
import os
import struct
import sys
from typing import NamedTuple

# --- Landlock: linux/landlock.h; the numbers of its calls are the same on every architecture.

_CREATE_RULESET, _RESTRICT_SELF, _ASK_VERSION = 444, 446, 1
# The rights to change a file system, by the version of the interface that brought them: write to a file,
# remove, make (every kind of entry), link or rename across folders, truncate.
_WRITE_RIGHTS = ((1, 1 << 1 | sum(1 << bit for bit in range(4, 13))), (2, 1 << 13), (3, 1 << 14))
_CONNECT_AND_BIND = (4, 1 << 0 | 1 << 1)
_SOCKETS_AND_SIGNALS = (6, 1 << 0 | 1 << 1)

# --- seccomp: linux/seccomp.h, linux/filter.h, linux/audit.h.

_SET_NO_NEW_PRIVILEGES = 38
_SET_MODE_FILTER, _ON_ALL_THREADS = 1, 1
_LOAD, _EQUAL, _AND, _AT_LEAST, _RETURN = 0x20, 0x15, 0x54, 0x35, 0x06
_ALLOW, _REFUSE, _KILL = 0x7FFF0000, 0x00050000 | 1, 0x80000000
_NUMBER_AT, _ARCHITECTURE_AT, _ARGUMENTS_AT = 0, 4, 16
# O_WRONLY, O_RDWR, O_CREAT, O_TRUNC: also O_TMPFILE, which asks for one of the first two.
_OPEN_TO_CHANGE = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC
_CLONE_THREAD = 0x00010000
_NO_SUCH_CALL = 0x00050000 | 38

# Calls with the same number everywhere: signals and descriptors of other processes, io_uring, mounts, newer
# ways to open, to change modes and attributes.
_REFUSED_EVERYWHERE = (424, 425, *range(428, 435), 437, 438, 440, 442, 443, 448, 452, 463, 466, 467, 469)
# What Python and HDF5 ask of a descriptor; all else that these two calls can do is refused. Typing into a
# terminal, flags of files, signals on arrival, locks and leases are among it.
_IOCTL = (0x5401, 0x5413, 0x541B, 0x5421, 0x5450, 0x5451)  # TCGETS, size, FIONREAD, FIONBIO, FIO(N)CLEX
_FCNTL = (0, 1, 2, 3, 4, 1030)  # duplicates, flags


class _Machine(NamedTuple):
    """What a processor architecture calls the calls; `open` is -1 where there is only `openat`."""

    audit: int
    seccomp: int
    open: int
    openat: int
    clone: int
    prlimit: int
    ioctl: int
    fcntl: int
    refused: tuple[int, ...]


_X86_64 = _Machine(
    audit=0xC000003E,
    seccomp=317,
    open=2,
    openat=257,
    clone=56,
    prlimit=302,
    ioctl=16,
    fcntl=72,
    refused=(
        *(41, 42, 49, 53),  # socket, connect, bind, socketpair
        *(57, 58, 59, 322),  # fork, vfork, execve, execveat
        *(62, 129, 200, 234, 297),  # kill and its kin
        *(76, 77, 285),  # truncate, ftruncate, fallocate
        *(82, 264, 316, 83, 258, 84, 85, 86, 265, 87, 263, 88, 266, 133, 259),  # rename … mknod
        *(90, 91, 268, 92, 93, 94, 260),  # chmod and chown
        *(132, 235, 261, 280),  # utime
        *(188, 189, 190, 197, 198, 199),  # setxattr, removexattr
        *(101, 310, 311, 312),  # ptrace, process_vm_*, kcmp
        *(29, 30, 31, 64, 65, 66, 68, 69, 70, 71, 240),  # memory, semaphores and queues shared with others
        *(141, 142, 144, 203, 251, 256, 279, 314),  # priorities and places of other processes
        *(
            155,
            161,
            165,
            166,
            167,
            168,
            169,
            170,
            171,
            246,
            272,
            304,
            308,
            320,
        ),  # mounts, namespaces, the host
        *(163, 175, 176, 179, 248, 249, 250, 298, 313, 321, 323),  # modules, quotas, keys, bpf, userfaultfd
        *(73, 103, 153, 159, 164, 172, 173, 227, 305),  # locks of files, clocks, ports, the console
    ),
)
_AARCH64 = _Machine(
    audit=0xC00000B7,
    seccomp=277,
    open=-1,
    openat=56,
    clone=220,
    prlimit=261,
    ioctl=29,
    fcntl=25,
    refused=(
        *(198, 199, 200, 203, 221, 281),
        *(129, 130, 131, 138, 240),
        *(45, 46, 47),
        *(33, 34, 35, 36, 37, 38, 276),
        *(52, 53, 54, 55, 88),
        *(5, 6, 7, 14, 15, 16),
        *(117, 270, 271, 272),
        *(180, 186, 187, 189, 190, 191, 193, 194, 195, 196),
        *(30, 118, 119, 122, 140, 238, 239, 274),
        *(39, 40, 41, 51, 97, 104, 142, 161, 162, 224, 225, 265, 268, 294),
        *(60, 89, 105, 106, 217, 218, 219, 241, 273, 280, 282),
        *(32, 58, 112, 116, 170, 171, 266),
    ),
)
_MACHINES = {"x86_64": _X86_64, "aarch64": _AARCH64}
_X32 = 0x40000000
_CLONE3 = 435


def restrict(most_landlock: int = 99) -> dict[str, object]:
    """Give up, for good, every right to change something outside this process.

    Says what the kernel offered: `landlock`, the version of the interface that was used (0: none), and
    `seccomp`. `most_landlock` caps the version, as an older kernel would.
    """
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(_SET_NO_NEW_PRIVILEGES, 1, 0, 0, 0):
        return {"landlock": 0, "seccomp": False}
    return {"landlock": _landlock(libc, most_landlock), "seccomp": _seccomp(libc)}


def _landlock(libc: ctypes.CDLL, most: int) -> int:
    version = min(most, libc.syscall(_CREATE_RULESET, None, ctypes.c_size_t(0), ctypes.c_uint(_ASK_VERSION)))
    if version < 1:
        return 0
    handled = sum(rights for since, rights in _WRITE_RIGHTS if version >= since)
    net, scoped = (
        rights if version >= since else 0 for since, rights in (_CONNECT_AND_BIND, _SOCKETS_AND_SIGNALS)
    )
    asked = struct.pack("=QQQ", handled, net, scoped)[: 24 if version >= 6 else 16 if version >= 4 else 8]
    # What is handled and granted to no folder is refused everywhere.
    rules = libc.syscall(_CREATE_RULESET, asked, ctypes.c_size_t(len(asked)), ctypes.c_uint(0))
    if rules < 0:
        return 0
    try:
        return 0 if libc.syscall(_RESTRICT_SELF, rules, ctypes.c_uint(0)) else version
    finally:
        os.close(rules)


def _seccomp(libc: ctypes.CDLL) -> bool:
    machine = _MACHINES.get(os.uname().machine)
    if machine is None or struct.calcsize("P") != 8 or sys.byteorder != "little":
        return False
    program = b"".join(_filter(machine))
    text = ctypes.create_string_buffer(program, len(program))
    # struct sock_fprog: the number of instructions, and where they lie.
    asked = struct.pack("HxxxxxxP", len(program) // 8, ctypes.addressof(text))
    return not libc.syscall(machine.seccomp, _SET_MODE_FILTER, ctypes.c_uint(_ON_ALL_THREADS), asked)


def _filter(machine: _Machine) -> list[bytes]:
    """The filter's instructions: by number, and for a few calls by one argument."""

    def step(code: int, value: int, then: int = 0, otherwise: int = 0) -> bytes:
        return struct.pack("=HBBI", code, then, otherwise, value)

    def argument(number: int) -> bytes:
        return step(_LOAD, _ARGUMENTS_AT + 8 * number)

    steps = [
        step(_LOAD, _ARCHITECTURE_AT),
        step(_EQUAL, machine.audit, 1, 0),
        step(_RETURN, _KILL),
        step(_LOAD, _NUMBER_AT),
        # Calls of the 32-bit kind have numbers of their own.
        step(_AT_LEAST, _X32, 0, 1),
        step(_RETURN, _KILL),
        # Its flags lie in memory, where a filter cannot look; libraries fall back to clone.
        step(_EQUAL, _CLONE3, 0, 1),
        step(_RETURN, _NO_SUCH_CALL),
    ]
    for number, place, mask, is_refused_if_set in (
        (machine.open, 1, _OPEN_TO_CHANGE, True),
        (machine.openat, 2, _OPEN_TO_CHANGE, True),
        # A thread may be started, a process may not.
        (machine.clone, 0, _CLONE_THREAD, False),
        # Limits of this process, not of another.
        (machine.prlimit, 0, 0xFFFFFFFF, True),
    ):
        if number >= 0:
            steps += [
                step(_EQUAL, number, 0, 5),
                argument(place),
                step(_AND, mask),
                step(_EQUAL, 0, 1, 0),
                step(_RETURN, _REFUSE if is_refused_if_set else _ALLOW),
                step(_RETURN, _ALLOW if is_refused_if_set else _REFUSE),
            ]
    for number, known in ((machine.ioctl, _IOCTL), (machine.fcntl, _FCNTL)):
        steps += [
            # To the next call's steps: over the argument, a pair for each that is known, and the refusal.
            step(_EQUAL, number, 0, 2 * len(known) + 2),
            argument(1),
            *(part for value in known for part in (step(_EQUAL, value, 0, 1), step(_RETURN, _ALLOW))),
            step(_RETURN, _REFUSE),
        ]
    for number in (*machine.refused, *_REFUSED_EVERYWHERE):
        steps += [step(_EQUAL, number, 0, 1), step(_RETURN, _REFUSE)]
    return [*steps, step(_RETURN, _ALLOW)]


def main() -> None:
    """Lock this process in, then answer questions: `sandbox.py DESCRIPTOR SECONDS PLACES`."""
    offered = restrict()
    # Python was started without the working folder and without site: nothing but these is imported from.
    sys.path[:] = sys.argv[3].split(os.pathsep)
    from xavier_cli.runs.serving import serve

    serve(int(sys.argv[1]), float(sys.argv[2]), offered)


if __name__ == "__main__":
    main()
