"""Makes the configuration of a watched training from what its loop says of it, in whatever words."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from xavier_cli.config.layers import by_field
from xavier_cli.config.run import RunConfig
from xavier_cli.config.settings import SETTINGS
from xavier_cli.errors import ConfigError
from xavier_cli.vocabulary.datasets import UNNAMED
from xavier_cli.vocabulary.networks import WATCHED
from xavier_cli.vocabulary.told_words import as_name
from xavier_cli.vocabulary.user_functions import is_user_function

NAMES = ("act", "init", "data", "bias_init")
"""The settings whose words are names, whether a table has them or not."""
FIELDS = (*NAMES, "optimizer", "schedule", "clip", "weight_decay", "lr", "batch_size", "loss")
"""The settings here that a loop may name; anything else is told with the network's name."""
_OF_WATCH = {"updates": "updates", "records": "records", "seeds": "seed", "seed": "seed"}
_CROSS_ENTROPY = (
    "CrossEntropyLoss",
    "NLLLoss",
    "cross_entropy",
    "nll_loss",
    "softmax_cross_entropy_with_integer_labels",
    "softmax_cross_entropy",
)


def watched_config(
    name: str,
    settings: Mapping[str, Any],
    loss: Any,
    *,
    seed: int,
    records: str,
    updates: int | None,
) -> RunConfig:
    """The configuration of a watched training of the network called `name`, of which nothing is known yet.

    **Arguments:** `settings`, in the loop's words, of which `net` names the network otherwise; `loss`, the
    function; `updates`, None where nobody knows how many there will be.

    Raises `ConfigError`, which names the setting.
    """
    for key in settings:
        if not isinstance(key, str) or not key.strip():
            raise ConfigError(f"settings: `{key}` is no name of a setting: names are texts")
        if key in _OF_WATCH:
            raise ConfigError(f"settings: `{key}` is told to `watch` itself: `{_OF_WATCH[key]}=`")
    values = {key: _plain(key, value) for key, value in by_field(settings, str).items()}
    name = str(values.pop("net", name))
    fields: dict[str, Any] = {"data": UNNAMED}
    told = {"updates"} if updates is not None else set[str]()
    if "loss" not in values and _is_cross_entropy(loss):
        values["loss"] = "cross_entropy"
    more: dict[str, str] = {}
    for key, value in values.items():
        if key in FIELDS and _fits(key, value):
            fields[key] = value
            told.add(key)
        else:
            more[_identifier(key)] = _as_value(key, value)
    given = ",".join(f"{key}={more[key]}" for key in sorted(more))
    net = f"{WATCHED}:{_identifier(name)}" + (f":{given}" if given else "")
    return RunConfig.of(
        net=net,
        **fields,
        told=",".join(sorted(told)),
        seeds=(seed,),
        records=records,
        updates=updates or 0,
    )


def other_settings(before: RunConfig, now: RunConfig) -> str:
    """What `now` says otherwise than `before`, in words; empty where both are of one training."""
    was, is_ = _told(before), _told(now)
    for name in (*is_, *(name for name in was if name not in is_)):
        if name not in is_:
            return f"{name} {was[name]}, which is not named now"
        if name not in was:
            return f"no {name}, not {is_[name]}"
        if was[name] != is_[name]:
            return f"{name} {was[name]}, not {is_[name]}"
    return ""


def _told(config: RunConfig) -> dict[str, Any]:
    """All that tells one watched training from another, by name."""
    network = config.network
    told = {"net": network.short.partition(":")[0], **dict(network.arguments), "seed": config.seeds[0]}
    for name in ("data", "records", *config.told.split(",")):
        if name in SETTINGS:
            told[name] = getattr(config, name)
    return told


def _plain(key: str, value: Any) -> Any:
    """A value as a number or text: of arrays with one number that number."""
    if isinstance(value, bool | int | float | str):
        return value
    if value is None:
        return "none"
    if getattr(value, "shape", None) == () and hasattr(value, "item"):
        return value.item()
    if isinstance(value, list | tuple):
        return " ".join(str(_plain(key, each)) for each in value)
    if isinstance(value, Mapping):
        return " ".join(f"{name} {_plain(key, each)}" for name, each in value.items())
    if named := getattr(value, "__name__", ""):
        return str(named)
    raise ConfigError(f"settings: `{key}` is {type(value).__name__}: give a number or a text")


def _fits(key: str, value: Any) -> bool:
    """Whether the setting `key` here can have the loop's value."""
    if key in NAMES:
        return True
    if isinstance(value, str) and is_user_function(value):
        return False
    try:
        config = RunConfig.of(net=f"{WATCHED}:network", **{key: value})
    except ConfigError:
        return False
    # The rates of a search are several trainings.
    return not isinstance(getattr(config, key), tuple)


def _as_value(key: str, value: Any) -> str:
    try:
        return as_name(str(value).lower() if isinstance(value, bool) else str(value))
    except ValueError as error:
        raise ConfigError(f"settings: {key}: {error}") from None


def _identifier(text: str) -> str:
    name = re.sub(r"\W+", "_", text.strip()).strip("_") or "network"
    return name if name.isidentifier() else f"_{name}"


def _is_cross_entropy(loss: Any) -> bool:
    loss = getattr(loss, "func", loss)
    return loss is None or (getattr(loss, "__name__", "") or type(loss).__name__) in _CROSS_ENTROPY
