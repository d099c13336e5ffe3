"""What an experiment is: `RunConfig`, its settings checked together, and what follows from them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import NoReturn, Self

from pydantic import model_validator

from xavier_cli.config.canonical import CollisionError
from xavier_cli.config.settings import MAX_RECORDS, RunSettings
from xavier_cli.config.settings import MAX_SEED as MAX_SEED
from xavier_cli.errors import ConfigError
from xavier_cli.vocabulary import lookup
from xavier_cli.vocabulary.datasets import find_data
from xavier_cli.vocabulary.grammar import STANDARDIZE, parse_rate_schedule, parse_schedule
from xavier_cli.vocabulary.optimizers import parse_optimizer
from xavier_cli.vocabulary.resolve import find_activation, layer_inits
from xavier_cli.vocabulary.user_functions import is_own, short_name

PRETRAIN_RECORDS = 20
LOOKS = ("records", "eval_examples", "jacobian_examples")
"""Settings of how training was looked at, which change nothing of what comes out at its end."""
OBSERVATION_SETTINGS = ("pretrain_updates", "pretrain_lr", *LOOKS, "search_seeds")
"""Settings of how something was done or looked at: said of runs that nothing else tells apart."""
# Where `auto` delays updates: no hidden layer narrower, no batch larger.
DELAYED_WIDTH, DELAYED_BATCH = 700, 16


class RunConfig(RunSettings):
    """One configuration and its seeds: all that decides the numbers of a run, and nothing else.

    What does not change a number (devices, layout of the members, where files lie) is no field.
    """

    @classmethod
    def of(cls, **settings: object) -> Self:
        """A configuration from settings as typed or as read; `like` stands for what it presets.

        Raises `ConfigError`: one line that names the setting.
        """
        return super().of(**without_like(settings))

    @model_validator(mode="after")
    def _a_width_per_layer(self) -> Self:
        if isinstance(self.width, tuple) and len(self.width) != self.depth:
            raise CollisionError(
                f"names {len(self.width)} layers, but depth is {self.depth}", "width", "depth"
            )
        return self

    @model_validator(mode="after")
    def _layers_are_there(self) -> Self:
        try:
            layer_inits(self.init, self.depth)
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
        """What a black and a white pixel become; standardized ones come as they should be: from 0 to 1."""
        return (0.0, 1.0) if isinstance(self.coding, str) else self.coding

    @property
    def widths(self) -> tuple[int, ...]:
        """Units of every hidden layer, from the input up."""
        return self.width if isinstance(self.width, tuple) else (self.width,) * self.depth

    @property
    def shape(self) -> str:
        """The hidden layers in short: `5×300`, or `400-300-200`."""
        return (
            "-".join(map(str, self.width)) if isinstance(self.width, tuple) else f"{self.depth}×{self.width}"
        )

    @model_validator(mode="after")
    def _updates_that_go_together(self) -> Self:
        warmup, _ = parse_rate_schedule(self.schedule)
        if warmup > self.updates:
            raise CollisionError(
                f"a warm-up of {warmup:,} updates is longer than all {self.updates:,}", "schedule", "updates"
            )
        optimizer = parse_optimizer(self.optimizer).optimizer
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
        if not optimizer.function and self.extra_features:
            self._refuse_beyond("optimizer", optimizer.name)
        return self

    @model_validator(mode="after")
    def _pretraining_of_plain_networks(self) -> Self:
        if self.pretrain == "none":
            # Of what is not done nothing is told, so that equal networks have one name.
            for name in ("pretrain_updates", "pretrain_lr"):
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
            # What is stored says what was done.
            object.__setattr__(self, "update_rule", resolve_update_rule(self))
        if self.update_rule != "plain" and not self.can_delay:
            unlike = [
                name
                for name in ("optimizer", "schedule", "clip", "weight_decay")
                if getattr(self, name) != type(self).model_fields[name].default
            ]
            raise CollisionError(
                f"{self.update_rule} is for plain SGD of plain networks",
                *("update_rule", *unlike, *self._beyond()),
            )
        return self

    @property
    def extra_features(self) -> str:
        """What of the network is more than weights, biases and a fixed activation; empty where nothing is."""
        return ", ".join(self._beyond().values())

    def _beyond(self) -> dict[str, str]:
        """The settings of it, and each in words."""
        words = {
            "normalization": (f"{self.normalization} normalization", self.normalization != "none"),
            "residual": ("residual skips", self.residual),
            "dropout": ("dropout", self.dropout > 0),
            "act": (f"the learned slope of {self.act}", find_activation(self.act).learned != ""),
        }
        return {name: word for name, (word, there) in words.items() if there}

    @property
    def is_plain_sgd(self) -> bool:
        """Whether plain gradients move a plain network, for which there is a step by hand."""
        return self.optimizer == "sgd" and not (self.clip or self.weight_decay or self.extra_features)

    @property
    def can_delay(self) -> bool:
        """Whether the weights may take up updates later: what is pending is a product of two thin factors."""
        return self.is_plain_sgd and self.schedule == "constant"

    @property
    def title_suffix(self) -> str:
        """What a title says after the rate: how it is trained and built where that is not as usual."""
        words = {
            self.optimizer: self.optimizer != "sgd",
            self.schedule: self.schedule != "constant",
            f"clip {self.clip:g}": self.clip > 0,
            f"weight decay {self.weight_decay:g}": self.weight_decay > 0,
            f"{self.normalization} normalization": self.normalization != "none",
            "residual": self.residual,
            f"dropout {self.dropout:g}": self.dropout > 0,
            f"pre-trained {self.pretrain}": self.pretrain != "none",
        }
        return "".join(f", {word}" for word, there in words.items() if there)

    @property
    def unpredicted_reason(self) -> str:
        """What of the network theory does not speak of; empty where it predicts the network."""
        normalized = f"{self.normalization} normalization" if self.normalization != "none" else ""
        pretrained = "pre-trained weights" if self.pretrain != "none" else ""
        words = (normalized, "residual skips" if self.residual else "", pretrained)
        return " and ".join(word for word in words if word)

    @model_validator(mode="after")
    def _not_too_many_records(self) -> Self:
        kind, number = parse_schedule(self.records)
        if kind == "every" and self.updates // number + 2 > MAX_RECORDS:
            raise CollisionError(
                f"`{self.records}` of {self.updates:,} updates is over {MAX_RECORDS:,} records",
                *("records", "updates"),
            )
        return self

    @property
    def search(self) -> tuple[float, ...]:
        """The rates to search, or none where the rate is given."""
        return self.lr if isinstance(self.lr, tuple) else ()

    def record_updates(self) -> tuple[int, ...]:
        """The update counts at which the network is looked at: from 0 to the last, rising."""
        kind, number = parse_schedule(self.records)
        last = self.updates
        if kind == "every":
            points = [*range(0, last, number), last]
        elif kind == "log" and last > 0:
            points = [0, *(round(last ** (i / max(number - 2, 1))) for i in range(number - 1)), last]
        else:
            points = [round(last * i / (number - 1)) for i in range(number)]
        return tuple(sorted(set(points)))

    def jacobian_updates(self) -> tuple[int, ...]:
        """The records at which Jacobians are taken: the first, the last, and four spread between."""
        if not self.jacobian_examples:
            return ()
        records = self.record_updates()
        last = len(records) - 1
        return tuple(records[i] for i in sorted({round(last * i / 5) for i in range(6)}))

    @property
    def pretrain_every(self) -> int:
        """Updates of pre-training between two records of it, of which there are at most 20 a layer."""
        return -(-self.pretrain_updates // PRETRAIN_RECORDS)

    def pretrain_records(self) -> tuple[int, ...]:
        """The updates of a layer's pre-training up to which its records reach; none without pre-training."""
        every, last = self.pretrain_every, self.pretrain_updates
        return () if self.pretrain == "none" else (*range(every, last, every), last)

    def spectrum_updates(self) -> tuple[int, ...]:
        """The records at which all singular values are kept: the first and the last."""
        return tuple(sorted({*self.jacobian_updates()[:1], *self.jacobian_updates()[-1:]}))

    def file_stem(self) -> str:
        """The run file's name without its ending: the content first, then 8 hex digits of the hash."""
        lr = "search" if self.search else f"{self.lr:g}"
        # Sixteen layers of five digits would leave no room for the rest of a name.
        width = "-".join(map(str, self.widths if self.depth < 6 else (self.widths[0], "", self.widths[-1])))
        width = width if isinstance(self.width, tuple) else str(self.width)
        data = find_data(self.data).stem
        act, init = file_safe(self.act), file_safe(self.init)
        return f"{data}-{act}-{init}-d{self.depth}w{width}-lr{lr}-{self.sha256()[:8]}"


