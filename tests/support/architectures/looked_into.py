"""Describes a network without computing anything, and writes its layers as lines of text."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax

from tests.support.drawn_numbers import normal
from xavier_cli.nn.adapters.network import adapt
from xavier_cli.nn.inspection.description import describe
from xavier_cli.nn.programs.layers import gather
from xavier_cli.nn.programs.taps import tap
from xavier_cli.vocabulary.network_info import NetworkInfo


def look_into(make: Callable[[Any], Any], inputs: tuple[int, ...]) -> NetworkInfo:
    """What is known of the network that `make(key)` returns, on three examples."""
    key = jax.random.key(0)
    x = normal(0, 3, *inputs)
    network = adapt(make, x[:1], key)
    params, state = jax.eval_shape(network.init, key)

    def logits(params: Any, x: Any, state: Any, key: Any) -> Any:
        return network.apply(params, state, x, key, "look")[0]

    tapped = tap(logits, params, x, state, key)
    assert jax.eval_shape(lambda *given: tapped.run(*given)[0], params, x, state, key).shape == (3, 10)
    layers = gather(tapped.layers, tapped.applications)
    return describe(network.framework, tapped, layers, params, {}, ())


def in_lines(info: NetworkInfo) -> list[str]:
    """One line per layer: name, fans, uses, bias and functions where there are some."""
    return [
        f"{layer.name} {layer.fan_in}>{layer.fan_out}"
        + (f" x{layer.uses}" if layer.uses > 1 else "")
        + (f" +{layer.bias}" if layer.bias else "")
        + "".join(f" {function}" for function in layer.applied)
        for layer in info.layers
    ]
