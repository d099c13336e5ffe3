"""`xavier reproduce`: every recipe runs to its end at tiny scale, and the answer is the claims'."""

from __future__ import annotations

import json
from pathlib import Path

import h5py
import pytest

from xavier_cli.findings.claims import judging
from xavier_cli.findings.claims.verdict import ClaimVerdict
from xavier_cli.sweeps import work
from xavier_cli.sweeps.recipe import read_recipe, shipped_recipes


def needs_files(recipe):
    """Whether its data sets are not there where tests run: all but Shapeset, which is generated."""
    data = {
        cell.settings.get("data", "shapeset") for cell in recipe.expand("tiny") if cell.command != "surface"
    }
    return any(not name.startswith("shapeset") for name in data)


RECIPE = """
title = "Figure 3 in short"
claims = ["tanh-saturates-in-turn"]
[base]
depth = 2
[grid]
act = ["tanh", "softsign"]
[[figures]]
kind = "saturation"
[[figures]]
kind = "curves"
name = "only-tanh"
where = { act = "tanh" }
[table]
rows = ["act"]
[[table.paper]]
row = { act = "tanh" }
values = { shapeset = 27.15 }
"""


@pytest.fixture(scope="module")
def together(tmp_path_factory) -> Path:
    """One folder for all recipes: what one has trained the next finds."""
    return tmp_path_factory.mktemp("reproduced")


@pytest.fixture
def here(tmp_path, monkeypatch, make_run):
    """A recipe in the current folder, and training replaced by plausible runs."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("XAVIER_RUNS_DIR", raising=False)
    Path("mine.toml").write_text(RECIPE)

    def train(cells, task, hooks):
        for cell in cells:
            work.write_run(cell.path, make_run(cell.config, provenance=task.provenance, test_examples=10))
        return [True] * len(cells)

    monkeypatch.setattr(work, "_trained", train)
    return tmp_path


@pytest.fixture
def judged(monkeypatch):
    """A function that fixes the word of every claim."""

    def say(word):
        def judge_all(claims, training_data):
            return [ClaimVerdict(name, word, "0.49 here", "0.5 there", 0.49, 0.3) for name in claims]

        monkeypatch.setattr(judging, "judge_all", judge_all)

    return say


# The others have programs of their own, which take up to half a minute each to compile.
QUICK = {"figure-1", "figure-6", "figure-7", "figure-8"}


@pytest.mark.parametrize(
    "name",
    [pytest.param(name, marks=[pytest.mark.slow] * (name not in QUICK)) for name in shipped_recipes()],
)
def test_every_recipe_runs_to_its_end_at_tiny_scale(name, together, xavier, monkeypatch):
    monkeypatch.chdir(together)
    for variable in ("XAVIER_RUNS_DIR", "XAVIER_DATA_DIR"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(together / "no-data"))
    answer = xavier("reproduce", name, "--scale", "tiny", "-q", "-f", "json")
    page, recipe = json.loads(answer.out), read_recipe(name)

    assert answer.code == (4 if needs_files(recipe) else 0), answer.err
    assert [claim["claim"] for claim in page["claims"]] == list(recipe.claims)
    # Tiny networks decide nothing; two weights are two weights at any scale.
    assert name == "figure-5" or {claim["verdict"] for claim in page["claims"]} <= {"undecided"}
    if not needs_files(recipe):
        assert page["figures"] == [f"figures/{name}/{figure.stem}.png" for figure in recipe.figures]
        assert all(Path(figure).stat().st_size > 5000 for figure in page["figures"])


def test_figures_table_and_verdicts_come_out(here, judged, xavier):
    judged("holds")
    answer = xavier("reproduce", "mine.toml", "--scale", "tiny", width=120)

    assert answer.code == 0, answer.err
    assert "figures/mine/saturation.png" in answer.out
    assert Path("figures/mine/only-tanh.png").is_file()
    assert "27.15" in answer.out
    assert "holds" in answer.out
    assert "0.5 there" in answer.out


@pytest.mark.parametrize(
    ("word", "code"), [("holds", 0), ("undecided", 0), ("estimate", 0), ("does_not_hold", 3)]
)
def test_a_claim_that_does_not_hold_is_exit_code_3(here, judged, xavier, word, code):
    judged(word)
    answer = xavier("reproduce", "mine.toml", "--scale", "tiny", "-q")

    assert answer.code == code
    assert word.replace("_", " ") in answer.out


def test_what_was_trained_is_not_trained_again_and_figures_go_where_asked(here, xavier):
    xavier("sweep", "mine.toml", "--scale", "tiny", "-q")
    before = {path: path.stat().st_mtime_ns for path in Path("runs").iterdir()}
    answer = xavier("reproduce", "mine.toml", "--scale", "tiny", "-o", "elsewhere")

    assert "2 cells, all finished" in answer.err
    assert {path: path.stat().st_mtime_ns for path in Path("runs").iterdir()} == before
    assert sorted(path.name for path in Path("elsewhere").iterdir()) == ["only-tanh.png", "saturation.png"]


def test_a_figure_without_runs_is_told_and_hides_nothing(here, xavier):
    Path("mine.toml").write_text(RECIPE.replace('act = "tanh" }\n[table]', 'act = "sigmoid" }\n[table]'))
    answer = xavier("reproduce", "mine.toml", "--scale", "tiny", "-q")

    assert answer.code == 4
    assert "no only-tanh: no finished cell is of it" in answer.out
    assert "figures/mine/saturation.png" in answer.out


def test_a_finished_cell_that_was_damaged_is_named_and_hides_no_other(here, judged, xavier):
    judged("holds")
    xavier("sweep", "mine.toml", "--scale", "tiny", "-q")
    (damaged,) = Path("runs").glob("*softsign*")
    content = bytearray(damaged.read_bytes())
    with h5py.File(damaged) as file:
        place = file["curves/test_loss"].id.get_chunk_info(0).byte_offset
    content[place] ^= 1
    damaged.write_bytes(content)
    answer = xavier("reproduce", "mine.toml", "--scale", "tiny", "-q")

    assert answer.code == 4
    assert answer.err.count(damaged.name) == 1
    assert Path("figures/mine/only-tanh.png").is_file()


def test_the_table_is_about_the_runs_chosen_and_claims_are_about_all(here, xavier, monkeypatch):
    seen = []

    def judge_all(claims, training_data):
        seen.extend(training_data)
        return []

    monkeypatch.setattr(judging, "judge_all", judge_all)
    text = RECIPE.replace('claims = ["tanh-s', 'select = ["depth"]\nclaims = ["tanh-s')
    Path("mine.toml").write_text(text.replace("[grid]", "[grid]\ndepth = [1, 2, 3]"))
    answer = xavier("reproduce", "mine.toml", "--scale", "tiny", "-f", "json")

    assert answer.code == 0, answer.err
    assert len(list(Path("runs").glob("*.h5"))) == 6
    assert sorted((run.config.act, run.config.depth) for run in seen) == [
        (act, depth) for act in ("softsign", "tanh") for depth in (1, 2, 3)
    ]
    assert len(json.loads(answer.out)["comparison"]["sections"][0]["rows"]) == 2


def test_a_folder_for_figures_that_is_a_file_is_refused(here, xavier):
    Path("taken").write_text("")
    answer = xavier("reproduce", "mine.toml", "-o", "taken")

    assert answer.code == 2
    assert "`taken` is a file" in answer.err
    assert not Path("runs").exists()
