"""Every command over run files of watched trainings, planted ones."""

import csv
import io
import json

import numpy as np
import pytest
from support.watched_runs import plant_watched

from xavier_cli.runs.store import write_run

EVERY = ("he", "swishy", "zeros", "fixup", "old", "new", "wide", "small")


@pytest.fixture
def runs(tmp_path, monkeypatch):
    """A folder of two initializations of five seeds each."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.delenv("XAVIER_RUNS_DIR", raising=False)
    folder = tmp_path / "runs"
    folder.mkdir()
    for init, error in (("he", 0.1), ("fixup-scaled", 0.3)):
        for seed in range(5):
            run = plant_watched(seed, error, init=init, act="relu", data="CIFAR-10", lr=0.1, depth=20)
            write_run(folder / f"{init}-{seed}.h5", run)
    return folder


def test_compare_merges_seeds_and_answers(runs, xavier):
    answer = xavier("compare", runs)

    assert answer.code == 0
    assert "ResNet:depth=20 relu he_normal" in answer.out
    assert "significantly worse" in answer.out
    assert "fixup-scaled" in answer.out
    assert "watched:" not in answer.out
    assert "lr 0.1" in answer.out
    for unknown in ("batch", "sgd", "300"):
        assert unknown not in answer.out
    rows = json.loads(xavier("compare", runs, "-f", "json").out)["sections"][0]["rows"]
    assert sorted(len(row["errors"]) for row in rows) == [5, 5]
    assert {row["init"] for row in rows} == {"he_normal", "fixup-scaled"}
    assert {row["net"] for row in rows} == {"watched:ResNet:depth=20"}


def test_50_runs_in_80_columns(runs, xavier):
    for number, init in enumerate(EVERY):
        for seed in range(5):
            write_run(runs / f"more-{init}-{seed}.h5", plant_watched(seed, 0.05 * number, init=init))
    answer = xavier("compare", runs)

    assert answer.code == 0
    assert all(len(line) <= 80 for line in answer.out.splitlines())
    assert "unnamed data" in answer.out
    assert xavier("ls", runs).code == 0


def test_show_has_what_was_told_and_nothing_else(runs, xavier):
    answer = xavier("show", runs / "he-0.h5", "-f", "plain")

    assert answer.code == 0
    names = {line.split()[0] for line in answer.out.split("curves")[0].splitlines() if line.split()}
    assert {"data", "net", "act", "init", "lr", "updates", "records", "seeds"} <= names
    assert not names & {"optimizer", "batch_size", "coding", "width", "depth", "eval_examples", "told"}
    config = json.loads(xavier("show", runs / "he-0.h5", "-f", "json").out)["runs"][0]["config"]
    assert config["init"] == "he_normal"
    assert "batch_size" not in config


def test_ls_filters_by_what_was_told(runs, xavier):
    answer = xavier("ls", runs, "--where", "init=he", "-f", "csv")

    assert len(list(csv.DictReader(io.StringIO(answer.out)))) == 5
    assert len(xavier("ls", runs, "--where", "lr=0.1", "-f", "csv").out.splitlines()) == 11
    assert len(xavier("ls", runs, "--where", "batch_size=10", "-f", "csv").out.splitlines()) <= 1


def test_check_gives_no_advice_to_train_again(runs, xavier):
    answer = xavier("check", runs, "-v", "-f", "plain")

    assert answer.code in (0, 3)
    assert "xavier train" not in answer.out + answer.err


@pytest.mark.parametrize(
    "kind", ["curves", "activations", "saturation", "layers", "gradients-over-time", "weight-gradients"]
)
def test_plot(kind, runs, xavier, tmp_path):
    answer = xavier("plot", kind, runs, "-o", tmp_path / "figure.svg")

    assert answer.code in (0, 4), answer.err
    drawn = (tmp_path / "figure.svg").read_text()
    assert "300 test examples" not in drawn
    assert "updates of 10 examples" not in drawn


def test_the_report_reproduces_no_training(runs, xavier, tmp_path):
    answer = xavier("report", runs, "-o", tmp_path / "report.html")

    assert answer.code == 0, answer.err
    page = (tmp_path / "report.html").read_text()
    assert "ResNet:depth=20 relu he_normal" in page
    assert "xavier train" not in page


def test_the_other_commands(runs, xavier, tmp_path):
    one, other = runs / "he-0.h5", runs / "fixup-scaled-0.h5"
    assert "fixup-scaled" in xavier("diff", one, other, "-f", "plain").out
    assert "whole" in xavier("doctor", one).out
    assert xavier("tag", one, "paper").code == 0
    for kind in ("csv", "json", "netcdf"):
        assert xavier("export", one, "--to", kind, "-o", tmp_path / f"out.{kind}").code == 0
    assert xavier("rm", one, "--yes").code == 0


def test_verify_says_in_a_line_that_it_cannot(runs, xavier):
    answer = xavier("verify", runs / "he-0.h5")

    assert answer.code == 2
    assert len(answer.err.strip().splitlines()) == 1
    assert "trained in a loop of its own, which `watch` recorded" in answer.err


def test_diverged_seeds_count_as_chance(runs, xavier):
    for seed in range(5):
        run = plant_watched(seed, 0.1, diverged_at=300 if seed == 3 else -1, init="late")
        write_run(runs / f"late-{seed}.h5", run)
    answer = xavier("compare", *sorted(runs.glob("late-*.h5")))

    assert answer.code == 0
    assert "A diverged seed counts as chance level (90.0 % on unnamed data)." in " ".join(answer.out.split())


def test_runs_without_errors_are_compared_by_their_loss(runs, xavier):
    for init, error in (("one", 0.1), ("two", 0.3)):
        for seed in range(5):
            run = plant_watched(seed, error, has_errors=False, init=init)
            assert np.isnan(run["curves/test_error"]).all()
            write_run(runs / f"{init}-{seed}.h5", run)
    files = [*sorted(runs.glob("one-*.h5")), *sorted(runs.glob("two-*.h5"))]

    answer = xavier("compare", *files, "--metric", "test_loss")
    assert answer.code == 0
    assert "two, is significantly worse" in " ".join(answer.out.split())
    assert xavier("compare", *files).code == 0
    assert xavier("check", *files).code in (0, 3)
    assert xavier("show", files[0]).code == 0
    assert xavier("ls", runs).code == 0
    assert xavier("plot", "curves", *files, "-o", runs / "curves.svg").code in (0, 4, 5)
