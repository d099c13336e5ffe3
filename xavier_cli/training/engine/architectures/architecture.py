"""Defines what the engine asks of a network, whatever it is; and which of them a configuration has."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import Future
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from jax import Array

from xavier_cli.config.run import RunConfig
from xavier_cli.statistics.tensor_summary import Bins
from xavier_cli.training.engine.training_data import TrainingData
from xavier_cli.training.estimate import Sizes
from xavier_cli.training.probes.jacobian import SingularValues
from xavier_cli.training.probes.probe import Observation
from xavier_cli.training.step.member import MemberState, MultiStep, Step
from xavier_cli.vocabulary.network_info import NetworkInfo

if TYPE_CHECKING:
    from xavier_cli.training.pretraining.layerwise import Pretrain


class Architecture(Protocol):
    """A network as functions of one member's state, with initializers to choose from.

    **Attributes:** `bins`, of histograms, by tensor; `decided`, in words what followed from custom functions;
    `stretch`, consecutive updates, and `step`, one of them; `pretrain`, None for a network whose layers are
    not trained one by one; `info`, what a run file keeps of a custom network.
    """

    bins: Mapping[str, Bins]
    decided: str
    stretch: MultiStep
    step: Step
    pretrain: Pretrain | None
    info: NetworkInfo | None

    @property
    def definitions(self) -> Mapping[str, np.ndarray]:
        """Arrays of the run file by which layers are judged."""

    def draw(self, seed: Array, tables: Any) -> list[Any]:
        """What `seed`, uint32, starts from by every initializer; `tables` are the feed's `arrays`."""

    def begin(self, drawn: Any, seed: Array) -> MemberState:
        """The state before the first update, of one of what was drawn."""

    def logits(self, state: MemberState, x: Array) -> Array:
        """The logits, `(examples, classes)`, of the network as it is used; `x` is `(examples, inputs)`."""

    def probe(self, state: MemberState, x: Array, labels: Array) -> Observation:
        """The statistics of every layer on the examples `x`, `(examples, inputs)`."""

    def jacobian_factors(self, state: MemberState, x: Array, batch: Array) -> Any:
        """What decides the Jacobians at `x`, `(few, inputs)`, in the batch `(examples, inputs)`."""

    def measure_jacobians(self, grid: Any, seeds: int, variants: int) -> list[list[Future[SingularValues]]]:
        """The singular values of a grid of members from their factors; computed on the host, in threads."""

    def same_start(self, init: str) -> dict[str, Any]:
        """The provenance of a run by `init` whose seeds start from the same weights; empty if they do not."""

    def parameter_name(self, path: str) -> str:
        """The name, as `runs.weights` has it, of the parameter at `path` of the state; empty for none."""

    def described(self, drawn: Sequence[np.ndarray]) -> NetworkInfo | None:
        """`info` with what the parameters were drawn from; `drawn` are the first, `(seeds, ...)` each."""


def sizes_of_network(config: RunConfig, training_data: TrainingData) -> Sizes | None:
    """How many numbers the custom network of `config` holds; None of `mlp`, whose widths say it.

    Raises as `make_architecture`.
    """
    if not config.network.is_users:
        return None
    from xavier_cli.training.engine.architectures.finding import find_layers, sizes_of

    return sizes_of(config, find_layers(config, training_data))


def with_layers(configs: Sequence[RunConfig], training_data: TrainingData) -> list[RunConfig]:
    """`configs` of one custom network, which know how many weight layers it has.

    Raises as `make_architecture`.
    """
    from xavier_cli.training.engine.architectures.finding import find_layers

    layers = find_layers(configs[0], training_data).layers
    return [config.with_(weight_layers=len(layers)) for config in configs]


def make_architecture(config: RunConfig, inits: Sequence[str], training_data: TrainingData) -> Architecture:
    """The architecture of `config`, with all initializers of its population.

    Custom functions are tried out here: raises `UserFunctionError` and `ConfigError`.
    """
    if config.network.is_users:
        from xavier_cli.training.engine.architectures.custom import CustomNetwork

        return CustomNetwork(config, inits, training_data)
    from xavier_cli.training.engine.architectures.perceptron import Perceptron

    return Perceptron(config, inits, training_data)
