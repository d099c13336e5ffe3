"""`xavier compare`, through its front door."""

import csv
import io
import json
import os
import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from xavier_cli.cli.terminal.output import Format, format_page
from xavier_cli.findings.comparison import compare
from xavier_cli.runs.store import write_run
from xavier_cli.views import numbers
from xavier_cli.views.comparison import comparison_page, result_table
from xavier_cli.views.comparison_rules import Explanation, rules

AT_80 = """\
Best: softsign normalized, 47.4 ± 0.7 % test error (5 seeds). 1 of 2 others is
significantly worse (p = .0002); no significant difference from tanh normalized
(p = 1).

shapeset
  depth 5, width 30, lr 0.03, batch_size 10, updates 100,000

   act       init        N  test error %  Δ best             p
*  softsign  normalized  5  47.4 ± 0.7
   tanh      normalized  5  47.7 ± 0.8    +0.3 [-1.8, 2.4]   1
   tanh      standard    5  59.4 ± 2.7    +12.0 [8.4, 15.6]  .0002

Not shown at 80 columns: valid error %.

- Initializers: normalized (Glorot uniform), standard (PyTorch's default
  weights).
- ±: 95 % t-interval of the mean over seeds (N), for this test set.
- *: the lowest mean test error. Δ best: percentage points above it, with 95 %
  CI, simultaneous over all 3 pairs.
- p: two-sided test over seeds (paired t over the same seeds; variances
  moderated over the pairs, by empirical Bayes), Bonferroni-corrected over all 3
  pairs. The difference is significant where p < .05, exactly where its CI
  excludes 0. No significant difference does not mean equal.
- Correlation of the pairs with the best: -0.79 to -0.44.
"""
AT_40 = """\
Best: softsign normalized, 47.4 ± 0.7 %
test error (5 seeds). 1 of 2 others is
significantly worse (p = .0002); no
significant difference from tanh
normalized (p = 1).

shapeset
  depth 5, width 30, lr 0.03, batch_size
  10, updates 100,000

                        test error
  experiment          N %          p
* softsign normalized 5 47.4 ± 0.7
  tanh normalized     5 47.7 ± 0.8 1
  tanh standard       5 59.4 ± 2.7 .0002

Not shown at 40 columns: valid error %,
Δ best.

- Initializers: normalized (Glorot
  uniform), standard (PyTorch's default
  weights).
- ±: 95 % t-interval of the mean over
  seeds (N), for this test set.
- *: the lowest mean test error. Δ best:
  percentage points above it, with 95 %
  CI, simultaneous over all 3 pairs.
- p: two-sided test over seeds (paired t
  over the same seeds; variances
  moderated over the pairs, by empirical
  Bayes), Bonferroni-corrected over all
  3 pairs. The difference is significant
  where p < .05, exactly where its CI
  excludes 0. No significant difference
  does not mean equal.
- Correlation of the pairs with the
  best: -0.79 to -0.44.
"""


def in_a_process(code: str, **environment: str) -> subprocess.CompletedProcess[bytes]:
    path = os.pathsep.join(entry for entry in sys.path if entry)
    return subprocess.run(
        ["bash", "-c", f"'{sys.executable}' -c '{code}' compare runs | head -n 6; exit ${{PIPESTATUS[0]}}"],
        capture_output=True,
        timeout=60,
        env={**os.environ, "PYTHONPATH": path, "COLUMNS": "80", **environment},
    )


def test_table_at_80_columns(shelf, xavier):
    answer = xavier("compare", *sorted(shelf.iterdir()))

    assert answer.out == AT_80
    assert (answer.code, answer.err) == (0, "")


def test_table_at_40_columns(shelf, xavier):
    answer = xavier("compare", *sorted(shelf.iterdir()), width=40)

    assert answer.out == AT_40


@pytest.mark.parametrize("width", [20, 30, 40, 60, 80, 120])
def test_no_line_is_wider_than_the_screen(shelf, xavier, width):
    answer = xavier("compare", width=width)

    assert max(map(len, answer.out.splitlines())) <= width


