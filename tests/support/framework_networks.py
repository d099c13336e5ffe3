"""One small network with convolution, batch normalization and dropout, as each framework writes it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax


def linen() -> Callable[[Any], Any]:
    """In Flax Linen."""
    import flax.linen as nn

    class Network(nn.Module):
        @nn.compact
        def __call__(self, x: Any, train: bool) -> Any:
            x = nn.BatchNorm(use_running_average=not train)(nn.Conv(8, (3, 3))(x))
            x = nn.Dropout(0.5, deterministic=not train)(nn.relu(x))
            return nn.Dense(10)(x.mean((1, 2)))

    return lambda key: Network()


def nnx() -> Callable[[Any], Any]:
    """In Flax NNX."""
    from flax import nnx

    class Network(nnx.Module):
        def __init__(self, rngs: Any):
            self.first = nnx.Conv(3, 8, (3, 3), rngs=rngs)
            self.norm = nnx.BatchNorm(8, rngs=rngs)
            self.drop = nnx.Dropout(0.5, rngs=rngs)
            self.last = nnx.Linear(8, 10, rngs=rngs)

        def __call__(self, x: Any) -> Any:
            return self.last(self.drop(nnx.relu(self.norm(self.first(x)))).mean((1, 2)))

    return lambda key: Network(nnx.Rngs(key))


def equinox() -> Callable[[Any], Any]:
    """In Equinox, whose convolutions have the channels first."""
    import equinox as eqx

    class Network(eqx.Module):
        first: Any
        norm: Any
        drop: Any
        last: Any

        def __init__(self, key: Any):
            first, last = jax.random.split(key)
            self.first = eqx.nn.Conv2d(3, 8, 3, padding=1, key=first)
            self.norm = eqx.nn.BatchNorm(8, axis_name="batch", mode="batch")
            self.drop = eqx.nn.Dropout(0.5)
            self.last = eqx.nn.Linear(8, 10, key=last)

        def __call__(self, x: Any, state: Any, *, key: Any = None) -> Any:
            x, state = self.norm(self.first(x.transpose(2, 0, 1)), state)
            return self.last(self.drop(jax.nn.relu(x), key=key).mean((1, 2))), state

    return lambda key: eqx.nn.make_with_state(Network)(key)


def haiku() -> Callable[[Any], Any]:
    """In Haiku, whose dropout is a function and not switched off."""
    import haiku as hk

    def network(x: Any, is_training: bool) -> Any:
        x = hk.BatchNorm(True, True, 0.9)(hk.Conv2D(8, 3)(x), is_training)
        x = jax.nn.relu(x)
        if is_training:
            x = hk.dropout(hk.next_rng_key(), 0.5, x)
        return hk.Linear(10)(x.mean((1, 2)))

    return lambda key: hk.transform_with_state(network)


FRAMEWORKS = {"flax.linen": linen, "flax.nnx": nnx, "equinox": equinox, "haiku": haiku}
