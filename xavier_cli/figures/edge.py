"""Draws how deep gradients travel at initialization over n Var W, with theory's curve: the edge of chaos."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from jax import Array
from matplotlib.artist import Artist
from matplotlib.lines import Line2D

from xavier_cli.figures.canvas import Drawing, finish, make_page
from xavier_cli.figures.captions import caption
from xavier_cli.figures.labels import labels
from xavier_cli.figures.lines import key, plot_points
from xavier_cli.figures.request import PlotRequest, UnsuitableRunError, counted, suitable
from xavier_cli.figures.scales import finish_axes
from xavier_cli.figures.style import LEVEL, line_styles, muted
from xavier_cli.nn.activations import make_activation
from xavier_cli.runs.record import Run
from xavier_cli.statistics.estimate import Band, over_seeds
from xavier_cli.theory.edge import find_edge, hidden_variances, measured_log_slope
from xavier_cli.theory.gain import resolve_gain
from xavier_cli.theory.shape import shape_of
from xavier_cli.vocabulary.activations import ACTIVATIONS
from xavier_cli.vocabulary.entry import ActivationEntry
from xavier_cli.vocabulary.user_functions import is_user_function

SHALLOWEST = 6
"""The least number of hidden layers: depth is measured in the upper half, where the variance has settled."""
POINTS = 200


@dataclass(frozen=True)
class Travel:
    """How far gradients travel in one network: `weight_scale` is n Var W, `depth` is in layers."""

    weight_scale: float
    bias_variance: float
    depth: Band


def travel(run: Run, chosen: PlotRequest) -> Travel:
    """The depth measured at record 0 of `run`."""
    config = run.config
    stds = counted(run, "backprop/std", chosen.seeds, 0)
    if config.unpredicted_reason or len({*config.widths}) > 1 or config.depth < SHALLOWEST:
        raise UnsuitableRunError(
            f"theory's curve is of plain layers of one width, and {SHALLOWEST} or more of them"
        )
    if int(run.updates[0]) != 0:
        raise UnsuitableRunError("it was not measured before training")
    if is_user_function(config.act) and config.init_gain == "auto":
        raise UnsuitableRunError(f"its gain is that of `{config.act}`, whose code a figure does not run")
    act, kinks = _activation(ACTIVATIONS["identity"] if is_user_function(config.act) else config.activation)
    scale, bias = hidden_variances(config, resolve_gain(config.init_gain, act, kinks))
    if not np.isfinite(scale):
        raise UnsuitableRunError("its hidden layers have no one Var W")
    with np.errstate(divide="ignore"):
        depth = 1 / np.abs(measured_log_slope(stds))
    # The interval is of the logarithm, as on the axis: one of the depth would reach below 0 near the edge.
    return Travel(scale, bias, over_seeds(depth[:, None], "geometric"))


def _activation(word: ActivationEntry) -> tuple[Callable[[Array], Array], Sequence[float]]:
    """A built-in activation, and the places of its kinks."""
    act = make_activation(word)
    return act, shape_of(word, act)[1]


def edge_figure(runs: Sequence[Run], chosen: PlotRequest) -> Drawing:
    """Depth over n Var W: a curve, and marks, for each activation and distribution of the biases."""
    runs, taken, notes = suitable(runs, lambda run: travel(run, chosen))
    groups: dict[tuple[str, str, int, int], list[int]] = {}
    for i, run in enumerate(runs):
        config = run.config
        groups.setdefault((config.act, config.bias_init, config.depth, config.widths[0]), []).append(i)
    # Label the groups by everything but the distribution of the weights, which is along x.
    firsts = [runs[members[0]] for members in groups.values()]
    names = labels([replace(run, config=run.config.with_(init="normalized")) for run in firsts])
    page = make_page([""], chosen.page, height=2.6)
    (ax,) = page.axes
    named = line_styles({name: name for name in names})
    styles = [named[name] for name in names]
    every = np.array([each.weight_scale for each in taken])
    fine = np.geomspace(every.min() / 1.1, every.max() * 1.1, POINTS)
    for members, style, name in zip(groups.values(), styles, names, strict=True):
        members.sort(key=lambda i: taken[i].weight_scale)
        of, first = [taken[i] for i in members], runs[members[0]]
        center, low, high = (
            np.concatenate([getattr(each.depth, part) for each in of]) for part in ("center", "low", "high")
        )
        band = Band(center, low, high, of[0].depth.seeds)
        plot_points(ax, np.array([each.weight_scale for each in of]), band, style, name)
        if is_user_function(first.config.act):
            notes.append(f"no theoretical curve for `{first.config.act}`: a figure runs no custom code")
            continue
        act, kinks = _activation(first.config.activation)
        curve = find_edge(act, kinks, fine, of[0].bias_variance).depth
        ax.plot(
            fine,
            curve,
            color=style.color,
            linestyle=style.linestyle,
            label="_predicted",
            zorder=1,
            gid=style.part_id("line"),
        )
    ax.set_yscale("log")
    # At the edge the curve is infinite.
    measured = np.concatenate([each.depth.center for each in taken])
    ax.set_ylim(top=10 * np.nanmax(measured, initial=1.0))
    ax.set_xlabel("n Var W of the hidden layers")
    ax.set_ylabel("layers per factor e")
    finish_axes(page)
    sentences = [
        "Number of layers over which the variance of back-propagated gradients changes by a factor of e,"
        " before the first update, over n Var W: measured in the upper half of the network (marks), and"
        " predicted by theory far from its ends (lines). Left of the peak: order; right: chaos. Geometric"
        " means over seeds."
    ]
    text = caption(runs, [each.depth.seeds for each in taken], sentences, chosen.seeds, drawn="bars")
    entries: list[tuple[Artist, str]] = []
    if len(groups) > 1:
        entries = [(key(style), name) for style, name in zip(styles, names, strict=True)]
    entries += [(Line2D([], [], color=muted(LEVEL)), "predicted by theory")]
    return finish(page, [handle for handle, _ in entries], [name for _, name in entries], text, notes)
