"""How often verdicts over all pairs of a table err, and how often they find a difference, by simulation.

`pytest -m slow -s tests/statistics/test_simultaneous_rates.py` prints the rates over 600 tables each.
"""

import itertools
import math

import numpy as np
import pytest

from xavier_cli.statistics import simultaneous
from xavier_cli.statistics.difference import MeanDifference, difference_p
from xavier_cli.statistics.simultaneous import ALPHA, AllPairs, Prior

SD = 0.02
TABLES = 600
KINDS = (
    "equal",
    "lognormal",
    "stuck, no spread",
    "stuck, 1/20",
    "stuck, 1/3",
    "correlated",
    "Welch, equal",
    "Welch, lognormal",
)


def one_table(rng, kind: str, k: int, n: int, apart: float = 0.0):
    """`k` rows of `n` seeds (Welch: n to 2n) without a true difference but the first's (`apart`)."""
    spreads = np.ones(k)
    if "lognormal" in kind:
        spreads = np.exp(rng.normal(0, 0.5, k))
    if kind.startswith("stuck"):
        spreads[-2:] = {"no spread": 0, "1/20": 1 / 20, "1/3": 1 / 3}[kind.removeprefix("stuck, ")]
    numbers = [n + (7 * i) % (n + 1) if kind.startswith("Welch") else n for i in range(k)]
    common = math.sqrt(0.8) * rng.normal(size=n)
    rows = []
    for i, (number, spread) in enumerate(zip(numbers, spreads, strict=True)):
        values = rng.normal(size=number)
        if kind == "correlated":
            values = common + math.sqrt(0.2) * values
        start = 1000 * i if kind.startswith("Welch") else 0
        rows.append((0.5 + SD * spread * values - SD * apart * (i == 0), range(start, start + number)))
    return rows


def errs(every: AllPairs, i: int, j: int) -> bool:
    measured = every.measured(i, j)
    # Within 1.9 standard errors no p is below alpha, and an interval takes long.
    if measured.untested or abs(measured.mean) < 1.9 * measured.error:
        return False
    return every.difference(i, j).leaves_zero


def error_rate(kind: str, k: int, n: int, tables: int) -> float:
    """The share of tables in which any pair is told apart: stricter than of the pairs with the best alone."""
    rng, erring = np.random.default_rng((KINDS.index(kind), k, n)), 0
    for _ in range(tables):
        every = AllPairs(one_table(rng, kind, k, n))
        erring += any(errs(every, i, j) for i, j in itertools.combinations(range(k), 2))
    return erring / tables


def power(kind: str, k: int, tables: int) -> tuple[float, float]:
    """How often a row that is better by 4 sd is told from one other, and from at least one."""
    rng, one, some = np.random.default_rng(k), 0, 0
    for _ in range(tables):
        every = AllPairs(one_table(rng, kind, k, 5, apart=4.0))
        found = [every.difference(0, j).high < 0 for j in range(1, k)]
        one, some = one + found[0], some + any(found)
    return one / tables, some / tables


def most(tables: int, deviations: float = 2.0) -> float:
    return ALPHA + deviations * math.sqrt(ALPHA * (1 - ALPHA) / tables)


@pytest.mark.parametrize(("k", "n"), [(3, 5), (6, 5), (4, 20)])
@pytest.mark.parametrize("kind", KINDS)
def test_a_table_without_differences_errs_in_at_most_5_of_100(kind, k, n):
    assert error_rate(kind, k, n, 150) < most(150, deviations=4)


def test_a_difference_of_4_sd_is_found_in_long_tables():
    """With Holm over 190 pairs of four degrees of freedom it was found in one of five tables."""
    assert power("equal", 20, 30)[0] > 0.8
    assert power("lognormal", 20, 30)[1] > 0.8


def test_control_without_a_correction_most_tables_err():
    rng = np.random.default_rng(0)
    tables = [one_table(rng, "equal", 6, 5) for _ in range(150)]
    errs = [
        any(difference_p(a, b, s, t) < ALPHA for (a, s), (b, t) in itertools.combinations(rows, 2))
        for rows in tables
    ]

    assert np.mean(errs) > most(150, deviations=4)


def test_control_without_a_cap_tables_of_few_rows_err_too_often(monkeypatch):
    own = simultaneous.prior

    def uncapped(family: list[MeanDifference], rows: int) -> Prior:
        return own(family, rows + 10_000)

    monkeypatch.setattr(simultaneous, "prior", uncapped)

    assert error_rate("Welch, lognormal", 3, 5, 1000) > most(1000)


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_family_wise_error_of_all_kinds_of_tables(kind):
    found = []
    for n in (5, 10, 20):
        print(f"\nfamily-wise error, {kind}, N = {n}, by rows:", end="", flush=True)
        for k in (2, 3, 4, 6, 10, 20, 40):
            found.append(error_rate(kind, k, n, TABLES))
            print(f"  {k}: {found[-1]:.3f}", end="", flush=True)

    assert max(found) <= most(TABLES)


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["equal", "lognormal"])
def test_power_for_a_difference_of_4_sd(kind):
    found = {k: power(kind, k, TABLES) for k in (3, 6, 10, 20, 40)}
    for title, which in (("one given row", 0), ("any row", 1)):
        print(f"\npower, {kind}, {title}:  ", end="")
        print("  ".join(f"{k}: {both[which]:.2f}" for k, both in found.items()), end="")

    assert min(one for one, _ in found.values()) > (0.9 if kind == "equal" else 0.3)
