"""Tests that the weight layers of PyTorch's modules and functions are found, whoever calls them."""

from __future__ import annotations

import numpy as np
import pytest

from xavier_cli.pytorch.look import look

torch = pytest.importorskip("torch", reason="PyTorch is not installed")
nn, functional = torch.nn, torch.nn.functional

LABELS = np.arange(12) % 5
FLAT = np.random.default_rng(1).normal(size=(12, 16)).astype(np.float32)
IMAGES = np.random.default_rng(2).normal(size=(12, 3, 8, 8)).astype(np.float32)


def seen(module, x=FLAT):
    """What is seen of a module: the layers as (name, fan-in, fan-out, uses, bias), and all of it."""
    looked = look(lambda: module, [0], x, LABELS)
    return [
        (each.name, each.fan_in, each.fan_out, each.uses, each.bias) for each in looked.info.layers
    ], looked


def roles(looked):
    return {each.name: each.role for each in looked.info.parameters}


class Called(nn.Module):
    """Modules and parameters, and a function of them and the examples."""

    def __init__(self, forward, **parts):
        super().__init__()
        for name, part in parts.items():
            setattr(self, name, nn.Parameter(part) if isinstance(part, torch.Tensor) else part)
        self.called = forward

    def forward(self, x):
        return self.called(self, x)


def test_convolutions_of_every_kind():
    network = nn.Sequential(
        nn.Unflatten(1, (2, 8)),
        nn.Conv1d(2, 4, 3),
        nn.ConvTranspose1d(4, 6, 2, groups=2),
        nn.Unflatten(2, (7, 1)),
        nn.Conv2d(6, 3, (2, 1), padding_mode="circular", padding=1),
        nn.Unflatten(3, (1, 3)),
        nn.Conv3d(3, 2, (2, 1, 3), bias=False),
        nn.ConvTranspose3d(2, 2, 2),
        nn.Flatten(),
        nn.LazyLinear(5),
    )
    layers, looked = seen(network)
    assert layers == [
        ("1.weight", 6, 12, 1, "1.bias"),
        ("2.weight", 4, 6, 1, "2.bias"),
        ("4.weight", 12, 6, 1, "4.bias"),
        ("6.weight", 18, 12, 1, ""),
        ("7.weight", 16, 16, 1, "7.bias"),
        ("9.weight", *reversed(network[9].weight.shape), 1, "9.bias"),
    ]
    shapes = [each.shape for each in looked.info.layers]
    assert shapes[:4] == [(3, 2, 4), (2, 2, 6), (2, 1, 6, 3), (2, 1, 3, 3, 2)]
    assert [each[0].shape for each in looked.layer_draws] == shapes
    # A unit's numbers stand together: those of PyTorch's second output channel.
    assert np.array_equal(looked.layer_draws[0][0][:, :, 1].T, network[1].weight.detach()[1])
    assert np.array_equal(looked.layer_draws[1][0][:, 0, 4], network[2].weight.detach()[2, 1])


