"""Compares weight initializations and activations of deep networks, with statistics over seeds.

The commands as functions of the same names, for notebooks and scripts:

    from xavier_cli import compare, plot, read_run, train

    run = train(act="tanh", init="normalized", seeds=5, out="runs/tanh.h5")
    other = read_run("runs/other.h5")
    run.to_dataframe("curves")                     # a row per seed and record; needs pandas
    run.to_xarray("activation")["std"]             # (seed, update, layer); needs xarray
    plot([run, other], "curves")                   # a matplotlib Figure
    compare([run, other])                          # ranked, tested over seeds

    with watch(model, "runs/mine.h5", examples=(x, y)) as run:     # a loop of your own, PyTorch's or JAX's
        ...

Importing the package imports only the version; each name imports its dependencies at first use.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from xavier_cli.version import __version__

if TYPE_CHECKING:
    from xavier_cli.config.run import RunConfig as RunConfig
    from xavier_cli.errors import XavierError as XavierError
    from xavier_cli.library.comparison import Comparison as Comparison
    from xavier_cli.library.comparison import compare as compare
    from xavier_cli.library.plotting import plot as plot
    from xavier_cli.library.run import Run as Run
    from xavier_cli.library.run import read_run as read_run
    from xavier_cli.library.training import train as train
    from xavier_cli.library.watching.watch import watch as watch
    from xavier_cli.runs.weights import read_weights as read_weights

_HOMES = {
    "Comparison": "xavier_cli.library.comparison",
    "Run": "xavier_cli.library.run",
    "RunConfig": "xavier_cli.config.run",
    "XavierError": "xavier_cli.errors",
    "compare": "xavier_cli.library.comparison",
    "plot": "xavier_cli.library.plotting",
    "read_run": "xavier_cli.library.run",
    "read_weights": "xavier_cli.runs.weights",
    "train": "xavier_cli.library.training",
    "watch": "xavier_cli.library.watching.watch",
}
__all__ = [
    "Comparison",
    "Run",
    "RunConfig",
    "XavierError",
    "__version__",
    "compare",
    "plot",
    "read_run",
    "read_weights",
    "train",
    "watch",
]


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module `xavier_cli` has no `{name}`; it has: {', '.join(sorted(_HOMES))}")
    return getattr(import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return sorted(__all__)
