"""Runs of custom networks with record 0 alone, made of invented numbers: no network is built or measured."""

from collections.abc import Sequence

import numpy as np

from xavier_cli.config.run import RunConfig
from xavier_cli.runs.initial import initial_run
from xavier_cli.runs.layer_statistics import STATISTICS
from xavier_cli.runs.record import Run
from xavier_cli.statistics.singular_values import EndToEnd
from xavier_cli.vocabulary.network_info import Drawn, LayerInfo, NetworkInfo, ParameterInfo

PROBED = 300
SOURCES = "nets.py with its imports 0123456789abcdef"


def plant_network(
    layers: int = 22,
    net: str = "nets.py:resnet",
    *,
    forward: float = 1.0,
    backward: float = 1.0,
    info: NetworkInfo | None = None,
    bias: bool = False,
    end_to_end: Sequence[EndToEnd] = (),
    **settings: object,
) -> Run:
    """The run of `net` with so many weight layers.

    `forward` and `backward` are the factors by which what leaves a layer, and dC/ds, change per layer up and
    down. Only the output layer has a `bias`, or none. Gradients spread over seeds by a factor of about e.
    `end_to_end` has the singular values of each seed's Jacobian.
    """
    settings = {"data": "mnist", "seeds": 2, "sources": SOURCES, "updates": 0, **settings}
    config = RunConfig.of(net=net, weight_layers=layers, **settings)
    observations = [
        _observation(layers, np.random.default_rng([seed, layers]), forward, backward, bias)
        for seed in config.seeds
    ]
    edges = {tensor: np.linspace(-1, 1, 21) for tensor in ("activation", "backprop", "weight_gradient")}
    return initial_run(
        config,
        observations,
        edges,
        data=None,
        network=info or invented_info(layers, bias=bias),
        provenance={"train_seconds": 0.1, "compile_seconds": 0.2},
        end_to_end=end_to_end,
    )


def plant_trained(net="nets.py:resnet", layers=5, error=0.1, **settings):
    """A run with curves alone, of a custom network as if it had been trained."""
    config = plant_network(layers, net=net, seeds=5, updates=100, **settings).config
    errors = error + np.linspace(0, 0.01, 5)
    curve = np.stack([np.full(5, 0.9), errors], axis=1)
    arrays = {f"curves/{part}_{what}": curve for part in ("valid", "test") for what in ("error", "loss")}
    arrays |= {
        "curves/train_loss": curve,
        "seed": np.arange(5),
        "update": np.array([0, 100]),
        "final/diverged_at": np.full(5, -1),
    }
    return Run(config, arrays, network=invented_info(layers))


def invented_info(layers: int, prefix: str = "blocks", bias: bool = False, **changes: object) -> NetworkInfo:
    """Convolutions of 16 channels, and a dense layer at the end."""
    drawn = Drawn(names=("lecun_normal",), fans=(144, 144), mean=0.0, std=0.083, bound=0.18)

    def layer(number: int) -> LayerInfo:
        if number == layers:
            own = {"kind": "dense", "shape": (16, 10), "fan_in": 16, "fan_out": 10}
            own |= {"bias": "head/bias"} if bias else {}
        else:
            own = {"kind": "convolution", "shape": (3, 3, 16, 16), "fan_in": 144, "fan_out": 144}
            own |= {"receptive_field": 9, "applied": ("relu",)}
        name = "head/kernel" if number == layers else f"{prefix}/{number - 1}/kernel"
        return LayerInfo(name=name, parameter=name, drawn=drawn, **own)

    found = tuple(layer(number) for number in range(1, layers + 1))
    parameters = tuple(
        ParameterInfo(name=each.name, shape=each.shape, role="weight", drawn=drawn) for each in found
    )
    return NetworkInfo(framework="Flax Linen", layers=found, parameters=parameters, **changes)


def _observation(layers, rng, forward, backward, bias):
    """One seed's numbers by path in the run file, without the axes of seeds and records."""
    hidden = layers - 1
    leaving = 0.9 * forward ** np.arange(layers) * rng.lognormal(0, 0.1, layers)
    backprop = 0.1 * backward ** np.arange(layers)[::-1] * rng.lognormal(0, 1)
    known = {
        "leaving/std": leaving,
        "entering/std": np.concatenate([[0.3], leaving[:-1] / 2]),
        "preactivation/std": leaving[:-1],
        "activation/std": leaving[:-1] / 2,
        "backprop/std": backprop[:-1],
        "weight_gradient/std": backprop * 0.01,
        "weight/std": np.full(layers, 0.083) * rng.lognormal(0, 0.01, layers),
        "bias/mean": np.where(np.arange(layers) == hidden, 0.0, np.nan) if bias else np.full(layers, np.nan),
        "activation/saturated": np.full(hidden, np.nan),
        "activation/inactive": np.full(hidden, 0.5),
        "activation/dead": np.full(hidden, 0.0),
    }
    known["bias/std"] = known["bias/mean"]
    observation = {}
    for row in STATISTICS:
        of = layers if row.axis == "weight_layer" else hidden
        known.setdefault(row.path, np.zeros(of))
        if row.path and row.records == "update" and row.dataset not in ("slope", "example_rms"):
            observation[row.path] = np.asarray(known[row.path], np.float32)
    for tensor in ("activation", "backprop", "weight_gradient"):
        of = layers if tensor == "weight_gradient" else hidden
        counts = np.zeros((of, 20), np.int64)
        counts[:, 9:11] = 150
        observation[f"{tensor}/histogram"] = counts
    levels = np.linspace(0, 1, 9, dtype=np.float32)
    observation["activation/percentiles"] = np.tile(levels, (hidden, 1))
    observation["activation/abs_percentiles"] = np.tile(levels, (hidden, 1))
    observation |= {f"curves/{part}_loss": np.float64(2.5) for part in ("valid", "test")}
    observation |= {f"curves/{part}_error": np.float64(0.9) for part in ("valid", "test")}
    return observation
