"""Cells that another process was writing: put off, and looked at again once everything else is done."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from xavier_cli.errors import LockedError, StorageError
from xavier_cli.files.locks import lock_output
from xavier_cli.sweeps.plan import Group, SweepCell, is_finished
from xavier_cli.sweeps.work import Outcome

# Whoever was killed, or is just leaving, is gone by then: not worth a line.
SECONDS_BEFORE_A_NOTE = 2.0
SECONDS_BETWEEN_LOOKS = 0.2


@dataclass
class HeldCells:
    """The cells that other processes hold, by group; `note` is told in a line that they are waited for."""

    note: Callable[[str], None]
    groups: list[Group] = field(default_factory=list)
    holders: dict[SweepCell, str] = field(default_factory=dict)
    """Who held each at the last look."""
    _since: float | None = None
    _told: bool = False

    def __bool__(self) -> bool:
        return bool(self.groups)

    def put_off(self, outcomes: Sequence[Outcome]) -> list[Outcome]:
        """Keep the locked cells of a group for later; the outcomes that are left."""
        locked = tuple(outcome.cell for outcome in outcomes if outcome.ending == "locked")
        if locked:
            self.groups.append(Group(locked))
        return [outcome for outcome in outcomes if outcome.ending != "locked"]

    def look_again(self) -> tuple[list[Outcome], list[Group]]:
        """The cells that others have finished meanwhile, and the groups that can be made here.

        Both are no longer held. Waits a moment, and says what for, where there is neither.
        """
        finished, free, held = [], [], []
        self.holders = {}
        for group in self.groups:
            rest = []
            for cell in group.cells:
                if holder := _holder(cell):
                    self.holders[cell] = holder
                elif is_finished(cell):
                    finished.append(Outcome(cell, "done", elsewhere=True))
                    continue
                rest.append(cell)
            # All of them: who holds some may be letting them go one by one, and together they go on from
            # what they left together.
            together = Group(tuple(rest))
            if any(cell not in self.holders for cell in rest):
                free.append(together)
            elif rest:
                held.append(together)
        self.groups = held
        if finished or free:
            self._since, self._told = None, False
        else:
            self._wait()
        return finished, free

    def words(self) -> str:
        """What is waited for."""
        (cell, holder), count = next(iter(self.holders.items())), len(self.holders)
        more = f" and {count - 1} more" if count > 1 else ""
        others = " and others" if len(set(self.holders.values())) > 1 else ""
        return f"waiting for {cell.title}{more}, which {holder}{others} writes"

    def _wait(self) -> None:
        now = time.monotonic()
        if self._since is None:
            self._since = now
        elif not self._told and now - self._since > SECONDS_BEFORE_A_NOTE:
            # Once, for as long as nothing changes.
            self._told = True
            self.note(f"{self.words()}; Ctrl-C stops waiting")
        time.sleep(SECONDS_BETWEEN_LOOKS)


def _holder(cell: SweepCell) -> str:
    """Who is writing `cell`; empty where nobody is."""
    try:
        with lock_output(cell.path):
            return ""
    except LockedError as error:
        return error.holder
    except StorageError:
        # Who makes the cell says it better.
        return ""
