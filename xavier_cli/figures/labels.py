"""Labels the runs of a figure by what differs between them, and describes what they share.

A setting that only few runs have otherwise is labelled there alone; the caption says what the others have.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from xavier_cli.config.differing import differences, own_differences
from xavier_cli.config.run import OBSERVATION_SETTINGS
from xavier_cli.config.settings import (
    SETTINGS,
    in_order_spoken,
    is_usual,
    settings_of_training,
    spoken,
)
from xavier_cli.runs.record import Run
from xavier_cli.sanitize import clean
from xavier_cli.vocabulary import lookup
from xavier_cli.vocabulary.spelling import activation_spelling, data_spelling

NAME = in_order_spoken(is_name=True)
"""The settings of a network's name; a label has them where nothing else differs."""
_ALWAYS_LABELLED = (*NAME, "data")
_SPELLING = {"activation": activation_spelling, "data": data_spelling}


def labels(runs: Sequence[Run], without: Collection[str] = ()) -> list[str]:
    """One label per run of the settings that differ but for `without`; its name where none does.

    A value that most runs have is left out. Two labels are equal only where `without` tells the runs apart.
    """
    differing = [field for field in differing_settings(runs) if field not in without]
    named = [field for field in differing if field not in OBSERVATION_SETTINGS]
    if {"net", *own_differences([run.config for run in runs])} & {*named}:
        # `resnet` beside `tanh normalized` or `resnet zeros`: no setting alone says what both are.
        named = [*(f for f in NAME if f not in without), *(f for f in named if f not in NAME)]
    usual = _usual(runs, named)
    texts = [_phrases(run, _odd(run, named, usual) if named else NAME) for run in runs]
    if named and not all(texts):
        # Where only few settings are odd, a label of nothing else would be empty for the others.
        named = [field for field in NAME if field not in without] + [f for f in named if f not in NAME]
        texts = [_phrases(run, _odd(run, named, usual) or NAME) for run in runs]
    for field in (field for field in differing if field in OBSERVATION_SETTINGS):
        if _has_twins(runs, texts, without):
            named.append(field)
            texts = [_phrases(run, _odd(run, named, usual) or NAME) for run in runs]
    # Searches over different rates may have chosen the same one, and an incomplete run of a configuration is
    # not merged with complete ones.
    for told_by in ([run.config.sha256()[:4] for run in runs], [run.status for run in runs]):
        if len(set(told_by)) > 1:
            twins = _twins(runs, texts, without)
            texts = [
                f"{text} ({more})" if twin else text
                for text, more, twin in zip(texts, told_by, twins, strict=True)
            ]
    twins, counts = _twins(runs, texts, without), Counter[object]()
    for i, (run, twin) in enumerate(zip(runs, twins, strict=True)):
        if twin:
            place = (texts[i], _apart(run, without))
            counts[place] += 1
            texts[i] += f" ({counts[place]})"
    return texts


def shared(runs: Sequence[Run]) -> str:
    """The settings that all runs share, or most of them, and `labels` leaves out, as one phrase."""
    differing = differing_settings(runs)
    # The label has the name where no setting differs, or where that of the networks does.
    own = own_differences([run.config for run in runs])
    left_out = {*differing, *(NAME if not differing or {"net", *own} & {*differing} else ())}
    if not any(run.config.updates for run in runs):
        # How networks would have been trained says nothing of them before training.
        left_out |= {*settings_of_training()}
    fields = [*in_order_spoken(in_captions="always"), *in_order_spoken(in_captions="unusual")]
    same = []
    for field in (field for field in fields if field not in left_out):
        # Custom networks have no use for some settings of perceptrons that are shown beside them.
        told = [run for run in runs if _is_said(run, field)]
        if told and (SETTINGS[field].in_captions == "always" or field in told[0].config.unusual()):
            same.append((field, phrase(told[0], field)))
    usual = _usual(runs, [field for field in differing if field not in OBSERVATION_SETTINGS])
    most = [_phrases(run, [field]) for field, run in usual.items()]
    unless = f"{', '.join(most)} unless labelled otherwise" if most else ""
    return "; ".join(filter(None, (_written(same), unless)))


