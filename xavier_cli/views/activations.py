"""Builds the output of `act`: the list of activations, and the properties of one."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from xavier_cli.views.page import Column, Page, Table
from xavier_cli.views.vocabulary import elsewhere, elsewhere_data, flat, parameters
from xavier_cli.vocabulary import lookup
from xavier_cli.vocabulary.entry import ActivationEntry
from xavier_cli.vocabulary.user_functions import is_user_function

if TYPE_CHECKING:
    from xavier_cli.theory.regions import Regions

LIST_SCHEMA = "xavier.act.list/1"
SHOW_SCHEMA = "xavier.act.show/1"
FOUND = (
    "Range and kinks were found numerically: values on 48,193 points from -1e9 to 1e9, jumps of the slope "
    "within ±20."
)


def activations_page() -> Page:
    """The output of `act list`."""
    rows, records = [], []
    for word in lookup.ACTIVATIONS.values():
        rows.append((word.name, word.formula, interval(*word.range), ", ".join(word.aliases)))
        records.append(
            {
                "name": word.name,
                "formula": word.formula,
                "low": word.range[0],
                "high": word.range[1],
                "aliases": ",".join(word.aliases),
            }
        )
    columns = (
        Column("name"),
        Column("formula", wraps=True),
        Column("range"),
        Column("also called", wraps=True),
    )
    return Page(LIST_SCHEMA, {"activations": records}, records, (Table(columns, tuple(rows)),))


def activation_page(word: ActivationEntry) -> Page:
    """The output of `act show`."""
    from xavier_cli.nn.activations import make_activation
    from xavier_cli.theory.gain import derived_gain
    from xavier_cli.theory.quadrature import gaussian_moments
    from xavier_cli.theory.saturation import find_regions, slope_at_zero
    from xavier_cli.theory.shape import shape_of

    function = make_activation(word)
    slope = slope_at_zero(function)
    range_, kinks = shape_of(word, function)
    regions = find_regions(function, range_)
    gain = derived_gain(function, kinks)
    moments = gaussian_moments(function, [1.0], kinks)
    mean, second, slope_second = (float(each[0]) for each in moments[:3])
    facts = [
        ("formula", word.formula),
        ("range", interval(*range_)),
        ("slope at 0", f"{slope:.4g}"),
        ("kinks", ", ".join(f"{kink:g}" for kink in kinks) or "none"),
        *parameters(word),
        ("saturated", _outside(regions.saturated_below, regions.saturated_above)),
        ("inactive", _outside(regions.inactive_below, regions.inactive_above)),
        ("mean E φ(u)", f"{round(mean, 4) + 0.0:.4f}"),
        ("second moment E φ(u)²", f"{second:.4f}"),
        ("slope E φ'(u)²", f"{slope_second:.4f}"),
        ("gain (auto)", f"{gain:.4f}"),
        *elsewhere(word.framework_names, word.aliases),
        ("source", word.source),
    ]
    data: dict[str, object] = {
        "name": word.name,
        "formula": word.formula,
        "range": range_,
        "slope_at_0": slope,
        "kinks": kinks,
        "parameters": word.parameter_values,
        **_bounds(regions),
        "mean": mean,
        "second_moment": second,
        "slope_second_moment": slope_second,
        "gain": gain,
        **elsewhere_data(word.framework_names, word.aliases),
        "source": word.source,
    }
    return Page(
        SHOW_SCHEMA,
        data,
        [flat(data)],
        (Table((Column(word.name), Column("", wraps=True)), tuple(facts)),),
        (
            "u is a unit Gaussian. The gain is 1/√(E φ(u)²), what `--init-gain auto` multiplies weights by; "
            "the paper's is 1.",
            "Saturated: within 5 % of the range of a limit from there on, with at most a fifth of the "
            "steepest slope.",
            *word.remarks,
            *([FOUND] if is_user_function(word.name) else []),
        ),
    )


def interval(low: float, high: float) -> str:
    """A range in mathematical notation: `(-1, 1)`."""
    return f"({_end(low)}, {_end(high)})"


def _end(value: float) -> str:
    return f"{value:g}" if math.isfinite(value) else ("∞" if value > 0 else "-∞")


def _outside(below: float, above: float) -> str:
    parts = [f"s < {below:.4g}"] * math.isfinite(below) + [f"s > {above:.4g}"] * math.isfinite(above)
    return " or ".join(parts) or "nowhere"


def _bounds(regions: Regions) -> dict[str, float | None]:
    """The bounds of the regions; None for a side without one."""
    return {
        name: value if math.isfinite(value) else None
        for name, value in (
            ("saturated_below", regions.saturated_below),
            ("saturated_above", regions.saturated_above),
            ("inactive_below", regions.inactive_below),
            ("inactive_above", regions.inactive_above),
        )
    }
