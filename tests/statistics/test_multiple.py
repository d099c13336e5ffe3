"""Holm's correction."""

import numpy as np
import pytest

from xavier_cli.statistics.multiple import holm


def test_holm_by_hand_in_the_order_given():
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])


def test_holm_never_exceeds_one_and_never_falls_below_p():
    p = np.random.default_rng(0).uniform(size=50).tolist()
    adjusted = holm(p)

    assert all(0 <= before <= after <= 1 for before, after in zip(p, adjusted, strict=True))


def test_one_comparison_needs_no_correction_and_none_gives_none():
    assert holm([0.03]) == [0.03]
    assert holm([]) == []
