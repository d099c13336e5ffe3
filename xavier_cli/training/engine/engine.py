"""The compiled programs of one population, and its state on the devices."""

from __future__ import annotations

import time
from bisect import bisect_right
from collections.abc import Callable, Container, Iterable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from functools import cached_property
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from xavier_cli.training.engine import program_cache
from xavier_cli.training.engine.batches import Chunk, decode
from xavier_cli.training.engine.layout import GRID, SEEDS, SHARED, VARIANTS, Layout
from xavier_cli.training.engine.packing import Shapes, unpack
from xavier_cli.training.engine.population import Population
from xavier_cli.training.engine.seed_programs import Record, SeedPrograms
from xavier_cli.training.engine.snapshot import from_host, to_host
from xavier_cli.training.engine.training_data import TrainingData
from xavier_cli.training.pretraining.layerwise import mean_errors
from xavier_cli.training.probes.evaluation import exact_share
from xavier_cli.training.probes.jacobian import JacobianMeter, SingularValues
from xavier_cli.training.probes.prediction import predict_run
from xavier_cli.training.step.member import MemberState
from xavier_cli.vocabulary.user_functions import digest_loaded

# The step is worth XLA's best; what runs once, or twenty times, is not worth the seconds it takes.
_COMPILER_OPTIONS: dict[str, program_cache.Options] = {
    "init": {"xla_backend_optimization_level": 1},
    "pretrain": None,
    "advance": None,
    "observe": {"xla_backend_optimization_level": 1},
    "jacobians": {"xla_backend_optimization_level": 1},
}

# After the last record there is no other.
_NEVER = np.iinfo(np.int32).max


