"""`xavier reproduce`: every recipe runs to its end at tiny scale, and the answer is the claims'."""

from __future__ import annotations

import json
import signal
from pathlib import Path

import h5py
import pytest

from xavier_cli.findings.claims import judging
from xavier_cli.findings.claims.verdict import ClaimVerdict
from xavier_cli.runs.reader import read_run
from xavier_cli.runs.store import write_run
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
            write_run(cell.path, make_run(cell.config, provenance=task.provenance, test_examples=10))
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
    assert "no only-tanh: no finished cell belongs to it" in answer.out
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


def read(path="out/mine.json"):
    return json.loads(Path(path).read_text(encoding="utf-8"))


def test_results_hold_settings_errors_verdicts_and_times(here, judged, xavier):
    judged("holds")
    answer = xavier("reproduce", "mine.toml", "--scale", "tiny", "-q", "--results", "out/mine.json")
    found = read()

    assert answer.code == 0, answer.err
    assert "wrote out/mine.json" in answer.err
    assert (found["schema"], found["recipe"], found["scale"]) == ("xavier.results/1", "mine", "tiny")
    assert (found["status"], found["changes"], found["transcribed"]) == ("complete", {}, False)
    (claim,) = found["claims"]
    assert (claim["claim"], claim["verdict"]) == ("tanh-saturates-in-turn", "holds")
    assert (claim["statistic"], claim["threshold"]) == (0.49, 0.3)
    assert (claim["evidence"], claim["source"]) == ("0.49 here", "0.5 there")
    assert [cell["settings"] for cell in found["cells"]] == [{"act": "tanh"}, {"act": "softsign"}]
    assert [cell["paper_percent"] for cell in found["cells"]] == [27.15, None]
    assert found["common"]["depth"] == 2
    assert found["origin"]["processor"]


def test_errors_of_cells_are_those_of_compare_and_a_diverged_seed_counts(here, xavier, make_run, monkeypatch):
    def train(cells, task, hooks):
        for cell in cells:
            timed = {"xavier": "0.9", "train_seconds": 20.0, "compile_seconds": 2.0}
            told = {**task.provenance, **timed}
            write_run(cell.path, make_run(cell.config, diverged=(1,), test_examples=100, provenance=told))
        return [True] * len(cells)

    monkeypatch.setattr(work, "_trained", train)
    xavier("reproduce", "mine.toml", "--scale", "tiny", "--seeds", "5", "-q", "--results", "out/mine.json")
    compared = json.loads(xavier("compare", "runs", "-f", "json").out)
    rows = {row["act"]: row for section in compared["sections"] for row in section["rows"]}

    found = read()
    assert found["changes"] == {"seeds": "5"}
    assert len(found["cells"]) == 2
    for cell in found["cells"]:
        row, error = rows[cell["settings"]["act"]], cell["test_error"]
        assert (cell["seeds"], error["n"], cell["diverged"]) == ("5", 5, 1)
        assert error["mean"] == pytest.approx(row["test_error"], abs=1e-6)
        assert cell["trained"]["xavier"] == "0.9"
        assert cell["trained"]["seconds"] == 20.0
    assert found["seconds"] == 44.0


def test_cells_that_were_trained_together_count_their_time_once(here, xavier, make_run, monkeypatch):
    def train(cells, task, hooks):
        for cell in cells:
            told = {**task.provenance, "train_seconds": 20.0}
            write_run(cell.path, make_run(cell.config, test_examples=10, provenance=told))
        return [True] * len(cells)

    monkeypatch.setattr(work, "_trained", train)
    Path("mine.toml").write_text(
        RECIPE.replace('act = ["tanh", "softsign"]', 'init = ["standard", "normalized"]')
    )
    xavier("reproduce", "mine.toml", "--scale", "tiny", "-q", "--results", "out/mine.json")

    assert [cell["trained"]["together"] for cell in read()["cells"]] == [2, 2]
    assert read()["seconds"] == 20.0