def test_without_runs_it_takes_all_there_are_and_says_so(shelf, xavier):
    answer = xavier("compare")

    assert answer.out == AT_80
    assert answer.err == "reading 3 runs in `runs`\n"


def test_runs_folder_is_the_environments(shelf, xavier, monkeypatch):
    shelf.rename("elsewhere")
    monkeypatch.setenv("XAVIER_RUNS_DIR", "elsewhere")

    assert xavier("compare").out == AT_80


def test_files_that_differ_in_seeds_are_one_row(shelf, xavier, exact_run):
    write_run(shelf / "more.h5", exact_run([0.47, 0.48, 0.49, 0.47, 0.48], first_seed=5))
    rows = json.loads(xavier("compare", "-f", "json").out)["sections"][0]["rows"]
    merged = next(row for row in rows if row["act"] == "tanh" and row["init"] == "normalized")

    assert merged["n"] == 10
    assert sorted(merged["seeds"]) == list(range(10))
    assert len(rows) == 3


def test_json_has_a_schema_and_full_precision(shelf, xavier):
    page = json.loads(xavier("compare", "-f", "json").out)
    best, second, third = page["sections"][0]["rows"]

    assert page["schema"] == "xavier.compare/1"
    assert best["verdict"] == "best"
    assert best["p"] is None
    assert best["errors"] == [0.474, 0.481, 0.465, 0.476, 0.474]
    assert second["verdict"] == "not_told_apart"
    assert third["verdict"] == "told_apart"
    assert third["test_error"] == pytest.approx(0.594, abs=1e-12)
    assert third["difference"] == pytest.approx(0.12, abs=1e-12)
    assert third["p_uncorrected"] < third["p"] < 0.005
    assert third["paired"]


def test_csv_has_a_line_per_row_and_the_schema(shelf, xavier):
    rows = list(csv.DictReader(io.StringIO(xavier("compare", "-f", "csv").out)))

    assert [row["schema"] for row in rows] == ["xavier.compare/1"] * 3
    assert [row["act"] for row in rows] == ["softsign", "tanh", "tanh"]
    assert float(rows[0]["test_error"]) == pytest.approx(0.474, abs=1e-15)
    assert rows[0]["p"] == ""


def test_plain_is_cut_by_tabs(shelf, xavier):
    lines = xavier("compare", "-f", "plain").out.splitlines()
    rows = [line.split("\t") for line in lines if not line.startswith("#")]

    assert {len(row) for row in rows} == {8}
    assert rows[1][:6] == ["*", "softsign", "normalized", "5", "47.5", "47.4 ± 0.7"]


def test_bad_file_among_good_ones_is_named_and_hides_nothing(shelf, xavier):
    (shelf / "zz.h5").write_bytes(b"no run at all")
    answer = xavier("compare", *sorted(shelf.iterdir()))

    assert answer.code == 4
    assert answer.out == AT_80
    assert answer.err.count("\n") == 1
    assert "zz.h5" in answer.err


def test_files_that_disagree_about_a_seed_hide_no_other_experiment(shelf, xavier, exact_run):
    write_run(shelf / "other.h5", exact_run([0.1, 0.2, 0.3, 0.4, 0.5]))
    answer = xavier("compare")

    assert answer.code == 4
    assert "tanh-normalized.h5" in answer.err
    assert "other.h5" in answer.err
    assert "tanh      standard" in answer.out
    assert "softsign  normalized" in answer.out
    assert "tanh      normalized" not in answer.out


def test_only_files_that_disagree_is_code_5(shelf, xavier, exact_run):
    write_run(shelf / "other.h5", exact_run([0.1, 0.2, 0.3, 0.4, 0.5]))
    answer = xavier("compare", "other", "tanh-normalized")

    assert (answer.code, answer.out) == (5, "")


def test_no_readable_file_is_code_5(shelf, xavier):
    answer = xavier("compare", "nowhere.h5", "*.nothing")

    assert (answer.code, answer.out) == (5, "")
    assert "`nowhere.h5`" in answer.err
    assert "`*.nothing`: no run matches" in answer.err


