"""Defines the `Run` of notebooks and scripts: the record of a run that converts, plots and shows itself."""

from __future__ import annotations

import os
from collections.abc import Collection
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from xavier_cli.runs import reader, record

if TYPE_CHECKING:
    import pandas
    import xarray
    from matplotlib.figure import Figure


class Run(record.Run):
    """One configuration, its seeds, and all that was recorded of them.

        run = xavier_cli.read_run("runs/tanh.h5")
        run.config.act, run.seeds, run.updates       # settings; (S,) seeds; (R,) updates at each record
        run["curves/test_error"]                     # (seed, update), fractions: arrays as in the file
        run.to_dataframe("curves")                   # pandas
        run.to_xarray("activation")["std"]           # xarray, with named dimensions
        run.plot("saturation").savefig("a.pdf")      # matplotlib

    Arrays have the names and shapes of the run file (README, "The run file"): S seeds by R records by L
    layers, from the input up. At the end of a notebook's cell it shows errors and layers as `xavier train`
    does.
    """

    @classmethod
    def of(cls, run: record.Run) -> Self:
        """`run`, as read or trained, as a `Run` with these methods."""
        return cls(**{each.name: getattr(run, each.name) for each in fields(run) if each.init})

    def to_dataframe(self, group: str | None = None) -> pandas.DataFrame:
        """What was recorded as a tidy `pandas.DataFrame`; needs pandas (`pip install pandas`).

            run.to_dataframe()                       # long: seed, update, layer, diverged, metric, value
            run.to_dataframe("curves")               # seed, update, diverged, train_loss, … test_error
            run.to_dataframe("activation")           # seed, update, layer, diverged, activation_std, …
            run.to_dataframe("curves").groupby("update").test_error.mean()

        Without a `group`: one row per seed, record, layer and metric, S·R rows for each curve and S·R·L for
        each statistic of layers; `layer` is `<NA>` where there is none, and counts from the input up, depth
        + 1 being the output layer. With one: one row per seed, record and layer, S·R or S·R·L rows, and a
        column per metric. Metrics are called as in JSON; errors and shares are fractions, 0 to 1.

        Seeds that diverged count as in every table: from that update on their error is that of chance, and
        anything else NaN. `diverged` marks all rows of such a seed. Histograms, spectra and single answers
        are arrays, not metrics: `to_xarray` has them.

        Raises `MissingPackageError` without pandas, and `KeyError` with the groups that there are.
        """
        from xavier_cli.library import frames

        return frames.long_frame(self) if group is None else frames.wide_frame(self, group)

    def to_xarray(self, group: str | None = None) -> xarray.DataTree | xarray.Dataset:
        """All arrays with named dimensions; needs xarray (`pip install xarray`).

            run.to_xarray()                          # a DataTree: one group per tensor, as in the file
            run.to_xarray("activation")["std"].mean("seed").plot(hue="layer")
            run.to_xarray("weight_gradient")["histogram"].sel(update=0, layer=1)

        Without a `group` it is an `xarray.DataTree`, with one an `xarray.Dataset` with its coordinates
        (`seed`, `update`, `layer`, …). Names, shapes and numbers are those of the run file, also of seeds
        that diverged; every variable has `long_name` and `units`, the root the configuration and status.

        Raises `MissingPackageError` without xarray, and `KeyError` with the groups that there are.
        """
        from xavier_cli.library import frames

        return frames.tree(self) if group is None else frames.dataset(self, group)

    def plot(self, kind: str = "curves", **options: Any) -> Figure:
        """A figure of this run as a `matplotlib.figure.Figure`; as `xavier_cli.plot([run], kind, **options)`.

        run.plot("saturation", layers=[1, 3, 5])
        run.plot("activations", record="last").savefig("activations.pdf")
        """
        from xavier_cli.library.plotting import plot

        return plot([self], kind, **options)

    def __repr__(self) -> str:
        from xavier_cli.library.display import run_text

        return run_text(self)

    def _repr_html_(self) -> str:
        """What a notebook shows: errors over seeds, and layers, as `xavier train` prints them."""
        from xavier_cli.library.display import run_html

        return run_html(self)


def read_run(path: str | os.PathLike[str], only: Collection[str] | None = None) -> Run:
    """Read and verify the run file at `path`, in a process that can do nothing else.

        run = xavier_cli.read_run("runs/tanh.h5")

    With `only`, names of arrays, no others are read, which is quicker for large files. Raises
    `RunFileError`, one line that says what is wrong with the file.
    """
    return Run.of(reader.read_run(Path(path), only))
