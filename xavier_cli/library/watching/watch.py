"""Defines `watch`: a training in somebody's own loop is measured, and becomes a run file like any other."""

from __future__ import annotations

import operator
import os
import time
import warnings
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np

from xavier_cli.config.checks import MAX_RECORDS
from xavier_cli.config.run import RunConfig
from xavier_cli.data.answers import facts_of_examples
from xavier_cli.errors import ConfigError, XavierError
from xavier_cli.files.locks import lock_output
from xavier_cli.library.watching.curves import TRAINED, ToldCurves
from xavier_cli.library.watching.file import WatchedFile, checked_path
from xavier_cli.library.watching.network import Drawn, OfJax, OfPyTorch, is_other_process, network_of
from xavier_cli.library.watching.schedule import RecordTimes
from xavier_cli.library.watching.settings import watched_config
from xavier_cli.runs.record import Status
from xavier_cli.runs.watched import Record
from xavier_cli.vocabulary.datasets import DatasetInfo
from xavier_cli.vocabulary.network_info import NetworkError, NetworkInfo

HELD_OUT = ("valid", "test")


def watch(
    model: Any,
    path: str | os.PathLike[str],
    *,
    examples: tuple[Any, Any],
    loss: Callable[[Any, Any], Any] | None = None,
    seed: int = 0,
    settings: Mapping[str, Any] | None = None,
    records: str | int | None = None,
    updates: int | None = None,
    params: Any = None,
    state: Any = None,
) -> Watch:
    """Watch a training in your loop, of PyTorch or JAX, and write it to the run file at `path`.

        with watch(model, "runs/he-0.h5", examples=(x, y), loss=loss_fn, settings={"init": "he"}) as run:
            for update, batch in enumerate(loader, 1):
                ...                                            # whatever you do
                run.record(update, train_loss=loss)            # of JAX: run.record(update, params, …)

    The file is like that of `xavier train`: `compare`, `plot`, `check`, `report` and `export` serve it, and
    files that differ in their seeds alone are one experiment. The network is measured when the block is
    entered (record 0), at the records, and when it is left; nothing of the training changes by that:
    parameters, buffers, gradients, random states, modes and hooks are what they would have been.

    **Arguments:**

    - `model`: a `torch.nn.Module` (also compiled, or in `DataParallel` and `DistributedDataParallel`, of
      which the first process records); `(init, apply)`, a module of Flax or Equinox, or what Haiku's
      `transform` returns.
    - `examples`: `(x, y)`, held out from training, of which at most 300, evenly spread, are used. Test
      and validation curves that the loop does not tell are of them. Take them from the data set itself: a
      `DataLoader` that is asked for them draws a random number, which moves the training.
    - `loss`: `loss(answer, y)` of what the model returns: one number for each example, or their mean or sum;
      without it the cross-entropy of logits and classes.
    - `settings`: what to call this training, in your own words: `{"init": "he", "depth": 20, "lr": 0.1}`.
      `init`, `act`, `data`, `lr`, `batch_size`, `optimizer` and the like are those of `xavier`; any other is
      told with the network's name, which `net` changes. Files of equal settings are one experiment.
    - `records`: when to measure: `20` (evenly, which needs `updates`), `log:20` or `every:500`. By default
      20, evenly where `updates`, the number of updates that there will be, is told, else in log updates.
    - `params`, `state`: of JAX, those before training, where the model does not hold them itself; or
      `run.record(0, params)`.

    A file of the same settings that is there already is resumed where the first `record` is beyond its
    records; those after it are replaced. A complete file stays until the new one is complete, or as far.
    A network that is not finite is recorded as diverged. Where an
    exception leaves the block, the file says `interrupted`; the exception is raised. A measurement or a file
    that fails on the way warns, and the training continues.

    Raises `ConfigError`, `NetworkError`, `ResumeError`, `RunFileError` and `StorageError`, one line each.
    """
    if not (isinstance(examples, tuple | list) and len(examples) == 2):
        raise ConfigError("examples: are to be `(x, y)`: inputs, and what the loss compares answers with")
    x, y = examples
    _check_examples(x, y)
    if records is None:
        records = "log:20" if updates is None else "20"
    if updates is not None:
        updates = _count("updates", updates)
    network = network_of(model, x, y, loss)
    config = watched_config(
        network.name, settings or {}, loss, seed=seed, records=str(records), updates=updates
    )
    times = RecordTimes(config, updates is not None)
    return Watch(network, checked_path(path), config, times, params, state)


