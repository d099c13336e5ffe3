"""Draws both losses over a plane of weights: Figure 5."""

from __future__ import annotations

import math

import numpy as np
from matplotlib import rcParams
from matplotlib.axes import Axes
from matplotlib.colors import Normalize
from matplotlib.patches import Patch
from matplotlib.ticker import MaxNLocator
from mpl_toolkits.mplot3d.axes3d import Axes3D

from xavier_cli.config.settings import spoken
from xavier_cli.figures.canvas import Drawing, finish, make_page
from xavier_cli.figures.request import PlotRequest, UnsuitableRunError
from xavier_cli.figures.style import SMALL
from xavier_cli.runs.surface import LOSSES, Surface
from xavier_cli.vocabulary.spelling import activation_spelling, data_spelling

# About so many contour lines; half as many around a run.
LEVELS = 16
# Percentile of the highest contour line: a tall peak would leave the rest of the plane without lines.
SHOWN = 95
# The part of the colours that is left out, since black lines and numbers must show on the darkest.
LIGHT_FROM = 0.3
# Lines of the mesh in 3-D; more would merge.
MESH = 25
NAMES = {"cross_entropy": "cross-entropy", "quadratic": "quadratic"}


def surface_figure(surface: Surface, chosen: PlotRequest) -> Drawing:
    """Both losses in one 3-D plot, as in the paper, and each as a contour map with levels of `levels_of`."""
    values = [surface.loss(name) for name in LOSSES]
    if not all(np.isfinite(loss).any() for loss in values):
        raise UnsuitableRunError("no loss of this surface is finite")
    levels = levels_of(surface)
    page = make_page(["", *(NAMES[name] for name in LOSSES)], chosen.page, height=2.45)
    flat = page.axes[0]
    space = page.figure.add_subplot(flat.get_subplotspec(), projection="3d")
    flat.remove()
    space.set_title("both in one space; height: loss", loc="left")
    plot_space(space, surface, max(float(each[-1]) for each in levels))
    for ax, loss, own in zip(page.axes[1:], values, levels, strict=True):
        plot_map(ax, surface, loss, own)
    page.axes[0] = space
    page.axes[2].set_ylabel("")
    page.axes[2].tick_params(labelleft=False)
    handles = [Patch(facecolor=colour, edgecolor=edge) for colour, edge in _FACES.values()]
    names = [NAMES[name] for name in _FACES]
    return finish(page, handles, names, " ".join(_sentences(surface, levels)))


def levels_of(surface: Surface) -> list[np.ndarray]:
    """Round values for the contour lines of each loss.

    Over two weights both losses have the same levels, since their values are compared; around a run only the
    shapes are compared, so that each has its own levels, up to its 95th percentile.
    """
    ends = []
    for name in LOSSES:
        loss = surface.loss(name)[np.isfinite(surface.loss(name))]
        top = float(loss.max()) if surface.config.around is None else float(np.percentile(loss, SHOWN))
        ends.append((float(loss.min()), top))
    if surface.config.around is None:
        ends = [(0.0, max(top for _, top in ends))] * len(LOSSES)
    count = LEVELS if surface.config.around is None else LEVELS // 2
    places = MaxNLocator(nbins=count, steps=[1, 2, 2.5, 5, 10])
    return [np.asarray(places.tick_values(*each)) for each in ends]


def plot_map(ax: Axes, surface: Surface, loss: np.ndarray, levels: np.ndarray) -> Axes:
    """Draw `loss`, `(Y, X)`, as a contour map: lighter is higher, with numbered lines at `levels`."""
    shade = Normalize(levels[0] - LIGHT_FROM / (1 - LIGHT_FROM) * (levels[-1] - levels[0]), levels[-1])
    colours = rcParams["image.cmap"]
    finite = np.where(np.isfinite(loss), loss, np.nan)
    ax.contourf(surface.x, surface.y, finite, levels=levels, cmap=colours, norm=shade, extend="both")
    lines = ax.contour(surface.x, surface.y, finite, levels=levels, colors="black", linewidths=0.5)
    ax.clabel(lines, levels=levels[::2], fontsize=SMALL, fmt="%g", inline_spacing=2)
    if surface.config.around is not None:
        ax.plot([0], [0], color="black", marker="+", markersize=6, markeredgewidth=1)
    ax.grid(False)
    ax.set_aspect("equal")
    ax.set_xlabel(axis_names(surface)[0])
    ax.set_ylabel(axis_names(surface)[1])
    return ax


def plot_space(ax: Axes3D, surface: Surface, top: float) -> Axes3D:
    """Draw both losses in one 3-D plot, up to `top`: quadratic dark, cross-entropy light."""
    x, y = np.meshgrid(surface.x, surface.y)
    step = max(1, math.ceil(len(surface.x) / MESH))
    for order, name in enumerate(reversed(LOSSES)):
        face, edge = _FACES[name]
        ax.plot_surface(
            x,
            y,
            np.minimum(_finite(surface.loss(name), np.nan), top),
            rstride=step,
            cstride=step,
            color=face,
            edgecolor=edge,
            linewidth=0.25,
            shade=False,
            alpha=1.0 if order == 0 else 0.82,
        )
    names = axis_names(surface)
    ax.set_xlabel(names[0], labelpad=-7)
    ax.set_ylabel(names[1], labelpad=-7)
    ax.tick_params(pad=-3)
    ax.locator_params(nbins=5)
    ax.set_zlim(0, top)
    ax.view_init(elev=22, azim=-60)
    ax.set_box_aspect(None, zoom=1.05)
    return ax


# Two colours of viridis, whose lightness differs in grey print, too.
_FACES = {"cross_entropy": ("#addc30", "0.35"), "quadratic": ("#2c728e", "black")}


def axis_names(surface: Surface) -> tuple[str, str]:
    """The labels of x and y."""
    if surface.config.around is None:
        return "weight w1", "weight w2"
    return "direction 1", "direction 2"


def _finite(loss: np.ndarray, instead: float = np.nan) -> np.ndarray:
    return np.where(np.isfinite(loss), loss, instead)


def _sentences(surface: Surface, levels: list[np.ndarray]) -> list[str]:
    config = surface.config
    count = f"{config.examples:,} example{'s' * (config.examples > 1)}"
    steps = [f"{each[1] - each[0]:.3g}" for each in levels]
    if config.around is None:
        return [
            "Mean loss of a network with one weight in each of two layers"
            f" ({activation_spelling(config.act)}, then softmax of 0 and w2 z) over {count} of random input"
            f" and label, seed {config.seed}.",
            f"Lines every {steps[0]}, the same in both maps, one colour scale, lighter is higher.",
        ]
    run = config.around
    return [
        f"Mean loss over {count} for validation around {activation_spelling(run.act)} {run.init} {run.shape}"
        f" ({data_spelling(run.data)}, {spoken('lr', run.lr)}, seed {run.seeds[0]}, "
        f"trained on {NAMES[run.loss]})"
        f" after {run.updates:,} updates, along two random filter-normalized directions (seed {config.seed});"
        " the cross is the trained network. A step of 1 is as long as the weights into each unit.",
        f"Each map has its own scale, lighter is higher: lines every {steps[0]} and every {steps[1]};"
        f" what lies above {max(float(each[-1]) for each in levels):g} is cut off in the space.",
    ]
