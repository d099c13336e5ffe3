"""Checks, measures and trains on a GPU: the parts `checks`, `measure` and `column`, each with a budget.

    python tests/benchmarks/gpu.py checks measure column --out FOLDER [--budget SECONDS] [--tiny]

Each part named is run in this order, within `--budget` seconds of its own; `FOLDER/results.json` is written
after every step, and a part that is run again replaces its own results alone. `column` adds to what earlier
slices left in FOLDER. `--tiny` shows in a few minutes that everything runs, also without a GPU.
Exit code 3 where a check does not hold. SCALING.md says how to read the numbers.
"""

from __future__ import annotations

import argparse
import os
import platform
import signal
import sys
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

# Before JAX starts: trainings, and PyTorch, run beside this process on the same device.
os.environ.setdefault("XLA_PYTHON_CLIENT_PREALLOCATE", "false")

import jax
from gpu_checks import check
from gpu_column import train_column
from gpu_measures import measure, measure_pytorch
from gpu_session import Session, asked_to_stop, say

import xavier_cli

PARTS = {"checks": check, "measure": measure, "pytorch": measure_pytorch, "column": train_column}
BUDGETS = {"checks": 300.0, "measure": 480.0, "pytorch": 240.0, "column": 480.0}


def about() -> dict[str, object]:
    """When, where and with what the numbers were taken."""
    device = jax.local_devices()[0]
    return {
        "when": datetime.now(UTC).isoformat(timespec="seconds"),
        "command": " ".join(sys.argv),
        "device": device.device_kind,
        "devices": len(jax.local_devices()),
        "memory_bytes": (device.memory_stats() or {}).get("bytes_limit"),
        "cores": os.cpu_count(),
        "python": platform.python_version(),
        "versions": {"xavier": xavier_cli.__version__}
        | {name: version(name) for name in ("jax", "jaxlib", "numpy", "optax", "h5py")},
        "xla_flags": os.environ.get("XLA_FLAGS", ""),
    }


def main() -> None:
    """Run the parts that are asked for."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("parts", nargs="+", choices=PARTS, metavar="PART", help=", ".join(PARTS))
    parser.add_argument("--out", type=Path, default=Path("gpu"), help="folder of results; default: gpu")
    parser.add_argument("--budget", type=float, help="seconds for each part that is named")
    parser.add_argument("--tiny", action="store_true", help="small networks, few updates: shows that it runs")
    parser.add_argument("--lr", type=float, default=0.01, help="column: learning rate; default: 0.01")
    parser.add_argument("--update-rule", default="plain", help="column: plain (default), delayed:K or auto")
    parser.add_argument("--at-a-time", type=int, help="column: trainings at a time; default: 1 on a GPU")
    asked = parser.parse_args()
    facts = about()
    say(f"{facts['devices']} × {facts['device']}, jax {jax.__version__}, {facts['when']}")
    # Trainings are told to stop too, and publish what they have.
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda *_: asked_to_stop.set())
    holds = True
    for part in asked.parts:
        session = Session(asked.out, asked.tiny, asked.budget or BUDGETS[part])
        # Slices of the column add to those before.
        if part != "column":
            session.results[part] = {}
        session.keep(part, "about", facts)
        holds &= PARTS[part](session, asked)
        session.keep(part, "seconds_left_of_budget", round(session.left(), 1))
    sys.exit(0 if holds else 3)


if __name__ == "__main__":
    main()
