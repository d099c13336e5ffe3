"""Lists the figures, as data, so that help and completion need no matplotlib."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from xavier_cli.vocabulary.metrics import CURVES
from xavier_cli.vocabulary.tensors import TENSORS

# The options for the axes of a plot; along x only over updates and the like.
SCALES = ("logx", "logy", "ylim")


@dataclass(frozen=True)
class FigureSpec:
    """A kind of figure: what it shows, its options beside `--layers` and `--seeds`, and its function.

    `draws` is what its function takes: runs and a request, one loss surface, or sample images. `reads` are
    the arrays of a run file that it needs; `term` is the function that draws it in a terminal;
    `whole_folder` says that without named runs it draws all in the folder, not only the newest command's.
    """

    name: str
    about: str
    function: str
    reads: tuple[str, ...] = ()
    options: tuple[str, ...] = ("layers", "seeds")
    draws: Literal["runs", "surface", "samples"] = "runs"
    term: str = ""
    tensors: tuple[str, ...] = ()
    whole_folder: bool = False
    aliases: tuple[str, ...] = ()


# One small array of every group, read so that an error can name what a run has instead.
LANDMARKS = (
    "curves/test_error",
    *(f"{tensor}/std" for tensor in TENSORS),
    "jacobian/mean_singular_value",
    "final/diverged_at",
)

KINDS = {
    kind.name: kind
    for kind in (
        FigureSpec(
            "saturation",
            "activations per layer over training: mean ± std, or 98th percentile and std (Figures 2, 3, 10)",
            "xavier_cli.figures.saturation:saturation_figure",
            (
                "activation/mean",
                "activation/std",
                "activation/abs_percentiles",
                "activation/saturated_bound",
                "theory/activation_mean",
                "theory/activation_std",
            ),
            options=("layers", "seeds", *SCALES),
            term="xavier_cli.figures.terminal:saturation_text",
        ),
        FigureSpec(
            "activations",
            "histograms of the activations per layer at one record (Figures 4, 6)",
            "xavier_cli.figures.histograms:activations_figure",
            ("activation/histogram", "theory/activation_std"),
            options=("layers", "seeds", "record", "together", *SCALES[1:]),
        ),
        FigureSpec(
            "backprop",
            "histograms of the back-propagated gradients per layer at one record (Figure 7)",
            "xavier_cli.figures.histograms:backprop_figure",
            ("backprop/histogram", "theory/backprop_std"),
            options=("layers", "seeds", "record", "together", *SCALES[1:]),
        ),
        FigureSpec(
            "weight-gradients",
            "histograms of the weight gradients per layer at one record (Figure 8)",
            "xavier_cli.figures.histograms:weight_gradients_figure",
            ("weight_gradient/histogram",),
            options=("layers", "seeds", "record", "together", *SCALES[1:]),
        ),
        FigureSpec(
            "gradients-over-time",
            "standard deviation of the gradients per layer over training (Figure 9)",
            "xavier_cli.figures.over_time:gradients_figure",
            ("backprop/std", "weight_gradient/std", "theory/backprop_std"),
            options=("layers", "seeds", "tensor", *SCALES),
            tensors=("weight_gradient", "backprop"),
            term="xavier_cli.figures.terminal:gradients_text",
        ),
        FigureSpec(
            "layers",
            "what passes each layer by depth: std of signals, gradients and weights at one record",
            "xavier_cli.figures.layers:layers_figure",
            (
                "leaving/std",
                "preactivation/std",
                "backprop/std",
                "weight_gradient/std",
                "weight/std",
                "theory/backprop_std",
                "curves/test_error",
            ),
            options=("layers", "seeds", "record", "facet", *SCALES[1:]),
            term="xavier_cli.figures.terminal:layers_text",
        ),
        FigureSpec(
            "jacobian",
            "average singular values of the layer-to-layer Jacobians at one record",
            "xavier_cli.figures.jacobian:jacobian_figure",
            (
                "jacobian/mean_singular_value",
                "jacobian/rms_singular_value",
                "jacobian/geometric_mean_singular_value",
                "theory/mean_singular_value",
                "theory/rms_singular_value",
                "theory/geometric_mean_singular_value",
                "curves/test_error",
            ),
            options=("layers", "seeds", "record", "facet", *SCALES[1:]),
        ),
        FigureSpec(
            "spectrum",
            "all singular values of the layer-to-layer Jacobians at the first or last record",
            "xavier_cli.figures.jacobian:spectrum_figure",
            ("jacobian/singular_values",),
            options=("layers", "seeds", "record", *SCALES[1:]),
        ),
        FigureSpec(
            "edge-of-chaos",
            "how deep gradients travel before training, over n Var W, beside theory's curve",
            "xavier_cli.figures.edge:edge_figure",
            ("backprop/std",),
            options=("seeds", *SCALES),
        ),
        FigureSpec(
            "curves",
            "errors and losses over updates, one line per configuration (Figures 11, 12)",
            "xavier_cli.figures.curves:curves_figure",
            tuple(f"curves/{name}" for name in CURVES),
            options=("seeds", "metric", "facet", *SCALES),
            term="xavier_cli.figures.terminal:curves_text",
            whole_folder=True,
        ),
        FigureSpec(
            "loss-surface",
            "both losses over two weights, or around a trained run (Figure 5); from `xavier surface`",
            "xavier_cli.figures.surface:surface_figure",
            options=(),
            draws="surface",
        ),
        FigureSpec(
            "samples",
            "sample images of a data set, a column per class (Figure 1)",
            "xavier_cli.figures.samples:samples_figure",
            options=("data", "seed", "data-dir"),
            draws="samples",
        ),
    )
}

# The suffixes of figure files.
ENDINGS = (".png", ".pdf", ".svg")
