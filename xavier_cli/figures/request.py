"""Selects the data of a run for a figure: seeds, layers, record and tensor."""

from __future__ import annotations

import inspect
import os
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

import numpy as np

from xavier_cli.errors import ExitCode, XavierError
from xavier_cli.figures.page_options import PageOptions, parse_dpi, parse_limits, parse_size
from xavier_cli.runs.counting import known_records, layers_of, records_of
from xavier_cli.runs.record import Run
from xavier_cli.vocabulary.grammar import distinct, items, parse_seeds
from xavier_cli.vocabulary.tensors import TENSORS


class UnsuitableRunError(XavierError, ValueError):
    """The run lacks data that a figure needs; the message names what the run has."""

    exit_code = ExitCode.USAGE


@dataclass(frozen=True)
class Reading:
    """Test errors that were read off a published figure, for the curve of runs with the settings of `row`.

    `percents` are after so many `updates`, both of the same length.
    """

    row: Mapping[str, object]
    updates: tuple[int, ...]
    percents: tuple[float, ...]

    def is_of(self, run: Run) -> bool:
        """Whether `run` is of the network that it was read for."""
        return all(str(getattr(run.config, name)) == str(value) for name, value in self.row.items())


@dataclass(frozen=True)
class PlotRequest:
    """The options of a figure; None means all, or the default of the figure.

    `record` is `first`, `last` or a number of updates; `together` draws all runs in one panel; `metric`
    names curves, separated by commas, and `facet` the settings that have a panel for each of their values.
    `readings` are drawn beside the curves of test errors that they are of.
    """

    layers: tuple[int, ...] | None = None
    seeds: tuple[int, ...] | None = None
    record: str | None = None
    tensor: str | None = None
    together: bool = False
    metric: str | None = None
    facet: str | None = None
    page: PageOptions = field(default_factory=PageOptions)
    readings: tuple[Reading, ...] = ()

    @classmethod
    def of(
        cls,
        *,
        layers: object = None,
        seeds: object = None,
        record: object = None,
        tensor: str | None = None,
        together: bool = False,
        metric: str | Sequence[str] | None = None,
        facet: str | Sequence[str] | None = None,
        logx: bool = False,
        logy: bool = False,
        ylim: object = None,
        size: object = None,
        dpi: int | None = None,
        title: str | None = None,
        caption: bool = True,
        no_caption: bool = False,
        style: str | os.PathLike[str] | None = None,
    ) -> PlotRequest:
        """The request of the options of `xavier plot`, by their names: as typed there, or as Python values.

        `layers` and `seeds` may be numbers or sequences of them, `size` inches, `size` and `ylim` pairs, and
        `metric` and `facet` sequences of names. Raises `UnsuitableRunError` that names a wrong option.
        """
        width, height = (None, None) if size is None else _read("size", parse_size, size)
        return cls(
            layers=None if layers is None else _read("layers", _layers, layers),
            seeds=None if seeds is None else _read("seeds", _seeds, seeds),
            record=None if record is None else str(record),
            tensor=tensor,
            together=together,
            metric=_joined(metric),
            facet=_joined(facet),
            page=PageOptions(
                width=width,
                height=height,
                dpi=None if dpi is None else _read("dpi", parse_dpi, dpi),
                title=title or "",
                has_caption=caption and not no_caption,
                style=os.fspath(style or ""),
                log_x=logx,
                log_y=logy,
                y_limits=None if ylim is None else _read("ylim", parse_limits, ylim),
            ),
        )


OPTIONS = tuple(inspect.signature(PlotRequest.of).parameters)
"""The options of a figure, by their names at `xavier plot` and in `xavier_cli.plot`."""

T = TypeVar("T")


def suitable(runs: Sequence[Run], take: Callable[[Run], T]) -> tuple[list[Run], list[T], list[str]]:
    """The runs that have the data which `take` returns, those data, and a note for every other run.

    Raises `UnsuitableRunError` where no run has them.
    """
    kept: list[Run] = []
    taken: list[T] = []
    notes: list[str] = []
    for run in runs:
        name = run.path.name if run.path else run.config.file_stem()
        try:
            taken.append(take(run))
            kept.append(run)
        except UnsuitableRunError as error:
            notes.append(f"skipped: {name}: {error}")
    if not kept:
        more = f" (and {len(notes) - 1} more like it)" if len(notes) > 1 else ""
        raise UnsuitableRunError((notes[0].removeprefix("skipped: ") if notes else "no runs") + more)
    return kept, taken, notes


def values(run: Run, name: str) -> np.ndarray:
    """The array `name` of `run`; raises `UnsuitableRunError` that names the tensors in the run."""
    if name in run:
        return run[name]
    group, _, rest = name.partition("/")
    has = sorted({key.split("/")[0] for key in run.arrays if "/" in key} - {"final", "search"})
    missing = f"{rest} of {group}" if group in has else group
    raise UnsuitableRunError(f"no `{missing}` recorded; it has: {', '.join(has) or 'nothing'}")


