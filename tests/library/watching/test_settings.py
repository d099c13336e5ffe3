"""Tests that a loop's own words become the configuration of its run."""

from __future__ import annotations

import numpy as np
import pytest

from xavier_cli.config.command_text import train_command
from xavier_cli.config.differing import differences
from xavier_cli.config.run import RunConfig
from xavier_cli.errors import ConfigError, XavierError
from xavier_cli.library.watching.settings import other_settings, watched_config


def config_of(settings=None, name="ResNet", loss=None, **changes):
    given = {"seed": 0, "records": "log:20", "updates": None} | changes
    return watched_config(name, settings or {}, loss, **given)


def test_words_that_a_table_knows_are_its_rows():
    config = config_of(
        {"init": "He", "act": "ReLU", "data": "CIFAR-10", "learning_rate": "0.1", "batch_size": 64}
    )

    assert (config.init, config.act, config.data) == ("he_normal", "relu", "cifar10")
    assert (config.lr, config.batch_size) == (0.1, 64)
    assert config.told == "act,batch_size,data,init,loss,lr"


def test_words_that_no_table_knows_are_names():
    config = config_of(
        {"init": "fixup, scaled", "act": "my.module:swishy", "data": "corpus 3", "optimizer": "lion!"}
    )

    assert (config.init, config.act, config.data) == ("fixup scaled", "my.module.swishy", "corpus 3")
    assert config.network.short == "ResNet:optimizer=lion!"
    assert config.sources == ""
    assert config.title == "ResNet:optimizer=lion! my.module.swishy fixup scaled, custom"


def test_anything_else_is_told_with_the_networks_name():
    config = config_of(
        {"net": "deep one", "depth": np.int64(20), "wide": True, "betas": (0.9, 0.99), "norm": None}
    )

    assert config.network.short == "deep_one:betas=0.9 0.99,depth=20,norm=none,wide=true"
    assert dict(config.network.arguments)["depth"] == 20


def test_what_was_not_told_is_not_known():
    config = config_of()

    assert not config.applies("lr")
    assert config.applies("updates")
    assert "lr" not in config.shown()
    assert '"lr"' not in config.to_json()
    assert RunConfig.from_json(config.to_json()) == config
    assert RunConfig.from_json(config.to_json()).sha256() == config.sha256()
    assert train_command(config) == ""
    assert config.with_(updates=100).updates == 100


def test_settings_that_do_not_go_together_here_may_elsewhere():
    config = config_of({"optimizer": "adamw", "weight_decay": 0.1, "schedule": "warmup:500"})

    assert config.told == "loss,optimizer,schedule,weight_decay"


def test_a_rate_that_is_a_list_is_no_search():
    config = config_of({"lr": [0.1, 0.01]})

    assert not config.applies("lr")
    assert config.network.short == "ResNet:lr=0.1 0.01"


@pytest.mark.parametrize(
    ("loss", "is_known"),
    [(None, True), (lambda answer, y: 0, False), (type("CrossEntropyLoss", (), {})(), True)],
)
def test_the_cross_entropy_is_known_by_its_name(loss, is_known):
    assert config_of(loss=loss).applies("loss") == is_known


def test_only_what_was_told_differs():
    one = config_of({"init": "a", "lr": 0.1})

    assert differences([one, config_of({"init": "b", "lr": 0.1})]) == ["init"]
    assert differences([one, config_of({"init": "a", "lr": 0.2})]) == ["lr"]
    assert differences([one, config_of({"init": "a"})]) == []
    assert differences([one, config_of({"init": "a", "lr": 0.1, "depth": 3})]) == ["net"]


def test_other_settings_are_named():
    one = config_of({"init": "a", "depth": 2}, updates=10)

    assert other_settings(one, one.with_(weight_layers=4)) == ""
    assert other_settings(one, one.with_(updates=20)) == "updates 10, not 20"
    assert other_settings(one, config_of({"init": "b", "depth": 2}, updates=10)) == "init a, not b"
    assert other_settings(one, config_of({"init": "a"}, updates=10)) == "depth 2, which is not named now"
    assert other_settings(one, config_of({"init": "a", "depth": 2}, updates=10, seed=3)) == "seed 0, not 3"


@pytest.mark.parametrize("value", [{"x": "a" * 300}, {"x": ","}, {"": 1}, {"seed": 1}, {"x": object()}])
def test_what_cannot_be_told_is_one_line(value):
    with pytest.raises(ConfigError) as error:
        config_of(value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("how", ["probe", "train"])
def test_nothing_here_makes_a_watched_network(how):
    from xavier_cli.config.custom_networks import refuse_custom_networks
    from xavier_cli.library.networks import probe_network

    def refuse(config):
        return refuse_custom_networks(config, "") if how == "train" else probe_network(config, None)

    with pytest.raises(XavierError, match="trained in a loop of its own, which `watch` recorded"):
        refuse(config_of({"bias_init": "zeros"}))
