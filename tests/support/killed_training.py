"""`xavier` in a process to be killed: run by `test_interrupted_training.py`, never imported by the tests.

`KILL_AT` arguments… keeps what there is after every segment, each of few updates, and is killed at the
`KILL_AT`-th call of the operating system that publishing makes, if above 0. `KILL_AT:ENOSPC` lets that call
fail instead, `KILL_AT:ENOSPC:always` the later ones too.
"""

import errno
import os
import signal
import sys
import types
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))

CALLS = ("open", "write", "fsync", "replace", "close")


def main():
    from xavier_cli.cli import main
    from xavier_cli.files import locks, publish
    from xavier_cli.training.engine import autosave, loop

    autosave.SECONDS, autosave.COSTS = 0.0, 0
    loop.FIRST_SEGMENT, loop.SEGMENT_SECONDS = 5, 0.02
    publish.PIECE_BYTES = 16_384
    publish.os = locks.os = types.SimpleNamespace(**vars(os))
    number, *fault = sys.argv.pop(1).split(":")
    kill_at, count = int(number), 0

    def counted(name, call):
        def die_or_call(*arguments, **options):
            nonlocal count
            count += 1
            if fault and name != "close" and (count == kill_at or (fault[1:] and count > kill_at)):
                raise OSError(getattr(errno, fault[0]), os.strerror(getattr(errno, fault[0])))
            if count == kill_at and not fault:
                if name == "write":
                    call(arguments[0], arguments[1][: len(arguments[1]) // 2])
                os.kill(os.getpid(), signal.SIGKILL)
            return call(*arguments, **options)

        return die_or_call

    for name in CALLS:
        setattr(publish.os, name, counted(name, getattr(os, name)))
    main()


if __name__ == "__main__":
    main()
