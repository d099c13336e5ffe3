"""Selects the runs that a claim is judged by, of the right kind and scale, or says what is missing."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Literal, NamedTuple

import numpy as np

from xavier_cli.config.run import RunConfig
from xavier_cli.config.settings import SETTINGS, settings_where
from xavier_cli.findings.claims.few_seeds import fewest_seeds
from xavier_cli.findings.claims.verdict import FewSeedsError, UndecidedError
from xavier_cli.findings.scores import late_error
from xavier_cli.runs.record import Run
from xavier_cli.runs.result import Result
from xavier_cli.statistics.difference import SEEDS_FOR_A_TEST
from xavier_cli.statistics.estimate import late_records

Evidence = Sequence[Run | Result]
"""The evidence for a claim: runs, probes, surfaces and other results, of any configuration."""

Profile = Literal["equal", "shrinking", "growing"]
"""How the widths of hidden layers change from the input up."""


class NetworkKind(NamedTuple):
    """A kind of network: activation, initializer, number of hidden layers, and further features.

    `pretrain` and `optimizer` are names without parameters.
    """

    act: str
    init: str
    depth: int = 5
    pretrain: str = "none"
    bias_init: str = "zeros"
    optimizer: str = "sgd"
    normalization: str = "none"

    def __str__(self) -> str:
        biases = f" with biases {self.bias_init}" if self.bias_init != "zeros" else ""
        normalized = f" with {self.normalization} normalization" if self.normalization != "none" else ""
        depth = f" at depth {self.depth}" if self.depth != 5 else ""
        pretrained = f", pre-trained by {self.pretrain}," if self.pretrain != "none" else ""
        optimizer = f" by {self.optimizer}" if self.optimizer != "sgd" else ""
        return f"{self.act} {self.init}{biases}{normalized}{depth}{pretrained}{optimizer}"


def kind_of(run: Run) -> NetworkKind:
    """The kind of network that `run` trained."""
    config = run.config
    return NetworkKind(
        config.act,
        config.init,
        config.depth,
        config.pretrain.partition(":")[0],
        config.bias_init,
        config.optimizer.partition(":")[0],
        config.normalization,
    )


@dataclass(frozen=True)
class Requirements:
    """The requirements of a claim on every run: minimal numbers of updates, units per layer and seeds.

    `rates` bounds the learning rate, where the claim's thresholds depend on it; `window` gives the updates
    between which five records are required (an end of None is the last); `every` is the widest distance of
    records up to an update, for claims about what came first; `arrays` are required datasets.
    With `updates` 0 the networks are judged at record 0. Unless `is_whole`, a training that was stopped will
    do as far as it went.
    """

    updates: int
    width: int = 300
    rates: tuple[float, float] = (0.0, float("inf"))
    window: tuple[int, int | None] | None = None
    every: tuple[int, int] | None = None
    seeds: int = SEEDS_FOR_A_TEST
    data: str = "shapeset"
    widths: Profile = "equal"
    jacobian_examples: int = 0
    arrays: tuple[str, ...] = ()
    is_whole: bool = True


FREE = {
    *NetworkKind._fields,
    *(name for name, row in SETTINGS.items() if row.detail_of in NetworkKind._fields),
    *settings_where(role="observation"),
    *settings_where(role="layout"),
    *settings_where(is_rounding=True),
    *settings_where(is_searchable=True),
}
"""Settings that may differ between compared runs: those that are compared, those of measurement, and the
learning rate, which is chosen by validation."""


def select_runs(material: Evidence, cells: Sequence[NetworkKind], scale: Requirements) -> tuple[Run, ...]:
    """One run per cell, in order; all meet `scale` and were trained alike.

    Among several such groups the longest training wins, then the widest, then that with the most seeds; among
    learning rates the one with the lowest validation error, as in the paper. Raises `UndecidedError`.
    """
    grouped: list[dict[str, list[Run]]] = []
    for cell in cells:
        groups: dict[str, list[Run]] = {}
        for run in _fit(material, cell, scale):
            # The settings of training do not matter for an untrained network.
            free = FREE if scale.updates else FREE.union(settings_where(role="training"))
            # The paper's gain can be written in more than one way.
            key = run.config.model_dump_json(exclude=free | {"init_gain"})
            groups.setdefault(key, []).append(run)
        grouped.append(groups)
    shared = set.intersection(*(set(groups) for groups in grouped))
    if not shared:
        raise UndecidedError(
            f"needs runs of {_and(cells)} that were trained alike: at equal width, updates and batch size"
        )
    chosen = [tuple(choose(groups[key], scale) for groups in grouped) for key in sorted(shared)]
    return max(
        chosen, key=lambda runs: (runs[0].config.updates, min(runs[0].config.widths), _fewest_seeds(runs))
    )


def select_runs_on_each(
    material: Evidence, cells: Sequence[NetworkKind], scale: Requirements
) -> list[tuple[Run, ...]]:
    """`select_runs` for every data set with runs of the last of `cells`; raises `UndecidedError` if none."""
    found, missing = [], None
    sets = dict.fromkeys(
        run.config.data for run in material if isinstance(run, Run) and kind_of(run) == cells[-1]
    )
    for data in sets or (scale.data,):
        try:
            found.append(select_runs(material, cells, replace(scale, data=data)))
        except UndecidedError as error:
            missing = missing or error
    if missing and not found:
        raise missing
    return found


def _fewest_seeds(runs: Sequence[Run]) -> int:
    return min(len(run.seeds) for run in runs)


def choose(runs: Sequence[Run], scale: Requirements) -> Run:
    """One of `runs` that differ in what is free: the best rate's, or before training that with most seeds.

    A training that was stopped is chosen only where none came to its end.
    """
    runs = [run for run in runs if run.status == "complete"] or runs
    if len(runs) == 1 or not scale.updates:
        return max(runs, key=lambda run: (len(run.seeds), run.config.jacobian_examples))
    return min(runs, key=lambda run: float(late_error(run, "valid").mean()))


def _fit(material: Evidence, cell: NetworkKind, scale: Requirements) -> list[Run]:
    """The runs of `cell` that meet `scale`; raises `UndecidedError` that names what none of them meets."""
    runs = [
        run
        for run in material
        if isinstance(run, Run)
        and not run.config.network.is_users
        # The optimizer does not matter for an untrained network.
        and (kind_of(run) if scale.updates else kind_of(run)._replace(optimizer="sgd")) == cell
        and run.config.data == scale.data
        and _profile(run.config.widths) == scale.widths
        and run.config.init_gain in ("paper", 1.0)
        and run.config.loss == "cross_entropy"
        and _is_bare(run.config, trained=bool(scale.updates))
        and run.config.schedule == "constant"
    ]
    kind = f"{cell}" + (f" ({scale.widths} layers)" if scale.widths != "equal" else "")
    kind += f" on {scale.data}" if scale.data != "shapeset" else ""
    return meeting(runs, scale, kind)


def meeting(runs: Sequence[Run], scale: Requirements, kind: str) -> list[Run]:
    """Those of `runs`, all of one `kind`, that meet `scale`.

    Raises `UndecidedError` that says what none meets.
    """
    if not runs:
        raise UndecidedError(f"needs a run of {kind} {_at(scale)}; there is none")
    left = list(runs)
    for demand in _checks(scale):
        met = [run for run in left if demand.meets(run)]
        if not met:
            missing = FewSeedsError if demand.is_seeds else UndecidedError
            raise missing(f"needs a run of {kind} {demand.words}; {demand.instead(left)}")
        left = met
    return left


def _is_bare(config: RunConfig, trained: bool) -> bool:
    """Whether a cell describes the network, and its training if `trained`, completely."""
    bare = config.with_(normalization="none", optimizer="sgd")
    return bare.is_plain_sgd if trained else not bare.extra_features


def _profile(widths: Sequence[int]) -> Profile | None:
    """The profile of `widths`; None if they rise and fall."""
    steps = np.diff(widths)
    if not steps.any():
        return "equal"
    return "growing" if (steps > 0).all() else "shrinking" if (steps < 0).all() else None


class _Check(NamedTuple):
    meets: Callable[[Run], bool]
    words: str
    instead: Callable[[Sequence[Run]], str]
    is_seeds: bool = False


def _checks(scale: Requirements) -> Iterator[_Check]:
    yield _Check(
        lambda run: run.config.updates >= scale.updates,
        f"with {scale.updates:,} updates or more",
        lambda runs: _most([run.config.updates for run in runs], none="untrained"),
    )
    yield _Check(
        lambda run: run.status == "complete" or not scale.is_whole,
        "trained to its end",
        lambda runs: _of(runs, f"at {max(int(run.updates[-1]) for run in runs):,} updates"),
    )
    yield _Check(
        lambda run: min(run.config.widths) >= scale.width,
        f"at width {scale.width:,} or more",
        lambda runs: _most([min(run.config.widths) for run in runs]),
    )
    low, high = scale.rates
    yield _Check(
        lambda run: not scale.updates or low <= run.lr <= high,
        f"at a learning rate of {low:g} to {high:g}",
        lambda runs: f"{_have(runs)} {', '.join(f'{rate:g}' for rate in sorted({run.lr for run in runs}))}",
    )
    yield _Check(
        lambda run: len(run.seeds) >= fewest_seeds(scale.seeds),
        _seeds_of(scale),
        lambda runs: _most([len(run.seeds) for run in runs]),
        is_seeds=True,
    )
    yield _Check(
        lambda run: run.config.jacobian_examples >= scale.jacobian_examples,
        f"with Jacobians of {scale.jacobian_examples} examples or more",
        lambda runs: _most([run.config.jacobian_examples for run in runs]),
    )
    if scale.window is not None:
        first, last = scale.window
        until = "on" if last is None else f"to {last:,}"
        yield _Check(
            lambda run: inside(run, first, last).sum() >= late_records(0),
            f"with {late_records(0)} records or more from update {first:,} {until}",
            lambda runs: _most([int(inside(run, first, last).sum()) for run in runs]),
        )
    if scale.every is not None:
        distance, until_update = scale.every
        yield _Check(
            lambda run: _widest_gap(run, until_update) <= distance,
            f"with a record at least every {distance:,} updates up to update {until_update:,}",
            lambda runs: f"{_have(runs)} none for {min(_widest_gap(run, until_update) for run in runs):,}",
        )
    for name in scale.arrays:
        yield _Check(
            lambda run, name=name: name in run,  # type: ignore[misc]
            f"with `{name}` recorded",
            lambda runs: f"{_have(runs)} none",
        )
    if not scale.updates:
        yield _Check(
            lambda run: int(run.updates[0]) == 0,
            "measured before training",
            lambda runs: f"{_have(runs)} no record before update {min(int(r.updates[0]) for r in runs):,}",
        )


def _have(runs: Sequence[object]) -> str:
    """The beginning of the sentence about the runs that do not meet a requirement."""
    return "these have" if len(runs) > 1 else "this one has"


def _most(numbers: Sequence[int], none: str = "") -> str:
    """What runs have instead of the number that is required, given each one's, or are if all are 0."""
    if none and not any(numbers):
        return _of(numbers, none)
    return f"{_have(numbers)} {'at most ' * (len(numbers) > 1)}{max(numbers):,}"


def _of(runs: Sequence[object], what: str) -> str:
    return f"these are {what}" if len(runs) > 1 else f"this one is {what}"


def inside(run: Run, first: int, last: int | None) -> np.ndarray:
    """Which records lie from `first` to `last` updates, or to the end for None; boolean, `(R,)`."""
    return np.asarray((run.updates >= first) & (run.updates <= (last or run.updates[-1])))


def _widest_gap(run: Run, until: int) -> int:
    """The widest distance of neighbouring records up to `until` updates, from the start on."""
    updates = np.concatenate([[0], run.updates])
    return int(np.diff(updates[: int(np.searchsorted(updates, until)) + 1]).max(initial=0))


def _at(scale: Requirements) -> str:
    """All requirements in words, where there is no run that could be said to lack one."""
    updates = f"with {scale.updates:,} updates or more" if scale.updates else "at initialization"
    width = f", at width {scale.width:,} or more" if scale.width else ""
    return f"{updates}{width}, {_seeds_of(scale)}"


def _seeds_of(scale: Requirements) -> str:
    return f"with {scale.seeds} seed{'s' * (scale.seeds > 1)} or more"


def _and(cells: Sequence[NetworkKind]) -> str:
    return " and ".join(map(str, cells))
