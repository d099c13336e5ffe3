"""Writes advice as a command: that of the run, with the settings that should change."""

from __future__ import annotations

import math

from xavier_cli.config.command_text import train_command
from xavier_cli.config.run import RunConfig


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
    """A command with another initialization, or another activation where that is normalized already."""
    if config.act == "sigmoid":
        return train_command(config, act="tanh", init="normalized")
    if config.init != "normalized":
        return train_command(config, init="normalized")
    return train_command(config, act="softsign" if config.act == "tanh" else "tanh")


def train_longer(config: RunConfig, updates: int) -> str:
    """The command with so many updates, rounded up to one digit."""
    unit = 10 ** math.floor(math.log10(max(updates, 1)))
    return train_command(config, updates=-(-updates // unit) * unit)
