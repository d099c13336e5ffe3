"""The parts of a run's time, in the processors' seconds: what evaluation, layer statistics and saving cost.

    python tests/benchmarks/parts.py [SETTING=VALUE …]

Trains `act=tanh init=normalized` with the defaults, or with the settings given, and prints the parts that
`xavier show` tells by the clock, here by the processors' seconds, which others on the machine disturb less.
Singular values, which are computed beside the other parts, are a part of their own here.
"""

from __future__ import annotations

import os
import sys
import time
from typing import Any

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

from xavier_cli.config.run import RunConfig
from xavier_cli.training.engine import time_spent
from xavier_cli.training.probes.jacobian import JacobianMeter
from xavier_cli.training.session import session


def main(settings: dict[str, Any]) -> None:
    """Train once and print the parts."""
    singular, spent_beside = JacobianMeter.singular, [0.0]
    # Without what was spent beside: those of the last record are waited for, and would count twice.
    time_spent.clock = lambda: time.process_time() - sum(spent_beside)

    def timed(self: JacobianMeter, *given: Any) -> Any:
        began = time.thread_time()
        found = singular(self, *given)
        spent_beside.append(time.thread_time() - began)
        return found

    JacobianMeter.singular = timed  # type: ignore[method-assign]
    run = session(RunConfig.of(**{"act": "tanh", "init": "normalized", **settings})).train()
    spent = run.provenance["seconds_spent"]
    beside = sum(spent_beside)
    whole = run.provenance["train_seconds"] + beside
    print(f"{run.config.depth}x{run.config.width}, {run.config.updates:,} updates, {len(run.seeds)} seeds")
    for name, seconds in spent.items():
        share = "" if name == "compiling" else f"{100 * seconds / whole:6.2f} %"
        print(f"{name:12} {seconds:8.2f} s {share}")
    print(f"{'singular':12} {beside:8.2f} s {100 * beside / whole:6.2f} %")
    inside = spent["probes"] + spent["saving"] + beside
    print(f"looking inside and saving: {100 * inside / whole:.1f} %")


if __name__ == "__main__":
    main(dict(text.split("=", 1) for text in sys.argv[1:]))
