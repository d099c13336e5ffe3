"""A setting is one row: a field without a role fails, and what is derived from rows holds for any of them."""

from __future__ import annotations

from typing import Annotated, get_args

import pytest

from xavier_cli.config.roles import Role, Setting
from xavier_cli.config.run import RunConfig
from xavier_cli.config.settings import SETTINGS, is_usual, settings_where, spoken


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
