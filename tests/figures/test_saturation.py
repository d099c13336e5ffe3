from dataclasses import replace

import numpy as np
import pytest
from matplotlib.collections import PolyCollection

from xavier_cli.figures.captions import saturation_rule
from xavier_cli.figures.catalogue import KINDS
from xavier_cli.figures.draw import draw
from xavier_cli.figures.request import PlotRequest, UnsuitableRunError
from xavier_cli.figures.saturation import plot_saturation, saturation


def test_tanh_is_drawn_by_its_98th_percentile_and_std(small_run, ax, line_of):
    run = small_run(act="tanh")

    plot_saturation(ax, saturation(run, PlotRequest()))

    std, high = line_of(ax, "layer 2"), line_of(ax, "layer 2, 98th percentile")
    percentile = run["percentile"].tolist().index(98)
    assert std.get_xdata().tolist() == run.updates.tolist()
    np.testing.assert_allclose(std.get_ydata(), run["activation/std"][:, :, 1].mean(axis=0), rtol=1e-6)
    np.testing.assert_allclose(
        high.get_ydata(), run["activation/abs_percentiles"][:, :, 1, percentile].mean(axis=0), rtol=1e-6
    )
    assert high.get_marker() not in ("", "none", None)


def test_sigmoid_is_drawn_by_its_mean_with_bars_of_std(small_run, ax, line_of):
    run = small_run(act="sigmoid", depth=3)

    plot_saturation(ax, saturation(run, PlotRequest()))

    mean, std = run["activation/mean"].mean(axis=0), run["activation/std"].mean(axis=0)
    np.testing.assert_allclose(line_of(ax, "layer 3").get_ydata(), mean[:, 2], rtol=1e-6)
    assert len(ax.containers) == 3
    _, _, (bars,) = ax.containers[0].lines
    at = np.searchsorted(run.updates, bars.get_segments()[0][0, 0])
    np.testing.assert_allclose(
        bars.get_segments()[0][:, 1], [mean[at, 0] - std[at, 0], mean[at, 0] + std[at, 0]], rtol=1e-5
    )


def test_bands_lie_between_the_ends_of_the_interval(small_run, ax):
    data = saturation(small_run(act="sigmoid", depth=1), PlotRequest())

    plot_saturation(ax, data)

    (band,) = (c for c in ax.collections if isinstance(c, PolyCollection))
    y = band.get_paths()[0].vertices[:, 1]
    assert (y.min(), y.max()) == pytest.approx((data.mean.low.min(), data.mean.high.max()))


def test_a_single_seed_has_no_band(small_run, ax):
    plot_saturation(ax, saturation(small_run(seeds=1), PlotRequest()))

    assert not [c for c in ax.collections if isinstance(c, PolyCollection)]


def test_layers_and_seeds_are_chosen(small_run, ax, line_of):
    run = small_run(act="sigmoid")

    plot_saturation(ax, saturation(run, PlotRequest(layers=(2, 5), seeds=(1,))))

    labels = [line.get_label() for line in ax.get_lines() if line.get_label().startswith("layer")]
    assert labels == ["layer 2", "layer 5"]
    np.testing.assert_allclose(line_of(ax, "layer 5").get_ydata(), run["activation/mean"][1, :, 4], rtol=1e-6)


def test_the_saturated_region_is_marked(small_run, ax):
    plot_saturation(ax, saturation(small_run(act="sigmoid"), PlotRequest()))

    levels = {line.get_ydata()[0] for line in ax.get_lines() if len(line.get_xdata()) == 2}
    assert levels == {0.05, 0.95}


def test_bounds_of_saturation_are_the_run_s_own(small_run):
    tanh, sigmoid = small_run(act="tanh"), small_run(act="sigmoid")
    one_sided = replace(sigmoid, arrays={**sigmoid.arrays, "activation/saturated_bound": [-0.95, np.nan]})
    nowhere = replace(sigmoid, arrays={**sigmoid.arrays, "activation/saturated_bound": [np.nan, np.nan]})

    assert saturation_rule([tanh, tanh]) == "Saturated, beyond the dashed line: |z| > 0.9."
    assert "|z| > 0.9 (tanh); z < 0.05 or z > 0.95 (sigmoid)" in saturation_rule([tanh, sigmoid])
    assert saturation_rule([one_sided]) == "Saturated, beyond the dashed line: z < -0.95."
    assert saturation_rule([nowhere]) == "Nowhere saturated: sigmoid."


