"""Records leave the devices as one vector each, and what lies in it is the program's own to say."""

from __future__ import annotations

import pickle

import jax
import jax.numpy as jnp
import numpy as np

from xavier_cli.training.engine.packing import pack, unpack


def looked(x):
    """Two arrays of a member, by name, one of them of whole numbers."""
    return pack({"mean": x.mean(), "counts": jnp.arange(6, dtype=jnp.int32).reshape(2, 3)})


def on_host(packed):
    return unpack(jax.tree.map(np.asarray, packed))


def test_what_is_unpacked_is_what_was_packed_with_the_axes_of_whatever_looped_over_it():
    members = jnp.array([[1.0, 3.0], [2.0, 6.0], [0.5, 0.5]])

    for loop in (jax.vmap(looked), lambda each: jax.lax.map(looked, each)):
        arrays = on_host(jax.jit(loop)(members))
        assert arrays["mean"].tolist() == [2.0, 4.0, 0.5]
        assert arrays["counts"].dtype == np.int32
        np.testing.assert_array_equal(
            arrays["counts"], np.broadcast_to(np.arange(6).reshape(2, 3), (3, 2, 3))
        )


def test_a_program_that_was_kept_says_what_is_in_its_vector_without_being_traced():
    lowered = jax.jit(looked).lower(jnp.ones(2))
    program = lowered.compile()
    tree = pickle.loads(pickle.dumps(lowered.out_tree))
    leaves = jax.tree.leaves(program(jnp.array([1.0, 3.0])))

    assert on_host(jax.tree.unflatten(tree, leaves))["mean"] == 2.0
