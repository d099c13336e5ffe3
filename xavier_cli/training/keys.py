"""Derives random keys by purpose, so that a new seed, layer or measurement changes no other number."""

from __future__ import annotations

from enum import IntEnum

import jax
from jax import Array

KEY_IMPLEMENTATION = "threefry2x32"


class Purpose(IntEnum):
    """What a key is for; the numbers never change, since they decide every run."""

    WEIGHTS = 0
    ORDER = 1
    IMAGES = 2
    VALID = 3
    TEST = 4
    PROBE = 5
    DIRECTIONS = 6
    SIGNAL = 7
    FIXED = 8
    DROPOUT = 11
    BIASES = 16
    PRETRAINING_NOISE = 24
    PRETRAINING_ORDER = 25
    PRETRAINING_IMAGES = 26


def seed_key(seed: Array | int, purpose: Purpose) -> Array:
    """The key of `seed` (a 32-bit unsigned number) for `purpose`."""
    return jax.random.fold_in(jax.random.key(seed, impl=KEY_IMPLEMENTATION), purpose)


def shared_key(purpose: Purpose) -> Array:
    """The key for what all seeds share: the validation, test and probe examples."""
    return seed_key(2010, purpose)


def as_key(numbers: Array) -> Array:
    """The key whose `jax.random.key_data` is `numbers`; states hold plain arrays, which can be stored."""
    return jax.random.wrap_key_data(numbers, impl=KEY_IMPLEMENTATION)
