"""The commented `xavier.toml` that `xavier config init` writes."""

import re
import tomllib

from xavier_cli.config.layers import option_fields
from xavier_cli.config.run import RunConfig
from xavier_cli.config.template import settings_template


def test_it_changes_nothing_as_it_is():
    assert tomllib.loads(settings_template()) == {}


def test_without_the_marks_it_holds_every_setting_at_its_default():
    settings = tomllib.loads(re.sub(r"^# (\w+ = )", r"\1", settings_template(), flags=re.MULTILINE))

    assert sorted(settings) == sorted(option_fields())
    assert RunConfig.of(**settings) == RunConfig.of()
