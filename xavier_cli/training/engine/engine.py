"""Compiles the programs of one population and runs them on its state, which stays on the devices.

S is the number of seeds and V the number of variants; the grid on the devices may be larger, so that it
divides evenly over them.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Container, Iterable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from functools import cached_property
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from xavier_cli.config.settings import SETTINGS
from xavier_cli.data.coding import decode
from xavier_cli.training.engine import program_cache
from xavier_cli.training.engine.architectures.architecture import make_architecture
from xavier_cli.training.engine.batches import Chunk
from xavier_cli.training.engine.kept_predictions import predicted
from xavier_cli.training.engine.layout import GRID, SEEDS, SHARED, VARIANTS, Layout
from xavier_cli.training.engine.packing import unpack
from xavier_cli.training.engine.population import Population
from xavier_cli.training.engine.seed_programs import Record, SeedPrograms
from xavier_cli.training.engine.snapshot import from_host, parameters_in, to_host
from xavier_cli.training.engine.training_data import TrainingData
from xavier_cli.training.pretraining.layerwise import mean_errors
from xavier_cli.training.probes.evaluation import exact_share
from xavier_cli.training.probes.jacobian import SingularValues
from xavier_cli.training.step.member import MemberState
from xavier_cli.vocabulary.network_info import NetworkInfo
from xavier_cli.vocabulary.user_code import digest_loaded

# Only the training step repays full optimization: the others run at most once per record.
_COMPILER_OPTIONS: dict[str, program_cache.Options] = {
    "init": {"xla_backend_optimization_level": 1},
    "pretrain": None,
    "advance": None,
    "evaluate": {"xla_backend_optimization_level": 1},
    "probe": {"xla_backend_optimization_level": 1},
    "jacobians": {"xla_backend_optimization_level": 1},
}
# Apart, so that it can be told what each of them takes.
_METHOD_OF = {"evaluate": "observe", "probe": "observe"}
METHODS = ("init", "pretrain", "advance", "observe", "jacobians")
"""The methods that run compiled programs; that of `start` is `init`."""

# Stands for the next record after the last one.
_NEVER = np.iinfo(np.int32).max


def _known(info: NetworkInfo | None) -> Future[NetworkInfo | None]:
    future: Future[NetworkInfo | None] = Future()
    future.set_result(info)
    return future


class Engine:
    """Trains a population in segments, and takes its statistics in between.

    `start`, `pretrain`, `advance`, `observe` and `jacobians` return before the devices are done; `wait`, and
    whatever reads numbers, blocks. A state that was passed to a program is donated to it.

    Raises `UserFunctionError` and `ConfigError` where custom functions changed or fail their trial.
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
        # The padding repeats the last member; unless members are batched, it is not trained or looked at.
        fill_seeds = np.minimum(np.arange(self._grid[0]), seeds - 1)
        fill_variants = np.minimum(np.arange(self._grid[1]), variants - 1)
        self._fill = fill_seeds, fill_variants
        self._is_real = np.arange(self._grid[0]) < seeds
        self._looked_at = layout.place(self._is_real, SEEDS)
        # Batched members end together: where each had an end of its own, JAX would choose between old and new
        # weights of every member after every update.
        self._over_ends = SHARED if layout.strategy == "vmap" else SEEDS
        chosen = [population.variants[i] for i in fill_variants]
        self._inits = sorted({variant.init for variant in chosen})
        self.architecture = make_architecture(config, self._inits, training_data)
        self._seed_programs = SeedPrograms(config, self.architecture, training_data.batch_source, layout)
        self._seeds = layout.place(np.array(population.seeds, np.uint32)[fill_seeds], SEEDS)
        self._rates = layout.place(np.array([variant.lr for variant in chosen], np.float32), VARIANTS)
        self._init_of = layout.place(
            np.array([self._inits.index(variant.init) for variant in chosen], np.int32), VARIANTS
        )
        self._tables = layout.place(training_data.batch_source.arrays, SHARED)
        self._examples = layout.place(
            tuple(
                Chunk(*map(jnp.asarray, part))
                for part in (training_data.probe, training_data.valid, training_data.test)
            ),
            SHARED,
        )
        self._programs: dict[str, Any] = {}
        self.state: Any
        self._abstract: Any

    def start(self, begun: Mapping[str, np.ndarray] | None = None, wanted: Container[str] = METHODS) -> None:
        """Initialize all members, or restore them from `begun`, a `host_state`.

        Compiles first, as `compile`. Raises `ResumeError` where `begun` is of another network.
        """
        self.compile(wanted)
        if begun is None:
            self.state = self._programs["init"](self._seeds, self._init_of, self._tables)
        else:
            self.state = from_host(
                begun, self._abstract, self._fill, lambda array: self.layout.place(array, GRID)
            )

    def compile(self, wanted: Container[str] = METHODS) -> None:
        """Compile the programs of the methods named in `wanted`, unless some are compiled already."""
        if self._programs:
            return
        config = self.population.config
        unused = {
            "pretrain": config.pretrain == "none",
            "advance": not config.updates,
            "jacobians": not config.jacobian_examples,
        }
        lower = {
            name: make
            for name, make in self._lowered().items()
            if _METHOD_OF.get(name, name) in wanted and not unused.get(name)
        }
        with jax.default_matmul_precision(config.precision):
            self._programs, shapes = program_cache.compiled(
                self._key(lower),
                lower,
                _COMPILER_OPTIONS,
                lambda: self._state_shapes,
                self.layout.mesh.devices.ravel().tolist(),
            )
        # Shapes, types and placement of the state, for `from_host`.
        self._abstract = self._on_grid(shapes)

    def _key(self, names: Iterable[str]) -> str:
        """All that decides the programs' texts, without tracing them; a test compares key and text."""
        config, layout = self.population.config, self.layout
        given = {name for name, row in SETTINGS.items() if row.outside_programs}
        if config.schedule != "constant":
            given.remove("updates")
        inputs = self._seeds, self._rates, self._init_of, self._tables, self._examples
        return repr(
            [
                # Without the settings that are arguments of the programs or concern the host alone.
                config.model_dump_json(exclude=given),
                self._inits,
                (layout.strategy, layout.mesh.devices.shape),
                jax.tree.map(lambda leaf: (leaf.shape, leaf.dtype.name), inputs),
                (self.training_data.inputs, self.training_data.classes),
                sorted(names),
                self._user_functions() if config.sources else "",
            ]
        )

    def _user_functions(self) -> list[str]:
        """What identifies custom functions: the source texts they come from, and one lowered update.

        The source does not show what a function reads from files or the environment; the lowered update does.
        """
        seed, lr, probe = self._seeds[0], self._rates[0], self._examples[0]
        batch = jax.tree.map(lambda leaf: leaf[: self.population.config.batch_size], probe)
        once = jax.jit(self._seed_programs.once).lower(seed, lr, batch, self._tables).as_text()
        return [digest_loaded(self.population.config.sources), self.architecture.decided, once]

    @cached_property
    def _state_shapes(self) -> MemberState:
        init = self.layout.program(self._seed_programs.init, (SEEDS, VARIANTS, SHARED))
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
        """Functions that trace and lower each program."""
        program = self.layout.program

        def with_state(row: Callable[..., Any], specs: tuple[Any, ...], arguments: tuple[Any, ...]) -> Any:
            return program(row, (GRID, *specs)).lower(self._on_grid(self._state_shapes), *arguments)

        shared = (SHARED, SHARED)
        return {
            "init": lambda: program(self._seed_programs.init, (SEEDS, VARIANTS, SHARED)).lower(
                self._seeds, self._init_of, self._tables
            ),
            "pretrain": lambda: with_state(
                self._seed_programs.pretrain,
                (SEEDS, *shared, self._over_ends, SHARED),
                self._pretrain_arguments(0, 0),
            ),
            "advance": lambda: with_state(
                self._seed_programs.advance,
                (SEEDS, VARIANTS, SHARED, self._over_ends, *shared),
                self._advance_arguments(0, 0),
            ),
            "evaluate": lambda: with_state(
                self._seed_programs.evaluate, (SEEDS, SHARED, *shared), self._evaluate_arguments(1)
            ),
            "probe": lambda: with_state(
                self._seed_programs.probe, (SEEDS, *shared), self._probe_arguments(1)
            ),
            "jacobians": lambda: with_state(
                self._seed_programs.jacobians, (SHARED,), (self._examples[0].pixels,)
            ),
        }

    @cached_property
    def predictions(self) -> dict[str, Future[dict[str, np.ndarray]]]:
        """Theory's predictions of record 0, by initializer; computed in a thread from the first access on."""
        config, probe = self.population.config, self.training_data.probe
        images = np.asarray(decode(jnp.asarray(probe.pixels), config.pixel_range))
        pool = ThreadPoolExecutor(1)
        work = {
            init: pool.submit(
                predicted, config.with_(init=init), images, probe.labels, self.training_data.classes
            )
            for init in self._inits
        }
        pool.shutdown(wait=False)
        return work

    @cached_property
    def networks(self) -> dict[str, Future[NetworkInfo | None]]:
        """What a run file keeps of a custom network, by initializer; of `mlp` nothing.

        Its first numbers are drawn once more, in a thread from the first access on.
        """
        if self.architecture.info is None:
            return {init: _known(None) for init in self._inits}
        pool = ThreadPoolExecutor(1)
        work = {init: pool.submit(self._described, number) for number, init in enumerate(self._inits)}
        pool.shutdown(wait=False)
        return work

    def _described(self, init: int) -> NetworkInfo | None:
        seeds = len(self.population.seeds)
        draw = jax.jit(
            lambda seeds, tables: jax.lax.map(
                lambda seed: self.architecture.draw(seed, tables)[init].params, seeds
            )
        )
        drawn = draw(jnp.asarray(self.population.seeds, jnp.uint32), self._tables)
        return self.architecture.described([np.asarray(leaf)[:seeds] for leaf in drawn])

    def pretrain(self, first: int, last: int) -> None:
        """Pre-train all members for updates `first` to `last − 1`, counted through all layers."""
        each = self.population.config.pretrain_updates
        while first < last:
            until = min(last, (first // each + 1) * each)
            self.state = self._programs["pretrain"](self.state, *self._pretrain_arguments(first, until))
            first = until

    def reconstruction_errors(self) -> np.ndarray:
        """Mean squared reconstruction error of each layer between records, `(S, V, depth, records)`."""
        return mean_errors(self.population.config, self._real(self.state.pretraining.errors))

    def advance(self, first: int, last: int) -> None:
        """Train all members for updates `first` to `last − 1`."""
        while first < last:
            # One record at a time: the fold points of delayed updates depend on the records.
            until = min(last, int(self._records_around(first)[1]))
            self.state = self._programs["advance"](self.state, *self._advance_arguments(first, until))
            first = until

    def observe(self, updates: int, examples: int) -> Record:
        """Take the statistics of all members.

        **Arguments:** `updates` since the record before; `examples`, the number of validation and of test
        examples that losses and errors are taken on.
        """
        self.state, (evaluated, correct) = self._programs["evaluate"](
            self.state, *self._evaluate_arguments(examples)
        )
        self.state, probed = self._programs["probe"](self.state, *self._probe_arguments(updates))
        return Record(evaluated, correct, probed)

    def jacobians(self) -> list[list[Future[SingularValues]]]:
        """Singular values of every member's Jacobians, S lists of V; computed on the host, in threads."""
        self.state, factors = self._programs["jacobians"](self.state, self._examples[0].pixels)
        seeds, variants = len(self.population.seeds), len(self.population.variants)
        return self.architecture.measure_jacobians(factors, seeds, variants)

    def wait(self) -> None:
        """Block until the devices have computed the state."""
        jax.block_until_ready(self.state.loss_sum)

    @property
    def is_idle(self) -> bool:
        """Whether the devices have computed the state already."""
        return bool(self.state.loss_sum.is_ready())

    def read(self, record: Record, examples: int) -> dict[str, np.ndarray]:
        """A record on the host: arrays `(S, V, …)` by path in the run file; blocks until it is computed.

        `examples` is what `observe` was given: shares are rounded to the nearest multiple of 1/examples.
        """
        arrays = {
            name: array
            for packed in (record.evaluated, record.probed)
            for name, array in unpack(jax.tree.map(self._real, packed)).items()
        }
        for name, part in (
            ("valid_error", self.training_data.valid),
            ("test_error", self.training_data.test),
        ):
            path = f"curves/{name}"
            arrays[path] = exact_share(arrays[path], min(examples, len(part.labels)))
        return arrays

    def read_correct(self, record: Record) -> np.ndarray:
        """1 where a test example is classified correctly, `(S, V, examples)` uint8, in the set's order."""
        correct = self._real(record.test_correct)
        in_order = np.empty_like(correct)
        in_order[..., self.training_data.test_order] = correct
        return in_order

    def host_state(self) -> dict[str, np.ndarray]:
        """A copy of the whole state by name, arrays `(S, V, …)`; what `start` restores."""
        return to_host(self.state, (len(self.population.seeds), len(self.population.variants)))

    def parameters(self) -> dict[str, np.ndarray]:
        """A copy of all members' parameters, `(S, V, ...)` each, by their paths in the state."""
        members = len(self.population.seeds), len(self.population.variants)
        learned = to_host({"params": self.state.params, "moving": self.state.moving}, members)
        return parameters_in(learned, lambda path: path if self.architecture.parameter_name(path) else "")

    def diverged_at(self) -> np.ndarray:
        """The first update of each member that was not finite, or -1; `(S, V)` int32."""
        return self._real(self.state.diverged_at)

    def _real(self, array: Array) -> np.ndarray:
        return np.asarray(array)[: len(self.population.seeds), : len(self.population.variants)]

    def _pretrain_arguments(self, first: int, last: int) -> tuple[Any, ...]:
        return (
            self._seeds,
            self.layout.place(np.int32(first // self.population.config.pretrain_updates), SHARED),
            self.layout.place(np.int32(first), SHARED),
            self._ends(first, last),
            self._tables,
        )

    def _ends(self, first: int, last: int) -> Array:
        """Where the updates of each seed end, those of the padding where they begin; one end if batched."""
        ends = np.int32(last) if self._over_ends == SHARED else np.where(self._is_real, last, first)
        placed: Array = self.layout.place(ends.astype(np.int32), self._over_ends)
        return placed

    def _advance_arguments(self, first: int, last: int) -> tuple[Any, ...]:
        return (
            self._seeds,
            self._rates,
            self.layout.place(np.int32(first), SHARED),
            self._ends(first, last),
            self.layout.place(self._records_around(first), SHARED),
            self._tables,
        )

    def _records_around(self, update: int) -> np.ndarray:
        """The updates of the last record at or before `update`, and of the next one; `(2,)` int32."""
        after = bisect_right(self._records, update)
        last = self._records[after] if after < len(self._records) else _NEVER
        return np.array([self._records[after - 1], last], np.int32)

    def _evaluate_arguments(self, examples: int) -> tuple[Any, ...]:
        return self._looked_at, self.layout.place(np.int32(examples), SHARED), *self._examples[1:]

    def _probe_arguments(self, updates: int) -> tuple[Any, ...]:
        return self._looked_at, self.layout.place(np.int32(updates), SHARED), self._examples[0]