class Engine:
    """Trains a population in segments and looks at it in between.

    `advance` and `observe` return before the devices are done; reading a record waits for them.
    """

    def __init__(
        self,
        population: Population,
        training_data: TrainingData,
        layout: Layout,
    ):
        config = population.config
        self.population, self.training_data, self.layout = population, training_data, layout
        config.check_code()
        self._records = config.record_updates()

        seeds, variants = len(population.seeds), len(population.variants)
        self._grid = layout.padded(seeds, variants)
        # What fills the grid up repeats the last member, but is never trained.
        fill_seeds = np.minimum(np.arange(self._grid[0]), seeds - 1)
        fill_variants = np.minimum(np.arange(self._grid[1]), variants - 1)
        self._fill = fill_seeds, fill_variants
        self._is_real = np.arange(self._grid[0]) < seeds
        chosen = [population.variants[i] for i in fill_variants]
        self._inits = sorted({variant.init for variant in chosen})
        self._rows = SeedPrograms(config, self._inits, training_data, layout.over)
        self.regions, self.gain, self.bins = self._rows.regions, self._rows.gain, self._rows.bins
        self._spectrograph = JacobianMeter(self._rows.network)
        self._seeds = layout.place(np.array(population.seeds, np.uint32)[fill_seeds], SEEDS)
        self._rates = layout.place(np.array([variant.lr for variant in chosen], np.float32), VARIANTS)
        self._init_of = layout.place(
            np.array([self._inits.index(variant.init) for variant in chosen], np.int32), VARIANTS
        )
        self._tables = layout.place(training_data.feed.arrays, SHARED)
        self._examples = layout.place(
            tuple(
                Chunk(*map(jnp.asarray, part))
                for part in (training_data.probe, training_data.valid, training_data.test)
            ),
            SHARED,
        )
        self._programs: dict[str, Any] = {}
        self._shapes: Shapes = {}
        self.compile_seconds = 0.0
        self.state: Any
        self._abstract: Any

    def start(
        self, begun: Mapping[str, np.ndarray] | None = None, wanted: Container[str] = _COMPILER_OPTIONS
    ) -> None:
        """Draw the first weights, or go on from a `host_state`; compiles what is `wanted` the first time."""
        if not self._programs:
            self._compile(wanted)
        if begun is None:
            self.state = self._programs["init"](self._seeds, self._init_of, self._tables)
        else:
            self.state = from_host(
                begun, self._abstract, self._fill, lambda array: self.layout.place(array, GRID)
            )

    def _compile(self, wanted: Container[str]) -> None:
        began = time.perf_counter()
        config = self.population.config
        unused = {
            "pretrain": config.pretrain == "none",
            "advance": not config.updates,
            "jacobians": not config.jacobian_examples,
        }
        lower = {
            name: make for name, make in self._lowered().items() if name in wanted and not unused.get(name)
        }
        with jax.default_matmul_precision(config.precision):
            self._programs, told = program_cache.compiled(
                self._key(lower),
                lower,
                _COMPILER_OPTIONS,
                lambda: (self._state_shapes, self._rows.shapes),
                self.layout.mesh.devices.ravel().tolist(),
            )
        shapes, self._shapes = told
        # What the programs are given, as far as another one has to know.
        self._abstract = self._on_grid(shapes)
        self.compile_seconds = time.perf_counter() - began

    def _key(self, names: Iterable[str]) -> str:
        """All that decides the programs; a test compares their texts."""
        config, layout = self.population.config, self.layout
        given = {"lr", "seeds", "search_seeds", "eval_examples", "records"}
        if config.schedule == "constant":
            given.add("updates")
        inputs = self._seeds, self._rates, self._init_of, self._tables, self._examples
        return repr(
            [
                # Without what is given to a program when it runs, or asked of the host alone.
                config.model_dump_json(exclude=given),
                self._inits,
                (layout.strategy, layout.mesh.devices.shape),
                jax.tree.map(lambda leaf: (leaf.shape, leaf.dtype.name), inputs),
                (self.training_data.inputs, self.training_data.classes),
                sorted(names),
                self._own_functions() if config.sources else "",
            ]
        )

    def _own_functions(self) -> list[str]:
        """What functions of the user's own come to: all texts around them, and what follows from those.

        The texts do not tell what a function reads elsewhere, from a file or from the environment; what one
        update with it is made of does.
        """
        seed, lr, probe = self._seeds[0], self._rates[0], self._examples[0]
        batch = jax.tree.map(lambda leaf: leaf[: self.population.config.batch_size], probe)
        once = jax.jit(self._rows.once).lower(seed, lr, batch, self._tables).as_text()
        follows = self.regions, self.gain, self.bins["activation"].edges.tolist()
        return [digest_loaded(self.population.config.sources), repr(follows), once]

    @cached_property
    def _state_shapes(self) -> MemberState:
        init = self.layout.program(self._rows.init, (SEEDS, VARIANTS, SHARED))
        shapes: MemberState = jax.tree.map(
            lambda leaf: jax.ShapeDtypeStruct(leaf.shape, leaf.dtype),
            jax.eval_shape(init, self._seeds, self._init_of, self._tables),
        )
        return shapes

    def _on_grid(self, shapes: MemberState) -> Any:
        return jax.tree.map(
            lambda leaf: jax.ShapeDtypeStruct(leaf.shape, leaf.dtype, sharding=self.layout.sharding(GRID)),
            shapes,
        )

    def _lowered(self) -> dict[str, Callable[[], Any]]:
        """What makes each program, up to what the compiler is given."""
        program = self.layout.program

        def with_state(row: Callable[..., Any], specs: tuple[Any, ...], arguments: tuple[Any, ...]) -> Any:
            return program(row, (GRID, *specs)).lower(self._on_grid(self._state_shapes), *arguments)

        shared = (SHARED, SHARED)
        return {
            "init": lambda: program(self._rows.init, (SEEDS, VARIANTS, SHARED)).lower(
                self._seeds, self._init_of, self._tables
            ),
            "pretrain": lambda: with_state(
                self._rows.pretrain, (SEEDS, *shared, SEEDS, SHARED), self._pretrain_arguments(0, 0)
            ),
            "advance": lambda: with_state(
                self._rows.advance, (SEEDS, VARIANTS, SHARED, SEEDS, *shared), self._advance_arguments(0, 0)
            ),
            "observe": lambda: with_state(
                self._rows.observe, (*shared, SHARED), self._observe_arguments(1, 1)
            ),
            "jacobians": lambda: with_state(self._rows.jacobians, (SHARED,), (self._examples[0].pixels,)),
        }

    @cached_property
    def predictions(self) -> dict[str, Future[dict[str, np.ndarray]]]:
        """What theory says of record 0, by initializer; worked on beside the devices from here on."""
        config, probe = self.population.config, self.training_data.probe
        images = np.asarray(decode(jnp.asarray(probe.pixels), config.pixel_range))
        pool = ThreadPoolExecutor(1)
        work = {
            init: pool.submit(
                predict_run, config.with_(init=init), images, probe.labels, self.training_data.classes
            )
            for init in self._inits
        }
        pool.shutdown(wait=False)
        return work

    def same_start(self, init: str) -> dict[str, Any]:
        """What the provenance of a run by `init` says where its seeds start from the same weights."""
        return self._rows.first_weights.alike(init)

    def definitions(self) -> dict[str, np.ndarray]:
        """Where the activation counts as saturated or inactive, as arrays of a run file."""
        regions = self.regions
        bounds = np.array([regions.saturated_below, regions.saturated_above])
        reached = np.where(np.isfinite(bounds), np.asarray(self._rows.act(jnp.asarray(bounds))), np.nan)
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
            self.state = self._programs["pretrain"](self.state, *self._pretrain_arguments(first, until))
            first = until

    def reconstruction_errors(self) -> np.ndarray:
        """Shape `(seeds, variants, depth, records)`: how well each layer rebuilt its input."""
        return mean_errors(self.population.config, self._real(self.state.pretraining.errors))

    def advance(self, first: int, last: int) -> None:
        """Train all members from update `first` up to, but without, `last`."""
        while first < last:
            # One record at a time: where delayed updates are taken up depends on the records.
            until = min(last, int(self._records_around(first)[1]))
            self.state = self._programs["advance"](self.state, *self._advance_arguments(first, until))
            first = until

    def observe(self, updates: int, examples: int) -> Record:
        """Look at all members; `updates` were done since the last look, errors are on `examples`."""
        self.state, record = self._programs["observe"](
            self.state, *self._observe_arguments(updates, examples)
        )
        return record

    def jacobians(self) -> list[list[Future[SingularValues]]]:
        """Singular values of every member's Jacobians, by seed and variant; the host computes them."""
        self.state, factors = self._programs["jacobians"](self.state, self._examples[0].pixels)
        return self._spectrograph.measure(factors, len(self.population.seeds), len(self.population.variants))

    def wait(self) -> None:
        """Wait until the devices have done all they were told to."""
        jax.block_until_ready(self.state.loss_sum)

    def read(self, record: Record, examples: int) -> dict[str, np.ndarray]:
        """A record on the host: arrays of shape `(seeds, variants, *its own)` by their path in the file.

        `examples` is what `observe` was told.
        """
        arrays = unpack(self._real(record.packed), self._shapes)
        for name, part in (
            ("valid_error", self.training_data.valid),
            ("test_error", self.training_data.test),
        ):
            path = f"curves/{name}"
            arrays[path] = exact_share(arrays[path], min(examples, len(part.labels)))
        return arrays

    def read_correct(self, record: Record) -> np.ndarray:
        """Which test examples are right, shape `(seeds, variants, examples)`, in the set's own order."""
        correct = self._real(record.test_correct)
        in_order = np.empty_like(correct)
        in_order[..., self.training_data.test_order] = correct
        return in_order

    def host_state(self) -> dict[str, np.ndarray]:
        """A copy of all that training changes, by name; leading axes seed and variant."""
        return to_host(self.state, (len(self.population.seeds), len(self.population.variants)))

    def diverged_at(self) -> np.ndarray:
        """Shape `(seeds, variants)`: the first bad update of each member, or -1."""
        return self._real(self.state.diverged_at)

    def _real(self, array: Array) -> np.ndarray:
        return np.asarray(array)[: len(self.population.seeds), : len(self.population.variants)]

    def _pretrain_arguments(self, first: int, last: int) -> tuple[Any, ...]:
        return (
            self._seeds,
            self.layout.place(np.int32(first // self.population.config.pretrain_updates), SHARED),
            self.layout.place(np.int32(first), SHARED),
            self.layout.place(self._lasts(first, last), SEEDS),
            self._tables,
        )

    def _lasts(self, first: int, last: int) -> np.ndarray:
        """Where each seed's updates end: what fills the grid up does none."""
        return np.where(self._is_real, last, first).astype(np.int32)

    def _advance_arguments(self, first: int, last: int) -> tuple[Any, ...]:
        return (
            self._seeds,
            self._rates,
            self.layout.place(np.int32(first), SHARED),
            self.layout.place(self._lasts(first, last), SEEDS),
            self.layout.place(self._records_around(first), SHARED),
            self._tables,
        )

    def _records_around(self, update: int) -> np.ndarray:
        """Shape `(2,)`: the records at or before `update`, and after it."""
        after = bisect_right(self._records, update)
        last = self._records[after] if after < len(self._records) else _NEVER
        return np.array([self._records[after - 1], last], np.int32)

    def _observe_arguments(self, updates: int, examples: int) -> tuple[Any, ...]:
        return (
            self.layout.place(np.int32(updates), SHARED),
            self.layout.place(np.int32(examples), SHARED),
            self._examples,
        )
