"""How long trainings are said to take beside how long they take, and what its parts should be.

    python tests/benchmarks/estimates.py [ROUNDS]

Core seconds of training and looking, compiling apart, the least of ROUNDS; the parts are those of `SECONDS`
in `training/estimate.py`, fitted to what was seen with equal relative weight. For a machine at rest.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
from scipy.optimize import nnls

from xavier_cli.config.run import RunConfig
from xavier_cli.runs.store import read_run
from xavier_cli.training import estimate

ROOT = Path(__file__).parents[2]
COMMAND = [
    sys.executable,
    "-c",
    "from xavier_cli.cli import main; main()",
    "train",
    "-q",
    "--force",
    "-f",
    "json",
]
SHAPES: list[dict[str, object]] = [
    {"updates": 5000, "records": 2},
    {"updates": 500, "records": 21},
    {"updates": 10000, "records": 2, "width": 100},
    {"updates": 500, "records": 2, "width": 1000},
    {"updates": 20, "records": 11, "width": 1000},
    {"updates": 10000, "records": 2, "depth": 1},
    {"updates": 2000, "records": 2, "depth": 20, "width": 100, "data": "mnist"},
    {"updates": 1000, "records": 2, "depth": 50, "width": 100, "data": "mnist"},
    {"updates": 20, "records": 11, "depth": 50, "width": 100, "data": "mnist"},
    {"updates": 5000, "records": 2, "data": "mnist"},
    {"updates": 3000, "records": 2, "data": "cifar10"},
    {"updates": 20, "records": 21, "data": "cifar10"},
    {"updates": 2000, "records": 2, "batch_size": 100},
    {"updates": 3000, "records": 2, "optimizer": "adam"},
    {"updates": 3000, "records": 2, "optimizer": "diagonal_gauss_newton", "width": 100},
]


def seen(settings: dict[str, object], folder: Path) -> float:
    """Core seconds of one training of four seeds."""
    options = [
        text for name, value in settings.items() for text in (f"--{name.replace('_', '-')}", str(value))
    ]
    done = subprocess.run(
        [*COMMAND, *options],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=True,
    )
    run = read_run(folder / json.loads(done.stdout)["run"])
    return float(run.provenance["train_seconds"]) * min(len(run.seeds), int(run.provenance["cores"]))


if __name__ == "__main__":
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 3
    with tempfile.TemporaryDirectory() as name:
        took = [min(seen(settings, Path(name)) for _ in range(rounds)) for settings in SHAPES]
    configs = [RunConfig.of(**settings) for settings in SHAPES]
    told = [estimate.core_seconds(config) for config in configs]
    for settings, one, other in zip(SHAPES, told, took, strict=True):
        print(f"told {one:7.1f} s, took {other:7.1f} s, {one / other:5.2f}: {settings}")
    amounts = np.array([list(estimate.amounts(config).values()) for config in configs])
    fitted, _ = nnls(amounts / np.array(took)[:, None], np.ones(len(took)))
    for name, value in zip(estimate.amounts(configs[0]), fitted, strict=True):
        print(f"{name:12} {value:.2g} s")
