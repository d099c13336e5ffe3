"""Lists what tests cost: processor seconds, and the programs that XLA compiled or read from the store.

`rm -rf .pytest_cache; PYTHONPATH=tests python -m pytest -p benchmarks.suite_cost -n 2 --dist loadfile`

Processor seconds are those of the test and of the processes that it waited for, its fixtures' with them. They
hardly depend on what else the machine does, where the seconds of `--durations` do.
"""

from __future__ import annotations

import os
import sys
from collections import Counter
from collections.abc import Iterator

import pytest

ROWS = 20
COMPILED, FOUND = "/jax/compilation_cache/cache_misses", "/jax/compilation_cache/cache_hits"
_events: Counter[str] = Counter()
_begun: dict[str, tuple[float, int, int]] = {}
_listening = False


def _now() -> tuple[float, int, int]:
    """Processor seconds, programs compiled and programs found so far; listens to JAX once it is loaded."""
    global _listening
    if "jax" in sys.modules and not _listening:
        sys.modules["jax"].monitoring.register_event_listener(lambda event, **_: _events.update([event]))
        _listening = True
    return sum(os.times()[:4]), _events[COMPILED], _events[FOUND]


def pytest_runtest_logstart(nodeid: str) -> None:
    _begun.setdefault(nodeid, _now())


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Iterator[None]:
    before = _begun.pop(item.nodeid, None) or _now()
    try:
        return (yield)
    finally:
        cost = [now - then for now, then in zip(_now(), before, strict=True)]
        item.user_properties.append(("suite cost", cost))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    tests: dict[str, list[float]] = {}
    files: dict[str, list[float]] = {}
    for report in terminalreporter.getreports("passed") + terminalreporter.getreports("failed"):
        cost = dict(report.user_properties).get("suite cost")
        if report.when == "call" and cost:
            tests[report.nodeid] = cost
            total = files.setdefault(report.nodeid.partition("::")[0], [0.0, 0, 0])
            files[report.nodeid.partition("::")[0]] = [a + b for a, b in zip(total, cost, strict=True)]
    for title, table in (("files", files), ("tests", tests)):
        terminalreporter.section(f"{title} by processor seconds, programs compiled, programs found")
        every = [sum(column) for column in zip(*table.values(), strict=True)]
        rows = sorted(table.items(), key=lambda row: -row[1][0])[:ROWS]
        for name, (seconds, compiled, found) in [("all", every), *rows] if every else []:
            terminalreporter.write_line(f"{seconds:9.2f} {compiled:6,.0f} {found:6,.0f}  {name}")
