"""How long segments get, on machines made up: what one costs whatever its length does not shorten them."""

from __future__ import annotations

import numpy as np
import pytest

from xavier_cli.training.engine.segments import SegmentSizer


def lengths(fixed, update, segments=40, noise=0.0, first=20):
    """Lengths of the segments where each costs `fixed` seconds, and `update` more per update."""
    sizer, rng, seen = SegmentSizer(first, 1.0), np.random.default_rng(0), []
    for _ in range(segments):
        seen.append(sizer.updates)
        seconds = (fixed + update * sizer.updates) * np.exp(noise * rng.normal())
        sizer.record(sizer.updates, float(seconds))
    return seen


@pytest.mark.parametrize("update", [1e-4, 0.01, 0.5])
def test_updates_take_a_second(update):
    assert lengths(0.0, update)[-1] * update == pytest.approx(1.0, rel=0.05)


@pytest.mark.parametrize("fixed", [0.3, 3.0, 30.0])
def test_a_busy_machine_makes_segments_no_shorter(fixed):
    assert lengths(fixed, 1e-3)[-1] == pytest.approx(1000, rel=0.05)


def test_noise_moves_the_length_and_does_not_run_away():
    seen = np.array(lengths(1.5, 1e-3, segments=300, noise=0.3)[20:])

    assert 150 < np.median(seen) < 8000
    assert seen.max() < 60_000


def test_an_update_that_takes_longer_is_a_segment():
    assert set(lengths(0.0, 5.0)[5:]) == {1}


def test_growth_is_in_steps():
    seen = np.array(lengths(0.0, 1e-6, segments=6))

    assert (seen[1:] == 4 * seen[:-1]).all()
