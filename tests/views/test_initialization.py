"""The tables of `probe` on narrow screens, and the sentences below them."""

from pathlib import Path

import numpy as np
import pytest

from xavier_cli.cli.terminal.screen import format_screen
from xavier_cli.findings.expectation import Quantity, agreement
from xavier_cli.views.initialization import initial_page

NAN = float("nan")
STATISTICS = {
    "activation_mean": 0.01,
    "activation_std": 0.3,
    "inactive": 0.5,
    "saturated": 0.1,
    "backprop_std": 0.03,
    "backprop_step": 1.5,
    "weight_gradient_std": 0.0002,
    "weight_gradient_rms": 0.003,
    "mean_singular_value": 0.47,
    "rms_singular_value": 0.49,
    "geometric_mean_singular_value": 0.33,
    "max_singular_value": 1.1,
}
UNPREDICTED = ("inactive", "saturated", "weight_gradient_std", "max_singular_value")


@pytest.fixture
def run(make_run):
    return make_run(width=8, depth=5, updates=0, seeds=5, test_examples=50, init="standard")


def quantity(values, predicted=None, sd=0.04):
    predicted = [NAN] * len(values) if predicted is None else predicted
    return Quantity(list(values), list(predicted), [sd] * len(values))


def everything():
    return {
        name: quantity([value] * 5, None if name in UNPREDICTED else [value] * 5)
        for name, value in STATISTICS.items()
    }


def test_every_table_has_its_title_at_the_margin_after_an_empty_line(run):
    lines = format_screen(initial_page(run, everything(), Path("a.h5")), 80).splitlines()
    titles = ("activations", "back-propagated gradients", "weight gradients")

    assert [lines[lines.index(title) - 1] for title in titles] == ["", "", ""]
    assert lines[0].startswith("shapeset tanh standard")


def first_note(run, quantities):
    return initial_page(run, quantities, Path("a.h5")).notes[0]


@pytest.mark.parametrize("width", [80, 60])
def test_tables_stay_tables_and_say_what_is_left_out(run, width):
    lines = format_screen(initial_page(run, everything(), Path("a.h5")), width).splitlines()
    jacobian = lines.index("singular values of the layer's Jacobian")
    table = "\n".join(lines[jacobian:])

    assert max(map(len, lines)) <= width
    # One line per layer, in each of the four tables.
    assert sum(line.startswith("hidden 3 ") for line in lines) == 4
    assert ("geometric" in table.partition("Not shown")[0]) == (width == 80)
    assert ("Not shown at 60 columns: geometric mean" in table) == (width == 60)


def test_the_rates_per_layer_are_said_first_with_theorys(run):
    shrinking = 0.3 / 1.18 ** np.arange(5)
    growing = 0.03 * 1.05 ** np.arange(5)
    quantities = {
        "activation_std": quantity(shrinking, shrinking * [1, 1, 1, 1, 0.99]),
        "backprop_std": quantity(growing, growing),
    }

    assert first_note(run, quantities) == (
        "Activations shrink by a factor of 1.18 per layer going forward, back-propagated gradients by 1.05 "
        "going back (theory: 1.18 and 1.05). All 10 measured statistics agree with theory: no difference is "
        "significant."
    )


def test_what_keeps_its_size_and_what_grows_are_said_so(run):
    quantities = {"activation_std": quantity([0.3] * 5), "backprop_std": quantity(0.03 / 2.0 ** np.arange(5))}

    assert first_note(run, quantities) == (
        "Activations keep their size going forward, back-propagated gradients grow by a factor of 2 per "
        "layer going back."
    )


def test_a_significant_difference_is_named_with_its_size(run):
    measured = [0.3, 0.3, 0.36, 0.3, 0.3]
    note = first_note(run, {"activation_std": quantity(measured, [0.3] * 5)})

    assert note.endswith(
        "1 of 5 statistics differs significantly from theory: activation std of layer 3, +20.0 %."
    )


def test_agreement_is_corrected_for_seeds_and_for_the_number_of_statistics():
    # 4 %: a standard deviation of one seed; 1.79 % of the mean of five; 2.58 of these for 5 statistics.
    just, over = ([0.3, 0.3 * (1 + far), 0.3, 0.3, 0.3] for far in (0.045, 0.047))

    assert agreement({"a": quantity(just, [0.3] * 5)}, 5).differ == ()
    assert [each.layer for each in agreement({"a": quantity(over, [0.3] * 5)}, 5).differ] == [2]
    assert agreement({"a": quantity(over, [0.3] * 5)}, 1).differ == ()
    assert agreement({"a": quantity([0.0] * 5), "b": quantity([0.1], [0.0])}, 5).tested == 0
