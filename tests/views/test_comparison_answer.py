"""Tests the answer of a comparison: who is best, and how sure that is, in the words of the verdicts."""

import re
from dataclasses import replace

import numpy as np
import pytest

from xavier_cli.cli.terminal.output import Format, format_page
from xavier_cli.findings.comparison import compare
from xavier_cli.findings.metric import TEST_ERROR, parse_metric
from xavier_cli.views.comparison import comparison_page
from xavier_cli.views.comparison_answer import answers, names
from xavier_cli.views.comparison_layout import View

BEST, NEAR, FAR = (0.20, 0.21, 0.19, 0.20, 0.22), (0.21, 0.20, 0.20, 0.21, 0.22), (0.5, 0.52, 0.51, 0.53, 0.5)


@pytest.fixture
def exact(make_run):
    """A function that makes a light run with exactly these test errors."""

    def make(errors, **settings):
        settings = {"only": ["curves", "final/diverged_at"], "width": 8, "depth": 2, **settings}
        run = make_run(seeds=len(errors), **settings)
        curve = np.array(run["curves/test_error"], np.float64)
        curve[:, -1] = np.where(run.diverged, np.nan, errors)
        return replace(run, arrays={**run.arrays, "curves/test_error": curve})

    return make


def said(runs, metric=TEST_ERROR):
    (answer,) = answers(compare(runs, metric=metric))
    return answer


def test_the_best_then_how_many_are_worse_then_which_are_not(exact):
    runs = [exact(BEST), exact(NEAR, act="softsign"), exact(FAR, init="standard"), exact(FAR, act="sigmoid")]
    text = said(runs)
    p = {row.run.config.act: row.verdict.p for row in compare(runs).sections[0].rows}["softsign"]

    assert text.startswith("Best: tanh normalized, 20.4 ± 1.4 % test error (5 seeds). 2 of 3 others are ")
    assert (
        "2 of 3 others are significantly worse (p < .0001); no significant difference from softsign" in text
    )
    assert p > 0.05
    assert text.endswith("softsign normalized (p = 1).")


@pytest.mark.parametrize(
    ("errors", "second"),
    [
        ((FAR,), "The other, tanh standard, is significantly worse (p < .0001)."),
        ((NEAR,), "No significant difference from tanh standard (p = .37)."),
        ((FAR[:4],), "The difference is not tested (needs 5 seeds)."),
        ((FAR[:1],), "The difference is not tested (needs 5 seeds)."),
        ((FAR, FAR), "Both others are significantly worse (p < .0001)."),
        ((NEAR, NEAR, NEAR), "No significant difference from the 3 others (p = 1)."),
        (
            (FAR, NEAR[:2]),
            "1 of 2 others is significantly worse (p < .0001); 1 other, tanh standard, width 21, ",
        ),
    ],
)
def test_the_second_sentence_is_the_verdicts(exact, errors, second):
    others = [exact(each, init="standard", width=20 + i) for i, each in enumerate(errors)]

    assert second in said([exact(BEST), *others])


def test_few_seeds_are_not_tested(exact):
    text = said([exact(BEST[:3]), exact(FAR[:3], init="standard"), exact(NEAR[:3], act="softsign")])

    assert text.startswith("Best: tanh normalized, 20.0 ± 2.5 % test error (3 seeds). ")
    assert text.endswith(" Differences are not tested (needs 5 seeds).")


def test_one_experiment_is_compared_with_chance(exact):
    assert said([exact((0.2,))]) == "tanh normalized: 20.0 % test error (1 seed); chance level is 83.3 %."


def test_equal_means_share_the_first_place(exact):
    runs = [exact(BEST), exact(BEST, init="standard"), exact(FAR, act="sigmoid")]
    three = [*runs[:2], exact(BEST, act="softsign")]

    assert "Best, with equal means: tanh normalized and tanh standard, 20.4 ± 1.4 % test" in said(runs)
    assert "Best, with equal means: tanh normalized and 2 others, 20.4" in said(three)


def test_all_diverged_is_no_victory(exact):
    every = range(5)
    runs = [exact(BEST, diverged=every), exact(BEST, init="standard", diverged=every)]

    assert said(runs) == "Every seed diverged, and counts as chance level: 83.3 ± 0.0 % test error."
    assert said(runs, parse_metric("test_loss")) == (
        "Every complete experiment has a seed that diverged, so that none is best by test loss."
    )


def test_the_best_at_chance_is_said_to_be(exact):
    runs = [exact((0.833, 0.834, 0.832, 0.83, 0.84)), exact((0.84, 0.85, 0.84, 0.85, 0.84), init="standard")]

    assert "(5 seeds), no better than chance level (83.3 %)." in said(runs)


