"""Which runs of a recipe its figures draw."""

from __future__ import annotations

import pytest

from xavier_cli.findings.claims.table import READINGS
from xavier_cli.runs.isolate import Isolation
from xavier_cli.sweeps.recipe import Recipe, read_recipe
from xavier_cli.sweeps.recipe_figures import draw_figures
from xavier_cli.sweeps.recipe_shows import Figure


@pytest.mark.parametrize(
    ("where", "missing"),
    [
        ({"act": "tanh"}, 0),
        ({"act": ["tanh", "relu"], "depth": 2}, 0),
        ({"act": ["relu", "elu"]}, 1),
        ({"act": "tanh", "depth": [3]}, 1),
    ],
)
def test_a_figure_takes_runs_of_one_value_or_of_any_in_a_list(where, missing, make_run, tmp_path):
    runs = [make_run(act=act, depth=2, width=6) for act in ("tanh", "softsign")]
    recipe = Recipe(title="t", figures=[Figure(kind="curves", where=where)])

    taken = recipe, runs, [], tmp_path, lambda *_: pytest.fail("no samples"), Isolation()
    drawn, left_out = draw_figures(*taken, note=lambda _: None)

    assert (len(drawn), len(left_out)) == (1 - missing, missing)
    assert all("no finished cell belongs to it" in line for line in left_out)


def test_figure_11_is_drawn_beside_the_readings_that_its_claim_is_about():
    (figure,) = read_recipe("figure-11").figures
    drawn = {
        (curve.row["act"], curve.row.get("init", "standard"), curve.row.get("depth", 5)): dict(
            zip(curve.updates, curve.values, strict=True)
        )
        for curve in figure.paper
        if curve.row.get("pretrain") != "dae"
    }

    assert drawn == {
        (cell.act, cell.init, cell.depth): {
            round(examples / 10): pytest.approx(100 * error) for examples, error in readings.items()
        }
        for cell, readings in READINGS.items()
    }
