"""A network that a user brought along, as the engine trains it.

The state of a member holds its numbers as plain tuples of arrays: checkpoints and compiled programs know
nothing of the trees of frameworks.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from functools import cached_property
from types import MappingProxyType
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from xavier_cli.config.run import RunConfig
from xavier_cli.data.coding import decode
from xavier_cli.data.layout import as_examples
from xavier_cli.data.spread import spread_over
from xavier_cli.nn.adapters.network import UserNetwork
from xavier_cli.nn.inspection.draws import drawn_parameters
from xavier_cli.nn.inspection.redraw import make_redraw
from xavier_cli.nn.losses import LOSSES
from xavier_cli.nn.programs.taps import named_leaves
from xavier_cli.statistics.tensor_summary import Bins
from xavier_cli.theory.drawn import describe
from xavier_cli.training.engine.architectures.finding import bins_of, find_layers
from xavier_cli.training.engine.training_data import TrainingData
from xavier_cli.training.keys import Purpose, as_key, seed_key
from xavier_cli.training.pretraining.layerwise import Pretrain
from xavier_cli.training.probes.end_to_end import make_end_to_end
from xavier_cli.training.probes.jacobian import SingularValues
from xavier_cli.training.probes.network_probe import make_network_probe
from xavier_cli.training.probes.probe import Observation
from xavier_cli.training.step.member import (
    MemberState,
    Trained,
    init_state,
    make_gradient_step,
    make_multi_step,
    scheduled,
)
from xavier_cli.training.step.optimizer import make_optimizer, rate_schedule
from xavier_cli.vocabulary.network_info import NetworkError, NetworkInfo
from xavier_cli.vocabulary.user_code import guarded


class Drawn(NamedTuple):
    """The first numbers of a member: its parameters, and what training moves beside them."""

    params: tuple[Array, ...]
    moving: tuple[Array, ...]


class Numbers:
    """A tree of arrays as a tuple of its leaves, and back; random keys become their data."""

    def __init__(self, like: Any):
        leaves, structure = jax.tree.flatten(like)
        self._structure: Any = structure
        self._keys = [
            jax.random.key_impl(leaf) if jnp.issubdtype(leaf.dtype, jax.dtypes.prng_key) else None
            for leaf in leaves
        ]

    def flat(self, tree: Any) -> tuple[Array, ...]:
        """The leaves of `tree`."""
        leaves = self._structure.flatten_up_to(tree)
        return tuple(
            jnp.asarray(leaf) if kind is None else jax.random.key_data(leaf)
            for leaf, kind in zip(leaves, self._keys, strict=True)
        )

    def tree(self, leaves: Sequence[Array]) -> Any:
        """The tree of these leaves."""
        wrapped = [
            leaf if kind is None else jax.random.wrap_key_data(leaf, impl=kind)
            for leaf, kind in zip(leaves, self._keys, strict=True)
        ]
        return jax.tree.unflatten(self._structure, wrapped)


class CustomNetwork:
    """The `Architecture` of a network of `--net`; raises as `find_layers`, and as `make_redraw`."""

    pretrain: Pretrain | None = None
    definitions: Mapping[str, np.ndarray] = MappingProxyType({})
    decided = ""

    def __init__(self, config: RunConfig, inits: Sequence[str], training_data: TrainingData):
        self._prepared = prepared = find_layers(config, training_data)
        self._images = _laid_out(training_data)
        self._redraws = [make_redraw(prepared, config.with_(init=init)) for init in inits]
        # Not where it is looked at: layers are found in the products as they were written.
        network = prepared.network.with_convolution(config.convolution, merges_products=True)
        self._network = _named(network, config.network.name)
        params, _ = jax.eval_shape(prepared.network.init, jax.random.key(0))
        _refuse_empty(config.network.name, params, prepared.state)
        self._params, self._moving = Numbers(params), Numbers(prepared.state)
        self.info: NetworkInfo | None = prepared.info
        loss = LOSSES[config.loss]
        self.bins: Mapping[str, Bins] = bins_of(prepared.layers)
        self._probe = make_network_probe(
            prepared.tapped, prepared.layers, lambda logits: logits, loss, self.bins
        )
        weights = [each.role == "weight" for each in prepared.info.trained]
        self._optimizer = make_optimizer(config, _decay_of(weights))
        step = make_gradient_step(self._trained(), loss, self._optimizer)
        self.step = step if config.schedule == "constant" else scheduled(step, rate_schedule(config))
        self.stretch = make_multi_step(self.step)
        self._jacobians = config.jacobian_examples, training_data.probe.pixels, config.pixel_range

    def _trained(self) -> Trained:
        def logits(params: Any, moving: Any, x: Array, key: Array | None) -> tuple[Array, Any]:
            given = self._params.tree(params), self._moving.tree(moving)
            found, moved = self._network.apply(*given, self._images(x), key, "train")
            return jnp.asarray(found, jnp.float32), self._moving.flat(moved)

        return Trained(logits, lambda params, moved: (params, moved), draws_noise=True, may_be_infinite=True)

    def draw(self, seed: Array, tables: Any) -> list[Drawn]:
        """The network's own numbers, with the weights and biases drawn anew that an initializer names."""
        key, bias_key = (seed_key(seed, purpose) for purpose in (Purpose.WEIGHTS, Purpose.BIASES))
        params, state = self._network.init(key)
        moving = self._moving.flat(state)
        return [Drawn(self._params.flat(redraw(params, key, bias_key)), moving) for redraw in self._redraws]

    def begin(self, drawn: Drawn, seed: Array) -> MemberState:
        """The state before the first update."""
        noise = jax.random.key_data(seed_key(seed, Purpose.DROPOUT))
        return init_state(drawn.params, self._optimizer.init(drawn.params), noise, drawn.moving)

    def _given(self, state: MemberState) -> tuple[Any, Any, Array]:
        return self._params.tree(state.params), self._moving.tree(state.moving), as_key(state.noise)

    def logits(self, state: MemberState, x: Array) -> Array:
        """The logits `(examples, classes)`, with running averages and nothing dropped."""
        params, moving, key = self._given(state)
        # With a key, for networks that ask for one in use too, whether or not they draw anything.
        found, _ = self._network.apply(params, moving, self._images(x), key, "evaluate")
        return jnp.asarray(found, jnp.float32)

    def probe(self, state: MemberState, x: Array, labels: Array) -> Observation:
        """The statistics of every layer, as `make_network_probe` takes them."""
        params, moving, key = self._given(state)
        return self._probe(labels, params, self._images(x), moving, key)

    def jacobian_factors(self, state: MemberState, x: Array, batch: Array) -> MemberState:
        """The member itself: its Jacobians, from inputs to logits, are taken by its own program."""
        return state

    @cached_property
    def _end_to_end(self) -> Callable[..., Any]:
        count, pixels, coding = self._jacobians
        x = self._images(decode(jnp.asarray(pixels), coding))
        return make_end_to_end(self._prepared, x, spread_over(len(x), count).tolist())

    @cached_property
    def _pool(self) -> ThreadPoolExecutor:
        return ThreadPoolExecutor(1)

    def measure_jacobians(
        self, grid: MemberState, seeds: int, variants: int
    ) -> list[list[Future[SingularValues]]]:
        """Singular values of each member of a grid, from inputs to logits; computed in a thread."""
        host = self._pool.submit(jax.device_get, grid)

        def member(seed: int, variant: int) -> SingularValues:
            state = jax.tree.map(lambda leaf: jnp.asarray(leaf[seed, variant]), host.result())
            found = self._end_to_end(*self._given(state)).averages
            return SingularValues({f"end_to_end_{name}": np.asarray(value) for name, value in found.items()})

        return [[self._pool.submit(member, i, j) for j in range(variants)] for i in range(seeds)]

    def same_start(self, init: str) -> dict[str, Any]:
        """Nothing: the network's notes say which of its parameters are alike for all seeds."""
        return {}

    def parameter_name(self, path: str) -> str:
        """`params/conv1/kernel` for `params/0`, `state/bn1/mean` for `moving/0`; empty for the rest."""
        group, _, number = path.partition("/")
        if not number.isdigit():
            return ""
        return self._names.get(group, {}).get(int(number), "")

    @cached_property
    def _names(self) -> dict[str, dict[int, str]]:
        return {
            "params": {at: f"params/{each.name}" for at, each in enumerate(self._prepared.info.trained)},
            "moving": {each.place: f"state/{each.name}" for each in self._prepared.info.moving},
        }

    def described(self, drawn: Sequence[np.ndarray]) -> NetworkInfo:
        """What is known of the network, with what its first parameters, `(seeds, ...)`, were drawn from."""
        params = self._params.tree([jnp.asarray(each) for each in drawn])
        draws = drawn_parameters(self._prepared, params)
        named = {name: [*each] for name, each in draws.parameters.items()}
        return describe(self._prepared.info, named, [[*each] for each in draws.layers])


