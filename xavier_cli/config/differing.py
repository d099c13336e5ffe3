"""Finds the settings in which configurations differ, without those that follow from others."""

from __future__ import annotations

from collections.abc import Sequence

from xavier_cli.config.run import RunConfig
from xavier_cli.config.settings import OWN_DEFAULTS, SETTINGS, in_order_spoken


def differences(configs: Sequence[RunConfig]) -> list[str]:
    """The settings that differ, in the order of phrases; without the seeds, over which runs are merged.

    One that does not apply to some configurations differs only where it does between others: the width of
    perceptrons is no difference from a custom network, whose name tells them apart. Between custom networks
    it is one whether weights are those of their own code.
    """
    apart = {"seeds", *implied(configs)}
    return [name for name in in_order_spoken() if name not in apart and _differs(name, configs)]


def own_differences(configs: Sequence[RunConfig]) -> set[str]:
    """The settings that some custom networks have by their own code and others otherwise."""
    custom = [config for config in configs if config.network.is_users]
    return {name for name in OWN_DEFAULTS if len({getattr(config, name) for config in custom}) > 1}


def implied(configs: Sequence[RunConfig]) -> set[str]:
    """The settings that follow from others in all of `configs`.

    The coding where it is that of the data set; what was counted of a custom network; which settings a
    watched training named; the digests of sources where no file is there in two versions.
    """
    found = {"weight_layers", "told"}
    if all(config.coding == config.dataset.coding for config in configs):
        found.add("coding")
    words = [name for name, row in SETTINGS.items() if row.words]
    named = {tuple(getattr(config, name) for name in words) for config in configs}
    if len({(tuple(getattr(config, name) for name in words), config.sources) for config in configs}) == len(
        named
    ):
        found.add("sources")
    return found


def _differs(name: str, configs: Sequence[RunConfig]) -> bool:
    values = {getattr(config, name) for config in configs if config.applies(name)}
    return len(values) > 1 or name in own_differences(configs)
