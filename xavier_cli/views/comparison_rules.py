"""Writes the sentences that explain the table of a comparison."""

from __future__ import annotations

import math
from collections.abc import Sequence
from enum import Enum, auto

import numpy as np

from xavier_cli.config.run import LOOKS, SEARCHABLE
from xavier_cli.findings.comparison import MOST_ROWS_TESTED, OTHER_RECORDS, Comparison, Section
from xavier_cli.findings.ranked import RankedExperiment, Verdict
from xavier_cli.runs.counting import stopped_in_words
from xavier_cli.runs.same_start import same_start_note
from xavier_cli.statistics.difference import Difference, Untested
from xavier_cli.statistics.simultaneous import ALPHA
from xavier_cli.views.initializers import names_note

CHOSEN = "chosen by validation error on seeds that are also reported."


class Explanation(Enum):
    """The subject of a sentence below a table."""

    LENGTHS = auto()
    ALIKE = auto()
    NAMES = auto()
    INTERVAL = auto()
    BEST = auto()
    MANY_ROWS = auto()
    TEST = auto()
    CORRELATION = auto()
    NO_TEST = auto()
    NO_INTERVAL = auto()
    NETWORKS = auto()
    NO_SPREAD = auto()
    DIVERGED = auto()
    CHOSEN = auto()
    EDGE = auto()
    UNFINISHED = auto()
    UPDATES = auto()
    WITHOUT = auto()
    OTHER_RECORDS = auto()


def rules(comparison: Comparison) -> dict[Explanation | str, str]:
    """The sentences that explain the table, by subject; only those that it needs.

    A sentence about the start of an initializer has the initializer's name as its subject.
    """
    rows, metric = [row for section in comparison.sections for row in section.rows], comparison.metric
    verdicts = [row.verdict for row in rows]
    gaps = [verdict.difference for verdict in verdicts if verdict.difference is not None]
    said: dict[Explanation | str, str] = {}
    lengths = [{int(row.run.config.updates) for row in section.rows} for section in comparison.sections]
    if metric.threshold is None and any(len(each) > 1 for each in lengths):
        fewest, most = min(map(min, lengths)), max(map(max, lengths))
        said[Explanation.LENGTHS] = (
            f"Trained for {fewest:,} to {most:,} updates: the longer may be better for that alone."
        )
    if alike := [row for row in rows if row.alike]:
        settings = [
            name
            for name in LOOKS
            if any(len({getattr(r.config, name) for r in row.runs}) > 1 for row in alike)
        ]
        said[Explanation.ALIKE] = (
            f"Runs that differ only in {' and '.join(settings)} are one experiment: each seed counts once."
        )
    if names := names_note(row.run.config for row in rows):
        said[Explanation.NAMES] = names
    if any(len(row.seeds) > 1 for row in rows):
        examples = ", for this test set" * metric.is_on_test_set
        said[Explanation.INTERVAL] = f"±: 95 % t-interval of the mean over seeds (N){examples}."
    pairs = _all_pairs(comparison.sections)
    if metric.threshold is not None:
        said[Explanation.UPDATES] = (
            f"{metric.head[0].upper()}{metric.head[1:]}: until the first record with at most {metric.level} "
            f"test error; records are {_spacing(rows)} updates apart."
        )
    if gaps:
        simultaneous = pairs and f", simultaneous over {pairs}"
        has_interval = any(math.isfinite(gap.low) for gap in gaps)
        marked = any(v.kind == "best" and len(s.rows) > 1 for s in comparison.sections for v in _verdicts(s))
        unit = {"percent": "percentage points", "updates": "updates", "loss": "how far"}[metric.unit]
        lowest = f"the lowest mean {metric.words}" if metric.threshold is None else "the lowest mean"
        said[Explanation.BEST] = (
            f"{f'*: {lowest}. ' if marked else ''}Δ best: {unit} above {'it' if marked else lowest}"
            f"{f', with 95 % CI{simultaneous}' if has_interval else ''}."
        )
    tested = [v.difference for v in verdicts if v.difference is not None and not math.isnan(v.p)]
    if left := [section.rows_tested for section in comparison.sections if section.rows_tested]:
        said[Explanation.MANY_ROWS] = (
            f"Over {MOST_ROWS_TESTED} rows: only the {left[0]} with the lowest validation errors are "
            f"{'tested' if tested else 'compared'}, and * is the best of these."
        )
    if tested:
        said[Explanation.TEST] = _test_in_words(tested, comparison.sections)
        correlations = [gap.correlation for gap in tested if not math.isnan(gap.correlation)]
        if correlations:
            ends = dict.fromkeys(f"{each:.2f}" for each in (min(correlations), max(correlations)))
            said[Explanation.CORRELATION] = f"Correlation of the pairs with the best: {' to '.join(ends)}."
    reasons = {verdict.why for verdict in verdicts}
    if Untested.NO_TEST in reasons:
        said[Explanation.NO_TEST] = (
            "Not tested (needs 5 seeds); 3 or 4 give only a confidence interval of the difference."
        )
    if Untested.NO_INTERVAL in reasons:
        said[Explanation.NO_INTERVAL] = (
            "Not tested (needs 5 seeds); 1 or 2 give no confidence interval of a difference."
        )
    if networks := sum(not math.isnan(verdict.p_networks) for verdict in verdicts):
        said[Explanation.NETWORKS] = (
            "p in brackets: McNemar's test of these two networks, not of the methods that trained them"
            f"{f'; not corrected over the {networks} pairs' if networks > 1 else ''}."
        )
    if Untested.NO_SPREAD in reasons:
        said[Explanation.NO_SPREAD] = (
            "No spread over seeds: a difference that is the same for every seed cannot be tested."
        )
    if any(row.without and row.status == "complete" for row in rows):
        said[Explanation.WITHOUT] = (
            "A diverged seed has no loss and is not in the mean: its row is not tested and cannot be the "
            "best."
            if metric.threshold is None
            else f"≥: seeds that never come down to {metric.level} count with all their updates, so that the "
            "mean is a lower bound: their row is not tested and cannot be the best."
        )
    if OTHER_RECORDS in reasons:
        said[Explanation.OTHER_RECORDS] = (
            "Not tested: where records are at other updates than those of the best, a level is found later "
            "or sooner for that alone."
        )
    starts = {row.run.config.init: note for row in rows if (note := same_start_note(row.run))}
    said |= {init: f"{init}: {note}" for init, note in starts.items()}
    if metric.unit != "loss" and any(row.diverged for row in rows):
        facts = {row.run.config.data: row.run.facts for row in rows if row.diverged}
        guesses = ", ".join(f"{100 * each.guessing_error:.1f} % on {name}" for name, each in facts.items())
        said[Explanation.DIVERGED] = f"A diverged seed counts as chance level ({guesses})."
    if chosen := {name for row in rows for name in row.chosen}:
        what = "rate" if chosen <= {*SEARCHABLE} else " and ".join(sorted(chosen))
        said[Explanation.CHOSEN] = f"~: {what} {CHOSEN}"
    edges = {name for row in rows for name in row.on_edge}
    if edges:
        what = "of the rates searched" if edges <= {*SEARCHABLE} else "value tried"
        said[Explanation.EDGE] = f"!: the lowest or highest {what}; a better one may lie beyond."
    if unfinished := [row for row in rows if row.status != "complete"]:
        stands = ", ".join(dict.fromkeys(stopped_in_words(row.run) for row in unfinished))
        said[Explanation.UNFINISHED] = (
            f"An unfinished run ({stands}) shows its last record; it is not tested and cannot be the best."
        )
    return said


