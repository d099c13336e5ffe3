"""Writes advice as a command: that of the run, with the settings that should change."""

from __future__ import annotations

import math

from xavier_cli.config.command_text import probe_command, train_command
from xavier_cli.config.run import RunConfig
from xavier_cli.runs.record import Run
from xavier_cli.vocabulary.entry import ActivationEntry


def lower_rate(config: RunConfig, rate: float) -> str:
    """The command at a tenth of `rate`, rounded to one digit; of the lowest searched where `rate` is NaN."""
    rate = config.search[0] if math.isnan(rate) else rate
    return train_command(config, lr=float(f"{rate / 10:.1g}"))


def wider_search(config: RunConfig, chosen: float) -> str:
    """The command with two more rates to search, beyond the edge that `chosen` is on."""
    rates = config.search
    step = (rates[-1] / rates[0]) ** (1 / (len(rates) - 1))
    outward = step if math.isclose(chosen, rates[-1]) else 1 / step
    beyond = (float(f"{chosen * outward**k:.2g}") for k in (1, 2))
    return train_command(config, lr=tuple(sorted({*rates, *beyond})))


def other_start(config: RunConfig) -> str:
    """A command with the initialization that fits the activation, or another activation where it has that.

    Empty for a custom network, whose own code decides both.
    """
    if config.network.is_users:
        return ""
    if config.act == "sigmoid":
        return train_command(config, act="tanh", init="normalized")
    fitting = fitting_init(config)
    if config.init not in _FITTING[fitting] and config.init_gain != "auto":
        return train_command(config, init=fitting)
    act = "softsign" if config.act == "tanh" else "tanh"
    gain = {} if config.init_gain == "paper" else {"init_gain": "paper"}
    return train_command(config, act=act, init="normalized", **gain)


def other_init(run: Run, init: str) -> str:
    """The command with the initializer `init`: to train, or to measure a custom network of JAX again."""
    if not run.config.network.is_users:
        return train_command(run.config, init=init)
    is_pytorchs = run.network is None or run.network.framework == "PyTorch"
    return "" if is_pytorchs else probe_command(run.config, init=init)


# An initializer, and those that have its variance or nearly so.
_FITTING = {
    "he_normal": ("he_normal", "he_uniform"),
    "lecun_normal": ("lecun_normal", "lecun_uniform"),
    "normalized": ("normalized", "glorot_normal"),
}


def fitting_init(config: RunConfig) -> str:
    """The initializer under which a signal keeps its size in the configuration's activation."""
    return fitting_to(config.activation)


def fitting_to(act: ActivationEntry) -> str:
    """The initializer under which a signal keeps its size in the activation `act`.

    He et al. 2015 for rectifiers, which pass about half of the variance on: unbounded above, and below 0
    bounded or with another slope. Klambauer et al. 2017 for selu; else Glorot & Bengio 2010.
    """
    if act.name.partition(":")[0] == "selu":
        return "lecun_normal"
    is_rectifier = math.isinf(act.range[1]) and (math.isfinite(act.range[0]) or 0.0 in act.kinks)
    return "he_normal" if is_rectifier else "normalized"


def train_longer(config: RunConfig, updates: int) -> str:
    """The command with so many updates, rounded up to one digit."""
    unit = 10 ** math.floor(math.log10(max(updates, 1)))
    return train_command(config, updates=-(-updates // unit) * unit)
