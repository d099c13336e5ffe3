"""Runs a training on the host: segments, the records between them, and the hooks that are called."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import jax
import numpy as np

from xavier_cli.errors import XavierError
from xavier_cli.runs.counting import error_at_record, lost_at_record
from xavier_cli.runs.record import Run, Status
from xavier_cli.runs.same_start import describe_same_start
from xavier_cli.runs.weights import Saved
from xavier_cli.training.engine.autosave import Autosaver
from xavier_cli.training.engine.engine import Engine
from xavier_cli.training.engine.population import Variant
from xavier_cli.training.engine.records import History
from xavier_cli.training.engine.seed_programs import Record
from xavier_cli.training.engine.segments import SegmentSizer
from xavier_cli.training.engine.snapshot import Snapshot
from xavier_cli.training.engine.time_spent import TimeSpent, timings_of, utc_now

SEGMENT_SECONDS = 1.0
"""Target length of a segment: signals are handled and progress is shown between segments."""

FIRST_SEGMENT = 20

Doing = Literal["compiling", "pretraining", "training", "evaluating", "fitting"]


class NoRunError(XavierError):
    """A training that was stopped before its first record; the message says where."""


@dataclass(frozen=True)
class Progress:
    """Where training stands; `valid_error` is the mean over members at the last record.

    By then `diverged` of them had diverged, and count as guessing.
    When `pretraining`, `updates` count through all layers. When `evaluating`, each of `total` rows, not
    updates, holds `members` points. When `fitting`, they are pairs of classes.
    """

    doing: Doing
    updates: int
    total: int
    members: int
    valid_error: float | None = None
    phase: str = ""
    """Which of several trainings it is, for people."""
    follows_search: bool = False
    """Whether the rate has been searched: what is left is the second training of two."""
    diverged: int = 0


@dataclass(frozen=True)
class Seen:
    """A record, taken after `update` updates: arrays `(seeds, variants, ...)` under the run file's names.

    `guessing_error`, a fraction, is that of chance.
    """

    update: int
    seeds: tuple[int, ...]
    variants: tuple[Variant, ...]
    record: Mapping[str, np.ndarray]
    guessing_error: float

    @property
    def lost(self) -> np.ndarray:
        """Mask of the members that had diverged, `(seeds, variants)`."""
        return lost_at_record(self.record, self.update)

    @property
    def valid_error(self) -> np.ndarray:
        """The validation error of each member, `(seeds, variants)`; that of chance where it had diverged."""
        return error_at_record(self.record, self.update, self.guessing_error)


@dataclass(frozen=True)
class TrainingHooks:
    """Functions that a training calls, each optional.

    `report` is called with the progress after each segment, and `stopped` is asked before each whether to
    stop. `publish` receives the runs so far, at intervals, and `save` a snapshot to resume from, at intervals
    and at the end; both may be called from another thread. `note` receives a warning beforehand where seeds
    start from the same weights. `look` receives each record once the host has it; when resuming, the earlier
    records first. `provenance` is stored with the runs, and so is `created_utc`, when the training was first
    begun, by default now. With `save_weights`, complete runs have the parameters of their networks: at the
    end, or at every record.
    """

    report: Callable[[Progress], None] = lambda _: None
    stopped: Callable[[], bool] = lambda: False
    publish: Callable[[list[Run]], None] | None = None
    provenance: dict[str, Any] = field(default_factory=dict)
    created_utc: str = ""
    save: Callable[[Snapshot], None] | None = None
    look: Callable[[Seen], None] = lambda _: None
    note: Callable[[str], None] = lambda _: None
    save_weights: Saved | None = None


def train_population(engine: Engine, hooks: TrainingHooks, begun: Snapshot | None = None) -> list[Run]:
    """Train a population to the end, or until stopped; one run per variant.

    With `begun` it is resumed from there, and the runs equal those of an uninterrupted training. Raises
    `NoRunError` where it was stopped during pre-training.
    """
    return _Training(engine, hooks, begun).run()


class _Training:
    def __init__(self, engine: Engine, hooks: TrainingHooks, begun: Snapshot | None):
        self._engine, self._hooks, self._begun = engine, hooks, begun
        self._created = hooks.created_utc or utc_now()
        self._history = History(engine)
        self._done, self._spent = 0, TimeSpent(begun.seconds if begun else None)
        self._published = 0
        if begun:
            self._history.restore(begun.history, with_weights=hooks.save_weights == "records")
            self._done = begun.updates
        self._processor_before = time.process_time()

    def run(self) -> list[Run]:
        if self._begun and self._history.is_complete:
            return self._runs(self._history, self._begun.state, "complete")
        self._report("compiling")
        config = self._engine.population.config
        for same_start in self._history.same_start.values():
            if note := describe_same_start(same_start, config, len(config.seeds)):
                self._hooks.note(note)
        for update, record in self._history.records():
            self._look(update, record)
        self._spent.enter("compiling")
        self._engine.compile()
        self._spent.enter("other")
        self._processor_before = time.process_time()
        self._engine.start(self._begun.state if self._begun else None)
        self._engine.wait()
        with Autosaver() as autosaver:
            if self._pretrain(autosaver):
                self._train(autosaver)
            self._spent.enter("saving")
        state = self._engine.host_state()
        # The last record's singular values, beside which nothing is trained any longer.
        self._spent.enter("probes")
        self._history.settle()
        self._spent.enter("saving")
        complete = self._history.is_complete
        if self._hooks.save:
            kept = self._still_needed(state) if complete else state
            self._hooks.save(
                Snapshot(self._done, self._spent.seconds, self._layout(), kept, self._history.arrays())
            )
        self._spent.enter("other")
        if not self._history.updates:
            raise NoRunError(f"stopped in {self._layer_in_words()}")
        return self._runs(self._history, state, "complete" if complete else "interrupted")

    def _still_needed(self, state: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        """What of the state a complete training still needs: its weights only where they are to be kept."""
        name_of = self._engine.architecture.parameter_name if self._hooks.save_weights else lambda path: ""
        return {name: array for name, array in state.items() if name == "diverged_at" or name_of(name)}

    def _pretrain(self, autosaver: Autosaver) -> bool:
        """Run the pre-training, if any; whether it is complete."""
        engine, history, config = self._engine, self._history, self._engine.population.config
        if config.pretrain == "none":
            return True
        total = config.depth * config.pretrain_updates
        sizer = SegmentSizer(FIRST_SEGMENT, SEGMENT_SECONDS)
        while history.pretrained < total and not self._hooks.stopped():
            self._spent.enter("pretraining")
            began, first = time.perf_counter(), history.pretrained
            # Not beyond this layer: the next one has another size, and so another speed.
            of_layer = config.pretrain_updates - first % config.pretrain_updates
            step = min(sizer.updates, of_layer)
            engine.pretrain(first, first + step)
            engine.wait()
            history.add_pretraining(first + step, engine.reconstruction_errors())
            sizer.record(step, time.perf_counter() - began)
            if step == of_layer:
                sizer = SegmentSizer(FIRST_SEGMENT, SEGMENT_SECONDS)
            self._spent.enter("other")
            self._report("pretraining")
            if self._hooks.save:
                self._save_if_due(autosaver)
        return history.pretrained == total

    def _train(self, autosaver: Autosaver) -> None:
        """Run the training; the host stores a record while the devices compute the next segment."""
        engine, hooks, history, spent = self._engine, self._hooks, self._history, self._spent
        config = engine.population.config
        records = config.record_updates()
        pending: tuple[int, Record, int] | None = None
        sizer = SegmentSizer(FIRST_SEGMENT, SEGMENT_SECONDS)
        seen = set(history.updates)
        for at in (update for update in records if update not in seen):
            while self._done < at and not hooks.stopped():
                spent.enter("updates")
                began = time.perf_counter()
                step = min(sizer.updates, at - self._done)
                engine.advance(self._done, self._done + step)
                if pending:
                    self._add(*pending)
                    pending = None
                    # The devices were busy with the updates all along, or the host kept them waiting.
                    if not engine.is_idle:
                        spent.assign("updates")
                spent.enter("updates")
                engine.wait()
                spent.enter("other")
                self._done += step
                sizer.record(step, time.perf_counter() - began)
                self._report("training")
                if hooks.publish or hooks.save:
                    self._save_if_due(autosaver)
            if self._done < at:
                break
            since = at - (history.updates[-1] if history.updates else 0)
            # All examples are used after training alone.
            whole = 0 < at == records[-1]
            held_out = (engine.training_data.valid, engine.training_data.test)
            examples = max(len(part.labels) for part in held_out) if whole else config.eval_examples
            spent.enter("evaluation")
            pending = at, engine.observe(since, examples), examples
            if hooks.save_weights == "records" and at != records[-1]:
                self._wait_for(pending[1])
                spent.enter("saving")
                history.add_weights(engine.parameters())
            if at in config.jacobian_updates():
                self._spent.enter("probes")
                history.add_jacobians(at, engine.jacobians())
        if pending:
            self._add(*pending)
            if 0 < pending[0] == records[-1]:
                history.finish(engine.read_correct(pending[1]))

    def _wait_for(self, observed: Record) -> None:
        """Block until `observed` is computed, the one of its parts after the other."""
        self._spent.enter("evaluation")
        jax.block_until_ready(observed.evaluated)
        self._spent.enter("probes")
        jax.block_until_ready(observed.probed)

    def _save_if_due(self, autosaver: Autosaver) -> None:
        self._spent.enter("saving")
        if autosaver.is_due:
            autosaver.keep(self._snapshot)
        self._spent.enter("other")

    def _add(self, update: int, observed: Record, examples: int) -> None:
        self._wait_for(observed)
        self._spent.enter("other")
        record = self._engine.read(observed, examples)
        self._history.add(update, record)
        self._look(update, record)

    def _look(self, update: int, record: Mapping[str, np.ndarray]) -> None:
        population = self._engine.population
        self._hooks.look(
            Seen(update, population.seeds, population.variants, record, self._history.guessing_error)
        )

    def _snapshot(self) -> Callable[[], None]:
        """A function that stores the present state; called between segments, which donate the state."""
        history, state = self._history.copy(), self._engine.host_state()
        done, seconds = self._done, self._spent.seconds

        def keep() -> None:
            # A run file changes with records alone.
            if self._hooks.publish and len(history.updates) > self._published:
                self._hooks.publish(self._runs(history, state, "running", seconds))
                self._published = len(history.updates)
            if self._hooks.save:
                self._hooks.save(Snapshot(done, seconds, self._layout(), state, history.arrays()))

        return keep

    def _runs(
        self,
        history: History,
        state: Mapping[str, np.ndarray],
        status: Status,
        seconds: Mapping[str, float] | None = None,
    ) -> list[Run]:
        """The runs so far; `seconds` are those until then, by default until now."""
        timings = timings_of(seconds or self._spent.seconds)
        # A checkpoint does not say what the processes before this one took.
        if self._begun is None:
            timings["processor_seconds"] = round(time.process_time() - self._processor_before, 3)
        runs = history.runs(
            state["diverged_at"], status, self._created, {**self._hooks.provenance, **timings}
        )
        return (
            history.with_weights(runs, state) if self._hooks.save_weights and status == "complete" else runs
        )

    def _layout(self) -> dict[str, Any]:
        layout = self._engine.layout
        return {"strategy": layout.strategy, "mesh": list(layout.mesh.devices.shape)}

    def _report(self, doing: Doing) -> None:
        population, updates = self._engine.population, self._history.updates
        error, lost = self._history.standing() if updates else (None, 0)
        done, last, phase = self._done, population.config.record_updates()[-1], ""
        if doing == "pretraining":
            config = population.config
            done, last = self._history.pretrained, config.depth * config.pretrain_updates
            phase = self._layer_in_words()
        self._hooks.report(Progress(doing, done, last, population.members, error, phase, diverged=lost))

    def _layer_in_words(self) -> str:
        config = self._engine.population.config
        layer = min(self._history.pretrained // config.pretrain_updates + 1, config.depth)
        return f"pre-training layer {layer} of {config.depth}"
