"""What to call each run of a figure: what differs between them, and what they share."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from xavier_cli.config.run import OBSERVATION_SETTINGS
from xavier_cli.config.settings import in_order_spoken, settings_where, spoken
from xavier_cli.runs.record import Run
from xavier_cli.sanitize import clean
from xavier_cli.vocabulary import lookup

_LABEL = settings_where(is_name=True)
"""What names a run where nothing differs."""


def labels(runs: Sequence[Run]) -> list[str]:
    """One label per run that says only what differs; activation and initializer where nothing does."""
    differing = _differing(runs)
    named = [field for field in differing if field not in OBSERVATION_SETTINGS]
    texts = [_phrases(run, named or _LABEL) for run in runs]
    for field in (field for field in differing if field in OBSERVATION_SETTINGS):
        if len(set(texts)) < len(texts):
            named.append(field)
            texts = [_phrases(run, named) for run in runs]
    # Two searches over other rates may have chosen the same one; parts of one configuration may have been
    # kept apart because one is not complete.
    for told_by in ([run.config.sha256()[:4] for run in runs], [run.status for run in runs]):
        if len(set(told_by)) > 1:
            texts = [
                f"{text} ({more})" if texts.count(text) > 1 else text
                for text, more in zip(texts, told_by, strict=True)
            ]
    return [
        f"{text} ({texts[: i + 1].count(text)})" if texts.count(text) > 1 else text
        for i, text in enumerate(texts)
    ]


def shared(runs: Sequence[Run]) -> str:
    """What all runs have in common and `labels` leaves out, as one phrase."""
    differing = _differing(runs)
    always = in_order_spoken(in_captions="always")
    if not differing:
        # Then they are the label.
        always = tuple(field for field in always if field not in _LABEL)
    fields = [*always, *runs[0].config.unusual(in_captions="unusual")]
    return _phrases(runs[0], [field for field in fields if field not in differing])


def in_order(runs: Sequence[Run]) -> list[Run]:
    """`runs` by what they are: activations and initializers as their tables list them, numbers rising."""

    def place(run: Run) -> tuple[object, ...]:
        config = run.config
        return (
            _index(lookup.DATA_SETS, config.data),
            _index(lookup.ACTIVATIONS, config.act),
            _index(lookup.INITIALIZERS, config.init),
            config.depth,
            config.widths,
            run.lr,
            config.batch_size,
            config.updates,
            config.to_json(),
        )

    return sorted(runs, key=place)


def _index(table: Mapping[str, object], word: str) -> tuple[int, str]:
    # Without parameters and single layers.
    name = word.partition(",")[0].partition(":")[0]
    return (list(table).index(name) if name in table else len(table)), word


def _phrase(run: Run, field: str) -> str:
    value = run.setting(field)
    if value != value:
        return f"{field} not known"
    return spoken(field, value) + " (searched)" * (field in run.chosen)


def _differing(runs: Sequence[Run]) -> list[str]:
    """In the order people say it. Seeds are no difference: runs that differ in them alone are merged."""
    first = runs[0].config
    return [
        field
        for field in in_order_spoken()
        if field != "seeds" and any(getattr(run.config, field) != getattr(first, field) for run in runs)
    ]


def _phrases(run: Run, fields: Sequence[str]) -> str:
    phrases = [_phrase(run, field) for field in fields]
    if tuple(fields[:2]) == _LABEL:
        # The paper's way to name a network: `tanh normalized`.
        phrases[:2] = [" ".join(phrases[:2])]
    return clean(", ".join(phrases))
