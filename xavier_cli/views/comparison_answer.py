"""Says in two sentences which experiment is the best, and from which others it differs significantly."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from xavier_cli.config.settings import SETTINGS, in_order_spoken, spoken
from xavier_cli.config.telling_apart import told_by_row
from xavier_cli.findings.comparison import OTHER_RECORDS, Comparison, Section
from xavier_cli.findings.metric import Metric
from xavier_cli.findings.ranked import RankedExperiment
from xavier_cli.sanitize import clean
from xavier_cli.statistics.difference import SEEDS_FOR_A_TEST, Untested
from xavier_cli.views import numbers
from xavier_cli.views.metric import with_unit

# At most so many experiments are listed by name; more are counted.
NAMED = 2
_UNTESTED = {
    Untested.NO_TEST: f"needs {SEEDS_FOR_A_TEST} seeds",
    Untested.NO_INTERVAL: f"needs {SEEDS_FOR_A_TEST} seeds",
    OTHER_RECORDS: "their records are at other updates",
}
_AMONG_OTHERS = {
    f"needs {SEEDS_FOR_A_TEST} seeds": f"fewer than {SEEDS_FOR_A_TEST} seeds",
    "unfinished": "a run is unfinished",
}


def answers(comparison: Comparison) -> list[str]:
    """The answer of each section, as one text."""
    return [" ".join(each) for each in sentences(comparison)]


def sentences(comparison: Comparison) -> list[list[str]]:
    """The one or two sentences of each section: the best row, then which others are significantly worse."""
    several = len(comparison.sections) > 1
    return [
        list(_answer(section, comparison.metric, f" on {clean(section.data)}" if several else ""))
        for section in comparison.sections
    ]


def names(section: Section) -> list[str]:
    """A short name of each row: activation, initializer, and as few settings as make it unlike all others."""
    rows, settings = section.rows, [name for name in in_order_spoken() if name in section.varying]
    always = [name for name in settings if SETTINGS[name].is_name]
    columns = [[row.settings.get(name, "") for row in rows] for name in settings]
    needed = told_by_row(columns, [settings.index(name) for name in always])
    return [
        _name(row, [*always, *(name for i, name in enumerate(settings) if i in told)])
        for row, told in zip(rows, needed, strict=True)
    ]


def _name(row: RankedExperiment, settings: Sequence[str]) -> str:
    told = [name for name in settings if row.settings.get(name, "") != ""]
    # The paper's name for a network: `tanh normalized`.
    others = [name for name in told if not SETTINGS[name].is_name]
    called = " ".join(spoken(name, row.run.setting(name)) for name in row.run.config.name_settings)
    return clean(", ".join([called, *(spoken(name, row.run.setting(name)) for name in others)]))


def _answer(section: Section, metric: Metric, on: str) -> Iterator[str]:
    called = names(section)
    first, *others = section.rows
    if first.verdict.kind != "best":
        yield _nothing_best(section, metric, on, called[0])
        return
    seeds = "1 seed" if len(first.seeds) == 1 else f"{len(first.seeds)} seeds"
    value = with_unit(first.estimate, metric)
    if all(len(row.diverged) == len(row.seeds) for row in section.rows):
        yield f"Every seed{on} diverged, and counts as chance level: {value}."
        return
    seeds += f", {len(first.diverged)} diverged" * bool(first.diverged)
    if not others:
        chance = _chance(first, metric) or _chance_level(first, metric)
        yield f"{called[0]}{on}: {value} ({seeds}){chance}."
        return
    equal = [row.is_ranked and row.estimate.mean == first.estimate.mean for row in others]
    if any(equal):
        alike = _listed(called[0], *(name for name, same in zip(called[1:], equal, strict=True) if same))
        yield f"Best{on}, with equal means: {alike}, {value} ({seeds}){_chance(first, metric)}."
    else:
        yield f"Best{on}: {called[0]}, {value} ({seeds}){_chance(first, metric)}."
    yield from _others(others, called[1:], metric)


def _nothing_best(section: Section, metric: Metric, on: str, name: str) -> str:
    first = section.rows[0]
    if first.status == "complete":
        why = "has a seed that diverged" if metric.threshold is None else "has a seed that never gets there"
        every = "The experiment" if len(section.rows) == 1 else "Every complete experiment"
        return f"{every}{on} {why}, so that none is best by {metric.words}."
    stands = f"{name} stands at {with_unit(first.estimate, metric)}"
    return f"No training{on} is complete, so that none is best; {stands}."


def _chance(row: RankedExperiment, metric: Metric) -> str:
    """A warning where the best is no better than always answering the most frequent class."""
    reach = row.estimate.half_width if row.estimate.half_width > 0 else 0.0
    if metric.unit != "percent" or row.estimate.mean + reach < row.run.facts.guessing_error:
        return ""
    return f", no better than chance level ({100 * row.run.facts.guessing_error:.1f} %)"


def _chance_level(row: RankedExperiment, metric: Metric) -> str:
    if metric.unit != "percent":
        return ""
    return f"; chance level is {100 * row.run.facts.guessing_error:.1f} %"


def _others(rows: Sequence[RankedExperiment], called: Sequence[str], metric: Metric) -> Iterator[str]:
    """One sentence on the rows that are not the best."""
    of = {
        kind: [(row, name) for row, name in zip(rows, called, strict=True) if row.verdict.kind == kind]
        for kind in ("told_apart", "not_told_apart", "not_tested")
    }
    worse, alike, untested = of["told_apart"], of["not_told_apart"], of["not_tested"]
    parts = []
    if worse:
        parts.append(_worse(worse, len(rows)))
    if alike:
        parts.append(_alike(alike, bool(worse)))
    if untested:
        parts.append(_untested(untested, len(rows), metric))
    sentence = "; ".join(parts)
    yield f"{sentence[0].upper()}{sentence[1:]}."


def _worse(worse: Sequence[tuple[RankedExperiment, str]], total: int) -> str:
    p = _p("p", [row.verdict.p for row, _ in worse])
    if len(worse) == total:
        every = "both others are" if total == 2 else f"all {total} others are"
        who = f"the other, {worse[0][1]}, is" if total == 1 else every
    else:
        who = f"{len(worse)} of {total} others {'is' if len(worse) == 1 else 'are'}"
    return f"{who} significantly worse ({p})"


def _alike(alike: Sequence[tuple[RankedExperiment, str]], some_worse: bool) -> str:
    if len(alike) <= NAMED:
        with_p = [f"{name} (p = {numbers.probability(row.verdict.p)})" for row, name in alike]
        return f"no significant difference from {' and '.join(with_p)}"
    which = f"{len(alike)} others" if some_worse else f"the {len(alike)} others"
    least = numbers.probability(min(row.verdict.p for row, _ in alike))
    return f"no significant difference from {which} (p {'=' if least == '1' else '≥'} {least})"


def _untested(untested: Sequence[tuple[RankedExperiment, str]], total: int, metric: Metric) -> str:
    whys = [*dict.fromkeys(_why(row, metric) for row, _ in untested)][:NAMED]
    if len(whys) == 1:
        why = f" ({whys[0]})"
    else:
        # Joined by `or`, the reasons are all said alike: by what is there.
        why = f": {', or '.join(_AMONG_OTHERS.get(each, each) for each in whys)}"
    if len(untested) == total:
        return f"the difference is not tested{why}" if total == 1 else f"differences are not tested{why}"
    if len(untested) == 1:
        return f"1 other, {untested[0][1]}, is not tested{why}"
    return f"{len(untested)} others are not tested{why}"


def _why(row: RankedExperiment, metric: Metric) -> str:
    if row.status != "complete":
        return "unfinished"
    if row.without and metric.threshold is not None:
        return f"a seed never reaches {metric.level}" if len(row.seeds) > 1 else row.verdict.why
    return _UNTESTED.get(row.verdict.why, row.verdict.why)


def _p(symbol: str, values: Sequence[float]) -> str:
    """`p = .017`, or for several `p ≤ .017`, whichever is the largest."""
    largest = max(values)
    text = numbers.probability(largest)
    if largest < numbers.LEAST_P:  # with its own sign
        return f"{symbol} {text}"
    return f"{symbol} {'=' if len(values) == 1 else '≤'} {text}"


def _listed(*called: str) -> str:
    if len(called) <= NAMED:
        return " and ".join(called)
    return f"{called[0]} and {len(called) - 1} others"