class Watch:
    """A training that is being watched; `watch` makes it, and `with` begins and ends it."""

    def __init__(
        self,
        network: OfPyTorch | OfJax,
        path: Path,
        config: RunConfig,
        times: RecordTimes,
        params: Any,
        state: Any,
    ):
        self.path = path
        self._network, self._config, self._times = network, config, times
        self._numbers = params, state
        self._is_length_known = "updates" in config.told.split(",")
        self._curves = ToldCurves()
        self._records: list[Record] = []
        self._seen = -1
        self._tried = 0
        self._stack = ExitStack()
        self._file: WatchedFile | None = None
        self._drawn: Drawn | None = None
        self._info: NetworkInfo | None = None
        self._facts: DatasetInfo | None = None
        self._is_off = False
        self._is_settled = False
        self._told: set[str] = set()

    @property
    def updates(self) -> tuple[int, ...]:
        """The updates at which there are records."""
        return tuple(each.update for each in self._records)

    def __enter__(self) -> Self:
        if self._file is not None or self._is_off:
            raise ConfigError("watch: was entered before: make another")
        if is_other_process():
            self._is_off = True
            return self
        with ExitStack() as stack:
            stack.enter_context(lock_output(self.path))
            self._file = WatchedFile(self.path, self._config, self._is_length_known)
            params, state = self._numbers
            if params is not None or not self._network.needs_numbers:
                self._begin(params, state)
            self._stack = stack.pop_all()
        return self

    def record(self, update: int, params: Any = None, state: Any = None, **curves: Any) -> bool:
        """Say that `update` updates are done; the network is measured where a record is due.

            run.record(update, train_loss=loss)                 # PyTorch
            run.record(update, params, state, train_loss=loss)  # JAX; the module itself of NNX and Equinox
            run.record(update, test_error=0.12)                 # whenever it is known

        **Arguments:** `curves`, of `train_loss`, `train_error`, averaged since the record before, and
        `valid_loss`, `valid_error`, `test_loss`, `test_error`, of which a record has the newest; errors are
        shares, 0 to 1. Cheap where no record is due: a number on a device is not waited for.

        **Returns:** whether a record was taken.

        Raises `ConfigError` for an update before the one before, and for what is no such number.
        """
        if self._is_off:
            return False
        if self._file is None:
            raise ConfigError("record: begin by `with watch(…) as run:`")
        update = _count("update", update)
        if update < self._seen:
            raise ConfigError(
                f"update: {update} after {self._seen}: count all updates of the training, over epochs, too"
            )
        if self._drawn is None and self._info is None:
            self._begin_late(update, params, state)
        self._curves.take(curves)
        self._seen = update
        if update and not self._is_settled:
            self._settle(update)
        if params is not None:
            self._numbers = params, state
        last = self._records[-1].update
        if update == last:
            self._amend()
            return False
        if update < self._times.next_after(max(last, self._tried)) or len(self._records) >= MAX_RECORDS:
            return False
        return self._take(update, params, state)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._is_off or self._file is None:
            return
        with self._stack:
            try:
                self._end(kind is None)
            except XavierError as failure:
                if kind is None:
                    raise
                # What left the block matters more.
                warnings.warn(f"watch: {failure}", stacklevel=2)

    def _begin(self, params: Any, state: Any) -> None:
        """Look at the network before training: record 0."""
        assert self._file is not None
        began = time.perf_counter()
        drawn, found = self._network.first(params, state)
        seen = self._network.seen
        labels, known = _whole(seen.labels), self._config.dataset.facts
        self._facts = facts_of_examples(
            self._config.data, seen.shape, len(seen.labels), labels, seen.classes, known
        )
        self._records = [Record(0, self._with_curves(found, 0))]
        self._seen = 0
        old = self._file.old
        if old is None:
            self._info = drawn.described()
            self._is_settled = True
        else:
            _refuse_other_layers(self.path, old.network, drawn.info)
            self._drawn = drawn
        self._file.looking_seconds += time.perf_counter() - began
        if self._info is not None:
            self._publish("running")

    def _begin_late(self, update: int, params: Any, state: Any) -> None:
        if update or params is None:
            raise ConfigError(
                "params: the parameters before training are not known: `watch(…, params=params)`, or "
                "`run.record(0, params)` before the first update"
            )
        self._begin(params, state)

    def _settle(self, update: int) -> None:
        """With the first update, choose between the records of the file that is there and a new beginning."""
        assert self._file is not None
        assert self._drawn is not None
        kept = self._file.taken_up(update)
        old = self._file.old
        if kept and old is not None and old.network is not None:
            self._records, self._info = kept, old.network
        else:
            self._info = self._drawn.described()
        self._drawn = None
        self._is_settled = True

    def _take(self, update: int, params: Any, state: Any) -> bool:
        assert self._file is not None
        began = time.perf_counter()
        try:
            found = self._network.look(params, state)
        except NetworkError as error:
            self._tried = update
            # A training of hours is worth more than a record of it.
            warnings.warn(f"watch: no record after {update:,} updates: {error}", stacklevel=3)
            return False
        self._records.append(Record(update, self._with_curves(found, update)))
        self._file.looking_seconds += time.perf_counter() - began
        if len(self._records) == MAX_RECORDS:
            warnings.warn(
                f"watch: {MAX_RECORDS:,} records are taken, the most that a file holds", stacklevel=3
            )
        if self._file.is_time:
            try:
                self._publish("running")
            except XavierError as error:
                warnings.warn(f"watch: {error}; it is tried again at the next record", stacklevel=3)
        return True

    def _with_curves(self, found: dict[str, np.ndarray], update: int) -> dict[str, np.ndarray]:
        """A record's arrays: what was seen, and the curves, told or of the examples."""
        arrays = {path: each for path, each in found.items() if path not in ("loss", "error")}
        curves = {f"{part}_{what}": float(found[what]) for part in HELD_OUT for what in ("loss", "error")}
        curves |= self._curves.newest() | self._curves.means()
        if update == 0:
            # No training came before.
            curves |= {name: np.nan for name in TRAINED if name in curves}
        return arrays | {f"curves/{name}": np.asarray(value, np.float64) for name, value in curves.items()}

    def _amend(self) -> None:
        """Put what was told after the last record was taken into it."""
        last = self._records[-1]
        told = self._curves.newest()
        if last.update and np.isnan(last.arrays["curves/train_loss"]) and self._curves.has_means:
            told |= self._curves.means()
        last.arrays |= {f"curves/{name}": np.asarray(value, np.float64) for name, value in told.items()}

    def _end(self, is_over: bool) -> None:
        """Take the last record, where nothing failed, and publish."""
        assert self._file is not None
        if not self._records or not self._is_settled:
            return  # Nothing was recorded: what is there stays.
        last = self._records[-1].update
        if is_over and self._seen > max(last, self._tried):
            self._take(self._seen, *self._numbers)
        else:
            self._amend()
        planned, done = self._config.updates, self._records[-1].update
        is_short = self._is_length_known and done < planned
        if is_over and is_short:
            warnings.warn(
                f"watch: left after {done:,} of {planned:,} updates, so that the run is not complete",
                stacklevel=4,
            )
        self._publish("complete" if is_over and not is_short else "interrupted")

    def _publish(self, status: Status) -> None:
        assert self._file is not None
        assert self._info is not None
        assert self._facts is not None
        self._file.publish(
            self._records,
            status,
            edges=self._network.seen.edges,
            data=self._facts,
            network=self._info,
            versions=self._network.versions(),
        )


