"""Writes `xavier` commands as text for a shell: that of a configuration, and those in hints."""

from __future__ import annotations

import shlex
from pathlib import Path

from xavier_cli.config.run import SEARCH_DETAILS, SEARCHABLE, RunConfig, option_name, resolve_update_rule
from xavier_cli.config.settings import OWN_DEFAULTS, settings_of_training, settings_where
from xavier_cli.vocabulary.grammar import write_value


def written(*words: str | Path) -> str:
    """`xavier` with these arguments, quoted for a shell."""
    # A file called `-a.h5` would be taken for an option.
    shown = (f"./{word}" if isinstance(word, Path) and str(word).startswith("-") else word for word in words)
    return shlex.join(["xavier", *map(str, shown)])


def train_command(config: RunConfig, **changes: object) -> str:
    """`xavier train` with `changes` and all settings of `config` that are not defaults. Touches no file.

    Empty for a watched training, whose loop is its user's.
    """
    if config.is_watched:
        return ""
    fields = RunConfig.model_fields
    settings = {name: getattr(config, name) for name in settings_where(derived=False)}
    # The defaults of two settings depend on others.
    plain = {name: fields[name].default for name in settings}
    plain |= {"coding": config.dataset.coding, "update_rule": resolve_update_rule(config)}
    if config.network.is_users:
        plain |= OWN_DEFAULTS | {name: settings.get(name) for name in settings_where(of_mlp=True)}
    if any(name in changes and not isinstance(changes[name], tuple) for name in SEARCHABLE):
        # The settings of a search have no effect on training at one rate.
        settings |= {name: plain[name] for name in SEARCH_DETAILS}
    differing = {n: v for n, v in {**settings, **changes}.items() if n in changes or v != plain[n]}
    return written("train", *(word for name, value in differing.items() for word in _option(name, value)))


def probe_command(config: RunConfig, **changes: object) -> str:
    """`xavier probe` of a custom network with `changes`, without the settings of training.

    Empty for a watched training.
    """
    if config.is_watched:
        return ""
    usual = {name: RunConfig.model_fields[name].default for name in settings_where(derived=False)}
    usual |= OWN_DEFAULTS | {"coding": config.dataset.coding}
    left_out = (*settings_of_training(), *settings_where(of_mlp=True))
    settings = {name: getattr(config, name) for name in usual if name not in left_out}
    differing = {n: v for n, v in {**settings, **changes}.items() if n in changes or v != usual[n]}
    return written("probe", *(word for name, value in differing.items() for word in _option(name, value)))


def _option(name: str, value: object) -> tuple[str, ...]:
    if isinstance(value, bool):
        return (option_name(name) if value else f"--no-{option_name(name)[2:]}",)
    return option_name(name), typed(name, value)


def typed(name: str, value: object) -> str:
    """`value` as text for its option, in full precision."""
    if not isinstance(value, tuple):
        return write_value(value) if isinstance(value, float) else str(value)
    if name == "seeds" and value == tuple(range(len(value))):
        return str(len(value))
    # With a comma behind it a single seed is not read as a count.
    comma = "," * (name == "seeds" and len(value) == 1)
    return ",".join(write_value(part) if isinstance(part, float) else str(part) for part in value) + comma
