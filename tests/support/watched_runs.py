"""Runs of watched trainings made of invented numbers: no network is built, trained or looked at."""

import numpy as np

from tests.support.network_runs import invented_info, plant_network
from xavier_cli.data.answers import facts_of_examples
from xavier_cli.library.watching.settings import watched_config
from xavier_cli.runs.record import Run
from xavier_cli.runs.watched import Record, records_of, watched_run


def plant_watched(
    seed: int = 0,
    error: float = 0.2,
    layers: int = 6,
    records: int = 8,
    diverged_at: int = -1,
    has_errors: bool = True,
    **settings: object,
) -> Run:
    """The run of one seed that falls from chance to about `error` in 100 updates a record."""
    updates = 100 * (records - 1)
    config = watched_config("ResNet", settings, None, seed=seed, records="every:100", updates=None)
    start = plant_network(layers, seeds=f"{seed},")
    (first,) = records_of(start)
    rng = np.random.default_rng([seed, int(1000 * error)])
    final, taken = error + rng.normal(0, 0.01), []
    for number in range(records):
        share = 1 - np.exp(-3 * number / (records - 1))
        now = 0.9 + (final - 0.9) * share
        arrays = dict(first.arrays)
        for name, value in {"error": now if has_errors else np.nan, "loss": 2.3 * now}.items():
            arrays |= {f"curves/{part}_{name}": np.asarray(value) for part in ("valid", "test")}
        arrays["curves/train_loss"] = np.asarray(2.3 * now if number else np.nan)
        if 0 <= diverged_at <= 100 * number:
            arrays["weight/std"] = arrays["weight/std"] * np.nan
        taken.append(Record(100 * number, arrays))
    edges = {name.partition("/")[0]: start[name] for name in start.arrays if name.endswith("/bin_edge")}
    return watched_run(
        config.with_(weight_layers=layers, updates=updates),
        taken,
        edges,
        status="complete",
        created_utc="2026-01-01T00:00:00.000+00:00",
        data=facts_of_examples(config.data, (8, 8), 200, np.arange(200) % 10, 10, config.dataset.facts),
        network=invented_info(layers),
        provenance={"versions": {"torch": "2"}},
    )
