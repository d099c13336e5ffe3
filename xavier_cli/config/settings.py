"""Every setting of a run: its default, what it may be, and how it is written. The only home of defaults."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import BeforeValidator, Field, ValidationInfo, field_validator, model_validator

from xavier_cli.config.canonical import HashedSettings
from xavier_cli.errors import ConfigError
from xavier_cli.vocabulary.datasets import find_data
from xavier_cli.vocabulary.grammar import (
    at_most,
    number,
    parse_coding,
    parse_gain,
    parse_rate_schedule,
    parse_rates,
    parse_schedule,
    parse_seeds,
    parse_widths,
    whole,
)
from xavier_cli.vocabulary.optimizers import parse_optimizer
from xavier_cli.vocabulary.resolve import all_inits, find_activation, find_bias, find_layers, find_pretraining
from xavier_cli.vocabulary.user_functions import (
    OwnFunctionError,
    check_unchanged,
    places,
    read_sources,
    text_digest,
    write_sources,
)

MAX_SEED = 2**32 - 1
MAX_RECORDS = 20_000
MAX_DELAY = 1000

Whole = Annotated[int, BeforeValidator(whole)]
Number = Annotated[float, BeforeValidator(number)]
Rate = Annotated[Number, Field(gt=0, le=1e6, allow_inf_nan=False)]
Seed = Annotated[Whole, Field(ge=0, le=MAX_SEED)]
Width = Annotated[Whole, Field(ge=1, le=65_536)]


class RunSettings(HashedSettings):
    """The settings, each checked by itself; what they are together is `config`'s."""

    added: ClassVar[frozenset[str]] = frozenset(
        {
            *("bias_init", "sources", "schedule", "clip", "weight_decay", "normalization", "residual"),
            *("dropout", "pretrain", "pretrain_updates", "pretrain_lr"),
        }
    )

    derived: ClassVar[frozenset[str]] = frozenset({"sources"})

    data: str = Field(
        "shapeset",
        description="data set to learn: a name, shapeset:N, images:PATH[@SIZE[rgb]], PATH.npz, "
        "FILE.py:FUNCTION",
    )
    coding: Annotated[Literal["standardize"] | tuple[Number, Number], BeforeValidator(parse_coding)] = Field(
        description="what a black and a white pixel become; [-1, 1] for Shapeset, [0, 1] for the others; "
        "standardize takes out mean and deviation of the training pixels",
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
    depth: Whole = Field(5, ge=1, le=1000, description="number of hidden layers")
    width: Annotated[Width | tuple[Width, ...], BeforeValidator(parse_widths)] = Field(
        300, description="units in each hidden layer, or one number for each: 400,300,200"
    )
    loss: Literal["cross_entropy", "quadratic"] = Field(
        "cross_entropy", description="what training minimizes: cross_entropy or quadratic"
    )
    optimizer: str = Field(
        "sgd",
        description="how a gradient becomes an update: sgd, momentum:0.9, adam:b1=0.8,eps=1e-6 or another of "
        "optax's, diagonal_gauss_newton, gradient_variance, or a function of your own",
    )
    schedule: str = Field(
        "constant",
        description="learning rate over the updates: constant, cosine, linear, warmup:N or warmup:N,cosine",
    )
    clip: Number = Field(
        0.0, ge=0, le=1e6, allow_inf_nan=False, description="longest gradient, all weights' together; 0: any"
    )
    weight_decay: Number = Field(
        0.0,
        ge=0,
        le=1e3,
        allow_inf_nan=False,
        description="share of each weight that an update of rate 1 takes",
    )
    lr: Annotated[Rate | tuple[Rate, ...], BeforeValidator(parse_rates)] = Field(
        0.03, description="learning rate; a list is searched for the best validation error"
    )
    search_seeds: Whole = Field(2, ge=1, le=1000, description="seeds, the first ones, that a search trains")
    batch_size: Whole = Field(10, ge=1, le=100_000, description="examples per update")
    updates: Whole = Field(30_000, ge=0, le=10**10, description="mini-batch updates")
    records: str = Field(
        "20", description="when to look inside: 20 (evenly), log:20 (evenly in log updates), every:500"
    )
    eval_examples: Whole = Field(
        2000, ge=1, le=10_000, description="examples that errors are taken on at records; at the last, all"
    )
    jacobian_examples: Whole = Field(
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
    dropout: Number = Field(
        0.0, ge=0, lt=1, description="share of the hidden activations that each update leaves out"
    )
    pretrain: str = Field(
        "none",
        description="what the hidden layers learn from images alone beforehand, one after another: none, dae "
        "(denoising auto-encoders), dae:noise=0.1, rbm or rbm:steps=5,visible=gaussian",
    )
    pretrain_updates: Whole = Field(
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
        try:
            if depth is not None and whole(depth) != len(widths):
                return values
        except ValueError:
            return values
        return {
            **values,
            "depth": len(widths),
            "width": widths[0] if widths.count(widths[0]) == len(widths) else widths,
        }

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
    def _digests_of_what_is_named(cls, known: str, info: ValidationInfo) -> str:
        named = places(cls._code_words(info.data))
        return write_sources({place: known for place, known in read_sources(known).items() if place in named})

    @staticmethod
    def _code_words(settings: Mapping[str, Any]) -> list[str]:
        """The words among `settings` that may name functions of the user's own."""
        words = [settings.get(field, "") for field in ("act", "bias_init", "data", "optimizer")]
        return [*words, *all_inits(settings.get("init", ""))]

    def check_code(self) -> None:
        """Raise `OwnFunctionError` where code that it names is not the text that its digests are of.

        Asked before any of it runs.
        """
        check_unchanged(places(self._code_words(vars(self))), self.sources)

    def _completed(self, before: Self | None) -> Self:
        """With digests of the texts of functions that somebody asked for; those of `before` are as read."""
        digests = read_sources(self.sources)
        asked = places(self._code_words(vars(self)))
        known = places(self._code_words(vars(before))) if before else set()
        missing = asked - known - set(digests)
        if not missing:
            return self
        try:
            digests |= {place: text_digest(place) for place in sorted(missing)}
        except OwnFunctionError as error:
            raise ConfigError(str(error)) from None
        return self.model_copy(update={"sources": write_sources(digests)})

    @field_validator("pretrain")
    @classmethod
    def _known_pretraining(cls, word: str) -> str:
        return find_pretraining(word).name

    @field_validator("update_rule")
    @classmethod
    def _known_update_rule(cls, text: str) -> str:
        word, colon, every = text.strip().partition(":")
        if word in ("auto", "plain") and not colon:
            return word
        try:
            count = whole(every) if word == "delayed" else 0
        except ValueError:
            count = 0
        if not (isinstance(count, int) and 1 < count <= MAX_DELAY):
            raise ValueError(f"should be `auto`, `plain` or `delayed:K` with K from 2 to {MAX_DELAY}")
        return f"delayed:{count}"

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

    @field_validator("coding")
    @classmethod
    def _rising_coding(
        cls, coding: Literal["standardize"] | tuple[float, float]
    ) -> Literal["standardize"] | tuple[float, float]:
        if isinstance(coding, str):
            return coding
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
        return str(whole(value)) if isinstance(value, int | float) else value

    @field_validator("records")
    @classmethod
    def _known_schedule(cls, text: str) -> str:
        kind, number = parse_schedule(text)
        if number < (1 if kind == "every" else 2):
            raise ValueError("should be at least 2 records, or `every:` at least 1 update")
        if kind != "every":
            at_most(number, MAX_RECORDS, "records")
        return f"{kind}:{number}" if kind else str(number)
