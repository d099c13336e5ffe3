"""`xavier sweep`, through its front door; training itself is replaced by plausible runs."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path

import pytest

from xavier_cli.data.sets import DataMissingError
from xavier_cli.runs.store import read_run, write_run
from xavier_cli.sweeps import plan, work
from xavier_cli.sweeps.recipe import Recipe, read_recipe

RECIPE = """
title = "Two by two"
[base]
depth = 2
[grid]
act = ["tanh", "softsign"]
init = ["standard", "normalized"]
"""


@pytest.fixture
def recipe(tmp_path, monkeypatch):
    """The name of a recipe in the current folder."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("XAVIER_RUNS_DIR", raising=False)
    Path("mine.toml").write_text(RECIPE)
    return "mine.toml"


@pytest.fixture
def trained(monkeypatch, make_run):
    """Training replaced; what was trained, and under `missing` the activations whose data is not there."""
    done: dict[str, list[str]] = {"trained": [], "missing": []}

    def train(cells, task, hooks):
        if cells[0].config.act in done["missing"]:
            raise DataMissingError("`mnist` is not here")
        done["trained"] += [cell.path.name for cell in cells]
        for cell in cells:
            write_run(cell.path, make_run(cell.config, provenance=task.provenance, test_examples=10))
        return [True] * len(cells)

    monkeypatch.setattr(work, "_trained", train)
    return done


def test_a_sweep_trains_every_cell_once_and_says_how_they_ended(recipe, trained, xavier):
    first = xavier("sweep", recipe, "--scale", "tiny")
    second = xavier("sweep", recipe, "--scale", "tiny")

    assert (first.code, second.code) == (0, 0), first.err
    assert "4 finished; 4 made now." in first.out
    assert "4 finished; 0 made now." in second.out
    assert "4 cells: 0 finished, 4 to make, in 2 programs" in first.err
    assert "4 cells, all finished" in second.err
    assert len(trained["trained"]) == len(list(Path("runs").glob("*.h5"))) == 4


def test_the_whole_sweep_is_the_newest_command(recipe, trained, xavier):
    xavier("sweep", recipe, "--scale", "tiny", "-q")
    answer = xavier("show", "-f", "json")

    assert answer.code == 0
    assert "reading 4 runs of the newest command" in answer.err


def test_settings_from_the_command_line_go_over_all_cells(recipe, trained, xavier):
    answer = xavier(
        "sweep",
        recipe,
        "--scale",
        "tiny",
        "--set",
        "width=7",
        "--set",
        "lr=0.5",
        "--seeds",
        "3",
        "-f",
        "json",
    )
    page = json.loads(answer.out)
    runs = [read_run(cell["path"], only=()) for cell in page["cells"]]

    assert page["schema"] == "xavier.sweep/1"
    assert {(run.config.width, run.config.lr, len(run.config.seeds)) for run in runs} == {(7, 0.5, 3)}


def test_a_missing_data_set_fails_its_cells_alone_and_they_can_be_run_again(recipe, trained, xavier):
    trained["missing"] = ["tanh"]
    first = xavier("sweep", recipe, "--scale", "tiny")
    trained["missing"], trained["trained"] = [], []
    again = xavier("sweep", recipe, "--scale", "tiny", "--rerun", "failed")
    nothing = xavier("sweep", recipe, "--scale", "tiny", "--rerun", "failed")

    assert first.code == 4
    assert first.err.count("`mnist` is not here") == first.err.count(" and 1 more: `mnist`") == 1
    assert "2 finished, 2 failed" in first.out
    assert again.code == nothing.code == 0
    assert len(trained["trained"]) == 2
    assert all("tanh" in name for name in trained["trained"])
    assert "4 finished; 0 made now." in nothing.out
    assert not list(Path("runs").glob(".sweep-*"))


def test_rerun_failed_leaves_alone_what_never_was_tried(recipe, trained, xavier):
    trained["missing"] = ["tanh"]
    first = xavier("sweep", recipe, "--scale", "tiny", "--fail-fast")
    trained["missing"] = []
    again = xavier("sweep", recipe, "--scale", "tiny", "--rerun", "failed")

    assert (first.code, again.code) == (4, 4)
    assert "2 finished, 2 not run" in again.out
    assert all("tanh" in name for name in trained["trained"])


