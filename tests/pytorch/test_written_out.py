"""Tests that what PyTorch computes in one kernel is the same when it is written out."""

from __future__ import annotations

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="PyTorch is not installed")
nn = torch.nn

from xavier_cli.pytorch.look import look  # noqa: E402
from xavier_cli.pytorch.taps import Taps  # noqa: E402
from xavier_cli.pytorch.written_out import WRITTEN_OUT, attention  # noqa: E402

CASES = {
    "LSTM": lambda **more: nn.LSTM(5, 4, 2, **more),
    "LSTM projected": lambda **more: nn.LSTM(5, 4, 2, proj_size=3, **more),
    "GRU": lambda **more: nn.GRU(5, 4, 2, **more),
    "RNN": lambda **more: nn.RNN(5, 4, 2, **more),
    "RNN of ReLU": lambda **more: nn.RNN(5, 4, 2, nonlinearity="relu", **more),
}


def tensors(value):
    if isinstance(value, torch.Tensor):
        return [value]
    return [each for part in value if part is not None for each in tensors(part)]


def assert_same_under_taps(module, *arguments):
    with torch.no_grad():
        plain = module(*arguments)
        taps = Taps(dict(module.named_parameters()))
        x = arguments[0]
        taps.origins.set_example(x if isinstance(x, torch.Tensor) else x.data)
        with taps:
            mine = module(*arguments)
    assert taps.uses
    assert type(mine) is type(plain)
    for one, other in zip(tensors(mine), tensors(plain), strict=True):
        assert one.shape == other.shape
        assert torch.allclose(one.float(), other.float(), atol=1e-6)


@pytest.mark.filterwarnings("ignore:LSTM with projections:UserWarning")
@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("more", [{}, {"bidirectional": True}, {"batch_first": True}, {"bias": False}])
def test_a_recurrence_step_by_step_puts_out_what_the_kernel_does(name, more):
    torch.manual_seed(0)
    module = CASES[name](**more)
    assert_same_under_taps(module, torch.randn(7, 3, 5))
    assert_same_under_taps(module, torch.randn(7, 5))
    sides = 2 * (1 + module.bidirectional)
    state = torch.randn(sides, 3, getattr(module, "proj_size", 0) or 4)
    start = (state, torch.randn(sides, 3, 4)) if module.mode == "LSTM" else state
    x = torch.randn(3, 7, 5) if module.batch_first else torch.randn(7, 3, 5)
    assert_same_under_taps(module, x, start)
    packed = nn.utils.rnn.pack_padded_sequence(x, [3, 7, 1], module.batch_first, enforce_sorted=False)
    assert_same_under_taps(module, packed)
    assert_same_under_taps(module, packed, start)


@pytest.mark.parametrize("cell", [nn.LSTMCell, nn.GRUCell, nn.RNNCell])
def test_a_cell_puts_out_what_its_kernel_does(cell):
    torch.manual_seed(0)
    assert_same_under_taps(cell(5, 4), torch.randn(3, 5))
    assert_same_under_taps(cell(5, 4, bias=False), torch.randn(3, 5))


@pytest.mark.parametrize(
    "more", [{}, {"is_causal": True}, {"scale": 0.3}, {"attn_mask": "bool"}, {"attn_mask": "float"}]
)
def test_attention_puts_out_what_its_kernel_does(more):
    torch.manual_seed(0)
    query, key, value = (torch.randn(2, 4, 5, 8) for _ in range(3))
    mask = torch.randn(5, 5)
    if "attn_mask" in more:
        seen = (mask > -1) | torch.eye(5, dtype=torch.bool)
        more = {"attn_mask": seen if more["attn_mask"] == "bool" else mask}
    kernel = nn.functional.scaled_dot_product_attention
    assert torch.allclose(attention(query, key, value, **more), kernel(query, key, value, **more), atol=1e-6)
    few = key[:, :2]
    grouped = kernel(query, few, few, enable_gqa=True)
    assert torch.allclose(attention(query, few, few, enable_gqa=True), grouped, atol=1e-6)


def test_products_put_out_what_their_kernels_do():
    torch.manual_seed(0)
    a, b, c = torch.randn(3, 4), torch.randn(4, 5), torch.randn(3, 5)
    wanted = torch.addmm(c, a, b, beta=0.5, alpha=2)
    assert torch.allclose(WRITTEN_OUT["addmm"](c, a, b, beta=0.5, alpha=2), wanted, atol=1e-6)
    wanted = torch.addmv(c[:, 0], a, b[:, 0])
    assert torch.allclose(WRITTEN_OUT["addmv"](c[:, 0], a, b[:, 0]), wanted, atol=1e-6)
    x, y = torch.randn(2, 3, 4), torch.randn(4, 3, 6)
    for dims in (([1, 2], [1, 0]), ([-1], [0])):
        wanted = torch.tensordot(x, y, dims)
        assert torch.allclose(WRITTEN_OUT["tensordot"](x, y, dims), wanted, atol=1e-5)
    assert torch.allclose(WRITTEN_OUT["tensordot"](a, b, 1), torch.tensordot(a, b, 1), atol=1e-6)


def test_every_step_of_a_recurrence_is_a_use_and_has_its_gradient():
    class Reads(nn.Module):
        def __init__(self):
            super().__init__()
            self.gru, self.out = nn.GRU(4, 6, batch_first=True), nn.Linear(6, 5)

        def forward(self, x):
            return self.out(self.gru(x)[0][:, -1])

    x = np.random.default_rng(0).normal(size=(12, 7, 4)).astype(np.float32)
    labels = np.arange(12) % 5
    looked = look(Reads, [0], x, labels)
    layers = [(each.name, each.fan_in, each.fan_out, each.uses, each.bias) for each in looked.info.layers]
    assert layers == [
        ("gru.weight_ih_l0", 4, 18, 1, "gru.bias_ih_l0"),
        ("gru.weight_hh_l0", 6, 18, 7, "gru.bias_hh_l0"),
        ("out.weight", 6, 5, 1, "out.bias"),
    ]
    torch.manual_seed(0)
    module = Reads()
    loss = nn.functional.cross_entropy(module(torch.from_numpy(x)), torch.from_numpy(labels))
    loss.backward()
    for at, name in enumerate(("weight_ih_l0", "weight_hh_l0")):
        gradient = getattr(module.gru, name).grad
        np.testing.assert_allclose(
            looked.arrays["weight_gradient/std"][0, at], gradient.std(correction=0), rtol=1e-5
        )
    np.testing.assert_allclose(looked.arrays["loss"][0], loss.item(), rtol=1e-6)
    assert looked.info.layers[1].applied == ("sigmoid", "tanh")
