"""Builds the output of `init`: the list of initializers, and the distribution of one with draws from it."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import TYPE_CHECKING

from xavier_cli.views.page import Column, Page, Table
from xavier_cli.views.vocabulary import elsewhere, elsewhere_data, flat, parameters
from xavier_cli.vocabulary import lookup
from xavier_cli.vocabulary.entry import InitializerEntry

if TYPE_CHECKING:
    import numpy as np

    from xavier_cli.config.run import RunConfig

LIST_SCHEMA = "xavier.init.list/1"
SHOW_SCHEMA = "xavier.init.show/1"
_FROM_DATA = "from data"


def names_note(configs: Iterable[RunConfig]) -> str | None:
    """The other names that the initializers of `configs` are known by, in a sentence; none where none is."""
    words = (word for config in configs for word in config.named_initializers if word.known_as)
    known = dict.fromkeys(f"{word.name} ({word.known_as})" for word in words)
    return f"Initializers: {', '.join(known)}." if known else None


def initializers_page() -> Page:
    """The output of `init list`."""
    words = lookup.INITIALIZERS.values()
    records = [
        {
            "name": word.name,
            "law": word.formula,
            "n_var_w": 1000 * word.variance(1000, 1000),
            "aliases": ",".join(word.aliases),
        }
        for word in words
    ]
    columns = (
        Column("name"),
        Column("law", wraps=True),
        Column("n Var W", "right"),
        Column("also called", wraps=True, moves=True),
    )
    rows = tuple((word.name, word.formula, _square(word), ", ".join(word.aliases)) for word in words)
    notes = ("n Var W of a square layer: 1 keeps the variance of linear units, a ReLU needs 2.",)
    return Page(LIST_SCHEMA, {"initializers": records}, records, (Table(columns, rows),), notes)


def initializer_page(word: InitializerEntry, fan_in: int, fan_out: int, weights: np.ndarray) -> Page:
    """The output of `init show`; `weights` are drawn from the initializer."""
    variance, bound = word.variance(fan_in, fan_out), word.bound(fan_in, fan_out)
    # The largest draw of a bounded distribution; not of a normal one, which grows with their number.
    measured = {
        "variance": float(weights.var()),
        "std": float(weights.std()),
        "bound": float(abs(weights).max()) if math.isfinite(bound) else math.inf,
    }
    predicted = {"variance": variance, "std": math.sqrt(variance), "bound": bound}
    truncated = word.distribution == "truncated normal"
    facts = [
        ("law", word.formula),
        ("distribution", word.distribution),
        ("truncated", "at ±2σ of the normal before truncation" if truncated else "no"),
        (
            "n Var W",
            _FROM_DATA
            if word.distribution == _FROM_DATA
            else f"fan_in {_number(fan_in * variance)}, fan_out {_number(fan_out * variance)}",
        ),
        *parameters(word),
        ("gain", "1 (the paper's); `--init-gain` multiplies it"),
        *elsewhere(word.framework_names, word.aliases),
        ("source", word.source),
    ]
    checks = [
        (name, _number(predicted[name]), _number(measured[name]), _off(predicted[name], measured[name]))
        for name in predicted
    ]
    data: dict[str, object] = {
        "name": word.name,
        "law": word.formula,
        "distribution": word.distribution,
        "fan_in": fan_in,
        "fan_out": fan_out,
        **predicted,
        **{f"measured_{name}": value for name, value in measured.items()},
        "draws": weights.size,
        "parameters": word.parameter_values,
        "gain": 1.0,
        **elsewhere_data(word.framework_names, word.aliases),
        "source": word.source,
    }
    check = Table(
        (Column(""), Column("law", "right"), Column("measured", "right"), Column("off by", "right")),
        tuple(checks),
        title=f"{fan_in} → {fan_out}, {weights.size:,} draws"
        + (", before the data" if word.distribution == _FROM_DATA else ""),
    )
    return Page(
        SHOW_SCHEMA,
        data,
        [flat(data)],
        (Table((Column(word.name), Column("", wraps=True)), tuple(facts)), check),
        ("Measured bound: the largest weight drawn. Variances are about the mean.", *word.remarks),
    )


def _square(word: InitializerEntry) -> str:
    """n Var W of a square layer, as text for the list."""
    return _FROM_DATA if word.distribution == _FROM_DATA else f"{1000 * word.variance(1000, 1000):.4g}"


def _number(value: float) -> str:
    return f"{value:.4g}" if math.isfinite(value) else "unknown" if math.isnan(value) else "none"


def _off(predicted: float, measured: float) -> str:
    return f"{100 * (measured / predicted - 1):+.2f} %" if math.isfinite(predicted) and predicted else ""
