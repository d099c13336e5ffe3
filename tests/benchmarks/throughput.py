"""Takes `xavier bench` and keeps its answer beside this file: `results.json`, and `results.md` to read.

    python tests/benchmarks/throughput.py [OPTIONS OF xavier bench]

Ratios of one run are worth comparing, times of two are not: machines differ, and are noisy.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

from xavier_cli.cli import main

HERE = Path(__file__).parent


def measure(arguments: list[str]) -> None:
    """Run `xavier bench` and write `results.json`; the command ends the process, so that it is a child's."""
    child = os.fork()
    if not child:
        sys.argv = ["xavier", "bench", "-o", str(HERE / "results.json"), *arguments]
        main()
    if status := os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]):
        sys.exit(status)


def results_page(found: dict) -> str:
    """The numbers in `found` as Markdown."""
    machine, limits = found["machine"], found["limits"]
    lines = [
        "# Last results of `throughput.py`",
        "",
        f"{machine['processor']}, {machine['devices']}, jax {machine['jax']}; load average at the start "
        f"{machine['load']}. {found['seeds']} seeds at batch 10.",
        "",
        f"Limits: {limits['gflops']:.0f} GFLOP/s of matrix products, "
        f"{limits['memory_gbytes']:.1f} GB/s from memory.",
        "",
        "| network | what | ms per update and seed | % of peak | × PyTorch's best |",
        "|---|---|---:|---:|---:|",
    ]
    for rate in found["rates"]:
        times = f"{rate['times_pytorch']:.2f}" if rate["times_pytorch"] else ""
        lines.append(
            f"| {rate['depth']}×{rate['width']} | {rate['what']} | {rate['milliseconds']:.4f} "
            f"| {100 * rate['flops_share']:.0f} | {times} |"
        )
    return "\n".join([*lines, *(f"\n{note}" for note in found["notes"])]) + "\n"


if __name__ == "__main__":
    measure(sys.argv[1:])
    found = json.loads((HERE / "results.json").read_text())
    (HERE / "results.md").write_text(results_page(found.get("data", found)))
