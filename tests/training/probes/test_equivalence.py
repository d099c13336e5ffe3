"""Tests that one perceptron in every framework's words has the statistics of `mlp`, to rounding."""

from __future__ import annotations

import pytest

from tests.support.equivalence import WRITINGS, differences

IN_EVERY_RUN = {"by hand", "flax.linen", "flax.nnx", "equinox"}


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.parametrize(
    "name",
    [pytest.param(name, marks=() if name in IN_EVERY_RUN else pytest.mark.frameworks) for name in WRITINGS],
)
def test_a_perceptron_in_any_writing_has_the_perceptrons_statistics(name):
    if name != "by hand":
        pytest.importorskip(name.partition(".")[0], reason=f"{name} is not installed")
    far = differences(name)
    assert len(far) > 15
    # Equinox multiplies a matrix by a vector, under `vmap`: sums are rounded in another order.
    assert {path: each for path, each in far.items() if each > 2e-6} == {}
