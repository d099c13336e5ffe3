"""The run file's schema, version 1, as data: every dataset and scale, its dimensions, type and meaning.

The writer, the reader, merging and the documentation are all driven by this table. A new measurement is one
row in `_rows` (and one in `SCALE_BOUNDS` where it brings a dimension); old files lack it and stay readable.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from xavier_cli.config.run import MAX_SEED, RunConfig
from xavier_cli.config.settings import MAX_RECORDS
from xavier_cli.runs.ranges import ANY, SHARE, SIZE, UPDATES, Range
from xavier_cli.vocabulary.grammar import MAX_SEEDS

VERSION = 1
# More than are ever counted in one bin, and the highest rate there is.
MOST_COUNTED = 2**40
MAX_RATE = 1e6
# Further than numbers of 32 bits reach.
FURTHEST_BIN = 1e39
CONVENTIONS = "CF-1.12"
PERCENTILES = (1, 2, 10, 25, 50, 75, 90, 98, 99)

# The longest each dimension may be, so that a file cannot ask for more memory than a run could need.
SCALE_BOUNDS = {
    "seed": MAX_SEEDS,
    "update": MAX_RECORDS + 2,
    "jacobian_update": 64,
    "spectrum_update": 64,
    "pretrain_update": 64,
    "layer": 1000,
    "weight_layer": 1001,
    "percentile": 99,
    "index": 65_536,
    "example": 1_000_000,
    "bin": 100_000,
    "bin_edge": 100_001,
    "rate": 1000,
    "search_seed": MAX_SEEDS,
    "side": 2,
    # Of a loss surface (`runs.surface`).
    "x": 501,
    "y": 501,
    "parameter": 2**27,
}


MAX_FILE_BYTES = 2**32
"""All that is read from one file may not take more memory than this."""


@dataclass(frozen=True)
class Dataset:
    """One dataset of a run file.

    `path` has no leading slash; `dims` are the paths of the scales, one per axis; `dtype` is NumPy's name for
    what lies in the file (always little-endian). A scale is the dataset whose only dimension is itself.
    `range` is what its numbers can be; texts have none.
    """

    path: str
    dims: tuple[str, ...]
    dtype: str
    long_name: str
    units: str = "1"
    required: bool = False
    range: Range = ANY

    @property
    def is_scale(self) -> bool:
        """Whether this is a dimension's scale."""
        return self.dims == (self.path,)

    @property
    def group(self) -> str:
        """The group it lies in; empty at the root."""
        return self.path.rpartition("/")[0]

    @property
    def bounds(self) -> tuple[int, ...]:
        """The longest that each axis may be."""
        return tuple(SCALE_BOUNDS[dim.rpartition("/")[2]] for dim in self.dims)


_UNITS_AND_EXAMPLES = "over the layer's units and the probe examples"
# Tensor -> its symbol in words, the axis its layers lie on, what its statistics run over, has it a histogram?
_TENSORS = {
    "activation": ("activation z", "layer", _UNITS_AND_EXAMPLES, True),
    "preactivation": ("pre-activation s", "layer", _UNITS_AND_EXAMPLES, True),
    "backprop": ("back-propagated gradient dC/ds", "layer", _UNITS_AND_EXAMPLES, True),
    "weight_gradient": (
        "gradient dC/dW of the mean loss over the probe examples",
        "weight_layer",
        "over the matrix",
        True,
    ),
    "weight": ("weight W", "weight_layer", "over the matrix", True),
    "bias": ("bias b", "weight_layer", "over the layer's units", False),
}


def _scale(path: str, dtype: str, long_name: str, range: Range, required: bool = False) -> Dataset:
    return Dataset(path, (path,), dtype, long_name, required=required, range=range)


def counting(name: str, first: int) -> Range:
    """The range of a scale called `name` that counts from `first`."""
    return Range(low=first, high=first + SCALE_BOUNDS[name] - 1, order="up")


