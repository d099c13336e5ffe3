"""Tests that a network of PyTorch has the statistics that the same network has as a program of JAX's."""

from __future__ import annotations

import subprocess
import sys

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax import lax

from xavier_cli.errors import MissingPackageError
from xavier_cli.nn.losses import LOSSES
from xavier_cli.nn.programs.layers import gather
from xavier_cli.nn.programs.taps import tap
from xavier_cli.pytorch.look import look
from xavier_cli.statistics.tensor_summary import SymmetricLogBins
from xavier_cli.training.probes.network_probe import make_network_probe

torch = pytest.importorskip("torch", reason="PyTorch is not installed")
nn = torch.nn

RNG = np.random.default_rng(0)
LABELS = np.arange(30) % 10
COUNTED = ("activation", "preactivation", "backprop", "weight_gradient", "weight")
CASES = {
    "tanh": (nn.Tanh, jnp.tanh),
    "relu": (nn.ReLU, jax.nn.relu),
    "sigmoid": (nn.Sigmoid, jax.nn.sigmoid),
    "softsign": (nn.Softsign, jax.nn.soft_sign),
    "gelu": (nn.GELU, lambda s: jax.nn.gelu(s, approximate=False)),
    "silu": (nn.SiLU, jax.nn.silu),
    "softplus": (nn.Softplus, jax.nn.softplus),
    "elu": (nn.ELU, jax.nn.elu),
    "selu": (nn.SELU, jax.nn.selu),
    "leaky_relu": (nn.LeakyReLU, jax.nn.leaky_relu),
    "hard_tanh": (nn.Hardtanh, jax.nn.hard_tanh),
}


def in_jax(apply, params, x, loss):
    network = tap(apply, params, x)
    layers = gather(network.layers, network.applications)
    bins = dict.fromkeys(COUNTED, SymmetricLogBins())
    probe = make_network_probe(network, layers, lambda logits: logits, LOSSES[loss], bins)
    mean_loss = jnp.mean(LOSSES[loss](apply(params, x), LABELS))
    return layers, jax.jit(probe)(LABELS, params, x) | {"loss": mean_loss}


def assert_alike(looked, expected):
    assert {*looked.arrays} == {*expected, "error"}
    for path, values in expected.items():
        mine, wanted = looked.arrays[path][0], np.asarray(values)
        assert mine.shape == wanted.shape, path
        if path.endswith("/histogram"):
            assert mine.dtype == wanted.dtype
            # A value within a rounding of an edge may fall on either side of it.
            assert np.abs(mine - wanted).sum() <= 4, path
        else:
            np.testing.assert_allclose(mine, wanted, rtol=2e-4, atol=2e-7, err_msg=path)


@pytest.mark.parametrize("name", CASES)
def test_a_perceptron_has_the_statistics_of_the_same_in_jax(name):
    module, function = CASES[name]
    loss = "quadratic" if name == "tanh" else "cross_entropy"
    x = RNG.normal(0, 2, (30, 20)).astype(np.float32)
    looked = look(
        lambda: nn.Sequential(nn.Linear(20, 12), module(), nn.Linear(12, 11), module(), nn.Linear(11, 10)),
        [3],
        x,
        LABELS,
        loss,
    )
    params = [
        (looked.layer_draws[at][0], looked.draws[f"{2 * at}.bias"][0])
        for at in range(len(looked.info.layers))
    ]

    def apply(params, x):
        for weight, bias in params[:-1]:
            x = function(x @ weight + bias)
        return x @ params[-1][0] + params[-1][1]

    layers, expected = in_jax(apply, params, x, loss)
    assert_alike(looked, expected)
    for mine, wanted in zip(looked.info.layers, layers, strict=True):
        assert (mine.shape, mine.fan_in, mine.fan_out) == (wanted.first.shape, wanted.fan_in, wanted.fan_out)
        assert (
            mine.applied
            == tuple(each.function for each, _ in wanted.applied)
            == ((name,) * len(mine.applied))
        )


