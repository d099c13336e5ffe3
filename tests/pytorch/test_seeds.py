"""Tests that looking moves nothing, and that what cannot be looked at is said in one line."""

from __future__ import annotations

import random

import numpy as np
import pytest

from xavier_cli.errors import ExitCode
from xavier_cli.pytorch.look import look
from xavier_cli.vocabulary.network_info import NetworkError

torch = pytest.importorskip("torch", reason="PyTorch is not installed")
nn, functional = torch.nn, torch.nn.functional

LABELS = np.arange(12) % 5
FLAT = np.random.default_rng(1).normal(size=(12, 16)).astype(np.float32)


class Restless(nn.Module):
    """Moves all that a forward pass may: statistics, counters, lists, parameters, attributes, modes."""

    def __init__(self):
        super().__init__()
        self.a = nn.utils.parametrizations.spectral_norm(nn.Linear(16, 8))
        self.norm = nn.BatchNorm1d(8)
        self.drop = nn.Dropout(0.5)
        self.b = nn.Linear(8, 5)
        self.frozen = nn.Parameter(torch.ones(8), requires_grad=False)
        self.register_buffer("count", torch.zeros((), dtype=torch.long))
        self.seen, self.calls, self.last, self.fails = [], 0, None, False
        self.number = nn.Parameter(torch.arange(3), requires_grad=False)

    def forward(self, x):
        h = self.drop(self.norm(self.a(x))) * self.frozen
        self.seen.append(len(x))
        self.calls += 1
        self.last = h
        self.count += 1
        self.fresh = h
        with torch.no_grad():
            self.b.bias.add_(1)
            self.frozen.data = self.frozen.data * 2
        random.random(), np.random.rand(), torch.rand(1)  # noqa: NPY002
        if self.fails:
            raise RuntimeError("it fails\nhere")
        return self.b(h)


def everything(module):
    state = {name: (id(each), each.clone()) for name, each in module.state_dict(keep_vars=True).items()}
    return {
        "tensors": {name: (one, values.detach().tolist()) for name, (one, values) in state.items()},
        "wanted": {name: each.requires_grad for name, each in module.named_parameters()},
        "gradients": {name: each.grad for name, each in module.named_parameters()},
        "modes": [each.training for each in module.modules()],
        "hooks": [
            (list(each._forward_hooks), list(each._forward_pre_hooks), list(each._backward_hooks))
            for each in module.modules()
        ],
        "tensor hooks": [each._backward_hooks for each in module.parameters()],
        "attributes": (list(module.seen), module.calls, module.last, hasattr(module, "fresh")),
        "names": [sorted(vars(each)) for each in module.modules()],
    }


def random_states():
    return torch.get_rng_state().tolist(), np.random.get_state()[1].tolist(), random.getstate()  # noqa: NPY002


@pytest.mark.parametrize("fails", [False, True])
def test_nothing_is_moved(fails):
    module = Restless()
    module.fails = fails
    module.eval()
    module.norm.train()
    module.b.register_forward_hook(lambda *_: None)
    module.a.bias.grad = torch.ones(8)
    before, randomness = everything(module), random_states()
    if fails:
        with pytest.raises(
            NetworkError, match=r"^it does not run on examples of shape \(16,\): it fails here$"
        ):
            look(lambda: module, [0, 1], FLAT, LABELS)
    else:
        looked = look(lambda: module, [0, 1], FLAT, LABELS)
        # The second look is the first again.
        for path, values in looked.arrays.items():
            assert np.array_equal(values[0], values[1], equal_nan=True), path
        roles = {each.name: each.role for each in looked.info.parameters}
        assert roles["number"] == roles["frozen"] == "other"
    assert random_states() == randomness
    assert everything(module) == before
    assert torch.is_grad_enabled()


