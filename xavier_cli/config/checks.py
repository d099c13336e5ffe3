"""Checks values of settings, and converts them to canonical form.

Each function takes a value as typed and returns the canonical one, or raises `ValueError`.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Literal

from pydantic import ValidationInfo

from xavier_cli.vocabulary.datasets import find_data
from xavier_cli.vocabulary.grammar import at_most, parse_rate_schedule, parse_schedule, whole
from xavier_cli.vocabulary.lookup import plain
from xavier_cli.vocabulary.networks import MLP, find_network
from xavier_cli.vocabulary.optimizers import parse_optimizer
from xavier_cli.vocabulary.resolve import find_activation, find_bias, find_layers, find_pretraining

MAX_RECORDS = 20_000
MAX_DELAY = 1000


def one_of(*choices: str) -> Callable[[object], object]:
    """A function that finds the choice written with other capitals, `-` or `_`; others stay as they are."""
    by_plain = {plain(choice): choice for choice in choices}
    return lambda value: by_plain.get(plain(value), value) if isinstance(value, str) else value


def data_name(word: str) -> str:
    """The canonical name of a data set of any kind."""
    return find_data(word).name


def network_name(word: str) -> str:
    """The canonical name of a network and its arguments."""
    return find_network(word).name


def activation_name(word: str) -> str:
    """The canonical name of an activation."""
    return find_activation(word).name


def initializers(text: str, info: ValidationInfo) -> str:
    """The canonical text of the initializers of weights; those of custom networks may name their layers."""
    return find_layers(text, names=info.data.get("net") != MLP)


def bias_initializers(text: str, info: ValidationInfo) -> str:
    """The canonical text of the initializers of biases; those of custom networks may name their layers."""
    return find_bias(text, names=info.data.get("net") != MLP)


def optimizer_text(text: str) -> str:
    """The canonical text of an optimizer and its parameters."""
    return parse_optimizer(text).text


def pretraining_name(word: str) -> str:
    """The canonical text of a pre-training method and its parameters."""
    return find_pretraining(word).name


def rate_schedule(text: str) -> str:
    """The canonical text of a learning-rate schedule: `constant`, `cosine`, `warmup:N,linear`."""
    warmup, shape = parse_rate_schedule(text)
    if not warmup:
        return shape
    return f"warmup:{warmup}" + (f",{shape}" if shape != "constant" else "")


def update_rule(text: str) -> str:
    """The canonical text of an update rule: `auto`, `plain` or `delayed:K`."""
    word, colon, every = text.strip().partition(":")
    if word in ("auto", "plain") and not colon:
        return word
    try:
        count = whole(every) if word == "delayed" else 0
    except ValueError:
        count = 0
    if not (isinstance(count, int) and 1 < count <= MAX_DELAY):
        raise ValueError(f"should be `auto`, `plain` or `delayed:K` with K from 2 to {MAX_DELAY}")
    return f"delayed:{count}"


def rising_coding(
    coding: Literal["standardize"] | tuple[float, float],
) -> Literal["standardize"] | tuple[float, float]:
    """`standardize`, or the values of a black and a white pixel, the lower one first."""
    if isinstance(coding, str):
        return coding
    low, high = coding
    if not (math.isfinite(low) and math.isfinite(high) and low < high and max(-low, high) <= 1e6):
        raise ValueError("should be two finite numbers, the lower one first")
    return coding


def distinct_seeds(seeds: tuple[int, ...]) -> tuple[int, ...]:
    """The seeds, if there is at least one, and none twice."""
    if not seeds:
        raise ValueError("should hold at least one seed")
    if len(set(seeds)) < len(seeds):
        raise ValueError("should not hold a seed twice")
    return seeds


def distinct_rates(lr: float | tuple[float, ...]) -> float | tuple[float, ...]:
    """One learning rate, or at least two to search, each once."""
    if not isinstance(lr, tuple):
        return lr
    if len(lr) < 2 or len(set(lr)) < len(lr):
        raise ValueError("a search should hold at least two rates, each once")
    at_most(len(lr), 1000, "rates")
    return lr


def records_as_text(value: object) -> object:
    """A number of records as text, as it could have been typed."""
    return str(whole(value)) if isinstance(value, int | float) else value


def record_schedule(text: str) -> str:
    """When a network is measured: `20`, `log:20` or `every:500`."""
    kind, number = parse_schedule(text)
    if number < (1 if kind == "every" else 2):
        raise ValueError("should be at least 2 records, or `every:` at least 1 update")
    if kind != "every":
        at_most(number, MAX_RECORDS, "records")
    return f"{kind}:{number}" if kind else str(number)
