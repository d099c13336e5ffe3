"""dlogits/dx of networks of JAX's, against `mlp`'s, NumPy's and JAX's own Jacobians."""

from itertools import pairwise

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from tests.support.drawn_numbers import normal, normals_by_key
from tests.support.equivalence import SIZES, WRITINGS
from xavier_cli.nn import mlp
from xavier_cli.nn.activations import make_activation
from xavier_cli.nn.inspection.prepare import prepare
from xavier_cli.nn.network import Network
from xavier_cli.statistics.singular_values import averages
from xavier_cli.training.probes.end_to_end import make_end_to_end
from xavier_cli.training.probes.jacobian import JacobianMeter, factors
from xavier_cli.vocabulary.resolve import find_activation

KEY = jax.random.key(0)
CHOSEN = [0, 7, 14]


def seen(init, apply, x, classes, params=None, chosen=CHOSEN):
    """What is measured of a network as a pair of functions, with `params` or those that it draws."""
    prepared = prepare(lambda key: (init, apply), x.shape[1:], classes, "nets.py:made", x)
    drawn, state = jax.jit(prepared.network.init)(KEY)
    return make_end_to_end(prepared, x, chosen)(drawn if params is None else params, state, KEY)


def of_jacobians(apply, params, x, chosen=CHOSEN):
    """The averages of the Jacobians that JAX gives of each example's own logits, the others held fixed."""

    def own(example, at):
        return apply(params, x.at[at].set(example))[at]

    jacobian = jax.jit(jax.jacrev(own))
    whole = np.stack([np.asarray(jacobian(x[at], at)) for at in chosen])
    return averages(np.linalg.svd(whole.reshape(*whole.shape[:2], -1), compute_uv=False))


@pytest.mark.parametrize("sizes", [(20, 16, 12, 10), (6, 30, 10), (9, 10)])
def test_a_perceptron_by_hand_has_the_singular_values_of_mlp(sizes):
    x = normal(0, 20, sizes[0])
    shapes = [*pairwise(sizes)]
    params = tuple(
        mlp.Dense(normal(at, *fans, std=fans[0] ** -0.5), jnp.full(fans[1], 0.1))
        for at, fans in enumerate(shapes)
    )

    def init(key):
        return [(w, jnp.zeros(w.shape[1])) for w in normals_by_key(key, *shapes)]

    def apply(params, x):
        for weight, bias in params[:-1]:
            x = jnp.tanh(x @ weight + bias)
        return x @ params[-1][0] + params[-1][1]

    own = [(layer.weight, layer.bias) for layer in params]
    found = seen(init, apply, x, sizes[-1], own)
    assert not found.is_in_batch
    assert found.error == 0
    if len(sizes) == 2:
        # `mlp` has a hidden layer at least: here the singular values are the weight's.
        expected = averages(np.linalg.svd(np.asarray(own[0][0], np.float64), compute_uv=False)[None])
    else:
        network = Network(make_activation(find_activation("tanh")))
        whole = JacobianMeter(network).singular(*factors(params, x[np.array(CHOSEN)], network))
        expected = {name: float(whole.averages[f"end_to_end_{name}"]) for name in found.averages}
    assert found.averages == pytest.approx(expected, rel=3e-6)


@pytest.mark.frameworks
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.parametrize("name", [name for name in WRITINGS if name != "by hand"])
def test_a_perceptron_in_any_writing_has_the_same_singular_values(name):
    pytest.importorskip(name.partition(".")[0], reason=f"{name} is not installed")
    params = mlp.init_params(KEY, SIZES, jax.nn.initializers.lecun_normal())
    x = normal(0, 20, SIZES[0])

    def written(name):
        make, placed = WRITINGS[name]()
        prepared = prepare(make, x.shape[1:], SIZES[-1], "nets.py:made", x)
        return make_end_to_end(prepared, x, CHOSEN)(placed(params), prepared.state, KEY)

    assert written(name).averages == pytest.approx(written("by hand").averages, rel=1e-5)


def branched(params, x):
    first = jax.lax.conv_general_dilated(
        x, params["kernel"], (2, 2), "SAME", dimension_numbers=("NHWC", "HWIO", "NHWC")
    )
    h = jax.nn.relu(first).reshape(len(x), -1)
    return h @ params["last"] + x.reshape(len(x), -1)[:, :5] ** 2


def draw_branched(key):
    return dict(zip(("kernel", "last"), normals_by_key(key, (3, 3, 2, 4), (36, 5)), strict=True))


def test_a_network_with_branches_has_the_singular_values_of_its_jacobian():
    x = normal(0, 20, 6, 6, 2)
    found = seen(draw_branched, branched, x, 5)
    assert not found.is_in_batch
    assert found.averages == pytest.approx(of_jacobians(branched, jax.jit(draw_branched)(KEY), x), rel=1e-4)


def normalized(params, x):
    s = x @ params["first"]
    return jnp.tanh((s - s.mean(0)) / jnp.sqrt(s.var(0) + 1e-5)) @ params["last"]


def draw_normalized(key):
    return dict(zip(("first", "last"), normals_by_key(key, (8, 9), (9, 4)), strict=True))


def test_under_batch_normalization_the_rest_of_the_batch_is_held_fixed():
    x = 3 * normal(0, 20, 8) + 1
    found = seen(draw_normalized, normalized, x, 4)
    assert found.is_in_batch
    params = jax.jit(draw_normalized)(KEY)
    assert found.averages == pytest.approx(of_jacobians(normalized, params, x), rel=1e-4)

    def held(params, x):
        # An example's own effect on the statistics counts: with them held it is another number.
        s = x @ params["first"]
        mean, var = (jax.lax.stop_gradient(each) for each in (s.mean(0), s.var(0)))
        return jnp.tanh((s - mean) / jnp.sqrt(var + 1e-5)) @ params["last"]

    assert found.averages["mean"] != pytest.approx(of_jacobians(held, params, x)["mean"], rel=1e-3)
    # Statistics through which no gradient passes are the whole batch's all the same.
    assert seen(draw_normalized, held, x, 4).averages == pytest.approx(
        of_jacobians(held, params, x), rel=1e-4
    )


def test_where_no_derivative_passes_back_there_are_no_singular_values():
    def apply(params, x):
        doubled = jax.lax.while_loop(
            lambda pair: pair[0] < 1, lambda pair: (pair[0] + 1, 2 * pair[1]), (0, x)
        )
        return doubled[1] @ params

    found = seen(lambda key: jax.random.normal(key, (8, 4)), apply, normal(0, 20, 8), 4)
    assert np.isnan([*found.averages.values()]).all()
