"""Results files: what is written reads back, and whatever else a file holds is told in one line."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from xavier_cli.config.presets import SCALES
from xavier_cli.errors import ExitCode
from xavier_cli.sweeps.recipe import read_recipe, shipped_recipes
from xavier_cli.sweeps.results import (
    CellResult,
    ClaimResult,
    ErrorEstimate,
    Origin,
    Results,
    ResultsError,
    read_results,
    results_files,
)
from xavier_cli.vocabulary import lookup
from xavier_cli.vocabulary.shipped import shipped_folder

COMMITTED = results_files(shipped_folder() / "results")


def some_results(**changes) -> Results:
    """The results of a recipe with one cell and one claim, of a word that this version does not give."""
    claim = ClaimResult(
        claim="table-1-order",
        statement="Softsign ± tanh.",
        verdict="estimate",
        evidence="1.9 [1.7, 2.1] √3",
        statistic=1.9,
        source="Table 1",
    )
    cell = CellResult(
        name="shapeset-tanh",
        command="svm",
        settings={"width": 30, "lr": 0.03, "act": "tanh", "residual": False},
        seeds="5",
        test_error=ErrorEstimate(mean=0.478, low=0.466, high=0.49, n=5),
    )
    return Results(
        recipe="mine",
        title="Mine",
        scale="laptop",
        status="complete",
        utc="2026-11-26T05:00:00+00:00",
        origin=Origin(xavier="0.2.0"),
        claims=(claim,),
        cells=(cell,),
    ).model_copy(update=changes)


def test_what_is_written_reads_back_and_is_readable_text(tmp_path):
    path = tmp_path / "mine.json"
    path.write_text(some_results().text(), encoding="utf-8")

    assert read_results(path) == some_results()
    assert read_results(path).text() == path.read_text(encoding="utf-8")
    assert "√3" in path.read_text(encoding="utf-8")
    # A line per value: a change of one number is a change of one line.
    assert '   "verdict": "estimate",\n' in path.read_text(encoding="utf-8")


def spoilt(change) -> str:
    content = json.loads(some_results().text())
    change(content)
    return json.dumps(content)


def error(content) -> dict:
    return content["cells"][0]["test_error"]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "is not a results file"),
        ("{", "is not a results file"),
        ("[" * 100_000, "nested too deeply"),
        ("[]", "it has no schema"),
        ("{}", "it has no schema"),
        ('{"schema": "xavier.results/9"}', "its schema is `xavier.results/9`, not `xavier.results/1`"),
        (spoilt(lambda c: c.pop("recipe")), "is damaged: recipe: is missing"),
        (spoilt(lambda c: c.update(status="half")), "status: should be"),
        (spoilt(lambda c: c["claims"][0].update(verdict="It\x1b[31m")), "claims.0.verdict"),
        (spoilt(lambda c: c["cells"][0].update(test_error="low")), "cells.0.test_error"),
        (spoilt(lambda c: c.update(seconds=-1)), "seconds: should be at least 0"),
        (spoilt(lambda c: error(c).update(mean=float("nan"))), "mean"),
        (spoilt(lambda c: error(c).update(mean=47.8, low=46, high=49)), "mean: should be at most 1"),
        (spoilt(lambda c: error(c).update(low=0.49, high=0.466)), "the mean is not inside its interval"),
        (spoilt(lambda c: error(c).update(low=0.1, high=0.2)), "the mean is not inside its interval"),
        (spoilt(lambda c: error(c).update(low=None)), "one end of the interval is missing"),
        (spoilt(lambda c: error(c).update(high=float("inf"))), "high"),
        (spoilt(lambda c: error(c).update(n=0)), "n: should be at least 1"),
        (spoilt(lambda c: c.update(status="partial")), "is not what its cells say"),
        (spoilt(lambda c: c["cells"][0].update(state="failed")), "is not what its cells say"),
    ],
)
def test_a_file_that_is_none_is_one_line_that_names_it(tmp_path, text, said):
    path = tmp_path / "bad.json"
    path.write_text(text)
    with pytest.raises(ResultsError) as error:
        read_results(path)

    assert said in str(error.value)
    assert str(path) in str(error.value)
    assert "\n" not in str(error.value)
    assert error.value.exit_code == ExitCode.NO_INPUT


def test_a_file_that_is_not_there_is_one_line(tmp_path):
    with pytest.raises(ResultsError, match="cannot be read: No such file"):
        read_results(tmp_path / "none.json")


def test_files_of_a_folder_come_as_recipes_are_listed(tmp_path):
    for name in ("figure-10.json", "figure-2.json", "about.txt", ".hidden.json"):
        (tmp_path / name).write_text("")

    assert [path.name for path in results_files(tmp_path)] == ["figure-2.json", "figure-10.json"]
    assert results_files(Path("one.json")) == [Path("one.json")]


def test_committed_files_are_of_recipes_that_there_are():
    assert len(COMMITTED) > 20
    assert {recipe_and_scale(path)[0] for path in COMMITTED} <= {*shipped_recipes()}


def recipe_and_scale(path: Path) -> tuple[str, str]:
    """`figure-11-long.json` is of the recipe figure-11 at scale `long`, `figure-11.json` at laptop scale."""
    for scale in SCALES:
        if path.stem.endswith(f"-{scale}"):
            return path.stem.removesuffix(f"-{scale}"), scale
    return path.stem, "laptop"


@pytest.mark.parametrize("path", COMMITTED, ids=lambda path: path.stem)
def test_a_committed_file_is_of_its_recipe_at_its_scale(path):
    results = read_results(path)
    name, scale = recipe_and_scale(path)
    recipe = read_recipe(name)

    assert (results.recipe, results.scale) == (name, scale)
    assert results.text() == path.read_text(encoding="utf-8")
    for claim in results.claims:
        lookup.find("claim", claim.claim, lookup.CLAIMS)
    # What the program wrote has all the recipe's claims, and was not made of code that is nowhere kept.
    if not results.transcribed:
        assert {lookup.find("claim", each.claim, lookup.CLAIMS).name for each in results.claims} <= {
            *recipe.claims
        }
        assert results.origin.modified is False
        assert len(results.cells) == recipe.count(scale)


@pytest.mark.parametrize("path", COMMITTED, ids=lambda path: path.stem)
def test_a_committed_file_names_no_folder(path):
    # A place of a file, such as /home/somebody or figures/x.png; not `and/or`, nor a schema's version.
    content = json.loads(path.read_text(encoding="utf-8"))
    texts = [content["title"], *content["changes"].values(), *content["origin"]["devices"]]
    for cell in content["cells"]:
        texts += [cell["name"], *(value for value in cell["settings"].values() if isinstance(value, str))]

    assert [text for text in texts if "/" in text.replace("b/c", "")] == []
