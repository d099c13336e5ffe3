"""Updates by every optimizer: as PyTorch does them, frozen where they go wrong, at rates that move."""

from __future__ import annotations

import inspect
from dataclasses import replace
from functools import cache, partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from support.reference_step import make_reference_step

from xavier_cli.config.run import RunConfig
from xavier_cli.nn.initializers import make_initializer
from xavier_cli.nn.losses import cross_entropy
from xavier_cli.nn.mlp import init_params, layer_sizes
from xavier_cli.nn.network import Network
from xavier_cli.training.engine.architectures.perceptron_programs import (
    is_second_order,
    make_begin,
    make_step,
)
from xavier_cli.training.step.member import init_state, make_gradient_step, scheduled
from xavier_cli.training.step.optimizer import clipped, make_optimizer, rate_schedule
from xavier_cli.vocabulary.optimizers import OPTIMIZERS, parse_optimizer
from xavier_cli.vocabulary.resolve import find_initializer

LR = 0.01
FROM_OPTAX = [name for name, word in OPTIMIZERS.items() if word.function]
# Optimizers of optax that are not offered, for reasons given at the table.
LEFT_OUT = {"lbfgs", "polyak_sgd", "noisy_sgd", "rprop", "optimistic_adam", "dpsgd"}
# Neither numbers nor switches.
NO_VALUES = {"learning_rate", "mu_dtype", "accumulator_dtype", "dtype_momentum", "mask"} | {
    "weight_decay_mask",
    "trust_ratio_mask",
}
# Shapes of the factors, and a second way to decay weights: nothing that a user of small nets would set.
NOT_OFFERED = {"decay_offset", "weight_decay_rate"}


SIZES = layer_sizes(inputs=6, depth=1, width=5, classes=3)
PLAIN = Network(jnp.tanh)
# These programs run fast; optimizing them would take longer.
QUICK = {"xla_backend_optimization_level": 0}


def quick(function):
    return jax.jit(function, compiler_options=QUICK)


def batch(examples: int = 10, seed: int = 0) -> tuple[jnp.ndarray, jnp.ndarray]:
    rng = np.random.default_rng(seed)
    x = jnp.asarray(rng.uniform(-1, 1, (examples, SIZES[0])), jnp.float32)
    return x, jnp.asarray(rng.integers(0, SIZES[-1], examples), jnp.int32)


@cache
def start():
    return init_state(init_params(jax.random.key(3), SIZES, make_initializer(find_initializer("normalized"))))


def settings(**changes) -> RunConfig:
    return RunConfig.of(**{"updates": 10, "lr": LR} | changes)


def begun(config: RunConfig):
    params = start().params
    return init_state(params, make_optimizer(config).init(params))


def step_of(config: RunConfig):
    return make_gradient_step(PLAIN, cross_entropy, make_optimizer(config))


@pytest.mark.parametrize("name", FROM_OPTAX)
def test_the_table_says_what_optax_itself_says(name):
    import optax

    usual = OPTIMIZERS[name].parameters
    theirs = {
        key: parameter.default
        for key, parameter in inspect.signature(getattr(optax, name)).parameters.items()
        if key not in NO_VALUES | NOT_OFFERED
    }

    assert set(usual) == set(theirs)
    assert {key: 0.0 if value is None else value for key, value in theirs.items()} == usual


def test_no_optimizer_of_optax_is_forgotten():
    import optax

    def takes_a_rate(value):
        # A partial one is one, too; of types and the like there is no signature to ask for.
        known = isinstance(value, partial) or inspect.isfunction(value)
        return known and "learning_rate" in inspect.signature(value).parameters

    there = {name for name in dir(optax) if takes_a_rate(getattr(optax, name))}

    assert {name for name in there if not name.startswith(("_", "scale_by"))} - LEFT_OUT == set(FROM_OPTAX)


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_an_optimizer_keeps_as_much_as_it_says(name):
    params = start().params
    kept = jax.eval_shape(lambda params: make_begin(settings(optimizer=name), PLAIN)(params, 0), params)
    size, slots = sum(leaf.size for leaf in jax.tree.leaves(params)), parse_optimizer(name).slots
    largest = max(SIZES) * len(params) * 4

    assert sum(leaf.size for leaf in jax.tree.leaves(kept.optimizer)) <= slots * size + largest
    assert sum(leaf.size for leaf in jax.tree.leaves(kept.optimizer)) >= slots * size


@pytest.mark.slow
@pytest.mark.parametrize("name", OPTIMIZERS)
def test_every_optimizer_lowers_the_loss(name):
    x, labels = batch()
    config = settings(optimizer=name)
    step = make_step(config, PLAIN, cross_entropy)
    # A rate that suits each, by the kind of its steps.
    rate = {"adadelta": 10.0, "lars": 1.0, "sgd": 0.1}.get(name, 0.01)
    after = quick(
        lambda state: jax.lax.fori_loop(0, 20, lambda i, state: step(state, x, labels, rate, i), state)
    )(make_begin(config, PLAIN)(start().params, jnp.uint32(0)))
    first, last = (
        float(cross_entropy(PLAIN.forward(state.params, x)[0], labels).mean()) for state in (start(), after)
    )

    assert int(after.diverged_at) == -1
    assert last < first


TORCH = {
    "momentum:0.9": ("SGD", {"momentum": 0.9}),
    "nesterov": ("SGD", {"momentum": 0.9, "nesterov": True}),
    "adam:b1=0.8": ("Adam", {"betas": (0.8, 0.999)}),
    "adamw:weight_decay=0.1": ("AdamW", {"weight_decay": 0.1}),
}


