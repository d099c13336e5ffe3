"""One perceptron in many writings, with the same weights: how far their statistics are from `mlp`'s.

`python -m tests.support.equivalence` prints the table, statistic by statistic.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from tests.support.drawn_numbers import normal
from xavier_cli.nn import mlp
from xavier_cli.nn.activations import make_activation
from xavier_cli.nn.adapters.network import adapt
from xavier_cli.nn.losses import LOSSES
from xavier_cli.nn.programs.layers import gather
from xavier_cli.nn.programs.taps import tap
from xavier_cli.statistics.tensor_summary import make_bins
from xavier_cli.theory.saturation import find_regions
from xavier_cli.training.probes.network_probe import make_network_probe
from xavier_cli.training.probes.probe import Observation, make_probe
from xavier_cli.vocabulary.resolve import find_activation

SIZES = (20, 12, 12, 9, 10)
HIDDEN = SIZES[1:]
TANH = find_activation("tanh")
ONLY_OF_PERCEPTRONS = {"weight_gradient/example_rms", "logits/from_bias_std", "logits/from_weights_std"}

Tree = Any
Writing = tuple[Callable[[Any], Any], Callable[[mlp.Params], Tree]]
"""The function that makes the network, and the tree of parameters that holds given weights."""


def by_hand() -> Writing:
    """As a pair of functions."""

    def apply(params: Tree, x: Any) -> Any:
        for layer in params[:-1]:
            x = jnp.tanh(x @ layer["w"] + layer["b"])
        return x @ params[-1]["w"] + params[-1]["b"]

    def init(key: Any) -> Tree:
        return placed(mlp.init_params(key, SIZES, jax.nn.initializers.normal(1.0)))

    def placed(params: mlp.Params) -> Tree:
        return [{"w": layer.weight, "b": layer.bias} for layer in params]

    return lambda key: (init, apply), placed


def linen() -> Writing:
    """In Flax Linen."""
    import flax.linen as nn

    class Network(nn.Module):
        @nn.compact
        def __call__(self, x: Any) -> Any:
            for number, units in enumerate(HIDDEN[:-1]):
                x = nn.tanh(nn.Dense(units, name=f"layer{number}")(x))
            return nn.Dense(HIDDEN[-1], name=f"layer{len(HIDDEN) - 1}")(x)

    def placed(params: mlp.Params) -> Tree:
        return {f"layer{at}": {"kernel": each.weight, "bias": each.bias} for at, each in enumerate(params)}

    return lambda key: Network(), placed


def nnx() -> Writing:
    """In Flax NNX."""
    from flax import nnx

    class Network(nnx.Module):
        def __init__(self, rngs: Any):
            pairs = zip(SIZES, HIDDEN, strict=False)
            self.layers = nnx.List([nnx.Linear(*each, rngs=rngs) for each in pairs])

        def __call__(self, x: Any) -> Any:
            *hidden, last = self.layers
            for layer in hidden:
                x = nnx.tanh(layer(x))
            return last(x)

    def placed(params: mlp.Params) -> Tree:
        return {"layers": {at: {"kernel": p.weight, "bias": p.bias} for at, p in enumerate(params)}}

    return lambda key: Network(nnx.Rngs(key)), placed


def equinox() -> Writing:
    """In Equinox, whose matrices are transposed and whose network is called on one example."""
    import equinox as eqx

    class Network(eqx.Module):
        layers: list[Any]

        def __init__(self, key: Any):
            keys = jax.random.split(key, len(HIDDEN))
            self.layers = [
                eqx.nn.Linear(*each, key=key) for *each, key in zip(SIZES, HIDDEN, keys, strict=False)
            ]

        def __call__(self, x: Any) -> Any:
            for layer in self.layers[:-1]:
                x = jnp.tanh(layer(x))
            return self.layers[-1](x)

    def make(key: Any) -> Any:
        return Network(key)

    def placed(params: mlp.Params) -> Tree:
        network, _ = eqx.partition(make(jax.random.key(0)), eqx.is_array)
        return eqx.tree_at(
            lambda each: [part for layer in each.layers for part in (layer.weight, layer.bias)],
            network,
            [part for layer in params for part in (layer.weight.T, layer.bias)],
        )

    return make, placed


def haiku() -> Writing:
    """In Haiku."""
    import haiku as hk

    def network(x: Any) -> Any:
        return hk.nets.MLP(HIDDEN, activation=jnp.tanh, name="mlp")(x)

    def placed(params: mlp.Params) -> Tree:
        return {f"mlp/~/linear_{at}": {"w": p.weight, "b": p.bias} for at, p in enumerate(params)}

    return lambda key: hk.without_apply_rng(hk.transform(network)), placed


WRITINGS: dict[str, Callable[[], Writing]] = {
    "by hand": by_hand,
    "flax.linen": linen,
    "flax.nnx": nnx,
    "equinox": equinox,
    "haiku": haiku,
}


@cache
def mlps() -> Observation:
    """The statistics of `mlp`'s own probe."""
    params, x, labels = _material()
    act = make_activation(TANH)
    probe = make_probe(act, LOSSES["cross_entropy"], find_regions(act, TANH.range), _bins())
    return jax.jit(probe)(params, x, labels)


