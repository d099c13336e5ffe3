"""One population in the middle of its training, on the host: what it takes to go on from there."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import jax
import numpy as np
from jax import Array

from xavier_cli.runs.errors import ResumeError


class Snapshot(NamedTuple):
    """A population after `updates` updates; arrays are by name and have leading axes seed and variant.

    `state` is the engine's, or only `diverged_at` where training is over; `history` is `History.arrays`'.
    `seconds` is how long it was trained, `layout` how its members lay on the hardware.
    """

    updates: int
    seconds: float
    layout: Mapping[str, Any]
    state: Mapping[str, np.ndarray]
    history: Mapping[str, np.ndarray]


def to_host(state: Any, members: tuple[int, int]) -> dict[str, np.ndarray]:
    """A copy of every leaf of `state` by its name; of a grid that was filled up, the real members alone."""
    seeds, variants = members
    # A copy: the devices will use up what `state` lies in.
    return {
        _name(path): np.array(np.asarray(leaf)[:seeds, :variants])
        for path, leaf in jax.tree_util.tree_leaves_with_path(state)
    }


def from_host(
    host: Mapping[str, np.ndarray],
    like: Any,
    fill: tuple[np.ndarray, np.ndarray],
    place: Callable[[np.ndarray], Array],
) -> Any:
    """The state that `to_host` copied, shaped `like` it; `fill` says which member is where in the grid.

    Raises `ResumeError` where it is of another network.
    """
    seeds, variants = fill
    members = int(seeds.max()) + 1, int(variants.max()) + 1

    def leaf(path: Any, abstract: jax.ShapeDtypeStruct) -> Array:
        array = host.get(_name(path))
        if array is None or array.shape != members + abstract.shape[2:] or array.dtype != abstract.dtype:
            raise ResumeError(f"the checkpoint's `{_name(path)}` is not this network's")
        return place(array[np.ix_(seeds, variants)])

    return jax.tree_util.tree_map_with_path(leaf, like)


def _name(path: Any) -> str:
    return jax.tree_util.keystr(path, simple=True, separator="/")