def _count(name: str, value: Any) -> int:
    """A whole number from 0; raises `ConfigError`."""
    try:
        if isinstance(value, bool):
            raise TypeError
        number = int(value) if isinstance(value, float) and value.is_integer() else operator.index(value)
    except (TypeError, ValueError, OverflowError):
        raise ConfigError(f"{name}: should be a whole number of updates, not {value!r:.40}") from None
    if not 0 <= number <= 10**10:
        raise ConfigError(f"{name}: {number} should be from 0 to 10,000,000,000")
    return number


def _check_examples(x: Any, y: Any) -> None:
    for name, each in (("x", x), ("y", y)):
        shape = getattr(each, "shape", None)
        if shape is None and not isinstance(each, list | tuple):
            raise ConfigError(f"examples: {name} is {type(each).__name__}: give one array or tensor")
        if (len(each) if shape is None else shape[0] if len(shape) else 0) == 0:
            raise ConfigError(f"examples: {name} is empty: give examples to measure the network on")
    if len(x) != len(y):
        raise ConfigError(f"examples: {len(x)} of x and {len(y)} of y: give one y for each x")


def _whole(labels: np.ndarray) -> np.ndarray:
    """The labels as whole numbers; those that are none are not asked for."""
    return labels.astype(np.int64) if labels.dtype.kind in "iub" else np.zeros(0, np.int64)


def _refuse_other_layers(path: Any, before: NetworkInfo | None, now: NetworkInfo) -> None:
    from xavier_cli.runs.errors import ResumeError

    was = [(each.name, each.shape) for each in before.layers] if before else []
    is_ = [(each.name, each.shape) for each in now.layers]
    if was != is_:
        raise ResumeError(
            f"`{path}` was watched with a network of other layers ({len(was)}, now {len(is_)}): give another "
            "file"
        )
