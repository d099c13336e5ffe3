"""Reads files in a process of its own, so that no file can crash or hold up the command that asks for it.

The process is started once and answers one question after the other. It may write no file. Where it dies or
takes too long, the file at hand is to blame: it is told as unreadable, and a new process goes on with the
next one.
"""

from __future__ import annotations

import atexit
import contextlib
import math
import os
import resource
import signal
import subprocess
import sys
import time
from collections import deque
from collections.abc import Callable, Collection, Iterable, Iterator
from functools import cache, partial
from itertools import islice
from multiprocessing.connection import Connection, Pipe
from pathlib import Path
from typing import TYPE_CHECKING, Any

from xavier_cli.runs.errors import RunFileError

if TYPE_CHECKING:
    # Both processes import what a run is made of at the same time, not one after the other.
    from xavier_cli.runs.record import Run
    from xavier_cli.runs.rescue import Diagnosis
    from xavier_cli.runs.surface import Surface

# Of the processor: where others use the machine, too, a good file takes longer by the clock.
LIMIT_SECONDS = 10
# By the clock, and on top of it for what lies on a slow disk and is as large as it says.
PATIENCE_SECONDS = 60.0
BYTES_PER_SECOND = 50e6
MEMORY_BYTES = 2**34
START_SECONDS = 120.0
# So many questions are on their way at a time, so that neither process waits for the other.
WINDOW = 16
# From so many files on a second process is worth its start.
MANY = 1000
_SERVE = "from xavier_cli.runs.reader import serve; serve()"

Question = Callable[[Path], Any]


class Reader:
    """A child process that is asked about files; it starts with the first question, or before."""

    def __init__(self, limit: int = LIMIT_SECONDS, patience: float = PATIENCE_SECONDS):
        self.limit, self.patience = limit, patience
        self._child: subprocess.Popen[bytes] | None = None
        self._is_ready = False
        self._connection: Connection

    def ask(self, question: Question, paths: Iterable[Path]) -> Iterator[Any]:
        """What `question`, a function that can be pickled, answers of each path, in order.

        An answer may be the `RunFileError` that it raised, or that says how the process ended.
        """
        waiting = iter(paths)
        asked: deque[Path] = deque()
        try:
            while True:
                for path in islice(waiting, WINDOW - len(asked)):
                    asked.append(path)
                    self._send(question, path)
                if not asked:
                    return
                answer = self._answer(asked[0])
                path = asked.popleft()
                if answer is None:
                    answer = self._blame(path)
                    for next_path in asked:
                        self._send(question, next_path)
                yield answer
        finally:
            # Whoever stopped listening would find the answers to his questions before those of the next.
            if asked:
                self.close()

    def begin(self) -> None:
        """Start the process, so that it is ready by the time the first question comes."""
        if self._child is None:
            self._start()

    def close(self) -> None:
        """End the process."""
        if self._child:
            self._child.kill()
            self._child.wait()
            self._connection.close()
            self._child, self._is_ready = None, False

    def _send(self, question: Question, path: Path) -> None:
        self.begin()
        # Where it died, the answer that does not come says so.
        with contextlib.suppress(OSError):
            self._connection.send((os.getcwd(), question, path))

    def _answer(self, path: Path) -> Any:
        """The next answer, or None where the process died or took too long over `path`."""
        try:
            size = path.stat().st_size
        except OSError:
            size = 0
        try:
            if not self._is_ready:
                self._wait_until_ready()
            in_time = self._connection.poll(self.patience + size / BYTES_PER_SECOND)
            return self._connection.recv() if in_time else None
        except (EOFError, OSError):
            return None

    def _wait_until_ready(self) -> None:
        import xavier_cli.runs.record  # noqa: F401

        with contextlib.suppress(EOFError, OSError):
            self._is_ready = self._connection.poll(START_SECONDS) and self._connection.recv()
        if not self._is_ready:
            self.close()
            raise RuntimeError("the process that reads files did not start")

    def _blame(self, path: Path) -> RunFileError:
        assert self._child
        code = self._child.poll()
        if code is None:
            # A process that just died may not be told as dead yet; one that hangs stays.
            try:
                code = self._child.wait(0.2)
            except subprocess.TimeoutExpired:
                code = None
        self.close()
        if code is None or code == -signal.SIGXCPU:
            seconds = self.limit if code else self.patience
            return RunFileError(path, f"is damaged: reading it took over {seconds:g} s")
        return RunFileError(path, f"is damaged: reading it ended the process that did ({_ending(code)})")

    def _start(self) -> None:
        self._connection, theirs = Pipe()
        # What this process imports that one imports, from the same places.
        places = os.pathsep.join(place or os.getcwd() for place in sys.path)
        self._child = subprocess.Popen(
            [sys.executable, "-P", "-c", _SERVE, str(theirs.fileno()), str(self.limit)],
            pass_fds=[theirs.fileno()],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env={**os.environ, "PYTHONPATH": places},
        )
        theirs.close()


