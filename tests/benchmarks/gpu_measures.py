"""`measure`: the time of an update, next to the least time to move its weights; `pytorch`: the same there."""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import jax
from gpu_limits import bandwidth, measure_passes
from gpu_session import Session, print_table, say

from xavier_cli import RunConfig
from xavier_cli.training.bench.limits import measure_limits
from xavier_cli.training.bench.programs import EngineProgram, bare_program
from xavier_cli.training.bench.pytorch import torch_perceptrons
from xavier_cli.training.bench.rates import settings, traffic
from xavier_cli.training.bench.turns import Timed, segment_updates, take_turns
from xavier_cli.training.devices import keep_compiled_programs
from xavier_cli.training.engine.training_data import prepare
from xavier_cli.training.memory import needed_bytes

DEPTH = 5
TURN_SECONDS, ROUNDS = 0.25, 5
LONGEST = 1000
"""Updates of a turn: up to the next record of a default run, a program is called once."""


@dataclass(frozen=True)
class Case:
    """A population that is timed; `generated`: on images of the generator, else on ready-made ones."""

    width: int
    members: int
    rule: str
    generated: bool = False
    bare: bool = False
    """The least that JAX needs, without the engine."""

    @property
    def name(self) -> str:
        if self.bare:
            return f"5×{self.width}, {self.members} members, bare JAX"
        return f"5×{self.width}, {self.members} members, {self.rule}{', generator' * self.generated}"


def groups(tiny: bool) -> list[tuple[str, list[Case]]]:
    """The groups to time together, the most important first, since a short budget drops the last ones."""
    if tiny:
        first = [Case(40, 4, "plain"), Case(40, 4, "delayed:4"), Case(40, 4, "plain", True)]
        first.append(Case(40, 4, "plain", bare=True))
        return [("width 40", first), ("width 20", [Case(20, n, "plain") for n in (1, 3)])]
    delays = [Case(1000, 32, f"delayed:{k}") for k in (4, 8, 16)]
    others = [Case(1000, 32, "plain", generated=True), Case(1000, 32, "plain", bare=True)]
    found = [
        ("32 members of 5×1000", [Case(1000, 32, "plain"), *delays, *others]),
        ("members of 5×1000", [Case(1000, n, "plain") for n in (1, 4, 16, 64, 256)]),
        ("delayed:8 of 5×1000", [Case(1000, n, "delayed:8") for n in (1, 4, 16, 64, 256)]),
    ]
    for width in (100, 300):
        found.append((f"members of 5×{width}", [Case(width, n, "plain") for n in (1, 4, 16, 32, 64, 256)]))
    return found


def measure(session: Session, asked: argparse.Namespace) -> bool:
    """Limits of the device, then group by group; PyTorch after the first group, where it is installed."""
    if jax.local_devices()[0].platform != "cpu":
        keep_compiled_programs()
    limits = measure_limits(2)
    moved = bandwidth(2**22 if session.tiny else 2**28)
    session.keep("measure", "limits", asdict(limits) | moved)
    say(
        f"memory: {moved['triad_gbytes']:,.0f} GB/s in a triad, {moved['copy_gbytes']:,.0f} in a copy; "
        f"{limits.gflops:,.0f} GFLOP/s in float32 products; {limits.launch_microseconds:.0f} µs a call"
    )
    gbytes = max(moved.values())
    measure_passes(session, gbytes)
    rows: list[dict[str, Any]] = []
    longest = 5.0
    for number, (title, cases) in enumerate(groups(session.tiny)):
        # A group takes about as long as the longest before it; a little more for larger ones.
        if not session.has_time("measure", title, 1.3 * longest):
            continue
        began = time.monotonic()
        rows += _group(cases, gbytes, session)
        session.keep("measure", title, f"{time.monotonic() - began:.0f} s, compiling included")
        session.keep("measure", "rates", rows)
        longest = max(longest, time.monotonic() - began)
        if not number:
            rows += _pytorch_apart(session, cases[0])
            session.keep("measure", "rates", rows)
    _print(rows, gbytes)
    return True