def test_no_runs_at_all_is_code_2_with_a_hint(tmp_path, monkeypatch, xavier):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("XAVIER_RUNS_DIR", raising=False)
    answer = xavier("compare")

    assert answer.code == 2
    assert "`xavier train`" in answer.err


def test_folder_pattern_and_name_all_name_runs(shelf, xavier):
    assert xavier("compare", "runs").out == AT_80
    assert xavier("compare", "runs/*.h5").out == AT_80
    assert (
        xavier("compare", "tanh-standard", "tanh-normalized", "runs", shelf / "tanh-standard.h5").out == AT_80
    )


def test_runs_without_training_are_passed_over(shelf, xavier, exact_run):
    write_run(shelf / "probe.h5", exact_run([0.9], updates=0))
    answer = xavier("compare")

    assert answer.out == AT_80
    assert "skipped 1 without training" in answer.err


def test_other_data_set_is_another_table(shelf, xavier, exact_run):
    write_run(shelf / "mnist.h5", exact_run([0.0164], data="mnist"))
    answer = xavier("compare")

    assert answer.out.index("shapeset") < answer.out.index("mnist")
    assert "two-sided" not in answer.out[answer.out.index("mnist") : answer.out.index("- ±")]


def test_marks_are_explained_below(shelf, xavier, exact_run, make_run):
    searched = make_run(lr="0.1,0.2", seeds="0:5", updates=100_000, width=30, diverged=[3], jacobian=False)
    write_run(shelf / "search.h5", searched)
    unfinished = exact_run([0.4] * 5, depth=4, status="interrupted", records_done=10)
    write_run(shelf / "unfinished.h5", unfinished)
    out = xavier("compare", width=120).out

    assert f"~{searched.lr:g}!" in out
    assert "- ~: rate chosen by validation error" in out
    assert "- !: the lowest or highest of the rates searched" in out
    assert "A diverged seed counts as chance level (83.3 % on shapeset)." in out
    assert "- An unfinished run (interrupted; last record at update 47,368 of 100,000) shows" in out


def test_two_networks_are_labelled(tmp_path, xavier, exact_run):
    write_run(tmp_path / "a.h5", exact_run([0.4]))
    write_run(tmp_path / "b.h5", exact_run([0.6], init="standard"))
    out = xavier("compare", tmp_path, width=120).out

    assert re.search(r"  \((< )?\.?\d+\)", out)
    assert "p in brackets: McNemar's test of these two networks, not of the methods" in out


def test_best_of_few_seeds_leaves_the_others_untested(shelf, xavier, exact_run):
    write_run(shelf / "lucky.h5", exact_run([0.1, 0.2, 0.15], depth=2))
    answer = xavier("compare", width=120)

    assert answer.code == 0
    assert answer.out.count("  not tested") == 3
    assert "- Not tested (needs 5 seeds); 3 or 4 give only a confidence interval" in answer.out
    assert "two-sided" not in answer.out


def test_empty_folder_is_named(shelf, xavier):
    (shelf / "empty").mkdir()
    answer = xavier("compare", "runs", "runs/empty")

    assert (answer.code, answer.out) == (4, AT_80)
    assert answer.err == "xavier: `runs/empty`: no runs in this folder\n"


def test_output_file_takes_its_format_from_its_ending(shelf, xavier, tmp_path):
    answer = xavier("compare", "-o", "new/folder/table.json")

    assert (answer.code, answer.out) == (0, "")
    assert json.loads(Path("new/folder/table.json").read_text())["schema"] == "xavier.compare/1"
    assert answer.err.endswith("wrote new/folder/table.json\n")
    assert sorted(path.name for path in Path("new/folder").iterdir()) == ["table.json"]


def test_output_on_a_folder_is_refused_before_anything_is_read(shelf, xavier):
    answer = xavier("compare", "-o", shelf)

    assert answer.code == 2
    assert "is a folder" in answer.err
    assert "reading" not in answer.err


