"""`xavier ls` and `xavier show`, through their front door."""

import csv
import io
import json
import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest

from xavier_cli.runs.store import write_run
from xavier_cli.views.run import inside_page
from xavier_cli.views.runs import newest_first, runs_page

MADE = datetime(2025, 1, 2, 3, 4, 5, tzinfo=UTC)


def test_ls_names_every_run_with_its_error(shelf, xavier):
    lines = xavier("ls").out.splitlines()

    assert lines[0].split() == ["age", "N", "updates", "test", "error", "%", "run"]
    assert sorted(line.split()[-1] for line in lines[1:4]) == [
        "softsign-normalized",
        "tanh-normalized",
        "tanh-standard",
    ]
    assert any(line.endswith("5  100,000  59.4 ± 2.7    tanh-standard") for line in lines)
    # Where there is room, what was trained.
    (line,) = (line for line in xavier("ls", width=120).out.splitlines() if line.endswith("  tanh-standard"))
    assert "5  100,000  59.4 ± 2.7    shapeset-tanh-standard-d5w30-lr0.03-u100k " in line


@pytest.mark.parametrize("command", [("show", "tanh-standard"), ("config", "show"), ("train", "--dry-run")])
def test_a_setting_without_a_value_has_no_row(shelf, xavier, command):
    lines = xavier(*command, width=200).out.splitlines()

    assert any(line.startswith("update_rule  ") for line in lines)
    assert not any(line.startswith("sources") for line in lines)


def test_ls_says_of_a_file_what_its_name_does_not(exact_run):
    adam = exact_run([0.5], optimizer="adam", batch_size=128)
    now = replace(adam, path=Path(f"{adam.config.file_stem()}.h5"))
    before = replace(adam, path=Path("shapeset-tanh-normalized-d5w30-lr0.03-01234567.h5"))
    peoples = replace(adam, path=Path("mine.h5"))
    told = {
        run: [dict(zip([c.title for c in table.columns], table.rows[0], strict=True)).get("settings")]
        for run, (table,) in (
            (name, runs_page([run], MADE).tables)
            for name, run in (("now", now), ("before", before), ("peoples", peoples))
        )
    }

    assert told == {
        "now": [None],
        "before": ["adam-b128-u100k-s1"],
        "peoples": ["shapeset-tanh-normalized-d5w30-lr0.03-adam-b128-u100k-s1"],
    }


def test_ls_shows_the_first_n_and_says_how_many_more(shelf, xavier):
    limited = xavier("ls", "--sort", "test_error", "--limit", "2")
    told = json.loads(xavier("ls", "--sort", "test_error", "--limit", "2", "-f", "json").out)

    assert [run["run"] for run in told["runs"]] == ["softsign-normalized", "tanh-normalized"]
    assert told["more"] == 1
    assert limited.out.splitlines()[-1] == "- 1 more."
    assert "tanh-standard" not in limited.out
    assert "more" not in xavier("ls", "--limit", "3").out
    assert xavier("ls", "--limit", "0").code == 2


def test_ls_is_newest_first_and_tells_the_age(exact_run):
    old = replace(exact_run([0.5], act="tanh"), created_utc=MADE.isoformat())
    new = replace(exact_run([0.4], act="softsign"), created_utc=(MADE + timedelta(hours=3)).isoformat())
    rows = runs_page(newest_first([old, new]), MADE + timedelta(hours=5)).tables[0].rows

    assert [row[0] for row in rows] == ["2 h", "5 h"]


def test_ls_says_what_is_unfinished_and_untrained(shelf, xavier, exact_run):
    write_run(shelf / "half.h5", exact_run([0.4] * 2, status="interrupted", records_done=10))
    write_run(shelf / "probe.h5", exact_run([0.9], updates=0))
    runs = {run["run"]: run for run in json.loads(xavier("ls", "-f", "json").out)["runs"]}

    assert (runs["half"]["status"], runs["half"]["updates_done"]) == ("interrupted", 47_368)
    assert runs["probe"]["test_error"] is None
    assert "interrupted" in xavier("ls").out


def test_ls_passes_a_bad_file_on_with_code_4(shelf, xavier):
    (shelf / "bad.h5").write_bytes(b"")
    answer = xavier("ls")

    assert answer.code == 4
    assert "bad.h5" in answer.err
    assert "tanh-standard" in answer.out


