"""Rules about a whole training: learning, divergence, search, number of seeds, completeness."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np

from xavier_cli.config.command_text import train_command
from xavier_cli.findings.health.advice import lower_rate, other_start, train_longer, wider_search
from xavier_cli.findings.health.divergence import why_diverged
from xavier_cli.findings.health.finding import Rule, Symptom, first_since
from xavier_cli.findings.health.progress import (
    NEAR_CHANCE,
    TIME_CONSTANTS,
    TREND_RECORDS,
    not_slowing,
    progress,
)
from xavier_cli.runs.counting import stopped_in_words
from xavier_cli.runs.record import Run
from xavier_cli.runs.same_start import same_start_note, starts_alike
from xavier_cli.sanitize import fixed
from xavier_cli.statistics.estimate import late_records
from xavier_cli.vocabulary.grammar import show_value

ENOUGH_SEEDS = 5
HAD_LEARNT = 0.75
"""At this share of the error of guessing a network had learnt something: no random start comes so far."""


def _plateau(run: Run) -> Iterator[Symptom]:
    stuck = progress(run).stuck
    if not stuck.any():
        return
    late, guess = late_records(len(run.updates)), run.facts.guessing_error
    error = np.asarray(run["curves/valid_error"], dtype=np.float64)[stuck]
    loss = np.asarray(run["curves/valid_loss"], dtype=np.float64)[stuck]
    mean, late_loss = float(error[:, -late:].mean()), float(loss[:, -late:].mean())
    alone = len(run.seeds) > 1 and stuck.sum() == 1
    # A start that is to blame lets nobody learn: who did, and lost it, was thrown off by the updates.
    had_learnt = bool((error.min(axis=1) <= HAD_LEARNT * guess).all())
    before = f", after {100 * float(error.min(axis=1).mean()):.1f} % before" if had_learnt else ""
    yield Symptom(
        f"{stuck.sum()} of {len(run.seeds)} seeds have {100 * mean:.1f} % validation error, where the chance "
        f"level is {100 * guess:.1f} %{before}; their loss stands at {fixed(late_loss, 3)} (it started at "
        f"{fixed(float(loss[:, 0].mean()), 3)}) and no longer falls",
        lower_rate(run.config, run.lr) if had_learnt else other_start(run.config),
        since=first_since(run, (error >= guess - NEAR_CHANCE).all(axis=0)),
        numbers={
            "seeds": run.seeds[stuck].tolist(),
            "valid_error": mean,
            "guessing": guess,
            "valid_loss": late_loss,
        },
        # One seed of several is that seed's misfortune before it is the configuration's fault.
        severity="warning" if alone else None,
    )


def _too_early(run: Run) -> Iterator[Symptom]:
    if run.updates[-1] == 0:
        advice = "" if run.config.network.is_users else train_command(run.config)
        yield Symptom("the network is measured before training", advice, since=0, clause="not trained")
        return
    done, how = int(run.updates[-1]), progress(run)
    young = how.young
    if young.any():
        error = float(np.asarray(run["curves/valid_error"], dtype=np.float64)[young, -1].mean())
        if (how.falling | how.leaving)[young].all():
            why, longer = "but still learn", 4 * done
        elif how.window.stop == how.window.start:
            why, longer = f"in only {len(run.updates)} records", 4 * done
        else:
            rate = show_value(run.lr)
            why = f"where at lr {rate} even the output biases take {how.needed:,} updates to settle"
            longer = max(how.needed, done + 1)
        yield Symptom(
            f"{young.sum()} of {len(run.seeds)} seeds are at chance ({100 * error:.1f} % of validation) "
            f"after {done:,} updates, {why}",
            train_longer(run.config, longer),
            numbers={"seeds": run.seeds[young].tolist(), "valid_error": error, "updates_needed": how.needed},
        )
    elif fell := not_slowing(run, ~how.at_chance & ~run.diverged):
        yield Symptom(
            f"learning has not slowed: the validation loss fell by {fell[0]:.3g} in the first half of the "
            f"training, by {fell[1]:.3g} in the second",
            train_longer(run.config, 4 * done),
            numbers={"fell": list(fell)},
        )


def _diverged(run: Run) -> Iterator[Symptom]:
    lost = run["final/diverged_at"][run.diverged]
    if len(lost):
        why = why_diverged(run)
        yield Symptom(
            why.words,
            lower_rate(run.config, run.lr) if why.rate_helps else other_start(run.config),
            since=int(lost.min()),
            numbers={"seeds": run.seeds[run.diverged].tolist(), "diverged_at": lost.tolist()},
        )


def _on_edge(run: Run) -> Iterator[Symptom]:
    if run.on_edge:
        rates = ", ".join(f"{rate:g}" for rate in run.config.search)
        yield Symptom(
            f"the rate chosen, {run.lr:g}, is on the edge of those searched: {rates}",
            wider_search(run.config, run.lr),
            numbers={"lr": run.lr, "searched": list(run.config.search)},
        )


def _few_seeds(run: Run) -> Iterator[Symptom]:
    number = len(run.seeds)
    if 0 < number < ENOUGH_SEEDS and run.updates[-1] > 0:
        interval = "" if number > 2 else " and have no confidence interval"
        yield Symptom(
            f"N = {number}: differences from other configurations are not tested{interval} (needs "
            f"{ENOUGH_SEEDS} seeds)",
            # More seeds do not help where all start with equal weights.
            "" if starts_alike(run) else train_command(run.config, seeds=tuple(range(ENOUGH_SEEDS))),
            numbers={"seeds": number},
        )


def _same_start(run: Run) -> Iterator[Symptom]:
    if note := same_start_note(run):
        yield Symptom(note.removesuffix("."), since=0, numbers={"seeds": len(run.seeds)})


def _unfinished(run: Run) -> Iterator[Symptom]:
    if run.status != "complete":
        done, planned = int(run.updates[-1]), run.config.updates
        yield Symptom(
            f"{stopped_in_words(run)} ({math.floor(100 * done / max(planned, 1))} %)",
            train_command(run.config),
            numbers={"updates_done": done, "updates": planned},
        )


_SIGNALS = ("vanishing-activations", "vanishing-gradients", "exploding-gradients")

RULES = (
    Rule(
        "diverged",
        "error",
        "a seed's numbers stopped being finite",
        "any seed",
        "the engine freezes such a seed at its last finite state",
        _diverged,
        # Only where they are so from the start: on the way to infinity everything grows.
        because_of=("odd-data", "exploding-activations", "exploding-gradients"),
    ),
    Rule(
        "plateau-at-chance",
        "error",
        "a seed stays at chance: its error and loss are those of chance, and neither falls any more",
        f"over the late records, the error within {100 * NEAR_CHANCE:g} points of chance and the loss no "
        f"lower than at chance; no fall over the last half of at least {TREND_RECORDS} records (Kendall's "
        "test, 1 %, and fast enough to leave chance in as long again); not before "
        f"{TIME_CONSTANTS:g} K / lr updates with K classes, in which the output biases alone settle; a "
        "warning where one of several seeds is stuck",
        "Glorot & Bengio 2010, section 3.1 and Figure 11: the depth-5 sigmoid stays at 83.3 % on Shapeset",
        _plateau,
        ("curves/valid_error", "curves/valid_loss"),
        (
            "odd-data",
            "diverged",
            "symmetric-units",
            "exploding-activations",
            "dead-units",
            "saturated-layer",
            *_SIGNALS,
            "zero-gradients",
            "variance-drift",
        ),
    ),
    Rule(
        "rate-on-the-edge",
        "warning",
        "a search chose its lowest or highest rate, so that a better one may lie beyond",
        "the chosen rate is the first or last of the grid",
        "Glorot & Bengio 2010 chose the rate on validation error for each model",
        _on_edge,
        ("search/lr", "search/valid_error"),
        ("diverged", "symmetric-units", "dead-units"),
    ),
    Rule(
        "seeds-start-alike",
        "warning",
        "seeds start from the same weights, so that their spread is not the initialization's",
        "a custom initializer that ignores its key, or no weights drawn at all",
        "each initializer is drawn with two keys before training",
        _same_start,
        because_of=("symmetric-units",),
    ),
    Rule(
        "not-finished",
        "note",
        "the run holds only part of its training",
        "a status other than complete",
        "unfinished runs are shown and never tested",
        _unfinished,
        leaves_open=True,
        trains_on=True,
        clause="training is not finished",
    ),
    Rule(
        "too-early",
        "note",
        "the training is too short to tell a young network from one that does not learn",
        "at chance, but no plateau; or left chance, and the loss falls no slower in the second half of the "
        "training than in the first (Kendall's test, 1 %)",
        "see `plateau-at-chance`; sigmoid networks stay near chance for long and leave it (Figure 2)",
        _too_early,
        ("curves/valid_error", "curves/valid_loss"),
        leaves_open=True,
        trains_on=True,
        clause="trained for too few updates",
    ),
    Rule(
        "too-few-seeds",
        "note",
        "too few seeds for a test between configurations",
        f"fewer than {ENOUGH_SEEDS} seeds",
        "the seed is the unit of replication; a bootstrap over 3 covers 70 % where 95 % is meant",
        _few_seeds,
        trains_on=True,
    ),
)