def _rows() -> Iterator[Dataset]:
    yield _scale("seed", "<i8", "seed of the member", Range(low=0, high=MAX_SEED), required=True)
    yield _scale("update", "<i8", "mini-batch updates done at the record", UPDATES, required=True)
    yield _scale("jacobian_update", "<i8", "mini-batch updates done when the Jacobians were taken", UPDATES)
    yield _scale("spectrum_update", "<i8", "mini-batch updates done when whole spectra were taken", UPDATES)
    about = "mini-batch updates of pre-training done of a layer at the record"
    yield _scale("pretrain_update", "<i8", about, UPDATES)
    yield _scale("layer", "<i4", "hidden layer, 1 to depth from the input up", counting("layer", 1))
    yield Dataset("layer_name", ("layer",), "S24", "name of the hidden layer", units="")
    about = "layer of weights, 1 to depth + 1, the last is the output layer"
    yield _scale("weight_layer", "<i4", about, counting("weight_layer", 1))
    yield _scale("percentile", "<f8", "percentile", Range(low=0, high=100, order="up"))
    about = "rank of a singular value, the largest first, from 0"
    yield _scale("index", "<i4", about, counting("index", 0))
    yield _scale("example", "<i4", "test example, from 0", counting("example", 0))
    yield _scale("side", "<i4", "-1: below, 1: above", Range(low=-1, high=1, order="up"))

    def curve(name: str, long_name: str, range: Range) -> Dataset:
        return Dataset(f"curves/{name}", ("seed", "update"), "<f8", long_name, required=True, range=range)

    # An error can be NaN where its seed diverged, and nowhere else (`ranges.contradictions`).
    error = SHARE._replace(nan=True)
    yield curve("train_loss", "mean training loss since the record before; NaN at the first", SIZE)
    yield curve("valid_loss", "mean loss on validation examples", SIZE)
    yield curve("valid_error", "share of validation examples misclassified, 0 to 1", error)
    yield curve("test_loss", "mean loss on test examples", SIZE)
    yield curve("test_error", "share of test examples misclassified, 0 to 1", error)

    for tensor, (words, axis, over, histogram) in _TENSORS.items():
        dims: tuple[str, ...] = ("seed", "update", axis)
        yield Dataset(f"{tensor}/mean", dims, "<f4", f"mean of the {words} {over}")
        about = f"standard deviation of the {words} {over}"
        yield Dataset(f"{tensor}/std", dims, "<f4", about, range=SIZE)
        if histogram:
            centre, edge = f"{tensor}/bin", f"{tensor}/bin_edge"
            counts = f"counts of the {words} per bin; what lies outside is counted in the end bins"
            place = Range(low=-FURTHEST_BIN, high=FURTHEST_BIN, order="up")
            yield _scale(centre, "<f8", f"centre of a bin of the {words}", place)
            yield _scale(edge, "<f8", f"edge of a bin of the {words}, rising", place)
            counted = Range(low=0, high=MOST_COUNTED)
            yield Dataset(f"{tensor}/histogram", (*dims, centre), "<i8", counts, units="count", range=counted)

    yield Dataset(
        "activation/slope",
        ("seed", "update", "layer"),
        "<f4",
        "slope below 0 that the layer's activation has learned",
    )
    yield Dataset(
        "weight_gradient/example_rms",
        ("seed", "update", "weight_layer"),
        "<f4",
        "root mean square, over the matrix and the probe examples, of dC/dW of one example's own loss",
        range=SIZE,
    )

    dims = ("seed", "update", "layer")
    shares = {
        "saturated": "share of pre-activations where the activation is saturated",
        "inactive": "share of pre-activations where a rectifier is inactive",
        "dead": "share of units without slope on every probe example",
    }
    for name, long_name in shares.items():
        yield Dataset(f"activation/{name}", dims, "<f4", f"{long_name}, 0 to 1", range=SHARE)
    by_percentile = (*dims, "percentile")
    rising = ANY._replace(order="up")
    yield Dataset(
        "activation/percentiles", by_percentile, "<f4", "percentiles of the activation z", range=rising
    )
    rising = SIZE._replace(order="up")
    yield Dataset("activation/abs_percentiles", by_percentile, "<f4", "percentiles of |z|", range=rising)

    for name, where in {"saturated": "is saturated", "inactive": "is inactive"}.items():
        yield Dataset(
            f"preactivation/{name}_bound",
            ("side",),
            "<f8",
            f"pre-activation from which outwards the activation {where}; infinite where it never is",
            range=ANY._replace(order="up"),
        )
    yield Dataset(
        "activation/saturated_bound",
        ("side",),
        "<f8",
        "activation at the pre-activation's saturated bound; NaN where there is none",
    )

    dims = ("seed", "update")
    for name, cause in {"bias": "the output biases", "weights": "the output weights"}.items():
        about = f"standard deviation of the logits from {cause}"
        yield Dataset(f"logits/from_{name}_std", dims, "<f4", about, range=SIZE)

    dims = ("seed", "jacobian_update")
    for name, word in {
        "mean": "mean",
        "rms": "root mean square",
        "geometric_mean": "geometric mean",
        "max": "largest",
    }.items():
        about = f"{word} singular value of"
        yield Dataset(
            f"jacobian/{name}_singular_value",
            (*dims, "layer"),
            "<f4",
            f"{about} dz(i)/dz(i-1), mean over probe examples",
            range=SIZE,
        )
        yield Dataset(
            f"jacobian/end_to_end_{name}_singular_value",
            dims,
            "<f4",
            f"{about} dlogits/dx, mean over probe examples",
            range=SIZE,
        )
    yield Dataset(
        "jacobian/singular_values",
        ("seed", "spectrum_update", "layer", "index"),
        "<f4",
        "singular values of dz(i)/dz(i-1), falling, mean over probe examples; NaN past the last",
        range=SIZE._replace(order="down"),
    )

    yield Dataset(
        "pretraining/reconstruction_error",
        ("seed", "layer", "pretrain_update"),
        "<f4",
        "mean square difference between what the layer is given and what it rebuilds, per unit, mean since "
        "the record before; NaN where it diverged",
        range=SIZE,
    )

    yield from _theory()

    about = "1 where the last network is right, or 0"
    yield Dataset("final/test_correct", ("seed", "example"), "<i1", about, range=Range(low=0, high=1))
    yield Dataset(
        "final/diverged_at",
        ("seed",),
        "<i8",
        "update at which the member diverged, or -1",
        required=True,
        range=UPDATES._replace(low=-1, order=""),
    )

    yield _scale("search/rate", "<i4", "learning rate searched, from 0", counting("rate", 0))
    yield _scale("search/search_seed", "<i8", "seed that the search trained", Range(low=0, high=MAX_SEED))
    rates = Range(low=0, high=MAX_RATE, order="up")
    yield Dataset("search/lr", ("search/rate",), "<f8", "learning rate searched, rising", range=rates)
    yield Dataset(
        "search/valid_error",
        ("search/rate", "search/search_seed"),
        "<f8",
        "last validation error of the search, 0 to 1; NaN where it diverged",
        range=SHARE._replace(nan=True),
    )


