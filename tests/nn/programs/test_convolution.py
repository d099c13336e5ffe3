"""Tests that a convolution written as a product is the convolution."""

from __future__ import annotations

import jax
import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from jax import lax

from xavier_cli.nn.programs.convolution import convolve

LAYOUTS = (("N{}C", "{}IO", "N{}C"), ("NC{}", "OI{}", "NC{}"), ("N{}C", "OI{}", "NC{}"))


@st.composite
def convolutions(draw):
    dims = draw(st.sampled_from([1, 2, 3]))
    groups = draw(st.sampled_from([1, 1, 2, 4]))
    per_group, units = draw(st.integers(1, 3)), groups * draw(st.integers(1, 2))
    window = draw(st.lists(st.integers(1, 3), min_size=dims, max_size=dims))
    size = draw(st.lists(st.integers(6, 9), min_size=dims, max_size=dims))
    letters = "DHW"[-dims:]
    layouts = draw(st.sampled_from(LAYOUTS))
    numbers = tuple(each.format(letters) for each in layouts)
    each = st.integers(1, 2)
    shapes = {"N": 2, "C": groups * per_group, "I": per_group, "O": units}
    lhs = [({**shapes, **dict(zip(letters, size, strict=True))})[axis] for axis in numbers[0]]
    rhs = [({**shapes, **dict(zip(letters, window, strict=True))})[axis] for axis in numbers[1]]
    return (
        tuple(lhs),
        tuple(rhs),
        {
            "window_strides": draw(st.tuples(*[each] * dims)),
            "padding": draw(st.sampled_from([[(0, 0)] * dims, [(1, 2)] * dims, [(2, 0)] * dims])),
            "lhs_dilation": draw(st.tuples(*[each] * dims)),
            "rhs_dilation": draw(st.tuples(*[each] * dims)),
            "dimension_numbers": numbers,
            "feature_group_count": groups,
        },
    )


@given(convolutions())
@settings(max_examples=12, deadline=None)
def test_agrees_with_xla(convolution):
    lhs, rhs, parameters = convolution
    x, w = jax.random.normal(jax.random.key(0), lhs), jax.random.normal(jax.random.key(1), rhs)

    def by_xla(x, w):
        return lax.conv_general_dilated(x, w, **parameters)

    (equation,) = [
        each for each in jax.make_jaxpr(by_xla)(x, w).eqns if each.primitive.name == "conv_general_dilated"
    ]

    def as_product(x, w):
        return convolve(x, w, equation.params)

    expected, found = by_xla(x, w), as_product(x, w)
    assert found.shape == expected.shape
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)
    cotangent = jax.random.normal(jax.random.key(2), expected.shape)
    for a, b in zip(
        jax.vjp(by_xla, x, w)[1](cotangent), jax.vjp(as_product, x, w)[1](cotangent), strict=True
    ):
        np.testing.assert_allclose(b, a, rtol=1e-4, atol=1e-4)