def test_it_can_be_looked_at_where_gradients_are_off():
    with torch.no_grad():
        looked = look(lambda: nn.Linear(16, 5), [0], FLAT, LABELS)
    assert looked.arrays["weight_gradient/std"][0, 0] > 0
    with torch.inference_mode():
        again = look(lambda: nn.Linear(16, 5), [0], FLAT, LABELS)
    assert np.array_equal(looked.arrays["weight_gradient/std"], again.arrays["weight_gradient/std"])


@pytest.mark.parametrize("kind", [torch.float16, torch.bfloat16, torch.float64])
def test_other_precisions_are_measured_in_float32(kind):
    plain = look(lambda: nn.Sequential(nn.Linear(16, 8), nn.Tanh(), nn.Linear(8, 5)), [0], FLAT, LABELS)
    looked = look(
        lambda: nn.Sequential(nn.Linear(16, 8), nn.Tanh(), nn.Linear(8, 5)).to(kind), [0], FLAT, LABELS
    )
    assert {each.dtype for path, each in looked.arrays.items() if "histogram" not in path} == {
        np.dtype("float32")
    }
    for path, values in plain.arrays.items():
        if path.endswith("/std"):
            np.testing.assert_allclose(looked.arrays[path], values, rtol=0.05, err_msg=path)
    name = str(kind).removeprefix("torch.")
    assert looked.info.notes == (f"It runs in {name}; statistics are in float32.",)
    assert looked.draws["0.weight"][0].dtype == np.float32


def test_autocast_within_forward_is_looked_at():
    class Mixed(nn.Module):
        def __init__(self):
            super().__init__()
            self.a, self.b = nn.Linear(16, 8), nn.Linear(8, 5)

        def forward(self, x):
            with torch.autocast("cpu", torch.bfloat16):
                return self.b(torch.relu(self.a(x)))

    looked = look(Mixed, [0], FLAT, LABELS)
    assert [each.parameter for each in looked.info.layers] == ["a.weight", "b.weight"]
    assert np.all(looked.arrays["weight_gradient/std"] > 0)


def test_a_lazy_network_is_drawn_by_its_first_pass():
    def make():
        return nn.Sequential(nn.LazyLinear(8), nn.LazyBatchNorm1d(), nn.ReLU(), nn.LazyLinear(5))

    looked = look(make, [3], FLAT, LABELS)
    torch.manual_seed(3)
    module = make()
    module.eval()(torch.from_numpy(FLAT))
    assert np.array_equal(looked.draws["0.weight"][0], module[0].weight.detach().numpy())
    assert [each.fan_in for each in looked.info.layers] == [16, 8]


class Calls(nn.Module):
    def __init__(self, forward, **parts):
        super().__init__()
        self.called = forward
        self.w = nn.Linear(16, 5)
        for name, part in parts.items():
            setattr(self, name, part)

    def forward(self, x):
        return self.called(self, x)


class TwoArguments(nn.Module):
    def __init__(self):
        super().__init__()
        self.w = nn.Linear(16, 5)

    def forward(self, x, mask):
        return self.w(x)


def infinite(self, x):
    return self.w(self.v(x) / 0)


def two_devices():
    return nn.Sequential(nn.Linear(16, 8), nn.Linear(8, 5, device="meta"))


def complex_numbers():
    return Calls(None, c=nn.Parameter(torch.ones(2, dtype=torch.complex64)))


