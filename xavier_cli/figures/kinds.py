"""Which figures there are, as data: light, so that help and completion read it without matplotlib."""

from __future__ import annotations

from dataclasses import dataclass

# DESIGN's symbols, for axis labels.
TENSOR_SYMBOLS = {
    "activation": "z",
    "preactivation": "s",
    "backprop": "dC/ds",
    "weight_gradient": "dC/dW",
    "weight": "W",
    "bias": "b",
}


@dataclass(frozen=True)
class Kind:
    """A kind of figure: what it shows, what it takes beside `--layers` and `--seeds`, where it is made.

    `prefixes` are the arrays of a run file it reads; `whole_folder` says that with no runs named it takes
    all there are, not only the newest command's.
    """

    name: str
    about: str
    function: str
    prefixes: tuple[str, ...]
    options: tuple[str, ...] = ("layers", "seeds")
    tensors: tuple[str, ...] = ()
    whole_folder: bool = False
    aliases: tuple[str, ...] = ()


KINDS = {
    kind.name: kind
    for kind in (
        Kind(
            "saturation",
            "activations per layer over training: mean ± std, or 98th percentile and std (Figures 2, 3, 10)",
            "xavier_cli.figures.saturation:saturation_figure",
            ("activation",),
        ),
        Kind(
            "activations",
            "histograms of the activations per layer at one record (Figures 4, 6)",
            "xavier_cli.figures.histograms:activations_figure",
            ("activation",),
            options=("layers", "seeds", "record", "together"),
        ),
        Kind(
            "backprop",
            "histograms of the back-propagated gradients per layer at one record (Figure 7)",
            "xavier_cli.figures.histograms:backprop_figure",
            ("backprop",),
            options=("layers", "seeds", "record", "together"),
        ),
        Kind(
            "weight-gradients",
            "histograms of the weight gradients per layer at one record (Figure 8)",
            "xavier_cli.figures.histograms:weight_gradients_figure",
            ("weight_gradient",),
            options=("layers", "seeds", "record", "together"),
        ),
        Kind(
            "gradients-over-time",
            "standard deviation of the gradients per layer over training (Figure 9)",
            "xavier_cli.figures.over_time:gradients_figure",
            ("backprop", "weight_gradient"),
            options=("layers", "seeds", "tensor"),
            tensors=("weight_gradient", "backprop"),
        ),
        Kind(
            "jacobian",
            "average singular values of the layer-to-layer Jacobians at one record",
            "xavier_cli.figures.jacobian:jacobian_figure",
            ("jacobian",),
            options=("layers", "seeds", "record"),
        ),
        Kind(
            "spectrum",
            "all singular values of the layer-to-layer Jacobians at the first or last record",
            "xavier_cli.figures.jacobian:spectrum_figure",
            ("jacobian",),
            options=("layers", "seeds", "record"),
        ),
        Kind(
            "curves",
            "test error over updates, one line per configuration (Figures 11, 12)",
            "xavier_cli.figures.curves:curves_figure",
            ("curves",),
            options=("seeds",),
            whole_folder=True,
        ),
    )
}

# The endings a figure can have.
ENDINGS = (".png", ".pdf", ".svg")
