"""What training will cost, told beforehand from the configuration alone: members, memory, time."""

from __future__ import annotations

from itertools import pairwise

from xavier_cli import names
from xavier_cli.config import RunConfig

_FLOAT = 4
# Seconds of one CPU core per weight, for one update of 10 examples, and per update whatever its size;
# measured on two cores that other work shared, so an upper estimate for an idle machine.
SECONDS_PER_WEIGHT = 2e-9
SECONDS_PER_UPDATE = 40e-6
# What a program takes to compile, to draw its examples and to look at its networks.
SECONDS_PER_PROGRAM = 6.0
SECONDS_PER_JACOBIAN_WEIGHT = 1e-7


def parameters(config: RunConfig) -> int:
    """Weights and biases of one network."""
    words = names.DATA_SETS[config.data]
    sizes = (words.inputs, *[config.width] * config.depth, words.classes)
    return sum((fan_in + 1) * fan_out for fan_in, fan_out in pairwise(sizes))


def searched_members(config: RunConfig) -> int:
    """How many networks a search over rates trains; 0 where the rate is given."""
    return len(config.search) * min(config.search_seeds, len(config.seeds))


def trained_members(config: RunConfig) -> int:
    """How many networks are trained in all: the searched seeds at the best rate are not trained twice."""
    rest = max(0, len(config.seeds) - config.search_seeds) if config.search else len(config.seeds)
    return searched_members(config) + rest


def memory(config: RunConfig, members: int | None = None) -> int:
    """About how many bytes the devices need: weights (and a copy while they move), probe tensors, data.

    `members` are those trained at the same time; by default as many as `config` alone has.
    """
    words = names.DATA_SETS[config.data]
    members = members or max(len(config.seeds), searched_members(config))
    weights = 2 * members * parameters(config) * _FLOAT
    probe = 300 * config.width * config.depth * 4 * _FLOAT + 2 * parameters(config) * _FLOAT
    examples = 80_000 * words.inputs
    return weights + probe + examples


def core_seconds(config: RunConfig) -> float:
    """About how long one CPU core takes to train `config`, by a rule of its size; compiling is apart."""
    weights = parameters(config)
    update = SECONDS_PER_UPDATE + SECONDS_PER_WEIGHT * weights * max(config.batch_size, 10) / 10
    looks = len(config.jacobian_updates()) * config.jacobian_examples * SECONDS_PER_JACOBIAN_WEIGHT * weights
    return trained_members(config) * (config.updates * update + looks)