def test_output_that_cannot_be_written_is_code_6(shelf, xavier):
    Path("file").write_text("in the way")
    answer = xavier("compare", "-o", "file/table.md")

    assert answer.code == 6


def test_misspelt_format_is_code_2(shelf, xavier):
    assert xavier("compare", "-f", "jsn").code == 2


def test_ascii_pipe_that_closes_gets_plainer_signs_and_nothing_heavy_is_loaded(shelf):
    code = """
import sys
from xavier_cli.cli import main
try:
    main()
finally:
    heavy = {"jax", "matplotlib", "scipy"} & set(sys.modules)
    if heavy: print(heavy, file=sys.stderr)
"""
    done = in_a_process(code.replace("'", '"'), PYTHONIOENCODING="ascii", LC_ALL="C")

    assert (done.returncode, done.stderr) == (0, b"")
    assert (
        done.stdout.decode("ascii").splitlines()
        == AT_80.replace("±", "+/-").replace("Δ", "Delta").splitlines()[:6]
    )


def test_full_disk_behind_stdout_is_code_6(shelf):
    code = "from xavier_cli.cli import main; main()"
    path = os.pathsep.join(entry for entry in sys.path if entry)
    environment = {**os.environ, "PYTHONPATH": path}
    environment.pop("PYTHONUNBUFFERED", None)
    with open("/dev/full", "w") as full:
        done = subprocess.run(
            [sys.executable, "-c", code, "compare", "runs"],
            stdout=full,
            stderr=subprocess.PIPE,
            timeout=60,
            env=environment,
        )

    assert done.returncode == 6
    assert done.stderr == b"xavier: `stdout` could not be written: No space left on device\n"


def test_forty_runs_fit_eighty_columns(exact_run):
    base, runs = exact_run([0.2, 0.22, 0.25, 0.27, 0.3]), []
    for act in ("sigmoid", "tanh"):
        for init in ("standard", "normalized"):
            for depth in (1, 3):
                for rate in (0.003, 0.01, 0.03, 0.1, 0.3):
                    updates = 25_000_000 if len(runs) % 2 else 1000
                    config = base.config.with_(act=act, init=init, depth=depth, lr=rate, updates=updates)
                    error = base["curves/test_error"] + 0.01 * len(runs)
                    arrays = {**base.arrays, "curves/test_error": error}
                    runs.append(replace(base, config=config, arrays=arrays))
    lines = format_page(comparison_page(compare(runs)), Format.TABLE, 80).splitlines()

    assert max(map(len, lines)) <= 80
    rows = [line for line in lines if line.lstrip("* ").startswith(("sigmoid", "tanh"))]
    assert len(rows) == len(runs) == 40
    assert all("±" in row for row in rows)


@pytest.mark.parametrize("format", ["table", "plain", "json", "csv", "md", "latex"])
def test_a_hostile_name_is_only_a_name(exact_run, format):
    data = "images:/d/<b>\u202e$x_1$&%#{}~^\\input"
    runs = [exact_run([0.2, 0.3], init=init, data="mnist") for init in ("standard", "normalized")]
    evil = [replace(run, config=run.config.with_(data=data), data=run.facts) for run in runs]
    text = format_page(comparison_page(compare(evil)), Format(format))

    assert "\u202e" not in text
    if format == "md":
        assert "<b>" not in text.replace("\\<b\\>", "")
    if format == "latex":
        assert all(line.startswith("%") for line in text.splitlines() if "\\input" in line)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (["compare"], []),
        (["report"], ["-o", "r.html"]),
        (["export", "--to", "json"], []),
        (["plot", "curves"], []),
    ],
)
def test_files_that_disagree_are_said_to_and_hide_nothing_else(shelf, xavier, exact_run, before, after):
    write_run(shelf / "other.h5", exact_run([0.5] * 5))
    both = [shelf / "tanh-normalized.h5", shelf / "other.h5"]
    alone = xavier(*before, *both, *after)

    assert alone.code == 5
    assert "other.h5`: disagrees with `" in alone.err
    assert alone.err.splitlines()[-1] == (
        "xavier: nothing is left to show: these runs contradict each other; name those that you trust"
    )
    assert "could be read" not in alone.err
    beside = xavier(*before, *both, shelf / "softsign-normalized.h5", *after)
    assert beside.code == 4
    assert "disagrees with" in beside.err


