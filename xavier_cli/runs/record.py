"""Defines a run in memory: a configuration and named arrays, whichever file or program they came from."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, get_args

import numpy as np

from xavier_cli.config.run import RunConfig
from xavier_cli.runs.errors import RunFileError
from xavier_cli.vocabulary.datasets import DatasetInfo
from xavier_cli.vocabulary.network_info import NetworkInfo

LIKE_THE_TABLE = 0.05
"""A generated test set's most frequent class may be so much more frequent than the table's."""

Status = Literal["running", "complete", "interrupted"]
SECONDS = ("train_seconds", "compile_seconds", "processor_seconds")
"""The times in a run's provenance: of training, of compilation before it, and of all cores while training."""
TimePart = Literal["updates", "pretraining", "evaluation", "probes", "saving", "compiling", "other"]
PARTS_OF_TIME: tuple[TimePart, ...] = get_args(TimePart)
"""The parts of `train_seconds` and `compile_seconds` together, named in the provenance's `seconds_spent`."""


def spent_seconds(run: Run) -> dict[TimePart, float]:
    """The seconds that each part of making `run` took, in the order of the parts; empty if it is not said.

    What a later version may tell besides is `other`.
    """
    told = run.provenance.get("seconds_spent", {})
    spent: dict[TimePart, float] = {name: told.get(name, 0.0) for name in PARTS_OF_TIME}
    spent["other"] += sum(each for name, each in told.items() if name not in PARTS_OF_TIME)
    return spent if told else {}


