"""Shared by the parts of `gpu.py`: the time left, results saved after every step, and `xavier` processes."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

XAVIER = [sys.executable, "-c", "from xavier_cli.cli import main; main()"]
STOP_SECONDS = 20.0
"""Seconds for a training to write its files and exit after SIGTERM, before it is killed."""
_POLL = 0.05
asked_to_stop = threading.Event()
"""Set by a signal: the running training is stopped, and nothing more is started."""
_STOPPED = re.compile(r"interrupted at update ([\d,]+) of ([\d,]+)")


class Session:
    """A folder of results, and a part's budget in seconds."""

    def __init__(self, out: Path, tiny: bool, budget: float):
        self.out, self.tiny = out, tiny
        self._until = time.monotonic() + budget
        self._file = out / "results.json"
        self._writing = threading.Lock()
        out.mkdir(parents=True, exist_ok=True)
        self.results: dict[str, Any] = json.loads(self._file.read_text()) if self._file.exists() else {}

    def left(self) -> float:
        """Seconds left of the budget."""
        return 0.0 if asked_to_stop.is_set() else self._until - time.monotonic()

    def keep(self, part: str, name: str, value: Any) -> None:
        """Write `value` to the file of results, whole: a script that is killed keeps what it had."""
        with self._writing:
            self.results.setdefault(part, {})[name] = value
            new = self._file.with_suffix(".new")
            new.write_text(json.dumps(self.results, indent=1, default=float))
            os.replace(new, self._file)

    def has_time(self, part: str, name: str, seconds: float) -> bool:
        """Whether `seconds` are left; if not, the results say that the step was not measured."""
        if self.left() > seconds:
            return True
        self.keep(part, name, "not measured: the budget is spent")
        say(f"{name}: not measured, the budget is spent")
        return False


@dataclass
class Training:
    """An `xavier` command of its own process; `log` takes what it prints."""

    options: list[str]
    log: Path
    platform: str | None = None
    """The JAX platform it is kept to, as `cpu`; None: JAX's choice."""
    stop_after: float | None = None
    """Seconds of training after which it is stopped."""
    returncode: int | None = field(default=None, init=False)
    seconds: float = field(default=0.0, init=False)
    stopped_at: int | None = field(default=None, init=False)
    """Updates done when it stopped, where it was stopped."""
    was_late: bool = field(default=False, init=False)
    """Whether it was stopped because its time was up."""

    def run(self, until: float) -> Training:
        """Run it, at most until `time.monotonic()` says `until`; stopped then, and killed where it stays."""
        began = time.monotonic()
        if began > until or asked_to_stop.is_set():
            self.was_late = True
            return self
        self.log.parent.mkdir(parents=True, exist_ok=True)
        with self.log.open("w") as log:
            process = subprocess.Popen(
                [*XAVIER, *self.options], stdout=log, stderr=log, env=environment(self.platform)
            )
            training_since: float | None = None
            told: float | None = None
            while process.poll() is None:
                time.sleep(_POLL)
                now = time.monotonic()
                if self.stop_after is not None and training_since is None and _is_training(self.log):
                    training_since = now
                due = training_since is not None and now > training_since + (self.stop_after or 0)
                if told is None and (due or now > until or asked_to_stop.is_set()):
                    process.send_signal(signal.SIGTERM)
                    told, self.was_late = now, not due
                if told is not None and now > told + STOP_SECONDS:
                    process.kill()
        self.returncode, self.seconds = process.returncode, time.monotonic() - began
        if found := _STOPPED.search(self.log.read_text()):
            self.stopped_at = int(found.group(1).replace(",", ""))
        return self

    def last_line(self) -> str:
        """The end of its output, to explain a failure."""
        said = self.log.read_text().strip() if self.log.exists() else ""
        return (said.splitlines() or ["printed nothing"])[-1]


def environment(platform: str | None = None) -> dict[str, str]:
    """For a process beside others on the same device: JAX takes memory as it needs it."""
    kept = os.environ | {"XLA_PYTHON_CLIENT_PREALLOCATE": "false"}
    return kept | {"JAX_PLATFORMS": platform} if platform else kept


def say(line: str) -> None:
    """A line of progress, at once."""
    print(line, flush=True)


def print_table(title: str, head: Iterable[str], rows: Iterable[Iterable[object]]) -> None:
    """Columns as wide as what is in them."""
    lines = [[str(cell) for cell in row] for row in [head, *rows]]
    widths = [max(len(line[i]) for line in lines) for i in range(len(lines[0]))]
    say(f"\n{title}")
    for line in lines:
        say("  ".join(cell.rjust(width) for cell, width in zip(line, widths, strict=True)))
    say("")


def _is_training(log: Path) -> bool:
    return "training " in log.read_text()
