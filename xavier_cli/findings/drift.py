"""Says where a custom network's initialization is no longer what it was when a run file was kept."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from xavier_cli.vocabulary.network_info import Drawn, NetworkInfo

STANDARD_ERRORS = 4.7
"""One chance in 400,000 per parameter, as where distributions are told: `theory.drawn`."""


@dataclass(frozen=True)
class Drift:
    """One parameter or weight layer that differs: `was` and `now` say what it was and is drawn from, or its
    shape; empty where it is new, or gone. `factor` is by what its std changed, None where that
    is not known.
    """

    name: str
    was: str
    now: str
    factor: float | None = None


@dataclass(frozen=True)
class _Kept:
    shape: tuple[int, ...]
    drawn: Drawn | None


def drifts(was: NetworkInfo, now: NetworkInfo, seeds: tuple[int, int]) -> tuple[Drift, ...]:
    """What of `now` is not as it `was`, of so many `seeds` each, in the order of the network.

    A distribution has drifted where none of its names is one of before, or where the standard deviations are
    further apart than chance allows.
    """
    before, after = _kept(was), _kept(now)
    return tuple(_drifts(before, after, seeds))


def _kept(network: NetworkInfo) -> dict[str, _Kept]:
    layers = {layer.name: _Kept(layer.shape, layer.drawn) for layer in network.layers}
    return layers | {each.name: _Kept(each.shape, each.drawn) for each in network.others}


def _drifts(
    before: Mapping[str, _Kept], after: Mapping[str, _Kept], seeds: tuple[int, int]
) -> Iterator[Drift]:
    for name, one in before.items():
        other = after.get(name)
        if other is None:
            yield Drift(name, _told(one), "")
        elif one.shape != other.shape:
            yield Drift(name, _shape(one), _shape(other))
        elif one.drawn is not None and other.drawn is not None and _differ(one, other, seeds):
            yield Drift(name, _told(one), _told(other), _factor(one.drawn, other.drawn))
    for name, other in after.items():
        if name not in before:
            yield Drift(name, "", _told(other))


def _differ(one: _Kept, other: _Kept, seeds: tuple[int, int]) -> bool:
    was, now = one.drawn, other.drawn
    assert was is not None
    assert now is not None
    if was.std is None or now.std is None or not (was.std and now.std):
        # Of constants, and of what is not finite.
        return was.names != now.names or was.std != now.std or was.mean != now.mean
    if was.is_certain and now.is_certain and not {*was.names} & {*now.names} and (was.names or now.names):
        return True
    numbers = math.prod(one.shape)
    error = math.hypot(
        *(_relative_error(of, numbers * count) for of, count in zip((was, now), seeds, strict=True))
    )
    return abs(math.log(now.std / was.std)) > STANDARD_ERRORS * error


def _relative_error(drawn: Drawn, number: int) -> float:
    """The standard error of a standard deviation of so many numbers, over itself."""
    kurtosis = 3.0 if drawn.kurtosis is None else drawn.kurtosis
    return math.sqrt(max(kurtosis - 1, 0.1) / (4 * max(number, 1)))


def _factor(was: Drawn, now: Drawn) -> float | None:
    return now.std / was.std if was.std and now.std else None


def _told(of: _Kept) -> str:
    return "not measured" if of.drawn is None else of.drawn.text


def _shape(of: _Kept) -> str:
    return "×".join(map(str, of.shape)) or "one number"
