"""Losses of one example: what the network says against its label."""

from __future__ import annotations

from collections.abc import Callable

import jax
import optax
from jax import Array

Loss = Callable[[Array, Array], Array]


def cross_entropy(logits: Array, label: Array) -> Array:
    """−log softmax(logits)[label] in nats (section 2.3); shapes `(..., classes)` and `(...)`."""
    loss: Array = optax.softmax_cross_entropy_with_integer_labels(logits, label)
    return loss


LOSSES: dict[str, Loss] = {"cross_entropy": cross_entropy}


def logits_gradient(loss: Loss, logits: Array, labels: Array) -> Array:
    """dC/dlogits of each example's own loss, shape `(batch, classes)`."""
    gradient: Array = jax.vmap(jax.grad(loss))(logits, labels)
    return gradient
