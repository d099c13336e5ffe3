"""Runs the groups of a sweep in this process, in worker processes or on a cluster, and reports progress."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING

from xavier_cli.errors import ExitCode
from xavier_cli.sweeps.plan import Group

if TYPE_CHECKING:
    from xavier_cli.sweeps.cluster import Cluster
    from xavier_cli.sweeps.work import Outcome, Task
    from xavier_cli.training.engine.loop import Progress

# The index, instead of that of a group, for cells that other processes run.
_WAITING = -1
SECONDS_TO_MEASURE = 5.0
"""How long the speed is measured before the time left is told."""


@dataclass
class Finished:
    """How the cells of a plan ended, in the order of the plan; `code` is the resulting exit code."""

    outcomes: list[Outcome] = field(default_factory=list)
    trained: int = 0
    code: int = ExitCode.DONE


@dataclass
class Standing:
    """The progress of a sweep; `cells` and `work` are the totals at its start."""

    cells: int
    work: float
    """Seconds on one core, as estimated by `training.estimate`; only ratios are used."""
    seeds: int = 0
    """The number of seeds of all cells; 0 where there are none, as for surfaces."""
    done: int = 0
    failed: int = 0
    seeds_done: int = 0
    work_done: float = 0.0
    running: dict[int, tuple[Group, str, float]] = field(default_factory=dict)
    """By index of the group: a description of its activity, and the fraction done."""
    clock: Callable[[], float] = time.monotonic
    _began: float | None = None
    _resumed: dict[int, float] = field(default_factory=dict)
    """The work of each group, by index, that was done before its first report: by an earlier command."""

    @classmethod
    def of(cls, groups: Sequence[Group]) -> Standing:
        """The standing before any of `groups` has begun."""
        every = [cell for group in groups for cell in group.cells]
        work = sum(group.core_seconds for group in groups)
        return cls(len(every), work, sum(cell.seeds for cell in every))

    @property
    def share(self) -> float:
        """The fraction of the whole work that is done, from 0 to 1."""
        under_way = sum(group.core_seconds * part for group, _, part in self.running.values())
        return min(1.0, (self.work_done + under_way) / self.work) if self.work else 1.0

    @property
    def seconds_left(self) -> float | None:
        """The time left at the speed so far, in seconds; None until that has been measured for a while.

        It counts from the first update on, since compiling says nothing about the speed.
        """
        if self._began is None:
            return None
        took, share = self.clock() - self._began, self.share
        done = share * self.work - sum(self._resumed.values())
        if took < SECONDS_TO_MEASURE or done <= 0:
            return None
        return took * (1 - share) * self.work / done

    def note(self, index: int, group: Group, progress: Progress) -> None:
        """Record progress of the group `index`."""
        part = 0.0
        if progress.doing != "compiling" and progress.total:
            part = progress.updates / progress.total
        # A search has two trainings.
        if group.programs > 1:
            part = part / 2 + 0.5 * progress.follows_search
        part *= 1 - group.compile_share
        trained = group.core_seconds * part
        # What was compiled is done as well, or the time left would jump up while the next program compiles.
        compiled = min(group.programs, progress.follows_search + (progress.doing != "compiling"))
        part += group.compile_share * compiled / max(1, group.programs)
        if progress.doing != "compiling":
            is_first = self._began is None
            if self._began is None:
                self._began = self.clock()
            # The time of compiling before the first update is not counted.
            self._resumed.setdefault(index, group.core_seconds * part if is_first else trained)
        self.running[index] = (group, words(group, progress), part)

    def wait(self, groups: Sequence[Group], what_for: str) -> None:
        """Record that only `groups` remain, which another process is running."""
        self.running.pop(_WAITING, None)
        if groups:
            self.running[_WAITING] = (groups[0], what_for, 0.0)

    def finish(self, index: int, group: Group, outcomes: Iterable[Outcome]) -> None:
        """Record the outcomes of a group's cells."""
        self.running.pop(index, None)
        for outcome in outcomes:
            if outcome.ending in ("done", "failed"):
                self.work_done += group.core_seconds / len(group.cells)
            self.done += outcome.ending == "done"
            self.seeds_done += outcome.cell.seeds * (outcome.ending == "done")
            self.failed += outcome.ending == "failed"


