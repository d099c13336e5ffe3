"""The losses and their gradients against central differences in float64 and against known values."""

import jax.numpy as jnp
import numpy as np
import pytest
from support.numpy_network import losses

from xavier_cli.nn.losses import LOSSES, logits_gradient

RNG = np.random.default_rng(0)
LOGITS = RNG.normal(size=(8, 5)) * 3
LABELS = RNG.integers(0, 5, 8)


@pytest.mark.parametrize("loss", LOSSES)
def test_a_loss_is_numpys(loss):
    got = LOSSES[loss](jnp.asarray(LOGITS, jnp.float32), jnp.asarray(LABELS))

    np.testing.assert_allclose(got, losses(LOGITS, LABELS, loss), rtol=2e-6, atol=1e-7)


@pytest.mark.parametrize("loss", LOSSES)
def test_the_gradient_is_that_of_central_differences(loss):
    got = logits_gradient(LOSSES[loss], jnp.asarray(LOGITS, jnp.float32), jnp.asarray(LABELS))

    step = 1e-6
    for k in range(LOGITS.shape[1]):
        shift = step * np.eye(LOGITS.shape[1])[k]
        slope = (losses(LOGITS + shift, LABELS, loss) - losses(LOGITS - shift, LABELS, loss)) / (2 * step)
        np.testing.assert_allclose(got[:, k], slope, rtol=1e-4, atol=1e-6)


def test_the_quadratic_loss_lies_between_0_and_1_and_is_flat_where_the_network_is_surely_wrong():
    logits = jnp.array([[50.0, 0.0], [0.0, 0.0], [0.0, 50.0]])
    label = jnp.zeros(3, jnp.int32)

    np.testing.assert_allclose(LOSSES["quadratic"](logits, label), [0.0, 0.25, 1.0], atol=1e-6)
    wrong = {loss: np.abs(logits_gradient(LOSSES[loss], logits, label)[2]).max() for loss in LOSSES}
    assert wrong["quadratic"] < 1e-6
    assert wrong["cross_entropy"] == pytest.approx(1)
