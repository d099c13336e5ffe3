"""Builds the output of `diff`: two runs side by side, only where they differ."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from xavier_cli.runs.counting import ERRORS, error_curve, in_words, layers_of
from xavier_cli.runs.deviation import Deviation, differences
from xavier_cli.runs.record import Run
from xavier_cli.statistics.estimate import over_seeds
from xavier_cli.views import numbers
from xavier_cli.views.deviations import differences_table
from xavier_cli.views.page import Column, Page, Table

SCHEMA = "xavier.diff/1"
_CURVES = ("train_loss", "valid_loss", "valid_error", "test_loss", "test_error")
# A random id of each command.
_UNSAID = ("command_id",)
_LAST = ("a_last", "b_last")


def diff_page(one: Run, other: Run) -> Page:
    """The output of `diff`."""
    sides = {
        "settings": list(_unlike(_settings(one), _settings(other))),
        "data": list(_unlike(_data(one), _data(other))),
        "origin": list(_unlike(_origin(one), _origin(other))),
    }
    curves = list(_curves(one, other))
    found = differences(one, other)
    tables = [_side_by_side(title, rows) for title, rows in sides.items() if rows]
    if curves:
        tables.append(_curves_table(curves))
    if found:
        tables.append(differences_table(found, "numbers"))
    return Page(
        schema=SCHEMA,
        data={
            "a": one.label,
            "b": other.label,
            **{title: _by_name(rows) for title, rows in sides.items()},
            "curves": curves,
            "groups": [vars(each) for each in found],
            "same_numbers": bool(found) and all(each.same_bits for each in found),
        },
        records=[
            *(
                {"about": about, "name": row.name, **dict(zip("ab", row.written, strict=True))}
                for about, rows in sides.items()
                for row in rows
            ),
            *({"about": "curves", "name": each["curve"], **each} for each in curves),
            *({"about": "numbers", "name": each.group, **vars(each)} for each in found),
        ],
        tables=tuple(tables),
        notes=tuple(_notes(one, other, [name for name, rows in sides.items() if not rows], found)),
    )


def _notes(one: Run, other: Run, same: list[str], found: Sequence[Deviation]) -> Iterator[str]:
    lost = [in_words(run) for run in (one, other)]
    for side, run, words in zip("AB", (one, other), lost, strict=True):
        yield f"{side}: {run.label}{words and f' ({words})'}"
    seeds = np.intersect1d(one.seeds, other.seeds)
    if not len(seeds):
        yield "No seed in common, so no numbers are compared."
    elif found and all(each.same_bits for each in found):
        yield "The numbers are bit-identical."
    elif found:
        yield (
            f"Over {len(seeds)} seeds in common; relative: to the largest number in A, "
            "of histograms the share of values that moved."
        )
    if any(lost) and len(seeds):
        yield "In curves a diverged seed counts as chance level in errors, and is left out of losses."
    if same:
        yield f"The same in both: {', '.join(same)}."


def _settings(run: Run) -> dict[str, object]:
    settings = run.config.shown()
    settings["seeds"] = numbers.seeds(run.config.seeds)
    if not run.config.search:
        return settings
    return {**settings, "rate trained with": run.lr if run.has_search else "not known"}


def _data(run: Run) -> dict[str, object]:
    facts = run.facts.model_dump(mode="json")
    return {name: value for name, value in _flat(facts).items() if name != "name"}


def _origin(run: Run) -> dict[str, object]:
    provenance = {name: value for name, value in run.provenance.items() if name not in _UNSAID}
    done = {"status": run.status, "updates done": int(run.updates[-1]), "seeds": len(run.seeds)}
    return {**done, "diverged": int(run.diverged.sum()), "created": run.created_utc, **_flat(provenance)}


def _flat(nested: Mapping[str, object], prefix: str = "") -> dict[str, object]:
    """`{"versions": {"jax": …}}` as `{"versions jax": …}`."""
    flat: dict[str, object] = {}
    for name, value in nested.items():
        words = f"{prefix}{name.replace('_', ' ')}"
        flat |= _flat(value, f"{words} ") if isinstance(value, Mapping) else {words: value}
    return flat


def _text(value: object, exactly: bool = False) -> str:
    """`value` as programs read it."""
    if isinstance(value, list | tuple):
        return ", ".join(_text(part, exactly) for part in value)
    return str(value) if isinstance(value, bool) else numbers.setting(value, exactly=exactly)


@dataclass(frozen=True)
class _Unlike:
    """What has another value in the second run than in the first."""

    name: str
    values: tuple[object, object]

    def texts(self, write: Callable[[object, bool], str]) -> tuple[str, str]:
        """Both values as `write` writes them, in full where the short texts are alike."""
        short, full = (tuple(write(value, exactly) for value in self.values) for exactly in (False, True))
        a, b = short if short[0] != short[1] else full
        return a, b

    @property
    def shown(self) -> tuple[str, str]:
        """Both values as people read them."""
        return self.texts(lambda value, exactly: numbers.setting(value, self.name, exactly))

    @property
    def written(self) -> tuple[str, str]:
        """Both values as programs read them."""
        return self.texts(_text)


def _unlike(one: Mapping[str, object], other: Mapping[str, object]) -> Iterator[_Unlike]:
    """Yield what has another value."""
    for name in dict.fromkeys([*one, *other]):
        a, b = (side.get(name, "") for side in (one, other))
        if _comparable(a) != _comparable(b):
            yield _Unlike(name, (a, b))


def _comparable(value: object) -> object:
    """`value` as it compares with what was read from a file, where tuples have become lists."""
    return [_comparable(part) for part in value] if isinstance(value, list | tuple) else value


def _side_by_side(title: str, rows: Sequence[_Unlike]) -> Table:
    columns = Column(title), Column("A", wraps=True), Column("B", wraps=True)
    return Table(columns, tuple((row.name, *row.shown) for row in rows))


def _by_name(rows: Sequence[_Unlike]) -> dict[str, dict[str, str]]:
    return {row.name: dict(zip("ab", row.written, strict=True)) for row in rows}


def _curves(one: Run, other: Run) -> Iterator[dict[str, float | int | str]]:
    """Means over common seeds at two common records: the last, and that of the largest difference.

    Which seeds count in each run is as in all tables: diverged ones are at chance, and out of losses.
    """
    seeds, updates = np.intersect1d(one.seeds, other.seeds), np.intersect1d(one.updates, other.updates)
    if not (len(seeds) and len(updates)):
        return
    for curve in _CURVES:
        if f"curves/{curve}" not in one or f"curves/{curve}" not in other:
            continue
        means = [_mean_curve(run, curve, seeds, updates) for run in (one, other)]
        gap = np.nan_to_num(means[1] - means[0])
        widest = int(np.abs(gap).argmax())
        yield {
            "curve": curve,
            "a_last": float(means[0][-1]),
            "b_last": float(means[1][-1]),
            "widest": float(gap[widest]),
            "at_update": int(updates[widest]),
        }


def _mean_curve(run: Run, curve: str, seeds: np.ndarray, updates: np.ndarray) -> np.ndarray:
    rows = np.flatnonzero(np.isin(run.seeds, seeds))
    if curve in ERRORS:
        values = error_curve(run, ERRORS[curve])[rows]
    else:
        values = layers_of(run, f"curves/{curve}", rows)
    return over_seeds(values).center[np.isin(run.updates, updates)]


def _curves_table(curves: list[dict[str, float | int | str]]) -> Table:
    columns = (
        Column("curve"),
        Column("A at last", "right"),
        Column("B at last", "right"),
        Column("largest B - A", "right"),
        Column("at update", "right"),
    )
    rows = tuple(
        (
            f"{each['curve']} %" if each["curve"] in ERRORS else str(each["curve"]),
            *("" if each[side] != each[side] else _written(each, side) for side in _LAST),
            _written(each, "widest", "+"),
            f"{each['at_update']:,}",
        )
        for each in curves
    )
    return Table(columns, rows, title="curves, mean over the seeds in common")


def _written(curve: Mapping[str, float | int | str], name: str, sign: str = "") -> str:
    """A number of a curve: errors in percent, as everywhere."""
    value = float(curve[name])
    return numbers.fixed(100 * value, 2, sign) if curve["curve"] in ERRORS else numbers.fixed(value, 4, sign)
