"""Runs the groups of a sweep on a running Dask cluster, and collects the results of its workers.

Dask decides where a group runs, and runs it again if a worker is lost. This module adds what Dask cannot
know: it compares versions, finds out which workers share folders, and bounds the attempts of a group.
"""

from __future__ import annotations

import contextlib
import queue
import secrets
import time
from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from xavier_cli.files.publish import held_file
from xavier_cli.sanitize import said
from xavier_cli.sweeps.cluster_client import ClusterError, check_versions, connect
from xavier_cli.sweeps.code import read_code
from xavier_cli.sweeps.plan import Group
from xavier_cli.sweeps.workers import TRIES
from xavier_cli.training.engine.loop import Progress

if TYPE_CHECKING:
    from distributed import Client, Future

    from xavier_cli.sweeps.cluster_job import Token
    from xavier_cli.sweeps.work import Outcome, Task

# A running scheduler answers at once.
CONNECT_SECONDS = 10.0
# A worker may take so long to stop: a segment of training, and its checkpoint.
LEAVE_SECONDS = 20.0
_SECONDS_BETWEEN_LOOKS = 0.2


class Cluster:
    """The cluster whose scheduler is at `address`; has the interface of `Workers`."""

    def __init__(
        self,
        address: str,
        task: Task,
        *,
        wait: float = 60.0,
        note: Callable[[str], None] = lambda _: None,
    ):
        self._address, self._task, self._wait, self._note = address, task, wait, note

    def run(
        self,
        groups: Sequence[Group],
        stopped: Callable[[], bool],
        report: Callable[[int, Progress], None],
    ) -> Generator[tuple[int, list[Outcome]], None, None]:
        """Run all `groups`; yields the index of each and its outcomes. Closing the generator stops them.

        Raises `ClusterError` before anything is sent if there is no scheduler, no worker, or a worker with
        other versions, and `StorageError`.
        """
        client = connect(self._address, min(self._wait, CONNECT_SECONDS))
        try:
            if self._await_workers(client, stopped):
                check_versions(client)
                data_dir = self._task.data_dir
                task = replace(self._task, data_dir=data_dir and data_dir.absolute())
                with _tokens(groups, str(task.provenance.get("command_id", ""))) as tokens:
                    submission = _Submission(client, groups, task, tokens, report)
                    try:
                        yield from submission.outcomes(stopped, self._gone)
                    finally:
                        submission.cancel()
        finally:
            with contextlib.suppress(Exception):
                client.close(timeout=5)

    def _await_workers(self, client: Client, stopped: Callable[[], bool]) -> bool:
        """Wait for a worker; False only if stopped meanwhile."""
        began, told = time.monotonic(), False
        while not stopped():
            if client.nthreads():
                return True
            waited = time.monotonic() - began
            if waited > 1 and not told:
                told = True
                self._note(
                    f"the cluster at `{self._address}` has no workers; waiting {self._wait:g} s for one"
                )
            if waited > self._wait:
                raise ClusterError(f"no worker joined the cluster at `{self._address}` in {self._wait:g} s")
            time.sleep(_SECONDS_BETWEEN_LOOKS)
        return False

    def _gone(self) -> None:
        self._note(f"the scheduler at `{self._address}` is gone; the same command resumes what is left")


@contextlib.contextmanager
def _tokens(groups: Sequence[Group], sweep_id: str) -> Iterator[dict[Path, Token]]:
    """A token in each folder of the files of `groups`, during the context."""
    from xavier_cli.sweeps.cluster_job import Token

    tokens: dict[Path, Token] = {}
    with contextlib.ExitStack() as held:
        for folder in dict.fromkeys(group.cells[0].path.parent for group in groups):
            path, content = folder.absolute() / f"sweep-{sweep_id[:8]}.cluster", secrets.token_hex(16)
            tokens[folder] = Token(held.enter_context(held_file(path, content.encode())), content)
        yield tokens