def option_name(setting: str) -> str:
    """The option of a setting on the command line."""
    return f"--{setting.replace('_', '-')}"


def delay_of(update_rule: str) -> int:
    """After how many updates the weights take them up: K of `delayed:K`, 0 where each is taken up at once."""
    return int(update_rule.partition(":")[2] or 0)


def resolve_update_rule(config: RunConfig) -> str:
    """What `auto` stands for: delayed updates where they were measured to be faster (`xavier bench`).

    They save moving weights that no cache close to a core holds, at the price of k·batch rows more per
    product: 1.2 times as fast at width 1000 and batch 10, no faster at 300. A rule of the shape alone, so
    that a configuration has one name on every machine.
    """
    wide = min(config.widths) >= DELAYED_WIDTH and config.batch_size <= DELAYED_BATCH
    return "delayed:8" if wide and config.updates and config.can_delay else "plain"


def file_safe(word: str) -> str:
    """A word for an activation or initializer as part of a file's name: of the user's own, the function."""
    parts = (part.rpartition("=") for part in word.split(","))
    names = [place + equals + (short_name(name) if is_own(name) else name) for place, equals, name in parts]
    return re.sub(r"[^A-Za-z0-9_.-]+", "-", ",".join(names)).strip("-.")[:60]


def without_like(settings: Mapping[str, object]) -> dict[str, object]:
    """`settings` with what a `like` among them stands for in its place.

    Raises `ConfigError` where there is no such framework, or what it sets is set too.
    """
    kept = dict(settings)
    like = kept.pop("like", None)
    if like is None:
        return kept
    if not isinstance(like, str) or like not in LIKE:
        raise ConfigError("like: " + lookup.unknown_message("framework", str(like), LIKE))
    for field in LIKE[like]:
        if field in kept:
            raise ConfigError(
                f"like: {like} sets {field}, so {field} cannot be given beside it", ("like", field)
            )
    return kept | LIKE[like]


# What `--like` presets: how a framework's dense layer draws its weights and biases unless told otherwise.
LIKE: dict[str, dict[str, object]] = {
    "pytorch": {"init": "standard", "bias_init": "standard"},
    "keras": {"init": "normalized", "bias_init": "zeros"},
    "flax": {"init": "lecun_normal", "bias_init": "zeros"},
}

# What `--scale` presets; everything else keeps its default.
SCALES: dict[str, dict[str, object]] = {
    "tiny": {
        "width": 20,
        "updates": 60,
        "records": "4",
        "eval_examples": 500,
        "seeds": "2",
        "pretrain_updates": 20,
    },
    "laptop": {},
    "paper": {"width": 1000, "batch_size": 10, "updates": 2_500_000, "records": "every:20000"},
}
