"""Collects the records of a population on the host, and assembles the runs from them."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from concurrent.futures import Future, wait
from dataclasses import replace
from functools import cached_property
from typing import Any

import numpy as np

from xavier_cli.runs import schema
from xavier_cli.runs.counting import error_at_record, lost_at_record
from xavier_cli.runs.errors import ResumeError
from xavier_cli.runs.initial import is_unmeasured
from xavier_cli.runs.record import Run, Status
from xavier_cli.runs.weights import parameter_shapes, wrong_parameters
from xavier_cli.statistics.estimate import over_seeds
from xavier_cli.training.engine.engine import Engine
from xavier_cli.training.engine.population import Population
from xavier_cli.training.engine.snapshot import parameters_in
from xavier_cli.training.engine.time_spent import TIMINGS, joined_timings
from xavier_cli.training.probes.jacobian import SingularValues

WEIGHTS = "weights/"
"""What the names of parameters begin with in `History.arrays`."""


class History:
    """All records of every member so far."""

    def __init__(self, engine: Engine):
        self.population: Population = engine.population
        self._training_data = engine.training_data
        self._facts, self._bins = engine.training_data.facts, engine.architecture.bins
        self._definitions = dict(engine.architecture.definitions) | {
            name: array
            for tensor, bins in engine.architecture.bins.items()
            for name, array in schema.bins(tensor, bins.edges).items()
        }
        self._predictions, self._networks = engine.predictions, engine.networks
        self._architecture = engine.architecture
        self.same_start = {init: engine.architecture.same_start(init) for init in engine.predictions}
        """The provenance of seeds that start from the same weights, by initializer; empty if they do not."""
        self.updates: list[int] = []
        self._records: list[Mapping[str, np.ndarray]] = []
        self._jacobians: dict[int, list[list[Future[SingularValues]]]] = {}
        self._test_correct: np.ndarray | None = None
        self.pretrained = 0
        """Updates of pre-training done, counted through all layers."""
        self._reconstruction_errors: np.ndarray | None = None
        self._weights: list[Mapping[str, np.ndarray]] = []

    def add_pretraining(self, done: int, errors: np.ndarray) -> None:
        """Store the reconstruction errors of each layer, `(S, V, depth, records)`, after `done` updates."""
        self.pretrained, self._reconstruction_errors = done, errors

    def add(self, update: int, record: Mapping[str, np.ndarray]) -> None:
        """Store a record, arrays `(S, V, …)` by path in the run file, taken after `update` updates."""
        self.updates.append(update)
        self._records.append(record)

    def add_jacobians(self, update: int, members: list[list[Future[SingularValues]]]) -> None:
        """Store the singular values of every member, by seed and variant, after `update` updates."""
        self._jacobians[update] = members

    def add_weights(self, parameters: Mapping[str, np.ndarray]) -> None:
        """Store the parameters at the next record, which is not the last, `(S, V, ...)` by name."""
        self._weights.append(parameters)

    def settle(self) -> None:
        """Block until what is computed in threads is there: singular values, predictions, first numbers."""
        wait(self._predictions.values())
        wait(self._networks.values())
        for members in self._jacobians.values():
            wait([each for seed in members for each in seed])

    def records(self) -> list[tuple[int, Mapping[str, np.ndarray]]]:
        """All records so far, as `(update, arrays)`."""
        return list(zip(self.updates, self._records, strict=True))

    @cached_property
    def guessing_error(self) -> float:
        """The error of chance, a fraction, as it is of the runs."""
        return Run(self.population.config, {}, data=self._facts).facts.guessing_error

    def standing(self) -> tuple[float, int]:
        """At the last record: the mean validation error, a fraction, and how many members had diverged.

        These count as guessing, as in every table.
        """
        at, record = self.updates[-1], self._records[-1]
        error = error_at_record(record, at, self.guessing_error)
        return over_seeds(error.reshape(-1)).center.item(), int(lost_at_record(record, at).sum())

    def finish(self, test_correct: np.ndarray) -> None:
        """Store which test examples the final networks classify correctly, `(S, V, examples)`."""
        self._test_correct = test_correct

    def copy(self) -> History:
        """What there is now, whatever is added later."""
        other = copy.copy(self)
        other.updates, other._records = list(self.updates), list(self._records)
        other._jacobians, other._weights = dict(self._jacobians), list(self._weights)
        return other

    def arrays(self) -> dict[str, np.ndarray]:
        """Everything as plain arrays, for `restore`; waits for singular values still being computed."""
        arrays: dict[str, np.ndarray] = {}
        if self._reconstruction_errors is not None:
            arrays["pretrained"] = np.array([self.pretrained], np.int64)
            arrays["reconstruction_errors"] = self._reconstruction_errors
        # A checkpoint holds no empty arrays.
        if self.updates:
            arrays["update"] = np.array(self.updates, np.int64)
            for name in self._records[0]:
                arrays[f"record/{name}"] = np.stack([record[name] for record in self._records])
        if self._jacobians:
            grids = [
                [[each.result() for each in seed] for seed in members] for members in self._jacobians.values()
            ]
            arrays["jacobian_update"] = np.array(list(self._jacobians), np.int64)
            if grids[0][0][0].values is not None:
                arrays["jacobian_values"] = np.array(
                    [[[each.values for each in seed] for seed in grid] for grid in grids]
                )
            for name in grids[0][0][0].averages:
                arrays[f"jacobian_average/{name}"] = np.array(
                    [[[each.averages[name] for each in seed] for seed in grid] for grid in grids]
                )
        if self._test_correct is not None:
            arrays["test_correct"] = self._test_correct.astype(np.int8)
        for name in self._weights[0] if self._weights else ():
            arrays[f"{WEIGHTS}{name}"] = np.stack([each[name] for each in self._weights])
        return arrays

    def restore(self, arrays: Mapping[str, np.ndarray], with_weights: bool = False) -> None:
        """Restore from what `arrays()` returned; raises `ResumeError` where histograms have other bins."""
        self.updates = arrays["update"].tolist() if "update" in arrays else []
        records = _under("record/", arrays)
        for tensor, bins in self._bins.items():
            counts = records.get(f"{tensor}/histogram")
            if counts is not None and counts.shape[-1] != len(bins.edges) - 1:
                raise ResumeError(f"the checkpoint's `{tensor}/histogram` is not this network's")
        self._records = [{name: each[i] for name, each in records.items()} for i in range(len(self.updates))]
        averages = _under("jacobian_average/", arrays)
        spectra = arrays.get("jacobian_values")
        seeds, variants = range(len(self.population.seeds)), range(len(self.population.variants))
        for i, update in enumerate(arrays.get("jacobian_update", np.array([], np.int64)).tolist()):
            self._jacobians[update] = [
                [
                    _done(
                        SingularValues(
                            {name: each[i, s, v] for name, each in averages.items()},
                            None if spectra is None else spectra[i, s, v],
                        )
                    )
                    for v in variants
                ]
                for s in seeds
            ]
        self._test_correct = arrays.get("test_correct")
        self.pretrained = pretrained_in(arrays)
        self._reconstruction_errors = arrays.get("reconstruction_errors")
        kept = _under(WEIGHTS, arrays) if with_weights else {}
        count = len(next(iter(kept.values()), ()))
        self._weights = [{name: each[at] for name, each in kept.items()} for at in range(count)]

    def with_weights(self, runs: Sequence[Run], state: Mapping[str, np.ndarray]) -> list[Run]:
        """The complete `runs` with their networks' parameters: the final ones in `state`, earlier records'.

        Raises `ResumeError` where they are of another network: `state` may be a checkpoint's.
        """
        config, source, name_of = (
            self.population.config,
            self._training_data,
            self._architecture.parameter_name,
        )
        final, *each_earlier = (parameters_in(each, name_of) for each in (state, *self._weights))
        leading = len(self.population.seeds), len(self.population.variants)
        wanted = parameter_shapes(config, source.inputs, source.classes, self._architecture.info)
        for parameters in (final, *each_earlier):
            wrong = wrong_parameters(wanted, {name: array.shape[2:] for name, array in parameters.items()})
            if wrong or any(array.shape[:2] != leading for array in parameters.values()):
                raise ResumeError(f"the checkpoint's weights are not this network's: `{wrong}`")
        earlier = zip(config.record_updates(), each_earlier, strict=False)
        levels = {"": final, **{f"update{at}/": each for at, each in earlier}}
        return [
            replace(
                run,
                weights={
                    f"{level}{name}": array[:, variant]
                    for level, parameters in levels.items()
                    for name, array in parameters.items()
                },
            )
            for variant, run in enumerate(runs)
        ]

    @property
    def is_complete(self) -> bool:
        """Whether the last record was taken."""
        return self.updates[-1:] == [self.population.config.record_updates()[-1]]

    def runs(
        self, diverged_at: np.ndarray, status: Status, created_utc: str, provenance: Mapping[str, Any]
    ) -> list[Run]:
        """One run per variant; `diverged_at` has shape `(S, V)`.

        With status `running`, singular values that are still being computed are left out.
        """
        return [
            Run(
                self.population.run_config(variant),
                self._arrays(i, diverged_at[:, i]) | self._jacobian_arrays(i, wait=status != "running"),
                status,
                created_utc,
                {**provenance, **self.same_start[variant.init]},
                data=self._facts,
                network=self._networks[variant.init].result(),
            )
            for i, variant in enumerate(self.population.variants)
        ]

    def _arrays(self, variant: int, diverged_at: np.ndarray) -> dict[str, np.ndarray]:
        of = self.population.variants[variant]
        arrays = schema.fixed_scales(self.population.run_config(of)) | self._definitions
        arrays |= self._predictions[of.init].result()
        arrays["update"] = np.array(self.updates, np.int64)
        # A resumed training of another version may lack a statistic in some records.
        for name in set(self._records[0]).intersection(*self._records):
            values = np.stack([record[name][:, variant] for record in self._records], axis=1)
            if not (self._architecture.info and is_unmeasured(name, values)):
                arrays[name] = values
        if self._reconstruction_errors is not None:
            arrays["pretraining/reconstruction_error"] = self._reconstruction_errors[:, variant]
            arrays["pretrain_update"] = np.array(self.population.config.pretrain_records(), np.int64)
        arrays["final/diverged_at"] = diverged_at.astype(np.int64)
        if self._test_correct is not None:
            arrays["final/test_correct"] = self._test_correct[:, variant].astype(np.int8)
            arrays["example"] = np.arange(self._test_correct.shape[-1], dtype=np.int32)
        return arrays

    def _jacobian_arrays(self, variant: int, wait: bool) -> dict[str, np.ndarray]:
        at_records = {
            update: [seed[variant].result() for seed in members]
            for update, members in self._jacobians.items()
            if wait or all(seed[variant].done() for seed in members)
        }
        if not at_records:
            return {}
        is_whole = next(iter(at_records.values()))[0].values is not None
        spectra = [
            update
            for update in self.population.config.spectrum_updates()
            if is_whole and update in at_records
        ]
        arrays = {
            f"jacobian/{name}_singular_value": np.stack(
                [[member.averages[name] for member in members] for members in at_records.values()], axis=1
            )
            for name in next(iter(at_records.values()))[0].averages
        }
        arrays["jacobian_update"] = np.array(list(at_records), np.int64)
        if spectra:
            values = np.stack(
                [[np.asarray(member.values) for member in at_records[at]] for at in spectra], axis=1
            )
            arrays["jacobian/singular_values"] = values
            arrays["spectrum_update"] = np.array(spectra, np.int64)
            arrays["index"] = np.arange(values.shape[-1], dtype=np.int32)
        return arrays


def join_seeds(runs: Sequence[Run], seeds: Sequence[int]) -> Run:
    """Runs of different seeds joined into one with `seeds` in that order.

    It took as long as all of them; all else is the first's.
    """
    first = runs[0]
    rows = {int(seed): (run, i) for run in runs for i, seed in enumerate(run.seeds)}
    arrays = {
        name: np.stack([rows[seed][0][name][rows[seed][1]] for seed in seeds])
        if schema.dims(name)[0] == "seed"
        else array
        for name, array in first.arrays.items()
    }
    weights = {
        name: np.stack([rows[seed][0].weights[name][rows[seed][1]] for seed in seeds])
        for name in first.weights
    }
    # Where one part does not say its time, that of the first alone would be too short.
    timeless = {name: value for name, value in first.provenance.items() if name not in TIMINGS}
    provenance = timeless | joined_timings([run.provenance for run in runs])
    config = first.config.with_(seeds=tuple(seeds))
    network = first.network and first.network.agreed([run.network for run in runs[1:] if run.network])
    return replace(
        first, config=config, arrays=arrays, provenance=provenance, weights=weights, network=network
    )


def pretrained_in(arrays: Mapping[str, np.ndarray]) -> int:
    """How many updates of pre-training were done in the `arrays` of `History.arrays`."""
    return int(arrays["pretrained"][0]) if "pretrained" in arrays else 0


def _under(prefix: str, arrays: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    return {name.removeprefix(prefix): array for name, array in arrays.items() if name.startswith(prefix)}


def _done(singular: SingularValues) -> Future[SingularValues]:
    future: Future[SingularValues] = Future()
    future.set_result(singular)
    return future
