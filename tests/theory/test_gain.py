"""The gains of STATISTICS section 3."""

from __future__ import annotations

import pytest
from support.exact_activations import ACTS

from xavier_cli.theory.gain import derived_gain, resolve_gain


@pytest.mark.parametrize(
    ("name", "gain"),
    [
        ("relu", 2**0.5),
        ("tanh", 1.5925),
        ("selu", 1.0),
        ("gelu", 1.5335),
        ("sigmoid", 1.846),
        ("softsign", 2.3375),
    ],
)
def test_derived_gains(name, gain):
    assert derived_gain(ACTS[name].jax, ACTS[name].kinks) == pytest.approx(gain, abs=3e-4)


def test_what_a_configuration_says_becomes_a_number():
    tanh = ACTS["tanh"].jax

    assert resolve_gain("paper", tanh) == 1.0
    assert resolve_gain("auto", tanh) == derived_gain(tanh)
    assert resolve_gain(0.7, tanh) == 0.7
