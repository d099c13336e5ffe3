"""The page of results files: RESULTS.md is what it makes of the committed ones, and nothing is lost."""

from __future__ import annotations

from xavier_cli.cli.terminal.output import Format, format_page
from xavier_cli.sweeps.results import (
    CellResult,
    ClaimResult,
    ErrorEstimate,
    Origin,
    Results,
    TableLayout,
    read_results,
    results_files,
)
from xavier_cli.views.results import results_page
from xavier_cli.vocabulary.claims import CLAIMS
from xavier_cli.vocabulary.shipped import shipped_folder

MAKE = "xavier reproduce summary --results recipes/results -o recipes/RESULTS.md"


def test_results_md_is_made_of_the_committed_files_byte_for_byte():
    every = [read_results(path) for path in results_files(shipped_folder() / "results")]
    page = format_page(results_page(every), Format.MD)

    assert (shipped_folder() / "RESULTS.md").read_bytes() == page.encode(), f"`{MAKE}` makes it again"


def cell(act, data, mean, paper=None, **more) -> CellResult:
    error = ErrorEstimate(mean=mean, low=mean - 0.01, high=mean + 0.01, n=5)
    return CellResult(
        name=f"{data}-{act}",
        command="train",
        settings={"act": act, "data": data},
        test_error=error,
        paper_percent=paper,
        **more,
    )


CELLS = (
    cell("tanh", "mnist", 0.05, 1.76, beside_best="told_apart", chosen={"lr": 0.1}, on_edge=("lr",)),
    cell("softsign", "mnist", 0.04, 1.64, beside_best="best", chosen={"lr": 0.03}),
    cell("softsign", "cifar10", 0.6, beside_best="best", diverged=2),
    cell("sigmoid", "cifar10", 0.9, selected=False),
)


def results(**changes) -> Results:
    claim = {"statement": "It is so.", "evidence": "1.9 [1.7, 2.1]", "source": "Table 1"}
    claims = [ClaimResult(claim=f"c{i}", verdict=word, **claim) for i, word in enumerate(WORDS)]
    content = {
        "recipe": "mine",
        "title": "Mine: a table",
        "scale": "laptop",
        "status": "complete",
        "utc": "2026-11-26T05:00:00+00:00",
        "origin": Origin(xavier="0.2.0", commit="0123456789abcdef", modified=True, processor="A", cores=2),
        "seconds": 3600,
        "claims": claims,
        "table": TableLayout(rows=("act",), columns="data"),
        "common": {"width": 300},
        "cells": CELLS,
    }
    return Results(**{**content, **changes})


WORDS = ("holds", "holds", "does_not_hold", "estimate")


def tables(*every):
    return {table.title: table for table in results_page(every).tables}


def test_every_claim_has_its_verdict_whatever_the_word():
    page = results_page([results()])

    assert [row[2] for row in page.tables[0].texts] == ["holds", "holds", "does not hold", "estimate"]
    assert "4 verdicts on 4 claims: holds 2, does not hold 1, estimate 1." in page.about
    assert "Undecided" not in page.about
    assert [record["verdict"] for record in page.records] == [*WORDS]


def test_errors_stand_beside_the_papers_with_marks_for_best_and_edge():
    table = tables(results())["Mine: a table"]

    assert [column.title for column in table.columns] == ["act", "mnist", "paper", "cifar10"]
    assert [[cell.strip() for cell in row] for row in table.texts] == [
        ["tanh", "5.0 ± 1.0!", "1.76", ""],
        ["softsign", "4.0 ± 1.0*", "1.64", "60.0 ± 1.0"],
    ]
    for said in ("width 300", "over 5 seeds", "softsign mnist lr 0.03", "2 of the networks diverged"):
        assert said in table.about


def test_cells_that_were_trained_otherwise_are_told_apart():
    """Sigmoids that had a third of the updates stand beside networks that had all."""
    cells = tuple(
        each.model_copy(update={"settings": {**each.settings, "updates": updates, "records": updates}})
        for each, updates in zip(CELLS, (300, 100, 100, 100), strict=True)
    )
    table = tables(results(cells=cells))["Mine: a table"]

    assert [column.title for column in table.columns] == ["act", "updates", "mnist", "paper", "cifar10"]
    assert [row[:2] for row in table.texts] == [("tanh", "300"), ("softsign", "100")]


def test_a_star_says_no_more_of_few_seeds_than_which_mean_is_lowest():
    def about(seeds):
        cells = [
            each.model_copy(update={"test_error": each.test_error.model_copy(update={"n": seeds})})
            for each in CELLS
        ]
        return tables(results(cells=cells))["Mine: a table"].about

    assert "*: the lowest mean of its data set; differences are tested from 5 seeds on." in about(3)
    assert "or no significant difference from it" in about(5)


def test_settings_that_all_rows_share_are_said_though_missing_cells_have_others():
    cells = [
        each.model_copy(update={"settings": {**each.settings, "lr": 0.1 if each.selected else 0.01}})
        for each in CELLS
    ]
    assert "(width 300, lr 0.1)" in tables(results(cells=cells))["Mine: a table"].about


