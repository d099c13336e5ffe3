"""Runs groups of a sweep on a worker of a Dask cluster, one at a time, by `work`.

A worker that shares the folders of the sweep writes there, and resumes from checkpoints of killed workers;
otherwise it works in a temporary folder and returns the files. Dask is used only here, in `cluster` and
in `cluster_client`.
"""

from __future__ import annotations

import contextlib
import importlib.metadata
import platform
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass, field, replace
from functools import cache
from pathlib import Path
from typing import Any

from distributed import Reschedule, get_worker
from threadpoolctl import threadpool_limits

from xavier_cli.errors import StorageError, XavierError
from xavier_cli.files.locks import lock_output
from xavier_cli.sweeps.code import Code, code_at_hand
from xavier_cli.sweeps.plan import Group
from xavier_cli.sweeps.work import Ending, Task, make
from xavier_cli.training.devices import set_up_jax
from xavier_cli.training.engine.loop import Progress

# These versions must be equal everywhere, since results and messages depend on them.
PACKAGES = ("xavier-cli", "jax", "jaxlib")
SECONDS_BETWEEN_REPORTS = 1.0
# A task waits so long for a busy worker before it is rescheduled: another worker may be idle.
SECONDS_FOR_A_TURN = 5.0
SECONDS_FOR_LOCKS = 3.0
_SECONDS_BETWEEN_LOOKS = 0.1
# JAX uses all cores of a process, so that a process runs one group at a time, whatever its threads.
_turn = threading.Lock()


class VersionError(XavierError):
    """A worker with other versions than the sweep; the message names it and them in one line."""


@dataclass(frozen=True)
class Token:
    """A file in the sweep's folder: a process that finds `content` in it shares the folder."""

    path: Path
    content: str


@dataclass(frozen=True)
class Job:
    """A group to run, with absolute paths and the `code` of its functions; progress is sent to `topic`."""

    index: int
    group: Group
    task: Task
    token: Token
    topic: str
    versions: Mapping[str, str | None]
    code: Code


@dataclass(frozen=True)
class Reply:
    """How each cell ended, in the order of the group, why, and whether another process had finished it.

    Contains the finished files if the folder is not shared.
    """

    endings: tuple[tuple[Ending, str, bool], ...]
    files: dict[int, bytes] = field(default_factory=dict)


def do(job: Job) -> Reply:
    """Run the group of `job` in turn; raises `VersionError`, and `Reschedule` after a long wait."""
    worker = get_worker()
    key = worker.get_current_task()
    if wrong := difference(versions(), job.versions):
        raise VersionError(f"worker {worker.address} has {wrong}")

    def stopped() -> bool:
        # Cancelled, abandoned by its client, or the worker is closing.
        task = worker.state.tasks.get(key)
        return task is None or task.state != "executing" or worker.status.name not in ("running", "paused")

    with _my_turn(stopped):
        worker.log_event(job.topic, {"index": job.index, "began": worker.address})
        try:
            # The number of threads of a worker is its share of the machine.
            _set_up_jax(worker.state.nthreads)
            with code_at_hand(job.code):
                return _made(job, _reporter(worker, job), stopped)
        finally:
            worker.log_event(job.topic, {"index": job.index, "left": worker.address})


@cache
def _set_up_jax(cores: int) -> None:
    """Set JAX up once: for each job, caches would be looked through anew."""
    # Else its threads for products of matrices, as many as the machine has cores, wait busily for each other.
    threadpool_limits(1, user_api="blas")
    set_up_jax(cores)


def versions() -> dict[str, str | None]:
    """The versions of Python (major and minor) and `PACKAGES`; None for packages that are not installed."""
    found: dict[str, str | None] = {"python": ".".join(platform.python_version_tuple()[:2])}
    for name in PACKAGES:
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            found[name] = None
    return found


def difference(theirs: Mapping[str, str | None], ours: Mapping[str, str | None]) -> str:
    """The first version that differs, as text: `jax 0.9.0, not 0.10.2`; empty if none does."""
    for name, version in ours.items():
        other = theirs.get(name)
        if other != version:
            return f"{name} {other}, not {version}" if other else f"no {name}"
    return ""


@contextlib.contextmanager
def _my_turn(stopped: Callable[[], bool]) -> Iterator[None]:
    until = time.monotonic() + SECONDS_FOR_A_TURN
    while not _turn.acquire(timeout=_SECONDS_BETWEEN_LOOKS):
        if stopped() or time.monotonic() > until:
            raise Reschedule
    try:
        yield
    finally:
        _turn.release()


def _reporter(worker: Any, job: Job) -> Callable[[Progress], None]:
    last = -SECONDS_BETWEEN_REPORTS

    def report(progress: Progress) -> None:
        nonlocal last
        if (now := time.monotonic()) - last >= SECONDS_BETWEEN_REPORTS:
            last = now
            # The error may be a NumPy number, which cannot be sent, and is not shown.
            facts = asdict(replace(progress, valid_error=None))
            worker.log_event(job.topic, {"index": job.index, "progress": facts})

    return report


def _made(job: Job, report: Callable[[Progress], None], stopped: Callable[[], bool]) -> Reply:
    if sees(job.token):
        _wait_for_locks(job.group, stopped)
        return Reply(_endings(job.group, job.task, report, stopped))
    with tempfile.TemporaryDirectory(prefix="xavier-") as folder:
        cells = tuple(replace(cell, path=Path(folder) / cell.path.name) for cell in job.group.cells)
        endings = _endings(Group(cells), job.task, report, stopped)
        done = (index for index, (ending, *_) in enumerate(endings) if ending == "done")
        return Reply(endings, {index: cells[index].path.read_bytes() for index in done})


@cache
def sees(token: Token) -> bool:
    """Whether the folder of `token` is the same here and on the sweep's machine."""
    try:
        return token.path.read_text(encoding="ascii") == token.content
    except (OSError, ValueError):
        return False


def _wait_for_locks(group: Group, stopped: Callable[[], bool]) -> None:
    """Wait a while for a former holder to release the group; `make` reports cells that remain locked."""
    until = time.monotonic() + SECONDS_FOR_LOCKS
    for cell in group.cells:
        while time.monotonic() < until and not stopped():
            try:
                with lock_output(cell.path):
                    break
            except StorageError:
                time.sleep(_SECONDS_BETWEEN_LOOKS)


def _endings(
    group: Group, task: Task, report: Callable[[Progress], None], stopped: Callable[[], bool]
) -> tuple[tuple[Ending, str, bool], ...]:
    ended = {outcome.cell.path: outcome for outcome in make(group, task, report, stopped)}
    outcomes = (ended[cell.path] for cell in group.cells)
    return tuple((outcome.ending, outcome.why, outcome.elsewhere) for outcome in outcomes)
