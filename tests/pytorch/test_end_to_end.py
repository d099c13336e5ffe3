"""dlogits/dx of modules of PyTorch's, against the same networks in JAX and its own Jacobians."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from xavier_cli.nn.inspection.prepare import prepare
from xavier_cli.pytorch.look import look
from xavier_cli.statistics.singular_values import averages
from xavier_cli.training.probes.end_to_end import make_end_to_end

torch = pytest.importorskip("torch", reason="PyTorch is not installed")

from torch import nn  # noqa: E402

X = np.random.default_rng(0).normal(size=(20, 8)).astype(np.float32) * 3 + 1
LABELS = np.arange(20) % 4
CHOSEN = [0, 7, 14]


def perceptron():
    return nn.Sequential(nn.Linear(8, 9), nn.Tanh(), nn.Linear(9, 4))


def normalized():
    return nn.Sequential(nn.Linear(8, 9), nn.BatchNorm1d(9), nn.Tanh(), nn.Linear(9, 4))


def apply(params, x, norm):
    s = x @ params["0.weight"].T + params["0.bias"]
    if norm:
        s = (s - s.mean(0)) / jnp.sqrt(s.var(0) + 1e-5)
    last = "3" if norm else "2"
    return jnp.tanh(s) @ params[f"{last}.weight"].T + params[f"{last}.bias"]


@pytest.mark.parametrize("make", [perceptron, normalized])
def test_the_same_network_in_jax_has_the_same_singular_values(make):
    looked = look(make, [0, 1], X, LABELS, jacobian_examples=CHOSEN)
    assert len(looked.end_to_end) == 2
    norm = make is normalized
    for seed, found in enumerate(looked.end_to_end):
        own = {
            name: jnp.asarray(draws[seed])
            for name, draws in looked.draws.items()
            if not (norm and name.startswith("1."))
        }
        x = jnp.asarray(X)

        def draw(key, shapes=own):
            keys = dict(zip(shapes, jax.random.split(key, len(shapes)), strict=True))
            return {name: jax.random.normal(keys[name], each.shape) for name, each in shapes.items()}

        def logits(params, x):
            return apply(params, x, norm)

        prepared = prepare(lambda key, pair=(draw, logits): pair, (8,), 4, "nets.py:made", x)
        expected = make_end_to_end(prepared, x, CHOSEN)(own, {}, jax.random.key(0))
        assert found.is_in_batch == expected.is_in_batch == norm
        assert found.averages == pytest.approx(expected.averages, rel=1e-5)


def test_one_weight_layer_has_the_weights_singular_values():
    looked = look(lambda: nn.Linear(8, 4), [3], X, LABELS, jacobian_examples=[5])
    weight = looked.draws["weight"][0].astype(np.float64)
    expected = averages(np.linalg.svd(weight, compute_uv=False)[None])
    assert looked.end_to_end[0].averages == pytest.approx(expected, rel=1e-6)


def test_a_convolution_whose_input_is_overwritten_and_dropped_out():
    made = nn.Sequential(
        nn.ReLU(inplace=True), nn.Dropout(0.5), nn.Conv2d(3, 4, 3), nn.GELU(), nn.Flatten(), nn.Linear(144, 4)
    )
    x = np.random.default_rng(1).normal(size=(20, 3, 8, 8)).astype(np.float32)
    before = {name: each.clone() for name, each in made.state_dict().items()}
    (found,) = look(lambda: made, [0], x, LABELS, jacobian_examples=CHOSEN).end_to_end
    assert not found.is_in_batch
    made.eval()
    rows = [
        torch.autograd.functional.jacobian(lambda one: made(one.clone())[0], torch.tensor(x[at : at + 1]))
        for at in CHOSEN
    ]
    values = np.linalg.svd(torch.stack(rows).reshape(3, 4, -1).numpy(), compute_uv=False)
    assert found.averages == pytest.approx(averages(values), rel=1e-5)
    assert all(torch.equal(each, before[name]) for name, each in made.state_dict().items())


class Attending(nn.Module):
    """Drops at random in a function and within attention, not by modules of dropout alone."""

    def __init__(self):
        super().__init__()
        self.attention = nn.MultiheadAttention(4, 2, dropout=0.5, batch_first=True)
        self.head = nn.Linear(8, 4)

    def forward(self, x):
        x = x.reshape(len(x), 2, 4)
        mixed, _ = self.attention(x, x, x, need_weights=False)
        return self.head(nn.functional.dropout(mixed.flatten(1), 0.3, self.training))


def test_nothing_is_dropped_out_by_calls_either():
    made = Attending()
    (found,) = look(lambda: made, [0], X, LABELS, jacobian_examples=CHOSEN).end_to_end
    assert not found.is_in_batch
    made.eval()
    rows = [
        torch.autograd.functional.jacobian(lambda one: made(one)[0], torch.tensor(X[at : at + 1]))
        for at in CHOSEN
    ]
    values = np.linalg.svd(torch.stack(rows).reshape(3, 4, -1).numpy(), compute_uv=False)
    assert found.averages == pytest.approx(averages(values), rel=1e-4)


def test_a_module_is_left_as_it_was_and_none_are_taken_unasked():
    made = normalized()
    before = {name: each.clone() for name, each in made.state_dict().items()}
    assert look(lambda: made, [0], X, LABELS).end_to_end == []
    look(lambda: made, [0], X, LABELS, jacobian_examples=[0])
    assert all(torch.equal(each, before[name]) for name, each in made.state_dict().items())
    assert all(each.grad is None for each in made.parameters())
