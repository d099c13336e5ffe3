"""The losses and their gradients against central differences in float64 and against known values."""

from functools import partial

import jax
import numpy as np
import pytest
from support.numpy_network import losses

from xavier_cli.nn.losses import LOSSES, logits_gradient

RNG = np.random.default_rng(0)
LOGITS = RNG.normal(size=(8, 5)) * 3
LABELS = RNG.integers(0, 5, 8)


def gradient_of(loss):
    return jax.jit(partial(logits_gradient, LOSSES[loss]))


@pytest.mark.parametrize("loss", LOSSES)
def test_a_loss_is_numpys(loss):
    got = jax.jit(LOSSES[loss])(LOGITS.astype(np.float32), LABELS)

    np.testing.assert_allclose(got, losses(LOGITS, LABELS, loss), rtol=2e-6, atol=1e-7)


@pytest.mark.parametrize("loss", LOSSES)
def test_the_gradient_is_that_of_central_differences(loss):
    got = gradient_of(loss)(LOGITS.astype(np.float32), LABELS)

    step = 1e-6
    for k in range(LOGITS.shape[1]):
        shift = step * np.eye(LOGITS.shape[1])[k]
        slope = (losses(LOGITS + shift, LABELS, loss) - losses(LOGITS - shift, LABELS, loss)) / (2 * step)
        np.testing.assert_allclose(got[:, k], slope, rtol=1e-4, atol=1e-6)


def test_the_quadratic_loss_lies_between_0_and_1_and_is_flat_where_the_network_is_surely_wrong():
    logits = np.array([[50.0, 0.0], [0.0, 0.0], [0.0, 50.0]], np.float32)
    label = np.zeros(3, np.int32)

    np.testing.assert_allclose(jax.jit(LOSSES["quadratic"])(logits, label), [0.0, 0.25, 1.0], atol=1e-6)
    wrong = {loss: np.abs(gradient_of(loss)(logits, label)[2]).max() for loss in LOSSES}
    assert wrong["quadratic"] < 1e-6
    assert wrong["cross_entropy"] == pytest.approx(1)
