"""Fits a support vector machine to the finite Shapeset, as the paper does for comparison (PAPER §5).

One binary machine for every two classes, as in scikit-learn's `SVC`, but each from a kernel matrix that BLAS
computes: several times faster than kernels that the solver evaluates one by one. Half of that matrix is
computed and mirrored, in blocks of rows, so that little more than the matrix itself has to fit into memory.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from importlib.metadata import version
from importlib.util import find_spec
from itertools import combinations
from typing import NamedTuple

import numpy as np

from xavier_cli.data.sets import Examples, FiniteSet
from xavier_cli.errors import ConfigError, XavierError
from xavier_cli.runs.svm import SupportVectorMachine, SvmConfig
from xavier_cli.training.engine.layout import choose_layout
from xavier_cli.training.engine.loop import Progress, TrainingHooks
from xavier_cli.training.engine.time_spent import utc_now
from xavier_cli.training.memory import check_machine_memory
from xavier_cli.training.provenance import provenance_of

# Rows of a kernel matrix that are computed at a time.
ROWS = 1024
# What the solver keeps of the matrix, in MB; more does not make it faster, since it copies whole rows.
KERNEL_CACHE = 200


class SvmInterruptedError(XavierError):
    """Stopped before the machine was fitted, so that nothing is stored."""


class Coded(NamedTuple):
    """Examples as the machine gets them: `inputs` `(examples, inputs)`, decoded, and `labels`."""

    inputs: np.ndarray
    labels: np.ndarray


@dataclass(frozen=True)
class Machine:
    """The binary machines of all pairs of classes.

    `coefficients` `(examples, pairs)` are 0 for all but support vectors, `intercepts` have shape `(pairs,)`;
    the decision of a pair is positive for its first class.
    """

    train: Coded
    classes: int
    gamma: float
    coefficients: np.ndarray
    intercepts: np.ndarray

    def predict(self, inputs: np.ndarray) -> np.ndarray:
        """The class with the most votes, of equal ones the first, `(examples,)`, as in libsvm."""
        return np.concatenate([self._votes(part).argmax(axis=1) for part in _blocks(inputs)])

    def support_vectors(self) -> np.ndarray:
        """How many examples of each class are support vectors of some pair, `(classes,)`."""
        used = (self.coefficients != 0).any(axis=1)
        return np.bincount(self.train.labels[used], minlength=self.classes)

    def _votes(self, inputs: np.ndarray) -> np.ndarray:
        decisions = np.tile(self.intercepts, (len(inputs), 1))
        for known, weights in zip(_blocks(self.train.inputs), _blocks(self.coefficients), strict=True):
            decisions += rbf(inputs, known, self.gamma) @ weights
        votes = np.zeros((len(inputs), self.classes), np.int32)
        for pair, (one, other) in enumerate(combinations(range(self.classes), 2)):
            votes[:, one] += decisions[:, pair] > 0
            votes[:, other] += decisions[:, pair] <= 0
        return votes


def fit_svm(config: SvmConfig, finite: FiniteSet, hooks: TrainingHooks | None = None) -> SupportVectorMachine:
    """The machine of `config` on the training examples of `finite`, its C and gamma chosen by validation.

    Test examples are used once, by the machine that was chosen. Raises `ConfigError` where scikit-learn is
    not installed or the memory is too small, and `SvmInterruptedError`.
    """
    hooks = hooks or TrainingHooks()
    require_sklearn()
    coding = config.dataset.coding
    train, classes = _coded(finite.train, coding), len(finite.labels)
    _check_memory(config, train.labels)
    few = Coded(*(array[: config.search_examples] for array in train))
    valid = _coded(Examples(*(array[: config.valid_examples] for array in finite.valid)), coding)
    unit = 1 / (train.inputs.shape[1] * float(train.inputs.var()))
    fits, pairs = len(config.cost) * len(config.gamma) + 1, classes * (classes - 1) // 2
    done = 0

    def fitted(examples: Coded, cost: float, gamma: float, phase: str) -> Machine:
        def step() -> None:
            nonlocal done
            if hooks.stopped():
                raise SvmInterruptedError("stopped before the machine was fitted: nothing was saved")
            hooks.report(Progress("fitting", done, fits * pairs, 1, phase=phase))
            done += 1

        return fit(examples, classes, cost, gamma * unit, step)

    errors = np.empty((len(config.cost), len(config.gamma)))
    for place in np.ndindex(errors.shape):
        cost, gamma = config.cost[place[0]], config.gamma[place[1]]
        tried = fitted(few, cost, gamma, f"C {cost:g}, gamma {gamma:g}")
        errors[place] = np.mean(tried.predict(valid.inputs) != valid.labels)
    arrays = {
        "svm/cost": np.array(config.cost),
        "svm/gamma": np.array(config.gamma),
        "svm/valid_error": errors,
        "svm/example": np.arange(len(finite.test.labels), dtype=np.int32),
        "svm/class": np.arange(classes, dtype=np.int32),
    }
    chosen = SupportVectorMachine(config, arrays)
    machine = fitted(train, chosen.cost, chosen.gamma, f"all {len(train.labels):,} examples")
    test = _coded(finite.test, coding)
    arrays["svm/test_correct"] = (machine.predict(test.inputs) == test.labels).astype(np.int8)
    arrays["svm/support_vectors"] = machine.support_vectors().astype(np.int32)
    hooks.report(Progress("fitting", fits * pairs, fits * pairs, 1))
    provenance = {
        **provenance_of(choose_layout(1, 1)),
        "scikit-learn": version("scikit-learn"),
        "data_sha256": finite.sha256,
        **hooks.provenance,
    }
    created = utc_now()
    return replace(chosen, created_utc=created, provenance=provenance)


def fit(
    train: Coded, classes: int, cost: float, gamma: float, step: Callable[[], None] = lambda: None
) -> Machine:
    """Machines with an RBF kernel for all pairs of classes; `step` is called before each pair.

    `gamma` is that of exp(−gamma·|x − y|²). A class without examples gets the vote of no pair.
    """
    from sklearn.svm import SVC

    pairs = list(combinations(range(classes), 2))
    coefficients = np.zeros((len(train.labels), len(pairs)), np.float32)
    intercepts = np.zeros(len(pairs))
    for pair, (one, other) in enumerate(pairs):
        step()
        rows = np.flatnonzero((train.labels == one) | (train.labels == other))
        is_first = train.labels[rows] == one
        if is_first.all() or not is_first.any():
            # Nothing to separate: whichever class is there has the vote.
            intercepts[pair] = 1.0 if len(rows) and is_first.all() else -1.0
            continue
        matrix = kernel_matrix(train.inputs[rows], gamma)
        solved = SVC(C=cost, kernel="precomputed", cache_size=KERNEL_CACHE).fit(matrix, is_first)
        del matrix
        coefficients[rows[solved.support_], pair] = solved.dual_coef_[0]
        intercepts[pair] = solved.intercept_[0]
    return Machine(train, classes, gamma, coefficients, intercepts)


def rbf(x: np.ndarray, y: np.ndarray, gamma: float) -> np.ndarray:
    """The kernels of all rows of `x` and `y`, `(len(x), len(y))`, in their precision."""
    distances = x @ y.T
    distances *= -2
    distances += np.einsum("ij,ij->i", x, x)[:, None]
    distances += np.einsum("ij,ij->i", y, y)
    # Rounding leaves equal rows slightly apart, on either side of 0.
    np.maximum(distances, 0, out=distances)
    distances *= -np.float32(gamma)
    return np.asarray(np.exp(distances, out=distances))


def kernel_matrix(x: np.ndarray, gamma: float) -> np.ndarray:
    """The kernels of all rows of `x` with each other, in double precision, which the solver asks for."""
    matrix = np.empty((len(x), len(x)))
    for first in range(0, len(x), ROWS):
        last = first + ROWS
        matrix[first:last, first:] = rbf(x[first:last], x[first:], gamma)
        matrix[last:, first:last] = matrix[first:last, last:].T
    return matrix


def require_sklearn() -> None:
    """Raise `ConfigError` where scikit-learn, an optional extra, is not installed."""
    if find_spec("sklearn") is None:
        raise ConfigError("a support vector machine needs scikit-learn: `pip install scikit-learn`")


def _check_memory(config: SvmConfig, labels: np.ndarray) -> None:
    """Raise `ConfigError` where the kernel matrix of the two largest classes does not fit."""
    largest = int(np.sort(np.bincount(labels))[-2:].sum())
    check_machine_memory(8 * largest**2, f"data: the kernel matrix of two classes of {config.data}")


def _blocks(rows: np.ndarray) -> Iterator[np.ndarray]:
    return (rows[first : first + ROWS] for first in range(0, len(rows), ROWS))


def _coded(examples: Examples, coding: tuple[float, float]) -> Coded:
    low, high = coding
    inputs = examples.pixels.astype(np.float32)
    inputs *= np.float32((high - low) / 255)
    inputs += np.float32(low)
    return Coded(inputs, examples.labels)