def _theory() -> Iterator[Dataset]:
    """What theory predicts of record 0, and its relative standard deviation over draws of the weights."""
    for name, axis, words in (
        ("activation_mean", "layer", "mean of the activation z"),
        ("activation_std", "layer", "standard deviation of the activation z"),
        ("backprop_std", "layer", "standard deviation of dC/ds"),
        ("backprop_step", "layer", "standard deviation of dC/ds in the layer above over this layer's"),
        ("weight_gradient_rms", "weight_layer", "root mean square of dC/dW of one example's own loss"),
        ("mean_singular_value", "layer", "mean singular value of dz(i)/dz(i-1)"),
        ("rms_singular_value", "layer", "root mean square singular value of dz(i)/dz(i-1)"),
        ("geometric_mean_singular_value", "layer", "geometric mean singular value of dz(i)/dz(i-1)"),
    ):
        about, can_be = f"predicted before training: {words}", ANY if name == "activation_mean" else SIZE
        yield Dataset(f"theory/{name}", (axis,), "<f8", about, range=can_be)
        about = f"relative standard deviation over seeds of the {words}, predicted"
        yield Dataset(f"theory/{name}_sd", (axis,), "<f8", about, range=SIZE)


DATASETS: dict[str, Dataset] = {row.path: row for row in _rows()}
SCALES: dict[str, Dataset] = {path: row for path, row in DATASETS.items() if row.is_scale}
REQUIRED: tuple[str, ...] = tuple(path for path, row in DATASETS.items() if row.required)

