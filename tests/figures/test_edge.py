"""The edge of chaos: where the marks lie, what the curve is, and which runs are passed over."""

from __future__ import annotations

import jax.numpy as jnp
import numpy as np
import pytest

from xavier_cli.figures.catalogue import KINDS
from xavier_cli.figures.draw import draw
from xavier_cli.figures.edge import travel
from xavier_cli.figures.request import PlotRequest, UnsuitableRunError
from xavier_cli.theory.edge import find_edge


@pytest.fixture
def decaying(small_run):
    """A function that makes a run whose gradients' variance changes by a factor per layer."""

    def make(factor, **settings):
        run = small_run(**{"depth": 8, "act": "tanh", **settings})
        run["backprop/std"][:, 0] = np.sqrt(factor) ** np.arange(8)
        return run

    return make


def init(scale):
    return f"variance_scaling:scale={scale},distribution=normal"


def test_the_depth_is_over_which_variance_changes_by_a_factor_of_e(decaying):
    seen = travel(decaying(np.exp(0.25), init=init(2), bias_init="normal:std=0.3"), PlotRequest())

    assert seen.depth.center == pytest.approx([4.0], rel=1e-5)
    assert seen.weight_scale == pytest.approx(2.0)
    assert seen.bias_variance == pytest.approx(0.09)
    assert travel(decaying(np.exp(-0.5)), PlotRequest()).depth.center == pytest.approx([2.0], rel=1e-5)


def test_marks_are_measured_and_the_curve_is_theorys(decaying):
    runs = [decaying(1.2, init=init(scale), seeds=3) for scale in (0.5, 2.0)]
    (ax,) = draw(KINDS["edge-of-chaos"], runs).figure.axes
    marks = ax.containers[0].lines[0]
    (curve,) = (line for line in ax.get_lines() if line.get_label() == "_predicted")

    assert marks.get_xdata() == pytest.approx([0.5, 2.0])
    assert marks.get_ydata() == pytest.approx([1 / np.log(1.2)] * 2, rel=1e-5)
    x = curve.get_xdata()
    assert curve.get_ydata() == pytest.approx(find_edge(jnp.tanh, (), x).depth)


def test_seeds_far_apart_near_the_edge_leave_the_axis_to_the_marks(decaying):
    run = decaying(1.2, init=init(1.5), seeds=5)
    rates = np.array([0.001, 0.01, 0.03, -0.02, 0.1])[:, None]
    run["backprop/std"][:, 0] = np.exp(rates / 2 * np.arange(8))
    (ax,) = draw(KINDS["edge-of-chaos"], [run]).figure.axes
    low, high = ax.get_ylim()

    assert travel(run, PlotRequest()).depth.center == pytest.approx(
        np.exp(-np.log(abs(rates)).mean()), rel=1e-3
    )
    assert 0.1 < low < high < 1e5


@pytest.mark.parametrize(
    "settings", [{"depth": 3}, {"normalization": "layer", "batch_size": 10}, {"init": "lsuv"}]
)
def test_what_the_curve_is_not_of_is_told(small_run, settings):
    with pytest.raises(UnsuitableRunError, match=r"theory's curve|no one Var W"):
        travel(small_run(**{"depth": 8, **settings}), PlotRequest())
