"""Runs with diverged seeds planted in them, and what every view must show of them, worked out by SciPy.

What is expected is taken from the numbers as exports give them, seed by seed.
"""

import numpy as np
import pytest

from xavier_cli.export.long import long_records

# Seeds, and those that diverged.
PLANTED = [
    (1, ()),
    (2, ()),
    (2, (1,)),
    (5, ()),
    (5, (0, 3)),
    (5, (0, 1, 2, 3)),
    (5, (0, 1, 2, 3, 4)),
    (1, (0,)),
]
GUESSING = 100 * 5 / 6
GEOMETRIC = ("backprop/std", "weight_gradient/std", "weight_gradient/example_rms")
SCALED = ("activation/mean", "activation/std", *GEOMETRIC, "jacobian/mean_singular_value")


def plant(make_run, seeds, diverged=(), **settings):
    """A run whose seeds differ widely, so that each wrong kind of mean shows; diverged ones are far off."""
    settings = {"width": 8, "depth": 3, "updates": 1000, "test_examples": 50, **settings}
    if settings["updates"]:
        settings.setdefault("records", 5)
    run = make_run(seeds=seeds, diverged=diverged, spread=0.1, **settings)
    scale = np.random.default_rng(seeds).lognormal(0, 1, seeds)
    scale[list(diverged)] = 30.0
    for path in SCALED:
        run.arrays[path] = run[path] * scale[:, None, None]
    lost = (run["final/diverged_at"][:, None] >= 0) & (run.updates >= run["final/diverged_at"][:, None])
    # A frozen network has errors, losses and layers of its own, which nothing may show.
    for examples in ("valid", "test"):
        run.arrays[f"curves/{examples}_error"][lost] = 0.111
        run.arrays[f"curves/{examples}_loss"][lost] = 99.0
    run.arrays["curves/train_loss"][lost] = np.nan
    run.arrays["activation/saturated"][lost] = 1.0
    return run


def exported(run, path):
    """The numbers of a dataset by seed, record and layer (0 where it has none), as exports give them."""
    tensor, statistic = path.split("/")
    return {
        (row["seed"], row["update"], row["layer"] or 0): row["value"]
        for row in long_records(run, "x")
        if (row["tensor"], row["statistic"]) == (tensor, statistic)
    }


def lost_at(run):
    """The update at which a seed diverged, for each that did, as exports give it."""
    return {seed: at for (seed, *_), at in exported(run, "final/diverged_at").items() if at >= 0}


def expected(values, geometric=False):
    """Centre and ends of the t-interval by SciPy."""
    from scipy import stats

    values = np.log(values) if geometric else np.array(values)
    if not len(values):
        return (np.nan,) * 3
    ends = (np.nan, np.nan)
    if len(values) > 1:
        half = stats.t.ppf(0.975, len(values) - 1) * stats.sem(values)
        ends = values.mean() - half, values.mean() + half
    return tuple(np.exp(each) if geometric else each for each in (values.mean(), *ends))


def expected_error(run, update, examples="test"):
    lost = lost_at(run)
    return expected(
        [
            GUESSING if seed in lost and update >= lost[seed] else 100 * value
            for (seed, at, _), value in exported(run, f"curves/{examples}_error").items()
            if at == update
        ]
    )


def expected_layer(run, path, update, layer):
    lost = lost_at(run)
    seeds = [seed for seed in run.config.seeds if seed not in lost]
    seeds = seeds or [seed for seed in lost if update < lost[seed]]
    values = exported(run, path)
    return expected([values[seed, update, layer] for seed in seeds], path in GEOMETRIC)


def close(ours, wanted):
    assert [*map(float, ours)] == pytest.approx([*wanted], rel=1e-5, nan_ok=True)
