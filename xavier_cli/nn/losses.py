"""Defines the losses of one example, with their gradients and curvatures with respect to the logits."""

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


def logits_curvature(loss: Loss, logits: Array) -> Array:
    """The diagonal of the Gauss-Newton matrix with respect to an example's logits, shape `(batch, classes)`.

    With outputs p of the softmax: p (1 − p) for cross-entropy, whatever the label, which is also its
    Hessian's; for the quadratic loss Σ_k (dp_k/dlogit)², which leaves out how the softmax itself is bent.
    """
    outputs = jax.nn.softmax(logits, axis=-1)
    if loss is cross_entropy:
        return outputs * (1 - outputs)
    # dp_k/dlogit_j = p_k (1[k = j] − p_j): squared and summed over k.
    others = jnp.sum(outputs**2, axis=-1, keepdims=True) - outputs**2
    return outputs**2 * ((1 - outputs) ** 2 + others)