def shared_reader() -> Reader:
    """The one reader of this process, which every command asks."""
    return _reader(0)


@cache
def _reader(number: int) -> Reader:
    """The first is shared by all; others help it where files are many."""
    reader = Reader()
    atexit.register(reader.close)
    return reader


def read_runs(paths: Iterable[Path], only: Collection[str] | None = None) -> Iterator[Run | RunFileError]:
    """The run at each path, or why there is none; `only` is `store.read_run`'s.

    Many are read by two processes in turns.
    """
    every = list(paths)
    count = 2 if len(every) >= MANY else 1
    answers = [_reader(i).ask(partial(_read_run, only), every[i::count]) for i in range(count)]
    for i in range(len(every)):
        yield next(answers[i % count])


def read_surface(path: Path) -> Surface | RunFileError:
    """The loss surface at `path`, or why there is none."""
    (answer,) = shared_reader().ask(_read_surface, [path])
    return answer


def examine(path: Path) -> Diagnosis | RunFileError:
    """What `rescue.examine` finds, or how looking ended."""
    (answer,) = shared_reader().ask(_examine, [path])
    return answer


def _read_run(only: Collection[str] | None, path: Path) -> Run:
    from xavier_cli.runs.store import read_run

    return read_run(path, only)


def _read_surface(path: Path) -> Surface:
    from xavier_cli.runs.store import read_surface

    return read_surface(path)


def _examine(path: Path) -> Diagnosis:
    from xavier_cli.runs.rescue import examine

    return examine(path)


def serve() -> None:
    """Answer questions until the other end is closed; what the child process does."""
    # Ctrl-C reaches the whole group; the command decides what it means.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    # Reading writes nothing.
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    _, hard_seconds = resource.getrlimit(resource.RLIMIT_CPU)
    _, hard = resource.getrlimit(resource.RLIMIT_AS)
    most = MEMORY_BYTES if hard == resource.RLIM_INFINITY else min(MEMORY_BYTES, hard)
    resource.setrlimit(resource.RLIMIT_AS, (most, hard))
    connection, limit = Connection(int(sys.argv[1])), int(sys.argv[2])
    import xavier_cli.runs.store  # noqa: F401

    connection.send(True)
    while True:
        try:
            folder, question, path = connection.recv()
        except EOFError:
            return
        os.chdir(folder)
        # The system ends this process where one question takes more.
        resource.setrlimit(resource.RLIMIT_CPU, (math.ceil(time.process_time()) + limit, hard_seconds))
        answer: Any
        try:
            answer = question(path)
        except RunFileError as error:
            answer = error
        except MemoryError:
            answer = RunFileError(path, "asks for too much memory")
        connection.send(answer)


def _ending(code: int) -> str:
    if code >= 0:
        return f"exit code {code}"
    try:
        return signal.Signals(-code).name
    except ValueError:
        return f"signal {-code}"
