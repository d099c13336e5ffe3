"""Runs of custom networks, made of invented numbers, in which the claims about them hold."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from support.network_runs import plant_network
from xavier_cli.runs.record import Run
from xavier_cli.runs.schema import dims
from xavier_cli.vocabulary.network_info import Drawn, LayerInfo, NetworkInfo, ParameterInfo

FOLDER = "recipes/networks"


def drawn(name: str) -> Drawn:
    """Numbers from the distribution `name`."""
    std = 0.0 if name == "zeros" else 0.1
    return Drawn(names=(name,), fans=(144, 144), mean=0.0, std=std, bound=3 * std)


def info(
    names: Sequence[str], by: str = "he_normal", *, normalized: bool = False, **laws: str
) -> NetworkInfo:
    """A network with layers of these `names`, convolutions but for the last.

    `laws` has the distributions of those layers whose names end otherwise: `last="zeros"`.
    """

    def layer(name: str) -> LayerInfo:
        law = next((law for end, law in laws.items() if name.endswith(f"{end}/kernel")), by)
        own = {"kind": "convolution", "shape": (3, 3, 16, 16), "fan_in": 144, "fan_out": 144}
        own |= {"receptive_field": 9, "applied": ("relu",)}
        if name == names[-1]:
            own = {"kind": "dense", "shape": (16, 10), "fan_in": 16, "fan_out": 10}
        return LayerInfo(name=name, parameter=name, drawn=drawn(law), **own)

    layers = tuple(map(layer, names))
    parameters = [ParameterInfo(name=each.name, shape=each.shape, role="weight") for each in layers]
    if normalized:
        parameters.append(ParameterInfo(name="norm/scale", shape=(16,), role="other"))
    return NetworkInfo(framework="JAX", layers=layers, parameters=tuple(parameters))


def planted(net: str, network: NetworkInfo, **settings: object) -> Run:
    """The run of `net` on CIFAR-10 with 5 seeds, at record 0 unless there are `updates`."""
    settings = {"data": "cifar10", "seeds": 5, **settings}
    run = plant_network(len(network.layers), f"{FOLDER}/{net}", info=network, **settings)
    updates = np.array(run.config.record_updates())
    return replace(
        run,
        arrays={
            name: np.repeat(array, len(updates), 1) if "update" in dims(name)[1:2] else array
            for name, array in {**run.arrays, "update": updates}.items()
        },
    )


def convolutions(init: str, errors: Sequence[float], by: str = "", **settings: object) -> Run:
    """30 layers of ReLU convolutions; `errors` are those of the first and the second half of the training.

    Drawn `by` their own code, or redrawn by `init`.
    """
    names = ["stem/kernel", *[f"layers/{at}/kernel" for at in range(28)], "head/kernel"]
    settings = {"updates": 2_000, "records": 21, "batch_size": 32, "lr": 0.01, "init": init, **settings}
    run = planted("cnn.py:cnn:depth=30", info(names, by or init), **settings)
    curve = np.where(run.updates < run.updates[-1] / 2, *errors)
    spread = np.random.default_rng(len(by or init)).normal(0, 0.003, (len(run.seeds), 1))
    both = {f"curves/{part}_error": curve + spread for part in ("test", "valid")}
    return replace(run, arrays={**run.arrays, **both})


def residual(growth: float, blocks: int = 16, *, zero: bool = False, **settings: object) -> Run:
    """A residual network whose stream has `growth` times the variance after every block."""
    parts = [f"blocks/{at}/{part}/kernel" for at in range(blocks) for part in ("first", "last")]
    names = ["stem/kernel", *parts, "head/kernel"]
    normalized = bool(settings.pop("normalized", False))
    by = str(settings.pop("by", "he_normal"))
    network = info(names, by, normalized=normalized, **({"last": "zeros"} if zero else {}))
    net = f"resnet.py:resnet:depth={blocks}" + ",zero=true" * zero
    run = planted(net, network, **settings)
    square = np.ones(len(names))
    square[1:-1] = growth ** np.repeat(np.arange(blocks), 2)
    noise = np.random.default_rng(blocks).lognormal(0, 0.05, (len(run.seeds), 1, len(names)))
    weights = np.where([zero and "last" in name for name in names], 0.0, 0.083)
    arrays = {
        "entering/mean": np.sqrt(square / 3) * noise,
        "entering/std": np.sqrt(2 * square / 3) * noise,
        "weight/std": np.broadcast_to(weights, noise.shape),
    }
    return replace(run, arrays={**run.arrays, **arrays})


def transformer(norm: str, depth: int, exponent: float, **settings: object) -> Run:
    """A transformer whose last layer has a gradient that goes with this power of its depth."""
    parts = ("query", "key", "value", "out", "up", "down")
    names = ["embed/kernel", *[f"blocks/{at}/{part}/kernel" for at in range(depth) for part in parts]]
    by = str(settings.pop("by", "normalized"))
    network = info([*names, "head/kernel"], by, normalized=True)
    run = planted(f"transformer.py:transformer:depth={depth},norm={norm}", network, **settings)
    noise = np.random.default_rng([depth, len(norm)]).lognormal(0, 0.05, (len(run.seeds), 1))
    std = np.array(run["weight_gradient/std"], np.float64)
    std[..., -2] = 0.01 * depth**exponent * noise
    return replace(run, arrays={**run.arrays, "weight_gradient/std": std})


def holding() -> list[Run]:
    """Runs in which all three claims hold."""
    return [
        convolutions("he_normal", (0.7, 0.55)),
        convolutions("glorot_normal", (0.9, 0.9)),
        residual(1.9),
        residual(1.0, zero=True),
        *(transformer("pre", depth, -0.42) for depth in (2, 4, 8, 16)),
        *(transformer("post", depth, 0.01) for depth in (2, 4, 8, 16)),
    ]
