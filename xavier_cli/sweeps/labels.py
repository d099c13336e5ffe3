"""Calls every cell of a sweep by the settings in which it differs from the others."""

from __future__ import annotations

from collections.abc import Sequence

from xavier_cli.config.differing import differences, own_differences
from xavier_cli.config.run import OBSERVATION_SETTINGS, RunConfig
from xavier_cli.config.settings import SETTINGS, brief_seeds, in_order_spoken, spoken
from xavier_cli.vocabulary.grammar import show_value


def labels(configs: Sequence[RunConfig]) -> list[str]:
    """A label for each of `configs`, of as many settings as make them unique: `tanh normalized, depth 5`.

    Where they differ in the seeds alone, as in rounds, these come last: `tanh normalized, seed 3`.
    """
    experiments = {config.experiment: config for config in configs}
    called = dict(zip(experiments, _labels([*experiments.values()]), strict=True))
    found = [called[config.experiment] for config in configs]
    if len(experiments) < len(configs):
        found = [", ".join(filter(None, each)) for each in zip(found, map(_seeds, configs), strict=True)]
    return found


def _labels(configs: Sequence[RunConfig]) -> list[str]:
    differing = [name for name in differences(configs) if not SETTINGS[name].derived]
    found, used = [""] * len(configs), list[str]()
    if {"net", *own_differences(configs)} & {*differing}:
        # `resnet` beside `tanh normalized` or `resnet zeros`: no setting alone says what both are.
        used = [*in_order_spoken(is_name=True)]
        found = [_label(config, used) for config in configs]
    others = [name for name in differing if name not in used]
    for name in sorted(others, key=lambda name: name in OBSERVATION_SETTINGS):
        if len(set(found)) == len(configs):
            break
        used.append(name)
        found = [_label(config, used) for config in configs]
    return found


def _seeds(config: RunConfig) -> str:
    return f"seed {config.seeds[0]}" if len(config.seeds) == 1 else f"seeds {brief_seeds(config.seeds)}"


def _label(config: RunConfig, names: Sequence[str]) -> str:
    # The paper's name for a network: `tanh normalized`.
    named = " ".join(_phrase(name, getattr(config, name)) for name in config.name_settings if name in names)
    others = [name for name in names if not SETTINGS[name].is_name and config.applies(name)]
    return ", ".join(filter(None, [named, *(_phrase(name, getattr(config, name)) for name in others)]))


def _phrase(name: str, value: object) -> str:
    if isinstance(value, tuple) and SETTINGS[name].is_searchable:
        return f"{name} {show_value(min(value))} to {show_value(max(value))}"
    return spoken(name, value)
