"""Takes histograms of a tensor from runs, in even bins that panels share, with the zeros apart."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np

from xavier_cli.figures.predicted import prediction
from xavier_cli.figures.request import PlotRequest, counted, layer_columns, record_row, values
from xavier_cli.figures.scales import are_comparable
from xavier_cli.runs.layer_statistics import BY_PATH
from xavier_cli.runs.record import Run
from xavier_cli.statistics.estimate import Band, over_seeds

# The share of every layer that the axis must show; the outermost bins hold all values beyond them.
SHOWN_SHARE = 0.995
# Even bins for a tensor that is recorded in logarithmic ones; an odd number, so that one is around 0.
EVEN_BINS = 61
# With so large a share of zeros in a layer, their needle would hide the rest.
FEWEST_ZEROS = 0.01


@dataclass(frozen=True)
class Histogram:
    """Densities of one tensor at one record.

    `edges` has shape `(B + 1,)`; `shares`, `(S, B, L)`, are the fractions of a layer's values in each bin.
    `predicted_std`, `(L,)`, is NaN after the first record. `zeros`, `(L,)`, is the mean share of zeros that
    `shares` leave out; empty where they are in them.
    """

    tensor: str
    update: int
    layers: np.ndarray
    edges: np.ndarray
    shares: np.ndarray
    predicted_std: np.ndarray
    zeros: np.ndarray = field(default_factory=lambda: np.zeros(0))

    @property
    def is_even(self) -> bool:
        """Whether all bins are equally wide; those of a tensor of no known range are logarithmic."""
        widths = np.diff(self.edges)
        return bool(np.allclose(widths, widths[0]))

    @cached_property
    def density(self) -> Band:
        """The density over seeds, `(B, L)`, as a fraction per unit of the tensor."""
        return over_seeds(self.shares / np.diff(self.edges)[:, None])

    @property
    def share(self) -> np.ndarray:
        """The mean over seeds, `(B, L)`."""
        return np.nan_to_num(over_seeds(self.shares).center)

    @property
    def centres(self) -> np.ndarray:
        """The centres of the bins, `(B,)`."""
        return np.asarray((self.edges[1:] + self.edges[:-1]) / 2)


def histogram(run: Run, tensor: str, chosen: PlotRequest) -> Histogram:
    """The histogram of `tensor` over the chosen seeds and layers of `run`, at the chosen or first record.

    Its bins are even.
    """
    data = recorded(run, tensor, chosen)
    if data.is_even:
        return data
    edges, shares = evenly(data.edges, data.shares)
    return replace(data, edges=edges, shares=shares)


def recorded(run: Run, tensor: str, chosen: PlotRequest) -> Histogram:
    """As `histogram`, in the bins of the run file."""
    scale = "weight_layer" if tensor.startswith("weight") else "layer"
    at = record_row(run, chosen.record or "first")
    counts = counted(run, f"{tensor}/histogram", chosen.seeds, at)
    columns = layer_columns(run, chosen.layers, scale)
    picked = counts[:, columns].astype(float).transpose(0, 2, 1)
    with np.errstate(invalid="ignore"):
        shares = picked / picked.sum(axis=1, keepdims=True)
    edges = values(run, f"{tensor}/bin_edge")
    update = int(run.updates[at])
    return Histogram(
        tensor,
        update,
        run[scale][columns],
        edges,
        shares,
        # No prediction for weight gradients: theory is about the gradients of single examples.
        prediction(run, BY_PATH[f"{tensor}/std"].name, columns, update),
    )


def without_zeros(data: Histogram) -> Histogram:
    """`data` with the share of zeros apart, where they are so many that they would hide the rest.

    Only logarithmic bins tell zeros from small values: their middle one holds what is below 1e-10 in size.
    """
    middle = len(data.centres) // 2
    if data.is_even or not data.edges[middle] < 0 < data.edges[middle + 1]:
        return data
    zeros = np.nan_to_num(over_seeds(data.shares[:, middle]).center)
    if zeros.max(initial=0.0) < FEWEST_ZEROS:
        return data
    shares = data.shares.copy()
    shares[:, middle] = 0.0
    return replace(data, shares=shares, zeros=zeros)


def evenly_alike(panels: Sequence[Histogram], lowest: Sequence[float]) -> list[Histogram]:
    """`panels` in even bins, the same ones for all that were not, where their values are of like sizes.

    `lowest` are the least values that their tensors can have: where that is 0, bins begin there.
    """
    uneven = [i for i, data in enumerate(panels) if not data.is_even]
    reaches = {i: _reach(panels[i].edges, panels[i].shares) for i in uneven}
    common = max(reaches.values(), default=0.0) if are_comparable(list(reaches.values())) else None
    drawn = list(panels)
    for i in uneven:
        data, reach = panels[i], common or reaches[i]
        edges, shares = evenly(data.edges, data.shares, reach, lowest[i] >= 0)
        drawn[i] = replace(data, edges=edges, shares=shares)
    return drawn


def _reach(edges: np.ndarray, share: np.ndarray) -> float:
    """The size of values below which nearly all of every layer lies, and a little more."""
    mean = np.nan_to_num(over_seeds(share).center)
    cumulative = np.concatenate([np.zeros((1, share.shape[2])), mean.cumsum(axis=0)])
    cumulative = cumulative / np.maximum(cumulative[-1], 1e-12)
    rest = (1 - SHOWN_SHARE) / 2
    ends = [np.interp([rest, 1 - rest], layer, edges) for layer in cumulative.T if layer[-1] > 0]
    # Beyond the outermost value, so that a line ends on the axis.
    return 1.2 * float(np.abs(ends).max(initial=0.0)) or 1.0


def evenly(
    edges: np.ndarray, share: np.ndarray, reach: float | None = None, from_zero: bool = False
) -> tuple[np.ndarray, np.ndarray]:
    """Resample shares, `(N, B, L)`, of uneven bins to even ones; returns edges and shares of these.

    The even bins cover nearly all of every layer, or go to `reach`; a bin that overlaps two of them is split
    in proportion. In logarithmic bins the density would be a needle at 0, where bins are as narrow as 1e-10.
    """
    reach = reach or _reach(edges, share)
    even = np.linspace(-reach, reach, EVEN_BINS + 1)
    if from_zero:
        even = np.linspace(0, reach, EVEN_BINS // 2 + 1)
    below = np.concatenate([np.zeros_like(share[:, :1]), share.cumsum(axis=1)], axis=1)
    at = np.stack([[np.interp(even, edges, layer) for layer in np.moveaxis(seed, 1, 0)] for seed in below])
    return even, np.moveaxis(np.diff(at, axis=2), 2, 1)


def shown(data: Histogram) -> tuple[float, float]:
    """The limits of x that hold nearly all of every layer; those of the activation's range if it is used."""
    cumulative = np.cumsum(data.share, axis=0)
    cumulative = cumulative / np.maximum(cumulative[-1], 1e-12)
    rest = (1 - SHOWN_SHARE) / 2
    first = int((cumulative > rest).argmax(axis=0).min())
    last = int((cumulative >= 1 - rest).argmax(axis=0).max())
    if data.tensor == "activation" and (last - first) * 3 > len(data.centres):
        return float(data.edges[0]), float(data.edges[-1])
    return float(data.edges[first]), float(data.edges[last + 1])
