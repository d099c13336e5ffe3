"""What an experiment is: `RunConfig`, frozen and validated, the only home of defaults."""

from __future__ import annotations

import hashlib
import json
import math
import re
from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
    ValidationInfo,
    field_validator,
    model_validator,
)

from xavier_cli import names
from xavier_cli.datasets import find_data
from xavier_cli.notation import (
    at_most,
    parse_coding,
    parse_gain,
    parse_rate_schedule,
    parse_rates,
    parse_schedule,
    parse_seeds,
    parse_widths,
)
from xavier_cli.optimizers import parse_optimizer
from xavier_cli.own import is_own, short_name, write_sources
from xavier_cli.words import (
    all_inits,
    find_activation,
    find_bias,
    find_layers,
    find_pretraining,
    layer_inits,
)

MAX_SEED = 2**32 - 1
MAX_RECORDS = 20_000
MAX_DELAY = 1000
PRETRAIN_RECORDS = 20
# Where `auto` delays updates: no hidden layer narrower, no batch larger.
DELAYED_WIDTH, DELAYED_BATCH = 700, 16


class ConfigError(ValueError):
    """A setting that cannot be; its text is one line that names the setting."""


Rate = Annotated[float, Field(gt=0, le=1e6, allow_inf_nan=False)]
Seed = Annotated[int, Field(ge=0, le=MAX_SEED)]
Width = Annotated[int, Field(ge=1, le=65_536)]