def test_a_claim_has_todays_words_and_counts_once_however_many_recipes_judge_it():
    known = ClaimResult(
        claim="figure-11-readings", statement="Old words.", verdict="holds", evidence="1", source="Table 1"
    )
    page = results_page([results(claims=[known]), results(claims=[known], scale="long")])

    assert page.tables[0].texts[0][2] == CLAIMS["figure-11-readings"].statement
    assert "2 verdicts on 1 claim: holds 2." in page.about


def test_a_cell_alone_on_its_data_set_is_the_best_of_nothing():
    table = tables(results(cells=CELLS[2:3]))["Mine: a table"]

    assert table.texts[0][-1].strip() == "60.0 ± 1.0"
    assert "*:" not in table.about


def test_a_recipe_without_table_or_errors_has_none():
    for changes in ({"table": None}, {"cells": ()}):
        assert "Mine: a table" not in tables(results(**changes))


def remarks(**changes):
    row = tables(results(**changes))["When, where and how long"].texts[0]
    return row[2], row[-1]


def test_where_a_file_is_from_is_said():
    assert remarks() == ("0.2.0 (0123456, modified)", "")
    assert remarks(transcribed=True, note="beside other work")[1] == (
        "as reported by version 0.2.0; beside other work"
    )
    assert remarks(changes={"updates": "100"})[1] == "with --set updates=100"
    missing = CELLS[0].model_copy(update={"state": "failed", "test_error": None})
    assert remarks(status="partial", cells=(missing, *CELLS[1:]))[1] == "1 of 4 cells missing: tanh mnist"
    assert remarks(changes={"seeds": "2", "lr": "0.1"})[1] == "with --seeds 2 --set lr=0.1"


def with_seeds(n, **more) -> CellResult:
    """The first of `CELLS` with so many of its three seeds."""
    error = ErrorEstimate(mean=0.3, low=0.2, high=0.4, n=n) if n > 1 else ErrorEstimate(mean=0.3, n=1)
    state = "done" if n == 3 else "stopped"
    return CELLS[0].model_copy(update={"seeds": "3", "test_error": error, "state": state, **more})


def test_cells_with_fewer_seeds_say_how_many():
    """As trained in rounds: softsign has had one round less, and one cell none."""
    softsign = with_seeds(1, name="mnist-softsign", settings={"act": "softsign", "data": "mnist"})
    settings = {"act": "sigmoid", "depth": 4, "pretrain": "none", "data": "mnist"}
    none = CELLS[0].model_copy(update={"test_error": None, "state": "failed", "settings": settings})
    layout = TableLayout(rows=("act", "depth", "pretrain"), columns="data")
    own = {"status": "partial", "cells": (with_seeds(2), softsign, none), "table": layout}
    table = tables(results(**own))["Mine: a table"]

    assert [column.title for column in table.columns] == ["act", "test error %", "N", "paper"]
    assert ["".join(row[1].split()) for row in table.texts] == ["30.0±10.0!", "30.0!"]
    assert [row[2] for row in table.texts] == ["2", "1"]
    assert "over N seeds" in table.about
    assert "Not run to the end: sigmoid depth 4 mnist." in table.about
    assert remarks(**own)[1] == (
        "1 of 3 cells missing: sigmoid depth 4 mnist; "
        "2 of 3 seeds of tanh mnist; 1 of 3 seeds of softsign mnist"
    )


def test_one_seed_of_every_cell_has_no_interval_nor_a_column_of_its_number():
    table = tables(results(status="partial", cells=(with_seeds(1),)))["Mine: a table"]

    assert [column.title for column in table.columns] == ["act", "test error %", "paper"]
    assert "at the last record, of one seed." in table.about


def test_two_scales_are_told_apart_wherever_a_recipe_is_named():
    page = results_page([results(), results(scale="long"), results(recipe="other", title="Other")])

    assert "Results of 2 recipes at laptop and 1 at long scale." in page.about
    assert "2,500,000 updates at width 300 instead of its 1,000" in page.about
    claims, *errors, origins = page.tables
    assert [table.title for table in errors] == [
        "Mine: a table (laptop scale)",
        "Mine: a table (long scale)",
        "Other",
    ]
    for table in (claims, origins):
        assert [column.title for column in table.columns][:2] == ["recipe", "scale"]
        assert list(dict.fromkeys(row[:2] for row in table.texts)) == [
            ("mine", "laptop"),
            ("mine", "long"),
            ("other", "laptop"),
        ]
    assert "scale" not in {column.title for column in results_page([results()]).tables[0].columns}


def test_the_papers_length_is_not_told_of_results_that_were_shortened():
    page = results_page([results(scale="long", changes={"updates": "200"})])

    assert "2,500,000" not in page.about


def test_a_cell_of_a_recipe_without_a_table_is_called_by_its_settings():
    begun = cell("tanh", "mnist", 0.05).model_copy(update={"state": "stopped", "seeds": "0:9"})
    origins = results_page([results(table=None, status="partial", cells=(begun,))]).tables[-1]

    assert "5 of 9 seeds of tanh mnist" in origins.texts[0][-1]


def test_a_file_full_of_control_characters_garbles_nothing():
    bad = "\x1b[31m\nx"
    content = results(recipe=bad, title=bad, note=bad, common={bad: bad}, utc=bad)
    for format in Format:
        text = format_page(results_page([content]), format)
        assert "\x1b" not in text
