"""Where a deep net's signals settle: by halving as by repeating the map, and what is known in closed form."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from xavier_cli.theory.edge import find_edge
from xavier_cli.theory.quadrature import gaussian_moments

SCALES = np.array([0.5, 1.5, 2.0, 4.0])


@pytest.mark.parametrize("bias_variance", [0.0, 0.09])
def test_repeating_the_map_ends_at_the_same_place(bias_variance):
    q = np.ones(len(SCALES))
    for _ in range(200):
        q = SCALES * gaussian_moments(jnp.tanh, np.sqrt(q)).second + bias_variance
    slope = SCALES * gaussian_moments(jnp.tanh, np.sqrt(q)).slope_second
    edge = find_edge(jnp.tanh, (), SCALES, bias_variance)

    assert edge.second == pytest.approx(q, rel=1e-6, abs=1e-9)
    assert edge.slope == pytest.approx(slope, rel=1e-6)
    assert edge.depth == pytest.approx(1 / np.abs(np.log(slope)), rel=1e-5)


def test_tanh_without_biases_is_ordered_below_one_and_chaotic_above():
    edge = find_edge(jnp.tanh, (), [0.25, 0.99, 1.01, 3.0])

    assert edge.second[:2] == pytest.approx([0, 0], abs=1e-8)
    assert edge.slope[:2] == pytest.approx([0.25, 0.99])
    assert (edge.second[2:] > 0).all()
    assert (edge.slope[2:] > 1).all()
    assert edge.depth[1] > 50 > edge.depth[0]


def test_biases_move_the_edge_up():
    """Schoenholz et al. 2017, Figure 1: order reaches beyond n Var W = 1 where there are biases."""
    assert find_edge(jnp.tanh, (), [1.5], 0.0).slope > 1 > find_edge(jnp.tanh, (), [1.5], 0.3).slope


def test_a_relu_halves_and_grows_without_end_beyond_two():
    edge = find_edge(jax.nn.relu, (0.0,), [1.0, 1.5, 2.5], 0.5)

    # q = q/2 · scale + 0.5
    assert edge.second[:2] == pytest.approx([1.0, 2.0])
    assert edge.slope[:2] == pytest.approx([0.5, 0.75])
    assert np.isnan([edge.second[2], edge.slope[2], edge.depth[2]]).all()
