"""What a notebook and an interpreter show of runs and comparisons."""

import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest

from xavier_cli import compare
from xavier_cli.findings.comparison import compare as compare_experiments
from xavier_cli.library.display import MOST_ROWS
from xavier_cli.views.comparison import comparison_page
from xavier_cli.views.training import result_page


class Tags(HTMLParser):
    """Collects tags, and checks that they are closed."""

    def __init__(self, text):
        super().__init__()
        self.seen, self.open, self.text = set(), [], []
        self.feed(text)
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        self.seen.add(tag)
        self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text.append(data)


@pytest.fixture
def both(make):
    spread = {"seeds": 5, "spread": 0.01}
    return [make(init="standard", final_error=0.5, **spread), make(final_error=0.2, **spread)]


def test_a_run_is_one_line_of_text(make):
    run = make(seeds=5, final_error=0.25)
    assert re.fullmatch(
        r"<Run shapeset tanh normalized, 3×8, lr 0\.03: 5 seeds, 1,000 updates, test error 2\d\.\d ± .* %>",
        repr(run),
    )
    lost = replace(make(seeds=3, diverged=(0,)), path=Path("a\x1b[31m.h5"))
    assert "1 of 3 seeds diverged" in repr(lost)
    assert "\x1b" not in repr(lost)
    assert "test error" not in repr(make(seeds=1, updates=0))
    assert repr(replace(run, arrays={name: run[name] for name in ("seed", "update")})).startswith("<Run ")


def test_a_run_s_html_is_what_train_prints_escaped_and_small(make):
    run = replace(make(seeds=5), path=Path("<script>alert(1)</script>.h5"))
    html = run._repr_html_()
    found = Tags(html)

    assert found.seen <= {"div", "b", "table", "thead", "tbody", "tr", "th", "td", "ul", "li", "p"}
    assert "<script" not in html
    assert len(html) < 10_000
    text = " ".join(found.text)
    for table in result_page(run, run.path).tables:
        assert all(cell.strip() in text for row in table.texts for cell in row)


def test_an_untrained_run_shows_what_probe_prints(make):
    html = make(seeds=2, updates=0)._repr_html_()

    assert "at initialization" in html
    assert "predicted" in html


def test_a_comparison_shows_rows_p_values_and_the_best(both):
    ours = compare(both)
    page = comparison_page(compare_experiments(both))
    text, html = repr(ours), ours._repr_html_()

    assert isinstance(text, str)
    lines = text.splitlines()
    assert lines[0].startswith("Best: tanh normalized, ")
    assert lines[2] == "shapeset"
    (best,) = (line for line in lines if line.startswith("*"))
    assert "normalized" in best
    assert "< .0001" in text
    shown = Tags(html)
    for table in page.tables:
        for row in table.without_pictures().texts:
            assert all(cell.strip() in text for cell in row)
            assert all(cell.strip() in " ".join(shown.text) for cell in row)
    assert all(note in " ".join(shown.text) for note in page.notes)
    assert ours.best.settings["init"] == "normalized"
    assert [np.isnan(row.verdict.p) for row in ours.rows] == [True, False]


def test_many_rows_are_cut_and_it_says_so(make):
    ours = compare(
        [make(seeds=2, lr=0.001 * (i + 1), final_error=0.2 + i / 200) for i in range(MOST_ROWS + 2)]
    )

    assert "2 more rows: `to_dataframe()` has all" in repr(ours)
    assert "2 more rows" in ours._repr_html_()
    assert len(repr(ours).splitlines()) == MOST_ROWS + 6


def test_a_comparison_of_nothing_trained_says_so(make):
    ours = compare([make(seeds=2, updates=0)])

    assert "none of these runs was trained" in repr(ours)
    assert "None of these runs was trained" in ours._repr_html_()
    with pytest.raises(ValueError, match="none of these runs is complete"):
        _ = ours.best


def test_two_data_sets_have_no_best_of_both(make):
    ours = compare([make(seeds=2), make(seeds=2, data="mnist")])

    with pytest.raises(ValueError, match="2 data sets have a best row each"):
        _ = ours.best
    assert len(ours.rows) == 2