def test_what_theory_predicts_is_an_open_mark_at_the_start(small_run, ax):
    run = small_run(act="sigmoid")
    plot_saturation(ax, saturation(run, PlotRequest(layers=(3,))))

    (mark,) = (line for line in ax.get_lines() if line.get_label() == "_predicted")
    assert mark.get_xydata().tolist() == [[0, run["theory/activation_mean"][2]]]
    assert mark.get_markerfacecolor() == "none"


def test_the_caption_says_all_that_a_reader_needs(small_run, text_of):
    drawing = draw(KINDS["saturation"], [small_run(act="tanh", init="standard")])

    assert text_of(drawing.figure) == (
        "Activations z on 300 test examples, over updates, by layer. Markers, on dotted lines: 98th "
        "percentile of |z|; solid lines: standard deviation. Saturated, beyond the dashed line: |z| > 0.9. "
        "N = 3 seeds; bands: 95 % CI of the mean. Settings: Shapeset, depth 5, width 12, lr 0.03, batch 10."
    )
    assert [ax.get_title(loc="left") for ax in drawing.figure.axes] == ["tanh standard"]


def test_every_configuration_has_a_panel_whose_title_says_what_differs(small_run, text_of):
    runs = [small_run(act=act) for act in ("tanh", "sigmoid", "softsign")]

    figure = draw(KINDS["saturation"], runs).figure

    assert [ax.get_title(loc="left") for ax in figure.axes] == ["tanh", "sigmoid", "softsign"]
    assert "For sigmoid, lines: mean" in text_of(figure)
    assert "|z| > 0.9 (tanh, softsign); z < 0.05 or z > 0.95 (sigmoid)" in text_of(figure)


def test_diverged_seeds_are_told(small_run, text_of):
    figure = draw(KINDS["saturation"], [small_run(diverged=(1,))]).figure

    assert "Diverged, and left out: 1 of 3 seeds." in text_of(figure)


def test_epochs_are_shown_on_long_runs(small_run):
    (ax,) = draw(KINDS["saturation"], [small_run(updates=2_500_000)]).figure.axes

    assert ax.get_xlabel() == "updates (1 epoch: 20,000)"


def _scaled(run, factor):
    path = "activation/abs_percentiles"
    return replace(run, arrays={**run.arrays, path: run[path] * factor})


def test_panels_of_one_quantity_share_an_axis(small_run, text_of):
    runs = [
        _scaled(small_run(act="relu", init=init), factor)
        for init, factor in (("standard", 1), ("normalized", 4))
    ]

    figure = draw(KINDS["saturation"], runs).figure

    assert len({ax.get_ylim() for ax in figure.axes}) == 1
    assert "Axis ranges differ" not in text_of(figure)
    named = [text.get_text() for text in figure.legends[0].get_texts()]
    assert {"standard deviation", "98th percentile of |z|", "saturated beyond", "predicted by theory"} < set(
        named
    )


def test_an_axis_that_would_flatten_others_is_not_shared_and_the_caption_says_so(small_run, text_of):
    runs = [small_run(act="tanh"), *(_scaled(small_run(act="relu", lr=lr), 9) for lr in (0.1, 0.2))]

    figure = draw(KINDS["saturation"], runs).figure

    tanh, *relu = (ax.get_ylim() for ax in figure.axes)
    assert relu[0] == relu[1] != tanh
    assert "Axis ranges differ between panels." in text_of(figure)


def test_titles_begin_at_one_height_however_long_they_are(small_run):
    runs = [
        small_run(act="tanh"),
        small_run(act="leaky_relu:slope=0.2", lr=0.123, depth=4, optimizer="momentum:0.95"),
    ]

    figure = draw(KINDS["saturation"], runs).figure

    tops = [ax.title.get_window_extent().y1 for ax in figure.axes]
    lines = [ax.get_title(loc="left").count("\n") for ax in figure.axes]
    assert len(set(lines)) == 1
    assert tops[0] == pytest.approx(tops[1], abs=1)


def test_too_many_panels_say_what_to_type(small_run):
    run = small_run(depth=1)

    with pytest.raises(UnsuitableRunError, match=r"40 panels .* `--where act=tanh`"):
        draw(KINDS["saturation"], [run] * 40)
