"""Reads configurations of one experiment, which differ in their seeds alone: what they share is parsed once.

Files of 2,000 experiments with five seeds each hold 10,000 configurations, and checking one takes longer than
all else that a list asks of a file.
"""

from __future__ import annotations

import json
from functools import lru_cache
from typing import Any

from xavier_cli.config.run import MAX_SEED, RunConfig
from xavier_cli.vocabulary.grammar import MAX_SEEDS

# More experiments than these are parsed again.
_AT_HAND = 2**14


def read_config(text: str) -> RunConfig:
    """What `RunConfig.from_json` makes of `text`; raises its `ConfigError`."""
    try:
        settings = json.loads(text)
        seeds = settings.pop("seeds")
        shared = json.dumps(settings)
    except (ValueError, RecursionError, TypeError, AttributeError, KeyError):
        return RunConfig.from_json(text)
    if not _are_seeds(seeds):
        return RunConfig.from_json(text)
    return _parsed(shared).with_seeds(tuple(seeds))


def _are_seeds(seeds: object) -> bool:
    """Whether `seeds` are as a configuration has them, so that they need no check of their own."""
    if not isinstance(seeds, list) or not 1 <= len(seeds) <= MAX_SEEDS:
        return False
    return all(type(seed) is int and 0 <= seed <= MAX_SEED for seed in seeds) and len(set(seeds)) == len(
        seeds
    )


@lru_cache(maxsize=_AT_HAND)
def _parsed(shared: str) -> RunConfig:
    """The experiment of these settings, a JSON object, with whichever seed."""
    config = RunConfig.from_json(json.dumps({**json.loads(shared), "seeds": [0]}))
    _parse(config)
    return config


def to_plain(config: RunConfig) -> str:
    """All settings of `config` but its seeds, for `from_plain`."""
    return _plain(config.experiment)


@lru_cache(maxsize=_AT_HAND)
def _plain(experiment: RunConfig) -> str:
    return json.dumps({name: value for name, value in experiment if name != "seeds"})


@lru_cache(maxsize=_AT_HAND)
def from_plain(text: str) -> RunConfig:
    """The experiment that `to_plain` wrote, valid as it was and without seeds; it is not checked again."""
    settings = {name: _tuples(value) for name, value in json.loads(text).items()}
    config = RunConfig.model_construct(seeds=(), **settings)
    _parse(config)
    return config


def _parse(config: RunConfig) -> None:
    """Parse what every command asks for, so that configurations with other seeds share it."""
    _ = config.network, config.dataset, config.experiment


def _tuples(value: Any) -> Any:
    return tuple(map(_tuples, value)) if isinstance(value, list) else value
