"""Reads files in a child process, so that no file can crash, hold up or take over the command.

The process is started once, gives up every right to change anything (`runs.sandbox`), and answers one
question after another as data (`runs.encoding`). Where it dies or exceeds the time limit, the file is
reported as unreadable, and a new process reads the next one.
"""

from __future__ import annotations

import atexit
import json
import os
import select
import signal
import socket
import subprocess
import sys
import time
from collections import deque
from collections.abc import Collection, Iterable, Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from xavier_cli.runs.errors import ResumeError, RunFileError

if TYPE_CHECKING:
    # Both processes import what a run is made of at the same time, not one after the other.
    from xavier_cli.runs.checkpoint import Checkpoint
    from xavier_cli.runs.record import Run
    from xavier_cli.runs.rescue import Diagnosis
    from xavier_cli.runs.result import Result
    from xavier_cli.runs.surface import Surface
    from xavier_cli.runs.svm import SupportVectorMachine

# By the clock, for a file that is small; a large one may take this much longer.
LIMIT_SECONDS = 10.0
BYTES_PER_SECOND = 20e6
START_SECONDS = 120.0
# Questions are on their way so that neither process waits for the other; so many bytes of them fit into what
# lies between the two, even where nobody reads.
WINDOW, WINDOW_BYTES = 16, 2**15
_SANDBOX = Path(__file__).with_name("sandbox.py")


class Reader:
    """A child process that is asked about files; it starts with the first question, or before."""

    def __init__(self, limit: float = LIMIT_SECONDS, script: Path = _SANDBOX):
        self.limit, self._script = limit, script
        self._child: subprocess.Popen[bytes] | None = None
        self._socket: socket.socket
        self._offered: dict[str, Any] | None = None

    def ask(self, question: str, paths: Iterable[Path], **given: object) -> Iterator[Any]:
        """What `serving.QUESTIONS[question]` answers of each path, in order; `given` is what else it takes.

        An answer may be the `RunFileError` or `ResumeError` that it raised, or a `RunFileError` that says how
        the process ended.
        """
        waiting = iter(paths)
        asked: deque[tuple[Path, bytes]] = deque()
        next_path = next(waiting, None)
        try:
            while True:
                while next_path is not None and len(asked) < WINDOW:
                    line = self._line(question, next_path, given)
                    if asked and sum(len(each) for _, each in asked) + len(line) > WINDOW_BYTES:
                        break
                    asked.append((next_path, line))
                    self._send(line)
                    next_path = next(waiting, None)
                if not asked:
                    return
                answer = self._answer(question, asked[0][0])
                asked.popleft()
                if self._child is None:
                    # It ended with this answer; the next process has heard of none of the rest.
                    for _, line in asked:
                        self._send(line)
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
            self._socket.close()
            self._child, self._offered = None, None

    @property
    def protection(self) -> Mapping[str, Any]:
        """What `sandbox.restrict` said that the kernel offers."""
        self.begin()
        return self._wait_until_ready()

    @staticmethod
    def _line(question: str, path: Path, given: Mapping[str, object]) -> bytes:
        asked = {"question": question, "path": os.fspath(path), "folder": os.getcwd(), "with": given}
        return f"{json.dumps(asked)}\n".encode()

    def _send(self, line: bytes) -> None:
        self.begin()
        try:
            self._socket.sendall(line)
        except OSError:
            return  # Where it died, the answer that does not come says so.

    def _answer(self, question: str, path: Path) -> Any:
        """The next answer, which is to `question` about `path`."""
        from xavier_cli.runs import encoding

        self._wait_until_ready()
        deadline = time.monotonic() + self.limit + size_of(path) / BYTES_PER_SECOND
        try:
            answer = encoding.receive(lambda piece: self._fill(piece, deadline))
            return encoding.from_data(path, question, *answer)
        except TimeoutError:
            self.close()
            return RunFileError(
                path, f"was not read in time: over {self.limit:g} s; try again when this machine is less busy"
            )
        except (EOFError, OSError):
            return self._ended(path)
        except Exception:
            # Not what our own code answers: whatever it is, this process is not asked again.
            self.close()
            return RunFileError(path, "is damaged: the process that read it sent an invalid answer")

    def _fill(self, piece: memoryview, deadline: float) -> None:
        """Receive exactly `piece`; raises `TimeoutError`, and `EOFError` where the process ended."""
        while piece:
            left = deadline - time.monotonic()
            if left <= 0 or not select.select([self._socket], [], [], left)[0]:
                raise TimeoutError
            count = self._socket.recv_into(piece)
            if not count:
                raise EOFError
            piece = piece[count:]

    def _wait_until_ready(self) -> dict[str, Any]:
        if self._offered is None:
            from xavier_cli.runs import encoding

            deadline = time.monotonic() + START_SECONDS
            try:
                self._offered, _ = encoding.receive(lambda piece: self._fill(piece, deadline))
            except (EOFError, OSError, ValueError):
                self.close()
                raise RuntimeError("the process that reads files did not start") from None
        return self._offered

    def _ended(self, path: Path) -> RunFileError:
        """What to say of the file over which the process ended."""
        assert self._child
        try:
            code = self._child.wait(1)
        except subprocess.TimeoutExpired:
            code = 0
        self.close()
        if code in (-signal.SIGKILL, -signal.SIGTERM, -signal.SIGHUP):
            return RunFileError(
                path, f"was not read: the process that reads files was ended ({_ending(code)})"
            )
        if code == -signal.SIGXCPU:
            return RunFileError(path, f"was not read in time: over {self.limit:g} s")
        return RunFileError(path, f"is damaged: reading it ended the process that did ({_ending(code)})")

    def _start(self) -> None:
        self._socket, theirs = socket.socketpair()
        # The package, and what it imports: from the same places, but never from the working folder.
        here = os.path.realpath(os.getcwd())
        places = [os.path.abspath(place) for place in sys.path if place and os.path.realpath(place) != here]
        places.append(str(Path(__file__).parents[2]))
        utf8 = ["-X", "utf8"] if sys.flags.utf8_mode else []
        self._child = subprocess.Popen(
            # Nothing of the environment and no site: no file decides what this process runs.
            [
                *(sys.executable, "-I", "-S", "-B", *utf8, str(self._script)),
                *(str(theirs.fileno()), str(self.limit), os.pathsep.join(places)),
            ],
            pass_fds=[theirs.fileno()],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            # HDF5 loads no libraries that would unpack data in ways of their own.
            env={**os.environ, "HDF5_PLUGIN_PRELOAD": "::"},
            # No terminal that it could type into.
            start_new_session=True,
        )
        theirs.close()


