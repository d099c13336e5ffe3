"""Commands of ours as text that can be pasted into a shell: a configuration's own, and those of hints."""

from __future__ import annotations

import shlex
from pathlib import Path

from xavier_cli.config.run import SEARCH_DETAILS, SEARCHABLE, RunConfig, option_name, resolve_update_rule
from xavier_cli.config.settings import settings_where
from xavier_cli.vocabulary.grammar import write_value


def written(*words: str | Path) -> str:
    """`xavier` with these words, each quoted where a shell would take it apart."""
    # A file called `-a.h5` would be an option.
    shown = (f"./{word}" if isinstance(word, Path) and str(word).startswith("-") else word for word in words)
    return shlex.join(["xavier", *map(str, shown)])


def train_command(config: RunConfig, **changes: object) -> str:
    """`xavier train` with every setting of `config` that is no default, and `changes`. It touches no file."""
    fields = RunConfig.model_fields
    settings = {name: getattr(config, name) for name in settings_where(derived=False)}
    # Two defaults follow from other settings.
    plain = {name: fields[name].default for name in settings}
    plain |= {"coding": config.dataset.coding, "update_rule": resolve_update_rule(config)}
    if any(name in changes and not isinstance(changes[name], tuple) for name in SEARCHABLE):
        # What a search would have taken is no part of a training at one rate.
        settings |= {name: plain[name] for name in SEARCH_DETAILS}
    differing = {n: v for n, v in {**settings, **changes}.items() if n in changes or v != plain[n]}
    return written("train", *(word for name, value in differing.items() for word in _option(name, value)))


def _option(name: str, value: object) -> tuple[str, ...]:
    if isinstance(value, bool):
        return (option_name(name) if value else f"--no-{option_name(name)[2:]}",)
    return option_name(name), _typed(name, value)


def _typed(name: str, value: object) -> str:
    """`value` as the option takes it, without losing a digit."""
    if not isinstance(value, tuple):
        return write_value(value) if isinstance(value, float) else str(value)
    if name == "seeds" and value == tuple(range(len(value))):
        return str(len(value))
    # One seed with a comma after it is no count.
    comma = "," * (name == "seeds" and len(value) == 1)
    return ",".join(write_value(part) if isinstance(part, float) else str(part) for part in value) + comma
