"""Tests options of tables: `ls --where --sort`, `compare --columns --group-by --transpose`, sparklines."""

import json

import numpy as np
import pytest

from xavier_cli.views.filters import FilterError, in_order
from xavier_cli.views.sparkline import BARS, sparklines


def names_of(answer):
    return [run["run"] for run in json.loads(answer.out)["runs"]]


@pytest.mark.parametrize(
    ("conditions", "kept"),
    [
        (["act=tanh"], {"tanh-standard", "tanh-normalized"}),
        (["act!=tanh"], {"softsign-normalized"}),
        (["act=tanh,init=xavier"], {"tanh-normalized"}),
        (["act=soft_sign"], {"softsign-normalized"}),
        (["activation=tanh,initializer=xavier"], {"tanh-normalized"}),
        (["learning-rate=0.03", "dataset=shapeset", "widths=31"], set()),
        (["act=tanh", "init=standard"], {"tanh-standard"}),
        (["test_error<0.5"], {"tanh-normalized", "softsign-normalized"}),
        (["test_error >= .5"], {"tanh-standard"}),
        (["run=*-standard"], {"tanh-standard"}),
        (["lr=3e-2"], {"tanh-standard", "tanh-normalized", "softsign-normalized"}),
        (["seeds=0,1,2,3,4", "depth>4"], {"tanh-standard", "tanh-normalized", "softsign-normalized"}),
        (["batch-size=11"], set()),
    ],
)
def test_where_keeps_what_fits(shelf, xavier, conditions, kept):
    words = [word for condition in conditions for word in ("--where", condition)]
    answer = xavier("ls", *words, "-f", "json")

    assert answer.code == 0
    assert set(names_of(answer)) == kept
    assert ("no run matches" in answer.err) == (not kept)


@pytest.mark.parametrize(
    ("conditions", "message"),
    [
        (["act=tahn"], "no run matches `--where`: act is softsign, tanh in these runs"),
        (["activation=tahn", "lr>1"], "act is softsign, tanh in these runs; lr is 0.03 in these runs"),
        (["act=softsign,init=standard"], "each condition fits some runs, but none fits all"),
        (["tag=draft"], "no run here has a tag"),
    ],
)
@pytest.mark.parametrize("command", ["ls", "compare", "rm", "tag"])
def test_what_fits_no_run_is_said_with_what_there_is(shelf, xavier, command, conditions, message):
    answer = xavier(command, *(word for condition in conditions for word in ("--where", condition)))

    assert message in answer.err.splitlines()[-1]


@pytest.mark.parametrize(
    ("option", "other", "name"),
    [
        ("--sort", "learning-rate", "lr"),
        ("--columns", "activation,widths", "act,width"),
        ("--group-by", "activation", "act"),
        ("--select", "learning_rate", "lr"),
    ],
)
def test_settings_have_their_other_names_too(shelf, xavier, option, other, name):
    answer = xavier("compare", option, other)

    assert answer.code == 0
    assert answer.out == xavier("compare", option, name).out


def test_sort_goes_both_ways(shelf, xavier):
    rising = names_of(xavier("ls", "--sort", "test_error", "-f", "json"))
    falling = names_of(xavier("ls", "--sort", "-test_error", "-f", "json"))

    assert rising == ["softsign-normalized", "tanh-normalized", "tanh-standard"]
    assert falling == rising[::-1]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["ls", "--where", "atc=tanh"], "unknown name `atc`: did you mean `act`?"),
        (["ls", "--where", "tanh"], "`tanh` should be like act=tanh"),
        (["ls", "--where", "lr<fast"], "`lr<fast` should compare with a number"),
        (["ls", "--where", "act="], "should be like act=tanh"),
        (["ls", "--sort", "test_eror"], "did you mean `test_error`?"),
        (["compare", "--sort", "eror"], "unknown name `eror`"),
        (["compare", "--columns", "dpeth"], "did you mean `depth`?"),
        (["compare", "--columns", ","], "has a comma with no value beside it"),
        (["compare", "--group-by", "acct"], "did you mean `act`?"),
    ],
)
def test_a_wrong_word_is_refused_in_one_line(shelf, xavier, arguments, message):
    answer = xavier(*arguments)

    assert (answer.code, answer.out) == (2, "")
    assert message in answer.err


def test_a_table_per_value_keeps_the_verdicts_of_the_whole(shelf, xavier):
    lines = xavier("compare", "--group-by", "init").out.splitlines()
    titles = [line for line in lines if line.startswith("shapeset")]

    assert titles == ["shapeset, init normalized", "shapeset, init standard"]
    first, second = (lines.index(title) for title in titles)
    assert "+0.3 [-1.8, 2.4]  1" in " ".join(lines[first:second])
    assert "+12.0 [8.4, 15.6]  .0002" in " ".join(lines[second:])


def test_columns_and_order_are_chosen(shelf, xavier):
    out = xavier("compare", "--columns", "width,act", "--sort", "-test_error", width=200).out
    lines = out[out.index("width  act") :].splitlines()

    assert lines[0].split()[:3] == ["width", "act", "N"]
    assert [line.split()[1] for line in lines[1:3]] == ["tanh", "tanh"]
    assert lines[3].split()[:3] == ["*", "30", "softsign"]


def test_transposed_has_a_column_per_experiment(shelf, xavier):
    lines = [line.split() for line in xavier("compare", "--transpose", width=120).out.splitlines()]

    assert ["*", "1", "2", "3"] in lines
    assert ["act", "softsign", "tanh", "tanh"] in lines
    assert any(line[:2] == ["test", "error"] for line in lines)


@pytest.mark.parametrize(
    "options", [[], ["--transpose"], ["--group-by", "act"], ["--columns", "depth,act,lr"]]
)
@pytest.mark.parametrize("width", [60, 80, 200])
def test_every_view_fits_the_screen(shelf, xavier, width, options):
    answer = xavier("compare", *options, width=width)

    assert answer.code == 0
    assert max(map(len, answer.out.splitlines())) <= width


def test_curves_are_drawn_only_where_they_cost_no_words(shelf, xavier):
    wide, narrow = xavier("compare", width=200).out, xavier("compare", width=80).out
    plain = xavier("compare", "-f", "md", width=200).out

    assert "error over time" in wide
    assert any(bar in wide for bar in BARS)
    assert not any(bar in narrow + plain for bar in BARS)
    assert " .0002 " in wide


def test_sparklines_share_a_scale():
    high, low = sparklines([np.linspace(1, 0.5, 30), np.linspace(0.5, 0, 30)])

    assert (high[0], low[-1]) == ("█", "▁")
    assert high[-1] == low[0]
    assert len(high) == len(low) == 12


def test_a_sparkline_of_little_or_nothing():
    assert sparklines([np.array([np.nan, 0.5])]) == [" ▁"]
    assert sparklines([np.array([np.nan])]) == [""]
    assert sparklines([]) == []


def test_a_part_of_a_name_suggests_the_whole():
    rows = [{"test_error": 0.1, "lr": 0.1}]

    with pytest.raises(FilterError, match="unknown name `test`: did you mean `test_error`"):
        in_order(rows, lambda row: row, "test")
