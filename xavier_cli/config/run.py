"""Defines `RunConfig`: the settings of an experiment, checked together, and what is derived from them."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from functools import cached_property
from itertools import takewhile
from typing import Any, NoReturn, Self

from pydantic import BaseModel, model_validator

from xavier_cli.config.canonical import CollisionError
from xavier_cli.config.checks import MAX_RECORDS
from xavier_cli.config.presets import without_like
from xavier_cli.config.settings import MAX_SEED as MAX_SEED
from xavier_cli.config.settings import SETTINGS, RunSettings, is_usual, settings_where, spoken
from xavier_cli.vocabulary.datasets import DatasetSpec, find_data
from xavier_cli.vocabulary.entry import ActivationEntry, InitializerEntry, PretrainingEntry
from xavier_cli.vocabulary.grammar import (
    STANDARDIZE,
    RateSchedule,
    RecordSchedule,
    parse_rate_schedule,
    parse_schedule,
)
from xavier_cli.vocabulary.networks import AS_MADE, MLP, WATCHED, NetworkSpec, find_network
from xavier_cli.vocabulary.optimizers import OptimizerChoice, parse_optimizer
from xavier_cli.vocabulary.resolve import (
    all_inits,
    find_activation,
    find_initializer,
    find_layer_initializers,
    find_pretraining,
)
from xavier_cli.vocabulary.told_words import told_words
from xavier_cli.vocabulary.user_functions import is_user_function, short_name

PRETRAIN_RECORDS = 20
HASH_LENGTH = 8
"""Hex digits of the configuration's hash at the end of a file's name."""
LONGEST_INIT = 32
"""Characters of the initializers in a title; of more, those of single layers are only counted."""
LONGEST_WORDS = 48
"""Characters of a file's name that say what is not the default."""
SEARCHABLE = settings_where(is_searchable=True)
"""Settings whose best value is searched where a list is given."""
SEARCH_DETAILS = tuple(name for searched in SEARCHABLE for name in settings_where(detail_of=searched))
"""Settings of the search itself."""
LOOKS = settings_where(role="observation")
"""Settings of what is measured during training; they do not change its result."""
OBSERVATION_SETTINGS = (
    *settings_where(detail_of="pretrain"),
    *LOOKS,
    *SEARCH_DETAILS,
)
"""Settings of the procedure or of measurement: named for runs that differ in nothing else."""
# The settings that names of files may have, in the order of the fields, the seeds last.
_IN_NAMES = sorted(
    (name for name, row in SETTINGS.items() if row.in_name), key=lambda name: SETTINGS[name].role == "layout"
)
# `auto` delays updates from this width of the narrowest hidden layer, up to this batch size.
DELAYED_WIDTH, DELAYED_BATCH = 700, 16


