"""Rules about a whole training: learning, divergence, search, number of seeds, completeness."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np

from xavier_cli.config.command_text import train_command
from xavier_cli.findings.health.advice import lower_rate, wider_search
from xavier_cli.findings.health.divergence import why_diverged
from xavier_cli.findings.health.finding import Rule, Symptom, first_since
from xavier_cli.findings.health.layer_rules import other_start
from xavier_cli.runs.record import Run
from xavier_cli.runs.same_start import same_start_note, starts_alike
from xavier_cli.sanitize import fixed
from xavier_cli.statistics.estimate import late_records

NEAR_CHANCE = 0.02
ENOUGH_SEEDS = 5


def _plateau(run: Run) -> Iterator[Symptom]:
    late, guess = late_records(len(run.updates)), run.facts.guessing_error
    if len(run.updates) <= late:
        return
    error, loss = run["curves/valid_error"].astype(np.float64), run["curves/valid_loss"]
    # Diverged seeds are reported by `_diverged`; the first record is expected to be at chance.
    stuck = (error[:, -late:].mean(axis=1) >= guess - NEAR_CHANCE) & ~run.diverged
    if stuck.any():
        seeds = run.seeds[stuck].tolist()
        mean = float(error[stuck][:, -late:].mean())
        late_loss = float(loss[stuck][:, -late:].mean())
        yield Symptom(
            f"{len(seeds)} of {len(run.seeds)} seeds err on {100 * mean:.1f} % of validation, where guessing "
            f"errs on {100 * guess:.1f} %; their loss stands at {fixed(late_loss, 3)} (it started "
            f"at {fixed(float(loss[stuck, 0].mean()), 3)})",
            other_start(run.config),
            since=first_since(run, (error[stuck] >= guess - NEAR_CHANCE).all(axis=0)),
            numbers={"seeds": seeds, "valid_error": mean, "guessing": guess, "valid_loss": late_loss},
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
        can = "gives an interval, no test" if number > 2 else "gives no interval of a difference"
        yield Symptom(
            f"N = {number} {can}; a test between configurations takes {ENOUGH_SEEDS}",
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
            f"{run.status} at {done:,} of {planned:,} updates ({math.floor(100 * done / max(planned, 1))} %)",
            train_command(run.config),
            numbers={"updates_done": done, "updates": planned},
        )


RULES = (
    Rule(
        "plateau-at-chance",
        "error",
        "a seed answers no better than guessing",
        f"mean validation error over the last records within {100 * NEAR_CHANCE:g} points of guessing",
        "Glorot & Bengio 2010, section 3.1 and Figure 11: the depth-5 sigmoid stays at 83.3 % on Shapeset",
        _plateau,
        ("curves/valid_error", "curves/valid_loss"),
    ),
    Rule(
        "diverged",
        "error",
        "a seed's numbers stopped being finite",
        "any seed",
        "the engine freezes such a seed at its last finite state",
        _diverged,
    ),
    Rule(
        "rate-on-the-edge",
        "warning",
        "a search chose its lowest or highest rate, so that a better one may lie beyond",
        "the chosen rate is the first or last of the grid",
        "Glorot & Bengio 2010 chose the rate on validation error for each model",
        _on_edge,
        ("search/lr", "search/valid_error"),
    ),
    Rule(
        "too-few-seeds",
        "note",
        "too few seeds for a test between configurations",
        f"fewer than {ENOUGH_SEEDS} seeds",
        "the seed is the unit of replication; a bootstrap over 3 covers 70 % where 95 % is meant",
        _few_seeds,
    ),
    Rule(
        "seeds-start-alike",
        "warning",
        "seeds start from the same weights, so that their spread is not the initialization's",
        "a custom initializer that ignores its key, or no weights drawn at all",
        "each initializer is drawn with two keys before training",
        _same_start,
    ),
    Rule(
        "not-finished",
        "warning",
        "the run holds only part of its training",
        "a status other than complete",
        "unfinished runs are shown and never tested",
        _unfinished,
    ),
)
