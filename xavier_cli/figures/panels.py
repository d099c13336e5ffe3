"""Splits the runs of a figure into panels by settings, and titles the panels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from xavier_cli.config.settings import SETTINGS
from xavier_cli.figures.labels import NAME, differing_settings, labels, name_of, phrase
from xavier_cli.figures.request import UnsuitableRunError, names_in
from xavier_cli.runs.record import Run
from xavier_cli.vocabulary import lookup
from xavier_cli.vocabulary.other_words import setting_name


@dataclass(frozen=True)
class Panels:
    """Panels and the names of their lines; `members` are the indices of each panel's runs.

    `names`, one per run, leave out what the titles say, so that a line has one name in all panels. `groups`,
    one per run, are the networks' names in them, which share a colour; `differing` are the settings that
    still differ within panels.
    """

    titles: list[str]
    members: list[list[int]]
    names: list[str]
    groups: list[str]
    differing: list[str]


def panels(runs: Sequence[Run], by: Sequence[str], facet: str | None = None) -> Panels:
    """Panels of `runs` by the settings `by`, as far as they differ, and by `facet`.

    Raises `UnsuitableRunError` for a `facet` that is no setting or does not differ.
    """
    differing = differing_settings(runs)
    fields = [field for field in by if field in differing]
    if facet is not None:
        fields += [field for field in _parsed(runs, facet, differing) if field not in fields]
    keys = [tuple(getattr(run.config, field) for field in fields) for run in runs]
    members = [[i for i, own in enumerate(keys) if own == key] for key in dict.fromkeys(keys)]
    # What differs between panels alone is said in their titles, not with every line.
    alone = [field for field in differing if field not in NAME and len(members) > 1]
    alone = [f for f in alone if all(len({_value(runs[i], f) for i in own}) == 1 for own in members)]
    titled = fields + [field for field in alone if field not in fields]
    titles = [
        ", ".join(phrase(runs[own[0]], field) for field in titled if runs[own[0]].config.applies(field))
        for own in members
    ]
    if len(members) == 1:
        titles = [phrase(runs[0], by[0]) if by else ""]
    groups = [name_of(run, titled) for run in runs]
    return Panels(
        titles, members, labels(runs, titled), groups, [field for field in differing if field not in titled]
    )


def _value(run: Run, field: str) -> str:
    return str((getattr(run.config, field), run.setting(field)))


def _parsed(runs: Sequence[Run], facet: str, differing: Sequence[str]) -> list[str]:
    fields = []
    for word in names_in(facet, "facet"):
        field = setting_name(word)
        if field not in SETTINGS:
            message = lookup.unknown_message("setting", field, SETTINGS, differing or SETTINGS)
            raise UnsuitableRunError(f"--facet: {message}")
        if field not in differing:
            others = ", ".join(differing)
            raise UnsuitableRunError(
                f"--facet: all runs have the same `{field}`: {phrase(runs[0], field)}; "
                + (f"these differ: {others}" if differing else "no setting differs")
            )
        fields.append(field)
    return fields