def _group(cases: list[Case], gbytes: float, session: Session) -> list[dict[str, Any]]:
    """Compile all of `cases`, beside each other, and then time them in turns."""
    programs: dict[str, Timed] = {}
    compiled: dict[str, float] = {}
    wrong: dict[str, str] = {}
    training_data = prepare(_config(cases[0]), None)

    def make(case: Case) -> None:
        began = time.perf_counter()
        try:
            if case.bare:
                timed = bare_program(_config(case))
            else:
                program = EngineProgram(_config(case), training_data, "auto", ready=not case.generated)
                timed = Timed(program.advance, case.members)
            timed.run(8)
        # One that does not fit, say, must not hide the others.
        except Exception as error:
            wrong[case.name] = (str(error) or repr(error)).splitlines()[0][:200]
            return
        programs[case.name] = timed
        compiled[case.name] = time.perf_counter() - began

    with ThreadPoolExecutor(max(1, (os.cpu_count() or 2) // 2)) as pool:
        list(pool.map(make, cases))
    turn, rounds = (0.05, 2) if session.tiny else (TURN_SECONDS, ROUNDS)
    counts = {name: segment_updates(timed, LONGEST, turn) for name, timed in programs.items()}
    seconds = take_turns(programs, counts, rounds)
    in_use = (jax.local_devices()[0].memory_stats() or {}).get("peak_bytes_in_use")
    rows = []
    for case in cases:
        if case.name not in seconds:
            rows.append({**asdict(case), "what": "xavier", "error": wrong[case.name]})
            say(f"{case.name}: {wrong[case.name]}")
            continue
        config, each = _config(case), seconds[case.name].median
        floor = traffic(config) / gbytes / 1e9
        rows.append(
            {
                **asdict(case),
                "what": "xavier",
                "ms_per_update_and_member": 1e3 * each,
                "updates_per_second": 1 / (each * case.members),
                "network_updates_per_second": 1 / each,
                "floor_bytes": traffic(config),
                "share_of_floor": floor / each,
                "compile_seconds": round(compiled[case.name], 1),
                "predicted_bytes": needed_bytes(config, case.members),
                "peak_bytes_of_group": in_use,
            }
        )
        say(
            f"{case.name}: {1e3 * each:.4f} ms per update and member, {100 * floor / each:.0f} % of the floor"
        )
    return rows


def _config(case: Case) -> RunConfig:
    return settings(case.width, DEPTH, case.members, case.rule)


def _pytorch_apart(session: Session, case: Case) -> list[dict[str, Any]]:
    """PyTorch's rates, in a process of its own: two programs that share a device may not suit each other."""
    if find_spec("torch") is None:
        session.keep("measure", "PyTorch", "not measured: it is not installed")
        say("PyTorch: not measured, it is not installed")
        return []
    folder = session.out / "pytorch"
    budget = min(session.left() / 2, 120)
    command = [sys.executable, str(Path(__file__).with_name("gpu.py")), "pytorch", "--out", str(folder)]
    command += ["--budget", f"{budget:.0f}", *(["--tiny"] if session.tiny else [])]
    try:
        ended = subprocess.run(command, timeout=budget + 30).returncode
    except subprocess.TimeoutExpired:
        ended = None
    found = Session(folder, session.tiny, 0).results.get("pytorch", {})
    session.keep("measure", "PyTorch", {"exit_code": ended, "notes": found.get("notes", [])})
    return found.get("rates", [])


def measure_pytorch(session: Session, asked: argparse.Namespace) -> bool:
    """PyTorch eager, compiled, as a CUDA graph, and all members at once, the widest networks first."""
    if find_spec("torch") is None:
        session.keep("pytorch", "rates", [])
        session.keep("pytorch", "notes", ["PyTorch is not installed"])
        say("PyTorch: not measured, it is not installed")
        return True
    rows: list[dict[str, Any]] = []
    notes: list[str] = []
    longest = 20.0
    # Compiled PyTorch takes a minute to compile, so it is last, after the others are saved.
    for compiled in (False, True):
        for width in (40,) if session.tiny else (1000, 300, 100):
            if not session.has_time("pytorch", f"width {width}", 1.3 * longest):
                continue
            began = time.monotonic()
            members = 4 if session.tiny else 32
            programs, said = torch_perceptrons(settings(width, DEPTH, members, "plain"), compiled)
            notes += said
            if compiled:
                programs = {name: timed for name, timed in programs.items() if name == "compiled"}
            counts = {name: segment_updates(timed, LONGEST, TURN_SECONDS) for name, timed in programs.items()}
            for name, times in take_turns(programs, counts, ROUNDS).items():
                row = {"width": width, "members": programs[name].seeds, "what": f"PyTorch {name}"}
                rows.append(row | {"ms_per_update_and_member": 1e3 * times.median})
                say(f"5×{width}, PyTorch {name}: {1e3 * times.median:.4f} ms per update and member")
            session.keep("pytorch", "rates", rows)
            session.keep("pytorch", "notes", notes)
            longest = max(longest, time.monotonic() - began)
    return True


def _print(rows: list[dict[str, Any]], gbytes: float) -> None:
    eager = {row["width"]: row["ms_per_update_and_member"] for row in rows if row["what"] == "PyTorch eager"}
    lines = []
    for row in rows:
        if "error" in row:
            continue
        ms = row["ms_per_update_and_member"]
        what = row["what"]
        if what == "xavier":
            what = "bare JAX" if row["bare"] else row["rule"] + ", generator" * row["generated"]
        share = f"{100 * row['share_of_floor']:.0f}" if "share_of_floor" in row else ""
        times = f"{eager[row['width']] / ms:.1f}" if row["width"] in eager else ""
        lines.append(
            (
                f"5×{row['width']}",
                row["members"],
                what,
                f"{ms:.4f}",
                f"{1e3 / ms / row['members']:,.0f}",
                share,
                times,
            )
        )
    head = ("network", "members", "what", "ms / update·member", "updates/s", "% of floor", "× PyTorch eager")
    print_table(f"Updates of batch 10; floor: the weights' bytes at {gbytes:,.0f} GB/s", head, lines)