@pytest.mark.parametrize("command", ["ls", "show", "compare"])
def test_nothing_there_is_code_2(tmp_path, monkeypatch, xavier, command):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("XAVIER_RUNS_DIR", raising=False)
    answer = xavier(command)

    assert answer.code == 2
    assert answer.err == "xavier: no runs in `runs`: `xavier train` makes one, or name RUNS\n"


def test_measured_networks_are_hinted_at_where_nothing_was_trained(tmp_path, monkeypatch, xavier):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("XAVIER_RUNS_DIR", raising=False)
    (tmp_path / "probes").mkdir()
    (tmp_path / "probes/mnist-cnn.h5").touch()
    assert xavier("check").err.endswith("or name RUNS, like `probes/*.h5`\n")


def test_show_tells_configuration_curves_and_layers(shelf, xavier):
    out = xavier("show", "tanh-standard").out
    lines = [line.split() for line in out.splitlines()]

    assert ["init", "standard"] in lines
    assert ["seeds", "0-4", "(N", "=", "5)"] in lines
    assert ["device", "cpu"] in lines
    assert any(line[:1] == ["100,000"] and line[-3:] == ["59.4", "±", "2.7"] for line in lines)
    assert "layers after 100,000 updates (mean over 5 seeds; gradients: geometric)" in out
    assert any(line[:2] == ["hidden", "5"] for line in lines)


def test_show_without_runs_is_the_newest_commands(shelf, xavier, exact_run):
    newest = exact_run([0.3], created_utc="2025-06-01T00:00:00+00:00", provenance={"command_id": "newest"})
    write_run(shelf / "newest.h5", newest)
    answer = xavier("show")

    assert answer.err == "reading 1 run of the newest command in `runs`, not 3 older\n"
    assert answer.out.startswith("runs/newest.h5\n")


def test_show_marks_the_searched_rate_and_warns_of_the_edge(shelf, xavier, make_run):
    run = make_run(lr="0.1,0.2", seeds="0:2", width=8, jacobian=False)
    write_run(shelf / "search.h5", run)
    out = xavier("show", "search").out

    assert f"*  {run.lr:g} " in out
    assert f"The rate chosen, {run.lr:g}, is on the edge of the grid" in out


def test_show_names_the_seeds_that_diverged(shelf, xavier, exact_run):
    write_run(shelf / "lost.h5", exact_run([0.5] * 3, diverged=[1]))
    out = xavier("show", "lost").out

    assert "1 (at update 52,632)" in out
    assert "(mean over 2 of 3 seeds; gradients: geometric)" in out


def test_show_tells_the_parts_of_the_time(shelf, xavier, exact_run):
    spent = {"updates": 58.0, "evaluation": 1.5, "probes": 0.5, "saving": 0.012, "compiling": 20.0}
    times = {"train_seconds": 60.0, "compile_seconds": 20.0}
    run = replace(exact_run([0.5, 0.6]), provenance={**times, "seconds_spent": spent})
    write_run(shelf / "timed.h5", run)
    write_run(shelf / "older.h5", replace(run, provenance=times))
    told, older = (" ".join(xavier("show", f"{name}.h5").out.split()) for name in ("timed", "older"))

    parts = "updates 58 s (72.5 %), compiling 20 s (25.0 %), evaluation 1.5 s (1.9 %), "
    assert f"time 80 s: {parts}layer statistics 500 ms (0.6 %), saving 12 ms (< 0.1 %)" in told
    assert "train seconds" not in told
    assert " s: " not in older
    assert "train seconds 60" in older
    found = json.loads(xavier("show", "timed.h5", "older.h5", "-f", "json").out)["runs"]
    assert found[0]["seconds_spent"] == {**spent, "pretraining": 0.0, "other": 0.0, "total": 80.012}
    assert "seconds_spent" not in found[1]


def test_show_json_holds_every_record_and_layer(shelf, xavier):
    page = json.loads(xavier("show", "tanh-standard", "-f", "json").out)
    (run,) = page["runs"]

    assert page["schema"] == "xavier.show/1"
    assert run["config"]["init"] == "standard"
    assert len(run["curves"]["test_error"][0]) == len(run["updates"]) == 20
    assert run["curves"]["train_loss"][0][0] is None
    assert len(run["layers"]) == 6