@pytest.mark.parametrize(
    ("forward", "weight", "fans"),
    [
        (lambda net, x: functional.linear(x, net.w), (7, 16), (16, 7)),
        (lambda net, x: x @ net.w, (16, 7), (16, 7)),
        (lambda net, x: x @ net.w.T, (7, 16), (16, 7)),
        (lambda net, x: (net.w @ x.T).T, (7, 16), (16, 7)),
        (lambda net, x: torch.mm(x, net.w.t()), (7, 16), (16, 7)),
        (lambda net, x: torch.einsum("bi,io->bo", x, net.w), (16, 7), (16, 7)),
        (lambda net, x: torch.einsum("...i,oi->...o", [x, net.w]), (7, 16), (16, 7)),
        (lambda net, x: torch.tensordot(x, net.w, dims=([1], [1])), (7, 16), (16, 7)),
        (lambda net, x: torch.bmm(x[:, None], net.w.expand(12, -1, -1))[:, 0], (16, 7), (16, 7)),
        (lambda net, x: torch.ops.aten.linear.default(x, net.w), (7, 16), (16, 7)),
        (lambda net, x: torch.inner(x, net.w), (7, 16), (16, 7)),
        (lambda net, x: torch.stack([torch.mv(net.w, each) for each in x]), (7, 16), (16, 7)),
        (lambda net, x: torch.linalg.multi_dot([x, net.w]), (16, 7), (16, 7)),
    ],
)
def test_a_product_by_any_function_is_a_layer(forward, weight, fans):
    network = Called(
        lambda net, x: net.out(torch.tanh(forward(net, x))), w=torch.randn(weight), out=nn.Linear(7, 5)
    )
    layers, looked = seen(network)
    assert [(name, each_in, each_out) for name, each_in, each_out, *_ in layers] == [
        ("w", *fans),
        ("out.weight", 7, 5),
    ]
    plain = look(lambda: reference(network, fans), [0], FLAT, LABELS)
    for path in ("preactivation/std", "backprop/std", "weight_gradient/std", "weight/std"):
        # With one matrix per example each has its own gradient.
        if looked.layer_draws[0][0].ndim == 2 or path not in ("weight_gradient/std", "weight/std"):
            np.testing.assert_allclose(looked.arrays[path], plain.arrays[path], rtol=1e-4, err_msg=path)


def reference(network, fans):
    first = nn.Linear(*fans, bias=False)
    weight = network.w.detach()
    first.weight.data = weight if weight.shape == first.weight.shape else weight.T
    return nn.Sequential(first, nn.Tanh(), network.out)


def test_a_product_of_many_is_one_of_two_at_a_time():
    network = Called(
        lambda net, x: net.out(torch.einsum("bi,b,io->bo", x, x[:, 0], net.w)),
        w=torch.randn(16, 7),
        out=nn.Linear(7, 5),
    )
    layers, looked = seen(network)
    assert [name for name, *_ in layers] == ["w", "out.weight"]
    s = (FLAT * FLAT[:, :1]) @ network.w.detach().numpy()
    np.testing.assert_allclose(looked.arrays["leaving/std"][0, 0], s.std(), rtol=1e-5)


def test_a_bias_that_is_added_by_hand_is_of_the_layer():
    def forward(net, x):
        h = torch.tanh(x @ net.a + net.b)
        h = (h @ net.c).view(12, 3, 2) + net.position
        h = torch.addmm(net.d, h.flatten(1), net.e)
        h += net.late
        return h @ net.f

    network = Called(
        forward,
        a=torch.randn(16, 4),
        b=torch.randn(4),
        c=torch.randn(4, 6),
        position=torch.randn(12, 3, 2),
        d=torch.randn(7),
        e=torch.randn(6, 7),
        late=torch.randn(7),
        f=torch.randn(7, 5),
    )
    layers, looked = seen(network)
    assert layers == [
        ("a", 16, 4, 1, "b"),
        ("c", 4, 6, 1, ""),
        ("e", 6, 7, 1, "d"),
        ("f", 7, 5, 1, ""),
    ]
    assert roles(looked)["b"] == roles(looked)["d"] == "bias"
    assert roles(looked)["position"] == roles(looked)["late"] == "other"
    s = FLAT @ network.a.detach().numpy() + network.b.detach().numpy()
    np.testing.assert_allclose(looked.arrays["preactivation/std"][0, 0], s.std(), rtol=1e-5)


def test_one_weight_in_two_places_is_one_layer():
    def forward(net, x):
        return net.out(torch.tanh(net.w(torch.tanh(net.w(x)))))

    network = Called(forward, w=nn.Linear(16, 16), out=nn.Linear(16, 5))
    layers, looked = seen(network)
    assert layers == [("w.weight", 16, 16, 2, "w.bias"), ("out.weight", 16, 5, 1, "out.bias")]
    loss = functional.cross_entropy(network(torch.from_numpy(FLAT)), torch.from_numpy(LABELS))
    (gradient,) = torch.autograd.grad(loss, network.w.weight)
    np.testing.assert_allclose(
        looked.arrays["weight_gradient/std"][0, 0], gradient.std(correction=0), rtol=1e-5
    )


