"""The support vector machine that the paper compares networks with."""

from __future__ import annotations

import sys

import numpy as np
import pytest

from xavier_cli.data.sets import Examples, FiniteSet
from xavier_cli.errors import ConfigError
from xavier_cli.runs.reader import read_svm
from xavier_cli.runs.store import write_run
from xavier_cli.runs.svm import SvmConfig
from xavier_cli.training import memory, svm
from xavier_cli.training.engine.loop import TrainingHooks

CONFIG = SvmConfig.of(data="shapeset:300", cost=[1, 10], gamma=[1, 3], search_examples=200)


def part(count, seed, bounds=(80,)):
    """Points in the plane; their class counts the circles that they lie beyond."""
    points = np.random.default_rng(seed).integers(0, 256, (count, 2)).astype(np.uint8)
    radius = np.hypot(*(points - 127.5).T)
    return Examples(points, np.searchsorted(bounds, radius).astype(np.int32))


@pytest.fixture
def two_rings():
    """Classes that no line can tell apart: a disc and what is around it."""
    return FiniteSet(part(300, 0), part(200, 1), part(200, 2), ("in", "out"), (1, 2))


@pytest.fixture
def sklearn():
    return pytest.importorskip("sklearn", reason="scikit-learn, the extra `svm`, is not installed")


def test_it_learns_what_no_line_tells_apart_and_chooses_on_validation_examples(sklearn, two_rings):
    machine = svm.fit_svm(CONFIG, two_rings)

    assert machine.test_error < 0.08
    assert machine.valid_error == machine["svm/valid_error"].min()
    at = CONFIG.cost.index(machine.cost), CONFIG.gamma.index(machine.gamma)
    assert machine["svm/valid_error"][at] == machine.valid_error


def test_the_choice_does_not_look_at_the_test_examples(sklearn, two_rings):
    first = svm.fit_svm(CONFIG, two_rings)
    swapped = Examples(two_rings.test.pixels, 1 - two_rings.test.labels)
    other = svm.fit_svm(CONFIG, FiniteSet(two_rings.train, two_rings.valid, swapped, ("in", "out"), (1, 2)))

    assert np.array_equal(first["svm/valid_error"], other["svm/valid_error"])
    assert other.test_error == pytest.approx(1 - first.test_error)


@pytest.mark.parametrize("cost", [0.5, 20.0])
def test_it_is_the_machine_that_scikit_learn_fits(sklearn, cost, monkeypatch):
    """Of several classes, with blocks that do not divide the examples: votes, support vectors and all."""
    from sklearn.svm import SVC

    monkeypatch.setattr(svm, "ROWS", 64)
    train, test = part(500, 0, (50, 90, 120)), part(700, 1, (50, 90, 120))
    coded = [svm.Coded(each.pixels.astype(np.float32) / 128 - 1, each.labels) for each in (train, test)]
    theirs = SVC(C=cost, gamma=2.0).fit(*coded[0])
    ours = svm.fit(coded[0], 4, cost, 2.0)

    assert np.mean(ours.predict(coded[1].inputs) == theirs.predict(coded[1].inputs)) > 0.995
    assert np.abs(ours.support_vectors() - theirs.n_support_).max() <= 1


def test_a_kernel_matrix_is_symmetric_with_ones_on_its_diagonal(monkeypatch):
    monkeypatch.setattr(svm, "ROWS", 7)
    x = np.random.default_rng(0).normal(size=(20, 3)).astype(np.float32)
    matrix = svm.kernel_matrix(x, 0.7)
    squares = ((x[:, None] - x[None]) ** 2).sum(axis=-1)

    assert np.allclose(matrix, matrix.T, atol=1e-6)
    assert np.allclose(np.diag(matrix), 1, atol=1e-6)
    assert np.allclose(matrix, np.exp(-0.7 * squares), atol=1e-5)


def test_a_class_without_examples_is_never_said(sklearn):
    coded = svm.Coded(np.random.default_rng(0).normal(size=(60, 2)).astype(np.float32), np.arange(60) % 2 * 2)
    machine = svm.fit(coded, 3, 1.0, 1.0)

    assert set(machine.predict(coded.inputs)) <= {0, 2}


def test_it_reads_back_as_it_was_stored(sklearn, two_rings, tmp_path):
    machine = svm.fit_svm(CONFIG, two_rings, TrainingHooks(provenance={"command": "a test"}))
    write_run(tmp_path / "svm.h5", machine)
    read = read_svm(tmp_path / "svm.h5")

    assert read.config == machine.config
    assert all(np.array_equal(read[name], machine[name]) for name in machine.arrays)
    assert (read.cost, read.gamma, read.test_error) == (machine.cost, machine.gamma, machine.test_error)
    assert read.provenance["data_sha256"] == two_rings.sha256
    assert read.provenance["command"] == "a test"


def test_it_stops_between_two_machines(sklearn, two_rings):
    asked = []
    hooks = TrainingHooks(stopped=lambda: len(asked) > 2, report=asked.append)

    with pytest.raises(svm.SvmInterruptedError, match="nothing was saved"):
        svm.fit_svm(CONFIG, two_rings, hooks)
    assert len(asked) == 3


def test_a_matrix_that_does_not_fit_is_refused_before_it_is_made(sklearn, two_rings, monkeypatch):
    monkeypatch.setattr(memory, "machine_bytes", lambda: 1000)

    with pytest.raises(ConfigError, match=r"two classes of shapeset:300 takes about 720,000"):
        svm.fit_svm(CONFIG, two_rings)


def test_without_scikit_learn_it_says_what_to_install(two_rings, monkeypatch):
    monkeypatch.setattr(svm, "find_spec", lambda name: None)
    monkeypatch.setitem(sys.modules, "sklearn", None)

    with pytest.raises(ConfigError, match=r"pip install scikit-learn"):
        svm.fit_svm(CONFIG, two_rings)


@pytest.mark.parametrize("data", ["shapeset", "mnist"])
def test_it_needs_fixed_images_of_shapeset(data):
    with pytest.raises(ConfigError, match="shapeset:10000"):
        SvmConfig.of(data=data)
