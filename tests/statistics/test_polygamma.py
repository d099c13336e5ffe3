"""Compares digamma, trigamma and its inverse with SciPy's."""

import pytest
from scipy import special

from xavier_cli.statistics.polygamma import digamma, trigamma, trigamma_inverse

POINTS = [1e-6, 0.01, 0.35, 0.5, 1.0, 1.4616, 2.0, 3.3, 9.5, 14.99, 15.0, 40.0, 1e4, 1e8]


@pytest.mark.parametrize("x", POINTS)
def test_digamma_and_trigamma_are_scipys(x):
    assert digamma(x) == pytest.approx(float(special.digamma(x)), rel=1e-12, abs=1e-13)
    assert trigamma(x) == pytest.approx(float(special.polygamma(1, x)), rel=1e-13)


@pytest.mark.parametrize("x", POINTS)
def test_the_inverse_of_trigamma_is_its_inverse(x):
    assert trigamma_inverse(float(special.polygamma(1, x))) == pytest.approx(x, rel=1e-12)


def test_the_inverse_has_an_answer_for_any_spread():
    for value in (1e-17, 1e-9, 1e9, 1e17):
        assert trigamma(trigamma_inverse(value)) == pytest.approx(value, rel=1e-9)