def test_a_tied_weight_is_told_and_each_use_has_its_own_gradient():
    first, second = nn.Linear(16, 16, bias=False), nn.Linear(16, 16, bias=False)
    second.weight = first.weight
    network = Called(
        lambda net, x: net.out(net.second(net.first(x)) @ net.first.weight),
        first=first,
        second=second,
        out=nn.Linear(16, 5),
    )
    layers, looked = seen(network)
    # Used turned around it is another matrix.
    assert [(name, uses) for name, _, _, uses, _ in layers] == [
        ("first.weight", 2),
        ("first.weight#2", 1),
        ("out.weight", 1),
    ]
    assert looked.info.notes == ("`second.weight` is `first.weight`: one parameter, in two places.",)


def test_effective_weights_are_named_by_the_parameter_that_they_mostly_are():
    normed = nn.utils.parametrizations.weight_norm(nn.Linear(16, 8))
    spectral = nn.utils.parametrizations.spectral_norm(nn.Linear(8, 8))

    def forward(net, x):
        h = net.spectral(net.normed(x))
        h = h @ (net.w + net.down @ net.up)
        query, key = (h @ net.both[:, :4]), (h @ net.both[:, 4:])
        return torch.cat([query, key], 1) @ (0.5 * net.w[:, :5])

    network = Called(
        forward,
        normed=normed,
        spectral=spectral,
        w=torch.randn(8, 8),
        down=torch.randn(8, 2),
        up=torch.randn(2, 8),
        both=torch.randn(8, 8),
    )
    layers, looked = seen(network)
    assert [name for name, *_ in layers] == [
        "normed.parametrizations.weight.original1",
        "spectral.parametrizations.weight.original",
        "w",
        "both[:, 0:4]",
        "both[:, 4:8]",
        "w#2",
    ]
    np.testing.assert_allclose(looked.layer_draws[0][0], normed.weight.detach().numpy().T, rtol=1e-6)
    assert {roles(looked)[name] for name in ("down", "up")} == {"other"}
    assert roles(looked)["normed.parametrizations.weight.original0"] == "other"


@pytest.mark.filterwarnings("ignore:`torch.nn.utils.weight_norm` is deprecated")
def test_weight_norm_of_old_is_seen_through():
    network = nn.Sequential(nn.utils.weight_norm(nn.Linear(16, 8)), nn.Linear(8, 5))
    layers, _ = seen(network)
    assert [name for name, *_ in layers] == ["0.weight_v", "1.weight"]


def test_attention_has_its_projections():
    def forward(net, x):
        h = x.view(12, 4, 4)
        h, _ = net.own(h, h, h)
        h, _ = net.cross(h, h[:, :2], h[:, 2:], need_weights=False)
        return net.out(h.flatten(1))

    network = Called(
        forward,
        own=nn.MultiheadAttention(4, 2, batch_first=True, dropout=0.5),
        cross=nn.MultiheadAttention(4, 2, kdim=4, vdim=4, batch_first=True, bias=False),
        out=nn.Linear(16, 5),
    )
    layers, _ = seen(network)
    assert layers == [
        ("own.in_proj_weight", 4, 12, 1, "own.in_proj_bias"),
        ("own.out_proj.weight", 4, 4, 1, "own.out_proj.bias"),
        ("cross.in_proj_weight[0:4]", 4, 4, 1, ""),
        ("cross.in_proj_weight[4:8]", 4, 4, 1, ""),
        ("cross.in_proj_weight[8:12]", 4, 4, 1, ""),
        ("cross.out_proj.weight", 4, 4, 1, ""),
        ("out.weight", 16, 5, 1, "out.bias"),
    ]


def test_embeddings_are_tables_and_no_layers():
    def forward(net, x):
        number = (x[:, :2] > 0).long()
        h = net.table(number).flatten(1) + net.rows[number[:, 0]]
        return net.out(h + net.position[:6])

    network = Called(
        forward,
        table=nn.Embedding(2, 3),
        rows=torch.randn(2, 6),
        position=torch.randn(8),
        out=nn.Linear(6, 5),
    )
    layers, looked = seen(network)
    assert [name for name, *_ in layers] == ["out.weight"]
    assert roles(looked) == {
        "rows": "embedding",
        "position": "other",
        "table.weight": "embedding",
        "out.weight": "weight",
        "out.bias": "bias",
    }


