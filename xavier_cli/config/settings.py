"""Defines every setting of a run as one row: its type and check, role, wording and default.

Defaults are defined only here, and lists of settings are derived from the rows by `settings_where`.
`roles` documents the fields of a row.
"""

from __future__ import annotations

from functools import cache
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from xavier_cli.config import checks
from xavier_cli.config.code_settings import CodeSettings
from xavier_cli.config.roles import Setting
from xavier_cli.vocabulary.datasets import find_data
from xavier_cli.vocabulary.grammar import (
    in_thousands,
    number,
    parse_coding,
    parse_gain,
    parse_rates,
    parse_seeds,
    parse_widths,
    whole,
)
from xavier_cli.vocabulary.networks import AS_MADE, MLP, WATCHED, find_network
from xavier_cli.vocabulary.user_functions import read_sources

MAX_SEED = 2**32 - 1

Whole = Annotated[int, BeforeValidator(whole)]
Number = Annotated[float, BeforeValidator(number)]
Rate = Annotated[Number, Field(gt=0, le=1e6, allow_inf_nan=False)]
Seed = Annotated[Whole, Field(ge=0, le=MAX_SEED)]
Width = Annotated[Whole, Field(ge=1, le=65_536)]
Coding = Literal["standardize"] | tuple[Number, Number]


def brief_sources(sources: str) -> str:
    """The beginning of each digest: what tells two versions of a file apart in a label."""
    return " ".join(["source", *(digest[:4] for digest in read_sources(sources).values())])


GIVEN = "given to the programs when they run"
OWN_DEFAULTS: dict[str, Any] = {"act": AS_MADE, "init": AS_MADE, "bias_init": AS_MADE, "jacobian_examples": 0}
"""The defaults of custom networks, where they are not those of `mlp`."""
OF_EVERY_WATCH = ("data", "net", "updates", "records", "seeds")
"""What is known of every watched training."""


