"""Compares weight initializations and activations of deep networks, with statistics over seeds.

The commands as functions of the same names, for notebooks and scripts:

    from xavier_cli import RunConfig, compare, read_run, train

    run = train(RunConfig.of(act="tanh", init="normalized", seeds=5), out="runs/tanh.h5")
    run["curves/test_error"]                       # (seed, update), fractions
    compare([run, read_run("runs/other.h5")])      # ranked, tested over seeds

Importing the package imports only the version; each name imports its dependencies at first use.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from xavier_cli.version import __version__

if TYPE_CHECKING:
    from xavier_cli.config.run import RunConfig as RunConfig
    from xavier_cli.errors import XavierError as XavierError
    from xavier_cli.library import compare as compare
    from xavier_cli.library import train as train
    from xavier_cli.runs.reader import read_run as read_run
    from xavier_cli.runs.record import Run as Run
    from xavier_cli.runs.weights import read_weights as read_weights

_HOMES = {
    "RunConfig": "xavier_cli.config.run",
    "Run": "xavier_cli.runs.record",
    "XavierError": "xavier_cli.errors",
    "compare": "xavier_cli.library",
    "read_run": "xavier_cli.runs.reader",
    "read_weights": "xavier_cli.runs.weights",
    "train": "xavier_cli.library",
}
__all__ = ["Run", "RunConfig", "XavierError", "__version__", "compare", "read_run", "read_weights", "train"]


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module `xavier_cli` has no `{name}`; it has: {', '.join(sorted(_HOMES))}")
    return getattr(import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return sorted(__all__)
