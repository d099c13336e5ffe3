"""Defines presets of several settings: the frameworks of `--like` and the sizes of `--scale`."""

from __future__ import annotations

from collections.abc import Mapping

from xavier_cli.errors import ConfigError
from xavier_cli.vocabulary import lookup

LIKE: dict[str, dict[str, object]] = {
    "pytorch": {"init": "standard", "bias_init": "standard"},
    "keras": {"init": "normalized", "bias_init": "zeros"},
    "flax": {"init": "lecun_normal", "bias_init": "zeros"},
}
"""The settings of `--like`: the default initialization of a framework's dense layer."""

SCALES: dict[str, dict[str, object]] = {
    "tiny": {
        "width": 20,
        "updates": 60,
        "records": "4",
        "eval_examples": 500,
        "seeds": "2",
        "pretrain_updates": 20,
    },
    "laptop": {},
    "long": {"width": 300, "batch_size": 10, "updates": 2_500_000, "records": "every:20000", "seeds": "3"},
    "paper": {"width": 1000, "batch_size": 10, "updates": 2_500_000, "records": "every:20000"},
}
"""The settings of `--scale`; all others keep their defaults.

`long` is the paper's length at a laptop's width.
"""

BY_ENTRY = ("long",)
"""Scales that only those recipes have that name them: so long a training takes rates of its own."""


def without_like(settings: Mapping[str, object]) -> dict[str, object]:
    """`settings` with `like` replaced by the settings that it stands for.

    Raises `ConfigError` for an unknown framework, and where one of its settings is given as well.
    """
    kept = dict(settings)
    like = kept.pop("like", None)
    if like is None:
        return kept
    if not isinstance(like, str) or like not in LIKE:
        raise ConfigError("like: " + lookup.unknown_message("framework", str(like), LIKE))
    for field in LIKE[like]:
        if field in kept:
            raise ConfigError(
                f"like: {like} sets {field}, so {field} cannot be given beside it", ("like", field)
            )
    return kept | LIKE[like]
