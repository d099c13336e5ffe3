"""The compiled programs of one population, and its state on the devices."""

from __future__ import annotations

import time
from bisect import bisect_right
from collections.abc import Callable, Container, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from functools import cached_property, partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from xavier_cli.config import ConfigError
from xavier_cli.nn.activations import make_activation
from xavier_cli.nn.initializers import make_biases, make_layers
from xavier_cli.nn.losses import LOSSES
from xavier_cli.nn.lsuv import UnitVariance, find_unit_variances, scale_to_data
from xavier_cli.nn.mlp import Params, init_params, layer_sizes
from xavier_cli.nn.network import make_network
from xavier_cli.own import check_unchanged
from xavier_cli.theory.gain import resolve_gain
from xavier_cli.theory.saturation import find_regions
from xavier_cli.theory.shape import shape_of
from xavier_cli.training.distributions import Bins, SymmetricLogBins, make_bins
from xavier_cli.training.evaluation import Evaluation, evaluate, spread_over
from xavier_cli.training.examples import Material
from xavier_cli.training.feed import Chunk, decode
from xavier_cli.training.jacobian import Factors, Singular, Spectrograph, factors
from xavier_cli.training.keys import Purpose, seed_key
from xavier_cli.training.layout import GRID, SEEDS, SHARED, VARIANTS, Layout
from xavier_cli.training.member import MemberState
from xavier_cli.training.packing import Shapes, pack, unpack
from xavier_cli.training.population import Population
from xavier_cli.training.prediction import predict_run
from xavier_cli.training.pretraining import make_pretraining, mean_errors
from xavier_cli.training.probe import make_probe
from xavier_cli.training.stage import from_host, to_host
from xavier_cli.training.step import make_begin, make_training
from xavier_cli.words import find_activation, layer_inits

# The step is worth XLA's best; what runs once, or twenty times, is not worth the seconds it takes.
_COMPILER_OPTIONS: dict[str, dict[str, Any] | None] = {
    "init": {"xla_backend_optimization_level": 1},
    "pretrain": None,
    "advance": None,
    "observe": {"xla_backend_optimization_level": 1},
    "jacobians": {"xla_backend_optimization_level": 1},
}

# After the last record there is no other.
_NEVER = np.iinfo(np.int32).max


class Record(NamedTuple):
    """What one look at all members brought, still on the device; leading axes seed and variant."""

    packed: Array
    test_correct: Array