class RunSettings(CodeSettings):
    """The settings, each checked by itself; `RunConfig` checks them together."""

    data: Annotated[
        str,
        AfterValidator(checks.data_name),
        Setting("data", since=1, words="data", phrase="{}", rank=2, mention="always"),
    ] = Field(
        "shapeset",
        description="data set: a name, shapeset:N, images:PATH[@SIZE[rgb]], PATH.npz, FILE.py:FUNCTION",
    )
    coding: Annotated[
        Coding,
        BeforeValidator(parse_coding),
        AfterValidator(checks.rising_coding),
        Setting(
            "data",
            since=1,
            metavar="LOW,HIGH|standardize",
            phrase=lambda coding: (
                "standardized inputs" if isinstance(coding, str) else "coding [{:g}, {:g}]".format(*coding)
            ),
            rank=6,
            # The default depends on the data set.
            mention="never",
        ),
    ] = Field(
        description="values of a black and a white pixel: by default -1,1 for Shapeset and 0,1 otherwise; "
        "standardize: zero mean and unit variance over the training pixels"
    )
    net: Annotated[
        str,
        AfterValidator(checks.network_name),
        Setting(
            "network",
            since=3,
            words="network",
            metavar="FILE.py:FUNCTION",
            phrase=lambda net: find_network(net).short,
            is_name=True,
            rank=0,
            in_captions="always",
        ),
    ] = Field(
        MLP,
        description="network: mlp, or a custom one that a function returns, of JAX, Flax, Equinox, Haiku or "
        "(probe alone) PyTorch; parameters follow it as :KEY=VALUE,…",
    )
    weight_layers: Annotated[
        Whole, Setting("network", since=3, derived=True, mention="never", in_captions="never")
    ] = Field(0, ge=0, le=1001, description="weight layers of a custom network; filled in automatically")
    act: Annotated[
        str,
        AfterValidator(checks.activation_name),
        Setting(
            "network",
            since=1,
            words="activation",
            metavar="NAME[:KEY=VALUE]",
            phrase="{}",
            is_name=True,
            rank=1,
            mention="always",
        ),
    ] = Field(
        "tanh", description="activation of the hidden layers: a name, leaky_relu:slope=0.2, FILE.py:FUNCTION"
    )
    init: Annotated[
        str,
        AfterValidator(checks.initializers),
        Setting(
            "network",
            section="Initialization",
            since=1,
            words="initializers",
            metavar="NAME[,LAYER=NAME…]",
            phrase="{}",
            is_name=True,
            rank=1,
            mention="always",
        ),
    ] = Field(
        "normalized",
        description="initializer of the weights: a name, normal:std=0.02, FILE.py:FUNCTION; single layers "
        "after it: normalized,output=zeros,1=standard; with --net also by path or pattern: "
        "network,blocks/*=he_normal",
    )
    init_gain: Annotated[
        Literal["paper", "auto"] | float,
        BeforeValidator(parse_gain),
        Setting(
            "network",
            section="Initialization",
            since=1,
            of_mlp=True,
            metavar="paper|auto|NUMBER",
            phrase="gain {}",
            rank=1,
            in_name="gain{}",
            in_captions="never",
        ),
    ] = Field(
        "paper",
        description="gain of the hidden layers' initial weights (not the output layer's): paper (1), auto "
        "(derived from the activation) or a number",
    )
    bias_init: Annotated[
        str,
        AfterValidator(checks.bias_initializers),
        Setting(
            "network",
            section="Initialization",
            since=2,
            words="initializer",
            phrase="biases {}",
            rank=1,
            in_name="bias-{}",
            in_captions="never",
        ),
    ] = Field(
        "zeros",
        description="initializer of the biases: zeros, torch_default (±1/√fan_in), or any other's name",
    )
    depth: Annotated[
        Whole, Setting("network", since=1, of_mlp=True, phrase="depth {}", rank=3, mention="always")
    ] = Field(5, ge=1, le=1000, description="number of hidden layers")
    width: Annotated[
        Width | tuple[Width, ...],
        BeforeValidator(parse_widths),
        Setting(
            "network",
            since=1,
            of_mlp=True,
            metavar="N[,N…]",
            phrase=lambda width: f"width {'-'.join(map(str, width)) if isinstance(width, tuple) else width}",
            rank=3,
            mention="always",
        ),
    ] = Field(300, description="units in each hidden layer, or one number for each: 400,300,200")
    loss: Annotated[
        Literal["cross_entropy", "quadratic"],
        BeforeValidator(checks.one_of("cross_entropy", "quadratic")),
        Setting("network", section="Optimization", since=1, in_name="{}", mention="never"),
    ] = Field("cross_entropy", description="loss: cross_entropy or quadratic (½ Σ (p − y)² over classes)")
    optimizer: Annotated[
        str,
        AfterValidator(checks.optimizer_text),
        Setting(
            "training",
            since=1,
            words="optimizer",
            in_update=True,
            metavar="NAME[:KEY=VALUE,…]",
            phrase="{}",
            rank=5,
            in_name="{}",
        ),
    ] = Field(
        "sgd",
        description="optimizer: sgd, momentum:0.9, adam:b1=0.8,eps=1e-6 or another of optax's, "
        "diagonal_gauss_newton, gradient_variance, or a custom function (FILE.py:FUNCTION)",
    )
    schedule: Annotated[
        str,
        AfterValidator(checks.rate_schedule),
        Setting(
            "training",
            since=2,
            in_update=True,
            metavar="WHEN",
            phrase="{}",
            usual_phrase="constant rate",
            rank=5,
            in_name="{}",
        ),
    ] = Field(
        "constant",
        description="learning-rate schedule: constant, cosine, linear, warmup:N or warmup:N,cosine",
    )
    clip: Annotated[
        Number,
        Setting(
            "training",
            since=2,
            in_update=True,
            metavar="LENGTH",
            phrase="clip {}",
            usual_phrase="no clipping",
            rank=5,
            in_name="clip{:g}",
        ),
    ] = Field(
        0.0, ge=0, le=1e6, allow_inf_nan=False, description="clip gradients to this global norm; 0: off"
    )
    weight_decay: Annotated[
        Number,
        Setting(
            "training",
            since=2,
            in_update=True,
            metavar="SHARE",
            phrase="weight decay {}",
            rank=5,
            in_name="decay{:g}",
        ),
    ] = Field(
        0.0,
        ge=0,
        le=1e3,
        allow_inf_nan=False,
        description="weight decay coefficient of the layers' weights alone (decoupled: times the learning "
        "rate)",
    )
    lr: Annotated[
        Rate | tuple[Rate, ...],
        BeforeValidator(parse_rates),
        AfterValidator(checks.distinct_rates),
        Setting(
            "training",
            since=1,
            is_searchable=True,
            outside_programs=GIVEN,
            metavar="RATE[,RATE…]",
            phrase="lr {}",
            rank=4,
            mention="always",
        ),
    ] = Field(
        0.03,
        description="learning rate; of a list or range (0.01,0.1 or 1e-3:1e-1:5:log) the best by "
        "validation error",
    )
    search_seeds: Annotated[
        Whole,
        Setting(
            "layout",
            since=1,
            detail_of="lr",
            outside_programs="the seeds of a search are trained apart",
            mention="never",
        ),
    ] = Field(2, ge=1, le=1000, description="number of seeds used to search learning rates (the first ones)")
    batch_size: Annotated[
        Whole,
        Setting(
            "training", since=1, in_examples=True, phrase="batch {}", rank=4, in_name="b{}", mention="always"
        ),
    ] = Field(10, ge=1, le=100_000, description="examples per update")
    updates: Annotated[
        Whole,
        Setting(
            "training",
            since=1,
            in_examples=True,
            outside_programs=f"{GIVEN}, unless the rate follows a schedule",
            phrase=lambda updates: f"{in_thousands(updates)} updates",
            rank=4,
            in_name=lambda updates: f"u{in_thousands(updates)}" if updates else "",
            mention="always",
            in_captions="never",
        ),
    ] = Field(20_000, ge=0, le=10**10, description="mini-batch updates")
    records: Annotated[
        str,
        BeforeValidator(checks.records_as_text),
        AfterValidator(checks.record_schedule),
        Setting("observation", since=1, outside_programs=GIVEN, metavar="WHEN", mention="never"),
    ] = Field(
        "20",
        description="when to record statistics: 20 (evenly), log:20 (evenly in log updates), every:500",
    )
    eval_examples: Annotated[
        Whole, Setting("observation", since=1, in_examples=True, outside_programs=GIVEN, mention="never")
    ] = Field(
        2000,
        ge=1,
        le=10_000,
        description="number of examples for errors at records; the last record uses all",
    )
    jacobian_examples: Annotated[Whole, Setting("observation", since=1, mention="never")] = Field(
        1, ge=0, le=300, description="number of probe examples for Jacobians; 0: none, the default with --net"
    )
    seeds: Annotated[
        tuple[Seed, ...],
        BeforeValidator(parse_seeds),
        AfterValidator(checks.distinct_seeds),
        Setting(
            "layout",
            since=1,
            outside_programs=GIVEN,
            metavar="SEEDS",
            in_name=lambda seeds: f"s{brief_seeds(seeds)}",
            mention="never",
        ),
    ] = Field((0, 1, 2, 3, 4), description="seeds: 5 (a count), 0,3,7 or 0:10")
    normalization: Annotated[
        Literal["none", "batch", "layer"],
        BeforeValidator(checks.one_of("none", "batch", "layer")),
        Setting(
            "network",
            since=2,
            of_mlp=True,
            extra="{} normalization",
            phrase="{} normalization",
            usual_phrase="no normalization",
            rank=5,
            in_name="{}norm",
        ),
    ] = Field("none", description="normalization of the hidden layers' pre-activations: none, batch or layer")
    residual: Annotated[
        bool,
        Setting(
            "network",
            since=2,
            of_mlp=True,
            extra="residual skips",
            phrase="residual",
            usual_phrase="no skips",
            rank=5,
            in_name="residual",
        ),
    ] = Field(
        False,
        description="residual connections around hidden layers as wide as the one below",
    )
    dropout: Annotated[
        Number,
        Setting(
            "training",
            since=2,
            of_mlp=True,
            extra="dropout",
            metavar="SHARE",
            phrase="dropout {}",
            rank=5,
            in_name="dropout{:g}",
        ),
    ] = Field(0.0, ge=0, lt=1, description="dropout rate of the hidden activations")
    pretrain: Annotated[
        str,
        AfterValidator(checks.pretraining_name),
        Setting(
            "training",
            section="Initialization",
            since=2,
            of_mlp=True,
            metavar="NAME[:KEY=VALUE,…]",
            phrase="pre-trained {}",
            usual_phrase="not pre-trained",
            rank=5,
            in_name="{}",
        ),
    ] = Field(
        "none",
        description="unsupervised layer-wise pre-training: none, dae (denoising auto-encoders), "
        "dae:noise=0.1, rbm or rbm:steps=5,visible=gaussian",
    )
    pretrain_updates: Annotated[
        Whole,
        Setting(
            "training",
            section="Initialization",
            since=2,
            of_mlp=True,
            detail_of="pretrain",
            phrase=lambda updates: f"{in_thousands(updates)} updates of pre-training",
            rank=5,
            in_captions="never",
        ),
    ] = Field(10_000, ge=1, le=10**8, description="mini-batch updates of pre-training per layer")
    pretrain_lr: Annotated[
        Rate,
        Setting(
            "training",
            section="Initialization",
            since=2,
            of_mlp=True,
            detail_of="pretrain",
            metavar="RATE",
            phrase="pre-training lr {}",
            rank=5,
            in_captions="never",
        ),
    ] = Field(0.01, description="learning rate of pre-training")
    precision: Annotated[
        Literal["highest", "high", "default"],
        BeforeValidator(checks.one_of("highest", "high", "default")),
        Setting("network", section="Running", since=1, in_name="{}-precision", mention="never"),
    ] = Field("highest", description="precision of matrix products; highest: float32 throughout")
    convolution: Annotated[
        Literal["auto", "xla", "canonical", "product"],
        BeforeValidator(checks.one_of("auto", "xla", "canonical", "product")),
        Setting("network", section="Running", since=3, of_custom=True, is_rounding=True, mention="never"),
    ] = Field(
        "auto",
        description="how convolutions and products of a custom network are computed: xla, canonical "
        "(arranged so that XLA is fast within loops), product (patches times a matrix), equal but for "
        "rounding; auto: canonical on a CPU, else xla",
    )
    update_rule: Annotated[
        str,
        AfterValidator(checks.update_rule),
        Setting("training", section="Running", since=1, is_rounding=True, mention="never"),
    ] = Field(
        "auto",
        description="how weights are updated: plain, delayed:K (K low-rank updates at a time; equal up to "
        "rounding) or auto (by the network's shape)",
    )
    sources: Annotated[
        str, Setting("network", since=2, derived=True, phrase=brief_sources, in_captions="never")
    ] = Field("", description="digests of the source texts of custom functions; filled in automatically")
    told: Annotated[str, Setting("network", since=4, derived=True, mention="never", in_captions="never")] = (
        Field("", description="settings here that a watched training named; filled in automatically")
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
                # The check of `data` will report the error better; the coding only has to be valid here.
                values = {**values, "coding": (0.0, 1.0)}
        return values

    @model_validator(mode="before")
    @classmethod
    def _defaults_of_a_custom_network(cls, values: Any) -> Any:
        """What a custom network has by itself, where nothing else is said; its depth is derived."""
        net = values.get("net", MLP) if isinstance(values, dict) else MLP
        if not isinstance(net, str) or net.strip().lower() == MLP:
            return values
        derived = {"depth"} if values.get("weight_layers") else set()
        return OWN_DEFAULTS | {name: value for name, value in values.items() if name not in derived}

    @model_validator(mode="before")
    @classmethod
    def _depth_of_the_widths(cls, values: Any) -> Any:
        """Take the depth from a list of widths, and write equal widths as one number."""
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

    def applies(self, name: str) -> bool:
        """Whether the setting called `name` says something of this configuration.

        Those of the perceptron say nothing of a custom network, nor does what that has by itself; of a
        watched training only what it named is known.
        """
        if name == "weight_layers":
            return bool(self.weight_layers)
        if self.is_watched:
            return name in (*OF_EVERY_WATCH, *self.told.split(","))
        if self.net == MLP:
            return not SETTINGS[name].of_custom
        return not SETTINGS[name].of_mlp and (
            name not in OWN_DEFAULTS or getattr(self, name) != OWN_DEFAULTS[name]
        )

    @property
    def is_watched(self) -> bool:
        """Whether this was trained in a loop of its own, which `watch` recorded."""
        return self.net.startswith(f"{WATCHED}:")

    def shown(self, mode: Literal["python", "json"] = "python") -> dict[str, Any]:
        """All settings as plain values; of a watched training those that are known."""
        dumped = self.model_dump(mode=mode)
        if not self.is_watched:
            return dumped
        return {name: value for name, value in dumped.items() if self.applies(name) or name == "told"}

    @property
    def name_settings(self) -> tuple[str, ...]:
        """The settings that make up the network's name: `tanh normalized`, or of a custom one `resnet`."""
        return tuple(
            name
            for name in in_order_spoken(is_name=True)
            if self.applies(name) and (name, self.net) != ("net", MLP)
        )

    def unusual(self, **facts: object) -> list[str]:
        """The settings with these `facts` that apply and are not at their defaults, as phrases go."""
        return [
            name
            for name in in_order_spoken(**facts)
            if self.applies(name) and not is_usual(name, getattr(self, name))
        ]


@cache
def settings_where(**facts: object) -> tuple[str, ...]:
    """The names of the settings whose rows have all of these `facts`, in the order of the fields.

    `settings_where(role="training", detail_of="")`: the settings of training that are no details of others.
    """
    return tuple(
        name
        for name, row in SETTINGS.items()
        if all(getattr(row, fact) == is_ for fact, is_ in facts.items())
    )


@cache
def settings_of_training() -> tuple[str, ...]:
    """The settings that change nothing about an untrained network, with their details."""
    role = settings_where(role="training")
    details = (name for name, row in SETTINGS.items() if row.detail_of in role)
    return tuple(dict.fromkeys((*role, *details, "records")))


@cache
def in_order_spoken(**facts: object) -> tuple[str, ...]:
    """`settings_where`, in the order of phrases: `tanh normalized, mnist, depth 5`."""
    return tuple(sorted(settings_where(**facts), key=lambda name: SETTINGS[name].rank))


def brief_seeds(seeds: tuple[int, ...]) -> str:
    """Seeds in a file's name: `5` (the first five), `5-9`, `0,3,7`; of many others, how many."""
    first, last = seeds[0], seeds[-1]
    if seeds == tuple(range(first, last + 1)):
        return f"{first}-{last}" if first else f"{len(seeds)}"
    return ",".join(map(str, seeds)) if len(seeds) < 5 else f"{len(seeds)}-others"


def spoken(name: str, value: object) -> str:
    """The phrase for `value` of the setting `name`, in labels, captions and titles: `depth 5`."""
    return SETTINGS[name].speak(name, value, RunSettings.model_fields[name].default)


def is_usual(name: str, value: object) -> bool:
    """Whether `value` is the default of the setting `name`."""
    return bool(value == RunSettings.model_fields[name].default)


SETTINGS = RunSettings.rows
"""The row of every setting, by name."""
