"""How a training begins, whoever asks for it: a command, the library or a cell of a sweep.

JAX is set up, what is trained together fits into the memory, the data is read: in this order, so that what is
refused is refused before anything is read, and what is not there is told before anything is written.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from xavier_cli.config.run import RunConfig
from xavier_cli.runs.record import Run
from xavier_cli.training.devices import set_up_jax
from xavier_cli.training.engine.layout import Strategy
from xavier_cli.training.engine.loop import TrainingHooks
from xavier_cli.training.engine.training_data import TrainingData, prepare
from xavier_cli.training.memory import check_memory, configurations_at_a_time, members_at_a_time
from xavier_cli.training.resumable import train_group_to_files, train_to_file
from xavier_cli.training.train import probe, train
from xavier_cli.vocabulary.datasets import DatasetInfo


@dataclass(frozen=True)
class Session:
    """What is to be trained, with its data at hand; hooks come with the call, once there is who shows them.

    Several `configs` differ in initializer and rate alone. `member_batch` networks are trained at a time, and
    never more than `together` configurations.
    """

    configs: tuple[RunConfig, ...]
    training_data: TrainingData
    strategy: Strategy
    member_batch: int
    together: int = 1

    @property
    def facts(self) -> DatasetInfo | None:
        """What reading the data told of it."""
        return self.training_data.facts

    def train(self, hooks: TrainingHooks | None = None) -> Run:
        """Train the one configuration in memory; as `train.train`."""
        run, _ = train(
            self.configs[0],
            self.training_data,
            strategy=self.strategy,
            hooks=hooks,
            member_batch=self.member_batch,
        )
        return run

    def probe(self, hooks: TrainingHooks | None = None) -> Run:
        """Look at the networks of the one configuration at initialization; as `train.probe`."""
        return probe(self.configs[0], self.training_data, strategy=self.strategy, hooks=hooks)

    def train_to_file(
        self,
        path: Path,
        hooks: TrainingHooks | None = None,
        *,
        resume: bool = True,
        keep_all: bool = False,
        note: Callable[[str], None] = lambda _: None,
    ) -> Run:
        """Train the one configuration into the file at `path`, locked by the caller; as `train_to_file`."""
        return train_to_file(
            self.configs[0],
            self.training_data,
            path,
            strategy=self.strategy,
            hooks=hooks,
            resume=resume,
            keep_all=keep_all,
            member_batch=self.member_batch,
            note=note,
        )

    def train_to_files(self, paths: Sequence[Path], hooks: TrainingHooks | None = None) -> list[Run]:
        """Train each configuration into its file, as one population; the caller holds the locks.

        Where not all fit into the memory, they are trained in turn; where that is stopped, the runs are those
        before.
        """
        runs: list[Run] = []
        for first in range(0, len(self.configs), self.together):
            part = slice(first, first + self.together)
            runs += self._train_part(self.configs[part], paths[part], hooks)
            if runs[-1].status != "complete":
                break
        return runs

    def _train_part(
        self, configs: Sequence[RunConfig], paths: Sequence[Path], hooks: TrainingHooks | None
    ) -> list[Run]:
        if len(configs) == 1:
            return [replace(self, configs=tuple(configs)).train_to_file(paths[0], hooks)]
        return train_group_to_files(
            configs,
            self.training_data,
            paths,
            strategy=self.strategy,
            hooks=hooks,
            member_batch=self.member_batch,
        )


def session(
    config: RunConfig,
    data_dir: Path | None = None,
    *,
    strategy: Strategy = "auto",
    member_batch: int | None = None,
    note: Callable[[str], None] = lambda _: None,
) -> Session:
    """Begin to train `config` in this process; `note` is told in a line where JAX had started already.

    `data_dir` is where data sets' files lie. `member_batch` is how many networks are trained at the same
    time, by default as many as fit into the memory. Raises `ConfigError` where that is too little, and what
    `prepare` raises.
    """
    set_up_jax(len(config.seeds) * max(len(config.search), 1), note)
    return begin([config], data_dir, strategy=strategy, member_batch=member_batch)


def begin(
    configs: Sequence[RunConfig],
    data_dir: Path | None,
    *,
    strategy: Strategy = "auto",
    member_batch: int | None = None,
    read: Callable[[RunConfig, Path | None], TrainingData] | None = None,
) -> Session:
    """The session of `configs`, which train as one population, in a process where JAX is set up already.

    `read` reads their data, by default `prepare`. Raises as `session`.
    """
    read = read or prepare
    training_data, sizes = None, None
    if configs[0].network.is_users:
        from xavier_cli.training.engine.architectures.custom import find_layers, sizes_of, with_layers

        # What it takes is known once its layers were found, for examples of the data's shape.
        training_data = read(configs[0], data_dir)
        configs = with_layers(configs, training_data)
        sizes = sizes_of(find_layers(configs[0], training_data))
    together = configurations_at_a_time(configs, strategy, sizes)
    at_a_time = members_at_a_time(configs[:together], asked=member_batch, strategy=strategy, sizes=sizes)
    check_memory(configs[0], at_a_time, strategy=strategy, sizes=sizes)
    return Session(tuple(configs), training_data or read(configs[0], data_dir), strategy, at_a_time, together)
