"""A setting is one row: a field without a role fails, and what is derived from rows holds for any of them."""

from __future__ import annotations

from typing import Annotated, get_args

import pytest
from support.other_settings import OTHER, pair

from xavier_cli.cli.options import completion
from xavier_cli.config.command_text import train_command
from xavier_cli.config.roles import Role, Setting, Words
from xavier_cli.config.run import SEARCHABLE, RunConfig
from xavier_cli.config.settings import SETTINGS, is_usual, settings_where, spoken
from xavier_cli.errors import ConfigError


def test_a_field_without_a_role_fails():
    with pytest.raises(TypeError, match=r"`Later\.memo` has no role.*Setting\(role, since="):

        class Later(RunConfig):
            memo: str = "none"


def test_a_role_that_is_none_fails():
    with pytest.raises(TypeError, match="`trainin` is no role of a setting: data, network, training"):
        Setting("trainin", since=2)


def test_every_setting_has_a_row_and_every_role_a_setting():
    assert list(SETTINGS) == list(RunConfig.model_fields) == list(RunConfig.rows)
    assert {row.role for row in SETTINGS.values()} == set(get_args(Role))


def test_a_setting_that_older_files_do_not_know_leaves_their_hash_alone():
    class Later(RunConfig):
        memo: Annotated[str, Setting("training", since=2)] = "none"

    class Sooner(RunConfig):
        memo: Annotated[str, Setting("training", since=1)] = "none"

    assert Later.of().sha256() == RunConfig.of().sha256() != Sooner.of().sha256()
    assert Later.model_validate({"memo": "other"}).sha256() != RunConfig.of().sha256()
    assert '"memo":"other"' in Later.model_validate({"memo": "other"}).to_json()


def test_a_detail_has_the_role_of_settings_that_there_are():
    for name, row in SETTINGS.items():
        assert row.detail_of in ("", *SETTINGS), name
        assert not row.derived or name not in settings_where(derived=False), name


def test_settings_are_found_by_what_their_rows_say():
    assert settings_where(role="data") == ("data", "coding")
    assert settings_where(detail_of="pretrain", role="training") == ("pretrain_updates", "pretrain_lr")
    with pytest.raises(AttributeError):
        settings_where(rule="data")


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("depth", 5, "depth 5"),
        ("width", (400, 300), "width 400-300"),
        ("clip", 0.0, "no clipping"),
        ("clip", 1.0, "clip 1"),
        ("updates", 2_500_000, "2.5M updates"),
        ("coding", (0.0, 1.0), "coding [0, 1]"),
        ("coding", "standardize", "standardized inputs"),
        ("loss", "quadratic", "loss quadratic"),
    ],
)
def test_a_value_is_spoken_of_as_its_row_says(name, value, words):
    assert spoken(name, value) == words


def test_every_default_can_be_spoken_of():
    config = RunConfig.of()
    for name in SETTINGS:
        value = getattr(config, name)
        assert spoken(name, value), name
        # The data set and the network's shape decide what these two are by default.
        assert is_usual(name, value) or name in ("coding", "update_rule"), name


def test_every_setting_that_can_be_typed_is_tried():
    assert {*OTHER} == {*settings_where(derived=False)}


@pytest.mark.parametrize("name", OTHER)
def test_every_setting_changes_the_hash_and_is_typed_and_told(name):
    usual, other = pair(name, seeds=2)

    assert usual.sha256() != other.sha256()
    assert f"--{name.replace('_', '-')}" in train_command(other)
    assert spoken(name, getattr(usual, name)) != spoken(name, getattr(other, name))
    assert (name in other.unusual()) != is_usual(name, getattr(other, name))


@pytest.mark.parametrize("name", [name for name in OTHER if SETTINGS[name].in_update or SETTINGS[name].extra])
def test_what_is_in_the_update_or_in_the_network_beside_is_not_plain(name):
    usual, other = pair(name)

    assert usual.is_plain_sgd
    assert usual.can_delay
    assert not other.can_delay
    with pytest.raises(ConfigError, match="delayed:8 is for plain SGD"):
        other.with_(update_rule="delayed:8")


@pytest.mark.parametrize("name", settings_where(in_captions="unusual"))
def test_a_title_says_what_is_unusual(name):
    usual, other = pair(name, update_rule="plain")

    assert usual.title_suffix == ""
    assert other.title_suffix == f", {spoken(name, getattr(other, name))}"


def test_what_completes_a_setting_follows_from_its_words():
    offers = {
        "activation": completion.activations,
        "initializers": completion.initializers,
        "initializer": completion.initializers,
        "data": completion.data_sets,
        "optimizer": completion.optimizers,
        "network": completion.networks,
    }

    assert {*offers, ""} == {*get_args(Words)}
    assert {name: offers[row.words] for name, row in SETTINGS.items() if row.words} == completion.BY_SETTING


def test_what_can_be_searched_is_searched_where_a_list_is_given():
    assert SEARCHABLE
    for name in SEARCHABLE:
        listed = RunConfig.of(**{name: [OTHER[name], getattr(RunConfig.of(), name)]})
        assert len(listed.search) == 2, name


def test_what_is_of_custom_networks_says_nothing_of_the_perceptron():
    mlp = RunConfig.of()
    custom = RunConfig.of(
        net="nets.py:plain", weight_layers=3, sources="nets.py with its imports 0123456789abcdef"
    )
    for name in settings_where(of_custom=True):
        assert (mlp.applies(name), custom.applies(name)) == (False, True)
    for name in settings_where(of_mlp=True):
        assert (mlp.applies(name), custom.applies(name)) == (True, False)
    assert (mlp.name_settings, custom.name_settings) == (("act", "init"), ("net",))
