"""`xavier init`: the initializers there are, and the law of one beside a million draws of it."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Annotated

import typer

from xavier_cli.cli.commands.act import elsewhere, elsewhere_data, flat, parameters
from xavier_cli.cli.options import completion
from xavier_cli.cli.terminal.output import FormatOption, OutputOption, check_output, show_page
from xavier_cli.views.page import Column, Page, Table
from xavier_cli.vocabulary import lookup
from xavier_cli.vocabulary.grammar import parse_layers
from xavier_cli.vocabulary.resolve import PLACES, find_initializer

if TYPE_CHECKING:
    import numpy as np

    from xavier_cli.vocabulary.entry import Initializer

LIST_SCHEMA = "xavier.init.list/1"
SHOW_SCHEMA = "xavier.init.show/1"
DRAWS = 1_000_000
LARGEST_MATRIX = 20_000_000
_FROM_DATA = "from data"

init = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode=None,
    help="The initializers: law, variance, gain, other names.",
)


NameArgument = Annotated[
    str,
    typer.Argument(
        metavar="NAME", help="Initializer, by any of its names.", autocompletion=completion.initializers
    ),
]
FanInOption = Annotated[int, typer.Option("--fan-in", min=1, help="Units of the layer below.")]
FanOutOption = Annotated[int, typer.Option("--fan-out", min=1, help="Units of the layer itself.")]


@init.command("list")
def list_(format: FormatOption = None, output: OutputOption = None) -> None:
    """List the initializers: law, other names."""
    if output is not None:
        check_output(output)
    show_page(list_page(), format, output)


@init.command("show")
def show(
    name: NameArgument,
    fan_in: FanInOption = 1000,
    fan_out: FanOutOption = 1000,
    format: FormatOption = None,
    output: OutputOption = None,
) -> None:
    """Show one initializer: law, bound, variance, names elsewhere, and a million draws beside them.

    xavier init show normalized --fan-in 1024 --fan-out 1000
    """
    if output is not None:
        check_output(output)
    if parse_layers(name, PLACES)[1]:
        raise typer.BadParameter("`init show` takes the initializer of one layer", param_hint="NAME")
    word = find_initializer(name)
    if fan_in * fan_out > LARGEST_MATRIX:
        raise typer.BadParameter(
            f"{fan_in:,}×{fan_out:,} is more than {LARGEST_MATRIX:,} weights",
            param_hint="--fan-in, --fan-out",
        )
    show_page(initializer_page(word, fan_in, fan_out, draw(word, fan_in, fan_out)), format, output)


def list_page() -> Page:
    """The answer of `init list`."""
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


def draw(word: Initializer, fan_in: int, fan_out: int) -> np.ndarray:
    """Whole matrices of weights, at least a million draws, shape `(matrices, fan_in, fan_out)`."""
    import jax
    import jax.numpy as jnp
    import numpy as np

    from xavier_cli.nn.initializers import make_initializer

    initializer = make_initializer(word.name)
    keys = jax.random.split(jax.random.key(0), math.ceil(DRAWS / (fan_in * fan_out)))
    one = jax.jit(jax.vmap(lambda key: initializer(key, (fan_in, fan_out), jnp.float32)))
    return np.asarray(one(keys), np.float64)


def initializer_page(word: Initializer, fan_in: int, fan_out: int, weights: np.ndarray) -> Page:
    """The answer of `init show`; `weights` are drawn from the initializer."""
    variance, bound = word.variance(fan_in, fan_out), word.bound(fan_in, fan_out)
    # Of a bounded law the largest draw, of a normal nothing: its largest grows with their number.
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
        ("truncated", "at ±2σ of the normal it is cut from" if truncated else "no"),
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


def _square(word: Initializer) -> str:
    """n Var W of a square layer, in a list."""
    return _FROM_DATA if word.distribution == _FROM_DATA else f"{1000 * word.variance(1000, 1000):.4g}"


def _number(value: float) -> str:
    return f"{value:.4g}" if math.isfinite(value) else "unknown" if math.isnan(value) else "none"


def _off(predicted: float, measured: float) -> str:
    return f"{100 * (measured / predicted - 1):+.2f} %" if math.isfinite(predicted) and predicted else ""