def test_the_rate_that_a_search_chose_is_there_and_whether_it_is_on_the_edge(here, xavier):
    arguments = ("--scale", "tiny", "-q", "--set", "lr=0.01,0.03,0.1", "--results", "out/mine.json")
    xavier("reproduce", "mine.toml", *arguments)
    found = read()

    assert found["changes"] == {"lr": "0.01,0.03,0.1"}
    assert {cell["chosen"]["lr"] for cell in found["cells"]} <= {0.01, 0.03, 0.1}
    assert [cell["on_edge"] for cell in found["cells"]] == [
        ["lr"] * (cell["chosen"]["lr"] != 0.03) for cell in found["cells"]
    ]


@pytest.mark.parametrize("more", [(), ("-f", "json")])
def test_results_are_written_where_a_claim_does_not_hold(here, judged, xavier, more):
    judged("does_not_hold")
    answer = xavier("reproduce", "mine.toml", "--scale", "tiny", "-q", "--results", "out/mine.json", *more)

    assert answer.code == 3
    assert read()["claims"][0]["verdict"] == "does_not_hold"


def test_results_of_a_part_name_the_cells_that_are_missing(here, judged, xavier, monkeypatch):
    judged("undecided")
    train = work._trained

    def fail(cells, task, hooks):
        if cells[0].config.act == "softsign":
            raise RuntimeError("no room in /home/somebody")
        return train(cells, task, hooks)

    monkeypatch.setattr(work, "_trained", fail)
    answer = xavier("reproduce", "mine.toml", "--scale", "tiny", "-q", "--results", "out/mine.json")
    found = read()

    assert answer.code == 4
    assert "wrote out/mine.json (partial)" in answer.err
    assert found["status"] == "partial"
    assert [(cell["settings"]["act"], cell["state"]) for cell in found["cells"]] == [
        ("tanh", "done"),
        ("softsign", "failed"),
    ]
    assert found["cells"][1]["test_error"] is None
    assert "somebody" not in Path("out/mine.json").read_text()


def test_what_there_is_when_it_is_interrupted_is_written(here, judged, xavier, monkeypatch):
    judged("undecided")
    train = work._trained

    def interrupt(cells, task, hooks):
        done = train(cells, task, hooks)
        signal.raise_signal(signal.SIGINT)
        return done

    monkeypatch.setattr(work, "_trained", interrupt)
    answer = xavier("reproduce", "mine.toml", "--scale", "tiny", "-q", "--results", "out/mine.json")

    assert answer.code == 130
    assert read()["status"] == "partial"
    assert [cell["state"] for cell in read()["cells"]] == ["done", "stopped"]
    assert not Path("figures").exists()


def test_complete_results_are_not_replaced_by_a_part(here, judged, xavier, monkeypatch):
    judged("undecided")
    asked = ("reproduce", "mine.toml", "--scale", "tiny", "-q", "--results", "out/mine.json")
    assert xavier(*asked).code == 0
    before = read()

    def fail(cells, task, hooks):
        raise RuntimeError("no room")

    monkeypatch.setattr(work, "_trained", fail)
    answer = xavier(*asked, "--seeds", "7")

    assert answer.code == 4
    assert "is complete and is kept" in answer.err
    assert read() == before


@pytest.mark.parametrize(
    ("path", "code", "said"),
    [
        (".", 2, "is a folder; name a file in it"),
        ("mine.toml/x.json", 6, "could not be written: Not a directory"),
    ],
)
def test_results_that_cannot_be_written_are_told_before_anything_is_trained(here, xavier, path, code, said):
    answer = xavier("reproduce", "mine.toml", "--scale", "tiny", "-q", "--results", path)

    assert answer.code == code
    assert said in answer.err
    assert answer.err.count("\n") == 1
    assert not Path("runs").exists()


