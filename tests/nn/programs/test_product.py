"""Products of tensors as products of matrices: the same numbers and derivatives as JAX's own."""

from functools import partial
from itertools import permutations

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jax import lax

from tests.support.drawn_numbers import normal
from xavier_cli.nn.programs.product import is_merged, merged_product
from xavier_cli.nn.programs.rewriting import rewritten

KINDS = {"rows": 2, "contracted": 2, "left": 2, "right": 2}


@st.composite
def products(draw):
    """Operands with up to two axes of each kind, in any order, and the dimension numbers of their product."""
    sides = {kind: draw(st.lists(st.integers(1, 3), max_size=most)) for kind, most in KINDS.items()}

    def operand(own, seed):
        axes = [(kind, at) for kind in ("rows", "contracted", own) for at in range(len(sides[kind]))]
        axes = draw(st.sampled_from(list(permutations(axes))[:50])) if axes else ()
        shape = tuple(sides[kind][at] for kind, at in axes)
        array = np.random.default_rng(seed).normal(size=shape).astype(np.float32)
        found = {
            kind: [axes.index((kind, at)) for at in range(len(sides[kind]))]
            for kind in KINDS
            if kind in ("rows", "contracted")
        }
        return array, found

    (lhs, of_lhs), (rhs, of_rhs) = operand("left", 0), operand("right", 1)
    return lhs, rhs, tuple((tuple(of_lhs[kind]), tuple(of_rhs[kind])) for kind in ("contracted", "rows"))


@settings(deadline=None, max_examples=20)
@given(products())
def test_a_merged_product_is_the_product_with_its_derivatives(product):
    lhs, rhs, dimensions = product

    def plain(lhs, rhs):
        return lax.dot_general(lhs, rhs, dimensions, precision="highest")

    def merged(lhs, rhs):
        return merged_product(
            lhs, rhs, dimensions=dimensions, precision=lax.Precision.HIGHEST, preferred_element_type=None
        )

    # Compiling is most of the time, and nothing here needs to be fast.
    @partial(jax.jit, compiler_options={"xla_backend_optimization_level": 0})
    def both(lhs, rhs):
        """Of each the product and its derivatives."""
        pairs = (jax.vjp(function, lhs, rhs) for function in (merged, plain))
        return [(product, *backward(jnp.ones_like(product))) for product, backward in pairs]

    for one, other in zip(*both(lhs, rhs), strict=True):
        assert one.shape == other.shape
        np.testing.assert_allclose(one, other, rtol=1e-5, atol=1e-5)


def attention(weights, x):
    q, k, v = jnp.split(x @ weights, 3, axis=-1)
    heads = [each.reshape(*x.shape[:2], 2, -1) for each in (q, k, v)]
    scores = jax.nn.softmax(jnp.einsum("bqhd,bkhd->bhqk", *heads[:2]))
    return jnp.einsum("bhqk,bkhd->bqhd", scores, heads[2]).reshape(x.shape)


def ranks_in(jaxpr):
    found = []
    for equation in jaxpr.eqns:
        if equation.primitive.name == "dot_general":
            dimensions = equation.params["dimension_numbers"]
            found.append(is_merged(dimensions, *(each.aval.ndim for each in equation.invars)))
        for value in equation.params.values():
            inner = getattr(value, "jaxpr", value)
            found += ranks_in(inner) if hasattr(inner, "eqns") else []
    return found


@pytest.mark.parametrize("looped", [False, True])
def test_an_attention_has_products_of_matrices_alone_also_in_its_gradient(looped):
    def network(weights, x):
        if looped:
            return lax.scan(lambda x, _: (attention(weights, x), None), x, length=2)[0]
        return attention(weights, x)

    weights, x = normal(0, 8, 24), normal(1, 3, 5, 8)

    def gradient(function):
        return jax.jit(jax.grad(lambda *given: jnp.sum(function(*given) ** 2), argnums=(0, 1)))

    merged = rewritten(network, "canonical", merges_products=True)
    assert not all(ranks_in(jax.make_jaxpr(gradient(network))(weights, x).jaxpr))
    assert all(ranks_in(jax.make_jaxpr(gradient(merged))(weights, x).jaxpr))
    for one, other in zip(gradient(merged)(weights, x), gradient(network)(weights, x), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-4)


def test_without_being_asked_products_stay():
    plain = jax.make_jaxpr(rewritten(attention, "canonical"))(jnp.ones((8, 24)), jnp.ones((3, 5, 8)))
    assert not all(ranks_in(plain.jaxpr))
