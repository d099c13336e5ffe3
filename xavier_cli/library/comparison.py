"""Compares runs from a notebook or script: which is best, and which differ significantly from it."""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING

from xavier_cli.findings import comparison
from xavier_cli.findings.metric import parse_metric
from xavier_cli.findings.ranked import RankedExperiment
from xavier_cli.library.frames import package
from xavier_cli.library.plotting import as_runs
from xavier_cli.runs.merge import merge_runs
from xavier_cli.runs.record import Run

if TYPE_CHECKING:
    import pandas


@dataclass(frozen=True, repr=False)
class Comparison(comparison.Comparison):
    """Experiments ranked on each data set, the best first, with tests over seeds.

    They are ranked by test error, or by the `metric` that `compare` was given; less is better.

        both = xavier_cli.compare([run, other])
        both                                     # the table of `xavier compare`
        both.best.settings["init"]               # of the lowest mean
        [row.verdict.p for row in both.rows]     # against the best; NaN for the best itself
        both.to_dataframe()[["init", "test_error", "difference", "p"]]

    A row has `settings`, `seeds` and `errors` (one per seed, fractions), `test_error` (a mean with `low` and
    `high`, its 95 % confidence interval) and a `verdict` (`kind`, `p`, `why`, and the `difference` from the
    best, with a simultaneous 95 % confidence interval); `values` and `estimate` are those of the metric.
    `sections` has the rows of each data set: experiments on different data sets are not compared.
    """

    notes: tuple[str, ...] = ()
    """What was said of the runs when they were merged."""

    @property
    def rows(self) -> tuple[RankedExperiment, ...]:
        """All experiments, the best first on each data set."""
        return tuple(row for section in self.sections for row in section.rows)

    @property
    def best(self) -> RankedExperiment:
        """The experiment with the lowest mean; raises `ValueError` where there is not one.

        So it is with several data sets, each of which has a best row, and where no training is complete.
        """
        best = [row for row in self.rows if row.verdict.kind == "best"]
        if len(best) != 1:
            raise ValueError(
                f"{len(self.sections)} data sets have a best row each: see `sections`"
                if len(best) > 1
                else "none of these runs is complete, so that none is the best"
            )
        return best[0]

    def to_dataframe(self) -> pandas.DataFrame:
        """A row per experiment, the best first, as a `pandas.DataFrame`; needs pandas.

        The columns are those of `xavier compare -f csv`: `data`, the settings, `n`, `test_error` with
        `test_error_low`, `_high` and `_sd`, `valid_error` likewise, `verdict`, `p`, `difference` from the
        best with `difference_low` and `_high`, `effect_size`. Errors and differences are fractions. Of a
        metric that is no error there are `metric` and `metric_value` too, with `_low`, `_high` and `_sd`.
        """
        from xavier_cli.library.display import comparison_records

        return package("pandas", "`to_dataframe`").DataFrame(comparison_records(self))

    def __repr__(self) -> str:
        from xavier_cli.library.display import comparison_text

        return comparison_text(self)

    def _repr_html_(self) -> str:
        """What a notebook shows: the table of `xavier compare`, with its notes."""
        from xavier_cli.library.display import comparison_html

        return comparison_html(self)


def compare(runs: Iterable[Run | str | os.PathLike[str]], *, metric: str = "test_error") -> Comparison:
    """Rank runs, or run files, on each data set, and test which differ from the best.

        both = compare([run, "runs/other.h5"])
        both.best.settings["init"], both.rows[1].verdict.p
        compare([run, "runs/other.h5"], metric="updates_to:0.5")

    `metric` is what is compared, as in `xavier compare --metric`: `test_error`, `valid_error`, `test_loss`,
    `valid_loss`, `train_loss`, or `updates_to:0.5`, the updates until the test error is at most 50 %.

    Runs that differ only in their seeds are merged; runs without training are left out. In `rows` the best
    comes first. Raises `ConfigError` for an unknown metric and for runs of different losses where a loss is
    compared, and `RunFileError` where a file cannot be read, or two runs contradict each other about a seed.
    """
    by = parse_metric(metric)
    experiments, notes = merge_runs(as_runs(runs))
    made = comparison.compare(experiments, metric=by)
    return Comparison(**{each.name: getattr(made, each.name) for each in fields(made)}, notes=tuple(notes))
