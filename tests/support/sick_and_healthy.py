"""Networks to count the findings of `check` on: designed before anything was measured, then trained.

None of them had a part in setting a threshold: their widths, depths, rates and seeds occur nowhere else.
What is sick is so for a reason that literature or arithmetic gives, and is counted if the reason shows in the
outcome; what is set up as the literature recommends is counted as healthy if it ends far below chance and
near the best of its kind. Both are judged by the test error alone, never by what a rule looks at.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from xavier_cli.config.run import RunConfig
from xavier_cli.runs import schema
from xavier_cli.runs.record import Run
from xavier_cli.training.engine.training_data import prepare
from xavier_cli.training.train import train_together

FAR_BELOW_CHANCE = 0.75
"""A healthy network errs on at most this share of what guessing does."""
OF_ITS_KIND = 1.5
"""A healthy network errs on at most so many times what the best of its activation and data does."""
AT_CHANCE = 0.02

HEALTHY = "healthy"
SETTINGS = {"seeds": "700:708", "jacobian_examples": 0, "records": 16, "data": "mnist", "updates": 1_500}


@dataclass(frozen=True)
class Group:
    """Networks that train as one population: `settings`, and a reason for each initializer and rate.

    The reason is `HEALTHY`, or the sickness.
    """

    settings: Mapping[str, Any]
    reasons: Mapping[tuple[str, float], str]

    @property
    def configs(self) -> list[RunConfig]:
        """A configuration for each initializer and rate, in the order of the reasons."""
        return [RunConfig.of(**{**self.settings, "init": init, "lr": rate}) for init, rate in self.reasons]


def _usual(*rates: float) -> dict[tuple[str, float], str]:
    inits = ("standard", "normalized", "he_normal")
    return dict.fromkeys(itertools.product(inits, rates or (0.015, 0.03, 0.06, 0.1)), HEALTHY)


def _sick(reason: str, inits: Sequence[str], *rates: float) -> dict[tuple[str, float], str]:
    return dict.fromkeys(itertools.product(inits, rates or (0.03,)), reason)


_ALIKE = _sick("units alike", ("zeros", "constant:value=0.02"))
_SMALL = _sick("weights too small", ("normal:std=0.001",))
_LARGE = _sick("weights too large", ("normal:std=1", "normal:std=3"))


def groups() -> Iterator[Group]:
    """Activations, depths, widths, initializers and rates of ordinary sweeps, and what goes wrong in them."""

    def group(act: str, depth: int, width: int, *reasons: dict[tuple[str, float], str], **more: Any) -> Group:
        merged = {pair: why for each in reasons for pair, why in each.items()}
        return Group({**SETTINGS, **more, "act": act, "depth": depth, "width": width}, merged)

    scaled, fast = ("he_normal", "normalized"), "rate too high"
    yield group("relu", 3, 32, _usual(), _ALIKE, _SMALL, _sick(fast, ("he_normal",), 5.0, 20.0))
    yield group("tanh", 3, 32, _usual(), _ALIKE, _SMALL, _LARGE)
    yield group("sigmoid", 5, 24, _sick("sigmoid too deep", ("standard", "normalized"), 0.1, 0.2))
    yield group("elu", 3, 24, _usual(), _sick(fast, scaled, 5.0))
    yield group("gelu", 2, 24, _usual(), _ALIKE)
    yield group("softsign", 4, 32, _usual(), _SMALL)
    # The sigmoid's slope is a quarter of the others'.
    yield group("sigmoid", 1, 32, _usual(0.1, 0.2, 0.3))
    yield group("leaky_relu", 5, 24, _usual())
    yield group("relu", 1, 32, _usual())
    yield group("relu", 2, 24, _sick("units dead", scaled), bias_init="constant:value=-4")
    yield group("tanh", 4, 24, _sick("gain too large", scaled), init_gain=3.0)
    yield group("selu", 2, 32, _usual())


def trained(group: Group, data_dir: Path | None) -> list[tuple[str, Run]]:
    """The group's networks as run files would hold them, each with its reason.

    Of each configuration five seeds are one run, and each of the others is a run of its own.
    """
    configs = group.configs
    runs = train_together(configs, prepare(configs[0], data_dir))
    return [
        (reason, part)
        for reason, run in zip(group.reasons.values(), runs, strict=True)
        for part in parted(run)
    ]


def parted(run: Run) -> list[Run]:
    """`run` as one of its first five seeds, and one for each other."""
    return [with_seeds(run, rows) for rows in (range(5), *([row] for row in range(5, len(run.seeds))))]


def with_seeds(run: Run, rows: Sequence[int]) -> Run:
    """`run` with the seeds at `rows` alone."""
    kept = list(rows)
    arrays = {
        name: array[kept] if schema.dims(name)[:1] == ("seed",) else array
        for name, array in run.arrays.items()
    }
    seeds = tuple(int(run.seeds[row]) for row in kept)
    return replace(run, config=run.config.with_(seeds=seeds), arrays=arrays)


def last_error(run: Run) -> float:
    """The mean test error over seeds at the last record; that of chance where a seed diverged."""
    error = run["curves/test_error"][:, -1]
    return float(np.where(np.isfinite(error) & ~run.diverged, error, run.facts.guessing_error).mean())


def best_of_kinds(runs: Sequence[Run]) -> dict[tuple[str, str], float]:
    """The lowest mean test error of a run of five seeds, by activation and data."""
    best: dict[tuple[str, str], float] = {}
    for run in runs:
        if len(run.seeds) == 5:
            kind = run.config.act, run.config.data
            best[kind] = min(best.get(kind, 1.0), last_error(run))
    return best


def turned_out_healthy(run: Run, best: dict[tuple[str, str], float]) -> bool:
    """Whether every seed ended far below chance, and the mean near the best of its kind."""
    error = run["curves/test_error"][:, -1]
    far = FAR_BELOW_CHANCE * run.facts.guessing_error
    usual = OF_ITS_KIND * best[run.config.act, run.config.data]
    return not run.diverged.any() and bool((error <= far).all()) and last_error(run) <= usual


def turned_out_sick(run: Run, best: dict[tuple[str, str], float]) -> bool:
    """Whether a seed diverged or is at chance, or the mean is not near the best of its kind."""
    error = run["curves/test_error"][:, -1]
    at_chance = error >= run.facts.guessing_error - AT_CHANCE
    usual = OF_ITS_KIND * best.get((run.config.act, run.config.data), 0.0)
    return bool(run.diverged.any() or at_chance.any()) or last_error(run) > usual
