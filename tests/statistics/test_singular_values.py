"""Averages of singular values of Jacobians, against NumPy's decomposition and one that is known."""

import numpy as np
import pytest

from xavier_cli.statistics import singular_values as room
from xavier_cli.statistics.singular_values import averages, end_to_end, singular_values

RNG = np.random.default_rng(0)


def jacobians(examples, classes, inputs):
    return RNG.normal(size=(examples, classes, inputs)).astype(np.float32)


def measured(matrices, examples=None):
    chosen = range(len(matrices)) if examples is None else examples

    def products(at, vectors):
        with np.errstate(invalid="ignore"):
            return vectors @ matrices[at]

    return end_to_end(products, chosen, *matrices.shape[1:])


@pytest.mark.parametrize(("classes", "inputs"), [(10, 40_000), (7, 7), (12, 3), (1, 5), (5, 1)])
def test_all_singular_values_are_numpys(classes, inputs):
    (matrix,) = jacobians(1, classes, inputs)
    expected = np.linalg.svd(matrix.astype(np.float64), compute_uv=False)
    assert np.allclose(singular_values(matrix), expected, rtol=1e-9)


def test_values_that_are_rounding_are_zero_and_small_ones_are_not():
    low, high = jacobians(1, 10, 3)[0], jacobians(1, 3, 50)[0]
    values = singular_values(low @ high)
    assert (values[:3] > 0).all()
    assert (values[3:] == 0).all()
    assert averages(values[None])["geometric_mean"] == 0
    small = np.diag([1.0, 1e-5]).astype(np.float32)
    assert np.allclose(singular_values(small), [1, 1e-5], rtol=1e-6)
    assert (singular_values(np.zeros((2, 3), np.float32)) == 0).all()


def test_only_the_chosen_examples_are_averaged():
    matrices = jacobians(4, 3, 6)
    values = np.linalg.svd(matrices[[1, 3]], compute_uv=False)
    seen = measured(matrices, [1, 3])
    assert seen.error == 0
    assert {**seen.averages} == pytest.approx(averages(values), rel=1e-5)


def test_a_jacobian_that_is_not_finite_has_no_singular_values():
    matrices = jacobians(2, 3, 6)
    matrices[1, 0, 0] = np.inf
    assert np.isnan([*measured(matrices).averages.values()]).all()


def test_of_more_classes_the_root_mean_square_is_estimated_with_an_error_that_holds(monkeypatch):
    matrices = jacobians(200, 30, 50) * np.linspace(0.1, 2, 30, dtype=np.float32)[:, None]
    exact = measured(matrices)
    monkeypatch.setattr(room, "MOST_ROWS", 29)
    seen = measured(matrices)
    assert {*seen.averages} == {"rms"}
    assert 0 < seen.error < 0.01 * exact.averages["rms"]
    assert abs(seen.averages["rms"] - exact.averages["rms"]) < 4 * seen.error
    # As many of single examples are within two standard errors as there should be.
    each = [measured(matrices, [at]) for at in range(200)]
    monkeypatch.undo()
    far = [
        abs(one.averages["rms"] - measured(matrices, [at]).averages["rms"]) / one.error
        for at, one in enumerate(each)
    ]
    assert 0.9 < np.mean(np.array(far) < 2) < 0.99


def test_an_estimate_of_a_jacobian_that_is_not_finite_is_none(monkeypatch):
    monkeypatch.setattr(room, "MOST_ROWS", 2)
    matrices = jacobians(1, 3, 6)
    matrices[0, 0, 0] = np.inf
    seen = measured(matrices)
    assert np.isnan(seen.averages["rms"])
    assert measured(np.zeros((1, 3, 6), np.float32)) == ({"rms": 0.0}, 0.0, False)
