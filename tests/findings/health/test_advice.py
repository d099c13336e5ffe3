"""Advice names the initialization that theory has for the activation."""

import pytest

from xavier_cli.config.run import RunConfig
from xavier_cli.findings.health.advice import fitting_init, other_start


@pytest.mark.parametrize(
    ("act", "init"),
    [
        ("relu", "he_normal"),
        ("leaky_relu:slope=0.2", "he_normal"),
        ("gelu", "he_normal"),
        ("selu", "lecun_normal"),
        ("tanh", "normalized"),
        ("softsign", "normalized"),
        ("identity", "normalized"),
    ],
)
def test_the_initialization_that_keeps_a_signal_s_size(act, init):
    config = RunConfig.of(act=act, init="normal:std=0.01")

    assert fitting_init(config) == init
    assert f"--init {init}" in other_start(config) or init == RunConfig.model_fields["init"].default
    assert "--act " not in other_start(config.with_(act="tanh"))


@pytest.mark.parametrize(
    ("settings", "act"),
    [
        ({"act": "relu", "init": "he_uniform"}, "tanh"),
        ({"act": "relu", "init": "normalized", "init_gain": "auto"}, "tanh"),
        ({"act": "tanh", "init": "normalized"}, "softsign"),
        ({"act": "sigmoid", "init": "standard"}, "tanh"),
    ],
)
def test_a_network_that_has_it_is_told_of_another_activation(settings, act):
    advised = other_start(RunConfig.of(**settings))

    assert "--init " not in advised
    assert f"--act {act}" in advised or act == "tanh"
    assert "relu" not in advised


def test_a_relu_network_under_the_normalized_initialization_is_told_of_he():
    assert "--act relu --init he_normal" in other_start(RunConfig.of(act="relu", depth=30))
