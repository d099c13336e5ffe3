"""Looks at custom networks at initialization: draws them with every seed, and measures their layers."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from xavier_cli.config.run import RunConfig
from xavier_cli.data.coding import decode
from xavier_cli.data.layout import as_examples
from xavier_cli.data.sets import Examples
from xavier_cli.data.spread import spread_over
from xavier_cli.nn.adapters.network import UserNetwork
from xavier_cli.nn.inspection.draws import drawn_parameters
from xavier_cli.nn.inspection.prepare import Prepared
from xavier_cli.nn.inspection.redraw import make_redraw
from xavier_cli.nn.losses import LOSSES, Loss
from xavier_cli.runs.initial import initial_run
from xavier_cli.runs.record import Run
from xavier_cli.statistics.singular_values import EndToEnd
from xavier_cli.statistics.tensor_summary import Bins
from xavier_cli.training.engine.architectures.finding import bins_of, find_layers
from xavier_cli.training.engine.training_data import TrainingData
from xavier_cli.training.keys import Purpose, seed_key
from xavier_cli.training.probes.end_to_end import make_end_to_end
from xavier_cli.training.probes.network_probe import make_network_probe


@dataclass(frozen=True)
class Looked:
    """What a look at a custom network gave: a run with record 0 alone, whose `network` has no distributions
    yet, and the numbers that tell them.

    `draws` has every parameter's, one array per seed, `layer_draws` every layer's effective weight.
    """

    run: Run
    draws: Mapping[str, Sequence[np.ndarray]]
    layer_draws: Sequence[Sequence[np.ndarray]]


def look(config: RunConfig, data: TrainingData, note: Callable[[str], None] = lambda _: None) -> Looked:
    """Draw the network of `config` with each of its seeds, and measure it on the probe examples.

    Losses and errors are of the first `eval_examples` for validation and testing. `note` is told in a line
    what is being done. Raises as `find_layers`.
    """
    facts = data.facts
    assert facts is not None

    def examples(of: Examples, most: int | None = None) -> tuple[Array, Array]:
        pixels = np.asarray(decode(jnp.asarray(of.pixels[:most]), config.pixel_range))
        return jnp.asarray(as_examples(pixels, facts.shape, "last")), jnp.asarray(of.labels[:most])

    began = time.perf_counter()
    probe = examples(data.probe)
    note(f"{config.network.short}: finding its layers")
    prepared = find_layers(config, data)
    config = config.with_(weight_layers=len(prepared.layers))
    loss, bins = LOSSES[config.loss], bins_of(prepared.layers)
    observe = _observation(prepared, loss, bins, probe)
    evaluate = _evaluation(prepared.network, loss)
    chosen = spread_over(len(probe[0]), config.jacobian_examples)
    differentiate = make_end_to_end(prepared, probe[0], chosen.tolist()) if len(chosen) else None
    parts = {
        "valid": examples(data.valid, config.eval_examples),
        "test": examples(data.test, config.eval_examples),
    }
    init = jax.jit(prepared.network.init)
    redraw = make_redraw(prepared, config)
    seen: list[dict[str, np.ndarray]] = []
    jacobians: list[EndToEnd] = []
    drawn: list[Any] = []
    for number, seed in enumerate(config.seeds, 1):
        note(f"{config.network.short}: seed {number} of {len(config.seeds)}")
        params, state = init(seed_key(seed, Purpose.WEIGHTS))
        params = redraw(params, seed_key(seed, Purpose.WEIGHTS), seed_key(seed, Purpose.BIASES))
        noise = seed_key(seed, Purpose.DROPOUT)
        found = jax.device_get(observe(params, state, noise))
        for name, part in parts.items():
            found |= {
                f"curves/{name}_{what}": value
                for what, value in evaluate(params, state, noise, *part).items()
            }
        if differentiate is not None:
            jacobians.append(differentiate(params, state, seed_key(seed, Purpose.DROPOUT)))
        seen.append({path: np.asarray(value) for path, value in found.items()})
        drawn.append(jax.device_get(params))
    run = initial_run(
        config,
        seen,
        {tensor: each.edges for tensor, each in bins.items()},
        data=facts,
        network=prepared.info,
        end_to_end=jacobians,
        provenance={"train_seconds": round(time.perf_counter() - began, 3)},
    )
    draws = drawn_parameters(prepared, jax.tree.map(lambda *each: np.stack(each), *drawn))
    return Looked(
        run, {name: [*each] for name, each in draws.parameters.items()}, [[*each] for each in draws.layers]
    )


def _observation(
    prepared: Prepared, loss: Loss, bins: Mapping[str, Bins], examples: tuple[Array, Array]
) -> Callable[[Any, Any, Array], dict[str, Array]]:
    """The compiled probe: `(params, state, key) -> statistics` by path in the run file."""
    x, labels = examples
    measure = make_network_probe(prepared.tapped, prepared.layers, lambda logits: logits, loss, bins)
    return jax.jit(lambda params, state, key: measure(labels, params, x, state, key))


def _evaluation(network: UserNetwork, loss: Loss) -> Callable[..., dict[str, Array]]:
    """The compiled loss and error: `(params, state, key, x, labels) -> numbers`, as the network is used.

    The key is for networks that ask for one in use too, whether or not they draw anything.
    """

    def evaluate(params: Any, state: Any, key: Array, x: Array, labels: Array) -> dict[str, Array]:
        logits, _ = network.apply(params, state, x, key, "evaluate")
        wrong = jnp.argmax(logits, axis=-1) != labels
        return {"loss": jnp.mean(loss(logits, labels)), "error": jnp.mean(wrong)}

    return jax.jit(evaluate)