def test_shards_make_up_the_whole_whichever_comes_first(recipe, trained, xavier):
    second = xavier("sweep", recipe, "--scale", "tiny", "--shard", "2/2")
    half = list(trained["trained"])
    first = xavier("sweep", recipe, "--scale", "tiny", "--shard", "1/2")
    ids = {read_run(path, only=()).provenance["command_id"] for path in Path("runs").glob("*.h5")}

    assert (first.code, second.code) == (0, 0)
    assert len(half) == 2
    assert len(trained["trained"]) == len(set(trained["trained"])) == 4
    assert len(ids) == 1
    assert "4 cells, all finished" in xavier("sweep", recipe, "--scale", "tiny").err


@pytest.mark.parametrize("typed", [["--slurm", "2"], ["--slurm=2"]])
def test_slurm_prints_the_same_command_as_an_array_of_shards_and_writes_nothing(recipe, xavier, typed):
    answer = xavier("sweep", recipe, *typed, "--set", "width=7", "--scale", "tiny")

    assert answer.code == 0
    assert f'sweep {recipe} --shard "$SLURM_ARRAY_TASK_ID/2" --yes --set width=7 --scale tiny &' in answer.out
    assert f"cd -- {Path.cwd()} ||" in answer.out
    assert "sbatch job.sh" in answer.err
    assert [path.name for path in Path().iterdir()] == ["mine.toml"]


def test_a_cluster_that_is_not_there_is_one_line_after_the_plan(recipe, trained, xavier):
    answer = xavier("sweep", recipe, "--cluster", "nothing.json")

    assert answer.code == 2
    assert answer.err.splitlines()[1:] == ["xavier: no cluster at `nothing.json`: no such file"]
    assert trained["trained"] == []
    assert not Path("runs").exists()


def test_a_sweep_ends_with_its_best_rows_and_no_file_names(recipe, xavier, trained):
    Path("mine.toml").write_text(RECIPE + "lr = [0.1, 0.2, 0.3]\n")
    arguments = ["sweep", recipe, "--scale", "tiny", "--seeds", "5"]
    answer = xavier(*arguments, width=100)
    rows = [line for line in answer.out.splitlines() if "±" in line and line[:2] in ("* ", "  ")]

    assert len(rows) == 5
    assert "- 12 finished; 12 made now." in answer.out
    assert "The first 5 of 12 rows are shown" in answer.out
    assert "next: xavier compare" in answer.err
    assert ".h5" not in answer.out
    assert xavier(*arguments, "-v", width=100).out.count(".h5") == 12
    assert len(json.loads(xavier(*arguments, "-f", "json").out)["cells"]) == 12


def test_a_sweep_counts_the_cells_with_diverged_seeds(recipe, xavier, monkeypatch, make_run):
    def train(cells, task, hooks):
        for cell in cells:
            lost = (1,) if (cell.config.act, cell.config.init) == ("tanh", "standard") else ()
            write_run(cell.path, make_run(cell.config, diverged=lost, test_examples=10))
        return [True] * len(cells)

    monkeypatch.setattr(work, "_trained", train)

    assert (
        "- 4 finished, 1 with diverged seeds; 4 made now." in xavier("sweep", recipe, "--scale", "tiny").out
    )


def test_what_trains_nothing_ends_with_its_cells(recipe, xavier, trained):
    Path("mine.toml").write_text(f'command = "probe"\n{RECIPE}')
    answer = xavier("sweep", recipe, "--scale", "tiny", width=100)

    assert answer.out.count(".h5") == 4
    assert "next:" not in answer.err


def test_a_dry_run_counts_networks_and_seeds(recipe, xavier):
    out = xavier("sweep", recipe, "--dry-run", "--seeds", "3").out

    assert re.search(r"^seeds +3 each$", out, re.M)
    assert re.search(r"^networks +12$", out, re.M)
    assert "members" not in out


def test_dry_run_says_what_how_much_and_how_long_and_writes_nothing(recipe, xavier):
    answer = xavier("sweep", recipe, "--dry-run", "-f", "json")
    page = json.loads(answer.out)

    assert answer.code == 0
    assert page["schema"] == "xavier.sweep-plan/1"
    assert (len(page["cells"]), page["members"], page["programs"]) == (4, 20, 2)
    assert page["seconds"] > 60
    assert page["memory_bytes"] > 1e6
    assert {cell["state"] for cell in page["cells"]} == {"to do"}
    assert [path.name for path in Path().iterdir()] == ["mine.toml"]


