"""Runs groups in worker processes on this machine, each on its own share of the cores.

Workers are spawned, never forked: a fork would copy threads of JAX and HDF5 in the middle of their work.
"""

from __future__ import annotations

import contextlib
import itertools
import multiprocessing
import os
import signal
import sys
import threading
from collections import Counter, deque
from collections.abc import Callable, Generator, Sequence
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from typing import TYPE_CHECKING, NamedTuple

from xavier_cli.sweeps.plan import Group
from xavier_cli.training.cores import usable_cores

if TYPE_CHECKING:
    from xavier_cli.sweeps.work import Outcome, Task
    from xavier_cli.training.engine.loop import Progress

# A group whose worker dies is tried again; results depend only on the configuration.
TRIES = 3
# A worker that dies before it began says nothing of its group, but of a machine where none can start.
STARTS = 10
# However far each of them came.
MOST_DEATHS = 50
_SECONDS_BETWEEN_LOOKS = 0.2
_PR_SET_PDEATHSIG = 1


class _Worker(NamedTuple):
    process: BaseProcess
    pipe: Connection
    share: int


class Deaths:
    """Counts the deaths of workers, and says whether a group whose worker died is tried again.

    Not counted against a group are deaths before it had begun, and those after which more of it is done than
    ever: whoever kills workers at random, or a batch system, is no fault of the group.
    """

    def __init__(self) -> None:
        self._begun: set[int] = set()
        self._in_vain: Counter[int] = Counter()
        self._all: Counter[int] = Counter()
        self._never_begun = 0
        self._reached: dict[tuple[int, str, str], int] = {}
        self._came_further: set[int] = set()

    def began(self, index: int) -> None:
        """A worker has begun with the group `index`."""
        self._begun.add(index)
        self._never_begun = 0

    def progressed(self, index: int, progress: Progress) -> None:
        """The group `index` has come so far."""
        phase = index, progress.doing, progress.phase
        if progress.updates > self._reached.get(phase, 0):
            self._reached[phase] = progress.updates
            self._came_further.add(index)

    def try_again(self, index: int) -> bool:
        """Note that the worker of the group `index` died; whether another may try."""
        if index not in self._begun:
            self._never_begun += 1
            return self._never_begun < STARTS
        self._begun.discard(index)
        self._all[index] += 1
        if index in self._came_further:
            self._came_further.discard(index)
            self._in_vain[index] = 0
        self._in_vain[index] += 1
        return self._in_vain[index] < TRIES and self._all[index] < MOST_DEATHS

    def how_often(self, index: int) -> int:
        """How many workers died over the group `index`, or at their start."""
        return self._all[index] or self._never_begun


class Workers:
    """A number of worker processes; one that dies is replaced, and its group is tried again."""

    def __init__(self, count: int, task: Task):
        self._task = task
        self._cores = shares(usable_cores(), count)
        self._context = multiprocessing.get_context("spawn")

    def run(
        self,
        groups: Sequence[Group],
        stopped: Callable[[], bool],
        report: Callable[[int, Progress], None],
    ) -> Generator[tuple[int, list[Outcome]], None, None]:
        """Run all `groups`; yields the index of each and its outcomes. Closing the generator stops them."""
        waiting, deaths = deque(range(len(groups))), Deaths()
        busy: dict[_Worker, int] = {}
        idle = [self._spawn(share) for share in range(len(self._cores))]
        told = False
        try:
            while busy or (waiting and not stopped()):
                while idle and waiting and not stopped():
                    worker, index = idle.pop(), waiting.popleft()
                    busy[worker] = index
                    _send(worker.pipe, (index, groups[index]))
                if stopped() and not told:
                    told = True
                    _terminate([*busy, *idle])
                for pipe in wait([worker.pipe for worker in busy], timeout=_SECONDS_BETWEEN_LOOKS):
                    worker = next(each for each in busy if each.pipe is pipe)
                    try:
                        index, content = worker.pipe.recv()
                    except (EOFError, OSError):
                        index = busy.pop(worker)
                        worker.process.join()
                        worker.pipe.close()
                        if stopped():
                            continue
                        idle.append(self._spawn(worker.share))
                        if deaths.try_again(index):
                            waiting.appendleft(index)
                        else:
                            often = deaths.how_often(index)
                            yield index, _lost(groups[index], often, worker.process.exitcode)
                        continue
                    if isinstance(content, list):
                        del busy[worker]
                        idle.append(worker)
                        yield index, content
                    elif content is None:
                        deaths.began(index)
                    else:
                        deaths.progressed(index, content)
                        report(index, content)
        finally:
            for worker in (*busy, *idle):
                # An idle worker exits at the end of its pipe.
                worker.pipe.close()
            _terminate(busy)
            for worker in (*busy, *idle):
                worker.process.join()

    def _spawn(self, share: int) -> _Worker:
        mine, theirs = self._context.Pipe()
        # The kernel signals the end of the starting thread; only the main one lives as long as the process.
        is_main = threading.current_thread() is threading.main_thread()
        process = self._context.Process(
            target=work,
            args=(theirs, self._task, self._cores[share], len(self._cores), os.getpid(), is_main),
            daemon=True,
        )
        process.start()
        theirs.close()
        return _Worker(process, mine, share)


