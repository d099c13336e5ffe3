"""Says what custom networks are drawn by, and refuses them where only the perceptron will do."""

from __future__ import annotations

from collections.abc import Sequence

from xavier_cli.config.run import RunConfig
from xavier_cli.errors import ConfigError
from xavier_cli.vocabulary.layer_choice import LayerRows, layer_words
from xavier_cli.vocabulary.lookup import UnknownNameError
from xavier_cli.vocabulary.network_info import LayerInfo
from xavier_cli.vocabulary.networks import AS_MADE, MLP, refuse_watched
from xavier_cli.vocabulary.resolve import find_initializer


def layer_rows(config: RunConfig, layers: Sequence[LayerInfo]) -> LayerRows:
    """What each of the `layers` of a custom network is drawn by: the rows of `init` and of `bias_init`.

    Those of a watched training were drawn by its own code, whatever that calls it. Raises `ConfigError` that
    names the setting, where it names a layer that is not there.
    """
    found = []
    for name in ("init", "bias_init"):
        try:
            words = layer_words(AS_MADE if config.is_watched else getattr(config, name), layers)
        except UnknownNameError as error:
            raise ConfigError(f"{name}: {error}", (name,)) from None
        rows = {word: find_initializer(word) for word in dict.fromkeys(words)}
        found.append(tuple(rows[word] for word in words))
    return LayerRows(*found)


def refuse_custom_networks(config: RunConfig, what: str) -> None:
    """Raise `ConfigError` where the network is a custom one; `what` says what is for perceptrons alone."""
    refuse_watched(config.network)
    if config.network.is_users:
        raise ConfigError(
            f"net: `{config.net}` is a custom network: `xavier probe --net` measures it, and "
            f"`xavier train --net` trains it; {what} (`{MLP}`)"
        )
