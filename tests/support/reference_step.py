"""Implements the step of a plain network in the simplest way, to compare faster steps with."""

from __future__ import annotations

from xavier_cli.nn.network import Network
from xavier_cli.training.step.member import make_gradient_step
from xavier_cli.training.step.optimizer import plain_sgd


def make_reference_step(act, loss):
    """Plain SGD by `value_and_grad`."""
    return make_gradient_step(Network(act), loss, plain_sgd())