def times(run: Run) -> np.ndarray:
    """The updates at the records, `(R,)`; raises `UnsuitableRunError` where the only record is at 0."""
    if run.updates[-1] == 0:
        raise UnsuitableRunError("nothing over time: only the record at update 0")
    return run.updates


def seed_rows(run: Run, seeds: Sequence[int] | None) -> np.ndarray:
    """Indices of `seeds` along the first axis of a run's arrays; of all seeds for None."""
    if seeds is None:
        return np.arange(len(run.seeds))
    return _indices("seed", run.seeds, seeds)


def counted(
    run: Run, array: str | np.ndarray, seeds: Sequence[int] | None, at: int | None = None
) -> np.ndarray:
    """What counts of an array of layers over `seeds`, at all records or the one with the index `at`.

    Raises `UnsuitableRunError` where every seed had diverged.
    """
    if isinstance(array, str):
        values(run, array)
    rows = seed_rows(run, seeds)
    known = known_records(run, rows, records_of(array) if isinstance(array, str) else "update")
    if not known.any():
        raise UnsuitableRunError("every seed diverged before the first record")
    if at is not None and not known[at]:
        raise UnsuitableRunError("every seed had diverged by that record; choose an earlier one")
    found = layers_of(run, array, rows)
    return found if at is None else found[:, at]


def layer_columns(run: Run, layers: Sequence[int] | None, scale: str = "layer") -> np.ndarray:
    """Indices of `layers` along an axis with the scale `layer` or `weight_layer`.

    None means all hidden layers, without the output layer, whose gradients differ in size.
    """
    there = run[scale]
    if layers is None:
        if not run.config.depth:
            raise UnsuitableRunError("a network of one weight layer has no hidden layers")
        return np.flatnonzero(there <= run.config.depth)
    return _indices("layer", there, layers)


def record_row(run: Run, record: str, scale: str = "update") -> int:
    """Index of the record `first`, `last`, or at a number of updates (`20000` or `20k`)."""
    there = values(run, scale)
    if len(there) == 0:
        raise UnsuitableRunError(f"no records on `{scale}`")
    if record in ("first", "last"):
        return 0 if record == "first" else len(there) - 1
    return int(_indices("record after update", there, [parse_record(record)])[0])


def parse_record(text: str) -> int:
    """The number of updates in `20000`, `20k` or `2.5M`."""
    match = re.fullmatch(r"(\d+(?:\.\d+)?)([kM]?)", text.replace("_", ""))
    if not match:
        raise UnsuitableRunError(f"record `{text}` should be `first`, `last` or a number of updates")
    return round(float(match[1]) * {"": 1, "k": 1_000, "M": 1_000_000}[match[2]])


def parse_tensor(text: str, known: Sequence[str]) -> str:
    """The tensor among `known` that is called `text` (`weight_gradient` or `weight-gradient`)."""
    word = text.replace("-", "_")
    if word in known:
        return word
    hint = "is not drawn here" if word in TENSORS else "is no tensor"
    raise UnsuitableRunError(f"`{text}` {hint}: choose from {', '.join(known)}")


def names_in(text: str, option: str) -> Sequence[str]:
    """The names in `text`, with commas between them; raises `UnsuitableRunError`."""
    return _read(option, lambda value: distinct(items(value)), text)


def _read(option: str, parse: Callable[[Any], T], value: Any) -> T:
    try:
        return parse(value)
    except (ValueError, TypeError) as error:
        raise UnsuitableRunError(f"--{option}: {error}") from None


def _layers(given: Any) -> tuple[int, ...]:
    words = items(given) if isinstance(given, str) else given if isinstance(given, Iterable) else [given]
    try:
        layers = tuple(map(int, words))
    except (ValueError, TypeError):
        layers = ()
    if not layers:
        raise ValueError(f"`{given}` should be layers like 1,3,5")
    return tuple(distinct(layers))


def _seeds(given: object) -> tuple[int, ...]:
    seeds = parse_seeds(given)
    chosen = tuple(map(int, seeds)) if isinstance(seeds, Iterable) else ()
    if not chosen:
        raise ValueError(f"`{given}` names no seed")
    return tuple(distinct(chosen))


def _joined(names: str | Sequence[str] | None) -> str | None:
    return names if names is None or isinstance(names, str) else ",".join(names)


def _indices(what: str, there: np.ndarray, wanted: Sequence[int]) -> np.ndarray:
    position = {int(value): index for index, value in enumerate(there)}
    missing = [value for value in wanted if value not in position]
    if missing:
        raise UnsuitableRunError(f"no {what} {missing[0]}; it has: {_listed(there)}")
    return np.array([position[value] for value in dict.fromkeys(wanted)], dtype=int)


def _listed(there: np.ndarray) -> str:
    numbers = [int(value) for value in there]
    if len(numbers) > 2 and numbers == list(range(numbers[0], numbers[-1] + 1)):
        return f"{numbers[0]} to {numbers[-1]}"
    if len(numbers) > 24:
        return f"{', '.join(map(str, numbers[:3]))}, … {numbers[-1]} ({len(numbers)} of them)"
    return ", ".join(map(str, numbers))
