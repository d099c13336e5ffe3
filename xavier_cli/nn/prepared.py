"""TEMPORARY until the helper's room comes."""

from __future__ import annotations

from dataclasses import dataclass

import jax
import numpy as np

from xavier_cli.nn.adapters.network import UserNetwork, adapt
from xavier_cli.nn.programs.layers import WeightLayer, gather
from xavier_cli.nn.programs.taps import TappedNetwork, named_leaves, tap
from xavier_cli.vocabulary.network_info import LayerInfo, NetworkInfo, ParameterInfo


@dataclass(frozen=True)
class Prepared:
    network: UserNetwork
    tapped: TappedNetwork
    layers: tuple[WeightLayer, ...]
    info: NetworkInfo


def prepare(make, inputs, classes, word):
    import jax.numpy as jnp

    x = jax.ShapeDtypeStruct((300, *inputs), jnp.float32)
    net = adapt(make, jnp.zeros((1, *inputs)), jax.random.key(0))
    params, state = jax.eval_shape(net.init, jax.random.key(0))

    def logits(params, x, state, key):
        return net.apply(params, state, x, key, "look")[0]

    t = tap(logits, params, x, state, jax.random.key(1))
    layers = gather(t.layers, t.applications)
    names = {l.name for l in layers}
    info = NetworkInfo(
        framework=net.framework,
        layers=tuple(
            LayerInfo(
                name=l.name,
                parameter=l.name,
                kind=l.kind,
                shape=l.shape,
                fan_in=l.fan_in,
                fan_out=l.fan_out,
                uses=len(l.uses),
                applied=tuple(a.function for a, _ in l.applied),
            )
            for l in layers
        ),
        parameters=tuple(
            ParameterInfo(name=n, shape=v.shape, role="weight" if n in names else "other")
            for n, v in named_leaves(params)
        ),
    )
    return Prepared(net, t, layers, info)


def drawn_parameters(prepared, params, state):
    leaves = {n: np.asarray(v) for n, v in named_leaves(params)}
    return leaves, [leaves.get(l.name, np.zeros(1)) for l in prepared.layers]
