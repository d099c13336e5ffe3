"""The support vector machine that the paper compares networks with."""

from __future__ import annotations

import sys

import numpy as np
import pytest

from xavier_cli.data.sets import Examples, FiniteSet
from xavier_cli.errors import ConfigError
from xavier_cli.training import svm


@pytest.fixture
def two_rings():
    """Classes that no line can tell apart: a disc and what is around it."""

    def part(count, seed):
        points = np.random.default_rng(seed).integers(0, 256, (count, 2)).astype(np.uint8)
        return Examples(points, (np.hypot(*(points - 127.5).T) > 80).astype(np.int32))

    return FiniteSet(part(300, 0), part(200, 1), part(200, 2), ("in", "out"), (1, 2))


def test_it_learns_what_no_line_tells_apart_and_chooses_on_validation_examples(two_rings):
    pytest.importorskip("sklearn", reason="scikit-learn, the extra `svm`, is not installed")
    result = svm.fit_svm(two_rings, (-1.0, 1.0))

    assert result.test_error < 0.08
    assert result.examples == 300
    assert len(result.tried) == len(svm.C_GRID) * len(svm.GAMMA_GRID)
    assert result.valid_error == min(error for _, _, error in result.tried)
    assert (result.c, result.gamma, result.valid_error) in result.tried


def test_the_choice_does_not_look_at_the_test_examples(two_rings):
    pytest.importorskip("sklearn", reason="scikit-learn, the extra `svm`, is not installed")
    first = svm.fit_svm(two_rings, (-1.0, 1.0))
    swapped = Examples(two_rings.test.pixels, 1 - two_rings.test.labels)
    other = svm.fit_svm(
        FiniteSet(two_rings.train, two_rings.valid, swapped, ("in", "out"), (1, 2)), (-1.0, 1.0)
    )

    assert (first.c, first.gamma) == (other.c, other.gamma)
    assert other.test_error == pytest.approx(1 - first.test_error)


def test_without_scikit_learn_it_says_what_to_install(two_rings, monkeypatch):
    monkeypatch.setattr(svm, "find_spec", lambda name: None)
    monkeypatch.setitem(sys.modules, "sklearn", None)

    with pytest.raises(ConfigError, match=r"xavier-cli\[svm\]"):
        svm.fit_svm(two_rings, (-1.0, 1.0))