def written(name: str) -> Observation:
    """The statistics of the same perceptron, written otherwise, with the same weights."""
    params, x, labels = _material()
    make, placed = WRITINGS[name]()
    return look(make, placed(params), x, labels, _bins()).statistics


class Look(NamedTuple):
    """What a network with given weights puts out, `(examples, classes)`, and its layers and statistics."""

    logits: np.ndarray
    layers: list[str]
    statistics: Observation


def look(make: Callable[[Any], Any], own: Tree, x: Any, labels: Any, bins: Mapping[str, Any]) -> Look:
    """The network that `make` makes with the parameters `own`, which have the structure of those it draws."""
    network = adapt(make, x[:1], jax.random.key(0))
    drawn, state = network.init(jax.random.key(1))
    assert jax.tree.structure(own) == jax.tree.structure(drawn)
    key = jax.random.key(2)

    def logits(params: Any, x: Any, state: Any) -> Any:
        return network.apply(params, state, x, key, "look")[0]

    tapped = tap(logits, own, x, state)
    layers = gather(tapped.layers, tapped.applications)
    probe = make_network_probe(tapped, layers, lambda logits: logits, LOSSES["cross_entropy"], bins)
    statistics = jax.jit(probe)(labels, own, x, state)
    return Look(np.asarray(logits(own, x, state)), [layer.name for layer in layers], statistics)


def differences(name: str) -> dict[str, float]:
    """Of each statistic the largest difference from `mlp`'s over layers, in terms of the largest value."""
    expected, found = mlps(), written(name)
    assert {*expected} - {*found} == ONLY_OF_PERCEPTRONS
    far = {}
    for path in sorted({*expected} & {*found}):
        a, b = np.asarray(found[path], np.float64), np.asarray(expected[path], np.float64)
        assert a.shape == b.shape, path
        scale = np.max(np.abs(b)) or 1.0
        far[path] = float(np.max(np.abs(a - b)) / scale)
    return far


def _material() -> tuple[mlp.Params, Any, Any]:
    key = jax.random.key(3)
    params = jax.jit(mlp.init_params, static_argnums=(1, 2, 3))(
        key, SIZES, jax.nn.initializers.lecun_normal(), lambda at, fans: 0.1 * jnp.arange(fans[1])
    )
    rng = np.random.default_rng(3)
    return params, normal(3, 30, SIZES[0]), jnp.asarray(rng.integers(0, 10, 30), jnp.int32)


def _bins() -> dict[str, Any]:
    return {"activation": make_bins(TANH.range), "weight_gradient": make_bins((-np.inf, np.inf))}


def _print_table() -> None:
    columns = {
        name: differences(name)
        for name in WRITINGS
        if name == "by hand" or importlib.util.find_spec(name.partition(".")[0])
    }
    print("| statistic | " + " | ".join(columns) + " |")
    print("|---|" + "---|" * len(columns))
    for path in next(iter(columns.values())):
        print(f"| {path} | " + " | ".join(f"{each[path]:.1g}" for each in columns.values()) + " |")


if __name__ == "__main__":
    _print_table()
