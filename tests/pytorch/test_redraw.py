"""Tests that a module's weights and biases are drawn anew by the distributions that JAX draws by."""

from __future__ import annotations

import math
from functools import partial

import jax
import numpy as np
import pytest

from xavier_cli.nn.initializers import make_initializer
from xavier_cli.pytorch.look import look
from xavier_cli.vocabulary.layer_choice import LayerRows, layer_words
from xavier_cli.vocabulary.network_info import NetworkError
from xavier_cli.vocabulary.resolve import find_bias, find_initializer, find_layers

torch = pytest.importorskip("torch", reason="PyTorch is not installed")
nn, functional = torch.nn, torch.nn.functional

LABELS = np.arange(6) % 5
FLAT = np.random.default_rng(1).normal(size=(6, 16)).astype(np.float32)
IMAGES = np.random.default_rng(2).normal(size=(6, 4, 5, 5)).astype(np.float32)


def choose(init, bias_init, layers):
    texts = find_layers(init, names=True), find_bias(bias_init, names=True)
    rows = (tuple(map(find_initializer, layer_words(text, layers))) for text in texts)
    return LayerRows(*rows)


def drawn(make, init="network", bias_init="network", seeds=(0,), x=FLAT):
    return look(make, seeds, x, LABELS, bins=False, choose=partial(choose, init, bias_init))


def mlp(width=200):
    return nn.Sequential(nn.Flatten(), nn.Linear(16, width), nn.Tanh(), nn.Linear(width, 5))


class Convolutions(nn.Module):
    """Plain, in groups, transposed, transposed in groups."""

    def __init__(self):
        super().__init__()
        self.plain = nn.Conv2d(4, 12, 3, padding=1)
        self.grouped = nn.Conv2d(12, 24, 3, padding=1, groups=3)
        self.up = nn.ConvTranspose2d(24, 12, 2, stride=2)
        self.apart = nn.ConvTranspose2d(12, 18, 3, groups=3)
        self.norm = nn.BatchNorm2d(18)
        self.head = nn.Linear(18, 5)

    def forward(self, x):
        h = self.up(functional.relu(self.grouped(functional.relu(self.plain(x)))))
        return self.head(functional.relu(self.norm(self.apart(h))).mean((2, 3)))


NAMES = [
    *("standard", "normalized", "glorot_normal", "lecun_uniform", "lecun_normal", "he_uniform", "he_normal"),
    *("normal:std=0.3", "truncated_normal:std=0.2", "uniform:bound=0.4", "orthogonal:gain=2"),
    "variance_scaling:distribution=normal,mode=fan_out,scale=3",
    "sparse:sparsity=0.7,std=0.5",
]


@pytest.mark.parametrize("name", NAMES)
def test_the_distribution_is_that_of_the_same_name_in_jax(name):
    looked = drawn(lambda: mlp(300), name, seeds=range(4))
    from scipy.stats import ks_2samp

    numbers = np.concatenate([each.ravel() for each in looked.layer_draws[0]])
    initializer = make_initializer(find_initializer(name))
    others = np.concatenate([initializer(jax.random.key(seed), (16, 300)).ravel() for seed in range(4)])
    assert ks_2samp(numbers, others).pvalue > 1e-3
    assert numbers.std() == pytest.approx(others.std(), rel=0.03)
    bound = find_initializer(name).bound(16, 300)
    assert np.abs(numbers).max() <= bound * (1 + 1e-6)
    if math.isfinite(bound):
        assert np.abs(numbers).max() > 0.98 * bound


@pytest.mark.parametrize(("name", "wanted"), [("constant:value=0.3", 0.3), ("zeros", 0)])
def test_constants(name, wanted):
    looked = drawn(mlp, name, name)
    for values in looked.draws.values():
        np.testing.assert_array_equal(values[0], np.full_like(values[0], wanted))


def test_matrices_are_orthogonal_and_the_identity():
    looked = drawn(mlp, "orthogonal:gain=2")
    first, last = (each[0] for each in looked.layer_draws)
    np.testing.assert_allclose(first @ first.T, 4 * np.eye(16), atol=1e-5)
    np.testing.assert_allclose(last.T @ last, 4 * np.eye(5), atol=1e-5)
    looked = drawn(mlp, "identity:gain=3")
    np.testing.assert_array_equal(looked.layer_draws[0][0], 3 * np.eye(16, 200))


def test_scaled_distributions_scale_the_same_draws():
    def first(init, seed=0):
        return drawn(mlp, init, seeds=[seed]).layer_draws[0][0]

    for small, large in (
        ("standard", "he_uniform"),
        ("lecun_normal", "he_normal"),
        ("normal", "normal:std=1"),
    ):
        one, two = first(small), first(large)
        np.testing.assert_allclose(one / one.std(), two / two.std(), rtol=1e-4, atol=1e-5)
    assert not np.allclose(first("he_normal"), first("he_normal", 1))
    # Another layer's initializer moves nothing.
    np.testing.assert_array_equal(first("he_normal"), first("he_normal,output=zeros"))


def test_layers_and_biases_are_drawn_apart():
    def make():
        return nn.Sequential(nn.Linear(16, 16), nn.Tanh(), nn.Linear(16, 16), nn.Tanh(), nn.Linear(16, 5))

    looked = drawn(make, "standard", "standard")
    one, two = (each[0] for each in looked.layer_draws[:2])
    assert abs(np.corrcoef(one.ravel(), two.ravel())[0, 1]) < 0.25
    assert not np.allclose(looked.draws["0.bias"][0], one[0])