REFUSED = {
    "a class": (lambda: nn.Linear, "it returns the class Linear: call it"),
    "no module": (lambda: 3, "it returns int, which is no `torch.nn.Module`"),
    "no weight layer": (
        lambda: nn.Sequential(nn.Unflatten(1, (4, 4)), nn.Flatten(), nn.BatchNorm1d(16)),
        "it has no weight layer",
    ),
    "another shape": (
        lambda: nn.Linear(16, 3),
        r"it returns shape \(12, 3\) for 12 examples of 5 classes: logits are \(12, 5\)",
    ),
    "one number": (lambda: Calls(lambda self, x: self.w(x).mean()), r"it returns shape \(\)"),
    "a tuple": (lambda: Calls(lambda self, x: (self.w(x), x)), "it returns tuple, not logits"),
    "whole numbers": (lambda: Calls(lambda self, x: self.w(x).long()), "it returns torch.int64, not logits"),
    "complex": (complex_numbers, "its parameter `c` is complex"),
    "NaN": (
        lambda: Calls(infinite, v=nn.Linear(16, 16)),
        "not finite: NaN or infinity enters `w.w",
    ),
    "another width": (
        lambda: nn.Linear(15, 5),
        r"does not run on examples of shape \(16,\): mat1 and mat2.*`nn.Flatten\(\)`",
    ),
    "other channels": (
        lambda: nn.Sequential(nn.Unflatten(1, (1, 4, 4)), nn.Conv2d(3, 4, 3)),
        r"to have 3 channels.*number of channels from `inputs\[0\]`",
    ),
    "two arguments": (TwoArguments, "is to take one batch of examples, nothing else: .*'mask'"),
    "on no device": (lambda: nn.Linear(16, 5, device="meta"), "on the device `meta`"),
    "two devices": (two_devices, r"on several devices \(cpu, meta\)"),
    "no gradient": (
        lambda: Calls(torch.no_grad()(lambda self, x: self.w(x))),
        "no gradient comes from its logits",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_be_looked_at_is_said_in_one_line(name):
    make, said = REFUSED[name]
    with pytest.raises(NetworkError, match=said) as refused:
        look(make, [0], FLAT, LABELS)
    assert "\n" not in str(refused.value)
    assert refused.value.exit_code == ExitCode.USAGE


def test_a_network_that_differs_between_seeds_is_refused():
    def make():
        width = int(torch.randint(6, 600, ()))
        return nn.Sequential(nn.Linear(16, width), nn.Linear(width, 5))

    with pytest.raises(NetworkError, match="other layers with seed 1 than with seed 0"):
        look(make, [0, 1], FLAT, LABELS)


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.filterwarnings("ignore:.*torch.jit:FutureWarning")
def test_what_is_compiled_is_refused_by_name_or_unwrapped():
    script = torch.jit.script(nn.Linear(16, 8))
    with pytest.raises(NetworkError, match="its module `0` is a ScriptModule"):
        look(lambda: nn.Sequential(script, nn.Linear(8, 5)), [0], FLAT, LABELS)
    compiled = torch.compile(nn.Linear(16, 8))
    with pytest.raises(NetworkError, match="its module `0` is compiled"):
        look(lambda: nn.Sequential(compiled, nn.Linear(8, 5)), [0], FLAT, LABELS)
    looked = look(lambda: torch.compile(nn.Sequential(nn.Linear(16, 5))), [0], FLAT, LABELS)
    assert [each.name for each in looked.info.layers] == ["0.weight"]


def test_reentrant_checkpoints_are_refused_with_the_remedy():
    from torch.utils.checkpoint import checkpoint

    def forward(self, x):
        return self.w(checkpoint(self.v, self.v(x), use_reentrant=True))

    with pytest.raises(NetworkError, match="pass `use_reentrant=False` to `checkpoint`"):
        look(lambda: Calls(forward, v=nn.Linear(16, 16)), [0], FLAT, LABELS)


def test_an_unknown_loss_is_refused():
    with pytest.raises(NetworkError, match="`hinge` is no loss"):
        look(lambda: nn.Linear(16, 5), [0], FLAT, LABELS, "hinge")


def test_a_product_of_complex_numbers_is_named_and_not_measured():
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.a, self.b = (nn.Parameter(torch.randn(16, 8)) for _ in range(2))
            self.o = nn.Linear(8, 5)

        def forward(self, x):
            return self.o((x.to(torch.cfloat) @ torch.complex(self.a, self.b)).abs())

    x = np.random.default_rng(0).random((20, 16), np.float32)
    info = look(Net, (0,), x, np.arange(20) % 5).info
    assert [layer.name for layer in info.layers] == ["o.weight"]
    (unseen,) = info.unseen
    assert "of complex numbers`, with `a`" in unseen