def _verdicts(section: Section) -> list[Verdict]:
    return [row.verdict for row in section.rows]


def _spacing(rows: Sequence[RankedExperiment]) -> str:
    """How many updates are between records: `5,000`, or from the fewest to the most."""
    gaps = {int(gap) for row in rows for run in row.runs for gap in np.diff(run.updates)}
    return " to ".join(f"{gap:,}" for gap in sorted({min(gaps), max(gaps)}))


def _all_pairs(sections: Sequence[Section]) -> str:
    """Over how many pairs was corrected: `all 3 pairs`; empty where there is no more than one."""
    numbers = sorted({section.pairs for section in sections if section.pairs})
    if not numbers or numbers[-1] == 1:
        return ""
    pairs = " to ".join(f"{number:,}" for number in dict.fromkeys((numbers[0], numbers[-1])))
    return f"all {pairs} pairs{' of a data set' if len(sections) > 1 else ''}"


def _test_in_words(tested: Sequence[Difference], sections: Sequence[Section]) -> str:
    how = {
        (True, False): "paired t over the same seeds",
        (False, True): "Welch's t",
        (True, True): "paired t where the seeds are the same, Welch's t where they are not",
    }[any(gap.paired for gap in tested), any(not gap.paired for gap in tested)]
    if any(section.moderated for section in sections):
        how += "; variances moderated over the pairs, by empirical Bayes"
    pairs = _all_pairs(sections)
    corrected = pairs and f", Bonferroni-corrected over {pairs}"
    level = f"{ALPHA:g}".lstrip("0")
    return (
        f"p: two-sided test over seeds ({how}){corrected}. The difference is significant where p < {level}, "
        "exactly where its CI excludes 0. No significant difference does not mean equal."
    )
