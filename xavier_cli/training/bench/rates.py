"""Times programs in turns, since machines are noisy, and relates the times to the machine's limits."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import pairwise

import jax

from xavier_cli.config.run import RunConfig, delay_of
from xavier_cli.training.bench.limits import Limits
from xavier_cli.training.bench.programs import BATCH, LR, EngineProgram, Timed, bare_program, sizes_of
from xavier_cli.training.bench.pytorch import torch_programs
from xavier_cli.training.engine.layout import Strategy
from xavier_cli.training.engine.training_data import TrainingData

WHOLE = "with probes and evaluation"
"""What everything together is called."""
UPDATES_PER_RECORD = 1000
"""Of a default run: what a look costs is shared by so many updates."""


@dataclass(frozen=True)
class MeasuredRate:
    """How fast one program trains networks of `depth` × `width`.

    `flops_share` is of the machine's matrix products, `bytes_share` of its reading from memory.
    """

    width: int
    depth: int
    what: str
    milliseconds: float
    """Per update and seed."""
    gflops: float
    flops_share: float
    bytes_share: float
    is_rival: bool = False
    """Whether it is PyTorch's."""


def settings(width: int, depth: int, seeds: int, rule: str = "auto") -> RunConfig:
    """The configuration that is timed: a default run but for its shape."""
    return RunConfig.of(
        width=width, depth=depth, seeds=seeds, batch_size=BATCH, lr=LR, update_rule=rule, jacobian_examples=0
    )


def measure_width(
    width: int,
    depth: int,
    seeds: int,
    limits: Limits,
    training_data: TrainingData,
    *,
    rounds: int = 7,
    seconds: float = 0.3,
    rivals: bool = True,
    compiled: bool = True,
    told: Callable[[str], None] = lambda _: None,
) -> tuple[list[MeasuredRate], list[str]]:
    """All programs at one width, and notes; a program's turn lasts about `seconds`, medians of `rounds`.

    `rivals` are PyTorch's, `compiled` its compiled one, which takes a minute to make.
    """
    plain, auto = settings(width, depth, seeds, "plain"), settings(width, depth, seeds)
    programs: dict[str, Timed] = {}
    rules: dict[str, RunConfig] = {}

    def add(what: str, config: RunConfig, timed: Timed) -> None:
        told(f"width {width}: {what} compiled")
        programs[what], rules[what] = timed, config

    def step(what: str, config: RunConfig, strategy: Strategy) -> None:
        add(what, config, Timed(EngineProgram(config, training_data, strategy, ready=True).advance, seeds))

    add("bare JAX", plain, bare_program(plain))
    several = len(jax.local_devices()) > 1
    strategies: list[Strategy] = ["map", "sharded", "vmap"] if several else ["map", "vmap"]
    for strategy in strategies:
        step(f"step, {strategy}", plain, strategy)
    step("step, delayed:8", settings(width, depth, seeds, "delayed:8"), "auto")
    whole = EngineProgram(auto, training_data, "auto", ready=False)
    add("with generator", auto, Timed(whole.advance, seeds))
    notes: list[str] = []
    others: dict[str, Timed] = {}
    if rivals:
        found, notes = torch_programs(plain, compiled)
        others = {f"PyTorch {name}": timed for name, timed in found.items()}
        for what, timed in others.items():
            add(what, plain, timed)

    counts = {what: _updates(timed, seconds) for what, timed in programs.items()}
    programs[WHOLE], rules[WHOLE], counts[WHOLE] = Timed(whole.observe, seeds), auto, 2
    each = take_turns(programs, counts, rounds)
    each[WHOLE] = each["with generator"] + each[WHOLE] / UPDATES_PER_RECORD
    return [_rate(what, each[what], rules[what], limits, what in others) for what in each], notes


def take_turns(programs: Mapping[str, Timed], counts: Mapping[str, int], rounds: int) -> dict[str, float]:
    """Median seconds per update and seed of every program; `counts` are the updates of one turn."""
    seconds: dict[str, list[float]] = {what: [] for what in programs}
    for turn in range(rounds + 1):
        for what, timed in programs.items():
            began = time.perf_counter()
            timed.run(counts[what])
            if turn:
                seconds[what].append((time.perf_counter() - began) / counts[what] / timed.seeds)
    return {what: statistics.median(times) for what, times in seconds.items()}


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


def _updates(timed: Timed, seconds: float) -> int:
    """How many updates last about `seconds`, a multiple of 8; compiles what has not been compiled."""
    timed.run(8)
    began = time.perf_counter()
    timed.run(8)
    return 8 * max(1, min(300, int(seconds / (time.perf_counter() - began))))


def _rate(what: str, seconds: float, config: RunConfig, limits: Limits, is_rival: bool) -> MeasuredRate:
    gflops = flops(config) / seconds / 1e9
    return MeasuredRate(
        width=config.widths[0],
        depth=config.depth,
        what=what,
        milliseconds=1e3 * seconds,
        gflops=gflops,
        flops_share=gflops / limits.gflops,
        bytes_share=traffic(config) / seconds / 1e9 / limits.memory_gbytes,
        is_rival=is_rival,
    )
