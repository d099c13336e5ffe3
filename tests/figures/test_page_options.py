"""Options of a figure's page: what they do, and what is refused."""

import re
from itertools import pairwise

import numpy as np
import pytest
from matplotlib.colors import to_rgb

from xavier_cli.figures.catalogue import KINDS
from xavier_cli.figures.draw import draw
from xavier_cli.figures.page_options import PageOptions, parse_limits, parse_size
from xavier_cli.figures.request import PlotRequest, UnsuitableRunError


def _drawn(run, kind="curves", **options):
    return draw(KINDS[kind], [run], PlotRequest(page=PageOptions(**options))).figure


@pytest.mark.parametrize(
    ("text", "size"), [("column", (3.4, None)), ("page", (6.9, None)), ("6", (6, None)), ("6x4.5", (6, 4.5))]
)
def test_a_size_is_a_word_or_inches(text, size):
    assert parse_size(text) == size


@pytest.mark.parametrize("text", ["wide", "0", "6x", "6x400", "-3", ""])
def test_other_sizes_are_refused(text):
    with pytest.raises(ValueError, match="should be"):
        parse_size(text)


def test_limits_may_be_open_at_one_end():
    assert [parse_limits(text) for text in ("0:50", "10:", ":1e-3")] == [(0, 50), (10, None), (None, 1e-3)]


@pytest.mark.parametrize("text", [":", "50", "5:5", "9:1", "a:b", "nan:1", "0:inf"])
def test_other_limits_are_refused(text):
    with pytest.raises(ValueError, match="should"):
        parse_limits(text)


def test_a_page_has_the_size_resolution_and_title_that_are_asked_for(small_run):
    figure = _drawn(small_run(), width=5.0, height=4.0, dpi=72, title="A title", has_caption=False)

    assert tuple(figure.get_size_inches()) == (5, 4)
    assert figure.dpi == 72
    assert [text.get_text() for text in figure.texts] == ["A title"]


def test_a_page_too_low_for_its_panels_says_how_high_it_has_to_be(small_run):
    with pytest.raises(UnsuitableRunError, match=r"--size: 1.5 inches are too low .* at least 1\.9"):
        _drawn(small_run(), "saturation", width=6.0, height=1.5)


def test_axes_are_as_asked_for(small_run):
    (ax,) = _drawn(small_run(), log_x=True, log_y=True, y_limits=(20.0, None)).axes

    assert (ax.get_xscale(), ax.get_yscale()) == ("symlog", "log")
    assert ax.get_ylim()[0] == 20
    with pytest.raises(UnsuitableRunError, match="give both ends"):
        _drawn(small_run(), y_limits=(1000.0, None))
    with pytest.raises(UnsuitableRunError, match="`samples` does not take `--logy`"):
        draw(KINDS["samples"], [], PlotRequest(page=PageOptions(log_y=True)))


def test_a_style_is_a_name_or_a_file_and_changes_colours(small_run, tmp_path):
    sheet = tmp_path / "mine.mplstyle"
    sheet.write_text("axes.prop_cycle: cycler('color', ['ff0000'])\nbackend: agg  # is no look\n")

    (line,) = [
        line
        for line in _drawn(small_run(), style=str(sheet)).axes[0].get_lines()
        if len(line.get_xdata()) > 2
    ]
    assert line.get_color() == "#ff0000"
    dark = _drawn(small_run(), style="dark_background")
    assert np.allclose(dark.get_facecolor(), (0, 0, 0, 1))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "unknown style `mine.mplstyle`"),
        ("lines.widht: 3\n", "`lines.widht` is no setting of matplotlib's"),
        ("lines.linewidth: wide\n", "is no style sheet"),
        ("font.size: nan\n", "font.size should be a number"),
        ("xtick.major.size: 1e9\n", "xtick.major.size should be a number"),
        ("axes.prop_cycle: cycler('color', [])\n", "nothing can be drawn with `mine.mplstyle`"),
        ("axes.xmargin: -0.6\n", "mine.mplstyle`"),
        ("no sheet at all\n", "`no sheet at all` is no setting"),
    ],
)
def test_what_is_no_style_is_refused_in_one_line(small_run, tmp_path, monkeypatch, content, message):
    monkeypatch.chdir(tmp_path)
    if content is not None:
        (tmp_path / "mine.mplstyle").write_text(content)

    with pytest.raises(UnsuitableRunError) as error:
        _drawn(small_run(), style="mine.mplstyle")
    assert message in str(error.value)
    assert "\n" not in str(error.value)


def test_numbers_on_a_narrow_axis_do_not_overlap(small_run):
    figure = draw(
        KINDS["curves"],
        [small_run(act=act, updates=100_000) for act in ("tanh", "softsign")],
        PlotRequest(page=PageOptions(width=1.8)),
    ).figure

    assert _numbers_apart(figure.axes[0]) >= 2


