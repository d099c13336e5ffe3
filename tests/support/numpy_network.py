"""Implements the network and its gradients by hand in float64 NumPy, to compare the engine with."""

from __future__ import annotations

import numpy as np

ACT = {
    "sigmoid": (lambda s: 1 / (1 + np.exp(-s)), lambda z: z * (1 - z)),
    "tanh": (np.tanh, lambda z: 1 - z**2),
    "softsign": (lambda s: s / (1 + np.abs(s)), lambda z: (1 - np.abs(z)) ** 2),
}


def forward(params, x, act):
    z, preactivations, activations = x, [], []
    for weight, bias in params[:-1]:
        s = z @ weight + bias
        z = ACT[act][0](s)
        preactivations.append(s)
        activations.append(z)
    return z @ params[-1][0] + params[-1][1], preactivations, activations


def softmax(logits):
    exponentials = np.exp(logits - logits.max(axis=1, keepdims=True))
    return exponentials / exponentials.sum(axis=1, keepdims=True)


def losses(logits, labels, loss="cross_entropy"):
    outputs = softmax(logits)
    if loss == "quadratic":
        return 0.5 * ((outputs - np.eye(logits.shape[1])[labels]) ** 2).sum(axis=1)
    return -np.log(outputs[np.arange(len(labels)), labels])


def gradients(params, x, labels, act, loss="cross_entropy"):
    """Per-example dC/ds of every layer, the logits last; and the gradient of the mean loss."""
    logits, _, activations = forward(params, x, act)
    outputs = softmax(logits)
    delta = outputs - np.eye(logits.shape[1])[labels]
    if loss == "quadratic":
        delta = outputs * (delta - (outputs * delta).sum(axis=1, keepdims=True))
    deltas = [delta]
    for (weight, _), z in zip(params[:0:-1], activations[::-1], strict=True):
        delta = (delta @ weight.T) * ACT[act][1](z)
        deltas.append(delta)
    deltas.reverse()
    inputs = [x, *activations]
    return deltas, [(z.T @ d / len(x), d.mean(axis=0)) for z, d in zip(inputs, deltas, strict=True)]


def as_float64(params):
    return [(np.asarray(layer.weight, np.float64), np.asarray(layer.bias, np.float64)) for layer in params]
