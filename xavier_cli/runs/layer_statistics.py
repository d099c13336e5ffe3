"""What is measured of every layer at a record: one row per statistic, how it is stored and where it is shown.

A new statistic is a row here and the function in `training.probes` that computes it. The schema, the tables
of `show`, `train` and `probe`, the predictions, figures, report and exports follow.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from xavier_cli.runs.ranges import ANY, SHARE, SIZE, Range
from xavier_cli.statistics.estimate import Mean
from xavier_cli.vocabulary.tensors import ENTERING, JACOBIAN, LEAVING, TENSORS, LayerAxis, Tensor


@dataclass(frozen=True)
class LayerStatistic:
    """One number per layer, seed and record.

    `tensor` and `dataset` make its path in the run file; without a `dataset` it is worked out from others.
    `name` is its name in JSON, and its prediction's (`theory/name`); `words` say it beside the tensor
    ("std"); `long_name` stands in the file. `range` is what its numbers can be: from where to where, and
    whether they may be NaN or infinite.

    Where it is shown, each empty or false where it is not: `is_summary`, in the JSON of `show` and `train`;
    `column`, the head of its column in their table of layers; `probe_column`, the same in `probe`, which
    gives it in JSON, too; `in_slider`, in the report, beside its tensor's histograms. `only_where_any` leaves
    a column out that is 0 in every layer. `is_logarithmic` is of an axis in figures,
    and of the mean over seeds, in tables too. `predicted` says in the
    file what theory predicts of it.
    """

    tensor: Tensor
    dataset: str
    name: str
    words: str
    long_name: str
    range: Range = ANY
    is_summary: bool = False
    column: str = ""
    probe_column: str = ""
    in_slider: bool = False
    only_where_any: bool = False
    is_logarithmic: bool = False
    predicted: str = ""

    @property
    def path(self) -> str:
        """Its dataset in a run file; empty where it is worked out from others."""
        return self.dataset and f"{self.tensor.name}/{self.dataset}"

    @property
    def axis(self) -> LayerAxis:
        """The scale of its layers: hidden ones, or those of weights."""
        return self.tensor.axis

    @property
    def records(self) -> str:
        """The scale of the records at which it is taken."""
        return "jacobian_update" if self.tensor is JACOBIAN else "update"

    @property
    def mean_over_seeds(self) -> Mean:
        """The kind of its mean over seeds; an interval of the logarithms fits such an axis."""
        return "geometric" if self.is_logarithmic else "arithmetic"

    @property
    def is_share(self) -> bool:
        """Whether it is a fraction, which tables show in percent."""
        return self.range._replace(nan=False) == SHARE

    @property
    def title(self) -> str:
        """For a row of numbers: `weight gradient std`."""
        return self.path.replace("_", " ").replace("/", " ")

    @property
    def spoken(self) -> str:
        """In a sentence: `back-propagated std`."""
        return f"{self.tensor.adjective} {self.words}"

    @property
    def label(self) -> str:
        """For an axis: `std of dC/dW`."""
        return f"{self.words} of {self.tensor.symbol}"

    def heading(self, column: str) -> str:
        """`column` with its unit, for the head of a table's column."""
        return f"{column} %" if self.is_share else column


def _moments(tensor: str | Tensor) -> tuple[LayerStatistic, LayerStatistic]:
    of = TENSORS[tensor] if isinstance(tensor, str) else tensor
    about = f"of the {of.words} {of.over}"
    return (
        LayerStatistic(of, "mean", f"{of.name}_mean", "mean", f"mean {about}"),
        LayerStatistic(of, "std", f"{of.name}_std", "std", f"standard deviation {about}", SIZE),
    )


def _share(name: str, long_name: str) -> LayerStatistic:
    """Of pre-activations or units, by what the activation does there."""
    return LayerStatistic(
        TENSORS["activation"],
        name,
        name,
        name,
        f"{long_name}, 0 to 1",
        # NaN where no known activation function follows: in custom networks alone (`contradictions`).
        SHARE._replace(nan=True),
        is_summary=True,
        column=name,
        only_where_any=True,
    )


def _singular(average: str, words: str, column: str) -> LayerStatistic:
    """An average over the singular values of a layer's Jacobian."""
    name, about = f"{average}_singular_value", f"{words} singular value of dz(i)/dz(i-1)"
    long_name = f"{about}, mean over probe examples"
    predicted = about if average != "max" else ""
    return LayerStatistic(
        JACOBIAN, name, name, words, long_name, SIZE, probe_column=column, predicted=predicted
    )


def _rows() -> Iterator[LayerStatistic]:
    mean, std = _moments("activation")
    about = "mean of the activation z"
    yield replace(mean, is_summary=True, column="activation mean", probe_column="mean", predicted=about)
    about = "standard deviation of the activation z"
    std = replace(std, is_summary=True, column="std", probe_column="std", predicted=about)
    yield replace(std, in_slider=True)
    yield from _moments("preactivation")
    mean, std = _moments("backprop")
    yield mean
    about = "standard deviation of dC/ds"
    std = replace(std, is_summary=True, column="backprop std", probe_column="std", predicted=about)
    yield replace(std, in_slider=True, is_logarithmic=True)
    about = f"{about} in the layer above over this layer's"
    step = LayerStatistic(std.tensor, "", "backprop_step", "step", about, SIZE)
    yield replace(step, probe_column="step up", predicted=about, is_logarithmic=True)
    mean, std = _moments("weight_gradient")
    yield mean
    # Of weight gradients theory predicts each example's own, not that of their mean.
    std = replace(std, is_summary=True, column="weight_gradient std", probe_column="std")
    yield replace(std, in_slider=True, is_logarithmic=True)
    mean, std = _moments("weight")
    yield mean
    yield replace(std, is_summary=True)
    yield from _moments("bias")
    about = "slope below 0 that the layer's activation has learned"
    yield LayerStatistic(TENSORS["activation"], "slope", "activation_slope", "slope", about)
    yield LayerStatistic(
        TENSORS["weight_gradient"],
        "example_rms",
        "weight_gradient_rms",
        "rms of one example",
        "root mean square, over the matrix and the probe examples, of dC/dW of one example's own loss",
        SIZE,
        probe_column="one example's rms",
        is_logarithmic=True,
        predicted="root mean square of dC/dW of one example's own loss",
    )
    yield from _moments(ENTERING)
    yield from _moments(LEAVING)
    saturated = _share("saturated", "share of pre-activations where the activation is saturated")
    yield replace(saturated, probe_column="saturated", in_slider=True, only_where_any=False)
    inactive = _share("inactive", "share of pre-activations where a rectifier is inactive")
    yield replace(inactive, probe_column="inactive")
    yield _share("dead", "share of units without slope on every probe example")
    yield _singular("mean", "mean", "mean")
    yield _singular("rms", "root mean square", "rms")
    yield _singular("geometric_mean", "geometric mean", "geometric mean")
    yield _singular("max", "largest", "max")


def _in_tables(rows: Iterable[LayerStatistic]) -> tuple[LayerStatistic, ...]:
    tensors = (
        *("activation", "preactivation", "backprop", "weight", "weight_gradient", "bias", "jacobian"),
        *("entering", "leaving"),
    )
    return tuple(sorted(rows, key=lambda row: tensors.index(row.tensor.name)))


STATISTICS = tuple(_rows())
"""In the order of the schema, which exports follow."""
IN_TABLES = _in_tables(STATISTICS)
"""The same, tensor by tensor, as tables show them."""
BY_PATH = {row.path: row for row in STATISTICS if row.path}
