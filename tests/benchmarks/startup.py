"""How long a user waits: the first update of a warm `train`, `compare` over many runs, a plot.

    python tests/benchmarks/startup.py [RUNS]

Prints seconds of the clock and of the processor, and the largest memory; the latter two tell more where
others use the machine. RUNS files (100 by default) are written to a temporary folder and compared; of every
200 one is damaged, and has to be named.
"""

from __future__ import annotations

import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).parents[2]
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]

COMMAND = [sys.executable, "-c", "from xavier_cli.cli import main; main()"]
DAMAGED_OF = 200
# One update: what is left is starting, compiling (warm: fetching), looking, and writing.
FIRST_UPDATE = ["train", "--updates", "1", "--records", "2", "--seeds", "4", "-q", "--force"]


def timed(name: str, folder: Path, arguments: list[str]) -> str:
    """Run `xavier` in `folder`, print what it took, and return what it said beside its answer."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    began = time.perf_counter()
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [*COMMAND, *arguments], cwd=folder, env=environment, capture_output=True, text=True, check=False
    )
    seconds = time.perf_counter() - began
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    used = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    # The largest of all children so far, so that a small command shows its elders'.
    print(f"{name:32} {seconds:7.2f} s  {used:7.2f} s used  {after.ru_maxrss / 1024:6.0f} MB", flush=True)
    if done.returncode:
        print(f"  exit code {done.returncode}: {done.stderr.strip().splitlines()[-1]}")
    return done.stderr


def write_runs(folder: Path, count: int) -> list[Path]:
    """Write `count` runs of one seed, as small as the schema allows, and return those that are damaged."""
    from conftest import plausible_run

    from xavier_cli.runs.store import write_run

    for number in range(count):
        run = plausible_run(
            depth=1 + number % 5,
            width=10,
            records="2",
            seeds=f"{number}:{number + 1}",
            lr=0.01,
            only={"curves"},
            jacobian=False,
            test_examples=10,
        )
        write_run(folder / f"run{number:05}.h5", run)
    damaged = sorted(folder.glob("*.h5"))[DAMAGED_OF - 1 :: DAMAGED_OF]
    for number, path in enumerate(damaged):
        # Cut off, or its second half never on the disk.
        whole = path.read_bytes()
        half = whole[: len(whole) // 2]
        path.write_bytes(half.ljust(len(whole), b"\0") if number % 2 else half)
    return damaged


if __name__ == "__main__":
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 100
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "many").mkdir()
        timed("--help", folder, ["--help"])
        damaged = write_runs(folder / "many", count)
        files = [f"many/{path.name}" for path in sorted((folder / "many").glob("*.h5"))]
        said = timed(f"compare, {count} runs", folder, ["compare", *files])
        if damaged:
            print(f"  {sum(path.name in said for path in damaged)} of {len(damaged)} damaged files named")
        timed("train, first update (cold)", folder, FIRST_UPDATE)
        timed("train, first update (warm)", folder, FIRST_UPDATE)
        timed("plot saturation", folder, ["plot", "saturation"])
