"""Compares Student's t with SciPy's."""

import pytest
from scipy import special

from xavier_cli.statistics import student

DEGREES = [0.7, 1, 2, 3, 4, 7.3, 9, 30, 100, 10_000]


@pytest.mark.parametrize("df", DEGREES)
@pytest.mark.parametrize("t", [0, 1e-3, 0.1, 1, 2, 5, 12, 100, 1e4])
def test_two_sided_p_is_scipys_far_into_the_tails(t: float, df: float):
    assert student.two_sided_p(t, df) == pytest.approx(
        special.betainc(df / 2, 0.5, df / (df + t * t)), rel=1e-9
    )


@pytest.mark.parametrize("df", DEGREES)
@pytest.mark.parametrize("level", [0.5, 0.9, 0.95, 0.99, 0.9999])
def test_quantile_is_scipys(level: float, df: float):
    assert student.quantile(level, df) == pytest.approx(special.stdtrit(df, (1 + level) / 2), rel=1e-8)


@pytest.mark.parametrize("t", [-3.0, -0.5, 0.0, 2.0])
def test_one_sided_p_is_scipys(t: float):
    assert student.one_sided_p(t, 4) == pytest.approx(special.stdtr(4, -t), rel=1e-9)


def test_infinite_t_is_impossible_under_the_null():
    assert student.two_sided_p(float("inf"), 4) == 0
