"""Prepares the same training in PyTorch, where it is installed, for comparison."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from importlib.util import find_spec
from itertools import pairwise
from typing import Any

import jax
import numpy as np

from xavier_cli.config.run import RunConfig
from xavier_cli.training.bench.programs import (
    BATCH,
    INPUTS,
    LR,
    READY_UPDATES,
    Timed,
    ready_batches,
    sizes_of,
)


def torch_programs(config: RunConfig, compiled: bool) -> tuple[dict[str, Timed], list[str]]:
    """Programs by name, and a line for each that could not be made; none where PyTorch is not installed.

    `eager` and `compiled` train one network, the `ensemble` all seeds at once; fed with ready-made floats.
    """
    if find_spec("torch") is None:
        return {}, ["PyTorch is not installed: nothing to compare with."]
    torch: Any = import_module("torch")
    on_gpu = jax.local_devices()[0].platform == "gpu" and torch.cuda.is_available()
    device = torch.device("cuda" if on_gpu else "cpu")
    torch.manual_seed(0)
    torch.set_float32_matmul_precision("highest")
    ready = ready_batches()
    x = torch.as_tensor(ready.pixels.astype(np.float32) / 127.5 - 1, device=device)
    data = x.reshape(READY_UPDATES, BATCH, INPUTS), _labels(torch, ready.labels, device)
    makers: dict[str, Callable[[], Timed]] = {
        "eager": lambda: _single(torch, config, data, device, wrap=None),
        "ensemble": lambda: _ensemble(torch, config, data, device),
    }
    if compiled:
        makers["compiled"] = lambda: _single(torch, config, data, device, wrap=torch.compile)
    if on_gpu:
        makers["CUDA graph"] = lambda: _graph(torch, config, data, device)
    programs, notes = {}, []
    for name, make in makers.items():
        try:
            programs[name] = make()
            # Compiling is no part of training.
            programs[name].run(2)
        except Exception as error:
            programs.pop(name, None)
            notes.append(f"PyTorch {name} does not run here: {(str(error) or repr(error)).splitlines()[0]}")
    return programs, notes


def _labels(torch: Any, labels: np.ndarray, device: Any) -> Any:
    return torch.as_tensor(labels.astype(np.int64), device=device).reshape(READY_UPDATES, BATCH)


def _model(torch: Any, config: RunConfig, device: Any) -> Any:
    *hidden, last = pairwise(sizes_of(config))
    layers = [part for m, n in hidden for part in (torch.nn.Linear(m, n), torch.nn.Tanh())]
    return torch.nn.Sequential(*layers, torch.nn.Linear(*last)).to(device)


def _single(torch: Any, config: RunConfig, data: Any, device: Any, wrap: Any) -> Timed:
    model = _model(torch, config, device)
    optimizer = torch.optim.SGD(model.parameters(), lr=LR)
    called = wrap(model) if wrap else model

    def run(updates: int) -> None:
        for i in range(updates):
            optimizer.zero_grad(set_to_none=True)
            _loss(torch, called(data[0][i % READY_UPDATES]), data[1][i % READY_UPDATES]).backward()
            optimizer.step()
        _wait(torch, device)

    return Timed(run, 1)


def _ensemble(torch: Any, config: RunConfig, data: Any, device: Any) -> Timed:
    seeds = len(config.seeds)
    models = [_model(torch, config, device) for _ in range(seeds)]
    params, _ = torch.func.stack_module_state(models)
    params = {name: value.detach() for name, value in params.items()}

    def loss(params: Any, x: Any, labels: Any) -> Any:
        return _loss(torch, torch.func.functional_call(models[0], params, (x,)), labels)

    gradients = torch.func.vmap(torch.func.grad(loss), in_dims=(0, None, None))

    def run(updates: int) -> None:
        for i in range(updates):
            found = gradients(params, data[0][i % READY_UPDATES], data[1][i % READY_UPDATES])
            for name, gradient in found.items():
                params[name].sub_(gradient, alpha=LR)
        _wait(torch, device)

    return Timed(run, seeds)


def _graph(torch: Any, config: RunConfig, data: Any, device: Any) -> Timed:
    model = _model(torch, config, device)
    optimizer = torch.optim.SGD(model.parameters(), lr=LR)
    x, labels = data[0][0].clone(), data[1][0].clone()

    def step() -> None:
        optimizer.zero_grad(set_to_none=True)
        _loss(torch, model(x), labels).backward()
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
            x.copy_(data[0][i % READY_UPDATES])
            labels.copy_(data[1][i % READY_UPDATES])
            graph.replay()
        _wait(torch, device)

    return Timed(run, 1)


def _loss(torch: Any, logits: Any, labels: Any) -> Any:
    return torch.nn.functional.cross_entropy(logits, labels)


def _wait(torch: Any, device: Any) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize()
