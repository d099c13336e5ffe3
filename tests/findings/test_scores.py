"""Tests the errors per seed, also of diverged seeds and with few records."""

import numpy as np
import pytest

from xavier_cli.findings.scores import final_error, late_error
from xavier_cli.runs.counting import error_curve
from xavier_cli.vocabulary.lookup import DATA_SETS


def test_final_error_is_the_last_records(make_run):
    run = make_run(seeds="0:3", only=["curves"])

    assert final_error(run) == pytest.approx(run["curves/test_error"][:, -1])
    assert final_error(run, "valid") == pytest.approx(run["curves/valid_error"][:, -1])


def test_late_error_is_the_mean_of_the_last_five_of_twenty_records(make_run):
    run = make_run(seeds="0:3", only=["curves"])

    assert late_error(run) == pytest.approx(run["curves/test_error"][:, -5:].mean(axis=1))


@pytest.mark.parametrize("score", [final_error, late_error])
def test_a_diverged_seed_counts_as_guessing(make_run, score):
    run = make_run(seeds="0:3", diverged=[1], only=["curves"])
    errors = score(run)

    assert errors[1] == pytest.approx(5 / 6)
    assert (errors[[0, 2]] < 0.4).all()


def test_a_diverged_seeds_frozen_weights_score_nothing(make_run):
    run = make_run(seeds="0:3", only=["curves"])
    run.arrays["final/diverged_at"][2] = 20

    assert final_error(run)[2] == pytest.approx(5 / 6)


def test_a_curve_is_guessing_from_the_divergence_on(make_run):
    run = make_run(seeds="0:2", diverged=[0], only=["curves"])
    lost = run.updates >= run["final/diverged_at"][0]
    curve = error_curve(run)

    assert (curve[0, lost] == DATA_SETS["shapeset"].guessing_error).all()
    assert np.array_equal(curve[0, ~lost], run["curves/test_error"][0, ~lost])
    assert np.array_equal(curve[1], run["curves/test_error"][1])


def test_guessing_is_naming_the_most_frequent_class():
    assert DATA_SETS["shapeset"].guessing_error == pytest.approx(0.8333, abs=1e-4)
    assert DATA_SETS["mnist"].guessing_error == pytest.approx(0.8865)