def shared_reader() -> Reader:
    """The one reader of this process, which every command asks."""
    return readers()[0]


@cache
def readers() -> tuple[Reader, ...]:
    """The readers of this process, none of them started: the second is for many files."""
    both = Reader(), Reader()
    for reader in both:
        atexit.register(reader.close)
    return both


def read_run(path: str | os.PathLike[str], only: Collection[str] | None = None) -> Run:
    """The run at `path`; `only` and what it raises are `store.read_run`'s."""
    run: Run = _answer_about(path, "run", only=None if only is None else sorted(only))
    return run


def read_surface(path: str | os.PathLike[str]) -> Surface:
    """The loss surface at `path`; raises `RunFileError` for everything that is none."""
    surface: Surface = _answer_about(path, "surface")
    return surface


def read_svm(path: str | os.PathLike[str]) -> SupportVectorMachine:
    """The support vector machine at `path`; raises `RunFileError` for everything that is none."""
    machine: SupportVectorMachine = _answer_about(path, "svm")
    return machine


def read_result(path: str | os.PathLike[str], kind: str) -> Result:
    """The result at `path` of this kind, one of `kinds.RESULTS`; raises `RunFileError` for all else."""
    result: Result = _answer_about(path, kind)
    return result


def read_checkpoint(path: str | os.PathLike[str]) -> Checkpoint:
    """The checkpoint at `path`; raises what `checkpoint.read_checkpoint` does."""
    checkpoint: Checkpoint = _answer_about(path, "checkpoint")
    return checkpoint


def examine(path: Path) -> Diagnosis | RunFileError:
    """What `rescue.examine` finds, or how looking ended."""
    (answer,) = shared_reader().ask("diagnosis", [path])
    found: Diagnosis | RunFileError = answer
    return found


def _answer_about(path: str | os.PathLike[str], question: str, **given: object) -> Any:
    (answer,) = shared_reader().ask(question, [Path(path)], **given)
    if isinstance(answer, RunFileError | ResumeError):
        raise answer
    return answer


def size_of(path: Path) -> int:
    """The bytes of a file; 0 where there is none."""
    try:
        return path.stat().st_size
    except (OSError, ValueError):
        return 0


def _ending(code: int) -> str:
    if code >= 0:
        return f"exit code {code}"
    try:
        return signal.Signals(-code).name
    except ValueError:
        return f"signal {-code}"
