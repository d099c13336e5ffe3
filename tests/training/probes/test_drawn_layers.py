"""Layers drawn on the examples alone do what layers drawn weight by weight do."""

from __future__ import annotations

import numpy as np
import pytest

from xavier_cli.training.probes import drawn_layers
from xavier_cli.training.probes.drawn_layers import Law, pass_through, second_moments

NETWORKS, EXAMPLES = 3000, 3
X = np.random.default_rng(1).normal(size=(EXAMPLES, 40)) + 0.5
DELTA = np.random.default_rng(2).normal(size=(EXAMPLES, 30)) + 0.5


def one_layer(
    distribution: str, fans: tuple[int, int], is_single: bool, monkeypatch
) -> dict[str, np.ndarray]:
    """Means and variances over networks of second moments of the output, of the gradient and of norms."""
    monkeypatch.setattr(drawn_layers, "is_weight_by_weight", lambda *_: is_single)
    law = Law(fans, 1 / max(fans), distribution)
    entering = np.broadcast_to(X[:, : fans[0]], (NETWORKS, EXAMPLES, fans[0])).astype(np.float32)
    delta = np.broadcast_to(DELTA[:, : fans[1]], (NETWORKS, EXAMPLES, fans[1])).astype(np.float32)
    passed = pass_through(np.random.default_rng(3), law, entering)
    return {
        "output": second_moments(passed.output),
        "back": second_moments(passed.back(delta)),
        "norms": passed.squared_norms.sum(axis=1),
    }


@pytest.mark.parametrize("distribution", ["uniform", "normal", "truncated normal", "orthogonal"])
@pytest.mark.parametrize("fans", [(40, 30), (30, 30), (20, 30)])
def test_both_ways_of_drawing_agree(distribution, fans, monkeypatch):
    singly = one_layer(distribution, fans, True, monkeypatch)
    jointly = one_layer(distribution, fans, False, monkeypatch)

    for name, values in singly.items():
        other = jointly[name]
        size = values.mean(axis=0)
        scale = np.sqrt(np.outer(np.diag(size), np.diag(size))) if size.ndim else size
        # 3,000 draws know a mean to 2 % of its deviation, which is about a quarter, and a deviation to 1.3 %.
        assert np.allclose(other.mean(axis=0) / scale, size / scale, atol=0.03), name
        assert np.allclose(other.std(axis=0) / scale, values.std(axis=0) / scale, atol=0.03, rtol=0.1), name


def test_one_generator_gives_one_layer():
    law = Law((300, 300), 1 / 300, "uniform")
    entering = np.random.default_rng(0).normal(size=(2, 5, 300)).astype(np.float32)
    first, again = (pass_through(np.random.default_rng(9), law, entering).output for _ in range(2))

    assert np.array_equal(first, again)


def test_numbers_too_large_to_be_squared_are_summed():
    values = np.full((1, 2, 4), 1e30, np.float32)

    assert np.allclose(second_moments(values), 4e60)
