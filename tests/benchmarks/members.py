"""Times an update of custom networks: five members trained together by the engine, and PyTorch eager.

    XAVIER_DATA_DIR=… python tests/benchmarks/members.py [NETWORK[:BATCH] …]

Networks: `mlp` (784-100-100-100-10 on MNIST), `transformer` (the recipes', 2 blocks of width 32 on 16
patches), `transformer-wide` (6 blocks of width 64), `cnn` (16-32-64 channels), on CIFAR-10; plain SGD. Each
way is a process of its own, and they take turns; medians of wall and processor milliseconds per update and
member are printed, and PyTorch's over xavier's. PyTorch has its own default threads, and one.
"""

from __future__ import annotations

import json
import math
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
MEMBERS, EXAMPLES, LR = 5, 1000, 0.001
WAYS = ("xavier", "torch", "torch one-thread")
RECIPES = ROOT / "recipes" / "networks"
NETWORKS = {
    "mlp": (f"{__file__}:mlp", "mnist", 200),
    "cnn": (f"{__file__}:cnn", "cifar10", 10),
    "transformer": (f"{RECIPES}/transformer.py:transformer:depth=2,heads=2,width=32", "cifar10", 50),
    "transformer-wide": (f"{RECIPES}/transformer.py:transformer:depth=6,heads=4,width=64", "cifar10", 10),
}
"""The network, its data, and how many updates are timed at once."""
DEFAULT = ("mlp:10", "mlp:32", "transformer:32", "transformer-wide:32", "cnn:32", "cnn:10")


def mlp(inputs: tuple[int, ...], classes: int) -> Any:
    """Three hidden layers of 100 units of tanh."""
    import jax
    import jax.numpy as jnp

    sizes = [math.prod(inputs), 100, 100, 100, classes]
    draw = jax.nn.initializers.glorot_uniform()

    def init(key: Any) -> Any:
        keys = jax.random.split(key, 4)
        return [(draw(k, shape), jnp.zeros(shape[1])) for k, shape in zip(keys, pairwise(sizes), strict=True)]

    def apply(params: Any, x: Any) -> Any:
        x = x.reshape(len(x), -1)
        for w, b in params[:-1]:
            x = jnp.tanh(x @ w + b)
        return x @ params[-1][0] + params[-1][1]

    return init, apply


def cnn(inputs: tuple[int, ...], classes: int) -> Any:
    """Three convolutions of 16, 32 and 64 channels, the last two with stride 2, and the mean of the map."""
    import jax
    import jax.numpy as jnp

    channels = [inputs[-1], 16, 32, 64]
    draw = jax.nn.initializers.he_normal()

    def init(key: Any) -> Any:
        keys = jax.random.split(key, 4)
        shapes = [(3, 3, channels[i], channels[i + 1]) for i in range(3)] + [(64, classes)]
        return [(draw(k, shape), jnp.zeros(shape[-1])) for k, shape in zip(keys, shapes, strict=True)]

    def apply(params: Any, x: Any) -> Any:
        for i, (w, b) in enumerate(params[:-1]):
            stride = (2, 2) if i else (1, 1)
            numbers = ("NHWC", "HWIO", "NHWC")
            x = jax.nn.relu(jax.lax.conv_general_dilated(x, w, stride, "SAME", dimension_numbers=numbers) + b)
        return x.mean((1, 2)) @ params[-1][0] + params[-1][1]

    return init, apply


def xavier_updates(name: str, batch: int) -> Callable[[], None]:
    """A function that makes the updates of every member by the engine, on all cores."""
    from xavier_cli.config.run import RunConfig
    from xavier_cli.training.engine.engine import Engine
    from xavier_cli.training.engine.layout import choose_layout
    from xavier_cli.training.engine.population import population_of
    from xavier_cli.training.session import session

    net, data, updates = NETWORKS[name]
    config = RunConfig.of(
        net=net, data=data, batch_size=batch, seeds=tuple(range(MEMBERS)), updates=10**6, records="2", lr=LR
    )
    begun = session(config, Path(os.environ["XAVIER_DATA_DIR"]))
    engine = Engine(population_of(begun.configs[0]), begun.training_data, choose_layout(MEMBERS, 1))
    engine.start(wanted=("init", "advance"))
    done = 0

    def run() -> None:
        nonlocal done
        engine.advance(done, done + updates)
        engine.wait()
        done += updates

    return run


