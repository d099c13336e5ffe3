"""Copies a population's state to the host and back: what a training is resumed from."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import jax
import numpy as np
from jax import Array

from xavier_cli.runs.errors import ResumeError

PARAMETERS = "params"
"""The field of a member's state that its parameters are in."""
_KEPT_AS = {"f": "<f4", "i": "<i4", "u": "<u4", "b": "|i1"}
"""The types that checkpoints have, by the kind of NumPy's; nothing of smaller ones is lost."""


class Snapshot(NamedTuple):
    """A population after `updates` updates; arrays by name, with leading axes seed and variant.

    `state` is `Engine.host_state`; of it, once training is complete, `diverged_at` alone, and the parameters
    where they are to be kept. `history` is `History.arrays`. `seconds` are the parts of the time so far, as
    `TimeSpent.seconds`, and `layout` the strategy and mesh.
    """

    updates: int
    seconds: Mapping[str, float]
    layout: Mapping[str, Any]
    state: Mapping[str, np.ndarray]
    history: Mapping[str, np.ndarray]


def to_host(state: Any, members: tuple[int, int]) -> dict[str, np.ndarray]:
    """A copy of every leaf of `state` by name, without the padding of the grid; `members` is (S, V)."""
    seeds, variants = members
    # A copy, since the buffers of `state` will be donated.
    return {
        _name(path): _kept(np.array(np.asarray(leaf)[:seeds, :variants]))
        for path, leaf in jax.tree_util.tree_leaves_with_path(state)
    }


def _kept(array: np.ndarray) -> np.ndarray:
    return array.astype(_kept_type(array.dtype), copy=False)


def _kept_type(dtype: Any) -> np.dtype[Any]:
    """The type in which a checkpoint keeps numbers of `dtype`; those that NumPy does not know are floats."""
    return np.dtype(_KEPT_AS.get(np.dtype(dtype).kind, "<f4"))


def parameters_in(state: Mapping[str, np.ndarray], name_of: Callable[[str], str]) -> dict[str, np.ndarray]:
    """The parameters in `state`, a `host_state`, under what `name_of` calls their paths; "" is none.

    Empty where it holds none, as that of a training that is complete and keeps no weights.
    """
    return {name_of(path): array for path, array in state.items() if name_of(path)}


def from_host(
    host: Mapping[str, np.ndarray],
    like: Any,
    fill: tuple[np.ndarray, np.ndarray],
    place: Callable[[np.ndarray], Array],
) -> Any:
    """The inverse of `to_host`: a state of the tree, shapes and types of `like`.

    **Arguments:** `fill`, the seed and the variant of each row and column of the padded grid; `place` puts an
    array on the devices.

    Raises `ResumeError` where an array is missing or of another shape or type.
    """
    seeds, variants = fill
    members = int(seeds.max()) + 1, int(variants.max()) + 1

    def leaf(path: Any, abstract: jax.ShapeDtypeStruct) -> Array:
        array = host.get(_name(path))
        kept = _kept_type(abstract.dtype)
        if array is None or array.shape != members + abstract.shape[2:] or array.dtype != kept:
            raise ResumeError(f"the checkpoint's `{_name(path)}` is not this network's")
        return place(array[np.ix_(seeds, variants)].astype(abstract.dtype, copy=False))

    return jax.tree_util.tree_map_with_path(leaf, like)


def _name(path: Any) -> str:
    return jax.tree_util.keystr(path, simple=True, separator="/")
