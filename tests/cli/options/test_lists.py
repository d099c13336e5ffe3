"""Lists with commas: an empty value and one that is given twice are refused in one line, in every option."""

import pytest

from xavier_cli.runs.store import write_run
from xavier_cli.vocabulary.grammar import distinct, items, parse_seeds, whole_numbers

NOTHING, TWICE = "has a comma with no value beside it", "is given twice"
EMPTY = [
    *(("train", "--dry-run", "--seeds", text) for text in (",", "1,,2", "1,2,", ",1")),
    *(("train", "--dry-run", "--lr", text) for text in (",", ".1,", ".1,,.2")),
    *(("train", "--dry-run", "--width", text) for text in (",", "10,", "10,,5")),
    *(("bench", "--widths", text) for text in (",", "10,", ",10")),
    ("bench", "--batch-size", "10,,32"),
    ("compare", "--columns", "lr,"),
    ("compare", "--select", ",lr"),
    ("check", "--rules", "dead-units,"),
    ("tag", "tanh-normalized", "--remove", "a,"),
    ("plot", "activations", "--layers", "1,"),
    ("plot", "curves", "--seeds", "0,,1"),
    ("plot", "curves", "--metric", "test_error,"),
    ("plot", "curves", "--facet", "act,"),
    ("verify", "tanh-normalized", "--seeds", "0,,1"),
    ("sweep", "table-1", "--dry-run", "--set", "lr=.1,"),
]
DOUBLE = [
    ("bench", "--widths", "10,10"),
    ("bench", "--batch-size", "10,32,10"),
    ("bench", "--net", "a.py:f", "--net", "a.py:f"),
    # By two names.
    ("compare", "--columns", "lr,learning_rate"),
    ("compare", "--select", "lr,lr"),
    ("check", "--rules", "dead-units,dead-units"),
    ("tag", "tanh-normalized", "--remove", "a,a"),
    ("plot", "activations", "--layers", "1,1"),
    ("plot", "curves", "--seeds", "0,0"),
    ("plot", "curves", "--metric", "test_error,test-error"),
    ("plot", "curves", "--facet", "act,act"),
]
SAID_OTHERWISE = [
    (("train", "--dry-run", "--seeds", "1,1"), "should not hold a seed twice"),
    (("train", "--dry-run", "--lr", ".1,.1"), "at least two rates, each once"),
    (("sweep", "table-1", "--dry-run", "--set", "lr=.1,.1"), "at least two rates, each once"),
    (("sweep", "table-1", "--dry-run", "--set", "lr=.1", "--set", "lr=.2"), "`lr` is set twice"),
    (("sweep", "table-1", "--dry-run", "--set", "seeds=2", "--seeds", "3"), "`seeds` is set by `--set` too"),
    (("verify", "tanh-normalized", "--seeds", "0,0"), "should not hold a seed twice"),
    # No words about layers, of which there are none here.
    (("bench", "--widths", "x"), "--widths: `x` is not a whole number"),
    (("bench", "--widths", "10,000"), "write `10000`"),
]


@pytest.mark.parametrize(
    ("words", "said"),
    [*((words, NOTHING) for words in EMPTY), *((words, TWICE) for words in DOUBLE), *SAID_OTHERWISE],
    ids=lambda part: " ".join(part) if isinstance(part, tuple) else "",
)
def test_a_list_with_an_empty_or_a_double_value_is_refused(shelf, exact_run, xavier, words, said):
    write_run(shelf / "deep.h5", exact_run([0.5] * 2, act="sigmoid"))
    answer = xavier(*words)

    assert (answer.code, answer.out) == (2, ""), answer
    (line,) = [line for line in answer.err.splitlines() if not line.startswith("reading ")]
    assert said in line
    assert "each layer" not in line


def test_a_grid_of_a_recipe_holds_no_value_twice(tmp_path, xavier):
    recipe = tmp_path / "r.toml"
    recipe.write_text('title = "x"\n[grid]\nact = ["tanh", "relu", "tanh"]\n')
    answer = xavier("sweep", recipe, "--dry-run")

    assert answer.code == 2
    assert "grid: `tanh` is given twice for act" in answer.err


def test_a_comma_behind_a_single_seed_tells_it_from_a_count():
    assert parse_seeds("4,") == (4,)
    assert parse_seeds("4") == (0, 1, 2, 3)


def test_values_are_stripped_and_told_apart():
    assert items(" a, b ") == ["a", "b"]
    assert whole_numbers("100,300,1e3") == [100, 300, 1000]
    with pytest.raises(ValueError, match="`300` is given twice"):
        whole_numbers("100,300,3e2")
    with pytest.raises(ValueError, match="`b` is given twice"):
        distinct(["a", "b", "b"])
