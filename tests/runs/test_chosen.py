"""What a search chose is worked out once, where a run is made or read, and asked for by its name."""

import math
from dataclasses import replace

import numpy as np
import pytest

from xavier_cli.runs import record
from xavier_cli.runs.merge import merge_runs
from xavier_cli.runs.store import read_run, write_run

RATES = (0.01, 0.03, 0.1)
ERRORS = np.array([[0.5, 0.5], [0.4, np.nan], [0.2, 0.3]])


@pytest.fixture
def searched(make_run):
    run = make_run(lr=",".join(map(str, RATES)), updates=60)
    return replace(run, arrays={**run.arrays, "search/valid_error": ERRORS})


def test_a_given_rate_is_not_chosen(make_run):
    run = make_run(lr="0.05")
    assert run.chosen == {}
    assert (run.lr, run.setting("lr"), run.setting("act")) == (0.05, 0.05, run.config.act)
    assert run.on_edge == ()


def test_a_searched_rate_is_the_one_with_the_lowest_error(searched):
    assert searched.chosen == {"lr": 0.1}
    assert (searched.lr, searched.known_lr, searched.setting("lr")) == (0.1, 0.1, 0.1)
    assert searched.setting("depth") == searched.config.depth
    assert searched.on_edge == ("lr",)


def test_other_errors_choose_another_rate(searched):
    other = replace(searched, arrays={**searched.arrays, "search/valid_error": ERRORS[[0, 2, 1]]})
    assert other.chosen == {"lr": 0.03}
    assert other.on_edge == ()


def test_a_rate_that_nobody_knows_is_chosen_but_nan(searched):
    arrays = {name: array for name, array in searched.arrays.items() if name != "search/valid_error"}
    lost = replace(searched, arrays=arrays)
    assert set(lost.chosen) == {"lr"}
    assert math.isnan(lost.lr)
    assert lost.on_edge == ()


@pytest.mark.parametrize("only", [None, (), ("curves/test_error",)])
def test_a_run_that_is_read_knows_it_whatever_was_read(searched, tmp_path, only):
    write_run(tmp_path / "a.h5", searched)
    assert read_run(tmp_path / "a.h5", only).chosen == {"lr": 0.1}


def test_joined_runs_know_it(searched):
    parts = [
        replace(
            searched,
            config=searched.config.with_(seeds=seeds),
            arrays={**searched.arrays, "seed": np.array(seeds), "search/search_seed": np.array(seeds[:2])},
        )
        for seeds in ((0, 1, 2, 3), (4, 5, 6, 7))
    ]
    (joined,), _ = merge_runs(parts)
    assert joined.chosen == {"lr": 0.1}


def test_the_rates_are_compared_once_however_often_the_rate_is_asked_for(searched, monkeypatch):
    asked = []
    monkeypatch.setattr(record, "best_rate", lambda errors: asked.append(errors) or 1)
    run = replace(searched)
    assert {run.lr for _ in range(5)} == {0.03}
    assert run.on_edge == ()
    assert len(asked) == 1
