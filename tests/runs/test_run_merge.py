from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from xavier_cli.runs import schema
from xavier_cli.runs.errors import RunFileError
from xavier_cli.runs.merge import merge_runs
from xavier_cli.runs.store import read_run, write_run


@pytest.fixture
def part(make_run):
    """A function that makes a small run with the given seeds, as if read from a file."""

    def make(seeds, name=None, **settings):
        run = make_run(
            **{"depth": 2, "width": 4, "updates": 100, "records": "5", "test_examples": 50, **settings},
            seeds=seeds,
        )
        return replace(run, path=Path(f"runs/{name or seeds}.h5"))

    return make


def assert_same(one, other):
    assert one.config == other.config
    assert set(one.arrays) == set(other.arrays)
    for name in one.arrays:
        np.testing.assert_array_equal(one[name], other[name], err_msg=name)


def test_runs_that_differ_only_in_seeds_become_one(part):
    merged, notes = merge_runs([part("3,1"), part("0,"), part("7,8")])

    assert len(merged) == 1
    assert_same(merged[0], part("3,1,0,7,8"))
    assert merged[0].path is None
    assert merged[0].sources == (Path("runs/3,1.h5"), Path("runs/0,.h5"), Path("runs/7,8.h5"))
    assert notes == []


def test_a_merged_run_can_be_stored_and_merged_again(part, tmp_path):
    merged, _ = merge_runs([part("0,"), part("1,")])
    write_run(tmp_path / "a.h5", merged[0])
    again, notes = merge_runs([merged[0], part("2,")])

    assert_same(read_run(tmp_path / "a.h5"), part("0,1"))
    assert_same(again[0], part("0,1,2"))
    assert len(again[0].sources) == 3
    assert notes == []


def test_other_configurations_stay_apart_in_the_order_given(part):
    runs = [part("0,", act="sigmoid"), part("0,"), part("1,", act="sigmoid"), part("0,", lr=0.1)]

    merged, notes = merge_runs(runs)

    assert [(run.config.act, run.lr, run.config.seeds) for run in merged] == [
        ("sigmoid", 0.03, (0, 1)),
        ("tanh", 0.03, (0,)),
        ("tanh", 0.1, (0,)),
    ]
    assert merged[1] is runs[1]
    assert notes == []


def test_a_seed_counts_once(part):
    merged, notes = merge_runs([part("0,1", "a"), part("1,2,0", "b")])

    assert_same(merged[0], part("0,1,2"))
    assert notes == ["seed 1, 0 of `runs/b.h5` dropped: an identical copy is in `runs/a.h5`"]


def test_a_whole_copy_leaves_the_first_as_it_is(part):
    first = part("0,1", "a")

    merged, notes = merge_runs([first, part("1,0", "b"), part("0,1", "c")])

    assert merged == [first]
    assert len(notes) == 2


def test_a_copy_of_a_diverged_seed_is_a_copy(part):
    merged, notes = merge_runs([part("0,1", "a", diverged=(1,)), part("1,", "b", diverged=(1,))])

    assert merged[0].diverged.tolist() == [False, True]
    assert len(notes) == 1


def test_files_that_disagree_about_a_seed_are_both_named(part):
    other = part("1,2", "b")
    changed = other["curves/test_error"].copy()
    changed[0, -1] += 1e-9
    other = replace(other, arrays={**other.arrays, "curves/test_error": changed})

    with pytest.raises(RunFileError) as caught:
        merge_runs([part("0,1", "a"), other])

    assert str(caught.value) == (
        "`runs/b.h5`: disagrees with `runs/a.h5` about seed 1: `curves/test_error` differs"
    )


def test_complete_and_unfinished_runs_stay_apart(part):
    runs = [part("0,", "a"), part("1,", "b", status="interrupted", records_done=3), part("2,", "c")]

    merged, notes = merge_runs(runs)

    assert [run.config.seeds for run in merged] == [(0, 2), (1,)]
    assert [run.status for run in merged] == ["complete", "interrupted"]
    assert notes == [
        "kept apart though only their seeds differ, since some are complete and some are not "
        "and their records lie at different updates: `runs/a.h5`, `runs/b.h5`"
    ]


def test_unfinished_runs_of_equal_length_are_merged(part):
    cut = {"records_done": 3}

    merged, _ = merge_runs([part("0,", status="interrupted", **cut), part("1,", status="running", **cut)])

    assert [run.status for run in merged] == ["interrupted"]
    assert merged[0]["curves/test_error"].shape == (2, 3)


def test_what_not_all_parts_have_is_left_out_with_a_note(part):
    merged, notes = merge_runs([part("0,", "a", jacobian=False), part("1,", "b")])

    assert "jacobian/singular_values" not in merged[0]
    assert "activation/mean" in merged[0]
    assert len(notes) == 1
    assert notes[0].startswith(
        "left out, since not all of `runs/a.h5` and its fellows have the same: index, "
    )


def test_other_bins_take_only_their_histograms_along(part):
    other = part("1,")
    other = replace(other, arrays={**other.arrays, **schema.bins("weight", np.linspace(-9, 9, 61))})

    merged, notes = merge_runs([part("0,"), other])

    lost = {"weight/histogram", "weight/bin", "weight/bin_edge"}
    assert set(other.arrays) - set(merged[0].arrays) == lost
    assert all(name in notes[0] for name in lost)


def test_runs_read_in_part_are_merged_too(part):
    some = ("seed", "update", "curves/test_error")
    runs = [replace(run, arrays={name: run[name] for name in some}) for run in (part("0,"), part("1,"))]

    merged, notes = merge_runs(runs)

    np.testing.assert_array_equal(merged[0]["curves/test_error"], part("0,1")["curves/test_error"])
    assert notes == []


def searched(run, errors):
    return replace(run, arrays={**run.arrays, "search/valid_error": np.array(errors)})


def test_searches_that_agree_are_merged_over_their_seeds(part):
    one = searched(part("0,1", lr="0.01,0.1"), [[0.4, 0.4], [0.3, 0.3]])
    other = searched(part("5,6", lr="0.01,0.1"), [[0.9, 0.9], [0.3, np.nan]])

    merged, notes = merge_runs([one, other])

    assert merged[0]["search/search_seed"].tolist() == [0, 1, 5, 6]
    assert merged[0]["search/valid_error"].shape == (2, 4)
    assert merged[0].lr == 0.1
    assert notes == []


def test_searches_that_chose_other_rates_keep_their_runs_apart(part):
    one = searched(part("0,1", lr="0.01,0.1"), [[0.4, 0.4], [0.3, 0.3]])
    other = searched(part("5,6", lr="0.01,0.1"), [[0.2, 0.2], [0.3, 0.3]])

    merged, notes = merge_runs([one, other])

    assert [run.lr for run in merged] == [0.1, 0.01]
    assert "since their searches chose different rates" in notes[0]


def test_searches_that_only_together_choose_another_rate_keep_their_runs_apart(part):
    # The seed they share speaks for 0.1 in both; counted once, the others outweigh it.
    one = searched(part("0,1,8", lr="0.01,0.1"), [[0.9, 0.1], [0.3, 0.5]])
    other = searched(part("0,2,9", lr="0.01,0.1"), [[0.9, 0.1], [0.3, 0.5]])

    merged, notes = merge_runs([one, other])

    assert merged == [one, other]
    assert notes[-1] == (
        "kept apart, since their searches together choose another rate: `runs/0,1,8.h5`, `runs/0,2,9.h5`"
    )


def test_nothing_merges_to_nothing():
    assert merge_runs([]) == ([], [])
