"""Times an update of a small CNN: XLA's convolutions, rewritten ones, and PyTorch eager.

    python tests/benchmarks/convolutions.py [BATCH [MEMBERS [ROUNDS [stride|pool]]]]

Channels 16-32-64 of 3 × 3 on 32 × 32 × 3, ten classes, plain SGD. Each way is a process of its own, since
JAX's threads spin; they take turns, and medians of wall and processor milliseconds per update and member are
printed. `loop` is one compiled loop over updates within one over members, as the engine has on a CPU, `vmap`
the members side by side, and `calls` one call per update.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).parents[2]
UPDATES, EXAMPLES, LR = 10, 1000, 0.01
WAYS = (
    "torch eager",
    "torch one-thread",
    "calls xla",
    "calls canonical",
    "loop xla",
    "loop canonical",
    "loop product",
    "vmap canonical",
    "vmap product",
)


def jax_updates(layout: str, form: str, batch: int, members: int, pooled: bool) -> Callable[[], None]:
    """A function that makes `UPDATES` updates of every member."""
    import jax
    import jax.numpy as jnp
    from jax import lax

    from tests.support.convolutional_networks import cnn
    from xavier_cli.nn.programs.rewriting import rewritten

    network = cnn(pooled=pooled)
    apply = rewritten(network.apply, form)
    x = jax.random.normal(jax.random.key(1), (EXAMPLES, 32, 32, 3))
    labels = jax.random.randint(jax.random.key(2), (EXAMPLES,), 0, 10)

    def update(t, params):
        drawn = jax.random.randint(jax.random.fold_in(jax.random.key(0), t), (batch,), 0, EXAMPLES)

        def loss(params):
            logits = jax.nn.log_softmax(apply(params, x[drawn]))
            return -jnp.mean(jnp.take_along_axis(logits, labels[drawn][:, None], axis=1))

        return jax.tree.map(lambda p, g: p - LR * g, params, jax.grad(loss)(params))

    params = jax.vmap(network.init)(jax.random.split(jax.random.key(0), members))

    def train(params):
        return lax.fori_loop(0, UPDATES, update, params)

    together = {"loop": lambda params: lax.map(train, params), "vmap": jax.vmap(train)}
    if layout in together:
        program = jax.jit(together[layout])
        return lambda: jax.block_until_ready(program(params))
    step = jax.jit(update)
    apart = [jax.tree.map(lambda each, m=m: each[m], params) for m in range(members)]

    def calls():
        for start in apart:
            state = start
            for t in range(UPDATES):
                state = step(t, state)
            jax.block_until_ready(state)

    return calls


def torch_updates(batch: int, members: int, pooled: bool, threads: int | None) -> Callable[[], None]:
    """The same in PyTorch, one call per operation; the members one after another."""
    import torch
    from torch import nn

    if threads:  # on a busy machine several wait for each other
        torch.set_num_threads(threads)

    stride = 1 if pooled else 2
    models = []
    for seed in range(members):
        torch.manual_seed(seed)
        layers = []
        for into, out in ((3, 16), (16, 32), (32, 64)):
            layers += [nn.Conv2d(into, out, 3, stride, padding=1), nn.ReLU()]
            layers += [nn.AvgPool2d(2)] if pooled else []
        models.append(nn.Sequential(*layers, nn.Flatten(), nn.Linear(1024, 10)))
    x, labels = torch.randn(EXAMPLES, 3, 32, 32), torch.randint(0, 10, (EXAMPLES,))
    optimizers = [torch.optim.SGD(model.parameters(), lr=LR) for model in models]

    def updates():
        for model, optimizer in zip(models, optimizers, strict=True):
            for _ in range(UPDATES):
                drawn = torch.randint(0, EXAMPLES, (batch,))
                optimizer.zero_grad(set_to_none=True)
                nn.functional.cross_entropy(model(x[drawn]), labels[drawn]).backward()
                optimizer.step()

    return updates


def work(way: str, batch: int, members: int, pooled: bool) -> None:
    """Measure `way` whenever a line comes in."""
    layout, form = way.split()
    if layout == "torch":
        updates = torch_updates(batch, members, pooled, 1 if form == "one-thread" else None)
    else:
        updates = jax_updates(layout, form, batch, members, pooled)
    began = time.perf_counter()
    updates()
    print(json.dumps(time.perf_counter() - began), flush=True)
    for _ in sys.stdin:
        wall, processor = time.perf_counter(), time.process_time()
        updates()
        taken = time.perf_counter() - wall, time.process_time() - processor
        print(json.dumps([1e3 * each / UPDATES / members for each in taken]), flush=True)


def main(batch: int = 32, members: int = 1, rounds: int = 7, downsampling: str = "stride") -> None:
    """Run all ways in turns and print the table."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    workers, first = {}, {}
    for way in WAYS:
        if way.startswith("vmap") and members == 1:
            continue
        command = [sys.executable, __file__, "--work", way, str(batch), str(members), downsampling]
        worker = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment
        )
        line = worker.stdout.readline()
        if line:
            workers[way], first[way] = worker, json.loads(line)
    taken = {way: [] for way in workers}
    for _ in range(rounds):
        for way, worker in workers.items():
            worker.stdin.write("\n")
            worker.stdin.flush()
            taken[way].append(json.loads(worker.stdout.readline()))
    for worker in workers.values():
        worker.stdin.close()
        worker.wait()
    load = os.getloadavg()[0]
    print(f"batch {batch}, members {members}, {downsampling}, load {load:.1f}; ms per update and member")
    print(f"{'':16s} {'wall':>8s} {'processor':>10s} {'first call, s':>14s}")
    for way, pairs in taken.items():
        wall, processor = (statistics.median(column) for column in zip(*pairs, strict=True))
        print(f"{way:16s} {wall:8.2f} {processor:10.2f} {first[way]:14.1f}", flush=True)


if __name__ == "__main__":
    if sys.argv[1:2] == ["--work"]:
        work(sys.argv[2], int(sys.argv[3]), int(sys.argv[4]), sys.argv[5] == "pool")
    else:
        main(*map(int, sys.argv[1:4]), *sys.argv[4:5])
