"""How a training begins, whoever asks for it: a command, the library or a cell of a sweep.

JAX is set up, what is trained together fits into the memory, the data is read: in this order, so that what is
refused is refused before anything is read, and what is not there is told before anything is written.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import jax

from xavier_cli.config.run import RunConfig, delay_of
from xavier_cli.data.layout import example_shape
from xavier_cli.errors import ConfigError
from xavier_cli.runs.record import Run
from xavier_cli.training.devices import set_up_jax
from xavier_cli.training.engine.architectures.architecture import sizes_of_network, with_layers
from xavier_cli.training.engine.layout import Strategy
from xavier_cli.training.engine.loop import TrainingHooks
from xavier_cli.training.engine.training_data import TrainingData, prepare
from xavier_cli.training.estimate import Sizes
from xavier_cli.training.memory import check_memory, configurations_at_a_time, members_at_a_time
from xavier_cli.training.resumable import train_group_to_files, train_to_file
from xavier_cli.training.train import probe, train
from xavier_cli.vocabulary.datasets import DatasetInfo
from xavier_cli.vocabulary.networks import AS_MADE, load_network
from xavier_cli.vocabulary.pytorch_networks import makes_pytorchs


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
        data, strategy, size = self.training_data, self.strategy, self.member_batch
        if len(configs) == 1:
            (config,), (path,) = configs, paths
            return [train_to_file(config, data, path, strategy=strategy, hooks=hooks, member_batch=size)]
        return train_group_to_files(configs, data, paths, strategy=strategy, hooks=hooks, member_batch=size)


def session(
    config: RunConfig,
    data_dir: Path | None = None,
    *,
    strategy: Strategy = "auto",
    member_batch: int | None = None,
    note: Callable[[str], None] = lambda _: None,
) -> Session:
    """Begin to train `config` in this process; `note` is told what makes it slower than need be, in a line.

    `data_dir` is where data sets' files lie. `member_batch` is how many networks are trained at the same
    time, by default as many as fit into the memory. Raises `ConfigError` where that is too little, and what
    `prepare` raises.
    """
    set_up_jax(len(config.seeds) * max(len(config.search), 1), note)
    if delay_of(config.update_rule) and jax.local_devices()[0].platform != "cpu":
        note(f"{config.update_rule} suits a CPU; on a GPU `--update-rule plain` is faster")
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
        # What it takes is known once its layers were found, for examples of the data's shape.
        training_data = _read_for_network(configs[0], data_dir, read)
        configs = with_layers(configs, training_data)
        sizes = sizes_of_network(configs[0], training_data)
    facts = training_data.facts if training_data else None
    together = configurations_at_a_time(configs, strategy, sizes, facts)
    at_a_time = members_at_a_time(configs[:together], facts, member_batch, strategy, sizes)
    check_memory(configs[0], at_a_time, facts=facts, strategy=strategy, sizes=sizes)
    training_data = training_data or read(configs[0], data_dir)
    return Session(tuple(configs), training_data, strategy, at_a_time, together)


def looked_into(
    config: RunConfig, data_dir: Path | None, note: Callable[[str], None] = lambda _: None
) -> tuple[RunConfig, DatasetInfo | None, Sizes | None]:
    """`config` of a custom network, with its weight layers counted; the facts of its data, and its sizes.

    Nothing is trained. Raises as `session`.
    """
    set_up_jax(len(config.seeds), note)
    training_data = _read_for_network(config, data_dir, prepare)
    (config,) = with_layers([config], training_data)
    return config, training_data.facts, sizes_of_network(config, training_data)


def _read_for_network(
    config: RunConfig, data_dir: Path | None, read: Callable[[RunConfig, Path | None], TrainingData]
) -> TrainingData:
    """The data of a custom network, of which PyTorch's are refused, as soon as it can be told."""
    _refuse_pytorchs(config, config.dataset.facts)
    training_data = read(config, data_dir)
    if config.dataset.facts is None:
        _refuse_pytorchs(config, training_data.facts)
    return training_data


def _refuse_pytorchs(config: RunConfig, facts: DatasetInfo | None) -> None:
    """Raise `ConfigError` where the function of the network makes one of PyTorch's; without `facts` nothing.

    Runs its file.
    """
    if facts is None:
        return
    shapes = {
        "first": example_shape(facts.shape, facts.inputs, "first"),
        "last": example_shape(facts.shape, facts.inputs, "last"),
    }
    maker = load_network(config.network, act=None if config.act == AS_MADE else config.act)
    if makes_pytorchs(config.network.name, maker, shapes, facts.classes):
        raise ConfigError(
            f"net: `{config.network.name}` is a network of PyTorch's: `xavier probe` measures it, and "
            "`xavier_cli.watch` follows it in a training loop of its own; the engine trains those of JAX"
        )