@pytest.mark.parametrize(
    ("widths", "arguments", "said"),
    [
        (2, [], "2,000 cells are a lot, and there is no terminal to ask: `--yes` skips the question"),
        (51, ["--yes"], "recipe mine: 51,000 cells are over 50,000, the most that one sweep takes"),
        (1000, ["--dry-run"], "recipe mine: 1,000,000 cells are over 50,000, the most that one sweep takes"),
        (1000, ["--slurm", "4"], "1,000,000 cells are over 50,000"),
        (1000, ["--shard", "1/4"], "1,000,000 cells are over 50,000"),
    ],
)
def test_many_cells_ask_and_too_many_are_refused_before_they_are_expanded(
    recipe, xavier, monkeypatch, widths, arguments, said
):
    rates = ", ".join(str((i + 1) / 1e6) for i in range(1000))
    Path("mine.toml").write_text(
        f'title = "t"\n[grid]\nlr = [{rates}]\nwidth = {list(range(1, widths + 1))}\n'
    )
    monkeypatch.setattr("sys.stdin.isatty", lambda: False, raising=False)
    monkeypatch.setattr(Recipe, "expand", lambda *_: pytest.fail("expanded"))
    refused = xavier("sweep", recipe, *arguments)

    assert refused.code == 2
    assert said in refused.err
    assert refused.err.count("\n") == 1


@pytest.mark.parametrize("bad", ["folder", "pipe", "damaged"])
def test_what_lies_in_the_ledgers_place_ends_no_sweep(recipe, trained, xavier, bad):
    trained["missing"] = ["tanh"]
    xavier("sweep", recipe, "--scale", "tiny")
    (ledger,) = Path("runs").glob(".sweep-*.json")
    ledger.unlink()
    if bad == "folder":
        (ledger / "inside").mkdir(parents=True)
    elif bad == "pipe":
        os.mkfifo(ledger)
    else:
        ledger.write_bytes(b"\xff")
    again = xavier("sweep", recipe, "--scale", "tiny")

    assert again.code == 4
    assert again.err.count("is ignored: it is not a list of failed cells") == 1
    assert "2 finished, 2 failed" in again.out
    assert again.err.count("the list of failed cells is not saved") == (bad == "folder")
    if bad != "folder":
        assert len(json.loads(ledger.read_text())["failed"]) == 2


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["mien.toml"], "`mien.toml` cannot be read"),
        (["figure-33"], "did you mean `figure-3`"),
        (["mine.toml", "--scale", "tinny"], "did you mean `tiny`"),
        (["mine.toml", "--set", "widht=3"], "did you mean `width`"),
        (["mine.toml", "--set", "width"], "`width` should be like width=100"),
        (["mine.toml", "--set", "width=0"], "recipe mine: width: should be at least 1"),
        (["mine.toml", "--seeds", "1,1"], "recipe mine: seeds: should not hold a seed twice"),
        (["mine.toml", "--shard", "3/2"], "`3/2` should be like 1/4"),
        (["mine.toml", "--shard", "0/2"], "`0/2` should be like 1/4"),
        (["mine.toml", "--jobs", "0"], "jobs"),
        (["mine.toml", "--rerun", "all"], "failed"),
        (
            ["mine.toml", "--slurm", "3"],
            "the sweep has 2 programs, so that of 3 parts some would have nothing",
        ),
        (["mine.toml", "--slurm", "0"], "slurm"),
        (["mine.toml", "--slurm", "2", "--shard", "1/2"], "not with `--shard`"),
        (["mine.toml", "--slurm", "2", "--dry-run"], "not with `--dry-run`"),
        (["mine.toml", "--cluster", " "], "--cluster needs a value (ADDRESS)"),
        (["mine.toml", "--cluster", "a:1", "--jobs", "2"], "not with `--cluster`"),
        (["mine.toml", "--cluster", "a:1", "--save-weights", "final"], "not with `--cluster`"),
        (["mine.toml", "--cluster-wait", "-1"], "cluster-wait"),
        (["figure-5", "--seeds", "3"], "a surface has one seed"),
        (["figure-5", "--set", "width=3"], "unknown setting of a surface `width`"),
    ],
)
def test_wrong_input_is_one_line_and_exit_code_2(recipe, xavier, arguments, said):
    answer = xavier("sweep", *arguments)

    assert answer.code == 2
    assert said in answer.err
    assert answer.out == ""
    assert answer.err.strip().count("\n") == 0
    assert not Path("runs").exists()


