from dataclasses import replace

import numpy as np
import pytest

from xavier_cli.findings.claims.surface import cross_entropy_has_fewer_plateaus, cross_entropy_is_steeper
from xavier_cli.findings.claims.verdict import UndecidedError
from xavier_cli.findings.steepness import DATA_SETS, compare_losses, steepness
from xavier_cli.runs.surface import SurfaceConfig
from xavier_cli.statistics.sign import sign_test
from xavier_cli.training.surface import two_weights


@pytest.fixture(scope="module")
def surfaces():
    return [two_weights(SurfaceConfig.of(seed=seed, examples=3)) for seed in range(DATA_SETS + 4)]


def swapped(surface):
    """The same surface with the two losses in each other's place."""
    exchange = {
        "surface/cross_entropy": surface["surface/quadratic"],
        "surface/quadratic": surface["surface/cross_entropy"],
    }
    return replace(surface, arrays={**surface.arrays, **exchange})


def test_cross_entropy_is_steeper_and_has_fewer_plateaus(surfaces):
    claim = compare_losses(surfaces)

    # As ½ Σ, and as Σ.
    (ratio, low, high), (halved, lowest, _) = claim.ratio(1), claim.ratio(2)
    assert 1 < lowest < low < ratio < high
    assert halved == pytest.approx(ratio / 2)
    assert claim.flatter > claim.steeper
    assert claim.p < 0.05


def test_the_claim_fails_with_the_losses_swapped(surfaces):
    claim = compare_losses([swapped(surface) for surface in surfaces])

    assert claim.ratio(1)[2] < 0.5
    assert claim.flatter < claim.steeper


def test_few_data_sets_decide_nothing(surfaces):
    with pytest.raises(UndecidedError, match=f"for {DATA_SETS} seeds or more"):
        cross_entropy_is_steeper(surfaces[: DATA_SETS - 1])


def scaled(surface, factor):
    """The same surface with the quadratic loss times `factor`."""
    quadratic = {"surface/quadratic": factor * surface["surface/quadratic"]}
    return replace(surface, arrays={**surface.arrays, **quadratic})


def test_steeper_means_steeper_than_the_quadratic_loss_without_its_half_too(surfaces):
    """Where one of the two usual scales is steeper and the other is not, it does not hold."""
    between = 1.5 * np.exp(compare_losses(surfaces).log_ratio.mean) / 2
    verdict = cross_entropy_is_steeper([scaled(surface, between) for surface in surfaces])

    assert cross_entropy_is_steeper(surfaces).verdict == "holds"
    assert verdict.verdict == "does_not_hold"
    assert "as ½ Σ" in verdict.evidence
    assert "as Σ" in verdict.evidence


def test_every_number_of_examples_with_enough_data_sets_counts(surfaces):
    """One number of examples for which it is the other way round is enough against it."""
    others = [replace(swapped(each), config=each.config.with_(examples=2)) for each in surfaces]

    for claim in (cross_entropy_is_steeper, cross_entropy_has_fewer_plateaus):
        assert claim(surfaces).verdict == "holds"
        both = claim([*surfaces, *others])
        assert both.verdict == "does_not_hold"
        assert "of 3 examples" in both.evidence
        assert "of 2 examples" in both.evidence


def test_a_plane_has_its_slope_and_no_plateau_and_a_step_is_flat_elsewhere():
    x, y = np.linspace(-1, 1, 21), np.linspace(-2, 2, 41)
    plane = 3 * x[None] + 4 * y[:, None]
    step = np.tanh(20 * x)[None] + 0 * y[:, None]

    assert steepness(plane, x, y).mean_gradient == pytest.approx(5)
    assert steepness(plane, x, y).flat_share == 0
    assert steepness(step, x, y).flat_share > 0.7


def test_the_sign_test_is_exact():
    assert sign_test(5, 0) == pytest.approx(2 / 32)
    assert sign_test(3, 3) == 1
    assert sign_test(0, 0) == 1
    assert sign_test(2, 18) == pytest.approx(sign_test(18, 2))
    assert sign_test(16, 4) == pytest.approx(0.011818, rel=1e-4)