class Engine:
    """Trains a population in segments and looks at it in between.

    `advance` and `observe` return before the devices are done; reading a record waits for them.
    """

    def __init__(
        self,
        population: Population,
        material: Material,
        layout: Layout,
    ):
        config = population.config
        self.population, self.material, self.layout = population, material, layout
        check_unchanged(config.sources)
        self._act, self._loss = make_activation(config.act), LOSSES[config.loss]
        range_, kinks = shape_of(find_activation(config.act), self._act)
        self.regions = find_regions(self._act, range_)
        self.gain = resolve_gain(config.init_gain, self._act, kinks)
        self.bins: dict[str, Bins] = {"activation": make_bins(range_)} | {
            tensor: SymmetricLogBins()
            for tensor in ("preactivation", "backprop", "weight_gradient", "weight")
        }
        self._records = config.record_updates()
        self._network = make_network(config)
        self._begin = make_begin(config, self._network)
        self._stretch = make_training(config, self._network, self._loss)
        self._pretrain = make_pretraining(config, self._act, range_) if config.pretrain != "none" else None
        self._probe = make_probe(self._network, self._loss, self.regions, self.bins)
        self._spectrograph = Spectrograph(self._network)

        seeds, variants = len(population.seeds), len(population.variants)
        self._grid = layout.padded(seeds, variants)
        # What fills the grid up repeats the last member, but is never trained.
        fill_seeds = np.minimum(np.arange(self._grid[0]), seeds - 1)
        fill_variants = np.minimum(np.arange(self._grid[1]), variants - 1)
        self._fill = fill_seeds, fill_variants
        self._is_real = np.arange(self._grid[0]) < seeds
        chosen = [population.variants[i] for i in fill_variants]
        self._inits = sorted({variant.init for variant in chosen})
        # Here, not while a program is traced: functions of the user's own are tried out.
        self._layers = [make_layers(layer_inits(init, config.depth), self.gain) for init in self._inits]
        self._unit_variances = [
            find_unit_variances(layer_inits(init, config.depth), self.gain) for init in self._inits
        ]
        self._check_first_examples()
        self._biases = make_biases(config.bias_init)
        self._seeds = layout.place(np.array(population.seeds, np.uint32)[fill_seeds], SEEDS)
        self._rates = layout.place(np.array([variant.lr for variant in chosen], np.float32), VARIANTS)
        self._init_of = layout.place(
            np.array([self._inits.index(variant.init) for variant in chosen], np.int32), VARIANTS
        )
        self._tables = layout.place(material.feed.tables, SHARED)
        self._examples = layout.place(
            tuple(Chunk(*map(jnp.asarray, part)) for part in (material.probe, material.valid, material.test)),
            SHARED,
        )
        self._programs: dict[str, Any] = {}
        self._shapes: Shapes = {}
        self.compile_seconds = 0.0
        self.state: Any
        self._abstract: Any

    def start(
        self, begun: Mapping[str, np.ndarray] | None = None, programs: Container[str] = _COMPILER_OPTIONS
    ) -> None:
        """Draw the first weights, or go on from a `host_state`; compiles `programs` the first time."""
        if not self._programs:
            self._compile(programs)
        if begun is None:
            self.state = self._programs["init"](self._seeds, self._init_of, self._tables)
        else:
            self.state = from_host(
                begun, self._abstract, self._fill, lambda array: self.layout.place(array, GRID)
            )

    def _compile(self, wanted: Container[str]) -> None:
        began, config = time.perf_counter(), self.population.config
        with jax.default_matmul_precision(config.precision):
            init = self._program(self._init_row, (SEEDS, VARIANTS, SHARED))
            # What the other programs will be given, as far as compiling them has to know.
            self._abstract = self.state = jax.tree.map(
                lambda leaf: jax.ShapeDtypeStruct(
                    leaf.shape, leaf.dtype, sharding=self.layout.sharding(GRID)
                ),
                jax.eval_shape(init, self._seeds, self._init_of, self._tables),
            )
            advance = self._program(self._advance_row, (GRID, SEEDS, VARIANTS, SHARED, SEEDS, SHARED, SHARED))
            pretrain = self._program(self._pretrain_row, (GRID, SEEDS, SHARED, SHARED, SEEDS, SHARED))
            observe = self._program(self._observe_row, (GRID, SHARED, SHARED, SHARED))
            lower: dict[str, Callable[[], Any]] = {
                "init": lambda: init.lower(self._seeds, self._init_of, self._tables),
                "pretrain": lambda: pretrain.lower(*self._pretrain_arguments(0, 0)),
                "advance": lambda: advance.lower(*self._advance_arguments(0, 0)),
                "observe": lambda: observe.lower(*self._observe_arguments(1, 1)),
                "jacobians": lambda: self._program(self._jacobians_row, (GRID, SHARED)).lower(
                    self.state, self._examples[0].pixels
                ),
            }
            unused = {
                "pretrain": self._pretrain is None,
                "advance": not config.updates,
                "jacobians": not config.jacobian_examples,
            }
            with ThreadPoolExecutor() as pool:
                # Each is compiled, or fetched from the cache, while the next one is traced.
                compiling = {
                    name: pool.submit(make().compile, _COMPILER_OPTIONS[name])
                    for name, make in lower.items()
                    if name in wanted and not unused.get(name)
                }
        self._programs = {name: compiled.result() for name, compiled in compiling.items()}
        self.compile_seconds = time.perf_counter() - began

    @cached_property
    def predictions(self) -> dict[str, Future[dict[str, np.ndarray]]]:
        """What theory says of record 0, by initializer; worked on beside the devices from here on."""
        config, probe = self.population.config, self.material.probe
        images = np.asarray(decode(jnp.asarray(probe.pixels), config.coding))
        pool = ThreadPoolExecutor(1)
        work = {
            init: pool.submit(
                predict_run, config.with_(init=init), images, probe.labels, self.material.classes
            )
            for init in self._inits
        }
        pool.shutdown(wait=False)
        return work

    def definitions(self) -> dict[str, np.ndarray]:
        """Where the activation counts as saturated or inactive, as arrays of a run file."""
        regions = self.regions
        bounds = np.array([regions.saturated_below, regions.saturated_above])
        reached = np.where(np.isfinite(bounds), np.asarray(self._act(jnp.asarray(bounds))), np.nan)
        return {
            "side": np.array([-1, 1], np.int32),
            "preactivation/saturated_bound": bounds,
            "preactivation/inactive_bound": np.array([regions.inactive_below, regions.inactive_above]),
            "activation/saturated_bound": reached.astype(np.float64),
        }

    def pretrain(self, first: int, last: int) -> None:
        """Pre-train all members from update `first`, counted through all layers, up to but without `last`."""
        each = self.population.config.pretrain_updates
        while first < last:
            until = min(last, (first // each + 1) * each)
            self.state = self._programs["pretrain"](*self._pretrain_arguments(first, until))
            first = until

    def reconstruction_errors(self) -> np.ndarray:
        """Shape `(seeds, variants, depth, records)`: how well each layer rebuilt its input."""
        return mean_errors(self.population.config, self._real(self.state.pretraining.errors))

    def advance(self, first: int, last: int) -> None:
        """Train all members from update `first` up to, but without, `last`."""
        while first < last:
            # One record at a time: where delayed updates are taken up depends on the records.
            until = min(last, int(self._records_around(first)[1]))
            self.state = self._programs["advance"](*self._advance_arguments(first, until))
            first = until

    def observe(self, updates: int, examples: int) -> Record:
        """Look at all members; `updates` were done since the last look, errors are on `examples`."""
        self.state, record = self._programs["observe"](*self._observe_arguments(updates, examples))
        return record

    def jacobians(self) -> list[list[Future[Singular]]]:
        """Singular values of every member's Jacobians, by seed and variant; the host computes them."""
        self.state, factors = self._programs["jacobians"](self.state, self._examples[0].pixels)
        return self._spectrograph.measure(factors, len(self.population.seeds), len(self.population.variants))

    def wait(self) -> None:
        """Wait until the devices have done all they were told to."""
        jax.block_until_ready(self.state.loss_sum)

    def read(self, record: Record) -> dict[str, np.ndarray]:
        """A record on the host: arrays of shape `(seeds, variants, *its own)` by their path in the file."""
        return unpack(self._real(record.packed), self._shapes)

    def read_correct(self, record: Record) -> np.ndarray:
        """Which test examples are right, shape `(seeds, variants, examples)`, in the set's own order."""
        correct = self._real(record.test_correct)
        in_order = np.empty_like(correct)
        in_order[..., self.material.test_order] = correct
        return in_order

    def host_state(self) -> dict[str, np.ndarray]:
        """A copy of all that training changes, by name; leading axes seed and variant."""
        return to_host(self.state, (len(self.population.seeds), len(self.population.variants)))

    def diverged_at(self) -> np.ndarray:
        """Shape `(seeds, variants)`: the first bad update of each member, or -1."""
        return self._real(self.state.diverged_at)

    def _jacobians_row(self, states: MemberState, pixels: Array) -> tuple[MemberState, Factors]:
        config = self.population.config
        x = decode(pixels[spread_over(len(pixels), config.jacobian_examples)], config.coding)

        def member(state: MemberState) -> tuple[MemberState, Factors]:
            return state, factors(state.params, x, self._network)

        return self.layout.over(member)(states)

    def _real(self, array: Array) -> np.ndarray:
        return np.asarray(array)[: len(self.population.seeds), : len(self.population.variants)]

    def _program(self, row: Callable[..., Any], specs: tuple[Any, ...]) -> Any:
        """The program that does `row` for every seed; `specs` says how each argument is spread.

        A row sees one seed and all its variants. What is cut by seed is looped over here, the rest passed on.
        A state given to it is used up.
        """
        by_seed = [i for i, spec in enumerate(specs) if spec in (GRID, SEEDS)]

        def device_part(*arguments: Any) -> Any:
            def one_seed(*cut: Any) -> Any:
                each = list(arguments)
                for i, value in zip(by_seed, cut, strict=True):
                    each[i] = value
                return row(*each)

            return self.layout.over(one_seed)(*(arguments[i] for i in by_seed))

        donated = tuple(i for i, spec in enumerate(specs) if spec == GRID)
        return jax.jit(self.layout.spread(device_part, specs), donate_argnums=donated)

    def _init_row(self, seed: Array, init_of: Array, tables: Any) -> MemberState:
        config, material = self.population.config, self.material
        sizes = layer_sizes(material.inputs, config.depth, config.width, material.classes)
        key = seed_key(seed, Purpose.WEIGHTS)
        bias = self._biases and partial(self._biases, seed_key(seed, Purpose.BIASES))
        drawn = [
            self._scaled(init_params(key, sizes, layers, bias=bias), rules, seed, tables)
            for layers, rules in zip(self._layers, self._unit_variances, strict=True)
        ]

        def member(init_of: Array) -> MemberState:
            return self._begin(jax.tree.map(lambda *each: jnp.stack(each)[init_of], *drawn), seed)

        return self.layout.over(member)(init_of)

    def _scaled(
        self, params: Params, rules: tuple[UnitVariance | None, ...], seed: Array, tables: Any
    ) -> Params:
        """`params`, some of them scaled by the first examples that the seed is trained on."""
        count = _examples_of(rules)
        if not count:
            return params
        feed, first = self.material.feed, jnp.int32(0)
        _, examples = feed.take(feed.start(seed, first, tables), first, tables)
        x = decode(examples.pixels[:count], self.population.config.coding)
        return scale_to_data(self._network, params, x, rules)

    def _check_first_examples(self) -> None:
        # The first chunk of a feed holds 500 examples, or all there are.
        there = self.material.feed.chunk_updates * self.population.config.batch_size
        wanted = max(map(_examples_of, self._unit_variances))
        if wanted > there:
            raise ConfigError(
                f"init: lsuv is to look at {wanted} examples, and an epoch has {there}: "
                f"`lsuv:examples={there}` or fewer"
            )

    def _pretrain_arguments(self, first: int, last: int) -> tuple[Any, ...]:
        return (
            self.state,
            self._seeds,
            self.layout.place(np.int32(first // self.population.config.pretrain_updates), SHARED),
            self.layout.place(np.int32(first), SHARED),
            self.layout.place(self._lasts(first, last), SEEDS),
            self._tables,
        )

    def _pretrain_row(
        self, states: MemberState, seed: Array, layer: Array, first: Array, last: Array, tables: Any
    ) -> MemberState:
        feed, config, pretrain = self.material.feed, self.population.config, self._pretrain
        assert pretrain is not None
        key = seed_key(seed, Purpose.PRETRAINING_NOISE)

        def chunk(number: Array, carry: tuple[MemberState, Any]) -> tuple[MemberState, Any]:
            states, cursor = carry
            cursor, examples = feed.take(cursor, number, tables)
            begin, end = feed.bounds(number)
            x = decode(examples.pixels, config.coding)

            def member(state: MemberState) -> MemberState:
                here = jnp.maximum(first, begin), jnp.minimum(last, end)
                return pretrain(state, layer, *here, lambda t: (t - begin) * config.batch_size, x, key)

            return self.layout.over(member)(states), cursor

        return self._over_chunks(chunk, states, seed, first, last, tables, pretraining=True)

    def _over_chunks(
        self,
        chunk: Callable[[Array, tuple[MemberState, Any]], tuple[MemberState, Any]],
        states: MemberState,
        seed: Array,
        first: Array,
        last: Array,
        tables: Any,
        pretraining: bool = False,
    ) -> MemberState:
        """`chunk(number, (states, cursor))` for each of the feed's chunks that hold updates to be done."""
        feed = self.material.feed
        begin = feed.chunk_of(first)
        end = jnp.where(last > first, feed.chunk_of(last - 1) + 1, begin)
        cursor = feed.start(seed, begin, tables, pretraining)
        states, _ = jax.lax.fori_loop(begin, end, chunk, (states, cursor))
        return states

    def _lasts(self, first: int, last: int) -> np.ndarray:
        """Where each seed's updates end: what fills the grid up does none."""
        return np.where(self._is_real, last, first).astype(np.int32)

    def _advance_arguments(self, first: int, last: int) -> tuple[Any, ...]:
        return (
            self.state,
            self._seeds,
            self._rates,
            self.layout.place(np.int32(first), SHARED),
            self.layout.place(self._lasts(first, last), SEEDS),
            self.layout.place(self._records_around(first), SHARED),
            self._tables,
        )

    def _advance_row(
        self,
        states: MemberState,
        seed: Array,
        rates: Array,
        first: Array,
        last: Array,
        records: Array,
        tables: Any,
    ) -> MemberState:
        feed, batch, coding = (
            self.material.feed,
            self.population.config.batch_size,
            self.population.config.coding,
        )

        def chunk(number: Array, carry: tuple[MemberState, Any]) -> tuple[MemberState, Any]:
            states, cursor = carry
            cursor, examples = feed.take(cursor, number, tables)
            begin, end = feed.bounds(number)

            def member(state: MemberState, lr: Array) -> MemberState:
                def batches(t: Array) -> tuple[Array, Array]:
                    at = (t - begin) * batch
                    pixels = jax.lax.dynamic_slice_in_dim(examples.pixels, at, batch)
                    labels = jax.lax.dynamic_slice_in_dim(examples.labels, at, batch)
                    return decode(pixels, coding), labels

                here = jnp.maximum(first, begin), jnp.minimum(last, end)
                return self._stretch(state, *here, batches, lr, (records[0], records[1]))

            return self.layout.over(member)(states, rates), cursor

        return self._over_chunks(chunk, states, seed, first, last, tables)

    def _records_around(self, update: int) -> np.ndarray:
        """Shape `(2,)`: the records at or before `update`, and after it."""
        after = bisect_right(self._records, update)
        last = self._records[after] if after < len(self._records) else _NEVER
        return np.array([self._records[after - 1], last], np.int32)

    def _observe_arguments(self, updates: int, examples: int) -> tuple[Any, ...]:
        return (
            self.state,
            self.layout.place(np.int32(updates), SHARED),
            self.layout.place(np.int32(examples), SHARED),
            self._examples,
        )

    def _observe_row(
        self, states: MemberState, updates: Array, examples: Array, material: tuple[Chunk, Chunk, Chunk]
    ) -> tuple[MemberState, Record]:
        coding = self.population.config.coding
        probe, valid, test = material

        def errors(params: Any, chunk: Chunk) -> Evaluation:
            return evaluate(
                params, chunk.pixels, chunk.labels, examples, self._network.forward, self._loss, coding
            )

        def member(state: MemberState) -> tuple[MemberState, Record]:
            on_valid, on_test = errors(state.params, valid), errors(state.params, test)
            whole = (updates > 0) & (state.diverged_at < 0)
            seen = {
                "curves/train_loss": jnp.where(whole, state.loss_sum / updates, jnp.nan),
                "curves/valid_loss": on_valid.loss,
                "curves/valid_error": on_valid.error,
                "curves/test_loss": on_test.loss,
                "curves/test_error": on_test.error,
                **self._probe(state.params, decode(probe.pixels, coding), probe.labels),
            }
            self._shapes = {name: jax.ShapeDtypeStruct(a.shape, a.dtype) for name, a in seen.items()}
            return state._replace(loss_sum=jnp.zeros_like(state.loss_sum)), Record(
                pack(seen), on_test.correct
            )

        return self.layout.over(member)(states)


def _examples_of(rules: tuple[UnitVariance | None, ...]) -> int:
    """How many examples weights are scaled by; 0 where data has no say in them."""
    return max((rule.examples for rule in rules if rule), default=0)
