"""`xavier act`: the activations there are, and what is known of one."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Annotated

import typer

from xavier_cli.cli.options import completion
from xavier_cli.cli.terminal.output import FormatOption, OutputOption, check_output, show_page
from xavier_cli.views.page import Column, Page, Table
from xavier_cli.vocabulary import lookup
from xavier_cli.vocabulary.grammar import write_value
from xavier_cli.vocabulary.resolve import find_activation
from xavier_cli.vocabulary.user_functions import is_own

if TYPE_CHECKING:
    from xavier_cli.theory.saturation import Regions
    from xavier_cli.vocabulary.entry import Activation, Initializer

LIST_SCHEMA = "xavier.act.list/1"
SHOW_SCHEMA = "xavier.act.show/1"

act = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode=None,
    help="The activations: formula, range, slope, gain, other names.",
)


FOUND = (
    "Range and kinks were found numerically: values on 48,193 points from -1e9 to 1e9, jumps of the slope "
    "within ±20."
)

NameArgument = Annotated[
    str,
    typer.Argument(
        metavar="NAME", help="Activation, by any of its names.", autocompletion=completion.activations
    ),
]


@act.command("list")
def list_(format: FormatOption = None, output: OutputOption = None) -> None:
    """List the activations: formula, range, other names."""
    if output is not None:
        check_output(output)
    show_page(list_page(), format, output)


@act.command("show")
def show(name: NameArgument, format: FormatOption = None, output: OutputOption = None) -> None:
    """Show one activation: formula, range, slope at 0, where it saturates, gain, names elsewhere.

    xavier act show tanh
    """
    if output is not None:
        check_output(output)
    show_page(activation_page(find_activation(name)), format, output)


def list_page() -> Page:
    """The answer of `act list`."""
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


def activation_page(word: Activation) -> Page:
    """The answer of `act show`."""
    from xavier_cli.nn.activations import make_activation
    from xavier_cli.theory.gain import derived_gain
    from xavier_cli.theory.quadrature import gaussian_moments
    from xavier_cli.theory.saturation import find_regions, slope_at_zero
    from xavier_cli.theory.shape import shape_of

    function = make_activation(word.name)
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
            *([FOUND] if is_own(word.name) else []),
        ),
    )


def parameters(word: Activation | Initializer) -> list[tuple[str, str]]:
    """Rows for the parameters a name takes, with their values here."""
    values = word.parameter_values
    return [
        (
            "parameter" if i == 0 else "",
            f"{each.name}={write_value(values[each.name])}: {each.about}; {each.allowed}",
        )
        for i, each in enumerate(word.parameters)
    ]


def elsewhere(spellings: lookup.Spellings, aliases: tuple[str, ...]) -> list[tuple[str, str]]:
    """Rows for the other names a thing has; what it has not is left out."""
    rows = [("JAX", spellings.jax), ("Keras", spellings.keras), ("PyTorch", spellings.torch)]
    return [row for row in [*rows, ("also called", ", ".join(aliases))] if row[1]]


def elsewhere_data(spellings: lookup.Spellings, aliases: tuple[str, ...]) -> dict[str, object]:
    """The same for programs."""
    return {
        "jax": spellings.jax,
        "keras": spellings.keras,
        "torch": spellings.torch,
        "aliases": list(aliases),
    }


def flat(data: dict[str, object]) -> dict[str, object]:
    """`data` as one line of a CSV: what has several parts is joined by commas."""
    return {
        name: ",".join(map(str, value)) if isinstance(value, list | tuple) else value
        for name, value in data.items()
    }


def interval(low: float, high: float) -> str:
    """A range as the field writes it: `(-1, 1)`."""
    return f"({_end(low)}, {_end(high)})"


def _end(value: float) -> str:
    return f"{value:g}" if math.isfinite(value) else ("∞" if value > 0 else "-∞")


def _outside(below: float, above: float) -> str:
    parts = [f"s < {below:.4g}"] * math.isfinite(below) + [f"s > {above:.4g}"] * math.isfinite(above)
    return " or ".join(parts) or "nowhere"


def _bounds(regions: Regions) -> dict[str, float | None]:
    """The regions' bounds; None for a side that has none."""
    return {
        name: value if math.isfinite(value) else None
        for name, value in (
            ("saturated_below", regions.saturated_below),
            ("saturated_above", regions.saturated_above),
            ("inactive_below", regions.inactive_below),
            ("inactive_above", regions.inactive_above),
        )
    }
