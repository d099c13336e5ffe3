from dataclasses import replace

import numpy as np
import pytest

from xavier_cli.figures.by_layer import styles_of
from xavier_cli.figures.catalogue import KINDS
from xavier_cli.figures.draw import draw
from xavier_cli.figures.histogram_data import evenly, histogram
from xavier_cli.figures.histograms import plot_histogram
from xavier_cli.figures.request import PlotRequest, UnsuitableRunError


@pytest.mark.parametrize("tensor", ["activation", "backprop", "weight_gradient"])
def test_densities_are_counts_over_total_and_width(small_run, ax, line_of, tensor):
    run = small_run()
    data = histogram(run, tensor, PlotRequest(record="last"))

    plot_histogram(ax, data, list(styles_of([data.layers]).values()))

    counts = run[f"{tensor}/histogram"][:, -1, 2].astype(float)
    width = np.diff(run[f"{tensor}/bin_edge"])
    expected = (counts / counts.sum(axis=1, keepdims=True) / width).mean(axis=0)
    np.testing.assert_allclose(line_of(ax, "layer 3").get_ydata(), expected)
    np.testing.assert_allclose(line_of(ax, "layer 3").get_xdata(), run[f"{tensor}/bin"])
    assert np.sum(expected * width) == pytest.approx(1)


def test_any_record_is_drawn(small_run, text_of):
    run = small_run()

    figures = [
        draw(KINDS["activations"], [run], PlotRequest(record=record)).figure
        for record in (None, "250", "last")
    ]

    assert "before the first update" in text_of(figures[0])
    assert "after 250 updates" in text_of(figures[1])
    assert "after 1,000 updates" in text_of(figures[2])


def test_the_output_layer_is_drawn_on_request(small_run):
    chosen = PlotRequest(layers=(6,))

    figure = draw(KINDS["weight-gradients"], [small_run()], chosen).figure

    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["layer 6"]


def test_runs_and_layers_share_one_axis(small_run, line_of):
    runs = [small_run(init=init) for init in ("standard", "normalized")]

    figure = draw(KINDS["activations"], runs, PlotRequest(layers=(1, 3), together=True)).figure

    (ax,) = figure.axes
    labels = [label for line in ax.get_lines() if not (label := line.get_label()).startswith("_")]
    assert labels == [
        "standard, layer 1",
        "standard, layer 3",
        "normalized, layer 1",
        "normalized, layer 3",
    ]
    keys = [text.get_text() for text in figure.legends[0].get_texts()]
    assert sorted(keys) == ["layer 1", "layer 3", "normalized", "predicted std", "standard"]


def test_other_ranges_do_not_share_an_axis(small_run):
    runs = [small_run(act=act) for act in ("sigmoid", "tanh")]

    with pytest.raises(
        UnsuitableRunError, match=r"cannot share an axis: sigmoid lies in \[0, 1\], tanh in \[-1, 1\]"
    ):
        draw(KINDS["activations"], runs, PlotRequest(together=True))

    first, second = draw(KINDS["activations"], runs).figure.axes
    assert (first.get_xlim(), second.get_xlim()) == ((0, 1), (-1, 1))


def test_logarithmic_bins_are_drawn_in_even_ones_that_hold_the_same_values():
    magnitudes = np.logspace(-10, 4, 141)
    edges = np.concatenate([-magnitudes[::-1], magnitudes])
    drawn = np.random.default_rng(0).normal(0, 0.01, 200_000)
    share = np.histogram(drawn, edges)[0][None, :, None] / len(drawn)
    even, told = evenly(edges, share)
    density = told[0, :, 0] / np.diff(even)
    centres = (even[1:] + even[:-1]) / 2
    normal = np.exp(-((centres / 0.01) ** 2) / 2) / (0.01 * np.sqrt(2 * np.pi))

    assert np.allclose(np.diff(even), np.diff(even)[0])
    assert 0.99 < told.sum() <= 1
    # Logarithmic bins are a quarter as wide as they are far from 0: the shape is kept to that.
    assert np.abs(density - normal).max() < 0.15 * normal.max()


def _rectified(run, zeros, scale):
    """`run` with activations of a rectifier: a share of zeros, the others up to `scale` or so."""
    magnitudes = np.logspace(-10, 4, 141)
    edges = np.concatenate([-magnitudes[::-1], magnitudes])
    drawn = np.abs(np.random.default_rng(0).normal(0, scale, 10_000))
    drawn[: round(zeros * len(drawn))] = 0
    counts = np.histogram(drawn, edges)[0]
    shape = (*run["activation/histogram"].shape[:-1], len(counts))
    arrays = {
        "activation/histogram": np.broadcast_to(counts, shape),
        "activation/bin_edge": edges,
        "activation/bin": (edges[1:] + edges[:-1]) / 2,
    }
    return replace(run, arrays={**run.arrays, **arrays})


def test_zeros_of_rectifiers_stand_beside_the_rest_and_panels_share_an_axis(small_run, text_of):
    runs = [
        _rectified(small_run(act="relu", init="standard", depth=2), 0.5, 1.0),
        _rectified(small_run(act="relu", init="normalized", depth=2), 0.25, 3.0),
    ]

    figure = draw(KINDS["activations"], runs).figure

    shown = [[text.get_text() for text in ax.get_legend().get_texts()] for ax in figure.axes]
    assert shown == [["layer 1: 50 %", "layer 2: 50 %"], ["layer 1: 25 %", "layer 2: 25 %"]]
    assert len({(ax.get_xlim(), ax.get_ylim()) for ax in figure.axes}) == 1
    assert figure.axes[0].get_xlim()[0] == 0
    # What is drawn is the rest: half of the values of the first run.
    line = next(line for line in figure.axes[0].get_lines() if line.get_label() == "layer 1")
    assert np.trapezoid(line.get_ydata(), line.get_xdata()) == pytest.approx(0.5, abs=0.1)
    assert "Zeros (less than 1e-10) are left out" in text_of(figure)
    assert "Axis ranges differ" not in text_of(figure)


def test_where_ranges_differ_the_caption_says_so(small_run, text_of):
    runs = [small_run(act=act) for act in ("sigmoid", "tanh")]

    assert "Axis ranges differ between panels." in text_of(draw(KINDS["activations"], runs).figure)