def words(group: Group, progress: Progress) -> str:
    """The activity of a group, as text: its first cell, how many more, and the updates."""
    more = f" and {len(group.cells) - 1} more" if len(group.cells) > 1 else ""
    phase = f" ({progress.phase})" if progress.phase else ""
    count = f": {progress.updates:,} of {progress.total:,}" if progress.doing != "compiling" else ""
    first = group.cells[0]
    return f"{progress.doing} {first.label or first.title}{more}{count}{phase}"


def reasons(outcomes: Iterable[Outcome]) -> list[str]:
    """Why cells did not end well, each reason once with the first cell it was: `tanh-d5 and 3 more: …`."""
    of: dict[str, list[str]] = {}
    for outcome in outcomes:
        if outcome.why:
            of.setdefault(outcome.why, []).append(outcome.cell.title)
    return [
        # The line that names the file needs no title.
        why
        if len(titles) == 1 and titles[0] in why
        else f"{titles[0]}{f' and {len(titles) - 1} more' if len(titles) > 1 else ''}: {why}"
        for why, titles in of.items()
    ]


def run_groups(
    groups: Sequence[Group],
    task: Task,
    *,
    jobs: int = 1,
    cluster: Cluster | None = None,
    fail_fast: bool = False,
    stopped: Callable[[], bool] = lambda: False,
    watch: Callable[[Standing], None] = lambda _: None,
    note: Callable[[str], None] = lambda _: None,
) -> Iterator[list[Outcome]]:
    """Run all `groups`; yields the outcomes of each as it ends, in any order.

    Cells that another process is writing are waited for when everything else is done, however long it takes.
    Ends early when `stopped`, and with `fail_fast` after the first group with a failure.
    """
    from xavier_cli.sweeps.held import HeldCells

    standing = Standing.of(groups)

    def make_all(groups: Sequence[Group]) -> Generator[tuple[int, list[Outcome]], None, None]:
        def report(index: int, progress: Progress) -> None:
            _noted(standing, index, groups[index], progress, watch)

        if cluster:
            return cluster.run(groups, stopped, report)
        if jobs > 1 and len(groups) > 1:
            from xavier_cli.sweeps.workers import Workers

            return Workers(min(jobs, len(groups)), task).run(groups, stopped, report)
        return _here(groups, task, stopped, report)

    todo, held = list(groups), HeldCells(note, task.save_weights)
    while todo or held:
        count = 0
        # Close it also on an error of the caller, so that workers stop.
        with contextlib.closing(make_all(todo)) as ended:
            for index, outcomes in ended:
                count += 1
                standing.finish(index, todo[index], outcomes)
                watch(standing)
                if settled := held.put_off(outcomes):
                    yield settled
                if stopped() or (fail_fast and standing.failed):
                    return
        if count < len(todo):
            # The workers or the cluster gave up.
            return
        todo = []
        while held and not todo:
            finished, todo = held.look_again()
            for outcome in finished:
                standing.finish(_WAITING, Group((outcome.cell,)), [outcome])
                yield [outcome]
            if stopped():
                return
            standing.wait(held.groups, held.words() if held else "")
            watch(standing)


def _here(
    groups: Sequence[Group],
    task: Task,
    stopped: Callable[[], bool],
    report: Callable[[int, Progress], None],
) -> Generator[tuple[int, list[Outcome]], None, None]:
    from xavier_cli.sweeps.work import make
    from xavier_cli.training.devices import set_up_jax

    set_up_jax(max((group.members for group in groups), default=1) or 1)
    for index, group in enumerate(groups):
        yield index, make(group, task, partial(report, index), stopped)


def _noted(
    standing: Standing, index: int, group: Group, progress: Progress, watch: Callable[[Standing], None]
) -> None:
    standing.note(index, group, progress)
    watch(standing)
