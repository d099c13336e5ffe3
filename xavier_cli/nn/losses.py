"""Losses of one example: what the network says against its label."""

from __future__ import annotations

from collections.abc import Callable

import jax
import jax.numpy as jnp
from jax import Array

Loss = Callable[[Array, Array], Array]


def cross_entropy(logits: Array, label: Array) -> Array:
    """−log softmax(logits)[label] in nats (section 2.3); shapes `(..., classes)` and `(...)`."""
    said = jnp.take_along_axis(logits, label[..., None], axis=-1)[..., 0]
    return jax.nn.logsumexp(logits, axis=-1) - said


LOSSES: dict[str, Loss] = {"cross_entropy": cross_entropy}


def logits_gradient(loss: Loss, logits: Array, labels: Array) -> Array:
    """dC/dlogits of each example's own loss, shape `(batch, classes)`."""
    gradient: Array = jax.vmap(jax.grad(loss))(logits, labels)
    return gradient