def _numbers_apart(ax):
    """How many numbers are along x, none of which overlaps another."""
    boxes = [text.get_window_extent() for text in ax.get_xticklabels() if text.get_text()]
    low, high = ax.get_window_extent().x0 - 5, ax.get_window_extent().x1 + 5
    shown = sorted((box.x0, box.x1) for box in boxes if low < (box.x0 + box.x1) / 2 < high)
    assert all(one[1] <= other[0] for one, other in pairwise(shown))
    return len(shown)


@pytest.mark.parametrize("width", [1.8, 3.4, 6.9])
@pytest.mark.parametrize("updates", [1_000, 100_000])
def test_numbers_on_a_logarithmic_axis_do_not_overlap(small_run, width, updates):
    runs = [small_run(act=act, updates=updates, records=20) for act in ("tanh", "softsign")]
    figure = draw(KINDS["curves"], runs, PlotRequest(page=PageOptions(width=width, log_x=True))).figure

    assert _numbers_apart(figure.axes[0]) >= 2
    assert "0" in [text.get_text() for text in figure.axes[0].get_xticklabels()]


def test_beside_narrow_panels_the_legend_names_chance_level(small_run):
    runs = [small_run(init=init) for init in ("standard", "normalized")]

    def drawn(**size):
        chosen = PlotRequest.of(facet="init", metric="test_error,train_loss", **size)
        figure = draw(KINDS["curves"], runs, chosen).figure
        beside = [text for ax in figure.axes for text in ax.texts if "chance level" in text.get_text()]
        named = [text.get_text() for legend in figure.legends for text in legend.get_texts()]
        return figure, len(beside), [name for name in named if "chance level" in name]

    narrow, beside, named = drawn(size="column")
    assert (beside, len(named)) == (0, 1)
    assert named[0].endswith(" %")
    # Each panel has most of its half of the page.
    assert all(ax.get_position().width > 0.35 for ax in narrow.axes)
    assert all(_numbers_apart(ax) >= 3 for ax in narrow.axes[2:])
    assert drawn(size="page")[1:] == (2, [])


def _difference(one, other):
    return abs(np.mean(to_rgb(one)) - np.mean(to_rgb(other)))


@pytest.mark.parametrize("style", ["", "dark_background"])
def test_what_is_less_than_text_can_be_read_on_any_ground(small_run, style):
    figure = _drawn(small_run(), style=style)
    (ax,) = figure.axes
    (label,) = [text for text in ax.texts if "chance level" in text.get_text()]
    levels = [line for line in ax.get_lines() if list(line.get_xdata()) == [0, 1]]
    (grid,) = {line.get_color() for line in ax.get_xgridlines()}

    for shown in (label, *levels):
        assert _difference(shown.get_color(), figure.get_facecolor()) > 0.5
    assert len(levels) == 1
    assert _difference(grid, ax.get_facecolor()) < 0.2


def test_lines_in_the_background_are_near_the_ground_of_any_style(small_run):
    runs = [small_run(depth=depth) for depth in range(1, 13)]
    figure = draw(KINDS["curves"], runs, PlotRequest.of(style="dark_background")).figure
    colours = [line.get_color() for line in figure.axes[0].get_lines() if len(line.get_xdata()) > 2]

    assert sum(_difference(colour, "black") < 0.3 for colour in colours) == 7
    assert len(colours) == 12


@pytest.mark.parametrize(
    ("options", "hint"),
    [
        ({"ylim": "0:1"}, r"--ylim shows no data: .* \(test error, %\); y is in percent"),
        ({"ylim": "99:100"}, r"--ylim shows no data: .* y is in percent"),
        (
            {"ylim": "5:70", "metric": "test_error,train_loss"},
            r"no data in 1 of 2 panels: .* \(training loss\)$",
        ),
    ],
)
def test_limits_that_leave_no_data_in_sight_are_told(small_run, options, hint):
    (told,) = draw(KINDS["curves"], [small_run()], PlotRequest.of(**options)).hints
    assert re.search(hint, told)


@pytest.mark.parametrize("options", [{}, {"ylim": "0:100"}, {"ylim": "80:"}, {"ylim": "40:60"}])
def test_limits_with_data_in_sight_are_not(small_run, options):
    assert draw(KINDS["curves"], [small_run()], PlotRequest.of(**options)).hints == ()


def test_a_long_label_loses_its_middle_and_says_so(small_run):
    runs = [
        small_run(
            act="leaky_relu:slope=0.2",
            init=init,
            optimizer=f"momentum:0.9{i}",
            lr=0.01 * (i + 1),
            depth=i + 2,
        )
        for i, init in enumerate(("variance_scaling:scale=1.23,distribution=normal", "normalized"))
    ]

    figure = draw(KINDS["curves"], runs, PlotRequest(page=PageOptions(width=2.0))).figure

    named = [text.get_text() for text in figure.legends[0].get_texts()]
    assert all("…" in name for name in named[:1])
    width, box = figure.bbox.width, figure.legends[0].get_window_extent()
    assert box.x1 <= width + 1


def test_a_figure_of_too_many_pixels_is_refused_before_it_is_drawn(small_run):
    with pytest.raises(UnsuitableRunError, match="million pixels"):
        _drawn(small_run(), width=40, height=40, dpi=1200)
