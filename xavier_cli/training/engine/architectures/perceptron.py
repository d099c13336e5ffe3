"""The perceptron of the paper as the engine trains it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import Future
from functools import cache, cached_property
from typing import Any

import jax.numpy as jnp
import numpy as np
from jax import Array

from xavier_cli.config.run import RunConfig
from xavier_cli.nn.activations import make_activation
from xavier_cli.nn.losses import LOSSES
from xavier_cli.nn.network import make_network
from xavier_cli.runs.weights import layer_name
from xavier_cli.statistics.tensor_summary import Bins, SymmetricLogBins, make_bins
from xavier_cli.theory.gain import resolve_gain
from xavier_cli.theory.saturation import find_regions
from xavier_cli.theory.shape import shape_of
from xavier_cli.training.engine.architectures.first_weights import FirstWeights
from xavier_cli.training.engine.architectures.perceptron_programs import make_begin, make_step, make_training
from xavier_cli.training.engine.snapshot import PARAMETERS
from xavier_cli.training.engine.training_data import TrainingData
from xavier_cli.training.pretraining.layerwise import make_pretraining
from xavier_cli.training.probes.jacobian import Factors, JacobianMeter, SingularValues, factors
from xavier_cli.training.probes.probe import Observation, make_probe
from xavier_cli.training.step.member import MemberState
from xavier_cli.vocabulary.network_info import NetworkInfo
from xavier_cli.vocabulary.user_functions import is_user_function

_known_regions = cache(find_regions)
"""For functions of ours, of which there are few and each is one object."""


class Perceptron:
    """The `Architecture` of `mlp`.

    `regions` (where the activation is saturated or inactive), `gain` (of the hidden layers) and `bins` (of
    histograms) follow from the activation.
    """

    info: NetworkInfo | None = None

    def __init__(self, config: RunConfig, inits: Sequence[str], training_data: TrainingData):
        self._depth = config.depth
        self.act, loss = make_activation(config.activation), LOSSES[config.loss]
        range_, kinks = shape_of(config.activation, self.act)
        is_users = is_user_function(config.activation.name)
        self.regions = (find_regions if is_users else _known_regions)(self.act, range_)
        gain = resolve_gain(config.init_gain, self.act, kinks)
        self.bins: Mapping[str, Bins] = {"activation": make_bins(range_)} | {
            tensor: SymmetricLogBins()
            for tensor in ("preactivation", "backprop", "weight_gradient", "weight")
        }
        self.network = make_network(config)
        self.begin = make_begin(config, self.network)
        self.stretch = make_training(config, self.network, loss)
        self.step = make_step(config, self.network, loss)
        self.pretrain = make_pretraining(config, self.act, range_) if config.pretrain != "none" else None
        self._probe = make_probe(self.network, loss, self.regions, dict(self.bins))
        self._first_weights = FirstWeights(config, inits, training_data, self.network, gain)
        self.decided = repr((self.regions, gain, self.bins["activation"].edges.tolist()))

    def draw(self, seed: Array, tables: Any) -> list[Any]:
        """First weights and biases, as `FirstWeights.draw`."""
        return list(self._first_weights.draw(seed, tables))

    def logits(self, state: MemberState, x: Array) -> Array:
        """The logits `(examples, classes)`, with running averages and nothing dropped."""
        return self.network.forward(state.params, x)[0]

    def probe(self, state: MemberState, x: Array, labels: Array) -> Observation:
        """The statistics of every layer, as `make_probe` takes them."""
        return self._probe(state.params, x, labels)

    def jacobian_factors(self, state: MemberState, x: Array, batch: Array) -> Factors:
        """The factors of the layer-to-layer Jacobians dz(i)/dz(i−1) (section 4.2.2)."""
        return factors(state.params, x, self.network, batch)

    @cached_property
    def _meter(self) -> JacobianMeter:
        return JacobianMeter(self.network)

    def measure_jacobians(self, grid: Any, seeds: int, variants: int) -> list[list[Future[SingularValues]]]:
        """Singular values from the factors of a grid of members; computed on the host, in threads."""
        return self._meter.measure(grid, seeds, variants)

    @cached_property
    def definitions(self) -> dict[str, np.ndarray]:
        """Where the activation counts as saturated or inactive.

        `(2,)` arrays in order of `side`, −1 and 1; bounds that do not exist are infinite, or NaN for those
        of z.
        """
        regions = self.regions
        bounds = np.array([regions.saturated_below, regions.saturated_above])
        reached = np.where(np.isfinite(bounds), np.asarray(self.act(jnp.asarray(bounds))), np.nan)
        return {
            "side": np.array([-1, 1], np.int32),
            "preactivation/saturated_bound": bounds,
            "preactivation/inactive_bound": np.array([regions.inactive_below, regions.inactive_above]),
            "activation/saturated_bound": reached.astype(np.float64),
        }

    def same_start(self, init: str) -> dict[str, Any]:
        """The provenance of a run by `init` whose seeds start from the same weights; empty if they do not."""
        return self._first_weights.alike(init)

    def parameter_name(self, path: str) -> str:
        """`layer1/weight` for `params/0/weight`; empty for what is no parameter."""
        return parameter_name(path, self._depth)

    def described(self, drawn: Sequence[np.ndarray]) -> NetworkInfo | None:
        """Nothing: its layers and their distributions are known by its configuration."""
        return None


def parameter_name(path: str, depth: int) -> str:
    """The name of the parameter at `path` of the state of a perceptron of this depth; empty for none."""
    group, _, rest = path.partition("/")
    number, _, part = rest.partition("/")
    return f"{layer_name(int(number), depth)}/{part}" if group == PARAMETERS else ""