def test_bilinear():
    network = Called(lambda net, x: net.b(x[:, :4], x[:, 4:10]), b=nn.Bilinear(4, 6, 5))
    layers, looked = seen(network)
    assert layers == [("b.weight", 24, 5, 1, "b.bias")]
    assert looked.info.layers[0].shape == (4, 6, 5)


def test_functions_are_found_behind_their_layer():
    network = nn.Sequential(
        nn.Linear(16, 8),
        nn.BatchNorm1d(8),
        nn.ReLU6(inplace=True),
        nn.Linear(8, 8),
        nn.LeakyReLU(0.2),
        nn.Linear(8, 8),
        nn.Hardswish(),
        nn.Linear(8, 8),
        nn.GLU(),
        nn.Linear(4, 8),
        nn.PReLU(),
        nn.Linear(8, 8),
        nn.Softplus(beta=2),
        nn.Linear(8, 8),
        nn.RReLU(),
        nn.Linear(8, 5),
    )
    _, looked = seen(network)
    assert [each.applied for each in looked.info.layers] == [
        ("relu6",),
        ("leaky_relu:slope=0.2",),
        ("hardswish",),
        ("sigmoid",),
        ("prelu",),
        ("softplus:beta=2",),
        ("rrelu",),
        (),
    ]
    assert np.all(np.isfinite(looked.arrays["activation/saturated"]))
    # Behind the normalization half of the inputs are below 0.
    assert (
        0.2 < looked.arrays["activation/saturated"][0, 0] + looked.arrays["activation/inactive"][0, 0] < 0.8
    )


def test_dead_units_are_counted_by_channel():
    first = nn.Conv2d(3, 4, 3)
    with torch.no_grad():
        first.bias[:] = torch.tensor([-100.0, 100.0, 100.0, 0.0])
    network = nn.Sequential(first, nn.ReLU(), nn.Conv2d(4, 2, 3), nn.Flatten(), nn.Linear(32, 5))
    _, looked = seen(network, IMAGES)
    assert looked.arrays["activation/dead"][0, 0] == 0.25
    assert np.isnan(looked.arrays["activation/dead"][0, 1])


def test_what_is_overwritten_was_kept():
    def forward(net, x):
        h = net.a(x)
        h.mul_(3)
        h[:, 0] = 0
        h.relu_()
        return net.b(h)

    network = Called(forward, a=nn.Linear(16, 8), b=nn.Linear(8, 5))
    _, looked = seen(network)
    s = network.a(torch.from_numpy(FLAT)).detach().numpy()
    np.testing.assert_allclose(looked.arrays["leaving/std"][0, 0], s.std(), rtol=1e-5)
    x = torch.from_numpy(FLAT)
    s = network.a(x).detach().requires_grad_()
    h = torch.relu(s * 3) * torch.tensor([0.0] + [1.0] * 7)
    loss = functional.cross_entropy(network.b(h), torch.from_numpy(LABELS), reduction="sum")
    (delta,) = torch.autograd.grad(loss, s)
    np.testing.assert_allclose(looked.arrays["backprop/std"][0, 0], delta.std(correction=0), rtol=1e-5)


class Doubled(torch.autograd.Function):
    @staticmethod
    def forward(ctx, value):
        return value * 2

    @staticmethod
    def backward(ctx, gradient):
        return gradient * 2


def test_functions_with_their_own_gradient_are_followed():
    def forward(net, x):
        return net.out(torch.relu(x @ Doubled.apply(net.w)))

    network = Called(forward, w=torch.randn(16, 8), out=nn.Linear(8, 5))
    layers, looked = seen(network)
    assert [name for name, *_ in layers] == ["w", "out.weight"]
    np.testing.assert_allclose(looked.layer_draws[0][0], 2 * network.w.detach().numpy())
    assert looked.info.unseen == ()
    layers, _ = seen(
        Called(lambda net, x: net.out(Doubled.apply(net.a(x))), a=nn.Linear(16, 8), out=nn.Linear(8, 5))
    )
    assert [name for name, *_ in layers] == ["a.weight", "out.weight"]