def phrase(run: Run, field: str) -> str:
    """The phrase for a setting of `run`, as people write it: `Shapeset`, `lr 0.03 (searched)`."""
    value = run.setting(field)
    if value != value:
        return f"{field} not known"
    spelling = _SPELLING.get(SETTINGS[field].words)
    said = spelling(str(value)) if spelling else spoken(field, value)
    return said + " (searched)" * (field in run.chosen)


def differing_settings(runs: Sequence[Run]) -> list[str]:
    """The settings in which `runs` differ, in the order of phrases; see `config.differing`."""
    return differences([run.config for run in runs])


def _usual(runs: Sequence[Run], fields: Sequence[str]) -> dict[str, Run]:
    """The settings of which more than half of the runs have one value, with the first run that has it."""
    found = {}
    for field in fields:
        if field in _ALWAYS_LABELLED:
            continue
        telling = [run for run in runs if _is_said(run, field)]
        values = [_value(run, field) for run in telling]
        value, count = Counter(values).most_common(1)[0]
        if 2 * count > len(telling):
            found[field] = telling[values.index(value)]
    return found


def _odd(run: Run, fields: Sequence[str], usual: Mapping[str, Run]) -> list[str]:
    """Those of `fields` of which `run` has another value than most runs."""
    odd = [f for f in fields if f not in usual or _value(run, f) != _value(usual[f], f)]
    # How a network was pre-trained says nothing of one that was not.
    parents = {f: SETTINGS[f].detail_of for f in odd}
    return [f for f in odd if not parents[f] or not is_usual(parents[f], getattr(run.config, parents[f]))]


def _value(run: Run, field: str) -> Any:
    return getattr(run.config, field), str(run.setting(field))


def _apart(run: Run, without: Collection[str]) -> tuple[object, ...]:
    return tuple(getattr(run.config, field) for field in without)


def _twins(runs: Sequence[Run], texts: Sequence[str], without: Collection[str]) -> list[bool]:
    """Which runs have the same label as another one that `without` does not tell from it."""
    places = [(text, _apart(run, without)) for run, text in zip(runs, texts, strict=True)]
    return [places.count(place) > 1 for place in places]


def _has_twins(runs: Sequence[Run], texts: Sequence[str], without: Collection[str]) -> bool:
    return any(_twins(runs, texts, without))


def in_order(runs: Sequence[Run]) -> list[Run]:
    """`runs` sorted by settings: activations and initializers as in their tables, numbers rising."""

    def place(run: Run) -> tuple[object, ...]:
        config = run.config
        return (
            _index(lookup.DATA_SETS, config.data),
            _index(lookup.ACTIVATIONS, config.act),
            _index(lookup.INITIALIZERS, config.init),
            config.net,
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


def name_of(run: Run, without: Collection[str] = ()) -> str:
    """The network's name, without the settings `without`: `tanh normalized`, `resnet`."""
    return _written(
        [(field, phrase(run, field)) for field in NAME if field not in without and _is_said(run, field)]
    )


def _phrases(run: Run, fields: Sequence[str]) -> str:
    return _written([(field, phrase(run, field)) for field in fields if _is_said(run, field)])


def _written(phrases: Sequence[tuple[str, str]]) -> str:
    """Phrases of settings as one; the paper's name for a network comes first: `tanh normalized`."""
    name = " ".join(text for field, text in phrases if field in NAME)
    return clean(", ".join([*filter(None, [name]), *(text for field, text in phrases if field not in NAME)]))


def _is_said(run: Run, field: str) -> bool:
    """Whether labels of `run` may name the setting: of a perceptron that it is one goes without saying."""
    return field in run.config.name_settings if field in NAME else run.config.applies(field)
