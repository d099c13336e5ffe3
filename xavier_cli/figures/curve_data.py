"""Takes errors and losses over updates from runs, for `curves`, and the limits of their axis."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from xavier_cli.figures.request import PlotRequest, UnsuitableRunError, names_in, seed_rows, times, values
from xavier_cli.runs.counting import ERRORS, error_curve, layers_of
from xavier_cli.runs.record import Run
from xavier_cli.statistics.estimate import Band, over_seeds
from xavier_cli.vocabulary import lookup
from xavier_cli.vocabulary.metrics import CURVES, CurveMetric

TEST_ERROR = CURVES["test_error"]


@dataclass(frozen=True)
class Curve:
    """One configuration's curve of `metric`; `band` has shape `(R,)`, errors are in percent.

    `guessing` is chance level, NaN for a loss. `read` are readings of a published curve of the same network,
    as updates and percents, within the length of this one.
    """

    data: str
    metric: CurveMetric
    updates: np.ndarray
    band: Band
    guessing: float
    read: tuple[tuple[int, float], ...] = ()


def parse_metrics(text: str | None) -> list[CurveMetric]:
    """The metrics named in `text`, separated by commas; the test error for None.

    Raises `UnsuitableRunError` for a name that is none.
    """
    if text is None:
        return [TEST_ERROR]
    words = names_in(text.replace("-", "_"), "metric")
    for word in words:
        if word not in CURVES:
            raise UnsuitableRunError(f"--metric: {lookup.unknown_message('metric', word, CURVES)}")
    return [CURVES[word] for word in words]


def curve(run: Run, chosen: PlotRequest, metric: CurveMetric = TEST_ERROR) -> Curve:
    """The chosen seeds' curve of `metric`.

    The error of a diverged seed is at chance level from there on; its losses are left out.
    """
    path = f"curves/{metric.name}"
    values(run, path)
    rows, updates = seed_rows(run, chosen.seeds), times(run)
    if metric.is_error:
        band = over_seeds(100 * error_curve(run, ERRORS[metric.name])[rows])
        read = _read(run, chosen) if metric is TEST_ERROR else ()
        return Curve(run.config.data, metric, updates, band, 100 * run.facts.guessing_error, read)
    return Curve(run.config.data, metric, updates, over_seeds(layers_of(run, path, rows)), np.nan)


def _read(run: Run, chosen: PlotRequest) -> tuple[tuple[int, float], ...]:
    own = (reading for reading in chosen.readings if reading.is_of(run))
    points = (point for each in own for point in zip(each.updates, each.percents, strict=True))
    return tuple(point for point in points if point[0] <= run.updates[-1])


def limits(curves: Sequence[Curve]) -> tuple[float, float]:
    """The limits of y for `curves` of one metric: for errors up to chance level, where they start, or less.

    On MNIST all differences lie in the lowest twentieth of that range, so that chance level is left out where
    the lines soon fall far below it.
    """
    # The interval of one or two seeds has no end, or one far from the line.
    ends = [(c.band.low, c.band.high) if c.band.seeds > 2 else (c.band.center,) * 2 for c in curves]
    late = [
        high[data.updates >= 0.1 * data.updates[-1]] for data, (_, high) in zip(curves, ends, strict=True)
    ]
    tops = [float(np.nanmax(part)) for part in late if np.isfinite(part).any()]
    bottoms = [float(np.nanmin(low)) for low, _ in ends if np.isfinite(low).any()]
    read = [percent for data in curves for _, percent in data.read]
    tops, bottoms = tops + read, bottoms + read
    guessing = curves[0].guessing
    if np.isnan(guessing):
        firsts = [c.band.center[np.isfinite(c.band.center)][:1] for c in curves]
        top = max([*tops, *(float(first[0]) for first in firsts if len(first))], default=1.0) * 1.05 or 1.0
        bottom = min(bottoms, default=0.0)
    else:
        top, bottom = max(tops, default=guessing), min(bottoms, default=0.0)
        top = max(top, guessing) * 1.1 if top > guessing / 2 else top * 1.15 or 1.0
    # Include zero only where the lines come near it.
    return (0.0 if bottom < 0.4 * top else bottom - 0.1 * (top - bottom)), top
