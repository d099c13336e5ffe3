"""A run file says what its data set was: older files say it by name, and other data is never merged."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import h5py
import numpy as np
import pytest

from xavier_cli.findings.comparison import compare
from xavier_cli.findings.scores import final_error
from xavier_cli.runs.errors import RunFileError
from xavier_cli.runs.merge import merge_runs
from xavier_cli.runs.store import read_run, write_run
from xavier_cli.vocabulary.datasets import DatasetInfo


def facts(sha256="a" * 64, classes=3):
    return DatasetInfo(
        name="images:pets@8",
        inputs=64,
        classes=classes,
        labels=tuple(f"klass ü {i}" for i in range(classes)),
        top_class=0.4,
        shape=(8, 8),
        train=900,
        valid=100,
        test=400,
        sha256=sha256,
    )


@pytest.fixture
def run_on(make_run):
    """A function that makes a small run with the given facts."""

    def make(told, name="a", **settings):
        run = make_run(
            **{"depth": 2, "width": 4, "updates": 100, "records": "5", "test_examples": 400, **settings}
        )
        return replace(run, data=told, path=Path(f"runs/{name}.h5"))

    return make


def on_images(run, name="images:pets@8"):
    return replace(run, config=run.config.with_(data=name))


@pytest.mark.parametrize("classes", [3, 5000])
def test_the_facts_come_back_from_the_file(run_on, tmp_path, classes):
    run = on_images(run_on(facts(classes=classes)), "images:pé$ts@8")
    write_run(tmp_path / "run.h5", run)
    again = read_run(tmp_path / "run.h5")

    assert again.data == again.facts == facts(classes=classes)
    assert read_run(tmp_path / "run.h5", only=()).data == again.data


def test_a_file_without_them_goes_by_the_name_of_its_data(run_on, tmp_path):
    write_run(tmp_path / "run.h5", run_on(None, data="mnist"))
    run = read_run(tmp_path / "run.h5")

    assert run.data is None
    assert run.facts.guessing_error == pytest.approx(0.8865)
    with pytest.raises(RunFileError, match="does not say what its data set is: `images:pets@8`"):
        _ = on_images(run).facts


def test_nonsense_in_the_attribute_is_damage(run_on, tmp_path):
    write_run(tmp_path / "run.h5", run_on(facts()))
    with h5py.File(tmp_path / "run.h5", "r+") as file:
        file.attrs["data_json"] = np.bytes_(b'{"inputs": -3}')

    with pytest.raises(RunFileError, match=r"run.h5`: is damaged \(its data set makes no sense\)"):
        read_run(tmp_path / "run.h5")


def test_a_diverged_seed_guesses_the_most_frequent_class_of_its_data(run_on):
    run = on_images(run_on(facts(), diverged=(1,), seeds=3))

    assert final_error(run)[1] == pytest.approx(0.6)


def test_equal_configurations_on_other_data_are_not_merged(run_on):
    one, other = (
        on_images(run_on(facts(digest), name, seeds=f"{seed},"))
        for digest, name, seed in (("a" * 64, "one", 0), ("b" * 64, "other", 1))
    )

    with pytest.raises(RunFileError, match=r"`runs/other.h5`: trained on other data than `runs/one.h5`"):
        merge_runs([one, other])
    merged, notes = merge_runs([one, replace(other, data=one.data)])
    assert len(merged) == 1
    assert notes == []
    assert merged[0].data == one.data


def test_files_from_before_merge_with_those_that_say_more(run_on):
    old, new = run_on(None, "old", data="mnist", seeds="0,"), run_on(facts(), "new", data="mnist", seeds="1,")

    assert len(merge_runs([old, new])[0]) == 1


def test_other_data_of_one_name_is_compared_in_a_section_of_its_own(run_on):
    runs = [
        on_images(run_on(facts(digest), act=act))
        for digest, act in (("a" * 64, "tanh"), ("b" * 64, "softsign"), ("a" * 64, "sigmoid"))
    ]

    assert [len(section.rows) for section in compare(runs).sections] == [2, 1]
