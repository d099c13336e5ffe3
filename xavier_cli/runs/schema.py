"""Defines the run file's schema, version 1, as data: every dataset, its dimensions, type and meaning.

The writer, the reader, merging and the documentation are all driven by this table. A new measurement is one
row: of every layer, in `layer_statistics`, else in `_rows` (and one in `dataset.SCALE_BOUNDS` where it brings
a dimension); old files lack it and stay readable.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from functools import cache

import numpy as np

from xavier_cli.config.run import MAX_SEED, RunConfig
from xavier_cli.runs.dataset import Dataset, Schema, counting, scale
from xavier_cli.runs.layer_statistics import STATISTICS, LayerStatistic
from xavier_cli.runs.ranges import ANY, SHARE, SIZE, UPDATES, Range
from xavier_cli.vocabulary.tensors import Tensor

VERSION = 1
# More than are ever counted in one bin, and the highest rate there is.
MOST_COUNTED = 2**40
MAX_RATE = 1e6
# Further than numbers of 32 bits reach.
FURTHEST_BIN = 1e39
# That none is below 0 holds of our own losses (`contradictions`), not of one that a watched training has.
LOSS = SIZE._replace(low=-1e300)
CONVENTIONS = "CF-1.12"
PERCENTILES = (1, 2, 10, 25, 50, 75, 90, 98, 99)


def _rows() -> Iterator[Dataset]:
    yield scale("seed", "<i8", "seed of the member", Range(low=0, high=MAX_SEED), required=True)
    yield scale("update", "<i8", "mini-batch updates done at the record", UPDATES, required=True)
    yield scale("jacobian_update", "<i8", "mini-batch updates done when the Jacobians were taken", UPDATES)
    yield scale("spectrum_update", "<i8", "mini-batch updates done when whole spectra were taken", UPDATES)
    about = "mini-batch updates of pre-training done of a layer at the record"
    yield scale("pretrain_update", "<i8", about, UPDATES)
    yield scale("layer", "<i4", "hidden layer, 1 to depth from the input up", counting("layer", 1))
    about = "name of the hidden layer"
    yield Dataset("layer_name", ("layer",), "S24", about, units="", companion_of="layer")
    about = "layer of weights, 1 to depth + 1, the last is the output layer"
    yield scale("weight_layer", "<i4", about, counting("weight_layer", 1))
    yield scale("percentile", "<f8", "percentile", Range(low=0, high=100, order="up"))
    about = "rank of a singular value, the largest first, from 0"
    yield scale("index", "<i4", about, counting("index", 0))
    yield scale("example", "<i4", "test example, from 0", counting("example", 0))
    yield scale("side", "<i4", "-1: below, 1: above", Range(low=-1, high=1, order="up"))

    def curve(name: str, long_name: str, range: Range) -> Dataset:
        return Dataset(f"curves/{name}", ("seed", "update"), "<f8", long_name, required=True, range=range)

    # An error can be NaN where its seed diverged, and nowhere else (`ranges.contradictions`).
    error = SHARE._replace(nan=True)
    yield curve("train_loss", "mean training loss since the record before; NaN at the first", LOSS)
    yield curve("valid_loss", "mean loss on validation examples", LOSS)
    yield curve("valid_error", "share of validation examples misclassified, 0 to 1", error)
    yield curve("test_loss", "mean loss on test examples", LOSS)
    yield curve("test_error", "share of test examples misclassified, 0 to 1", error)

    about = "share of training examples misclassified since the record before, 0 to 1; where a loop told it"
    yield Dataset("curves/train_error", ("seed", "update"), "<f8", about, range=error)

    for statistic in STATISTICS:
        if statistic.records == "update" and statistic.path:
            yield _of_layers(statistic)
            if statistic.dataset == "std" and statistic.tensor.has_histogram:
                yield from _histogram(statistic.tensor)
    dims: tuple[str, ...] = ("seed", "update", "layer")
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

    for statistic in STATISTICS:
        if statistic.records == "jacobian_update":
            yield _of_layers(statistic)
            yield Dataset(
                f"jacobian/end_to_end_{statistic.dataset}",
                ("seed", "jacobian_update"),
                "<f4",
                f"{statistic.words} singular value of dlogits/dx, mean over probe examples",
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

    yield scale("search/rate", "<i4", "learning rate searched, from 0", counting("rate", 0))
    yield scale("search/search_seed", "<i8", "seed that the search trained", Range(low=0, high=MAX_SEED))
    rates = Range(low=0, high=MAX_RATE, order="up")
    yield Dataset("search/lr", ("search/rate",), "<f8", "learning rate searched, rising", range=rates)
    yield Dataset(
        "search/valid_error",
        ("search/rate", "search/search_seed"),
        "<f8",
        "last validation error of the search, 0 to 1; NaN where it diverged",
        range=SHARE._replace(nan=True),
    )


def _of_layers(statistic: LayerStatistic) -> Dataset:
    dims = ("seed", statistic.records, statistic.axis)
    return Dataset(statistic.path, dims, "<f4", statistic.long_name, range=statistic.range)


def _histogram(tensor: Tensor) -> Iterator[Dataset]:
    centre, edge, words = f"{tensor.name}/bin", f"{tensor.name}/bin_edge", tensor.words
    place = Range(low=-FURTHEST_BIN, high=FURTHEST_BIN, order="up")
    yield scale(centre, "<f8", f"centre of a bin of the {words}", place)
    yield scale(edge, "<f8", f"edge of a bin of the {words}, rising", place, companion_of=centre)
    dims = ("seed", "update", tensor.axis, centre)
    about = f"counts of the {words} per bin; what lies outside is counted in the end bins"
    counted = Range(low=0, high=MOST_COUNTED)
    yield Dataset(f"{tensor.name}/histogram", dims, "<i8", about, units="count", range=counted)


def _theory() -> Iterator[Dataset]:
    """What theory predicts of record 0, and how single seeds are distributed around it."""
    for row in STATISTICS:
        if row.predicted:
            about = f"predicted before training: {row.predicted}"
            yield Dataset(f"theory/{row.name}", (row.axis,), "<f8", about, range=row.range)
            about = f"relative standard deviation over seeds of the {row.predicted}, predicted"
            yield Dataset(f"theory/{row.name}_sd", (row.axis,), "<f8", about, range=SIZE)
            for side in ("low", "high"):
                where = "below" if side == "low" else "above"
                about = f"what one seed in a million is {where}, over the predicted {row.predicted}"
                yield Dataset(f"theory/{row.name}_{side}", (row.axis,), "<f8", about, range=SIZE)


SCHEMA = Schema(f"schema {VERSION}", _rows())
DATASETS, SCALES, REQUIRED = SCHEMA.datasets, SCHEMA.scales, SCHEMA.required
dims, with_scales = SCHEMA.dims, SCHEMA.with_scales


def wanted(config: RunConfig, only: Iterable[str]) -> frozenset[str]:
    """The datasets that a run of `config` is read with, where `only` is asked for."""
    return _wanted(frozenset(only), bool(config.search))


@cache
def _wanted(only: frozenset[str], is_searched: bool) -> frozenset[str]:
    # Small, and without it nobody knows the rate (`Run.lr`).
    searched = {"search/lr", "search/valid_error"} if is_searched else set()
    return frozenset(with_scales({*only, *searched}))


def fixed_scales(config: RunConfig) -> dict[str, np.ndarray]:
    """The scales that follow from the configuration alone, for whoever puts a run together."""
    scales: dict[str, np.ndarray] = {
        "seed": np.array(config.seeds, np.int64),
        "weight_layer": np.arange(1, config.depth + 2, dtype=np.int32),
        "percentile": np.array(PERCENTILES, np.float64),
    }
    # A custom network may have one layer of weights alone.
    if layers := range(1, config.depth + 1):
        scales["layer"] = np.array(layers, np.int32)
        scales["layer_name"] = np.array([f"hidden {layer}" for layer in layers], "S24")
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
    """What is wrong with datasets of these shapes in a run of `config`; see `Schema.problem`."""
    lengths = {"seed": len(config.seeds), "layer": config.depth, "weight_layer": config.depth + 1}
    return SCHEMA.problem(lengths, shapes, partial)
