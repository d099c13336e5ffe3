"""Durations in words: no measured time is shown as zero."""

import random

import pytest

from xavier_cli.views import durations


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [
        (0, "0 s"),
        (2.5e-8, "25 ns"),
        (4.2e-6, "4.2 µs"),
        (0.0123, "12 ms"),
        (0.5, "500 ms"),
        (0.9996, "1.0 s"),
        (1.49, "1.5 s"),
        (9.96, "10 s"),
        (26.14, "26 s"),
        (1234.4, "1,234 s"),
    ],
)
def test_a_measured_duration_has_two_digits(seconds, shown):
    assert durations.measured(seconds) == shown


@pytest.mark.parametrize("seed", range(20))
def test_a_measured_duration_is_right_to_its_digits(seed):
    seconds = 10 ** random.Random(seed).uniform(-7, 4)
    amount, unit = durations.measured(seconds).replace(",", "").split()
    size = {"s": 1, "ms": 1e-3, "µs": 1e-6, "ns": 1e-9}[unit]

    assert float(amount) * size == pytest.approx(seconds, rel=0.051)
