"""Measures how fast programs train networks, and relates the times to the machine's limits."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any

import jax

from xavier_cli.config.run import RunConfig, delay_of
from xavier_cli.training.bench.limits import Limits
from xavier_cli.training.bench.programs import (
    EngineProgram,
    PlainLoop,
    bare_program,
    ready_batches,
    sizes_of,
)
from xavier_cli.training.bench.pytorch import torch_perceptrons, torch_programs
from xavier_cli.training.bench.turns import Timed, Times, segment_updates, take_turns
from xavier_cli.training.bench.whole_training import time_training, updates_per_record
from xavier_cli.training.engine.batches import ShapesetBatches
from xavier_cli.training.engine.layout import Strategy
from xavier_cli.training.session import Session

BATCH = 10
"""The paper's."""
WHOLE = "with probes and evaluation"
"""What everything together is called, from the parts that were measured."""
TRAIN = "xavier train"
"""What a training itself is called, measured as a whole."""
PLAIN_JAX = "plain JAX loop"
"""What one network's own loop is called."""
_RECORD, _JACOBIANS = "record", "Jacobians"


@dataclass(frozen=True)
class Effort:
    """How thoroughly to measure: medians of `rounds`; whether with every layout of the engine, and with
    PyTorch `compiled`, which takes a minute to make; `records` and `seconds` of a whole training, or more.
    """

    rounds: int
    every_layout: bool
    compiled: bool
    records: int
    seconds: float


THOROUGH = Effort(rounds=5, every_layout=True, compiled=True, records=4, seconds=10)
QUICK = Effort(rounds=2, every_layout=False, compiled=False, records=1, seconds=2)


@dataclass(frozen=True)
class MeasuredRate:
    """How fast one program trains networks: perceptrons of `depth` × `width`, or those called `net`.

    `flops_share` is of the machine's matrix products, `bytes_share` of its reading from memory; None where
    their work is not known.
    """

    width: int | None
    depth: int | None
    what: str
    milliseconds: float
    """Per update and seed."""
    gflops: float | None
    flops_share: float | None
    bytes_share: float | None
    is_rival: bool = False
    """Whether it is PyTorch's."""
    net: str = "mlp"
    batch_size: int = BATCH
    fastest_milliseconds: float | None = None
    """Of all rounds, as the slowest; None where there was one."""
    slowest_milliseconds: float | None = None

    @property
    def network(self) -> str:
        """What the network is called: `5×300`, `resnet:depth=3`."""
        return self.net if self.width is None else f"{self.depth}×{self.width}"


def settings(width: int, depth: int, seeds: int, rule: str = "auto", batch_size: int = BATCH) -> RunConfig:
    """The configuration that is timed: a default run but for its shape."""
    return RunConfig.of(width=width, depth=depth, seeds=seeds, batch_size=batch_size, update_rule=rule)


def measure(
    training: Session,
    limits: Limits,
    effort: Effort = THOROUGH,
    *,
    pytorch: bool = True,
    torch_model: Callable[[], Any] | None = None,
    told: Callable[[str], None] = lambda _: None,
) -> tuple[list[MeasuredRate], list[str]]:
    """The rates of all programs for the network of a `training`, and notes.

    For a perceptron those of PyTorch, too, unless `pytorch` is false; for a custom network where
    `torch_model()` is the same one in PyTorch, whose images have channels first. Raises as `Engine`.
    """
    turns = _Turns(training, told)
    if training.configs[0].network.is_users:
        # One record is like the others, without Jacobians.
        return _measure_network(turns, limits, replace(effort, records=1), torch_model)
    return _measure_perceptron(turns, limits, effort, pytorch)


def _measure_perceptron(
    turns: _Turns, limits: Limits, effort: Effort, pytorch: bool
) -> tuple[list[MeasuredRate], list[str]]:
    config = turns.config
    plain, delayed = (config.with_(update_rule=rule) for rule in ("plain", "delayed:8"))
    turns.add("bare JAX", bare_program(plain), plain)
    layouts: list[Strategy] = ["auto"]
    if effort.every_layout:
        several = len(jax.local_devices()) > 1
        layouts = ["map", "sharded", "vmap"] if several else ["map", "vmap"]
    for layout in layouts:
        turns.add_step(plain, layout)
    turns.add_step(delayed, "auto", "step, delayed:8")
    found, notes = torch_perceptrons(plain, effort.compiled) if pytorch else ({}, [])
    turns.add_rivals(found, plain)
    times = turns.take(effort)
    work = {what: (flops(each), traffic(each)) for what, each in turns.configs.items()}
    return turns.rates(times, work, limits), notes


def _measure_network(
    turns: _Turns, limits: Limits, effort: Effort, torch_model: Callable[[], Any] | None
) -> tuple[list[MeasuredRate], list[str]]:
    config, data = turns.config, turns.data
    loop = PlainLoop(config, data)
    turns.add(PLAIN_JAX, Timed(loop.run, 1), config)
    turns.add_step(config, "auto")
    notes: list[str] = []
    if torch_model is not None:
        batches = ready_batches(config, data, "first")
        found, notes = torch_programs(config, torch_model, batches, effort.compiled)
        turns.add_rivals(found, config)
    times = turns.take(effort)
    return turns.rates(times, dict.fromkeys(times, (loop.flops, None)), limits), notes


_Work = tuple[float | None, float | None]
"""Operations, and bytes of weights that are moved; None where not known."""