def test_every_cell_has_its_value_beside_its_text(exact_run):
    searched = exact_run((0.47, 0.48, 0.46, 0.49, 0.47), lr="0.003,0.01,0.03", diverged=(1,))
    runs = [exact_run((0.59, 0.57, 0.61, 0.62, 0.57), init="standard"), searched]
    (section,) = compare(runs).sections
    table = result_table(section)
    at = {column.title: i for i, column in enumerate(table.columns)}

    for row, cells in zip(section.rows, table.cells, strict=True):
        assert cells[at["lr"]].value == row.settings["lr"]
        assert cells[at["N"]].value == len(row.seeds)
        assert cells[at["diverged"]].value == len(row.diverged)
        assert cells[at["test error %"]].value == row.test_error.mean
        assert cells[at["valid error %"]].value == row.valid_error.mean
        assert repr(row.test_error.mean) in cells[at["test error %"]].detail
    assert {cells[at["lr"]].text for cells in table.cells} == {"0.03", "~0.01"}


def test_sentences_are_found_by_what_they_are_about(exact_run):
    said = rules(compare([exact_run((0.6,), init="standard"), exact_run((0.5,))]))

    assert said[Explanation.NETWORKS].startswith("p in brackets: McNemar's")
    assert Explanation.NO_INTERVAL in said
    assert Explanation.TEST not in said


@pytest.mark.parametrize(
    ("low", "high", "shown"),
    [
        (0.031, 0.053, "+4.2 [3.1, 5.3]"),
        (0.0, 0.0, "+4.2 [0.0, 0.0]"),
        (0.0004, 0.084, "+4.20 [0.04, 8.40]"),
        (-0.00002, 0.084, "+4.200 [-0.002, 8.400]"),
        (float("nan"), float("nan"), "+4.2"),
    ],
)
def test_an_interval_shows_on_which_side_of_zero_it_ends(low, high, shown):
    """`[0.0, 8.4]; told apart` would contradict itself."""
    assert numbers.points(0.042, low, high, 1) == shown


def test_over_200_rows_it_says_that_the_best_40_are_tested(exact_run):
    base, runs, rng = exact_run([0.2, 0.22, 0.25, 0.27, 0.3]), [], np.random.default_rng(0)
    for i in range(201):
        errors = base["curves/test_error"] + rng.uniform(0, 0.05, (5, 1)).astype(np.float32)
        arrays = {**base.arrays, "curves/test_error": errors}
        runs.append(replace(base, config=base.config.with_(updates=1000 + i), arrays=arrays))
    page = comparison_page(compare(runs))

    only = (
        "Over 200 rows: only the 40 with the lowest validation errors are tested, and * is the best of these."
    )
    assert only in page.notes
    assert any("simultaneous over all 780 pairs" in note for note in page.notes)
    assert any("Bonferroni-corrected over all 780 pairs" in note for note in page.notes)


def test_over_200_single_networks_the_best_40_are_compared_as_networks(exact_run):
    base, runs, rng = exact_run([0.2]), [], np.random.default_rng(0)
    for i in range(201):
        errors = base["curves/test_error"] + rng.uniform(0, 0.05, (1, 1)).astype(np.float32)
        arrays = {**base.arrays, "curves/test_error": errors}
        runs.append(replace(base, config=base.config.with_(updates=1000 + i), arrays=arrays))
    comparison = compare(runs)
    notes = comparison_page(comparison).notes

    assert np.isfinite([row.verdict.p_networks for row in comparison.sections[0].rows]).sum() == 39
    assert any("only the 40 with the lowest validation errors are compared, and *" in note for note in notes)
    assert any(note.endswith("not corrected over the 39 pairs.") for note in notes)
    # A single network on each side has no interval, so that none is explained.
    assert not any("CI" in note for note in notes)


