"""At any width the rows of a table stay distinguishable; what tells nothing apart gives way first."""

import random
import re

import pytest

from xavier_cli.cli.terminal.screen import format_screen
from xavier_cli.views.page import Cell, Column, Page, Table

WIDTHS = (30, 36, 40, 48, 60, 72, 80, 100, 120, 200)


def on_screen(table, width):
    return format_screen(Page("xavier.test/1", {}, [], (table,)), width)


def setting(name, value):
    return Cell(str(value), phrase=str(value) if name in ("act", "init") else f"{name} {value}")


def experiments(rows, best=frozenset({0}), moves=False):
    """A table like that of `compare`, or with `moves` like that of a sweep, with `rows` of settings."""
    names = list(rows[0])
    columns = [Column(name, fold="experiment") for name in names]
    columns += [Column("N", "right", optional=2), Column("diverged", "right")]
    columns += [Column("valid error %", "right", optional=1), Column("test error %")]
    columns += [Column("Δ best", optional=4), Column("p", optional=3)]
    columns += [Column("file", moves=True)] * moves
    cells = [
        (
            *(setting(name, value) for name, value in row.items()),
            *("5", "1" * (not at), "51.5", f"{at}.25 ± 0.8", "+2.6 [0.6, 4.5]", ".0074"),
            *[f"{at}.h5"] * moves,
        )
        for at, row in enumerate(rows)
    ]
    return Table(tuple(columns), tuple(cells), best=best)


def shown_rows(text, count):
    """What stands of each row on its lines; rows are told from one another by their unlike errors."""
    table = text.partition("Not shown at")[0]
    heads = [re.search(rf"(?<![\d.]){at}\.25\b", table) for at in range(count)]
    assert all(heads), text
    starts = [table.rindex("\n", 0, head.start()) for head in heads]
    # A list per row has its settings above the error.
    if "\nact " in table or table.startswith("act "):
        return [part for part in re.split(r"\n *\n", table) if ".25" in part]
    return [table[a:b] for a, b in zip(starts, [*starts[1:], len(table)], strict=True)]


def without_errors(row):
    return " ".join(re.sub(r"\d+\.25 ± 0.8|\d+\.h5|[*]", "", row).split())


def drawn_rows(draw, count):
    rows = {}
    while len(rows) < count:
        row = {
            "act": draw.choice(["tanh", "softsign", "sigmoid"]),
            "init": draw.choice(["normalized", "standard", "lecun_normal"]),
            "depth": draw.choice([4, 5, 30]),
            "lr": draw.choice([0.01, 0.03]),
            "updates": draw.choice(["30,000", "100,000"]),
            "pretrain": draw.choice(["none", "dae"]),
            "weight_decay": draw.choice([0, 0.00025]),
        }
        rows[tuple(row.values())] = row
    return list(rows.values())


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize(("count", "moves"), [(1, False), (6, False), (6, True), (40, False), (40, True)])
def test_rows_that_differ_look_different(width, count, moves):
    draw = random.Random(count + width)
    rows = drawn_rows(draw, count)
    text = on_screen(experiments(rows, moves=moves), width)
    said = [without_errors(row) for row in shown_rows(text, count)]

    assert len(said) == count
    assert len({*said}) == count, text
    assert max(map(len, text.splitlines())) <= width


def test_only_what_tells_rows_apart_is_in_a_narrow_label():
    normalized = {"act": "tanh", "init": "normalized", "depth": 5, "lr": 0.03, "updates": "100,000"}
    standard = {**normalized, "init": "standard", "lr": 0.1, "updates": "30,000"}
    rows = [
        {**normalized, "pretrain": "dae"},
        {**normalized, "pretrain": "none"},
        {**standard, "pretrain": "none"},
        {**standard, "depth": 4, "pretrain": "none"},
    ]
    text = on_screen(experiments(rows), 90)

    assert [line[3:32].rstrip() for line in text.splitlines()[1:5]] == [
        "tanh normalized pretrain dae",
        "tanh normalized pretrain none",
        "tanh standard depth 5",
        "tanh standard depth 4",
    ]
    below = " ".join(text.partition("Not shown at 90 columns: ")[2].split())
    assert below == (
        "lr, updates, valid error % (51.5 in each row); "
        "depth, pretrain of rows that differ in other settings."
    )


def test_what_gave_way_comes_back_where_there_is_room():
    rows = [{"act": "tanh", "init": "normalized", "depth": depth} for depth in (4, 5)]
    head = on_screen(experiments(rows), 60).splitlines()[0]

    # `N` is narrow: it has room where `valid error %` and `Δ best` have none.
    assert head.split() == ["experiment", "N", "diverged", "test", "error", "%", "p"]


def test_a_setting_and_its_value_stay_together_where_a_label_is_wrapped():
    rows = drawn_rows(random.Random(1), 12)
    text = on_screen(experiments(rows), 48)

    assert not re.search(r"\b(depth|lr|updates|pretrain)$", text.partition("Not shown")[0], re.M), text


@pytest.mark.parametrize("width", [20, 24, *WIDTHS])
@pytest.mark.parametrize("count", [1, 6, 40])
def test_a_table_that_continues_shows_all_its_columns(width, count):
    rows = [("act", *["tanh"] * count), ("test error %", *(f"{at}.25 ± 0.8" for at in range(count)))]
    columns = (Column(""), *(Column(f"#{at}") for at in range(count)))
    text = on_screen(Table(columns, tuple(rows), continues=True), width)
    lines = text.splitlines()

    assert max(map(len, lines)) <= width
    heads, errors = ([line for line in lines if line.startswith(start)] for start in (" ", "test error %"))
    if width > 24:
        # As many parts of both, and under each head its own number.
        assert len(heads) == len(errors) == sum(line.startswith("act") for line in lines)
        assert " ".join(heads).split() == [f"#{at}" for at in range(count)]
        for head, error in zip(heads, errors, strict=True):
            for match in re.finditer(r"#(\d+)", head):
                assert error[match.start() :].startswith(f"{match[1]}.25 ± 0.8")
    for at in range(count):
        assert f"{at}.25 ± 0.8" in text
