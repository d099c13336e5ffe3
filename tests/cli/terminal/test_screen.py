"""Whatever a table holds and however narrow the screen is, numbers and words are shown whole."""

import random
import re

import pytest

from xavier_cli.cli.terminal.screen import NARROWEST_SCREEN, format_screen
from xavier_cli.runs.deviation import Deviation
from xavier_cli.views.deviations import differences_table
from xavier_cli.views.page import Cell, Column, Page, Table

DIGEST = "3f0c9a7b" * 8
LONG_NAME = "shapeset-tanh-normalized-d5w1000-lr0.03-055a2625.weights.npz"


def on_screen(table, width, notes=()):
    return format_screen(Page("xavier.test/1", {}, [], (table,), tuple(notes)), width)


def joined(text):
    """The text without spaces and line ends, so that what was folded is found in one piece."""
    return re.sub(r"\s", "", text)


def some_table(draw):
    """A table with any mixture of kinds of columns, and the numbers of each column."""
    columns, cells, count = [], [], draw.randint(1, 4)
    for index in range(draw.randint(1, 8)):
        title = " ".join(draw.choices(["largest", "relative", "error", "%", "p", "in"], k=draw.randint(1, 3)))
        title += f" t{index}"
        kind = draw.choice(["number", "number", "text", "wraps", "moves", "optional", "fold"])
        numbers = [f"{draw.choice('123456789')}.{draw.randint(100, 999)}e+0{index}" for _ in range(count)]
        if kind in ("wraps", "moves"):
            words = [
                " ".join(draw.choices(["tanh", LONG_NAME[:30], DIGEST, "0-4", number], k=3))
                for number in numbers
            ]
            columns.append(Column(title, wraps=True, moves=kind == "moves"))
            cells.append([f"{text} {number}" for text, number in zip(words, numbers, strict=True)])
        elif kind == "fold":
            columns.append(Column(title, fold="run", optional=0))
            cells.append([Cell(number, phrase=f"w {number}") for number in numbers])
        else:
            optional = draw.randint(1, 3) if kind == "optional" else 0
            columns.append(Column(title, draw.choice(["left", "right"]), optional=optional))
            cells.append(numbers)
    best = draw.choice([None, frozenset(), frozenset({0})])
    return Table(tuple(columns), tuple(zip(*cells, strict=True)), best=best)


@pytest.mark.parametrize("seed", range(150))
def test_no_layout_cuts_a_number_or_drops_a_column_without_saying_so(seed):
    draw = random.Random(seed)
    table, width = some_table(draw), draw.choice([20, 24, 40, 60, 80, 100, 120])
    text = on_screen(table, width)
    pieces, _, left_out = text.partition("Not shown at")

    assert max(map(len, text.splitlines())) <= max(width, NARROWEST_SCREEN)
    for index, column in enumerate(table.columns):
        if joined(column.title) in joined(left_out):
            continue
        for cell in (row[index] for row in table.texts):
            for number in re.findall(r"\d\.\d{3}e\+\d\d", cell):
                is_label = column.fold and "…" in pieces
                assert is_label or re.search(rf"(?<!\S){re.escape(number)}(?![^\s;])", pieces), (number, text)


@pytest.mark.parametrize("width", range(20, 130, 5))
def test_long_words_are_folded_whole(width):
    rows = (("weights", f"sha {'q' * 64}", "z" * 60), ("in", "0.099", "4.6e+03"))
    table = Table((Column("from"), Column("A", wraps=True), Column("B", wraps=True)), rows)
    text = on_screen(table, width, ["j" * 90])

    assert [text.count(letter) for letter in "qzj…"] == [64, 60, 90, 0]
    assert {"0.099", "4.6e+03"} <= set(text.split())


@pytest.mark.parametrize("width", range(20, 130, 5))
def test_differences_are_right_at_any_width(width):
    found = [
        Deviation(
            group="weights",
            arrays=12,
            same_bits=False,
            relative=0.78,
            absolute=0.099,
            worst="weights/records_of_" + "geometric_mean" * 3,
            worst_absolute=0.099,
        )
    ]
    text = on_screen(differences_table(found, "numbers"), width)

    assert {"0.099", "absolute"} <= set(text.split())
