"""Rules about the data: warnings from reading it, and gradients that are 0 throughout."""

from __future__ import annotations

import shlex
from collections.abc import Iterator

import numpy as np

from xavier_cli.config.command_text import train_command
from xavier_cli.findings.health.advice import lower_rate
from xavier_cli.findings.health.finding import Rule, Symptom, first_since, named
from xavier_cli.runs.counting import layers_of, layers_over_seeds
from xavier_cli.runs.record import Run
from xavier_cli.vocabulary.grammar import STANDARDIZE


def _odd(run: Run) -> Iterator[Symptom]:
    for warning in run.data.warnings if run.data else ():
        remedied = STANDARDIZE in warning
        advice = train_command(run.config, coding=STANDARDIZE) if remedied else _look_at(run)
        yield Symptom(warning, advice, numbers={"data": run.config.data})


def _no_gradients(run: Run) -> Iterator[Symptom]:
    """All seeds' must be 0, not their mean alone, which is geometric and 0 where one seed's is."""
    parts = (layers_of(run, f"weight_gradient/{name}") for name in ("std", "mean"))
    zero = (np.hypot(*parts) == 0).all(axis=0)
    layers = np.flatnonzero(zero[-1]) + 1
    if len(layers) and not _opens_at_once(run, zero):
        # The data is to blame only for gradients that are 0 from the start; later ones became so in training.
        from_start = bool(zero[0, layers - 1].any())
        yield Symptom(
            f"every weight gradient of {named(layers.tolist())} is 0: these weights learn nothing",
            _look_at(run) if from_start else lower_rate(run.config, run.lr),
            tuple(layers.tolist()),
            first_since(run, zero[:, layers - 1].all(axis=1)),
            {"weight_gradient": layers_over_seeds(run, "weight_gradient/std").center[-1].tolist()},
        )


def _opens_at_once(run: Run, zero: np.ndarray) -> bool:
    """Whether a layer of weights that are all 0, as output layers may start, has a gradient of its own.

    Before training nothing else holds back the gradients of the layers below, and the first update ends that.
    `zero` says where all of a layer's gradients are 0, `(R, L)`.
    """
    if run.updates[-1] > 0 or not {"weight/std", "weight/mean"} <= run.arrays.keys():
        return False
    weights = np.hypot(layers_of(run, "weight/std"), layers_of(run, "weight/mean"))[:, 0]
    return bool(((weights == 0).all(axis=0) & ~zero[0]).any())


def _look_at(run: Run) -> str:
    # The gradients of a custom network may be stopped in its own code.
    if run.config.data == "shapeset" or run.config.network.is_users:
        return ""
    return shlex.join(["xavier", "data", "show", run.config.data])


RULES = (
    Rule(
        "odd-data",
        "warning",
        "the data is not what one would train on",
        "one class, inputs that are constant or hardly differ, or are far outside the usual range",
        "said when the data was read, and kept in the run",
        _odd,
    ),
    Rule(
        "zero-gradients",
        "error",
        "all weight gradients of a layer are exactly 0, so that it cannot learn",
        "at the last record, over all probe examples and seeds",
        "inputs that are all 0 and a single class make them so; trained networks only come close to 0",
        _no_gradients,
        ("weight_gradient/std", "weight_gradient/mean"),
        ("diverged", "odd-data", "symmetric-units", "dead-units", "saturated-layer", "vanishing-activations"),
    ),
)
