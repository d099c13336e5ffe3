"""Options of a figure's page: what they do, and what is refused."""

from itertools import pairwise

import numpy as np
import pytest

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

    (ax,) = figure.axes
    boxes = [text.get_window_extent() for text in ax.get_xticklabels() if text.get_text()]
    low, high = ax.get_window_extent().x0 - 5, ax.get_window_extent().x1 + 5
    shown = sorted((box.x0, box.x1) for box in boxes if low < (box.x0 + box.x1) / 2 < high)
    assert len(shown) >= 2
    assert all(one[1] <= other[0] for one, other in pairwise(shown))


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
