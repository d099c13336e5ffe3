"""Defines the quantities by which experiments are compared: errors, losses, and updates to a test error.

Of all of them less is better. A diverged seed has the error of chance, but no loss; and a seed may never come
down to the error that is waited for. Such seeds are never dropped in silence: their number is said, and a row
that has some is neither tested nor best.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

import numpy as np

from xavier_cli.errors import ConfigError
from xavier_cli.findings.scores import final_error
from xavier_cli.runs.counting import ERRORS, error_curve
from xavier_cli.runs.errors import RunFileError
from xavier_cli.runs.record import Run
from xavier_cli.vocabulary.lookup import unknown_message
from xavier_cli.vocabulary.metrics import CURVES

Unit = Literal["percent", "loss", "updates"]
EXAMPLE = "updates_to:0.5"
_UPDATES_TO = re.compile(r"updates[-_]to:(\d*\.?\d+)(\s?%)?")


@dataclass(frozen=True)
class Metric:
    """A quantity of one trained network.

    `name` is as one types it, `words` as in a sentence, `head` as above a column. Its values come from the
    array `curves/<curve>`: the last record's, or the number of updates at the first record where the test
    error is at most `threshold`.
    """

    name: str
    words: str
    head: str
    unit: Unit
    curve: str
    threshold: float | None = None

    @property
    def is_on_test_set(self) -> bool:
        """Whether it is taken on test examples, which are the same for all seeds."""
        return CURVES[self.curve].examples == "test examples"

    @property
    def level(self) -> str:
        """The error that is waited for: `50 %`."""
        return f"{100 * (self.threshold or 0):g} %"

    def values(self, run: Run) -> tuple[np.ndarray, np.ndarray]:
        """Each seed's value, `(S,)`, and a mask of the seeds that have one.

        The error of a diverged seed is that of chance; its loss is NaN. A seed that never reaches the
        threshold has the number of updates that it was trained for, which is less than its value.
        """
        if f"curves/{self.curve}" not in run:
            raise RunFileError(run.name, f"has no `curves/{self.curve}`, which is to be compared")
        if self.threshold is not None:
            # In the precision of the file, where .3 is a little more than .3.
            reached = np.asarray(error_curve(run).astype(np.float32) <= np.float32(self.threshold))
            known = np.asarray(reached.any(axis=1))
            first = np.where(known, reached.argmax(axis=1), -1)
            return run.updates[first].astype(float), known
        if self.curve in ERRORS:
            error = final_error(run, ERRORS[self.curve])
            # Only a watched training may have no error.
            return error, np.isfinite(error)
        last = run[f"curves/{self.curve}"][:, -1].astype(float)
        known = np.isfinite(last) & ~run.diverged
        return np.where(known, last, np.nan), known

    def missing(self, seeds: int, of: int) -> str:
        """Why `seeds` of `of` have no value, which keeps a row from being tested."""
        if self.threshold is None:
            # An error that is not known is that of a watched training; its diverged seeds have chance's.
            what = "have no error" if self.unit == "percent" else "diverged"
            return f"{seeds} of {of} seeds {what}" if of > 1 else what.replace("have", "has")
        return f"{seeds} of {of} seeds never reach {self.level}" if of > 1 else f"never reaches {self.level}"

    def refuse_mixed(self, runs: Iterable[Run]) -> None:
        """Raise `ConfigError` where `runs` were trained with different losses, and this is one of them."""
        losses = sorted({run.config.loss for run in runs})
        if self.unit == "loss" and len(losses) > 1:
            raise ConfigError(
                f"--metric: {self.name} cannot be compared between losses ({', '.join(losses)}): "
                f"choose runs of one, like `--where loss={losses[0]}`"
            )


def _of_curve(name: str) -> Metric:
    curve = CURVES[name]
    head = name.replace("_", " ") + " %" * curve.is_error
    return Metric(name, curve.words, head, "percent" if curve.is_error else "loss", name)


TEST_ERROR = _of_curve("test_error")


def parse_metric(text: str) -> Metric:
    """The metric called `text`: a curve of the run file, or `updates_to:0.5`; raises `ConfigError`."""
    name = text.strip().replace("-", "_")
    if name in CURVES:
        return _of_curve(name)
    if match := _UPDATES_TO.fullmatch(text.strip()):
        threshold = float(match[1]) / (100 if match[2] else 1)
        if 0 < threshold < 1:
            head = f"updates to {100 * threshold:g} %"
            words, name = f"{head} test error", f"updates_to:{threshold:g}"
            return Metric(name, words, head, "updates", "test_error", threshold)
    if name.startswith("updates_to"):
        raise ConfigError(f"--metric: `{text}` should name a test error between 0 and 1, like {EXAMPLE}")
    raise ConfigError(f"--metric: {unknown_message('metric', name, [*CURVES, EXAMPLE])}")
