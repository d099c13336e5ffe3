import numpy as np
import pytest

from xavier_cli.figures.braille import GUTTER, HEIGHT, TextLine, legend_text, plot_text
from xavier_cli.figures.catalogue import KINDS
from xavier_cli.figures.draw import draw_text
from xavier_cli.figures.request import PlotRequest, UnsuitableRunError

IN_TERMINAL = [kind for kind in KINDS.values() if kind.term]


@pytest.mark.parametrize("width", [40, 80])
@pytest.mark.parametrize("ascii_only", [True, False])
@pytest.mark.parametrize("kind", IN_TERMINAL, ids=lambda kind: kind.name)
def test_a_figure_keeps_to_the_width_and_to_ascii(small_run, kind, width, ascii_only):
    runs = [small_run(act="sigmoid", depth=2, updates=1000), small_run(depth=3)]

    text, notes = draw_text(kind, runs, PlotRequest(), width, ascii_only)

    assert notes == []
    assert max(map(len, text.splitlines())) <= width
    plot = [row for row in text.splitlines() if row[GUTTER - 1 : GUTTER] in ("|", "│")]
    assert len(plot) % HEIGHT == 0
    assert "".join(plot).isascii() == ascii_only


def test_a_rising_line_rises_and_its_ends_are_the_axis():
    x = np.linspace(0, 100, 11)

    rows = plot_text([TextLine("a", x, x)], "title", 49, ascii_only=True)

    columns = [row[GUTTER:].find("1") for row in rows[1 : HEIGHT + 1] if "1" in row[GUTTER:]]
    assert rows[0] == "title"
    assert columns == sorted(columns, reverse=True)
    assert rows[1].split("|")[0].strip() == "100"
    assert rows[HEIGHT].split("|")[0].strip() == "0"
    assert rows[HEIGHT].split("|")[1].startswith("1")
    assert rows[-1].split() == ["0", "25", "50", "100", "updates"]


def test_braille_dots_stand_where_the_line_is():
    rows = plot_text([TextLine("a", np.array([0.0, 1.0]), np.array([5.0, 5.0]))], "", 29)

    drawn = [row[GUTTER:] for row in rows[1 : HEIGHT + 1]]
    assert [bool(row.strip()) for row in drawn] == [i == HEIGHT // 2 for i in range(HEIGHT)]


def test_a_gap_stays_a_gap_and_a_line_of_nothing_is_no_error():
    nothing = TextLine("b", np.array([0.0, 1.0]), np.full(2, np.nan))
    late = TextLine("a", np.array([0.0, 5.0, 10.0]), np.array([np.nan, 1.0, 2.0]))

    rows = plot_text([late, nothing], "", 29, ascii_only=True)

    assert all("1" not in row[GUTTER : GUTTER + 9] for row in rows[1 : HEIGHT + 1])


def test_a_legend_breaks_between_names():
    assert legend_text(["one", "two", "three"], 14) == ["1 one   2 two", "3 three"]


def test_what_is_not_drawn_in_a_terminal_says_what_is(small_run):
    with pytest.raises(UnsuitableRunError, match="`jacobian` is not drawn in a terminal; `saturation`"):
        draw_text(KINDS["jacobian"], [small_run()], PlotRequest(), 80, False)


@pytest.mark.parametrize(
    ("low", "high", "ticks"),
    [
        (24.9, 83.3, ["100", "75", "50", "25", "0"]),
        (0.0, 0.0137, ["0.015", "0.01", "0.005", "0"]),
        (-3, 3, ["4", "2", "0", "-2", "-4"]),
    ],
)
def test_numbers_on_an_axis_are_round(low, high, ticks):
    x = np.array([0.0, 100.0])

    rows = plot_text([TextLine("a", x, np.array([low, high]))], "", 60)

    shown = [number for row in rows[1 : HEIGHT + 1] if (number := row[: GUTTER - 2].strip())]
    assert shown == ticks


def test_too_many_lines_say_what_to_type(small_run):
    runs = [small_run(lr=0.01 * (i + 1), depth=1, only={"curves"}, jacobian=False) for i in range(36)]

    with pytest.raises(
        UnsuitableRunError, match=r"36 lines .* `--where act=tanh`, or split them with `--facet"
    ):
        draw_text(KINDS["curves"], runs, PlotRequest(), 80, False)
