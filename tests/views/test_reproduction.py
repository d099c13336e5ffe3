"""The table of `reproduce` shows what its rows differ in, and stars mark only what was compared."""

from pathlib import Path

import pytest

from xavier_cli.runs.merge import merge_runs
from xavier_cli.sweeps.plan import Folders, Plan, cells
from xavier_cli.sweeps.recipe import read_recipe
from xavier_cli.views.reproduction import reproduction_page

FOLDERS = Folders(train=Path("runs"), probe=Path("probes"), surface=Path("surfaces"))


def table(make_run, name, kept=lambda config: True):
    """The table of a shipped recipe at laptop scale, of plausible runs with a few records."""
    plan = Plan(read_recipe(name), "laptop", [], [], [])
    planned = [cell.config for cell in cells(plan.recipe, "laptop", FOLDERS) if cell.command == "train"]
    runs = [
        make_run(config.with_(width=8, records="5"), jacobian=False, only=("curves", "final"))
        for config in planned
        if kept(config)
    ]
    return reproduction_page(plan, runs, [], [], [], []).tables[0]


@pytest.fixture(scope="module")
def figure_11(make_run):
    return table(make_run, "figure-11")


def test_rows_that_had_other_rates_or_updates_say_so(figure_11):
    titles = [column.title for column in figure_11.columns]
    shown = {(row[0], row[titles.index("lr")], row[titles.index("updates")]) for row in figure_11.texts}

    assert shown == {
        ("sigmoid", "0.1", "30,000"),
        ("tanh", "0.03", "100,000"),
        ("softsign", "0.03", "100,000"),
    }
    # The paper's numbers are found as before.
    assert [row[-1] for row in figure_11.texts] == ["83.3", "35", "27.5", "17", "16.5", "15.8", "11"]


def test_a_row_alone_on_its_data_set_is_the_best_of_nothing(make_run, figure_11):
    alone = table(make_run, "figure-11", lambda config: config.depth == 4)

    assert "*" not in alone.texts[0][-2]
    assert any("*" in row[-2] for row in figure_11.texts)


def test_rows_with_fewer_seeds_say_how_many(make_run):
    """Stopped in the second round: tanh has had its second seed, the other activations have not."""
    plan = Plan(read_recipe("figure-11"), "long", [], [], [])
    planned = [cell.config for cell in cells(plan.recipe, "long", FOLDERS, {"seeds": "2"})]
    made = [
        make_run(config.with_(width=8, updates=100, records="5"), jacobian=False, only=("curves", "final"))
        for config in planned
        if config.act == "tanh" or config.seeds == (0,)
    ]
    runs, _ = merge_runs(made)
    shown = reproduction_page(plan, runs, [], [], [], []).tables[0]
    number = [column.title for column in shown.columns].index("N")

    assert {(row[0], row[number]) for row in shown.texts} == {
        ("sigmoid", "1"),
        ("softsign", "1"),
        ("tanh", "2"),
    }
    assert shown.columns[number + 1].title == "paper"
