"""Times a user initializer and a user activation next to the same built-in ones.

    python tests/benchmarks/own_functions.py [ROUNDS [KIND…]]

Whole commands in turns, warm; prints seconds and the median ratio of own to built-in. KIND is `init` or
`act`.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).parents[2]
COMMAND = [sys.executable, "-c", "from xavier_cli.cli import main; main()", "train", "-q", "--force"]
SIZE = ["--width", "300", "--updates", "3000", "--records", "2"]
OWN = """
import jax, jax.numpy as jnp

def uniform(key, shape, dtype=jnp.float32):
    bound = jnp.sqrt(6 / (shape[0] + shape[1]))
    return jax.random.uniform(key, shape, dtype, -bound, bound)

def softsign(s):
    return s / (1 + jnp.abs(s))
"""
PAIRS = {
    "init": (["--init", "normalized"], ["--init", "own.py:uniform"]),
    "act": (["--act", "softsign"], ["--act", "own.py:softsign"]),
}


def seconds(folder: Path, arguments: list[str]) -> float:
    """The time of a whole training."""
    began = time.perf_counter()
    subprocess.run(
        [*COMMAND, *SIZE, *arguments],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        check=True,
    )
    return time.perf_counter() - began


if __name__ == "__main__":
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 5
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "own.py").write_text(OWN)
        for kind in sys.argv[2:] or PAIRS:
            built_in, own = PAIRS[kind]
            for arguments in (built_in, own):
                seconds(folder, arguments)
            taken = [(seconds(folder, built_in), seconds(folder, own)) for _ in range(rounds)]
            ratio = statistics.median(b / a for a, b in taken)
            for words, column in zip(("built-in", "own"), zip(*taken, strict=True), strict=True):
                print(f"{kind}, {words}: {', '.join(f'{each:.2f}' for each in column)} s")
            print(f"{kind}: own takes {ratio:.3f} of the built-in's time, median of {rounds}", flush=True)
