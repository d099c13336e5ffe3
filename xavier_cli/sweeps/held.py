"""Postpones cells that another process is writing until everything else is done."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from xavier_cli.errors import LockedError, StorageError
from xavier_cli.files.locks import lock_output
from xavier_cli.runs.weights import Saved
from xavier_cli.sweeps.finished import is_finished
from xavier_cli.sweeps.plan import Group, SweepCell
from xavier_cli.sweeps.work import Outcome

# A process that is just ending has released its cells by then, and needs no note.
SECONDS_BEFORE_A_NOTE = 2.0
SECONDS_BETWEEN_LOOKS = 0.2


@dataclass
class HeldCells:
    """The cells that other processes hold, by group; `note` is called with a line if they are waited for."""

    note: Callable[[str], None]
    saved: Saved | None = None
    """Whose weights a finished cell has to have."""
    groups: list[Group] = field(default_factory=list)
    holders: dict[SweepCell, str] = field(default_factory=dict)
    """The holder of each at the last check."""
    _since: float | None = None
    _told: bool = False

    def __bool__(self) -> bool:
        return bool(self.groups)

    def put_off(self, outcomes: Sequence[Outcome]) -> list[Outcome]:
        """Postpone the locked cells of a group; returns the other outcomes."""
        locked = tuple(outcome.cell for outcome in outcomes if outcome.ending == "locked")
        if locked:
            self.groups.append(Group(locked))
        return [outcome for outcome in outcomes if outcome.ending != "locked"]

    def look_again(self) -> tuple[list[Outcome], list[Group]]:
        """The cells that others have finished meanwhile, and the groups that can be run here.

        Both are no longer held. If there are none, wait a moment, with a note.
        """
        finished, free, held = [], [], []
        self.holders = {}
        for group in self.groups:
            rest = []
            for cell in group.cells:
                if holder := _holder(cell):
                    self.holders[cell] = holder
                elif is_finished(cell, self.saved):
                    finished.append(Outcome(cell, "done", elsewhere=True))
                    continue
                rest.append(cell)
            # All cells of the group: its holder may be releasing them one by one, and the group is resumed
            # from its checkpoint as a whole.
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
        """A description of the cells that are waited for."""
        (cell, holder), count = next(iter(self.holders.items())), len(self.holders)
        more = f" and {count - 1} more" if count > 1 else ""
        others = " and others" if len(set(self.holders.values())) > 1 else ""
        return f"waiting for {cell.title}{more}, which {holder}{others} writes"

    def _wait(self) -> None:
        now = time.monotonic()
        if self._since is None:
            self._since = now
        elif not self._told and now - self._since > SECONDS_BEFORE_A_NOTE:
            # Only once, until something changes.
            self._told = True
            self.note(f"{self.words()}; Ctrl-C stops waiting")
        time.sleep(SECONDS_BETWEEN_LOOKS)


def _holder(cell: SweepCell) -> str:
    """The process that is writing `cell`; empty if none is."""
    try:
        with lock_output(cell.path):
            return ""
    except LockedError as error:
        return error.holder
    except StorageError:
        # Running the cell will raise a clearer error.
        return ""
