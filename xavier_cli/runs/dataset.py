"""What a dataset of a file is, and what a schema is: the datasets that one kind of file may hold.

Runs (`runs.schema`), loss surfaces (`runs.surface`) and support vector machines (`runs.svm`) are three tables
of this one form.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from xavier_cli.config.checks import MAX_RECORDS
from xavier_cli.runs.ranges import ANY, Range
from xavier_cli.vocabulary.grammar import MAX_SEEDS

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
    # Of a support vector machine (`runs.svm`).
    "cost": 100,
    "gamma": 100,
    "class": 10_000,
}

MAX_FILE_BYTES = 2**32
"""All that is read from one file may not take more memory than this."""


@dataclass(frozen=True)
class Dataset:
    """One dataset of a file.

    `path` has no leading slash; `dims` are the paths of the scales, one per axis; `dtype` is NumPy's name for
    what lies in the file (always little-endian). A scale is the dataset whose only dimension is itself.
    `range` is what its numbers can be; texts have none. `companion_of` names the scale beside which it always
    is: neither is there without the other.
    """

    path: str
    dims: tuple[str, ...]
    dtype: str
    long_name: str
    units: str = "1"
    required: bool = False
    range: Range = ANY
    companion_of: str = ""

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


def scale(
    path: str, dtype: str, long_name: str, range: Range, required: bool = False, companion_of: str = ""
) -> Dataset:
    """The row of a dimension's scale."""
    return Dataset(path, (path,), dtype, long_name, "1", required, range, companion_of)


def counting(name: str, first: int) -> Range:
    """The range of a scale called `name` that counts from `first`."""
    return Range(low=first, high=first + SCALE_BOUNDS[name] - 1, order="up")


class Schema:
    """The datasets that one kind of file may hold, by path.

    `name` completes "is no dataset of …".
    """

    def __init__(self, name: str, rows: Iterable[Dataset]):
        self.name = name
        self.datasets: dict[str, Dataset] = {row.path: row for row in rows}
        self.scales = {path: row for path, row in self.datasets.items() if row.is_scale}
        self.required = tuple(path for path, row in self.datasets.items() if row.required)
        self._companions: dict[str, list[str]] = {}
        for row in self.datasets.values():
            if row.companion_of:
                self._companions.setdefault(row.companion_of, []).append(row.path)

    def dims(self, path: str) -> tuple[str, ...]:
        """The dimensions of the dataset at `path`, as the paths of their scales."""
        return self.datasets[path].dims

    def with_scales(self, paths: Iterable[str]) -> set[str]:
        """`paths` and every scale (and a scale's companions: `layer_name`, `bin_edge`) that they need."""
        wanted = set(paths)
        scales = {dim for path in wanted for dim in self.dims(path)}
        return wanted | scales | {name for each in scales for name in self._companions.get(each, ())}

    def problem(
        self, lengths: Mapping[str, int], shapes: Mapping[str, tuple[int, ...]], partial: bool = False
    ) -> str:
        """What is wrong with datasets of these `shapes`, in one line; empty if nothing.

        `lengths` are those of the scales that the configuration decides. `partial` allows what is required to
        be absent, as when only some datasets were read.
        """
        unknown = sorted(set(shapes) - set(self.datasets))
        if unknown:
            return f"`{unknown[0]}` is no dataset of {self.name}"
        missing = [path for path in self.required if path not in shapes and not partial]
        missing += sorted(self.with_scales(shapes) - set(shapes))
        if missing:
            return f"`{missing[0]}` is missing"
        there = {path: shape[0] for path, shape in shapes.items() if path in self.scales and len(shape) == 1}
        for path, shape in shapes.items():
            row = self.datasets[path]
            # A scale's own length is given by the file; everything else has to agree with it.
            expected = tuple(lengths.get(dim, there.get(dim, -1)) for dim in row.dims)
            if shape != expected:
                return f"`{path}` has shape {shape}, not {expected}"
            if any(n < 1 or n > bound for n, bound in zip(shape, row.bounds, strict=True)):
                return f"`{path}` has shape {shape}, over the bounds {row.bounds}"
        for path in shapes:
            if path.endswith("/bin") and there[f"{path}_edge"] != there[path] + 1:
                return f"`{path}_edge` should be one longer than `{path}`"
        return ""
