"""Tests that a watched module has the statistics of the same network as functions of JAX."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from xavier_cli.training.watched import WatchedFunctions

torch = pytest.importorskip("torch", reason="PyTorch is not installed")
nn = torch.nn

from xavier_cli.pytorch.watched import WatchedModule  # noqa: E402

pytestmark = pytest.mark.frameworks

X = np.random.default_rng(0).normal(size=(50, 20)).astype(np.float32)
Y = np.arange(50) % 5


def apply(params, x):
    x = jax.nn.relu(x @ params[0][0] + params[0][1])
    x = jnp.tanh(x @ params[1][0] + params[1][1])
    return x @ params[2][0] + params[2][1]


@pytest.mark.parametrize("reduction", ["none", "mean", "sum"])
def test_both_see_the_same(reduction):
    torch.manual_seed(0)
    layers = nn.Linear(20, 30), nn.Linear(30, 30), nn.Linear(30, 5)
    module = nn.Sequential(layers[0], nn.ReLU(), layers[1], nn.Tanh(), layers[2])
    params = [(each.weight.detach().numpy().T, each.bias.detach().numpy()) for each in layers]
    reduce = {"none": lambda losses: losses, "mean": jnp.mean, "sum": jnp.sum}[reduction]

    def loss(logits, y):
        said = jnp.take_along_axis(logits, y[:, None], 1)[:, 0]
        return reduce(jax.nn.logsumexp(logits, axis=1) - said)

    mine = WatchedModule(module, X, Y, nn.CrossEntropyLoss(reduction=reduction)).look()
    theirs = WatchedFunctions((lambda key: params, apply), X, Y, loss, params, None).look(params, None)

    # Where one bounded function gives all activations JAX's bins are others; here several do.
    assert {*mine} == {*theirs}
    for path in mine:
        if path.endswith("/histogram"):
            assert np.abs(mine[path] - theirs[path]).sum() <= 4, path
        else:
            np.testing.assert_allclose(mine[path], theirs[path], rtol=2e-4, atol=1e-6, err_msg=path)