class Hidden(torch.autograd.Function):
    """A product that PyTorch's calls do not show."""

    @staticmethod
    def forward(ctx, x, weight):
        ctx.save_for_backward(x, weight)
        return torch.from_numpy(x.detach().numpy() @ weight.detach().numpy())

    @staticmethod
    def backward(ctx, gradient):
        x, weight = ctx.saved_tensors
        return gradient @ weight.T, x.T @ gradient


def test_what_cannot_be_looked_into_is_told():
    network = Called(
        lambda net, x: net.out(Hidden.apply(x, net.w)),
        w=torch.randn(16, 8),
        out=nn.Linear(8, 5),
        idle=torch.randn(3),
    )
    layers, looked = seen(network)
    assert [name for name, *_ in layers] == ["out.weight"]
    assert looked.info.unseen == ("`w`: used where PyTorch's calls cannot be followed",)
    assert looked.info.notes == ("Not used for the logits: `idle`.",)
    network = Called(
        lambda net, x: net.out(
            torch.cdist(x, net.w) + torch.addbmm(torch.zeros(12, 8), x[None], net.v[None])
        ),
        w=torch.randn(8, 16),
        v=torch.randn(16, 8),
        out=nn.Linear(8, 5),
    )
    _, looked = seen(network)
    assert looked.info.unseen == ("`addbmm`, with `v`: no known product",)


def test_without_gradients_the_rest_is_measured():
    def forward(net, x):
        with torch.no_grad():
            h = torch.relu(net.a(x))
        return net.b(h)

    network = Called(forward, a=nn.Linear(16, 8), b=nn.Linear(8, 5))
    layers, looked = seen(network)
    assert [name for name, *_ in layers] == ["a.weight", "b.weight"]
    assert np.isfinite(looked.arrays["leaving/std"]).all()
    assert np.isnan(looked.arrays["backprop/std"][0, 0])
    assert [*np.isnan(looked.arrays["weight_gradient/std"][0])] == [True, False]
    (note,) = looked.info.notes
    assert note.startswith("No gradient is taken of `a.weight`: gradients are switched off there")


def test_nothing_is_dropped_out_and_other_noise_is_told():
    def network(rate, noise):
        def forward(net, x):
            h = functional.dropout(net.a(x), rate, training=net.training)
            return net.b(
                functional.alpha_dropout(h, rate, training=net.training) + noise * torch.randn(12, 8)
            )

        torch.manual_seed(1)
        return Called(forward, a=nn.Linear(16, 8), b=nn.Linear(8, 5))

    looked = [seen(network(rate, 0))[1] for rate in (0.0, 0.9)]
    for path, values in looked[0].arrays.items():
        assert np.array_equal(values, looked[1].arrays[path], equal_nan=True), path
    assert looked[0].info.notes == ("It draws random numbers when it runs (randn).",)


def test_recomputed_activations_have_the_same_statistics():
    from torch.utils.checkpoint import checkpoint

    def network(again):
        torch.manual_seed(1)
        block = nn.Sequential(nn.Linear(16, 8), nn.Tanh(), nn.Dropout(0.5), nn.Linear(8, 8), nn.ReLU())
        lstm = nn.LSTM(2, 3, batch_first=True)

        def forward(net, x):
            h = checkpoint(net.block, x, use_reentrant=False) if again else net.block(x)
            h = h.view(12, 4, 2)
            h, _ = checkpoint(net.lstm, h, use_reentrant=False) if again else net.lstm(h)
            return net.out(h.flatten(1))

        return Called(forward, block=block, lstm=lstm, out=nn.Linear(12, 5))

    plain, recomputed = seen(network(False))[1], seen(network(True))[1]
    assert plain.info == recomputed.info
    for path, values in plain.arrays.items():
        np.testing.assert_allclose(recomputed.arrays[path], values, rtol=1e-5, err_msg=path)
