"""Calls every cell of a sweep by the settings in which it differs from the others."""

from __future__ import annotations

from collections.abc import Sequence

from xavier_cli.config.run import OBSERVATION_SETTINGS, RunConfig
from xavier_cli.config.settings import SETTINGS, in_order_spoken, settings_where, spoken


def labels(configs: Sequence[RunConfig]) -> list[str]:
    """A label for each of `configs`, of as many settings as make them unique: `tanh normalized, depth 5`."""
    differing = [
        name
        for name in sorted(in_order_spoken(derived=False), key=lambda name: name in OBSERVATION_SETTINGS)
        if name != "seeds" and len({getattr(config, name) for config in configs}) > 1
    ]
    found, used = [""] * len(configs), list[str]()
    for name in differing:
        if len(set(found)) == len(configs):
            break
        used.append(name)
        found = [_label(config, used) for config in configs]
    return found


def _label(config: RunConfig, names: Sequence[str]) -> str:
    phrases = {name: _phrase(name, getattr(config, name)) for name in names}
    # The paper's name for a network: `tanh normalized`.
    named = " ".join(phrases.pop(name) for name in settings_where(is_name=True) if name in phrases)
    return ", ".join(filter(None, [named, *phrases.values()]))


def _phrase(name: str, value: object) -> str:
    if isinstance(value, tuple) and SETTINGS[name].is_searchable:
        return f"{name} {min(value):g} to {max(value):g}"
    return spoken(name, value)
