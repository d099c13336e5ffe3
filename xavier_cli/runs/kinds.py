"""Lists the kinds of files that hold no training: loss surfaces and support vector machines."""

from __future__ import annotations

from collections.abc import Iterable

from xavier_cli.runs.dataset import Dataset
from xavier_cli.runs.result import Result, ResultConfig
from xavier_cli.runs.surface import Surface
from xavier_cli.runs.svm import SupportVectorMachine

RESULTS: dict[str, type[Result]] = {each.kind: each for each in (Surface, SupportVectorMachine)}
"""The kinds, by the word that the reader process is asked for."""

DATASETS: dict[str, Dataset] = {
    path: row for each in RESULTS.values() for path, row in each.schema.datasets.items()
}


def kind_of_datasets(paths: Iterable[str]) -> type[Result] | None:
    """The kind whose datasets these are; None for a run's."""
    paths = list(paths)
    return next(
        (each for each in RESULTS.values() if any(path in each.schema.datasets for path in paths)), None
    )


def kind_of_config(config: ResultConfig) -> type[Result]:
    """The kind that has configurations like `config`."""
    return next(each for each in RESULTS.values() if each.config_type is type(config))
