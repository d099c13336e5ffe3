"""The process that reads files can change nothing, whichever of its protections the kernel has."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[1] / "support" / "sandboxed.py"
# What Landlock leaves open, by the version of its interface; seccomp is for these.
ALWAYS_OPEN = {"chmod", "fchmod", "fchmodat2", "chown", "utime", "xattr", "connect", "start a program"}
UP_TO = {"truncate": 2, "empty by opening": 2, "signal": 5}


@pytest.fixture
def attempts(tmp_path):
    """A function that runs the script, and says what was offered and what each thread could do."""

    def run(how: str) -> dict:
        with socket.socket(socket.AF_UNIX) as listening:
            place = tmp_path / "socket"
            listening.bind(os.path.relpath(place))
            listening.listen()
            done = subprocess.run(
                [sys.executable, SCRIPT, how, tmp_path],
                env={**os.environ, "LISTENING": str(place)},
                capture_output=True,
                text=True,
                check=True,
            )
        return json.loads(done.stdout)

    return run


def test_control_a_free_process_changes_whatever_it_likes(attempts):
    done = attempts("free")["main"]

    assert {"write", "create", "rename", "unlink", "mkdir", *ALWAYS_OPEN} - {"xattr"} <= set(done)


@pytest.mark.parametrize("landlock", [0, 1, 3, 99])
def test_nothing_is_left_to_do_with_any_version_of_landlock(attempts, landlock):
    answer = attempts(str(landlock))
    if not answer["offered"]["seccomp"]:
        pytest.skip("no seccomp filters on this kernel or processor")

    assert answer["offered"]["landlock"] <= landlock
    assert answer["main"] == answer["thread"] == []


@pytest.mark.parametrize("landlock", [1, 3, 99])
def test_landlock_alone_refuses_all_but_what_it_is_documented_to_leave_open(attempts, landlock):
    answer = attempts(f"{landlock},landlock")
    version = answer["offered"]["landlock"]
    if not version:
        pytest.skip("no Landlock on this kernel")

    known = ALWAYS_OPEN | {name for name, last in UP_TO.items() if version <= last}
    known |= {"io_uring", "socketpair", "limit another process", "slow another process", "trace"}
    known |= {"type into a terminal", "change a terminal", "flags of a file", "signal on arrival", "lease"}
    known |= {"lock a file", "lock a range", "set the clock"}
    assert set(answer["main"]) | set(answer["thread"]) <= known