def test_steps_are_pytorchs():
    torch = pytest.importorskip("torch")
    configs = {name: settings(optimizer=name) for name in TORCH}
    steps = {name: step_of(config) for name, config in configs.items()}

    @quick
    def all_steps(states, x, labels, update):
        return {name: step(states[name], x, labels, LR, update) for name, step in steps.items()}

    states = {name: begun(config) for name, config in configs.items()}
    batches = [batch(seed=update) for update in range(3)]
    for update, (x, labels) in enumerate(batches):
        states = all_steps(states, x, labels, update)
    for name, (theirs, options) in TORCH.items():
        weights = [
            torch.tensor(np.array(leaf), requires_grad=True) for leaf in jax.tree.leaves(start().params)
        ]
        optimizer = getattr(torch.optim, theirs)(weights, lr=LR, **options)
        for x, labels in batches:
            z = torch.tensor(np.array(x))
            logits = torch.tanh(z @ weights[0] + weights[1]) @ weights[2] + weights[3]
            optimizer.zero_grad()
            torch.nn.functional.cross_entropy(logits, torch.tensor(np.array(labels)).long()).backward()
            optimizer.step()
        for ours, other in zip(jax.tree.leaves(states[name].params), weights, strict=True):
            assert np.allclose(ours, other.detach().numpy(), rtol=1e-5, atol=1e-5), name


def test_clipping_and_decay_are_what_they_say_on_plain_gradients():
    x, labels = batch()
    state = start()
    plain = quick(make_reference_step(jnp.tanh, cross_entropy))(state, x, labels, LR, 0)
    change = jax.tree.map(lambda new, old: np.asarray(new - old), plain.params, state.params)
    length = np.sqrt(sum(np.sum(leaf**2) for leaf in jax.tree.leaves(change))) / LR
    config = settings(clip=length / 4, weight_decay=0.5)
    step = quick(make_step(config, PLAIN, cross_entropy))
    seen = step(state, x, labels, LR, 0)

    for new, old, moved in zip(seen.params, state.params, change, strict=True):
        assert np.allclose(new.weight - old.weight, moved.weight / 4 - LR * 0.5 * old.weight, atol=1e-7)
        assert np.allclose(new.bias - old.bias, moved.bias / 4, atol=1e-7)
    gradient = jax.tree.map(lambda leaf: leaf / LR, change)
    for leaf, other in zip(
        jax.tree.leaves(clipped(gradient, 2 * length)), jax.tree.leaves(gradient), strict=True
    ):
        assert np.array_equal(leaf, other)
    zeros = jax.tree.map(np.zeros_like, change)
    assert all(np.array_equal(leaf, leaf * 0) for leaf in jax.tree.leaves(clipped(zeros, 1.0)))


@pytest.mark.parametrize(
    ("schedule", "expected"),
    [
        ("constant", [1, 1, 1, 1]),
        ("linear", [1, 0.75, 0.5, 0.25]),
        ("cosine", [1, 0.8535534, 0.5, 0.1464466]),
        ("warmup:2", [0.5, 1, 1, 1]),
        ("warmup:2,linear", [0.5, 1, 1, 0.5]),
        ("warmup:4,cosine", [0.25, 0.5, 0.75, 1]),
    ],
)
def test_rates_move_as_the_schedule_says(schedule, expected):
    factor = rate_schedule(settings(schedule=schedule, updates=4))

    assert np.allclose([factor(jnp.int32(t)) for t in range(4)], expected)


def test_a_scheduled_step_is_the_step_at_the_scheduled_rate():
    seen = []

    def step(state, x, labels, lr, update):
        seen.append((float(lr), update))

    scheduled(step, lambda update: 0.5**update)(None, None, None, 0.8, 2)

    assert seen == [(pytest.approx(0.2), 2)]


@pytest.mark.parametrize("name", ["adam", "diagonal_gauss_newton"])
@pytest.mark.parametrize("poison", [np.nan, np.inf])
def test_a_bad_update_freezes_weights_and_optimizer_at_their_last_finite_state(name, poison):
    config = settings(optimizer=name)
    step = quick(make_step(config, PLAIN, cross_entropy))
    x, labels = batch()
    first = make_begin(config, PLAIN)(start().params, jnp.uint32(0))
    healthy = step(first, x, labels, LR, 0)
    struck = step(healthy, jnp.full_like(x, poison), labels, LR, 1)
    after = step(struck, x, labels, LR, 2)

    assert int(healthy.diverged_at) == -1
    assert int(struck.diverged_at) == int(after.diverged_at) == 1
    for before, now in zip(
        jax.tree.leaves(healthy._replace(diverged_at=0)),
        jax.tree.leaves(after._replace(diverged_at=0)),
        strict=True,
    ):
        assert np.array_equal(before, now)


def test_plain_sgd_keeps_the_step_by_hand_and_nothing_else_does():
    plain = settings()

    def kind(config, network=PLAIN):
        return make_step(config, network, cross_entropy).__qualname__.partition(".")[0]

    assert kind(plain) == "make_sgd_step"
    assert kind(settings(optimizer="momentum")) == "make_gradient_step"
    assert kind(settings(clip=1.0)) == kind(settings(weight_decay=0.1)) == "make_gradient_step"
    assert kind(settings(residual=True), replace(PLAIN, residual=True)) == "make_gradient_step"
    assert kind(settings(optimizer="gradient_variance")) == "make_second_order_step"
    assert is_second_order(settings(optimizer="dgn"))