class RunConfig(BaseModel):
    """One configuration and its seeds: all that decides the numbers of a run, and nothing else.

    What does not change a number (devices, layout of the members, where files lie) is no field.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", validate_default=True)

    added: ClassVar[frozenset[str]] = frozenset(
        {
            *("bias_init", "sources", "schedule", "clip", "weight_decay", "normalization", "residual"),
            *("dropout", "pretrain", "pretrain_updates", "pretrain_lr"),
        }
    )
    """Fields that the first run files did not know. At their default they are left out of the canonical
    text, so that an older run keeps its hash and its name."""

    derived: ClassVar[frozenset[str]] = frozenset({"sources"})
    """Fields that follow from the others and are no options."""

    data: str = Field(
        "shapeset",
        description="data set to learn: a name, shapeset:N, images:PATH[@SIZE[rgb]], PATH.npz, "
        "FILE.py:FUNCTION",
    )
    coding: Annotated[tuple[float, float], BeforeValidator(parse_coding)] = Field(
        description="what a black and a white pixel become; [-1, 1] for Shapeset, [0, 1] for the others",
    )
    act: str = Field(
        "tanh", description="activation of the hidden layers: a name, leaky_relu:slope=0.2, FILE.py:FUNCTION"
    )
    init: str = Field(
        "normalized",
        description="initializer of the weights: a name, normal:std=0.02, FILE.py:FUNCTION; single layers "
        "after it: normalized,output=zeros,1=standard",
    )
    init_gain: Annotated[Literal["paper", "auto"] | float, BeforeValidator(parse_gain)] = Field(
        "paper",
        description="factor on the hidden layers' first weights, not the output's: paper (1), auto (derived "
        "from the activation) or a number",
    )
    bias_init: str = Field(
        "zeros",
        description="initializer of the biases: zeros, torch_default (±1/√fan_in), or any other's name",
    )
    depth: int = Field(5, ge=1, le=1000, description="number of hidden layers")
    width: Annotated[Width | tuple[Width, ...], BeforeValidator(parse_widths)] = Field(
        300, description="units in each hidden layer, or one number for each: 400,300,200"
    )
    loss: Literal["cross_entropy", "quadratic"] = Field(
        "cross_entropy", description="what training minimizes: cross_entropy or quadratic"
    )
    optimizer: str = Field(
        "sgd",
        description="how a gradient becomes an update: sgd, momentum:0.9, adam:b1=0.8,eps=1e-6 or another of "
        "optax's, diagonal_gauss_newton, gradient_variance",
    )
    schedule: str = Field(
        "constant",
        description="learning rate over the updates: constant, cosine, linear, warmup:N or warmup:N,cosine",
    )
    clip: float = Field(
        0.0, ge=0, le=1e6, allow_inf_nan=False, description="longest gradient, all weights' together; 0: any"
    )
    weight_decay: float = Field(
        0.0,
        ge=0,
        le=1e3,
        allow_inf_nan=False,
        description="share of each weight that an update of rate 1 takes",
    )
    lr: Annotated[Rate | tuple[Rate, ...], BeforeValidator(parse_rates)] = Field(
        0.03, description="learning rate; a list is searched for the best validation error"
    )
    search_seeds: int = Field(2, ge=1, le=1000, description="seeds, the first ones, that a search trains")
    batch_size: int = Field(10, ge=1, le=100_000, description="examples per update")
    updates: int = Field(30_000, ge=0, le=10**10, description="mini-batch updates")
    records: str = Field(
        "20", description="when to look inside: 20 (evenly), log:20 (evenly in log updates), every:500"
    )
    eval_examples: int = Field(
        2000, ge=1, le=10_000, description="examples that errors are taken on at records; at the last, all"
    )
    jacobian_examples: int = Field(
        1, ge=0, le=300, description="probe examples that Jacobians are taken on; 0 for no Jacobians"
    )
    seeds: Annotated[tuple[Seed, ...], BeforeValidator(parse_seeds)] = Field(
        (0, 1, 2, 3), description="5 (a count), 0,3,7 or 0:10"
    )
    normalization: Literal["none", "batch", "layer"] = Field(
        "none", description="of the hidden layers' pre-activations: none, batch or layer"
    )
    residual: bool = Field(
        False,
        description="add what enters a hidden layer to what leaves it, where it is as wide as the one below",
    )
    dropout: float = Field(
        0.0, ge=0, lt=1, description="share of the hidden activations that each update leaves out"
    )
    pretrain: str = Field(
        "none",
        description="what the hidden layers learn from images alone beforehand, one after another: none, dae "
        "(denoising auto-encoders), dae:noise=0.1, rbm or rbm:steps=5,visible=gaussian",
    )
    pretrain_updates: int = Field(
        10_000, ge=1, le=10**8, description="mini-batch updates that each layer is pre-trained for"
    )
    pretrain_lr: Rate = Field(0.01, description="learning rate of pre-training")
    precision: Literal["highest", "high", "default"] = Field(
        "highest", description="of matrix products; highest is float32 throughout"
    )
    update_rule: str = Field(
        "auto",
        description="how the weights take up updates: plain, delayed:K (every K-th time, the same but for "
        "rounding), or auto, which is one of them by the network's shape",
    )
    sources: str = Field(
        "", description="digests of the texts that functions of the user's own come from; filled in by itself"
    )

    @model_validator(mode="before")
    @classmethod
    def _coding_of_the_data(cls, values: Any) -> Any:
        if not isinstance(values, dict) or values.get("coding") is not None:
            return values
        data = values.get("data", cls.model_fields["data"].default)
        if isinstance(data, str):
            try:
                values = {**values, "coding": find_data(data).coding}
            except ValueError:
                # The field's own check says so better; the coding only has to be valid here.
                values = {**values, "coding": (0.0, 1.0)}
        return values

    @model_validator(mode="before")
    @classmethod
    def _depth_of_the_widths(cls, values: Any) -> Any:
        """Widths say the depth; where all are alike, one number says the same."""
        try:
            widths = parse_widths(values.get("width")) if isinstance(values, dict) else None
        except ValueError:
            return values
        if not isinstance(widths, tuple) or not widths:
            return values
        depth = values.get("depth")
        if depth is not None and str(depth) != str(len(widths)):
            return values
        return {**values, "depth": len(widths), "width": widths[0] if len({*widths}) == 1 else widths}

    @model_validator(mode="after")
    def _a_width_per_layer(self) -> Self:
        if isinstance(self.width, tuple) and len(self.width) != self.depth:
            raise ValueError(f"width: names {len(self.width)} layers, but depth is {self.depth}")
        return self

    @model_validator(mode="after")
    def _layers_are_there(self) -> Self:
        try:
            layer_inits(self.init, self.depth)
        except ValueError as error:
            raise ValueError(f"init: {error}") from None
        return self

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

    @field_validator("data")
    @classmethod
    def _known_data(cls, word: str) -> str:
        return find_data(word).name

    @field_validator("act")
    @classmethod
    def _known_act(cls, word: str) -> str:
        return find_activation(word).name

    @field_validator("init")
    @classmethod
    def _known_init(cls, word: str) -> str:
        return find_layers(word)

    @field_validator("bias_init")
    @classmethod
    def _known_bias_init(cls, word: str) -> str:
        return find_bias(word)

    @field_validator("sources")
    @classmethod
    def _texts_of_the_users_own(cls, known: str, info: ValidationInfo) -> str:
        words = [info.data.get(field, "") for field in ("act", "bias_init", "data")]
        return write_sources([*words, *all_inits(info.data.get("init", ""))], known)

    @field_validator("pretrain")
    @classmethod
    def _known_pretraining(cls, word: str) -> str:
        return find_pretraining(word).name

    @field_validator("update_rule")
    @classmethod
    def _known_update_rule(cls, text: str) -> str:
        word, colon, number = text.strip().partition(":")
        if word in ("auto", "plain") and not colon:
            return word
        if word != "delayed" or not (number.isascii() and number.isdigit() and 1 < int(number) <= MAX_DELAY):
            raise ValueError(f"should be `auto`, `plain` or `delayed:K` with K from 2 to {MAX_DELAY}")
        return f"delayed:{int(number)}"

    @field_validator("optimizer")
    @classmethod
    def _known_optimizer(cls, text: str) -> str:
        return parse_optimizer(text).text

    @field_validator("schedule")
    @classmethod
    def _known_rate_schedule(cls, text: str) -> str:
        warmup, shape = parse_rate_schedule(text)
        if not warmup:
            return shape
        return f"warmup:{warmup}" + (f",{shape}" if shape != "constant" else "")

    @model_validator(mode="after")
    def _updates_that_go_together(self) -> Self:
        warmup, _ = parse_rate_schedule(self.schedule)
        if warmup > self.updates:
            raise ValueError(f"schedule: a warm-up of {warmup} updates is longer than all {self.updates}")
        optimizer = parse_optimizer(self.optimizer).optimizer
        if self.weight_decay and "weight_decay" in optimizer.parameters:
            raise ValueError(
                f"weight_decay: {optimizer.name} has its own: "
                f"--optimizer {optimizer.name}:weight_decay={self.weight_decay:g}"
            )
        if optimizer.name == "gradient_variance" and self.batch_size < 2:
            raise ValueError("batch_size: gradient_variance needs at least 2 examples per update")
        if self.normalization == "batch" and self.batch_size < 2:
            raise ValueError("batch_size: batch normalization needs at least 2 examples per update")
        if not optimizer.function and (beyond := self.goes_beyond):
            raise ValueError(f"optimizer: {optimizer.name} is for plain networks, without {beyond}")
        return self

    @model_validator(mode="after")
    def _pretraining_of_plain_networks(self) -> Self:
        if self.pretrain == "none":
            # Of what is not done nothing is told, so that equal networks have one name.
            for name in ("pretrain_updates", "pretrain_lr"):
                object.__setattr__(self, name, type(self).model_fields[name].default)
        elif beyond := self.goes_beyond:
            raise ValueError(f"pretrain: {self.pretrain} is for plain networks, without {beyond}")
        elif self.depth * self.pretrain_updates >= 2**31:
            raise ValueError(f"pretrain_updates: {self.depth} layers of so many are over 2^31")
        return self

    @model_validator(mode="after")
    def _resolved_update_rule(self) -> Self:
        if self.update_rule == "auto":
            # What is stored says what was done.
            object.__setattr__(self, "update_rule", resolve_update_rule(self))
        if self.update_rule != "plain" and not self.can_delay:
            raise ValueError(f"update_rule: {self.update_rule} is for plain SGD of plain networks")
        return self

    @property
    def goes_beyond(self) -> str:
        """What of the network is more than weights, biases and a fixed activation; empty where nothing is."""
        learned = find_activation(self.act).learned != ""
        words = {
            f"{self.normalization} normalization": self.normalization != "none",
            "residual skips": self.residual,
            "dropout": self.dropout > 0,
            f"the learned slope of {self.act}": learned,
        }
        return ", ".join(word for word, there in words.items() if there)

    @property
    def is_plain_sgd(self) -> bool:
        """Whether plain gradients move a plain network, for which there is a step by hand."""
        return self.optimizer == "sgd" and not (self.clip or self.weight_decay or self.goes_beyond)

    @property
    def can_delay(self) -> bool:
        """Whether the weights may take up updates later: what is pending is a product of two thin factors."""
        return self.is_plain_sgd and self.schedule == "constant"

    @property
    def in_addition(self) -> str:
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
    def beyond_theory(self) -> str:
        """What of the network theory does not speak of; empty where it predicts the network."""
        normalized = f"{self.normalization} normalization" if self.normalization != "none" else ""
        pretrained = "pre-trained weights" if self.pretrain != "none" else ""
        words = (normalized, "residual skips" if self.residual else "", pretrained)
        return " and ".join(word for word in words if word)

    @field_validator("coding")
    @classmethod
    def _rising_coding(cls, coding: tuple[float, float]) -> tuple[float, float]:
        low, high = coding
        if not (math.isfinite(low) and math.isfinite(high) and low < high and max(-low, high) <= 1e6):
            raise ValueError("should be two finite numbers, the lower one first")
        return coding

    @field_validator("seeds")
    @classmethod
    def _distinct_seeds(cls, seeds: tuple[int, ...]) -> tuple[int, ...]:
        if not seeds:
            raise ValueError("should hold at least one seed")
        if len(set(seeds)) < len(seeds):
            raise ValueError("should not hold a seed twice")
        return seeds

    @field_validator("lr")
    @classmethod
    def _distinct_rates(cls, lr: float | tuple[float, ...]) -> float | tuple[float, ...]:
        if not isinstance(lr, tuple):
            return lr
        if len(lr) < 2 or len(set(lr)) < len(lr):
            raise ValueError("a search should hold at least two rates, each once")
        at_most(len(lr), 1000, "rates")
        return lr

    @field_validator("records", mode="before")
    @classmethod
    def _records_as_text(cls, value: object) -> object:
        return str(value) if isinstance(value, int) and not isinstance(value, bool) else value

    @field_validator("records")
    @classmethod
    def _known_schedule(cls, text: str) -> str:
        kind, number = parse_schedule(text)
        if number < (1 if kind == "every" else 2):
            raise ValueError("should be at least 2 records, or `every:` at least 1 update")
        if kind != "every":
            at_most(number, MAX_RECORDS, "records")
        return f"{kind}:{number}" if kind else str(number)

    @model_validator(mode="after")
    def _not_too_many_records(self) -> Self:
        kind, number = parse_schedule(self.records)
        if kind == "every" and self.updates // number + 2 > MAX_RECORDS:
            raise ValueError(
                f"records: `{self.records}` of {self.updates} updates is over {MAX_RECORDS} records"
            )
        return self

    @classmethod
    def of(cls, **settings: object) -> RunConfig:
        """A configuration from settings as typed or as read.

        Raises `ConfigError`: one line that names the setting.
        """
        settings = without_like(settings)
        misspelt = [key for key in settings if key not in cls.model_fields]
        if misspelt:
            raise ConfigError(names.unknown("setting", misspelt[0], cls.model_fields))
        try:
            return cls.model_validate(settings)
        except ValidationError as error:
            raise ConfigError(_one_line(error)) from None

    @classmethod
    def from_json(cls, text: str) -> RunConfig:
        """The configuration that `to_json` wrote; raises `ConfigError`."""
        try:
            settings = json.loads(text)
        except (ValueError, RecursionError):
            raise ConfigError("the configuration is not JSON") from None
        if not isinstance(settings, dict):
            raise ConfigError("the configuration is not a JSON object")
        return cls.of(**settings)

    def to_json(self) -> str:
        """The canonical text: equal configurations have equal text."""
        settings = {
            name: value
            for name, value in self.model_dump(mode="json").items()
            if name not in self.added or getattr(self, name) != type(self).model_fields[name].default
        }
        return json.dumps(settings, sort_keys=True, separators=(",", ":"), allow_nan=False)

    def sha256(self) -> str:
        """SHA-256 of the canonical text, in hex."""
        return hashlib.sha256(self.to_json().encode()).hexdigest()

    def with_(self, **changes: object) -> RunConfig:
        """The same configuration but for `changes`, validated."""
        return RunConfig.of(**{**self.model_dump(), **changes})

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


def delay_of(update_rule: str) -> int:
    """After how many updates the weights take them up: K of `delayed:K`, 0 where each is taken up at once."""
    return int(update_rule.partition(":")[2] or 0)


def resolve_update_rule(config: RunConfig) -> str:
    """What `auto` stands for: delayed updates where they were measured to be faster (`xavier bench`).

    They save moving weights that no cache close to a core holds, at the price of k·batch rows more per
    product: 1.5 times as fast at width 1000 and batch 10, no faster at 300. A rule of the shape alone, so
    that a configuration has one name on every machine.
    """
    wide = min(config.widths) >= DELAYED_WIDTH and config.batch_size <= DELAYED_BATCH
    return "delayed:8" if wide and config.updates and config.can_delay else "plain"


def _one_line(error: ValidationError) -> str:
    first = error.errors()[0]
    field = str(first["loc"][0]) if first["loc"] else ""
    message = str(first["ctx"]["error"]) if first["type"] == "value_error" else first["msg"]
    message = message.replace("Input should be", "should be")
    if field in RunConfig.derived:
        # Nobody typed it; what it follows from is in the message.
        return " ".join(message.split())
    given = first["input"]
    shown = f" (got `{given}`)" if field and not isinstance(given, dict) and len(str(given)) < 60 else ""
    more = f"; and {error.error_count() - 1} more" if error.error_count() > 1 else ""
    return " ".join((f"{field}: {message}{shown}{more}" if field else message).split())


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
    if like not in LIKE:
        raise ConfigError("like: " + names.unknown("framework", str(like), LIKE))
    for field in LIKE[str(like)]:
        if field in kept:
            raise ConfigError(f"like: {like} sets {field}, so {field} cannot be given beside it")
    return kept | LIKE[str(like)]


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