class _Submission:
    """Groups that were submitted to a cluster: which are unfinished, and where each runs."""

    def __init__(
        self,
        client: Client,
        groups: Sequence[Group],
        task: Task,
        tokens: dict[Path, Token],
        report: Callable[[int, Progress], None],
    ):
        from xavier_cli.sweeps.cluster_job import versions

        self._client, self._groups, self._tokens, self._report = client, groups, tokens, report
        topic = f"xavier-{secrets.token_hex(8)}"
        self._settings: dict[str, Any] = {"task": task, "topic": topic, "versions": versions()}
        self._events: queue.SimpleQueue[Future | dict[str, Any]] = queue.SimpleQueue()
        self._open: dict[Future, int] = {}
        self._at_work: dict[int, str] = {}
        self._begun = [0] * len(groups)
        client.subscribe_topic(topic, lambda event: self._events.put(event[1]))
        for index in range(len(groups)):
            self._submit(index)

    def outcomes(
        self, stopped: Callable[[], bool], gone: Callable[[], None]
    ) -> Generator[tuple[int, list[Outcome]], None, None]:
        """Yield index and outcomes of each group as it ends; calls `gone` if the scheduler is lost."""
        while self._open and not stopped():
            event = self._next()
            if isinstance(event, dict):
                self._note(event)
            elif event is not None and event.status == "cancelled":
                # Not cancelled by us: Dask cancels everything when the connection is lost.
                return gone()
            elif event is not None:
                index = self._open.pop(event)
                outcomes = self._ended(index, event)
                if outcomes is None:
                    self._submit(index)
                else:
                    yield index, outcomes

    def cancel(self) -> None:
        """Cancel unfinished groups, and wait a while for the workers to stop."""
        with contextlib.suppress(Exception):
            self._client.cancel(list(self._open))
            until = time.monotonic() + LEAVE_SECONDS
            while self._at_work and time.monotonic() < until:
                event = self._next()
                if isinstance(event, dict):
                    self._note(event)
                elif event is None:
                    there = self._client.nthreads()
                    self._at_work = {i: worker for i, worker in self._at_work.items() if worker in there}

    def _submit(self, index: int) -> None:
        from xavier_cli.sweeps.cluster_job import Job, do

        cells = self._groups[index].cells
        there = Group(tuple(replace(cell, path=cell.path.absolute()) for cell in cells))
        code = read_code(self._groups[index].code_places)
        job = Job(index, there, token=self._tokens[cells[0].path.parent], code=code, **self._settings)
        # A new key each time: Dask does not run a key that it knows again.
        future = self._client.submit(do, job, key=f"xavier-{index}-{secrets.token_hex(8)}", pure=False)
        self._open[future] = index
        future.add_done_callback(self._events.put)

    def _next(self) -> Future | dict[str, Any] | None:
        try:
            return self._events.get(timeout=_SECONDS_BETWEEN_LOOKS)
        except queue.Empty:
            return None

    def _note(self, event: dict[str, Any]) -> None:
        from xavier_cli.sweeps.cluster_answers import progress_of

        index = event.get("index")
        if type(index) is not int or not 0 <= index < len(self._groups):
            return
        if "began" in event:
            self._begun[index] += 1
            self._at_work[index] = str(event["began"])
        elif "left" in event:
            self._at_work.pop(index, None)
        elif index in self._open.values() and (progress := progress_of(event)):
            self._report(index, progress)

    def _ended(self, index: int, future: Future) -> list[Outcome] | None:
        """The outcomes of a group; None if it will be tried again."""
        from distributed.scheduler import KilledWorker

        from xavier_cli.sweeps.cluster_answers import outcomes_of
        from xavier_cli.sweeps.cluster_job import VersionError
        from xavier_cli.sweeps.work import Outcome

        group = self._groups[index]
        self._at_work.pop(index, None)
        try:
            outcomes = outcomes_of(future.result(), group.cells)
        except KilledWorker as error:
            why = f"{self._begun[index]} workers were lost over it, at last {error.last_worker.address}"
            # Dask counts a lost worker against all its queued tasks; count only those that had begun.
            again = self._begun[index] < TRIES
        except VersionError as error:
            why, again = str(error), False
        except Exception as error:
            why, again = f"{type(error).__name__}: {' '.join(said(error).split())[:500]}", False
        else:
            # Stopped by its worker, not by us.
            return None if any(outcome.ending == "stopped" for outcome in outcomes) else outcomes
        return None if again else [Outcome(cell, "failed", why) for cell in group.cells]
