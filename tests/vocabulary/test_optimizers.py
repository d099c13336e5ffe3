"""Tests names and parameters of optimizers, and the errors about wrong ones."""

from __future__ import annotations

import pytest

from xavier_cli.config.run import RunConfig
from xavier_cli.errors import ConfigError
from xavier_cli.vocabulary.optimizers import OPTIMIZERS, parse_optimizer


@pytest.mark.parametrize(
    ("typed", "text"),
    [
        ("sgd", "sgd"),
        ("SGD", "sgd"),
        ("sgd:momentum=0", "sgd"),
        ("momentum", "sgd:momentum=0.9"),
        ("momentum:0.95", "sgd:momentum=0.95"),
        ("Nesterov", "sgd:momentum=0.9,nesterov=true"),
        ("nesterov:0.5", "sgd:momentum=0.5,nesterov=true"),
        ("adam", "adam"),
        ("adam:b2=0.99, b1=0.9", "adam:b2=0.99"),
        ("adam:eps=1e-08", "adam"),
        ("rmsprop:centered=TRUE", "rmsprop:centered=true"),
        ("dgn:mu=0.1", "diagonal_gauss_newton:mu=0.1"),
    ],
)
def test_an_optimizer_is_written_in_one_way(typed, text):
    assert parse_optimizer(typed).text == text
    assert RunConfig.of(optimizer=typed).optimizer == text
    assert parse_optimizer(text).text == text


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_every_value_comes_back_as_it_was_told(name):
    told = {
        key: (not value) if isinstance(value, bool) else 0.123456789
        for key, value in OPTIMIZERS[name].parameters.items()
    }
    words = ",".join(f"{key}={str(value).lower()}" for key, value in told.items())
    choice = parse_optimizer(f"{name}:{words}" if words else name)

    assert choice.values == told
    assert parse_optimizer(choice.text) == choice


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"optimizer": "rmsporp"}, "optimizer: unknown optimizer `rmsporp`: did you mean `rmsprop`"),
        ({"optimizer": "momentun"}, "did you mean `momentum`"),
        ({"optimizer": "adagrad:epz=1"}, "unknown parameter of adagrad `epz`: did you mean `eps`"),
        ({"optimizer": "adam:b1=1"}, "b1 should be at least 0 and below 1"),
        ({"optimizer": "adam:b1=-0.1"}, "b1 should be a number from 0"),
        ({"optimizer": "adam:eps=nan"}, "eps should be a number from 0"),
        ({"optimizer": "adam:eps=small"}, "eps should be a number, not `small`"),
        ({"optimizer": "adam:nesterov=1"}, "nesterov should be true or false"),
        ({"optimizer": "adam:0.9"}, "`0.9` should be like `adam:b1=0.9`"),
        ({"optimizer": "adam:b1="}, "`b1=` should be like `adam:b1=0.9`"),
        ({"optimizer": "adam:b1=0.8,b1=0.9"}, "`adam:b1=0.8,b1=0.9` sets `b1` twice"),
        ({"optimizer": "adam:eps=1e7"}, "eps should be a number from 0 to 1e6"),
        ({"optimizer": "momentum:1"}, "momentum should be at least 0 and below 1"),
        ({"optimizer": "sgd:nesterov=true"}, "nesterov=true needs a momentum"),
        ({"optimizer": "sign_sgd:b1=1"}, "sign_sgd has no parameters"),
        ({"optimizer": "dgn:mu=0"}, "mu should be above 0"),
        ({"optimizer": "dgn", "normalization": "batch"}, "is for plain networks, without batch norm"),
        ({"optimizer": "dgn", "act": "prelu"}, "without the learned slope of prelu"),
        ({"optimizer": "adamw", "weight_decay": 0.1}, "weight_decay: adamw has its own: .*=0.1"),
        ({"optimizer": "gradient_variance", "batch_size": 1}, "batch_size: .*at least 2"),
        ({"normalization": "batch", "batch_size": 1}, "batch_size: .*at least 2"),
        ({"normalization": "group"}, "normalization: "),
        ({"schedule": "cosin"}, "schedule: should be constant"),
        ({"schedule": "warmup"}, "schedule: should be constant"),
        ({"schedule": "warmup:10,"}, "schedule: should be constant"),
        ({"schedule": "warmup:100", "updates": 50}, "schedule: a warm-up of 100 updates is longer"),
        ({"clip": "inf"}, "clip: "),
        ({"dropout": 1}, "dropout: should be below 1"),
        ({"residual": "maybe"}, "residual: "),
    ],
)
def test_what_cannot_be_is_told_in_one_line_that_names_the_setting(settings, message):
    with pytest.raises(ConfigError, match=message) as caught:
        RunConfig.of(**settings)

    assert "\n" not in str(caught.value).strip()


def test_new_settings_at_their_defaults_leave_a_configuration_as_it_was():
    for settings in ({"optimizer": "adam"}, {"schedule": "cosine"}, {"clip": 1}, {"residual": True}):
        assert RunConfig.of(**settings).sha256() != RunConfig.of().sha256()
    assert not {"schedule", "clip", "residual", "dropout"} & set(RunConfig.of().to_json().split('"'))