# A dimension that has another scale beside it: both are there or neither is.
_COMPANIONS = {"layer": ("layer_name",)} | {
    path: (f"{path}_edge",) for path in SCALES if path.endswith("/bin")
}


def dims(path: str) -> tuple[str, ...]:
    """The dimensions of the dataset at `path`, as the paths of their scales."""
    return DATASETS[path].dims


def with_scales(paths: Iterable[str]) -> set[str]:
    """`paths` and every scale (and a scale's companions: `layer_name`, `bin_edge`) that they need."""
    wanted = set(paths)
    scales = {dim for path in wanted for dim in DATASETS[path].dims}
    return wanted | scales | {name for scale in scales for name in _COMPANIONS.get(scale, ())}


def fixed_scales(config: RunConfig) -> dict[str, np.ndarray]:
    """The scales that follow from the configuration alone, for whoever puts a run together."""
    layers = range(1, config.depth + 1)
    scales: dict[str, np.ndarray] = {
        "seed": np.array(config.seeds, np.int64),
        "layer": np.array(layers, np.int32),
        "layer_name": np.array([f"hidden {layer}" for layer in layers], "S24"),
        "weight_layer": np.arange(1, config.depth + 2, dtype=np.int32),
        "percentile": np.array(PERCENTILES, np.float64),
    }
    if config.search:
        scales["search/rate"] = np.arange(len(config.search), dtype=np.int32)
        scales["search/lr"] = np.array(config.search, np.float64)
        scales["search/search_seed"] = scales["seed"][: config.search_seeds]
    return scales


def bins(tensor: str, edges: np.ndarray) -> dict[str, np.ndarray]:
    """The two scales of `tensor`'s histogram from its `edges` of shape `(B + 1,)`."""
    edges = np.asarray(edges, np.float64)
    return {f"{tensor}/bin": (edges[1:] + edges[:-1]) / 2, f"{tensor}/bin_edge": edges}


def problem(config: RunConfig, shapes: Mapping[str, tuple[int, ...]], partial: bool = False) -> str:
    """What is wrong with datasets of these shapes in a run of `config`, in one line; empty if nothing.

    `partial` allows what is required to be absent, as when only some datasets were read.
    """
    lengths = {path: shape[0] for path, shape in shapes.items() if path in SCALES and len(shape) == 1}
    unknown = sorted(set(shapes) - set(DATASETS))
    if unknown:
        return f"`{unknown[0]}` is no dataset of schema {VERSION}"
    missing = [path for path in REQUIRED if path not in shapes and not partial]
    missing += sorted(with_scales(shapes) - set(shapes))
    if missing:
        return f"`{missing[0]}` is missing"
    fixed = {"seed": len(config.seeds), "layer": config.depth, "weight_layer": config.depth + 1}
    for path, shape in shapes.items():
        row = DATASETS[path]
        # A scale's own length is given by the file; everything else has to agree with it.
        expected = tuple(fixed.get(dim, lengths.get(dim, -1)) for dim in row.dims)
        if shape != expected:
            return f"`{path}` has shape {shape}, not {expected}"
        if any(n < 1 or n > bound for n, bound in zip(shape, row.bounds, strict=True)):
            return f"`{path}` has shape {shape}, over the bounds {row.bounds}"
    for path in shapes:
        if path.endswith("/bin") and lengths[f"{path}_edge"] != lengths[path] + 1:
            return f"`{path}_edge` should be one longer than `{path}`"
    return ""
