"""Both losses over a plane of weights: Figure 5."""

from __future__ import annotations

import math

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import Normalize
from matplotlib.patches import Patch
from matplotlib.ticker import MaxNLocator
from mpl_toolkits.mplot3d.axes3d import Axes3D

from xavier_cli.figures.look import COLOURS, SMALL
from xavier_cli.figures.page import Drawing, finish, make_page
from xavier_cli.figures.selection import UnsuitableRunError
from xavier_cli.runs.surface import LOSSES, Surface

# Lines of the upper surface's panel; the other panel has the same levels.
LEVELS = 16
# A tall peak would leave the rest of the plane without a line.
SHOWN = 95
# From dark to light by height. The dark end is left out: black lines and numbers have to show on it.
LIGHT_FROM = 0.5
# Lines of a mesh in 3-D; more of them run together.
MESH = 25
NAMES = {"cross_entropy": "cross-entropy", "quadratic": "quadratic"}


def surface_figure(surface: Surface) -> Drawing:
    """Both losses in one space, as in the paper, and each as a map, with the same levels and one scale."""
    values = [surface.loss(name) for name in LOSSES]
    if not all(np.isfinite(loss).any() for loss in values):
        raise UnsuitableRunError("no loss of this surface is finite")
    levels = shared_levels(surface)
    page = make_page(["", *(NAMES[name] for name in LOSSES)], height=2.45)
    flat = page.axes[0]
    space = page.figure.add_subplot(flat.get_subplotspec(), projection="3d")
    flat.remove()
    space.set_title("both in one space; height: loss", loc="left")
    plot_space(space, surface, float(levels[-1]))
    for ax, loss in zip(page.axes[1:], values, strict=True):
        plot_map(ax, surface, loss, levels)
    page.axes[0] = space
    page.axes[2].set_ylabel("")
    page.axes[2].tick_params(labelleft=False)
    handles = [Patch(facecolor=colour, edgecolor=edge) for colour, edge in _FACES.values()]
    names = [NAMES[name] for name in _FACES]
    return Drawing(finish(page, handles, names, " ".join(_sentences(surface, levels))), [])


def shared_levels(surface: Surface) -> np.ndarray:
    """Round heights for both losses' lines: up to the higher loss, around a run but for its highest 5 %."""
    shown = 100 if surface.config.around is None else SHOWN
    top = max(float(np.nanpercentile(_finite(surface.loss(name)), shown)) for name in LOSSES)
    low = min(float(np.nanmin(_finite(surface.loss(name)))) for name in LOSSES)
    low = 0.0 if low < 0.5 * top else low
    return np.asarray(MaxNLocator(nbins=LEVELS, steps=[1, 2, 2.5, 5, 10]).tick_values(low, top))


def plot_map(ax: Axes, surface: Surface, loss: np.ndarray, levels: np.ndarray) -> Axes:
    """Draw `loss`, shape `(Y, X)`, as a map from above: lighter is higher, lines at `levels` with numbers."""
    shade = Normalize(levels[0] - LIGHT_FROM / (1 - LIGHT_FROM) * (levels[-1] - levels[0]), levels[-1])
    finite = np.where(np.isfinite(loss), loss, np.nan)
    ax.contourf(surface.x, surface.y, finite, levels=levels, cmap="gray", norm=shade, extend="both")
    lines = ax.contour(surface.x, surface.y, finite, levels=levels, colors="black", linewidths=0.5)
    ax.clabel(lines, levels=levels[::2], fontsize=SMALL, fmt="%g", inline_spacing=2)
    ax.grid(False)
    ax.set_aspect("equal")
    ax.set_xlabel(axis_names(surface)[0])
    ax.set_ylabel(axis_names(surface)[1])
    return ax


def plot_space(ax: Axes3D, surface: Surface, top: float) -> Axes3D:
    """Draw both losses as surfaces in one space, up to `top`: quadratic dark, cross-entropy light."""
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


_FACES = {"cross_entropy": ("0.93", "0.35"), "quadratic": (COLOURS[4], "black")}


def axis_names(surface: Surface) -> tuple[str, str]:
    """What x and y are."""
    if surface.config.around is None:
        return "weight w1", "weight w2"
    return "steps along direction 1", "steps along direction 2"


def _finite(loss: np.ndarray, instead: float = np.nan) -> np.ndarray:
    return np.where(np.isfinite(loss), loss, instead)


def _sentences(surface: Surface, levels: np.ndarray) -> list[str]:
    config = surface.config
    count = f"{config.examples:,} example{'s' * (config.examples > 1)}"
    lines = (
        f"Lines every {levels[1] - levels[0]:g}, the same in both maps, one grey scale, lighter is higher."
    )
    if config.around is None:
        return [
            f"Mean loss of a network with one weight in each of two layers ({config.act}, then softmax of"
            f" 0 and w2 z) over {count} of random input and label, seed {config.seed}.",
            lines,
        ]
    run = config.around
    return [
        f"Mean loss over {count} for validation around {run.act} {run.init} {run.depth}×{run.width}"
        f" ({run.data}, lr {run.lr:g}, seed {run.seeds[0]}, trained on {NAMES[run.loss]}) after"
        f" {run.updates:,} updates, along two random filter-normalized directions (seed {config.seed});"
        " at (0, 0) is the trained network.",
        lines,
        f"What lies above {levels[-1]:g} is cut off in the space on the left.",
    ]