def test_convolutions_with_batch_normalization_have_the_statistics_of_the_same_in_jax():
    x = RNG.normal(size=(30, 3, 16, 16)).astype(np.float32)
    looked = look(
        lambda: nn.Sequential(
            nn.Conv2d(3, 8, 3, 2, 1, bias=False),
            nn.BatchNorm2d(8),
            nn.ReLU(inplace=True),
            nn.Dropout(0.5),
            nn.Conv2d(8, 12, 3, groups=4),
            nn.Tanh(),
            nn.ConvTranspose2d(12, 6, 2, 2),
            nn.AdaptiveAvgPool2d(1),
            nn.Flatten(),
            nn.Linear(6, 10),
        ),
        [1],
        x,
        LABELS,
    )
    weights = [each[0] for each in looked.layer_draws]
    biases = [looked.draws[f"{at}.bias"][0] for at in (4, 6, 9)]
    numbers = ("NHWC", "HWIO", "NHWC")

    def apply(params, x):
        (a, b, c, d), (of_b, of_c, of_d) = params
        h = lax.conv_general_dilated(x, a, (2, 2), ((1, 1), (1, 1)), dimension_numbers=numbers)
        h = jax.nn.relu((h - h.mean((0, 1, 2))) / jnp.sqrt(h.var((0, 1, 2)) + 1e-5))
        h = lax.conv_general_dilated(h, b, (1, 1), "VALID", dimension_numbers=numbers, feature_group_count=4)
        # A transposed convolution of PyTorch's turns its kernel.
        h = lax.conv_transpose(jnp.tanh(h + of_b), c[::-1, ::-1], (2, 2), "VALID", dimension_numbers=numbers)
        return (h + of_c).mean((1, 2)) @ d + of_d

    layers, expected = in_jax(apply, (weights, biases), x.transpose(0, 2, 3, 1), "cross_entropy")
    assert_alike(looked, expected)
    for mine, wanted in zip(looked.info.layers, layers, strict=True):
        assert (mine.shape, mine.fan_in, mine.fan_out) == (wanted.first.shape, wanted.fan_in, wanted.fan_out)
    kinds = [(each.kind, each.receptive_field) for each in looked.info.layers]
    assert kinds == [("convolution", 9), ("convolution", 9), ("transposed convolution", 4), ("dense", 1)]


def test_every_seed_is_drawn_as_pytorch_draws_it():
    x = RNG.normal(size=(30, 20)).astype(np.float32)
    looked = look(lambda: nn.Sequential(nn.Linear(20, 10)), [5, 2], x, LABELS, bins=False)
    for at, seed in enumerate((5, 2)):
        torch.manual_seed(seed)
        module = nn.Linear(20, 10)
        assert np.array_equal(looked.draws["0.weight"][at], module.weight.detach().numpy())
        assert np.array_equal(looked.layer_draws[0][at], module.weight.detach().numpy().T)
        wrong = module(torch.from_numpy(x)).argmax(1).numpy() != LABELS
        assert looked.arrays["error"][at] == np.float32(wrong.mean())
    assert not [path for path in looked.arrays if path.endswith("histogram")]
    # A network of one layer has none behind whose activation is looked at.
    assert looked.arrays["entering/std"].shape == (2, 1)
    assert looked.info.framework == "PyTorch"


def test_no_jax_is_imported():
    code = """
import sys
import numpy as np
from torch import nn
from xavier_cli.pytorch.look import look
x = np.random.default_rng(0).normal(size=(8, 20)).astype(np.float32)
look(lambda: nn.Sequential(nn.Linear(20, 12), nn.Tanh(), nn.Linear(12, 10)), [0], x, np.arange(8))
assert "jax" not in sys.modules, "jax"
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_without_pytorch_it_says_what_to_install(monkeypatch):
    monkeypatch.setattr("xavier_cli.pytorch.look.find_spec", lambda name: None)
    with pytest.raises(MissingPackageError, match="pip install torch"):
        look(lambda: None, [0], np.zeros((1, 2), np.float32), np.zeros(1, int))