class RunConfig(RunSettings):
    """One configuration and its seeds: everything that determines the results of a run, and nothing else.

    What does not change a number (devices, layout of the members, places of files) is not a field.
    """

    @classmethod
    def of(cls, **settings: object) -> Self:
        """A configuration from settings as typed or as read; `like` stands for its preset.

        Raises `ConfigError` with one line that names the setting.
        """
        return super().of(**without_like(settings))

    @classmethod
    def _validated(cls, settings: Mapping[str, object]) -> Self:
        net = settings.get("net", "")
        with told_words(isinstance(net, str) and net.strip().startswith(f"{WATCHED}:")):
            return super()._validated(settings)

    @cached_property
    def network(self) -> NetworkSpec:
        """`net`, parsed; its file is not run."""
        return find_network(self.net)

    @cached_property
    def activation(self) -> ActivationEntry:
        """The row of `act`."""
        with told_words(self.is_watched):
            return find_activation(self.act)

    @property
    def activation_range(self) -> tuple[float, float]:
        """The bounds of the recorded activations; none of a custom network, where `act` is one of many
        operations before a layer.
        """
        return (-math.inf, math.inf) if self.network.is_users else self.activation.range

    @cached_property
    def layer_initializers(self) -> tuple[InitializerEntry, ...]:
        """The rows of `init` for every layer of weights, from the input up, the output layer's last.

        Layers that are initialized alike share one row. Of a perceptron; of custom networks see
        `custom_networks.layer_rows`.
        """
        with told_words(self.is_watched):
            return find_layer_initializers(self.init, self.depth)

    @property
    def named_initializers(self) -> tuple[InitializerEntry, ...]:
        """The rows of all initializers that `init` names, wherever they are for."""
        with told_words(self.is_watched):
            words = (self.init,) if self.is_watched else all_inits(self.init)
            return tuple(map(find_initializer, words))

    @cached_property
    def bias_initializer(self) -> InitializerEntry:
        """The row of `bias_init`, of a perceptron."""
        with told_words(self.is_watched):
            return find_initializer(self.bias_init)

    @cached_property
    def optimizer_choice(self) -> OptimizerChoice:
        """The row of `optimizer`, and the values of its parameters."""
        return parse_optimizer(self.optimizer)

    @cached_property
    def rate_schedule(self) -> RateSchedule:
        """`schedule`, parsed: the learning rate over the updates."""
        return parse_rate_schedule(self.schedule)

    @cached_property
    def record_schedule(self) -> RecordSchedule:
        """`records`, parsed: when the network is measured."""
        return parse_schedule(self.records)

    @cached_property
    def dataset(self) -> DatasetSpec:
        """`data`, parsed; the data set is not read."""
        with told_words(self.is_watched):
            return find_data(self.data)

    @cached_property
    def pretraining(self) -> PretrainingEntry:
        """The row of `pretrain`, also for `none`."""
        return find_pretraining(self.pretrain)

    @model_validator(mode="after")
    def _what_is_of_the_perceptron(self) -> Self:
        if not self.network.is_users:
            for name in ("act", "init", "bias_init"):
                if getattr(self, name) == AS_MADE:
                    raise CollisionError(f"`{AS_MADE}` is for custom networks, of `--net`", name, "net")
            if not is_usual("convolution", self.convolution):
                raise CollisionError(f"`{MLP}` has none; it is for custom networks", "convolution", "net")
            return self
        for row in self.named_initializers:
            if row.distribution == "from data":
                raise CollisionError(
                    f"{row.name} draws layer after layer by the data: it is for `{MLP}` alone", "init", "net"
                )
        for name in settings_where(of_mlp=True):
            is_derived = name == "depth" and self.weight_layers == self.depth + 1
            if not is_usual(name, getattr(self, name)) and not is_derived:
                raise CollisionError(
                    f"is of `{MLP}` alone: `{self.network.name}` has its own; leave it out", name, "net"
                )
        if self.weight_layers:
            object.__setattr__(self, "depth", self.weight_layers - 1)
        return self

    @model_validator(mode="after")
    def _a_width_per_layer(self) -> Self:
        if isinstance(self.width, tuple) and len(self.width) != self.depth:
            raise CollisionError(
                f"names {len(self.width)} layers, but depth is {self.depth}", "width", "depth"
            )
        return self

    @model_validator(mode="after")
    def _layers_are_there(self) -> Self:
        if self.network.is_users:
            return self  # their paths are known once the network was looked at
        try:
            _ = self.layer_initializers
        except ValueError as error:
            raise CollisionError(str(error), "init", "depth") from None
        return self

    @model_validator(mode="after")
    def _standardized_by_what_there_is(self) -> Self:
        if self.coding == STANDARDIZE and self.data == "shapeset":
            raise ValueError(
                f"coding: {STANDARDIZE} needs a training set, and `shapeset` is an endless stream: "
                "`shapeset:10000` is a set"
            )
        return self

    @property
    def pixel_range(self) -> tuple[float, float]:
        """The values of a black and a white pixel; `(0, 1)` before standardization."""
        return (0.0, 1.0) if isinstance(self.coding, str) else self.coding

    @property
    def widths(self) -> tuple[int, ...]:
        """Units of every hidden layer, from the input up."""
        return self.width if isinstance(self.width, tuple) else (self.width,) * self.depth

    @property
    def shape(self) -> str:
        """The shape of the hidden layers: `5×300`, `400-300-200`; of a custom network its weight layers."""
        if self.network.is_users:
            layers = f"{self.weight_layers} weight layer{'s' * (self.weight_layers != 1)}"
            return layers if self.weight_layers else "custom"
        return (
            "-".join(map(str, self.width)) if isinstance(self.width, tuple) else f"{self.depth}×{self.width}"
        )

    @model_validator(mode="after")
    def _updates_that_go_together(self) -> Self:
        if self.is_watched:
            return self  # They went together, whatever its loop made of them.
        warmup = self.rate_schedule.warmup
        if warmup > self.updates:
            raise CollisionError(
                f"a warm-up of {warmup:,} updates is longer than all {self.updates:,}", "schedule", "updates"
            )
        optimizer = self.optimizer_choice.optimizer
        if self.weight_decay and "weight_decay" in optimizer.parameters:
            raise CollisionError(
                f"{optimizer.name} has its own: `{optimizer.name}:weight_decay={self.weight_decay:g}`",
                *("weight_decay", "optimizer"),
            )
        few = "needs at least 2 examples per update"
        if optimizer.name == "gradient_variance" and self.batch_size < 2:
            raise CollisionError(f"gradient_variance {few}", "batch_size", "optimizer")
        if self.normalization == "batch" and self.batch_size < 2:
            raise CollisionError(f"batch normalization {few}", "batch_size", "normalization")
        if not optimizer.function and self.network.is_users:
            raise CollisionError(f"{optimizer.name} is of `{MLP}` alone", "optimizer", "net")
        if not optimizer.function and self.extra_features:
            self._refuse_beyond("optimizer", optimizer.name)
        return self

    @model_validator(mode="after")
    def _pretraining_of_plain_networks(self) -> Self:
        if self.pretrain == "none":
            # Without pre-training these settings have no effect: reset them so that equal runs hash alike.
            for name in settings_where(detail_of="pretrain"):
                object.__setattr__(self, name, type(self).model_fields[name].default)
        elif self.extra_features:
            self._refuse_beyond("pretrain", self.pretrain)
        elif self.depth * self.pretrain_updates >= 2**31:
            raise CollisionError(f"{self.depth} layers of so many are over 2^31", "pretrain_updates", "depth")
        return self

    def _refuse_beyond(self, field: str, word: str) -> NoReturn:
        raise CollisionError(
            f"{word} is for plain networks, without {self.extra_features}", field, *self._beyond()
        )

    @model_validator(mode="after")
    def _resolved_update_rule(self) -> Self:
        if self.update_rule == "auto":
            # Store the rule that was chosen, not `auto`.
            object.__setattr__(self, "update_rule", resolve_update_rule(self))
        if self.update_rule != "plain" and self.network.is_users:
            raise CollisionError(f"{self.update_rule} is of `{MLP}` alone", "update_rule", "net")
        if self.update_rule != "plain" and not self.can_delay:
            raise CollisionError(
                f"{self.update_rule} is for plain SGD of plain networks",
                *("update_rule", *self.unusual(in_update=True), *self._beyond()),
            )
        return self

    @property
    def extra_features(self) -> str:
        """What the network has besides weights, biases and a fixed activation, as text; empty if nothing."""
        return ", ".join(self._beyond().values())

    def _beyond(self) -> dict[str, str]:
        """The settings that add such features, and a phrase for each."""
        slope = {"act": f"the learned slope of {self.act}"} if self.activation.learned else {}
        return self._extras() | slope

    def _extras(self, **facts: object) -> dict[str, str]:
        return {
            name: SETTINGS[name].extra.format(getattr(self, name))
            for name in self.unusual(**facts)
            if SETTINGS[name].extra
        }

    @property
    def is_plain_sgd(self) -> bool:
        """Whether a plain network is trained by plain SGD, for which there is a hand-written step."""
        changed = {*self.unusual(in_update=True)} - {"schedule"}
        return not (changed or self.extra_features or self.network.is_users)

    @property
    def can_delay(self) -> bool:
        """Whether updates can be delayed: the pending change must be a product of two thin matrices."""
        return self.is_plain_sgd and self.schedule == "constant"

    @property
    def title(self) -> str:
        """The network and its initialization as a title says them: `tanh normalized, 5×300`.

        Long initializers of single layers are counted: `resnet he_normal with 3 exceptions, …`.
        """
        words = {name: spoken(name, getattr(self, name)) for name in self.name_settings}
        if len(words.get("init", "")) > LONGEST_INIT and not self.is_watched:
            every, *others = all_inits(self.init)
            words["init"] = f"{every} with {len(others)} exception{'s' * (len(others) != 1)}"
        return f"{' '.join(words.values())}, {self.shape}"

    @property
    def title_suffix(self) -> str:
        """The end of a title, after the rate: the settings of training and network that are not defaults."""
        unusual = self.unusual(in_captions="unusual")
        return "".join(f", {spoken(name, getattr(self, name))}" for name in unusual)

    @property
    def unpredicted_reason(self) -> str:
        """The features that theory does not cover, as text; empty where it predicts the network."""
        if self.network.is_users:
            return "custom networks"
        # Theory describes the untrained network, which has no dropout.
        words = self._extras(role="network").values()
        return " and ".join([*words, *["pre-trained weights"] * (self.pretrain != "none")])

    @model_validator(mode="after")
    def _not_too_many_records(self) -> Self:
        kind, number = self.record_schedule
        if kind == "every" and self.updates // number + 2 > MAX_RECORDS:
            raise CollisionError(
                f"`{self.records}` of {self.updates:,} updates is over {MAX_RECORDS:,} records",
                *("records", "updates"),
            )
        return self

    def _content(self) -> dict[str, Any]:
        content = super()._content()
        unused = settings_where(of_mlp=True) if self.network.is_users else ()
        if self.is_watched:
            unused = tuple(name for name in SETTINGS if not self.applies(name) and not SETTINGS[name].derived)
        return {name: value for name, value in content.items() if name not in unused}

    @property
    def search(self) -> tuple[float, ...]:
        """The learning rates to search; empty where one rate is given."""
        return self.lr if isinstance(self.lr, tuple) else ()

    def as_asked(self) -> Self:
        """This configuration without what was counted of its network, which is known when training begins."""
        if not self.weight_layers:
            return self
        counted = ("weight_layers", "depth")
        return self._validated(
            {name: value for name, value in self.model_dump().items() if name not in counted}
        )

    def sha256(self) -> str:
        """SHA-256 of the canonical text in hex, without what was counted of a custom network."""
        return super().sha256() if self.as_asked() is self else self.as_asked().sha256()

    @cached_property
    def experiment(self) -> RunConfig:
        """This configuration without seeds: that of all runs which are merged with one of this."""
        return self.model_copy(update={"seeds": ()})

    def with_seeds(self, seeds: tuple[int, ...]) -> Self:
        """This configuration with other seeds, which are not checked; its parsed forms stay as they are."""
        # Not `copy`, which drops the parsed forms.
        other = BaseModel.__copy__(self)
        vars(other)["seeds"] = seeds
        return other

    def record_updates(self) -> tuple[int, ...]:
        """The numbers of updates at which the network is measured, from 0 to the last, in rising order."""
        kind, number = self.record_schedule
        last = self.updates
        if kind == "every":
            points = [*range(0, last, number), last]
        elif kind == "log" and last > 0:
            points = [0, *(round(last ** (i / max(number - 2, 1))) for i in range(number - 1)), last]
        else:
            points = [round(last * i / (number - 1)) for i in range(number)]
        return tuple(sorted(set(points)))

    def jacobian_updates(self) -> tuple[int, ...]:
        """The records with Jacobians, in updates: the first, the last, and four in between."""
        if not self.jacobian_examples:
            return ()
        records = self.record_updates()
        last = len(records) - 1
        return tuple(records[i] for i in sorted({round(last * i / 5) for i in range(6)}))

    @property
    def pretrain_every(self) -> int:
        """Updates of pre-training between two of its records, of which a layer has at most 20."""
        return -(-self.pretrain_updates // PRETRAIN_RECORDS)

    def pretrain_records(self) -> tuple[int, ...]:
        """The update at which each record of a layer's pre-training ends; empty without pre-training."""
        every, last = self.pretrain_every, self.pretrain_updates
        return () if self.pretrain == "none" else (*range(every, last, every), last)

    def spectrum_updates(self) -> tuple[int, ...]:
        """The records with all singular values, in updates: the first and the last."""
        return tuple(sorted({*self.jacobian_updates()[:1], *self.jacobian_updates()[-1:]}))

    def file_stem(self) -> str:
        """The run file's name without suffix: the content first, what is not the default, 8 hex digits.

        The digits, of the hash, identify the configuration; the words before them may be others in a file of
        another version (`runs.listing.run_path`).
        """
        return f"{self._told_by_name()}-{self.sha256()[:HASH_LENGTH]}"

    def _told_by_name(self) -> str:
        """`file_stem` without the digits."""
        # A probe has neither a learning rate nor updates.
        lr = (
            ""
            if self.updates == 0 or not self.applies("lr")
            else "-lrsearch"
            if self.search
            else f"-lr{self.lr:g}"
        )
        # Sixteen widths of five digits would make the file name too long.
        width = "-".join(map(str, self.widths if self.depth < 6 else (self.widths[0], "", self.widths[-1])))
        width = width if isinstance(self.width, tuple) else str(self.width)
        data = self.dataset.stem
        act, init = file_safe(self.act), file_safe(self.init)
        beginning = f"{data}-{act}-{init}-d{self.depth}w{width}{lr}"
        if self.network.is_users:
            words = (self.network.short, *(each for each in (self.act, self.init) if each != AS_MADE))
            beginning = f"{data}-{'-'.join(map(file_safe, words))}{lr}"
        return "-".join([beginning, *self._words_in_name()])

    def untold_by(self, stem: str) -> str:
        """What `file_stem` says of the settings and a file called `stem` does not; empty if it says all."""
        told, words = self._told_by_name().split("-"), stem.split("-")
        same = takewhile(lambda pair: pair[0] == pair[1], zip(told, words, strict=False))
        return "-".join(told[len(list(same)) :])

    def _words_in_name(self) -> list[str]:
        """The settings that are not at their defaults, a word each, as far as `LONGEST_WORDS` goes."""
        words: list[str] = []
        for name in _IN_NAMES:
            write, value = SETTINGS[name].in_name, getattr(self, name)
            if is_usual(name, value) or value == AS_MADE:
                continue
            word = file_safe(write(value) if callable(write) else write.format(value))
            if word and sum(map(len, words)) + len(words) + len(word) <= LONGEST_WORDS:
                words.append(word)
        return words


def option_name(setting: str) -> str:
    """The option of a setting on the command line."""
    return f"--{setting.replace('_', '-')}"


def delay_of(update_rule: str) -> int:
    """After how many updates they are applied to the weights: K of `delayed:K`, 0 without delay."""
    return int(update_rule.partition(":")[2] or 0)


def resolve_update_rule(config: RunConfig) -> str:
    """The rule that `auto` stands for: delayed updates where `xavier bench` measured them to be faster.

    They save memory traffic where the weights do not fit into a core's cache, at the cost of k·batch more
    rows per product: 1.2 times as fast at width 1000 and batch 10, no faster at 300. The rule depends on the
    shape alone, so that a configuration has one hash on every machine.
    """
    if not config.can_delay:
        return "plain"
    wide = min(config.widths) >= DELAYED_WIDTH and config.batch_size <= DELAYED_BATCH
    return "delayed:8" if wide and config.updates else "plain"


def file_safe(word: str) -> str:
    """The name of an activation or initializer, safe in a file name; for a user function, the function's."""
    parts = (part.rpartition("=") for part in word.split(","))
    names = [
        place + equals + (short_name(name) if is_user_function(name) else name)
        for place, equals, name in parts
    ]
    return re.sub(r"[^A-Za-z0-9_.-]+", "-", ",".join(names)).strip("-.")[:60]