def test_footnotes_of_two_rows_speak_of_no_family(exact_run):
    said = rules(compare([exact_run((0.6, 0.61, 0.6, 0.62, 0.63), init="standard"), exact_run((0.5,) * 5)]))

    assert said[Explanation.BEST].endswith("percentage points above it, with 95 % CI.")
    assert "Bonferroni" not in said[Explanation.TEST]
    assert "moderated" not in said[Explanation.TEST]


@pytest.mark.parametrize("width", [60, 80])
@pytest.mark.parametrize("number", [8, 40])
def test_one_line_per_experiment_however_much_differs(tmp_path, xavier, exact_run, width, number):
    inits = ("standard", "normalized")
    for i in range(number):
        differing = {"init": inits[i % 2], "depth": 2 + i % 3, "width": 20 + i, "lr": 0.01 * (1 + i % 4)}
        more = {"batch_size": 10 + i % 5, "updates": 1000 + i, "clip": i % 2, "weight_decay": 0.1 * (i % 3)}
        errors = [0.3 + 0.01 * i + 0.001 * seed for seed in range(5)]
        write_run(tmp_path / f"{i}.h5", exact_run(errors, **differing, **more))
    out = xavier("compare", tmp_path, width=width).out

    assert max(map(len, out.splitlines())) <= width
    rows = [line for line in out.splitlines() if re.match(r"[* ] +tanh (standard|normalized)", line)]
    assert len(rows) == number
    # Each label is its own, whatever has to make room.
    assert len({re.match(r"[* ] +tanh \w+ width \d+", row)[0] for row in rows}) == number
    # What no label has room for is named below.
    assert re.search(rf"Not shown at {width} columns: .*weight_decay", " ".join(out.split()))


def test_top_shows_the_best_of_all_that_are_compared(shelf, xavier):
    everything, best = (
        json.loads(xavier("compare", *more, "-f", "json").out) for more in ((), ("--top", "2"))
    )

    assert best["sections"][0]["rows"] == everything["sections"][0]["rows"][:2]
    assert "The first 2 of 3 rows are shown; all are compared." in best["notes"]


def test_where_chooses_the_runs_that_are_compared(shelf, xavier):
    rows = json.loads(xavier("compare", "--where", "act=tanh", "-f", "json").out)["sections"][0]["rows"]

    assert [row["act"] for row in rows] == ["tanh", "tanh"]
    assert xavier("compare", "--where", "act=relu").code == 2


def test_another_metric_is_compared_in_every_format(shelf, xavier):
    loss = json.loads(xavier("compare", "--metric", "test-loss", "-f", "json").out)
    best, *others = loss["sections"][0]["rows"]
    table = xavier("compare", "--metric", "test_loss", width=120).out
    line = next(csv.DictReader(io.StringIO(xavier("compare", "--metric", "test_loss", "-f", "csv").out)))

    assert (loss["metric"], best["metric"]) == ("test_loss", "test_loss")
    assert best["metric_value"] == pytest.approx(np.mean(best["values"])) == float(line["metric_value"])
    assert best["metric_value"] < min(row["metric_value"] for row in others)
    assert "test loss" in table
    assert " % test loss" not in table
    assert "test error %" in table


def test_updates_to_an_error_say_how_many_seeds_never_reach_it(shelf, xavier):
    answer = xavier("compare", "--metric", "updates_to:20%", width=120)

    assert re.search(r"tanh +standard +5 +5 +59\.4 +≥ 100,000 +not tested", answer.out)
    assert "records are 5,263 to 5,264 updates apart" in answer.out
    assert "has a seed that never gets there, so that none is best" in " ".join(answer.out.split())


def test_an_unknown_metric_is_code_2_before_anything_is_read(shelf, xavier):
    answer = xavier("compare", "--metric", "tst_loss")

    assert (answer.code, answer.out) == (2, "")
    assert answer.err == "xavier: --metric: unknown metric `tst_loss`: did you mean `test_loss`?\n"
