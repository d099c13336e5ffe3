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


def quadratic(logits: Array, label: Array) -> Array:
    """½ Σ (softmax(logits) − onehot(label))², between 0 and 1; shapes as in `cross_entropy`.

    The paper compares with it (section 4.1, Figure 5) without giving a factor. The ½ is the textbook's: it
    makes the gradient with respect to the outputs their plain difference, and two classes cost (p − y)².
    """
    outputs = jax.nn.softmax(logits, axis=-1)
    return 0.5 * jnp.sum((outputs - jax.nn.one_hot(label, logits.shape[-1])) ** 2, axis=-1)


LOSSES: dict[str, Loss] = {"cross_entropy": cross_entropy, "quadratic": quadratic}


def logits_gradient(loss: Loss, logits: Array, labels: Array) -> Array:
    """dC/dlogits of each example's own loss, shape `(batch, classes)`."""
    gradient: Array = jax.vmap(jax.grad(loss))(logits, labels)
    return gradient
