"""Times the probe of ResNet-20 beside the passes that it looks at.

    python tests/benchmarks/network_probe.py [EXAMPLES [SEEDS [ROUNDS]]]

The passes are values and gradients of every weight by plain `jit`, one seed after another; the probe adds
dC/ds, moments, percentiles and histograms, over seeds in one program. In turns; prints wall and processor
seconds, medians, and what tracing and compiling take.
"""

from __future__ import annotations

import math
import os
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[2]))

import jax
import jax.numpy as jnp

from tests.support.convolutional_networks import resnet
from xavier_cli.nn.losses import LOSSES
from xavier_cli.nn.programs.layers import gather
from xavier_cli.nn.programs.rewriting import rewritten
from xavier_cli.nn.programs.taps import tap
from xavier_cli.statistics.tensor_summary import make_bins
from xavier_cli.training.probes.network_probe import make_network_probe

TENSORS = ("activation", "preactivation", "backprop", "weight_gradient", "weight")


def timed(what: str, function: Callable[[], Any], quiet: bool = False) -> tuple[Any, tuple[float, float]]:
    """What `function` returns, and its wall and processor seconds, printed unless `quiet`."""
    wall, processor = time.perf_counter(), time.process_time()
    answer = jax.block_until_ready(function()) if quiet else function()
    taken = time.perf_counter() - wall, time.process_time() - processor
    if not quiet:
        print(f"{what:28s} {taken[0]:8.1f} s wall {taken[1]:8.1f} s processor", flush=True)
    return answer, taken


def main(examples: int = 300, seeds: int = 5, rounds: int = 3) -> None:
    """Compile both, run them in turns, and print the table."""
    network, loss = resnet(), LOSSES["cross_entropy"]
    x = jax.random.normal(jax.random.key(1), (examples, 32, 32, 3))
    labels = jax.random.randint(jax.random.key(2), (examples,), 0, 10)
    params = jax.jit(jax.vmap(network.init))(jax.random.split(jax.random.key(0), seeds))
    each = [jax.tree.map(lambda leaf, seed=seed: leaf[seed], params) for seed in range(seeds)]

    def mean_loss(params: Any) -> jax.Array:
        return jnp.mean(loss(network.apply(params, x), labels))

    lowered, _ = timed("passes, trace", lambda: jax.jit(jax.value_and_grad(mean_loss)).lower(each[0]))
    passes, _ = timed("passes, compile", lowered.compile)
    tapped, _ = timed("find layers", lambda: tap(rewritten(network.apply, "auto"), each[0], x))
    layers = gather(tapped.layers, tapped.applications)
    bins = {name: make_bins((-math.inf, math.inf)) for name in TENSORS}
    probe = make_network_probe(tapped, layers, lambda logits: logits, loss, bins)
    over_seeds = jax.jit(lambda params: jax.lax.map(lambda each: probe(labels, each, x), params))
    lowered, _ = timed("probe, trace", lambda: over_seeds.lower(params))
    compiled, _ = timed("probe, compile", lowered.compile)
    ways = {"passes": lambda: [passes(seed) for seed in each], "probe": lambda: compiled(params)}
    taken: dict[str, list[tuple[float, float]]] = {name: [] for name in ways}
    for _ in range(rounds):
        for name, run in ways.items():
            taken[name].append(timed(name, run, quiet=True)[1])
    medians = {
        name: [statistics.median(column) for column in zip(*rows, strict=True)]
        for name, rows in taken.items()
    }
    for name, (wall, processor) in medians.items():
        print(f"{name:28s} {wall:8.1f} s wall {processor:8.1f} s processor")
    ratios = [b / a for a, b in zip(medians["passes"], medians["probe"], strict=True)]
    print(f"probe / passes: {ratios[0]:.2f} wall, {ratios[1]:.2f} processor; load {os.getloadavg()[0]:.1f}")


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
