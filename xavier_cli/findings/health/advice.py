"""Advice as a command that can be pasted: the run's own settings but for what should change."""

from __future__ import annotations

import math

from xavier_cli.config.command_text import train_command
from xavier_cli.config.run import RunConfig


def lower_rate(config: RunConfig, rate: float) -> str:
    """The same at a tenth of the rate, rounded to one digit; where none is known, of the lowest searched."""
    rate = config.search[0] if math.isnan(rate) else rate
    return train_command(config, lr=float(f"{rate / 10:.1g}"))


def wider_search(config: RunConfig, chosen: float) -> str:
    """The same search, with two more rates beyond the edge that `chosen` is on."""
    rates = config.search
    step = (rates[-1] / rates[0]) ** (1 / (len(rates) - 1))
    outward = step if math.isclose(chosen, rates[-1]) else 1 / step
    beyond = (float(f"{chosen * outward**k:.2g}") for k in (1, 2))
    return train_command(config, lr=tuple(sorted({*rates, *beyond})))
