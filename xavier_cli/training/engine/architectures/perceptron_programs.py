"""The programs of one perceptron: the step that trains it, and the state it starts from."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
from jax import Array

from xavier_cli.config.run import RunConfig, delay_of
from xavier_cli.nn.losses import Loss
from xavier_cli.nn.mlp import Params
from xavier_cli.nn.network import Network
from xavier_cli.training.keys import Purpose, seed_key
from xavier_cli.training.pretraining.layerwise import begin_pretraining
from xavier_cli.training.step.delayed import init_pending, make_delayed_multi_step
from xavier_cli.training.step.member import (
    MemberState,
    MultiStep,
    Step,
    init_state,
    make_gradient_step,
    make_multi_step,
    make_sgd_step,
    scheduled,
)
from xavier_cli.training.step.optimizer import make_optimizer, rate_schedule
from xavier_cli.training.step.second_order import begin, make_second_order_step


def make_training(config: RunConfig, network: Network, loss: Loss) -> MultiStep:
    """The program of consecutive updates of one member of `config`."""
    if every := delay_of(config.update_rule):
        return make_delayed_multi_step(network.act, loss, every)
    return make_multi_step(make_step(config, network, loss))


def make_step(config: RunConfig, network: Network, loss: Loss) -> Step:
    """One update of a member of `config`: the specialized step where there is one, else the general step."""
    if is_second_order(config):
        step = make_second_order_step(network.act, loss, config)
    elif config.is_plain_sgd:
        step = make_sgd_step(network.act, loss)
    else:
        step = make_gradient_step(network, loss, make_optimizer(config))
    return step if config.schedule == "constant" else scheduled(step, rate_schedule(config))


def make_begin(config: RunConfig, network: Network) -> Callable[[Params, Array], MemberState]:
    """`(params, seed) -> state`: the state before the first update, complete for `config`.

    `params` are the weights and biases as initialized; `seed`, uint32, decides the dropout masks.
    """
    init = begin if is_second_order(config) else make_optimizer(config).init
    rows = delay_of(config.update_rule) * config.batch_size

    def begin_member(params: Params, seed: Array) -> MemberState:
        params = network.add_extra_params(params)
        noise: Any = ()
        if network.dropout:
            noise = jax.random.key_data(seed_key(seed, Purpose.DROPOUT))
        state = init_state(params, init_pending(params, rows) if rows else init(params), noise)
        records = len(config.pretrain_records())
        return state._replace(pretraining=begin_pretraining(params, records)) if records else state

    return begin_member


def is_second_order(config: RunConfig) -> bool:
    """Whether the optimizer is one of `second_order`, which has a learning rate per parameter."""
    return not config.optimizer_choice.optimizer.function