def shares(cores: Sequence[int], workers: int) -> list[list[int]]:
    """`cores` divided among `workers`, neighbours together; workers share cores if there are too few."""
    if workers >= len(cores):
        return [[cores[i % len(cores)]] for i in range(workers)]
    ends = [len(cores) * i // workers for i in range(workers + 1)]
    return [list(cores[a:b]) for a, b in itertools.pairwise(ends)]


def die_with(parent: int) -> None:
    """Have the kernel kill this process when the thread of process `parent` that started it ends.

    So no orphan holds locks that a restarted sweep needs; no more is lost than by any other kill. If the
    kernel cannot do this, a worker checks now and then whether it is an orphan.
    """
    if sys.platform != "linux":
        return
    import ctypes

    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != parent:
        # Too late: the parent had ended before this call.
        os._exit(1)


def work(
    pipe: Connection, task: Task, cores: Sequence[int], workers: int, parent: int, is_main: bool
) -> None:
    """The main loop of a worker: receive groups, send progress and outcomes, until the pipe ends.

    First of all that it has begun, which is None in place of a progress.

    `parent` is the id of the process that started it; `is_main` says whether its main thread did.
    """
    if is_main:
        die_with(parent)
    told: list[int] = []
    # Ctrl-C reaches every process of the terminal; the parent decides what to do.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, lambda number, frame: told.append(number))
    # Before JAX is imported, which counts the cores and reserves its share of GPU memory.
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, cores)
    os.environ.setdefault("XLA_PYTHON_CLIENT_MEM_FRACTION", f"{0.9 / workers:.3f}")
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

    from xavier_cli.sweeps.work import make
    from xavier_cli.training.devices import set_up_jax

    set_up_jax(len(cores))

    def stopped() -> bool:
        # Stop if orphaned.
        return bool(told) or os.getppid() != parent

    while not stopped():
        try:
            index, group = pipe.recv()
        except (EOFError, OSError, InterruptedError):
            return

        def report(progress: Progress, index: int = index) -> None:
            _send(pipe, (index, progress))

        _send(pipe, (index, None))
        _send(pipe, (index, make(group, task, report, stopped)))


def _send(pipe: Connection, message: object) -> None:
    try:
        pipe.send(message)
    except OSError:
        # The other end is closed, which the reading side notices.
        return


def _terminate(workers: Sequence[_Worker] | dict[_Worker, int]) -> None:
    for worker in workers:
        worker.process.terminate()


def _lost(group: Group, often: int, exitcode: int | None) -> list[Outcome]:
    from xavier_cli.sweeps.work import Outcome

    ended = f"signal {-exitcode}" if exitcode and exitcode < 0 else f"code {exitcode}"
    why = f"its worker process ended {often} times, at last with {ended}"
    return [Outcome(cell, "failed", why) for cell in group.cells]