def test_a_summary_is_made_of_the_files_and_a_bad_one_hides_no_other(here, judged, xavier):
    judged("holds")
    for name in ("b", "a"):
        Path(f"{name}.toml").write_text(RECIPE.replace("Figure 3 in short", f"Recipe {name}"))
        xavier("reproduce", f"{name}.toml", "--scale", "tiny", "-q", "--results", f"out/{name}.json")
    answer = xavier("reproduce", "summary", "--results", "out", "-o", "RESULTS.md")
    text = Path("RESULTS.md").read_text()

    assert answer.code == 0, answer.err
    assert text.startswith("# Results of the recipes\n")
    assert text.index("## Recipe a") < text.index("## Recipe b")
    assert "27.15" in text
    Path("out/c.json").write_text("{}")
    answer = xavier("reproduce", "summary", "--results", "out", "-f", "json")
    assert answer.code == 4
    assert "`out/c.json` is not a results file" in answer.err
    assert [each["recipe"] for each in json.loads(answer.out)["results"]] == ["a", "b"]
    assert xavier("reproduce", "summary", "--results", "out/c.json").code == 5


def test_a_summary_without_files_says_what_makes_them(here, xavier):
    for arguments, said in [((), "needs a folder"), (("--results", "."), "no results files in `.`")]:
        answer = xavier("reproduce", "summary", *arguments)

        assert answer.code == 2
        assert said in answer.err


IN_ROUNDS = f'rounds = ["tiny"]\n{RECIPE}'


def test_rounds_add_seeds_and_train_none_twice(here, judged, xavier):
    """A later round finds the files of the earlier ones; the results are of all."""
    judged("undecided")
    Path("mine.toml").write_text(IN_ROUNDS)
    before: dict[Path, int] = {}
    for n in (1, 3):
        answer = xavier(
            *("reproduce", "mine.toml", "--scale", "tiny", "--seeds", f"{n}", "--results", "out/mine.json")
        )
        now = {path: path.stat().st_mtime_ns for path in Path("runs").glob("*.h5")}
        found = read()

        assert answer.code == 0, answer.err
        assert f"{2 * n} cells: {len(before)} finished, {2 * n - len(before)} to make" in answer.err
        assert len(now) == 2 * n
        assert before.items() <= now.items()
        assert (found["status"], found["changes"]) == ("complete", {"seeds": str(n)})
        assert [(cell["seeds"], cell["test_error"]["n"]) for cell in found["cells"]] == [(f"{n}", n)] * 2
        before = now
    rows = json.loads(xavier("compare", "runs", "-f", "json").out)["sections"][0]["rows"]
    assert sorted(row["test_error"] for row in rows) == pytest.approx(
        sorted(cell["test_error"]["mean"] for cell in found["cells"]), abs=1e-6
    )


@pytest.fixture
def stopped(monkeypatch):
    """A function that interrupts the sweep after so many cells."""
    train, done = work._trained, []

    def after(count):
        def interrupt(cells, task, hooks):
            done.append(train(cells, task, hooks))
            if len(done) == count:
                signal.raise_signal(signal.SIGINT)
            return done[-1]

        done.clear()
        monkeypatch.setattr(work, "_trained", interrupt)

    return after


def test_rounds_that_are_stopped_keep_what_is_more_and_never_less(here, judged, stopped, xavier):
    """Three of four networks go over a complete round of two; one network of another sweep does not."""
    judged("undecided")
    Path("mine.toml").write_text(IN_ROUNDS)
    reproduce = ("reproduce", "mine.toml", "--scale", "tiny", "-q", "--results", "out/mine.json")
    xavier(*reproduce, "--seeds", "1")
    stopped(1)
    answer = xavier(*reproduce, "--seeds", "2")
    found = read()

    assert answer.code == 130
    assert found["status"] == "partial"
    states = [(cell["state"], cell["seeds"], cell["test_error"]["n"]) for cell in found["cells"]]
    assert states == [("done", "2", 2), ("stopped", "2", 1)]
    assert "1 of 2 seeds of " in xavier("reproduce", "summary", "--results", "out", "-f", "md").out
    stopped(9)
    assert xavier(*reproduce, "--seeds", "2").code == 0
    assert read()["status"] == "complete"
    stopped(1)
    answer = xavier(*reproduce, "--seeds", "7:9")
    assert "`out/mine.json` is complete and is kept: these results are partial" in answer.err
    assert read()["status"] == "complete"


