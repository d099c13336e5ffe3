"""Tests that modules of Flax, Equinox and Haiku are watched by the numbers that a loop holds."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from xavier_cli import read_run, watch
from xavier_cli.errors import XavierError

pytestmark = [pytest.mark.frameworks, pytest.mark.usefixtures("in_own_folder")]

RNG = np.random.default_rng(0)
X = RNG.normal(size=(60, 12)).astype(np.float32)
Y = RNG.integers(0, 3, 60)


def assert_watched(path, names, framework):
    run = read_run(path)
    assert run.updates.tolist() == [0, 1]
    assert [each.name for each in run.network.layers] == names
    assert run.network.framework == framework
    # Twice the weight of the first layer at the second record.
    first, second = run["weight/std"][0, :, 0]
    np.testing.assert_allclose(second, 2 * first, rtol=1e-5)
    assert np.isfinite(run["curves/valid_loss"]).all()
    return run


def test_linen_by_variables_or_parameters_and_state(tmp_path):
    nn = pytest.importorskip("flax.linen")

    class Network(nn.Module):
        @nn.compact
        def __call__(self, x, train: bool):
            x = nn.BatchNorm(use_running_average=not train)(nn.Dense(10)(x))
            return nn.Dense(3)(nn.Dropout(0.5, deterministic=not train)(jnp.tanh(x)))

    model = Network()
    variables = model.init(jax.random.key(0), X[:1], train=False)
    more = jax.tree.map(lambda each: each, variables)
    more["params"]["Dense_0"]["kernel"] = 2 * more["params"]["Dense_0"]["kernel"]
    for number, (first, then) in enumerate(
        (
            ({"params": variables}, (more,)),
            (
                {"params": variables["params"], "state": {"batch_stats": variables["batch_stats"]}},
                (more["params"], {"batch_stats": more["batch_stats"]}),
            ),
        )
    ):
        path = tmp_path / f"{number}.h5"
        with watch(model, path, examples=(X, Y), records="every:1", **first) as run:
            run.record(1, *then)
        told = assert_watched(path, ["Dense_0/kernel", "Dense_1/kernel"], "Flax Linen")
        assert told.config.network.short == "Network"


def test_nnx_holds_its_numbers_and_keeps_its_modes_and_streams(tmp_path):
    nnx = pytest.importorskip("flax.nnx")

    class Network(nnx.Module):
        def __init__(self, rngs):
            self.first, self.last = nnx.Linear(12, 10, rngs=rngs), nnx.Linear(10, 3, rngs=rngs)
            self.norm, self.drop = nnx.BatchNorm(10, rngs=rngs), nnx.Dropout(0.5, rngs=rngs)

        def __call__(self, x):
            return self.last(self.drop(jnp.tanh(self.norm(self.first(x)))))

    model = Network(nnx.Rngs(0))

    def everything():
        def plain(each):
            is_key = jnp.issubdtype(each.dtype, jax.dtypes.prng_key)
            return np.asarray(jax.random.key_data(each) if is_key else each)

        return [plain(each) for each in jax.tree.leaves(nnx.state(model))]

    with watch(model, tmp_path / "run.h5", examples=(X, Y), records="every:1") as run:
        model.first.kernel[...] = 2 * model.first.kernel[...]
        before = everything(), model.drop.deterministic, model.norm.use_running_average
        run.record(1)
    after = everything(), model.drop.deterministic, model.norm.use_running_average

    assert_watched(tmp_path / "run.h5", ["first/kernel", "last/kernel"], "Flax NNX")
    assert after[1:] == before[1:]
    for one, other in zip(before[0], after[0], strict=True):
        np.testing.assert_array_equal(one, other)


def test_equinox_is_given_as_it_is_now(tmp_path):
    eqx = pytest.importorskip("equinox")
    model = eqx.nn.MLP(12, 3, 10, 1, key=jax.random.key(0))
    now = eqx.tree_at(lambda each: each.layers[0].weight, model, 2 * model.layers[0].weight)
    with watch(model, tmp_path / "run.h5", examples=(X, Y), records="every:1") as run:
        with pytest.raises(XavierError, match="give the parameters as they are now"):
            run.record(1)
        run.record(1, now)

    assert_watched(tmp_path / "run.h5", ["layers/0/weight", "layers/1/weight"], "Equinox")


def test_haiku(tmp_path):
    hk = pytest.importorskip("haiku")
    model = hk.transform(lambda x: hk.Linear(3)(jnp.tanh(hk.Linear(10)(x))))
    params = model.init(jax.random.key(0), X[:1])
    now = {**params, "linear_1": {**params["linear_1"], "w": 2 * params["linear_1"]["w"]}}
    with watch(model, tmp_path / "run.h5", examples=(X, Y), records="every:1", params=params) as run:
        run.record(1, now)

    run = assert_watched(tmp_path / "run.h5", ["linear_1/w", "linear/w"], "Haiku")
    assert run.config.network.short == "network"
