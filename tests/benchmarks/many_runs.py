"""How long thousands of runs take: `ls`, `compare`, a sweep's plan and completion, with an index or without.

    python tests/benchmarks/many_runs.py [EXPERIMENTS [SEEDS [TURNS]]] [--keep FOLDER] [--against CHECKOUT]

Writes 2,000 experiments of 5 seeds, a file each, as small as the schema allows; one of every 200 is damaged.
Then each command in turns: by another CHECKOUT of this program, without an index (no cache folder), first (an
empty one), and again. Prints medians of the clock and of the processor, all processes together; those tell
more where others use the machine. Files in FOLDER, from an earlier call, are used again.
"""

from __future__ import annotations

import argparse
import itertools
import os
import platform
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).parents[2]
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]

COMMAND = [sys.executable, "-c", "from xavier_cli.cli import main; main()"]
DAMAGED_OF = 200
GRID = {
    "act": ["tanh", "softsign", "sigmoid", "relu"],
    "init": ["standard", "normalized"],
    "depth": [1, 2, 3, 4, 5],
    "width": [10 * number for number in range(1, 51)],
}
SETTINGS = {"lr": 0.01, "records": "5"}
WORDS = {"_XAVIER_COMPLETE": "complete_bash", "COMP_WORDS": "xavier ls shapeset-tanh", "COMP_CWORD": "2"}
COMMANDS: dict[str, tuple[list[str], dict[str, str]]] = {
    "ls": (["ls"], {}),
    "ls -f json": (["ls", "-f", "json"], {}),
    "compare": (["compare"], {}),
    "compare -f json": (["compare", "-f", "json"], {}),
    "sweep --dry-run": (["sweep", "many.toml", "--dry-run", "--yes"], {}),
    "completion": ([], WORDS),
}


def experiments(count: int) -> list[dict[str, object]]:
    """The settings of the first `count` cells of a grid of 2,000."""
    cells = itertools.product(*GRID.values())
    return [dict(zip(GRID, cell, strict=True)) for cell in itertools.islice(cells, count)]


def write_runs(folder: Path, count: int, seeds: int) -> None:
    """Write the files of all experiments, a seed each, and damage some."""
    from conftest import plausible_run

    from xavier_cli.runs.store import write_run

    for number, cell in enumerate(experiments(count)):
        for seed in range(seeds):
            run = plausible_run(
                **cell,
                **SETTINGS,
                seeds=f"{seed}:{seed + 1}",
                final_error=0.2 + 0.1 * number / count,
                only={"curves"},
                jacobian=False,
                test_examples=10,
                provenance={
                    "command_id": f"{number % 10}",
                    "command": "xavier train",
                    "versions": {"jax": "0"},
                },
            )
            write_run(folder / f"{run.config.file_stem()}.h5", run)
    for path in sorted(folder.glob("*.h5"))[DAMAGED_OF - 1 :: DAMAGED_OF]:
        path.write_bytes(path.read_bytes()[:2000])


def write_recipe(path: Path, count: int) -> None:
    """A recipe whose cells are the experiments' first seeds."""
    lists = {name: values for name, values in GRID.items() if name != "width"}
    widths = GRID["width"][: max(1, count // 40)]
    grid = "\n".join(f"{name} = {values!r}" for name, values in {**lists, "width": widths}.items())
    fixed = 'lr = 0.01\nrecords = "5"\nseeds = "0:1"'
    path.write_text(f'title = "Many"\nabout = "Many?"\n[base]\n{fixed}\n[grid]\n{grid}\n'.replace("'", '"'))


def timed(
    folder: Path, arguments: list[str], root: Path, cache: str, words: dict[str, str]
) -> tuple[float, float, str]:
    """Seconds of the clock and of the processor, and the output; `root` is the checkout that answers."""
    own = {"PYTHONPATH": str(root), "XDG_CACHE_HOME": cache, "XAVIER_RUNS_DIR": "runs"}
    environment = {**os.environ, **own, **words}
    before, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    done = subprocess.run(
        [*COMMAND, *arguments], cwd=folder, env=environment, capture_output=True, text=True, check=False
    )
    seconds, after = time.perf_counter() - began, resource.getrusage(resource.RUSAGE_CHILDREN)
    if done.returncode not in (0, 4):
        sys.exit(f"exit code {done.returncode}: {done.stderr.strip()[-500:]}")
    used = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return seconds, used, done.stdout


def main() -> None:
    """Make what is missing, time each command in turns, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("experiments", type=int, nargs="?", default=2000)
    parser.add_argument("seeds", type=int, nargs="?", default=5)
    parser.add_argument("turns", type=int, nargs="?", default=3)
    parser.add_argument("--keep", type=Path)
    parser.add_argument("--against", type=Path)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = asked.keep or Path(name)
        (folder / "runs").mkdir(parents=True, exist_ok=True)
        if not any((folder / "runs").iterdir()):
            write_runs(folder / "runs", asked.experiments, asked.seeds)
        write_recipe(folder / "many.toml", asked.experiments)
        # What is younger than the moment it is read is not remembered.
        time.sleep(3)
        taken = measured(folder, Path(name), asked.turns, asked.against)
        print(f"{len(list((folder / 'runs').iterdir())):,} files, {asked.turns} turns; {machine()}\n")
    modes = list(dict.fromkeys(mode for _, mode in taken))
    print(f"{'':16}" + "".join(f"{mode:>22}" for mode in modes) + f"{modes[0] + ' / again':>18}")
    for command in COMMANDS:
        pairs = [taken[command, mode] for mode in modes]
        clocks = [statistics.median(clock for clock, _ in each) for each in pairs]
        used = [statistics.median(used for _, used in each) for each in pairs]
        cells = "".join(f"{a:9.2f} s {b:6.2f} used" for a, b in zip(clocks, used, strict=True))
        print(f"{command:16}{cells}{clocks[0] / clocks[-1]:9.1f} {used[0] / used[-1]:8.1f}")


def measured(
    folder: Path, caches: Path, turns: int, against: Path | None
) -> dict[tuple[str, str], list[tuple[float, float]]]:
    """Seconds of the clock and of the processor by command and mode; leaves where the answers differ."""
    taken: dict[tuple[str, str], list[tuple[float, float]]] = {}
    for turn in range(turns):
        for command, (arguments, words) in COMMANDS.items():
            cache, said = str(caches / f"{turn} {command}"), set()
            modes = {"before": (against, os.devnull)} if against else {}
            modes |= {"without": (ROOT, os.devnull), "first": (ROOT, cache), "again": (ROOT, cache)}
            for mode, (root, place) in modes.items():
                clock, used, out = timed(folder, arguments, root, place, words)
                taken.setdefault((command, mode), []).append((clock, used))
                said.add(out)
            # A table says how old runs are.
            if len(said) > 1 and command != "ls":
                sys.exit(f"{command}: the answers differ")
    return taken


def machine() -> str:
    """The processor, its cores, and how busy it was."""
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    model = next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), "")
    cores, load = len(os.sched_getaffinity(0)), os.getloadavg()[0]
    return f"{cores} cores of {model}, load {load:.1f}, Python {platform.python_version()}"


if __name__ == "__main__":
    main()
