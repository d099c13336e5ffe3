"""Tests that the recipes' networks are what every framework makes of the same weights, layer by layer."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from tests.support.equivalence import look
from tests.support.recipe_networks import CLASSES, INPUTS, SETTINGS, WRITINGS, plain_name, torch

FOLDER = Path(__file__).parents[2] / "recipes" / "networks"
KINDS = [
    ("cnn", {}),
    ("resnet", {}),
    ("resnet", {"norm": "group"}),
    ("transformer", {"norm": "pre"}),
    ("transformer", {"norm": "post"}),
]
IN_EVERY_RUN = {("equinox", "cnn"), ("flax.linen", "transformer")}
X = jax.random.normal(jax.random.key(5), (12, *INPUTS))
LABELS = jnp.arange(12) % CLASSES
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")


def plain(name, **settings):
    """The function of a network in its file, with the small size of these tests."""
    spec = importlib.util.spec_from_file_location(f"recipe_{name}", FOLDER / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return getattr(module, name)(INPUTS, CLASSES, **{**SETTINGS[name], **settings})


def drawn(name, **settings):
    """The network, and parameters of which none is zero or one, so that each counts."""
    init, apply = plain(name, **settings)
    params = init(jax.random.key(0))
    leaves, structure = jax.tree.flatten(params)
    keys = jax.random.split(jax.random.key(1), len(leaves))
    noisy = [each + 0.1 * jax.random.normal(key, each.shape) for each, key in zip(leaves, keys, strict=True)]
    return (init, apply), jax.tree.unflatten(structure, noisy)


def by_path(params):
    return {
        "/".join(str(getattr(key, "key", getattr(key, "idx", key))) for key in path): np.asarray(leaf)
        for path, leaf in jax.tree_util.tree_leaves_with_path(params)
    }


def cases():
    for framework in WRITINGS:
        for name, settings in KINDS:
            marks = () if (framework, name) in IN_EVERY_RUN else pytest.mark.frameworks
            label = "-".join([framework, name, *settings.values()])
            yield pytest.param(framework, name, settings, marks=marks, id=label)


def check_alike(expected, logits, layers, statistics):
    np.testing.assert_allclose(logits, expected.logits, rtol=2e-4, atol=2e-5)
    assert layers == expected.layers
    assert {*expected.statistics} == {*statistics}
    for path, wanted in expected.statistics.items():
        wanted, found = np.asarray(wanted), np.asarray(statistics[path])
        assert found.shape == wanted.shape, path
        # A mean that is zero but for rounding is measured by the spread around it.
        of = expected.statistics[path.replace("/mean", "/std")]
        scale = np.nanmax(np.abs(np.asarray(of))) or 1.0
        np.testing.assert_allclose(found / scale, wanted / scale, atol=2e-5, err_msg=path)


@pytest.mark.parametrize(("framework", "name", "settings"), list(cases()))
def test_a_framework_makes_the_same_network(framework, name, settings):
    pytest.importorskip(framework.partition(".")[0], reason=f"{framework} is not installed")
    functions, params = drawn(name, **settings)
    expected = look(lambda key: functions, params, X, LABELS, {})
    writing = WRITINGS[framework](name, settings.get("norm", "none"))
    own = writing.placed(_params(writing, X), by_path(params))

    found = look(writing.make, own, X, LABELS, {})

    check_alike(expected, found.logits, [plain_name(each) for each in found.layers], found.statistics)


def _params(writing, x):
    from xavier_cli.nn.adapters.network import adapt

    return adapt(writing.make, x[:1], jax.random.key(0)).init(jax.random.key(1))[0]


@pytest.mark.frameworks
@pytest.mark.parametrize(("name", "settings"), KINDS)
def test_pytorch_makes_the_same_network(name, settings):
    pytest.importorskip("torch", reason="PyTorch is not installed")
    from xavier_cli.pytorch.look import look as look_at

    functions, params = drawn(name, **settings)
    expected = look(lambda key: functions, params, X, LABELS, {})
    writing = torch(name, settings.get("norm", "none"))
    images = np.moveaxis(np.array(X), -1, 1)

    def make():
        return writing.placed(writing.make(None), by_path(params))

    found = look_at(make, [0], images, np.array(LABELS), bins=False)

    import torch as pytorch

    with pytorch.no_grad():
        logits = make()(pytorch.from_numpy(images)).numpy()
    names = [plain_name(each.name) for each in found.info.layers]
    statistics = {path: found.arrays[path][0] for path in expected.statistics}
    check_alike(expected, logits, names, statistics)


@pytest.mark.parametrize(("name", "settings"), KINDS)
def test_a_network_draws_what_it_is_told(name, settings):
    for init, kind in (("he_normal", jax.nn.initializers.he_normal), ("orthogonal", None)):
        start, _ = plain(name, init=init, **settings)
        params = by_path(start(jax.random.key(0)))
        for path, each in params.items():
            if not path.endswith("kernel"):
                continue
            fan_in = np.prod(each.shape[:-1])
            if kind:
                assert np.std(each) == pytest.approx(np.sqrt(2 / fan_in), rel=0.35), path
            else:
                matrix = each.reshape(-1, each.shape[-1])
                small = matrix.T @ matrix if len(matrix) >= matrix.shape[1] else matrix @ matrix.T
                np.testing.assert_allclose(small, np.eye(len(small)), atol=1e-4)


def test_zero_makes_every_block_the_identity():
    start, apply = plain("resnet", zero=True)
    params = start(jax.random.key(0))
    deeper_start, deeper = plain("resnet", zero=True, depth=7)
    more = {**deeper_start(jax.random.key(3)), "stem": params["stem"], "head": params["head"]}

    assert all(not block["last"]["kernel"].any() for block in params["blocks"])
    np.testing.assert_array_equal(apply(params, X), deeper(more, X))


@pytest.mark.parametrize(
    ("name", "settings", "said"),
    [
        ("cnn", {"depth": 1}, "depth 2 or more"),
        ("cnn", {"patch": 9}, "needs images of 9×9"),
        ("resnet", {"norm": "batch"}, "neither none nor group"),
        ("transformer", {"norm": "none"}, "pre or post"),
        ("transformer", {"heads": 5}, "a multiple of heads"),
    ],
)
def test_what_a_network_cannot_be_is_said(name, settings, said):
    with pytest.raises(ValueError, match=said):
        plain(name, **settings)