def test_kernels_have_the_fans_of_the_operation():
    looked = drawn(Convolutions, "glorot_normal,head=network", seeds=range(12), x=IMAGES)
    for layer, values in zip(looked.info.layers[:4], looked.layer_draws, strict=False):
        wanted = math.sqrt(2 / (layer.fan_in + layer.fan_out))
        assert np.stack(values).std() == pytest.approx(wanted, rel=0.03), layer.name
    fans = [(layer.fan_in, layer.fan_out) for layer in looked.info.layers[:4]]
    assert fans == [(36, 108), (36, 72), (96, 48), (36, 54)]
    assert looked.info.layers[1].shape == (3, 3, 4, 24)


def test_a_convolutions_groups_are_matrices_of_their_own():
    looked = drawn(Convolutions, "orthogonal,plain=identity,head=network", x=IMAGES)
    plain, grouped, _, apart = (each[0] for each in looked.layer_draws[:4])
    for kernel in (grouped, apart):
        for group in np.split(kernel.reshape(36, -1), 3, axis=1):
            np.testing.assert_allclose(group.T @ group, np.eye(group.shape[1]), atol=1e-5)
    np.testing.assert_array_equal(plain[1, 1], np.eye(4, 12))
    assert not np.delete(plain.reshape(9, 4, 12), 4, 0).any()


def test_the_rest_stays_and_the_draws_are_those_of_the_module():
    torch.manual_seed(3)
    made = Convolutions()
    looked = drawn(Convolutions, "network,plain=he_normal", "grouped=standard", seeds=[3], x=IMAGES)
    for name, values in made.state_dict().items():
        if name in looked.draws:
            is_same = name not in ("plain.weight", "grouped.bias")
            assert np.array_equal(looked.draws[name][0], values.numpy()) is is_same, name
    bias = looked.draws["grouped.bias"][0]
    assert 0.5 / 6 < np.abs(bias).max() <= 1 / math.sqrt(36)


class Attention(nn.Module):
    """Projections that are parts of one parameter, and an LSTM with two biases."""

    def __init__(self):
        super().__init__()
        self.attention = nn.MultiheadAttention(16, 2, batch_first=True)
        self.lstm = nn.LSTM(16, 8, batch_first=True)
        self.head = nn.Linear(8, 5)

    def forward(self, x):
        x = x[:, None, :] * torch.ones(1, 3, 1)
        return self.head(self.lstm(self.attention(x, x, x)[0])[0][:, -1])


def test_parts_of_a_parameter_are_drawn_apart():
    looked = drawn(Attention, "he_normal", "constant:value=1")
    for layer, values in zip(looked.info.layers, looked.layer_draws, strict=True):
        assert values[0].std() == pytest.approx(math.sqrt(2 / layer.fan_in), rel=0.15), layer.name
    for name, values in looked.draws.items():
        if "bias" in name:
            np.testing.assert_array_equal(values[0], np.ones_like(values[0]))


def parametrized():
    return nn.Sequential(nn.utils.parametrizations.weight_norm(nn.Linear(16, 8)), nn.ReLU(), nn.Linear(8, 5))


class Tied(nn.Module):
    def __init__(self):
        super().__init__()
        self.table = nn.Embedding(5, 16)
        self.inside = nn.Linear(16, 16, bias=False)

    def forward(self, x):
        h = torch.tanh(self.inside(x) @ self.inside.weight)
        return (h + self.table(x.argmax(1) % 5)) @ self.table.weight.T


@pytest.mark.parametrize(
    ("make", "init", "message"),
    [
        (parametrized, "he_normal", r"the weight of `0\..*` is not .* computed.* by `1=network` in init"),
        (Tied, "network,inside.weight*=he_normal", r"the weight of `inside.* shared with another layer"),
        (
            Tied,
            "network,output=he_normal",
            r"`table.weight` is also an embedding table.* `3=network`",
        ),
        (mlp, "network,mlp/*=zeros", r"unknown layer `mlp/\*`: known: 1.weight, 3.weight"),
    ],
)
def test_what_cannot_be_drawn_is_refused_by_name(make, init, message):
    with pytest.raises(Exception, match=message) as caught:
        drawn(make, init)
    assert "\n" not in str(caught.value)
    assert make is mlp or isinstance(caught.value, NetworkError)


def test_the_other_layers_of_a_module_with_computed_weights_can_be_drawn():
    looked = drawn(parametrized, "he_normal,1=network")
    assert looked.layer_draws[1][0].std() == pytest.approx(0.5, rel=0.3)


def test_a_module_that_is_used_again_is_as_it_was():
    module = Convolutions()
    before = {name: each.clone() for name, each in module.state_dict().items()}
    state = torch.get_rng_state()
    looked = drawn(lambda: module, "he_normal", "standard", seeds=(0, 1), x=IMAGES)
    assert not np.array_equal(*looked.draws["plain.weight"])
    for name, each in module.state_dict().items():
        assert torch.equal(each, before[name]), name
    assert torch.equal(torch.get_rng_state(), state)


def test_frozen_parameters_are_said():
    def make():
        module = mlp()
        module[1].requires_grad_(False)
        return module

    looked = drawn(make)
    assert [each for each in looked.info.notes if each.startswith("Not trained: `1.bias`, `1.weight` (")]
    assert not [each for each in drawn(mlp).info.notes if "Not trained" in each]