def test_an_unknown_kind_of_figure_is_told_before_anything_is_trained(recipe, trained, xavier):
    Path("mine.toml").write_text(f'{RECIPE}\n[[figures]]\nkind = "curvs"\n')
    answer = xavier("sweep", recipe)

    assert answer.code == 2
    assert "recipe mine: figures.0: unknown kind of figure `curvs`: did you mean `curves`" in answer.err
    assert trained["trained"] == []


@pytest.mark.parametrize("width", [40, 60, 80, 120])
def test_no_line_is_wider_than_the_screen(recipe, trained, xavier, width):
    for arguments in (["list"], [recipe, "--dry-run"], [recipe, "--scale", "tiny"]):
        out = xavier("sweep", *arguments, width=width).out
        assert max(map(len, out.splitlines())) <= width


def test_the_list_has_every_recipe_with_its_time(xavier):
    page = json.loads(xavier("sweep", "list", "-f", "json").out)
    recipes = {each["recipe"]: each for each in page["recipes"]}

    assert page["schema"] == "xavier.recipes/1"
    assert recipes["table-1"]["cells"] == 20
    assert recipes["table-1"]["laptop_seconds"] < 3600
    without = {name for name, each in recipes.items() if each["laptop_seconds"] is None}
    # Nobody knows the size of a custom network that is trained before its code runs.
    assert without == {name for name in recipes if _trains_custom_networks(name)}
    assert "he-convolutions" in without


def _trains_custom_networks(name):
    cells = plan.cells(read_recipe(name), "laptop", plan.Folders(*[Path()] * 3))
    return any(cell.command == "train" and cell.config.network.is_users for cell in cells)


def test_compare_select_takes_the_best_on_validation_and_marks_the_edge(recipe, trained, xavier):
    Path("mine.toml").write_text('title = "t"\n[grid]\nlr = [0.1, 0.2, 0.3]\ndepth = [1, 2]\n')
    xavier("sweep", recipe, "--scale", "tiny", "--set", "seeds=5", "-q")
    both = json.loads(xavier("compare", "--select", "lr,depth", "-f", "json").out)["sections"][0]["rows"]
    by_rate = json.loads(xavier("compare", "--select", "lr", "-f", "json").out)["sections"][0]["rows"]
    all_of_them = json.loads(xavier("compare", "-f", "json").out)["sections"][0]["rows"]
    wrong = xavier("compare", "--select", "lr,dept")

    assert (len(all_of_them), len(by_rate), len(both)) == (6, 2, 1)
    assert both[0]["valid_error"] == min(row["valid_error"] for row in all_of_them)
    assert both[0]["chosen"] == "lr,depth"
    assert "depth" in both[0]["on_edge"]
    assert wrong.code == 2
    assert "did you mean `depth`" in wrong.err
    text = xavier("compare", "--select", "lr,depth").out
    assert "- ~: depth and lr chosen by validation error" in text
    assert "- !: the lowest or highest value tried" in text


NETS = """
import jax

def linear(inputs, classes, width=4):
    def init(key):
        return [jax.numpy.ones((1024, width)), jax.numpy.ones((width, classes))]
    def apply(params, x):
        x = x.reshape(len(x), -1)
        return x @ params[0] @ params[1]
    return init, apply

def broken(inputs, classes):
    raise ValueError("no such network")
"""


def test_a_dry_run_says_how_large_custom_networks_are(recipe, xavier):
    Path("nets.py").write_text(NETS)
    nets = ["nets.py:linear", "nets.py:linear:width=8"]
    content = 'title = "nets"\n[base]\nseeds = 2\nupdates = 30\n[grid]\nnet = {}\n'
    Path("nets.toml").write_text(content.format(json.dumps(nets)))
    Path("broken.toml").write_text(content.format(json.dumps([*nets, "nets.py:broken"])))
    plan = json.loads(xavier("sweep", "nets.toml", "--dry-run", "-f", "json").out)
    alone = xavier("train", "--net", nets[1], "--seeds", 2, "--updates", 30, "--dry-run", "-f", "json")
    one = json.loads(alone.out)

    # Images of 1,024 pixels in nine classes.
    assert plan["parameters"] == {nets[0]: 4 * 1033, nets[1]: 8 * 1033}
    assert plan["parameters"][nets[1]] == one["parameters_per_member"]
    assert plan["memory_bytes"] == one["memory_bytes"] > 0
    assert plan["seconds"] is None
    told = xavier("sweep", "broken.toml", "--dry-run")
    assert told.code == 0
    assert "Would fail: `nets.py:broken` fails: ValueError: no such network" in " ".join(told.out.split())
    assert not Path("runs").exists()