def _named(network: UserNetwork, word: str) -> UserNetwork:
    """`network`, whose errors are of one line and name `word`, also those of training alone."""
    return replace(
        network,
        init=guarded(word, network.init, " fails where it draws its parameters"),
        apply=guarded(word, network.apply, " fails in training"),
    )


def _refuse_empty(word: str, params: Any, state: Any) -> None:
    """Raise `NetworkError` where an array holds no numbers: neither devices nor checkpoints take it."""
    for name, leaf in [*named_leaves(params), *named_leaves(state)]:
        if not leaf.size:
            raise NetworkError(f"`{word}`: its `{name}` of shape {leaf.shape} holds no numbers: leave it out")


def _decay_of(weights: Sequence[bool]) -> Callable[..., Any]:
    """The `Decay` of the parameters that are weights of layers: no bias, no scale, no embedding."""

    def decay(changes: Sequence[Array], params: Sequence[Array], share: Array) -> tuple[Array, ...]:
        return tuple(
            change - share * leaf if is_weight else change
            for change, leaf, is_weight in zip(changes, params, weights, strict=True)
        )

    return decay


def _laid_out(training_data: TrainingData) -> Callable[[Any], Any]:
    """`x`, `(examples, inputs)`, as images where the data set has them."""
    facts = training_data.facts
    assert facts is not None
    return lambda x: as_examples(x, facts.shape, "last")