class _Turns:
    """The programs for the network of a `training`, timed in turns; and the training itself."""

    def __init__(self, training: Session, told: Callable[[str], None]):
        self.configs: dict[str, RunConfig] = {}
        self._training, self._told = training, told
        self.config, self.data = training.configs[0], training.training_data
        self._programs: dict[str, Timed] = {}
        self._rivals: set[str] = set()

    def add(self, what: str, timed: Timed, config: RunConfig) -> None:
        """Time this program, which trains `config`."""
        self._told(f"{_network(self.config)}, batch {config.batch_size}: {what} compiled")
        self._programs[what], self.configs[what] = timed, config

    def add_step(self, config: RunConfig, layout: Strategy, what: str = "") -> None:
        """Time the engine on ready-made batches; called by its layout, or `what`."""
        program = EngineProgram(config, self.data, layout, ready=True)
        self.add(what or f"step, {program.strategy}", Timed(program.advance, len(config.seeds)), config)

    def add_rivals(self, programs: Mapping[str, Timed], config: RunConfig) -> None:
        """Time PyTorch's programs by name."""
        for name, timed in programs.items():
            self.add(f"PyTorch {name}", timed, config)
            self._rivals.add(f"PyTorch {name}")

    def take(self, effort: Effort) -> dict[str, Times]:
        """The times of all programs, of everything together, and of a training itself."""
        config, seeds = self.config, len(self.config.seeds)
        whole = EngineProgram(config, self.data, "auto", ready=False)
        is_generated = isinstance(self.data.batch_source, ShapesetBatches)
        source = "with generator" if is_generated else "with shuffled data"
        self.add(source, Timed(whole.advance, seeds), config)
        longest = round(updates_per_record(config))
        counts = {what: segment_updates(timed, longest) for what, timed in self._programs.items()}
        looks = {_RECORD: Timed(whole.record, seeds, lead=0)}
        if config.jacobian_updates():
            looks[_JACOBIANS] = Timed(whole.differentiate, seeds, lead=0)
        for timed in looks.values():
            timed.run(1)
        self._told(f"{_network(config)}, batch {config.batch_size}: timing")
        times = take_turns(self._programs | looks, counts | dict.fromkeys(looks, 1), effort.rounds)
        began = time.perf_counter()
        whole.last_record()
        last = (time.perf_counter() - began) / seeds
        looked = [times.pop(what) for what in looks]
        times[WHOLE] = with_looks(config, times[source], last, *looked)
        self._told(f"{_network(config)}, batch {config.batch_size}: training")
        times[TRAIN] = time_training(self._training, effort.records, effort.seconds)
        self.configs |= dict.fromkeys((WHOLE, TRAIN), config)
        return {what: times[what] for what in sorted(times, key=self._rivals.__contains__)}

    def rates(
        self, times: Mapping[str, Times], work: Mapping[str, _Work], limits: Limits
    ) -> list[MeasuredRate]:
        """The rates, from the work of one update."""
        return [self._rate(what, each, *work[what], limits) for what, each in times.items()]

    def _rate(
        self, what: str, times: Times, operations: float | None, moved: float | None, limits: Limits
    ) -> MeasuredRate:
        config = self.config
        is_users, has_rounds = config.network.is_users, times.fastest < times.slowest
        gflops = operations / times.median / 1e9 if operations else None
        return MeasuredRate(
            width=None if is_users else config.widths[0],
            depth=None if is_users else config.depth,
            what=what,
            milliseconds=1e3 * times.median,
            gflops=gflops,
            flops_share=gflops / limits.gflops if gflops else None,
            bytes_share=moved / times.median / 1e9 / limits.memory_gbytes if moved else None,
            is_rival=what in self._rivals,
            net=config.network.short,
            batch_size=config.batch_size,
            fastest_milliseconds=1e3 * times.fastest if has_rounds else None,
            slowest_milliseconds=1e3 * times.slowest if has_rounds else None,
        )


def with_looks(
    config: RunConfig, update: Times, last: float, record: Times, jacobians: Times | None = None
) -> Times:
    """The times of an update with its share of what a whole training of `config` looks at.

    Per update and seed, of an `update` alone; per seed, of a `record`, of the `last` one, which evaluates all
    examples, and of the `jacobians` of one record.
    """
    records, differentiated = len(config.record_updates()), len(config.jacobian_updates())
    looks = [(records - 1) * each + last for each in record]
    if jacobians:
        looks = [look + differentiated * each for look, each in zip(looks, jacobians, strict=True)]
    return Times(*(each + look / config.updates for each, look in zip(update, looks, strict=True)))


def flops(config: RunConfig) -> int:
    """Floating-point operations of one update of one network: three products a layer, two for the first."""
    products = [m * n for m, n in pairwise(sizes_of(config))]
    return config.batch_size * (6 * sum(products) - 2 * products[0])


def traffic(config: RunConfig) -> float:
    """Bytes of weights that one update of one network has to move, were every matrix moved once per product.

    Plain: read forward, read back (but for the first layer), written. Delayed by k: both reads, and a read
    and a write every k-th time.
    """
    products = [m * n for m, n in pairwise(sizes_of(config))]
    reads = 4.0 * (2 * sum(products) - products[0])
    every = delay_of(config.update_rule)
    return reads + 4 * sum(products) * (2 / every if every else 1)


def _network(config: RunConfig) -> str:
    return config.network.short if config.network.is_users else config.shape
