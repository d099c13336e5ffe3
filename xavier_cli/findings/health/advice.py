"""Advice as a command that can be pasted: the run's own settings but for what should change."""

from __future__ import annotations

import math
import shlex

from xavier_cli.config import RunConfig


def train_command(config: RunConfig, **changes: object) -> str:
    """`xavier train` with every setting of `config` that is no default, and `changes`."""
    settings = config.model_dump()
    plain = RunConfig.of(data=config.data).model_dump()
    if "lr" in changes and not isinstance(changes["lr"], tuple):
        # What a search would have taken is no part of a training at one rate.
        settings["search_seeds"] = plain["search_seeds"]
    differing = {n: v for n, v in {**settings, **changes}.items() if n in changes or v != plain[n]}
    if config.data != RunConfig.of().data:
        differing = {"data": config.data, **differing}
    words = [word for name, value in differing.items() for word in _option(name, value)]
    return shlex.join(["xavier", "train", *words])


def _option(name: str, value: object) -> tuple[str, ...]:
    option = name.replace("_", "-")
    if isinstance(value, bool):
        return (f"--{option}" if value else f"--no-{option}",)
    return f"--{option}", _typed(name, value)


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


def _typed(name: str, value: object) -> str:
    """`value` as the option takes it."""
    if not isinstance(value, tuple):
        return f"{value:g}" if name == "lr" else str(value)
    if name == "seeds" and value == tuple(range(len(value))):
        return str(len(value))
    return ",".join(f"{part:g}" if isinstance(part, float) else str(part) for part in value)
