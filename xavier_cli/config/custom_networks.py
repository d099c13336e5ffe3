"""Refuses custom networks where only the perceptron will do, before anything slow begins."""

from __future__ import annotations

from xavier_cli.config.run import RunConfig
from xavier_cli.errors import ConfigError
from xavier_cli.vocabulary.networks import MLP


def refuse_custom_networks(config: RunConfig, what: str) -> None:
    """Raise `ConfigError` where the network is a custom one; `what` says what is for perceptrons alone."""
    if config.network.is_users:
        raise ConfigError(
            f"net: `{config.net}` is a custom network: `xavier probe --net` measures it, and "
            f"`xavier train --net` trains it; {what} (`{MLP}`)"
        )
