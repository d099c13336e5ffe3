"""Tests that every parameter of the networks of today is accounted for, by the names that PyTorch writes."""

from __future__ import annotations

import math

import numpy as np
import pytest

from xavier_cli.pytorch.look import look
from xavier_cli.vocabulary.network_info import BATCH_DEPENDENT

torch = pytest.importorskip("torch", reason="PyTorch is not installed")

from tests.support import torch_networks as networks  # noqa: E402

X = np.random.default_rng(0).normal(size=(20, 3, 8, 8)).astype(np.float32)
LABELS = np.arange(20) % 10


def fans_by_shape(name, shape):
    """Fans of a matrix or kernel by its own shape, as PyTorch has it."""
    if name.startswith("up."):
        shape = (shape[1], shape[0], *shape[2:])
    field = math.prod(shape[2:])
    return shape[1] * field, shape[0] * field


def check(make, x, labels, tables=(), others=()):
    """Every parameter of two or more axes is the weight of one layer, but for `tables` and `others`."""
    looked = look(make, [0, 1], x, labels)
    torch.manual_seed(0)
    parameters = dict(make().named_parameters())
    assert [each.name for each in looked.info.parameters] == list(parameters)
    expected = [name for name, each in parameters.items() if each.ndim > 1 and name not in (*tables, *others)]
    assert sorted(each.name for each in looked.info.layers) == sorted(expected)
    for each in looked.info.layers:
        assert (each.fan_in, each.fan_out) == fans_by_shape(each.name, tuple(parameters[each.name].shape))
        if each.bias:
            assert each.bias in parameters
    roles = {each.name: each.role for each in looked.info.parameters}
    assert {name for name, role in roles.items() if role == "weight"} == set(expected)
    norms = {name for name, each in parameters.items() if roles[name] == "other"} - set(others)
    assert all("norm" in name or "bn" in name or "down" in name for name in norms)
    assert looked.info.unseen == ()
    assert looked.info.notes in ((), (BATCH_DEPENDENT,))
    assert looked.info.from_json(looked.info.to_json()) == looked.info
    for name, drawn in looked.draws.items():
        assert np.array_equal(drawn[0], parameters[name].detach().numpy())
    hidden, every = len(looked.info.layers) - 1, len(looked.info.layers)
    for path, values in looked.arrays.items():
        rows = every if path.startswith(("weight", "bias", "entering", "leaving")) else hidden
        assert values.shape[:2] == (2, rows) or path in ("loss", "error"), path
    for path in ("backprop/std", "weight_gradient/std", "preactivation/std", "activation/std"):
        assert np.all(looked.arrays[path] > 0), path
    return looked


def test_a_resnet():
    looked = check(lambda: networks.ResNet20(4), X, LABELS)
    assert looked.info.notes == (BATCH_DEPENDENT,)
    names = [each.name for each in looked.info.layers]
    assert names[:3] == ["conv1.weight", "layer1.0.conv1.weight", "layer1.0.conv2.weight"]
    assert names[-1] == "fc.weight"
    # The shortcut runs behind the block's second convolution.
    at = names.index("layer2.0.conv2.weight")
    assert names[at + 1] == "layer2.0.downsample.0.weight"
    assert looked.info.layers[0].applied == ("relu",)
    assert 0.3 < looked.arrays["activation/inactive"][0, 0] < 0.7


def test_a_vision_transformer():
    looked = check(networks.ViT, X, LABELS, others=("token", "position"))
    names = [each.name for each in looked.info.layers]
    block = "encoder.layers.0."
    assert names[:5] == [
        "patch.weight",
        f"{block}self_attn.in_proj_weight",
        f"{block}self_attn.out_proj.weight",
        f"{block}linear1.weight",
        f"{block}linear2.weight",
    ]
    assert looked.info.layers[3].applied == ("gelu",)
    # Only its class token leaves the last block, but keys and values come from all.
    assert looked.info.layers[-1].fan_in == 16


def test_an_lstm():
    looked = check(networks.LSTMClassifier, X, LABELS)
    uses = {each.name: each.uses for each in looked.info.layers}
    assert uses["lstm.weight_ih_l0"] == 1
    assert uses["lstm.weight_hh_l1_reverse"] == 8


def test_a_unet():
    looked = check(networks.UNet, X, LABELS)
    assert [(each.name, each.kind) for each in looked.info.layers][2] == (
        "up.weight",
        "transposed convolution",
    )


@pytest.mark.frameworks
def test_a_resnet_of_full_size_is_sampled_alike_in_both_layouts():
    from tests.pytorch.test_summary import assert_sampled_alike

    x = np.random.default_rng(0).normal(size=(300, 3, 32, 32)).astype(np.float32)
    labels = np.arange(300) % 10
    looked = look(networks.ResNet20, [0], x, labels)
    assert len(looked.info.layers) == 22
    assert looked.arrays["preactivation/histogram"][0, 0].sum() < 300 * 32 * 32 * 16
    assert_sampled_alike((300, 16, 32, 32))
