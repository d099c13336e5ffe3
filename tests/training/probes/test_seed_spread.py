"""What is told of single seeds, given what simulated networks did."""

import numpy as np
import pytest

from xavier_cli.training.probes import seed_spread
from xavier_cli.training.probes.seed_spread import spread_of_seeds


@pytest.fixture
def told(monkeypatch):
    """What is told where the logarithms of a statistic over its prediction are these, `(draws, layers)`."""

    def of(logs):
        monkeypatch.setattr(seed_spread, "draws_of", lambda network: len(logs))
        monkeypatch.setattr(seed_spread, "simulate", lambda *_: {"activation_std": logs})
        return spread_of_seeds(None, np.zeros((1, 1)), np.zeros(1, int))

    return of


def test_an_ordinary_spread_is_told(told):
    logs = np.random.default_rng(0).normal(0, 0.1, (2000, 2))
    found = told(logs)

    assert found["activation_std_sd"] == pytest.approx([0.1, 0.1], rel=0.05)
    assert (found["activation_std_low"] < np.exp(logs.min(axis=0))).all()
    assert (found["activation_std_high"] > np.exp(logs.max(axis=0))).all()


def test_where_a_few_draws_decide_it_nothing_is_told(told):
    """One network in a thousand, as where a single unit reaches a kink."""
    logs = np.random.default_rng(0).normal(0, 0.001, (2000, 2))
    logs[:2, 1] = 2.0
    found = told(logs)

    assert np.isfinite(found["activation_std_sd"][0])
    assert all(np.isnan(values[1]) for values in found.values())