@dataclass(frozen=True)
class Run:
    """One configuration, its seeds, and what they left behind.

    `arrays` holds every dataset and scale under its path in the run file without the leading slash
    (`"curves/test_error"`, `"update"`, `"activation/bin_edge"`); `runs.schema` says their dimensions.
    `sources` are the files that a merged run came from; a run from one file has its `path`. `data` is what
    the file says about its data set, which older ones do not: `facts` serves for both. `network` is what is
    known of a custom network, None for `mlp`. `weights` are the
    parameters of a run just trained that was to keep them, each `(S, ...)` by its name in `runs.weights`.
    `tags` and `note` are what people marked it with.
    `chosen` is what a search chose for a setting, empty where nothing was searched; NaN where the file does
    not say what.
    """

    config: RunConfig
    arrays: Mapping[str, np.ndarray]
    status: Status = "complete"
    created_utc: str = ""
    provenance: Mapping[str, Any] = field(default_factory=dict)
    path: Path | None = None
    sources: tuple[Path, ...] = ()
    data: DatasetInfo | None = None
    network: NetworkInfo | None = None
    weights: Mapping[str, np.ndarray] = field(default_factory=dict, repr=False, compare=False)
    tags: tuple[str, ...] = ()
    note: str = ""
    chosen: Mapping[str, float] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "chosen", _chosen(self))

    def __getitem__(self, name: str) -> np.ndarray:
        """The array called `name`; a `KeyError` names what is there."""
        try:
            return self.arrays[name]
        except KeyError:
            raise KeyError(f"no `{name}` in this run; it has: {', '.join(sorted(self.arrays))}") from None

    def __contains__(self, name: str) -> bool:
        return name in self.arrays

    def percentile(self, name: str, which: float) -> np.ndarray | None:
        """One percentile of the array called `name`, whose last axis they are; None where it is not there."""
        place = self.percentile_place(which)
        return None if name not in self or place is None else self[name][..., place]

    def percentile_place(self, which: float) -> int | None:
        """Where one percentile stands on the axis of those that the file has; None where it does not."""
        there = self["percentile"].tolist() if "percentile" in self else []
        return there.index(which) if which in there else None

    @property
    def seeds(self) -> np.ndarray:
        """Shape `(S,)`: the seeds, in the order of every array's first axis."""
        return self["seed"]

    @property
    def begun_utc(self) -> str:
        """When the command began that wrote it last: one that resumed it began after `created_utc`."""
        resumed = self.provenance.get("resumed_utc")
        return str(resumed[-1]) if isinstance(resumed, list) and resumed else self.created_utc

    @property
    def updates(self) -> np.ndarray:
        """Shape `(R,)`: the number of updates done at each record."""
        return self["update"]

    @property
    def diverged(self) -> np.ndarray:
        """Shape `(S,)`: which seeds diverged."""
        return self["final/diverged_at"] >= 0

    @property
    def facts(self) -> DatasetInfo:
        """What is known about the data set: from its name where that says enough, else from the run."""
        # A watched training says itself what its data are: a name does not make them the known set.
        known = None if self.config.is_watched and self.data else self.config.dataset.facts
        facts = _as_known(known, self.data) if known and self.data else self.data or known
        if facts is None:
            raise RunFileError(
                self.path or "a run", f"does not say what its data set is: `{self.config.data}`"
            )
        return facts

    @property
    def label(self) -> str:
        """The file that it is from, or what it holds where it is of no single file."""
        return str(self.path) if self.path else self.config.file_stem()

    @property
    def name(self) -> str:
        """The file that it is from, all of them where it is merged, or what it holds."""
        files = self.sources or ((self.path,) if self.path else ())
        return ", ".join(map(str, files)) or self.config.file_stem()

    @property
    def has_search(self) -> bool:
        """Whether a search chose the rate, and what it found is there: a rescued run may lack it."""
        return bool(self.config.search) and {"search/lr", "search/valid_error"} <= self.arrays.keys()

    def setting(self, name: str) -> Any:
        """The value of a setting that every seed was trained with: the one that was chosen, else the given.

        NaN where a search chose it and the file does not say which; a rate that a watched training did not
        name is NaN, too.
        """
        if name == "lr" and not self.config.applies(name):
            return math.nan
        return self.chosen.get(name, getattr(self.config, name))

    @property
    def lr(self) -> float:
        """The rate that every seed was trained with, as `setting`."""
        return float(self.setting("lr"))

    @property
    def known_lr(self) -> float:
        """`lr`, for whoever trains with it; raises `RunFileError` where it is not known."""
        if math.isnan(self.lr):
            raise RunFileError(self.name, "does not say which rate its search chose")
        return self.lr

    @property
    def on_edge(self) -> tuple[str, ...]:
        """The settings that a search chose the lowest or highest value of: a better one may lie outside."""
        ends = self["search/lr"][[0, -1]].tolist() if self.has_search else []
        return tuple(name for name, value in self.chosen.items() if value in ends)


def _as_known(known: DatasetInfo, facts: DatasetInfo) -> DatasetInfo:
    """`facts` of a file about a known set: no easier than that is, with no other classes."""
    table = {name: getattr(known, name) for name in ("inputs", "classes", "labels", "shape")}
    if abs(facts.top_class - known.top_class) > LIKE_THE_TABLE:
        table["top_class"] = known.top_class
    return facts.model_copy(update=table)


def _chosen(run: Run) -> dict[str, float]:
    if not run.config.search:
        return {}
    rate = run["search/lr"][best_rate(run["search/valid_error"])] if run.has_search else math.nan
    return {"lr": float(rate)}


def best_rate(valid_error: np.ndarray) -> int:
    """Index of the rate with the lowest mean validation error.

    `valid_error` has shape `(rate, search_seed)`; NaN marks a seed that diverged.
    """
    return int(np.argmin(search_means(valid_error)))


def search_means(valid_error: np.ndarray) -> np.ndarray:
    """The means over seeds by which a search chooses, `(rate,)`, of `valid_error` as for `best_rate`.

    A seed that diverged counts as wrong on every example. Files hold what the search found, not the rate that
    it chose, so that this rule, to the last bit, says with which rate they were trained.
    """
    return np.asarray(np.where(np.isnan(valid_error), 1.0, valid_error).mean(axis=1))
