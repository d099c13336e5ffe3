"""Prepares the same training in PyTorch, where it is installed, for comparison."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import contextmanager
from importlib import import_module
from importlib.util import find_spec
from itertools import pairwise
from typing import Any, NamedTuple

import jax
import numpy as np

from xavier_cli.config.run import RunConfig
from xavier_cli.training.bench.programs import READY_UPDATES, ReadyBatches, ready_batches, sizes_of
from xavier_cli.training.bench.turns import Timed


class _Task(NamedTuple):
    """What is trained: networks that `make` makes, by SGD of rate `lr`, on batches that lie on `device`."""

    torch: Any
    make: Callable[[], Any]
    lr: float
    x: Any
    labels: Any
    device: Any


def torch_perceptrons(config: RunConfig, compiled: bool) -> tuple[dict[str, Timed], list[str]]:
    """`torch_programs` of the perceptron of `config`, on ready-made batches of Shapeset's size."""
    return torch_programs(config, lambda: _perceptron(config), ready_batches(config), compiled)


def torch_programs(
    config: RunConfig, make: Callable[[], Any], batches: ReadyBatches, compiled: bool
) -> tuple[dict[str, Timed], list[str]]:
    """Programs by name, and a line for each that could not be made; none where PyTorch is not installed.

    `make()` is a module that takes batches of `batches.x`. `eager` and `compiled` train one network, the
    `ensemble` all seeds at once. Of `config` they have seeds and rate.
    """
    if find_spec("torch") is None:
        return {}, ["PyTorch is not installed: nothing to compare with."]
    torch: Any = import_module("torch")
    on_gpu = jax.local_devices()[0].platform == "gpu" and torch.cuda.is_available()
    device = torch.device("cuda" if on_gpu else "cpu")
    torch.manual_seed(0)
    torch.set_float32_matmul_precision("highest")
    x = torch.as_tensor(batches.x, device=device)
    labels = torch.as_tensor(batches.labels.astype(np.int64), device=device)
    assert isinstance(config.lr, float)
    task = _Task(torch, lambda: make().to(device), config.lr, x, labels, device)
    makers: dict[str, Callable[[], Timed]] = {
        "eager": lambda: _single(task),
        "ensemble": lambda: _ensemble(task, len(config.seeds)),
    }
    if not on_gpu and torch.get_num_threads() > 1:
        # Small products are faster without threads.
        makers["eager, 1 thread"] = lambda: _single(task, threads=1)
    if compiled:
        makers["compiled"] = lambda: _single(task, wrap=torch.compile)
    if on_gpu:
        makers["CUDA graph"] = lambda: _graph(task)
    programs, notes = {}, []
    for name, made in makers.items():
        try:
            programs[name] = made()
            # Compiling is no part of training.
            programs[name].run(2)
        except Exception as error:
            programs.pop(name, None)
            notes.append(f"PyTorch {name} does not run here: {(str(error) or repr(error)).splitlines()[0]}")
    return programs, notes


def _perceptron(config: RunConfig) -> Any:
    torch: Any = import_module("torch")
    *hidden, last = pairwise(sizes_of(config))
    layers = [part for m, n in hidden for part in (torch.nn.Linear(m, n), torch.nn.Tanh())]
    return torch.nn.Sequential(*layers, torch.nn.Linear(*last))


def _single(task: _Task, wrap: Any = None, threads: int | None = None) -> Timed:
    model = task.make()
    optimizer = task.torch.optim.SGD(model.parameters(), lr=task.lr)
    called = wrap(model) if wrap else model

    def run(updates: int) -> None:
        with _threads(task.torch, threads):
            for i in range(updates):
                optimizer.zero_grad(set_to_none=True)
                _loss(task, called(task.x[i % READY_UPDATES]), task.labels[i % READY_UPDATES]).backward()
                optimizer.step()
            _wait(task)

    return Timed(run, 1)


@contextmanager
def _threads(torch: Any, number: int | None) -> Any:
    """Compute with so many threads, or as PyTorch likes."""
    before = torch.get_num_threads()
    torch.set_num_threads(number or before)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def _ensemble(task: _Task, seeds: int) -> Timed:
    torch, models = task.torch, [task.make() for _ in range(seeds)]
    params, _ = torch.func.stack_module_state(models)
    params = {name: value.detach() for name, value in params.items()}

    def loss(params: Any, x: Any, labels: Any) -> Any:
        return _loss(task, torch.func.functional_call(models[0], params, (x,)), labels)

    gradients = torch.func.vmap(torch.func.grad(loss), in_dims=(0, None, None))

    def run(updates: int) -> None:
        for i in range(updates):
            found = gradients(params, task.x[i % READY_UPDATES], task.labels[i % READY_UPDATES])
            for name, gradient in found.items():
                params[name].sub_(gradient, alpha=task.lr)
        _wait(task)

    return Timed(run, seeds)


def _graph(task: _Task) -> Timed:
    torch, model = task.torch, task.make()
    optimizer = torch.optim.SGD(model.parameters(), lr=task.lr)
    x, labels = task.x[0].clone(), task.labels[0].clone()

    def step() -> None:
        optimizer.zero_grad(set_to_none=True)
        _loss(task, model(x), labels).backward()
        optimizer.step()

    # A graph is captured after some steps on a stream of their own, as PyTorch's manual asks.
    side = torch.cuda.Stream()
    side.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(side):
        for _ in range(3):
            step()
    torch.cuda.current_stream().wait_stream(side)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        step()

    def run(updates: int) -> None:
        for i in range(updates):
            x.copy_(task.x[i % READY_UPDATES])
            labels.copy_(task.labels[i % READY_UPDATES])
            graph.replay()
        _wait(task)

    return Timed(run, 1)


def _loss(task: _Task, logits: Any, labels: Any) -> Any:
    return task.torch.nn.functional.cross_entropy(logits, labels)


def _wait(task: _Task) -> None:
    if task.device.type == "cuda":
        task.torch.cuda.synchronize()