def torch_model(name: str) -> Any:
    """The same network in PyTorch."""
    import torch
    from torch import nn
    from torch.nn import functional

    class Block(nn.Module):
        def __init__(self, width: int, heads: int):
            super().__init__()
            self.heads = heads
            self.norm1, self.norm2 = nn.LayerNorm(width), nn.LayerNorm(width)
            self.query, self.key, self.value, self.out = (nn.Linear(width, width) for _ in range(4))
            self.up, self.down = nn.Linear(width, 4 * width), nn.Linear(4 * width, width)

        def forward(self, x: Any) -> Any:
            shape, h = x.shape, self.norm1(x)
            parts = (
                each(h).view(*shape[:2], self.heads, -1).transpose(1, 2)
                for each in (self.query, self.key, self.value)
            )
            mixed = functional.scaled_dot_product_attention(*parts)
            x = x + self.out(mixed.transpose(1, 2).reshape(shape))
            return x + self.down(functional.gelu(self.up(self.norm2(x)), approximate="tanh"))

    class Transformer(nn.Module):
        def __init__(self, depth: int, width: int, heads: int):
            super().__init__()
            self.stem = nn.Conv2d(3, width, 8, 8)
            self.position = nn.Parameter(0.02 * torch.randn(16, width))
            self.blocks = nn.Sequential(*(Block(width, heads) for _ in range(depth)))
            self.norm, self.head = nn.LayerNorm(width), nn.Linear(width, 10)

        def forward(self, x: Any) -> Any:
            x = self.stem(x).flatten(2).transpose(1, 2) + self.position
            return self.head(self.norm(self.blocks(x)).mean(1))

    if name == "mlp":
        sizes = (784, 100, 100, 100)
        hidden = [each for a, b in pairwise(sizes) for each in (nn.Linear(a, b), nn.Tanh())]
        return nn.Sequential(*hidden, nn.Linear(100, 10)), torch.rand(EXAMPLES, 784)
    x = torch.rand(EXAMPLES, 3, 32, 32)
    if name == "cnn":
        pairs = ((3, 16, 1), (16, 32, 2), (32, 64, 2))
        layers = [each for a, b, s in pairs for each in (nn.Conv2d(a, b, 3, s, 1), nn.ReLU())]
        return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(64, 10)), x
    return Transformer(*((2, 32, 2) if name == "transformer" else (6, 64, 4))), x


def torch_updates(name: str, batch: int, threads: int | None) -> Callable[[], None]:
    """The updates of one network, one call per operation."""
    import torch
    from torch.nn import functional

    if threads:
        torch.set_num_threads(threads)
    model, x = torch_model(name)
    labels = torch.randint(0, 10, (EXAMPLES,))
    optimizer = torch.optim.SGD(model.parameters(), lr=LR)

    def run() -> None:
        for _ in range(NETWORKS[name][2]):
            drawn = torch.randint(0, EXAMPLES, (batch,))
            optimizer.zero_grad()
            functional.cross_entropy(model(x[drawn]), labels[drawn]).backward()
            optimizer.step()

    return run


def work(way: str, name: str, batch: int) -> None:
    """Measure `way` whenever a line comes in."""
    if way == "xavier":
        run, members = xavier_updates(name, batch), MEMBERS
    else:
        run, members = torch_updates(name, batch, 1 if "one" in way else None), 1
    run()
    print("ready", flush=True)
    for _ in sys.stdin:
        wall, processor = time.perf_counter(), time.process_time()
        run()
        taken = time.perf_counter() - wall, time.process_time() - processor
        print(json.dumps([1e3 * each / NETWORKS[name][2] / members for each in taken]), flush=True)


def main(*asked: str, rounds: int = 7) -> None:
    """Run all ways in turns and print a table per network."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    for each in asked or DEFAULT:
        name, _, batch = each.partition(":")
        workers = {}
        for way in WAYS:
            command = [sys.executable, __file__, "--work", way, name, batch or "32"]
            worker = subprocess.Popen(
                command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment
            )
            if worker.stdout.readline() == "ready\n":
                workers[way] = worker
        taken: dict[str, list[list[float]]] = {way: [] for way in workers}
        for _ in range(rounds):
            for way, worker in workers.items():
                worker.stdin.write("\n")
                worker.stdin.flush()
                taken[way].append(json.loads(worker.stdout.readline()))
        for worker in workers.values():
            worker.stdin.close()
            worker.wait()
        print(f"{name}, batch {batch or 32}, load {os.getloadavg()[0]:.1f}; ms per update and member")
        print(f"{'':18s} {'wall':>8s} {'processor':>10s} {'wall ratio':>11s}")
        medians = {
            way: [statistics.median(column) for column in zip(*pairs, strict=True)]
            for way, pairs in taken.items()
        }
        for way, (wall, processor) in medians.items():
            ratio = wall / medians["xavier"][0]
            print(f"{way:18s} {wall:8.3f} {processor:10.3f} {ratio:11.2f}", flush=True)


if __name__ == "__main__":
    if sys.argv[1:2] == ["--work"]:
        work(sys.argv[2], sys.argv[3], int(sys.argv[4]))
    else:
        main(*sys.argv[1:])
