"""Networks of today as two frameworks each write them: `NAMES`, as `resnet.linen`, and `make` one."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import Any

NAMES = (
    *("resnet.linen", "resnet.nnx"),
    *("vit.linen", "vit.equinox"),
    *("lstm.haiku", "lstm.equinox"),
    *("unet.nnx", "unet.haiku"),
)
PACKAGES = {"linen": "flax", "nnx": "flax", "equinox": "equinox", "haiku": "haiku"}


def make(name: str) -> Callable[[Any], Any]:
    """The function of a key that makes the network `name`."""
    module, _, framework = name.partition(".")
    maker: Callable[[Any], Any] = getattr(import_module(f"{__name__}.{module}"), framework)()
    return maker