def test_without_a_finished_training_none_is_best(exact):
    runs = [exact(BEST, status="interrupted", init=init) for init in ("normalized", "standard")]

    assert said(runs).startswith(
        "No training is complete, so that none is best; tanh normalized stands at 20.4"
    )


def test_a_metric_is_answered_in_its_own_unit(exact):
    runs = [exact(BEST), exact(FAR, init="standard")]

    assert "% " not in said(runs, parse_metric("test_loss")).partition("(5 seeds)")[0]
    assert "updates to 50 % test error (5 seeds)" in said(runs, parse_metric("updates_to:0.5"))
    censored = [exact((0.1,) * 5, act="softsign"), exact(BEST)]
    assert said(censored, parse_metric("updates_to:0.21")).endswith(
        " The difference is not tested (a seed never reaches 21 %)."
    )


def test_several_reasons_for_no_test_are_one_list(exact):
    never = [exact((0.1,) * 5, act="softsign"), exact(BEST), exact((0.1,) * 2, act="sigmoid")]
    text = said(never, parse_metric("updates_to:0.21"))

    assert re.search(
        r"not tested: (fewer than 5 seeds, or a seed never reaches 21 %|"
        r"a seed never reaches 21 %, or fewer than 5 seeds)\.$",
        text,
    ), text


def test_each_data_set_has_an_answer_that_names_it(exact):
    one, two = answers(compare([exact(BEST), exact(BEST, data="mnist")]))

    assert one.startswith("tanh normalized on shapeset: 20.4")
    assert two.startswith("tanh normalized on mnist: 20.4")


def test_names_have_as_few_settings_as_tell_rows_apart(exact):
    runs = [exact(BEST, lr=lr, width=width) for lr, width in ((0.1, 8), (0.2, 8), (0.3, 9))]
    runs.append(exact(FAR, act="sigmoid", lr=0.3, residual=True, coding="0,1"))
    told = names(compare(runs).sections[0])

    assert sorted(told) == [
        "sigmoid normalized",
        "tanh normalized, lr 0.1",
        "tanh normalized, lr 0.2",
        "tanh normalized, lr 0.3",
    ]


def test_forty_rows_have_an_answer_of_two_sentences(exact):
    rng = np.random.default_rng(0)
    runs = [exact(0.2 + 0.01 * i + rng.normal(0, 0.01, 5), width=8 + i) for i in range(40)]
    text = said(runs)

    assert len(text) < 250
    assert text.count(". ") == 1
    assert " of 39 others are significantly worse" in text


@pytest.mark.parametrize("format", list(Format))
def test_every_format_has_the_answer_first(exact, format):
    page = comparison_page(compare([exact(BEST), exact(FAR, init="standard")]))
    text = format_page(page, format)
    answer = " ".join(answers(compare([exact(BEST), exact(FAR, init="standard")])))

    if format not in (Format.CSV, Format.JSON):
        plain = " ".join(text.split()).replace("$\\pm$", "±").replace("\\", "")
        assert 0 <= plain.find("Best: tanh normalized, 20.4 ±") < 60
    assert page.data["answer"] == answer


def test_a_table_of_one_row_explains_no_marks_that_it_lacks(exact):
    """`--top 1` once explained `*`, `p` and correlations, of which it shows none."""
    comparison = compare(
        [exact(BEST), exact(FAR, init="standard"), exact(NEAR, act="softsign", diverged=(1,))]
    )
    page = comparison_page(comparison, view=View(top=1))

    assert not [note for note in page.notes if note.startswith(("*", "p:", "Corr", "A diverged"))]
    assert page.about == " ".join(answers(comparison))
    assert "2 others" in page.about


def test_rows_that_are_not_the_best_have_no_star_to_be_explained(exact):
    comparison = compare([exact(BEST), exact(FAR, init="standard"), exact(NEAR, act="softsign")])
    page = comparison_page(comparison, view=View(top=2, sort="-test_error"))

    assert any(note.startswith("Δ best: percentage points above the lowest mean") for note in page.notes)


@pytest.mark.parametrize("rates", [(0.03, 0.030000001), (1 / 3, 1 / 3 + 1e-15)])
def test_settings_that_differ_never_read_alike(exact, rates):
    page = comparison_page(compare([exact(BEST, lr=rates[0]), exact(FAR, lr=rates[1])]), view=View())
    (table,) = page.tables
    column = [each.title for each in table.columns].index("lr")

    assert len({row[column] for row in table.texts}) == 2


def test_that_some_were_trained_longer_is_said_at_any_width(exact):
    runs = [exact(BEST, updates=20_000), exact(FAR, init="standard", updates=1_000)]
    told = "Trained for 1,000 to 20,000 updates: the longer may be better for that alone."

    assert told in comparison_page(compare(runs), view=View()).notes
    assert told not in comparison_page(compare([runs[0], exact(FAR, init="standard")]), view=View()).notes
