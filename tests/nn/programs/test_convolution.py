"""Tests that a convolution evaluated in another form is the convolution, and so are its derivatives."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jax import lax

from xavier_cli.nn.programs.rewriting import rewritten

LAYOUTS = (("N{}C", "{}IO", "N{}C"), ("NC{}", "OI{}", "NC{}"), ("N{}C", "OI{}", "NC{}"))
FORMS = ("canonical", "product")


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


def _drawn(seed, *shape):
    return np.random.default_rng(seed).normal(size=shape).astype(np.float32)


def _compiled(function):
    # What is compared does not need to be fast, and compiling is most of the time.
    return jax.jit(function, compiler_options={"xla_backend_optimization_level": 0})


def _gradients(function, x, w):
    """Values, and both gradients by reverse mode."""
    y, backward = jax.vjp(function, x, w)
    return y, backward(jnp.cos(y))


def _everything(function, x, w):
    """Values, both gradients by reverse mode, and both by forward mode over reverse mode."""

    def total(x, w):
        return jnp.sum(jnp.sin(function(x, w)))

    gradients = jax.grad(total, (0, 1))
    return function(x, w), jax.jvp(gradients, (x, w), (jnp.cos(x), jnp.cos(w)))


def _assert_same(found, expected, tolerance=1e-4):
    for a, b in zip(jax.tree.leaves(found), jax.tree.leaves(expected), strict=True):
        assert a.shape == b.shape
        assert a.dtype == b.dtype
        a, b = np.asarray(a, np.float32), np.asarray(b, np.float32)
        np.testing.assert_allclose(a, b, rtol=tolerance, atol=tolerance * max(1.0, np.abs(b).max()))


def _compare(convolution, form, derivatives):
    lhs, rhs, parameters = convolution

    def by_xla(x, w):
        return lax.conv_general_dilated(x, w, **parameters)

    x, w = _drawn(0, *lhs), _drawn(1, *rhs)

    @_compiled
    def both(x, w):
        return derivatives(rewritten(by_xla, form), x, w), derivatives(by_xla, x, w)

    _assert_same(*both(x, w))


@given(convolutions(), st.sampled_from(FORMS))
@settings(max_examples=6, deadline=None)
def test_agrees_with_xla(convolution, form):
    _compare(convolution, form, _gradients)


@pytest.mark.slow
@given(convolutions(), st.sampled_from(FORMS))
@settings(max_examples=100, deadline=None)
def test_agrees_with_xla_in_second_derivatives_too(convolution, form):
    _compare(convolution, form, _everything)


KINDS = {
    "strided": (3, 4, (3, 3), {"window_strides": (2, 2)}),
    "one by one": (4, 6, (1, 1), {"window_strides": (2, 2)}),
    "transposed": (4, 3, (2, 2), {"lhs_dilation": (2, 2)}),
    "depthwise": (4, 4, (3, 3), {"feature_group_count": 4}),
    "grouped": (4, 6, (3, 3), {"feature_group_count": 2}),
}


def _of_kind(kind):
    channels, units, window, asked = KINDS[kind]
    x = _drawn(0, 2, 6, 6, channels)
    w = _drawn(1, *window, channels // asked.get("feature_group_count", 1), units)
    parameters = {"window_strides": (1, 1), "padding": [(0, 0)] * 2, **asked}

    def convolved(x, w):
        return lax.conv_general_dilated(x, w, dimension_numbers=("NHWC", "HWIO", "NHWC"), **parameters)

    return convolved, x, w


@pytest.mark.parametrize("form", ["canonical", pytest.param("product", marks=pytest.mark.slow)])
@pytest.mark.parametrize("kind", KINDS)
def test_agrees_under_vmap_whatever_is_mapped_and_in_which_order(kind, form):
    by_xla, x, w = _of_kind(kind)

    def derivatives(function, axes, *operands):
        def total(x, w):
            return jnp.sum(jnp.sin(function(x, w)))

        def sum_over_members(*operands):
            return jnp.sum(jax.vmap(total, axes)(*operands))

        return jax.vmap(jax.grad(total, (0, 1)), axes)(*operands), jax.grad(sum_over_members, (0, 1))(
            *operands
        )

    @_compiled
    def both(x, w):
        found, expected = [], []
        for axes in ((0, 0), (0, None), (None, -1)):
            operands = [
                each if axis is None else jnp.stack([each, 2 * each], axis)
                for each, axis in zip((x, w), axes, strict=True)
            ]
            found.append(derivatives(rewritten(by_xla, form), axes, *operands))
            expected.append(derivatives(by_xla, axes, *operands))
        return found, expected

    _assert_same(*both(x, w))


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("kind", ["strided", "depthwise"])
def test_keeps_bfloat16(kind, form):
    by_xla, x, w = _of_kind(kind)
    x, w = jnp.asarray(x, jnp.bfloat16), jnp.asarray(w, jnp.bfloat16)

    @_compiled
    def both(x, w):
        def gradients(function):
            return jax.value_and_grad(lambda x, w: jnp.sum(function(x, w) ** 2), (0, 1))(x, w)

        return gradients(rewritten(by_xla, form)), gradients(by_xla)

    _assert_same(*both(x, w), tolerance=0.03)