def test_show_csv_is_one_number_per_line(shelf, xavier):
    rows = list(csv.DictReader(io.StringIO(xavier("show", "tanh-standard", "-f", "csv").out)))
    last = [row for row in rows if row["quantity"] == "test_error" and row["update"] == "100000"]

    assert [float(row["value"]) for row in last] == [0.594, 0.575, 0.610, 0.621, 0.570]
    assert {row["quantity"] for row in rows} >= {"activation_std", "weight_gradient_std"}


def test_what_cannot_be_read_is_told_where_no_run_is_named(shelf, xavier):
    (shelf / "bad.h5").write_text("junk")
    for command in ("show", "check"):
        answer = xavier(command)
        assert answer.code == 4, answer.err
        assert answer.err.count("bad.h5") == 1
        assert answer.out

    for path in shelf.glob("*-*.h5"):
        path.unlink()
    answer = xavier("show")
    assert answer.code == 5
    # One bad file is one line.
    assert len([line for line in answer.err.splitlines() if line.startswith("xavier: ")]) == 1
    (shelf / "worse.h5").write_text("junk")
    assert "no run could be read" in xavier("show").err


def test_show_tells_what_was_said_of_the_data(shelf, xavier, exact_run):
    """It was kept in the file alone, and a set without checksums of files had an empty `data sha256`."""
    run = exact_run([0.3], provenance={"data_sha256": {}})
    facts = run.facts.model_copy(
        update={
            "sha256": "ab" * 32,
            "notes": ("labels start at 1", "standardized: mean 0.5 and deviation 0.25"),
            "warnings": ("all training pixels are 0",),
        }
    )
    write_run(shelf / "noted.h5", replace(run, data=facts))
    out = xavier("show", "noted", width=200).out
    lines = [line.split("  ") for line in out.splitlines()]
    said = {(line[0].strip(), line[-1].strip()) for line in lines}

    assert ("data sha256", "ab" * 32) in said
    assert ("data note", "labels start at 1") in said
    assert ("data note", "standardized: mean 0.5 and deviation 0.25") in said
    assert ("data warning", "all training pixels are 0") in said
    assert json.loads(xavier("show", "noted", "-f", "json").out)["runs"][0]["data"]["warnings"]


def test_the_mean_of_a_searched_rate_is_the_one_it_was_chosen_by(make_run):
    run = make_run(lr="0.1,0.2", seeds="0:2", search_seeds=2, width=8, jacobian=False)
    # Without its diverged seed the second would look best.
    run.arrays["search/valid_error"] = np.array([[0.3, 0.3], [0.1, np.nan]])
    page = inside_page([replace(run)])
    table = next(each for each in page.tables if each.title.startswith("search"))

    assert table.texts == (("0.1", "30.0", ""), ("0.2", "55.0", "1"))
    assert table.best == {0}
    assert any("a diverged seed counts as 100 %" in note for note in page.notes)


@pytest.mark.parametrize(
    ("dead", "said"), [((1,), "In 1 of 3 seeds all"), ((0, 1, 2), "In 3 of 3 seeds all")]
)
def test_a_dead_layer_is_said_beside_its_numbers(make_run, dead, said):
    run = make_run(width=8, depth=3, updates=100, records=3, seeds=3, act="relu", test_examples=20)
    run.arrays["activation/dead"][list(dead), -1, 1] = 1
    (note,) = (each for each in inside_page([run]).notes if "dead" in each)

    assert note.startswith(f"{said} units of hidden layer 2 are dead")
    assert ("its geometric mean over seeds is 0" in note) is (len(dead) < 3)


@pytest.mark.parametrize(("word", "command"), [("he", "init"), ("relu", "act"), ("mnist", "data")])
def test_a_name_that_is_no_run_s_is_sent_where_it_is_one(xavier, tmp_path, monkeypatch, word, command):
    monkeypatch.chdir(tmp_path)

    assert f"did you mean `xavier {command} show {word}`?" in xavier("show", word).err


@pytest.mark.parametrize("command", ["ls", "tag", "check"])
def test_runs_of_one_name_in_two_folders_are_told_apart(shelf, tmp_path, xavier, exact_run, command):
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        write_run(tmp_path / folder / "x.h5", exact_run([0.8] * 2))
    out = xavier(command, "a", "b", *["-v"] * (command == "check")).out

    assert all(re.search(rf"(^|\s){name}\s", out) for name in ("a/x.h5", "b/x.h5"))
    assert "a/x.h5" not in xavier(command, "a").out
