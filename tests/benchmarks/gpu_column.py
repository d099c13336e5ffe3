"""`column`: trains Table 1's Shapeset column at the paper's size, in slices resumed from checkpoints."""

from __future__ import annotations

import argparse
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import jax
import numpy as np
from gpu_session import STOP_SECONDS, Session, Training, print_table, say

from xavier_cli import Run, read_run

PAPER = {
    ("softsign", "standard"): 16.27,
    ("softsign", "normalized"): 16.06,
    ("tanh", "standard"): 27.15,
    ("tanh", "normalized"): 15.60,
    ("sigmoid", "standard"): 82.61,
}
"""Test errors in percent after 2.5 M updates (Glorot and Bengio 2010, Table 1)."""
SEEDS = 5
FULL = ["--scale", "paper", "--depth", "5", "--seeds", str(SEEDS)]
TINY = [
    "--scale",
    "tiny",
    "--depth",
    "1",
    "--jacobian-examples",
    "0",
    "--seeds",
    "2",
    "--updates",
    "6000",
    "--records",
    "every:500",
]


def train_column(session: Session, asked: argparse.Namespace) -> bool:
    """Go on with the five trainings until the budget is spent; the errors so far beside the paper's."""
    folder = session.out / ("column-tiny" if session.tiny else "column")
    options = [*(TINY if session.tiny else FULL), "--lr", str(asked.lr), "--update-rule", asked.update_rule]
    paths = {key: folder / f"{key[0]}-{key[1]}.h5" for key in PAPER}
    folder.mkdir(parents=True, exist_ok=True)
    before = {key: _done(path) for key, path in paths.items()}
    runs = {key: _read(path) for key, path in paths.items()}
    unfinished = [key for key, run in runs.items() if run is None or run.status != "complete"]
    # Processes take turns on a GPU, so that five side by side gain nothing, and each would end last.
    together = asked.at_a_time or (1 if jax.local_devices()[0].platform != "cpu" else 2)
    waves = [unfinished[i : i + together] for i in range(0, len(unfinished), together)]
    ended: list[int | None] = []
    for number, wave in enumerate(waves):
        # Divide the remaining time, less that of writing files, so that all get equally far.
        share = session.left() / (len(waves) - number) - STOP_SECONDS / 2
        if share < 5:
            say(f"{len(unfinished)} trainings unfinished, and no time to go on with the rest")
            break
        until = time.monotonic() + share
        say(f"training {', '.join(' '.join(key) for key in wave)} for at most {share:.0f} s")
        trainings = {
            key: Training(_command(key, paths[key], options), paths[key].with_suffix(".log")) for key in wave
        }
        with ThreadPoolExecutor(len(wave)) as pool:
            list(pool.map(lambda one, until=until: one.run(until), trainings.values()))
        for key, one in trainings.items():
            ended.append(one.returncode)
            session.keep("column", " ".join(key), _result(key, paths[key], before[key], one))
    _print(session, unfinished, {key: _read(path) for key, path in paths.items()}, paths)
    # Stopped by a signal is no failure.
    return all(code in (None, 0, 130, 143, -9, -15) for code in ended)


def _command(key: tuple[str, str], path: Path, options: list[str]) -> list[str]:
    return ["train", "--act", key[0], "--init", key[1], *options, "-o", str(path), "--resume"]


def _result(key: tuple[str, str], path: Path, before: int, training: Training) -> dict[str, Any]:
    """The result of one slice of one training, and every error so far."""
    run = _read(path)
    done = training.stopped_at or (int(run.updates[-1]) if run else before)
    path.with_suffix(".done").write_text(str(done))
    members = len(run.seeds) if run else 0
    found: dict[str, Any] = {
        "updates": done,
        "updates_in_this_slice": done - before,
        "slice_seconds": round(training.seconds, 1),
        "network_updates_per_second": round(max(0, done - before) * members / max(training.seconds, 1e-9), 1),
        "exit_code": training.returncode,
        "said": training.last_line()[:200],
        "paper": PAPER[key],
    }
    if run:
        found |= {
            "planned": run.config.updates,
            "lr": run.lr,
            "update_rule": run.config.update_rule,
            "status": run.status,
            "compile_seconds": run.provenance.get("compile_seconds"),
            "train_seconds": run.provenance.get("train_seconds"),
            "resumed_at": run.provenance.get("resumed_at"),
            "at": run.updates.tolist(),
            "test_error_percent": np.round(100 * run["curves/test_error"], 2).tolist(),
            "diverged": int(run.diverged.sum()),
        }
    return found


def _done(path: Path) -> int:
    """Updates done so far; a slice writes them down, since a run file shows records alone."""
    done = path.with_suffix(".done")
    return int(done.read_text()) if done.exists() else 0


def _read(path: Path) -> Run | None:
    return read_run(path) if path.exists() else None


def _print(
    session: Session,
    trained: list[tuple[str, str]],
    runs: dict[tuple[str, str], Run | None],
    paths: dict[tuple[str, str], Path],
) -> None:
    rows, rates = [], 0.0
    for key, run in runs.items():
        kept = session.results["column"].get(" ".join(key), {})
        rate = kept.get("network_updates_per_second", 0.0) if key in trained else 0.0
        rates += rate
        if run is None:
            rows.append((" ".join(key), "0", "", "", "", PAPER[key], f"{rate:,.0f}"))
            continue
        errors = 100 * run["curves/test_error"][:, -1]
        spread = f"± {errors.std(ddof=1):.2f}" if len(errors) > 1 else ""
        done = f"{_done(paths[key]):,} / {run.config.updates:,}"
        record = f"{int(run.updates[-1]):,}"
        rows.append((" ".join(key), done, record, f"{errors.mean():.2f}", spread, PAPER[key], f"{rate:,.0f}"))
    head = ("configuration", "updates", "at record", "test error %", "sd of seeds", "paper %", "updates/s")
    print_table("Table 1, Shapeset (updates/s: of all seeds, start-up included)", head, rows)
    say(f"all trainings of this slice: {rates:,.0f} network updates a second, start-up included")
