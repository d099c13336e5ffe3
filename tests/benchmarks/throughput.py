"""Milliseconds per update and seed, as ratios to a bare step timed in the same run.

    python tests/benchmarks/throughput.py [WIDTH ...]

Four seeds of 1024-WIDTH×5-9 at batch 10 over the machine's cores. `bare` is the least that JAX needs:
`value_and_grad` and SGD in a loop over ready-made batches, members mapped and sharded, nothing watched.
`step` is the engine's, with its tests for divergence, over ready-made bytes. `generator` adds Shapeset made
on the fly. `all` adds what a default run does every 1,500 updates: probes, evaluation, the transfer. The
kinds take turns, and medians are printed, since machines are noisy. PyTorch is timed where it is installed.
"""

from __future__ import annotations

import platform
import statistics
import sys
import time
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import numpy as np

from xavier_cli.config import RunConfig
from xavier_cli.training.devices import prepare_devices

SEEDS, DEPTH, BATCH, LR = 4, 5, 10, 0.03
READY_UPDATES = 100
UPDATES_PER_RECORD = 1500
ROUNDS = 7


def bare_program(width: int, updates: int) -> Callable[[], None]:
    """The bare step, written without the engine."""
    import jax
    import jax.numpy as jnp
    from jax.sharding import Mesh, PartitionSpec

    sizes = [1024, *[width] * DEPTH, 9]
    rng = np.random.default_rng(0)
    params = [
        (
            jnp.asarray(rng.uniform(-1, 1, (SEEDS, m, n)) * (6 / (m + n)) ** 0.5, jnp.float32),
            jnp.zeros((SEEDS, n)),
        )
        for m, n in pairwise(sizes)
    ]
    x = jnp.asarray(rng.uniform(-1, 1, (READY_UPDATES, BATCH, 1024)), jnp.float32)
    labels = jnp.asarray(rng.integers(0, 9, (READY_UPDATES, BATCH)), jnp.int32)

    def loss(params, x, labels):
        for weight, bias in params[:-1]:
            x = jnp.tanh(x @ weight + bias)
        logits = x @ params[-1][0] + params[-1][1]
        log_softmax = jax.nn.log_softmax(logits)
        return -jnp.mean(jnp.take_along_axis(log_softmax, labels[:, None], axis=1))

    def member(params, x, labels):
        def update(i, params):
            gradient = jax.grad(loss)(params, x[i % READY_UPDATES], labels[i % READY_UPDATES])
            return jax.tree.map(lambda w, g: w - LR * g, params, gradient)

        return jax.lax.fori_loop(0, updates, update, params)

    mesh = Mesh(np.array(jax.devices()), ("seed",))
    spread, shared = PartitionSpec("seed"), PartitionSpec()
    program = jax.jit(
        jax.shard_map(
            lambda params, x, labels: jax.lax.map(lambda p: member(p, x, labels), params),
            mesh=mesh,
            in_specs=(spread, shared, shared),
            out_specs=spread,
            check_vma=False,
        )
    )
    return lambda: jax.block_until_ready(program(params, x, labels))


def make_engine(width: int, ready: bool):
    """The engine of a default run at `width`, over ready-made bytes or its own generator."""
    from dataclasses import replace

    from xavier_cli.data.sets import Examples
    from xavier_cli.training.engine import Engine
    from xavier_cli.training.examples import prepare
    from xavier_cli.training.feed import FiniteFeed
    from xavier_cli.training.layout import choose_layout
    from xavier_cli.training.population import population_of

    config = RunConfig.of(width=width, depth=DEPTH, batch_size=BATCH, lr=LR, seeds=SEEDS)
    material = prepare(config, None)
    if ready:
        rng = np.random.default_rng(0)
        count = READY_UPDATES * BATCH
        pixels = rng.integers(0, 256, (count, 1024)).astype(np.uint8)
        train = Examples(pixels, rng.integers(0, 9, count).astype(np.int32))
        material = replace(material, feed=FiniteFeed(train, BATCH))
    engine = Engine(population_of(config), material, choose_layout(SEEDS, 1))
    engine.start()
    return engine


def torch_program(width: int, updates: int) -> Callable[[], None] | None:
    """PyTorch's eager step, one seed after the other; None where it is not installed."""
    try:
        import torch
    except ImportError:
        return None
    torch.manual_seed(0)
    x = torch.rand(READY_UPDATES, BATCH, 1024) * 2 - 1
    labels = torch.randint(0, 9, (READY_UPDATES, BATCH))
    sizes = [1024, *[width] * DEPTH]
    layers = [part for m, n in pairwise(sizes) for part in (torch.nn.Linear(m, n), torch.nn.Tanh())]
    model = torch.nn.Sequential(*layers, torch.nn.Linear(width, 9))
    optimizer = torch.optim.SGD(model.parameters(), lr=LR)

    def run() -> None:
        for i in range(updates):
            optimizer.zero_grad(set_to_none=True)
            loss = torch.nn.functional.cross_entropy(model(x[i % READY_UPDATES]), labels[i % READY_UPDATES])
            loss.backward()
            optimizer.step()

    return run


def measure(width: int) -> None:
    """Print one row."""
    updates = max(20, min(400, 40_000_000 // width**2 // 4))
    engines = {"step": make_engine(width, ready=True), "generator": make_engine(width, ready=False)}
    at = dict.fromkeys(engines, 0)

    def advance(name: str) -> None:
        engines[name].advance(at[name], at[name] + updates)
        engines[name].wait()
        at[name] += updates

    def observe() -> None:
        engine = engines["generator"]
        engine.read(engine.observe(updates, 2000))

    kinds: dict[str, Callable[[], None]] = {
        "bare": bare_program(width, updates),
        "step": lambda: advance("step"),
        "generator": lambda: advance("generator"),
        "observe": observe,
    }
    torch = torch_program(width, updates // SEEDS)
    if torch:
        kinds["torch"] = torch
    seconds: dict[str, list[float]] = {name: [] for name in kinds}
    for turn in range(ROUNDS + 1):
        for name, run in kinds.items():
            began = time.perf_counter()
            run()
            if turn:
                seconds[name].append(time.perf_counter() - began)
    per_update = {name: 1e3 * statistics.median(times) / updates / SEEDS for name, times in seconds.items()}
    record = 1e3 * statistics.median(seconds["observe"]) / UPDATES_PER_RECORD / SEEDS
    everything = per_update["generator"] + record
    bare = per_update["bare"]
    parts = (
        f"{width:5}  bare {bare:7.4f}  step {per_update['step'] / bare:5.2f}×  "
        f"generator {per_update['generator'] / bare:5.2f}×  all {everything / bare:5.2f}×"
    )
    # Of one seed's `updates // SEEDS` updates, where the other kinds did `updates` of every seed.
    eager = f"  torch eager {SEEDS**2 * per_update['torch'] / everything:5.1f}× of all" if torch else ""
    print(parts + eager, flush=True)


if __name__ == "__main__":
    prepare_devices(SEEDS)
    import jax

    models = [line for line in Path("/proc/cpuinfo").read_text().splitlines() if "model name" in line]
    processor = models[0].partition(":")[2].strip() if models else platform.processor()
    print(f"{processor}, {len(jax.devices())} devices, jax {jax.__version__}")
    print("ms per update and seed; ratios to bare")
    for width in [int(text) for text in sys.argv[1:]] or [100, 300, 1000]:
        measure(width)