def test_without_training_what_is_finished_is_drawn_and_judged(here, judged, xavier):
    judged("undecided")
    Path("mine.toml").write_text(IN_ROUNDS)
    xavier("train", *("--act", "tanh", "--depth", "2", "--scale", "tiny", "--seeds", "1", "-q"))
    before = sorted(Path("runs").iterdir())
    answer = xavier("reproduce", "mine.toml", "--scale", "tiny", "--no-train", "--results", "out/mine.json")

    assert answer.code == 4
    assert "4 cells: 1 finished, the others are left as they are" in answer.err
    assert sorted(Path("runs").iterdir()) == before
    assert Path("figures/mine/only-tanh.png").is_file()
    states = [(cell["state"], (cell["test_error"] or {}).get("n")) for cell in read()["cells"]]
    assert states == [("stopped", 1), ("stopped", None)]


def test_what_a_round_has_begun_is_drawn_and_judged_and_not_in_the_table(here, xavier, make_run, monkeypatch):
    """Softsign has a network at its end and one under way, tanh only one under way."""
    seen = []

    def judge_all(claims, training_data):
        seen.extend(training_data)
        return []

    monkeypatch.setattr(judging, "judge_all", judge_all)
    Path("mine.toml").write_text(IN_ROUNDS)
    xavier("sweep", "mine.toml", "--scale", "tiny", "--seeds", "2", "-q")
    for path in Path("runs").glob("*.h5"):
        run = read_run(path)
        if run.config.act == "softsign" and run.config.seeds == (0,):
            continue
        path.unlink()
        if run.config.seeds == (1,):
            write_run(path, make_run(run.config, status="interrupted", test_examples=10))
    answer = xavier("reproduce", "mine.toml", "--scale", "tiny", "--seeds", "2", "--no-train", "-f", "json")
    (row,) = json.loads(answer.out)["comparison"]["sections"][0]["rows"]

    assert answer.code == 4
    assert "4 cells: 1 finished" in answer.err
    assert row["act"] == "softsign"
    assert {(run.config.act, run.config.seeds, run.status) for run in seen} == {
        ("softsign", (0,), "complete"),
        ("tanh", (1,), "interrupted"),
    }
    # The figure of tanh alone.
    assert Path("figures/mine/only-tanh.png").is_file()


def test_the_list_has_the_recipes_of_a_scale_with_their_times_at_it(xavier):
    laptop, long = (
        {
            row["recipe"]: row
            for row in json.loads(xavier("reproduce", "list", "--scale", scale, "-f", "json").out)["recipes"]
        }
        for scale in ("laptop", "long")
    )

    assert [*laptop] == shipped_recipes()
    assert {"figure-2", "figure-11", "table-1"} <= {*long} <= {*laptop}
    assert "figure-12" not in long
    assert long["table-1"]["cells"] == 5
    assert long["figure-3"]["long_seconds"] > 10 * laptop["figure-3"]["laptop_seconds"]
    answer = xavier("reproduce", "list", "--scale", "lnog")
    assert (answer.code, answer.err.strip()) == (
        2,
        "xavier: Invalid value for --scale: unknown scale `lnog`: did you mean `long`?",
    )


def test_a_scale_that_a_recipe_does_not_have_is_one_line(xavier):
    answer = xavier("reproduce", "figure-12", "--scale", "long")

    assert answer.code == 2
    assert answer.err.strip() == (
        "xavier: recipe figure-12 is not made for scale `long`, having no `[scales.long]`: "
        "choose tiny, laptop or paper"
    )
