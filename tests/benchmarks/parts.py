"""The parts of a run's time, in the processors' seconds: what evaluation, layer statistics and saving cost.

    python tests/benchmarks/parts.py [SETTING=VALUE …]

Trains `act=tanh init=normalized` with the defaults, or with the settings given, and prints the parts that
`xavier show` tells by the clock, here by the processors' seconds, which others on the machine disturb less.
What runs beside the updates is in theirs: singular values, which are told apart.
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
    time_spent.clock = time.process_time
    singular, spent_beside = JacobianMeter.singular, []

    def timed(self: JacobianMeter, *given: Any) -> Any:
        began = time.thread_time()
        found = singular(self, *given)
        spent_beside.append(time.thread_time() - began)
        return found

    JacobianMeter.singular = timed  # type: ignore[method-assign]
    run = session(RunConfig.of(**{"act": "tanh", "init": "normalized", **settings})).train()
    spent = run.provenance["seconds_spent"]
    whole = run.provenance["train_seconds"]
    print(f"{run.config.depth}x{run.config.width}, {run.config.updates:,} updates, {len(run.seeds)} seeds")
    for name, seconds in spent.items():
        share = "" if name == "compiling" else f"{100 * seconds / whole:6.2f} %"
        print(f"{name:12} {seconds:8.2f} s {share}")
    beside = sum(spent_beside)
    print(f"of which singular values, beside the updates: {beside:.2f} s {100 * beside / whole:.2f} %")
    inside = spent["probes"] + spent["saving"] + beside
    print(f"looking inside and saving: {100 * inside / whole:.1f} %")


if __name__ == "__main__":
    main(dict(text.split("=", 1) for text in sys.argv[1:]))
