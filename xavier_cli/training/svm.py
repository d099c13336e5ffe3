"""Fits a support vector machine to the finite Shapeset, as the paper does for comparison (PAPER §5)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from importlib.util import find_spec
from itertools import product

import numpy as np

from xavier_cli.data.sets import Examples, FiniteSet
from xavier_cli.errors import ConfigError

C_GRID = (1.0, 10.0, 100.0)
# Times 1 / (inputs · Var x), where most kernels are neither all 0 nor all 1.
GAMMA_GRID = (0.1, 1.0)
# Predicting takes as long as fitting: so many examples choose, and all test examples test.
VALID_EXAMPLES = 2000
# Of the kernel matrix, in MB.
KERNEL_CACHE = 500


@dataclass(frozen=True)
class SvmResult:
    """A fitted machine; errors are fractions, `tried` has `(C, gamma, validation error)` of the grid."""

    examples: int
    c: float
    gamma: float
    valid_error: float
    test_error: float
    support_vectors: int
    tried: tuple[tuple[float, float, float], ...]


def fit_svm(
    finite: FiniteSet, coding: tuple[float, float], report: Callable[[str], None] = lambda _: None
) -> SvmResult:
    """An RBF machine on the training examples of `finite`, its C and gamma best on validation examples.

    The test examples are used once, by the machine that was chosen. Raises `ConfigError` where
    scikit-learn is not installed.
    """
    require_sklearn()
    from sklearn.svm import SVC

    x, y = _coded(finite.train, coding)
    few = Examples(*(array[:VALID_EXAMPLES] for array in finite.valid))
    valid, test = _coded(few, coding), _coded(finite.test, coding)
    unit = 1 / (x.shape[1] * float(x.var()))
    best, tried = None, []
    for c, factor in product(C_GRID, GAMMA_GRID):
        machine = SVC(C=c, gamma=factor * unit, cache_size=KERNEL_CACHE).fit(x, y)
        error = float(np.mean(machine.predict(valid[0]) != valid[1]))
        tried.append((c, factor * unit, error))
        report(f"C {c:g}, gamma {factor * unit:.2e}: {100 * error:.2f} % on validation examples")
        if best is None or error < best[0]:
            best = error, c, factor * unit, machine
    assert best is not None
    valid_error, c, gamma, machine = best
    test_error = float(np.mean(machine.predict(test[0]) != test[1]))
    return SvmResult(len(y), c, gamma, valid_error, test_error, int(machine.n_support_.sum()), tuple(tried))


def require_sklearn() -> None:
    """Raise `ConfigError` where scikit-learn, an optional extra, is not installed."""
    if find_spec("sklearn") is None:
        raise ConfigError("a support vector machine needs scikit-learn: `pip install 'xavier-cli[svm]'`")


def _coded(examples: Examples, coding: tuple[float, float]) -> tuple[np.ndarray, np.ndarray]:
    low, high = coding
    return examples.pixels.astype(np.float32) * np.float32((high - low) / 255) + np.float32(
        low
    ), examples.labels
