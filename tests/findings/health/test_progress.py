"""A network on a plateau is told from one that is still young, by planted curves."""

from dataclasses import replace

import numpy as np
import pytest

from xavier_cli.findings.health import diagnose
from xavier_cli.findings.health.progress import least_entropy, not_slowing, progress, updates_needed

CHANCE = 1 - 0.1135
"""The error of guessing on MNIST; its loss is 2.301."""
RULES = ("plateau-at-chance", "too-early")


@pytest.fixture
def with_curves(make_run):
    """A function that gives seeds on MNIST the validation curves `error` and `loss`, `(R,)`, with noise."""

    def make(error, loss, updates=20_000, seeds="5", **settings):
        records = len(loss)
        common = {"data": "mnist", "updates": updates, "records": str(records), "seeds": seeds}
        run = make_run(width=8, depth=2, only=["curves"], **{**common, **settings})
        rng = np.random.default_rng(0)
        shape = len(run.seeds), records
        # Of the size seen between records of a network at chance.
        noisy = {
            "curves/valid_error": np.asarray(error) + rng.normal(0, 0.004, shape),
            "curves/valid_loss": np.asarray(loss) + rng.normal(0, 0.002, shape),
        }
        return replace(run, arrays={**run.arrays, **noisy})

    return make


def said(run):
    return {each.rule.name: each.severity for each in diagnose(run).findings if each.rule.name in RULES}


FLAT = np.full(21, CHANCE), np.full(21, 2.302)
FALLING = np.full(21, CHANCE), np.r_[np.full(10, 2.30), np.linspace(2.30, 2.20, 11)]


def test_at_chance_and_flat_is_a_problem(with_curves):
    run = with_curves(*FLAT)

    assert said(run) == {"plateau-at-chance": "error"}
    assert progress(run).stuck.all()
    assert "no longer falls" in diagnose(run).findings[0].evidence


@pytest.mark.parametrize("seeds", ["1", "5"])
def test_at_chance_and_falling_is_too_early_to_tell(with_curves, seeds):
    run = with_curves(*FALLING, updates=2_000, seeds=seeds)

    assert said(run) == {"too-early": "note"}
    assert diagnose(run).state == "too early to tell"
    assert "still learn" in diagnose(run).findings[0].evidence


def test_a_fall_that_would_take_for_ever_to_leave_chance_is_a_plateau(with_curves):
    creeping = np.linspace(2.305, 2.300, 21)

    assert said(with_curves(FLAT[0], creeping)) == {"plateau-at-chance": "error"}


def test_too_short_for_the_biases_is_too_early_to_tell(with_curves):
    run = with_curves(*FLAT, updates=900, lr=0.03)

    assert updates_needed(run) == 1000
    assert said(run) == {"too-early": "note"}
    assert "take 1,000 updates to settle" in diagnose(run).findings[0].evidence
    assert "--updates 1000" in diagnose(run).findings[0].seen.advice


def test_how_long_is_enough_follows_the_rate_and_the_optimizer(with_curves):
    def needed(**settings):
        return updates_needed(with_curves(*FLAT, **settings))

    assert needed(lr=0.3) == 100
    assert needed(lr=0.03, optimizer="sgd:momentum=0.9") == 100
    assert needed(lr=0.003, optimizer="adam") == 1000


def test_few_records_show_no_plateau(with_curves):
    run = with_curves(FLAT[0][:5], FLAT[1][:5])

    assert said(run) == {"too-early": "note"}
    assert "in only 5 records" in diagnose(run).findings[0].evidence


def test_one_that_has_just_left_chance_is_too_early_to_tell(with_curves):
    error = np.r_[np.full(20, CHANCE), 0.80]

    assert said(with_curves(error, np.full(21, 2.29))) == {"too-early": "note"}


def test_learning_that_has_not_slowed_is_too_early_to_tell(with_curves):
    error = np.r_[np.full(10, CHANCE), np.linspace(CHANCE, 0.5, 11)]
    run = with_curves(error, np.r_[np.full(10, 2.3), np.linspace(2.3, 1.6, 11)])

    assert said(run) == {"too-early": "note"}
    assert "learning has not slowed" in diagnose(run).findings[0].evidence


def test_an_ordinary_curve_is_not_young(with_curves):
    loss = 0.3 + 2 * np.exp(-np.arange(21) / 4)
    run = with_curves(0.1 + 0.78 * np.exp(-np.arange(21) / 4), loss)

    assert said(run) == {}
    assert not_slowing(run, np.ones(5, bool)) is None


def test_a_loss_below_guessings_is_not_at_chance(with_curves):
    assert said(with_curves(FLAT[0], np.full(21, 1.5))) == {}


def test_the_least_entropy_is_no_more_than_any(with_curves):
    run = with_curves(*FLAT)
    rng = np.random.default_rng(1)
    top = run.facts.top_class
    for _ in range(200):
        shares = rng.dirichlet(np.ones(9)) * (1 - top)
        if shares.max() <= top:
            entropy = -(shares * np.log(shares)).sum() - top * np.log(top)
            assert entropy >= least_entropy(run)
    assert least_entropy(run) == pytest.approx(2.195, abs=1e-3)


def test_plateaus_are_seldom_called_falling(with_curves):
    """Noise alone: 1 % of seeds is meant for each of two curves, and as much for all of a run together."""
    run = with_curves(*FLAT)
    rng = np.random.default_rng(2)
    stuck = 0
    for _ in range(100):
        curves = {
            "curves/valid_error": CHANCE + rng.normal(0, 0.004, (5, 21)),
            "curves/valid_loss": 2.302 + rng.normal(0, 0.004, (5, 21)),
        }
        stuck += int(progress(replace(run, arrays={**run.arrays, **curves})).stuck.sum())

    assert stuck >= 480
