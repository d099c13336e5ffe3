"""Where an initialization is no longer what was kept: what chance allows is no drift."""

from __future__ import annotations

import numpy as np
import pytest

from tests.support.drawn_networks import DrawnLayer, described
from xavier_cli.findings.drift import drifts


def info(base=0, std=0.1, last=10, kind="normal", extra=False, end=0.0):
    def draw(seed):
        rng = np.random.default_rng([base, seed])
        normal, uniform = rng.normal(0, std, (100, 50)), rng.uniform(-1, 1, (100, 50)) * std * 3**0.5
        first = normal if kind == "normal" else uniform
        numbers = {"first": first, "last": np.full((50, last), end), "scale": np.ones(7)}
        if extra:
            numbers["more"] = np.ones(4)
        numbers = {name: each.astype(np.float32) for name, each in numbers.items()}
        return numbers, [DrawnLayer("first", numbers["first"]), DrawnLayer("last", numbers["last"])]

    return described(draw, seeds=2)


def found(now):
    return {each.name: each for each in drifts(info(), now, (2, 2))}


def test_other_draws_of_the_same_are_no_drift():
    assert all(found(info(base)) == {} for base in range(1, 40))


def test_a_scale_that_is_another():
    drift = found(info(1, std=0.11))["first"]
    assert drift.factor == pytest.approx(1.1, rel=0.02)
    assert (drift.was, drift.now) == ("lecun_normal (not truncated)", "normal:std=0.11")
    # 10,000 numbers tell 5 %.
    assert {*found(info(1, std=0.105))} == {"first"}


def test_another_distribution_of_the_same_scale():
    assert "uniform" in found(info(1, kind="uniform"))["first"].now


def test_constants_shapes_and_parameters():
    assert found(info(1, end=0.5))["last"].now == "constant:value=0.5"
    shape = found(info(1, last=12))["last"]
    assert (shape.was, shape.now, shape.factor) == ("50×10", "50×12", None)
    assert found(info(1, extra=True))["more"].was == ""
    gone = drifts(info(extra=True), info(1), (2, 2))
    assert [(each.name, each.now) for each in gone] == [("more", "")]
