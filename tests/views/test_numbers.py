"""Tests that a setting is written one way, wherever it is shown."""

import pytest

from xavier_cli.config.run import RunConfig
from xavier_cli.findings.comparison import compare
from xavier_cli.views import numbers
from xavier_cli.views.comparison import comparison_page
from xavier_cli.views.run import settings_of
from xavier_cli.views.settings import settings_page
from xavier_cli.views.two_runs import diff_page


@pytest.mark.parametrize(
    ("name", "value", "shown"),
    [
        ("coding", (-1.0, 1.0), "[-1, 1]"),
        ("coding", [0, 0.5], "[0, 0.5]"),
        ("coding", "-1,1", "[-1, 1]"),
        ("coding", "standardize", "standardize"),
        ("residual", False, "off"),
        ("residual", True, "on"),
        ("width", (500, 50, 500), "500, 50, 500"),
        ("seeds", (0, 1, 2, 7), "0-2, 7"),
        ("updates", 30_000, "30,000"),
        ("lr", 0.030000001, "0.030000001"),
        # A value of a range, computed to more digits than anybody types.
        ("lr", 0.00316227766017, "0.00316228"),
        ("act", "tanh", "tanh"),
    ],
)
def test_a_setting_is_written_as_people_read_it(name, value, shown):
    assert numbers.setting(value, name) == shown


def test_two_that_look_alike_are_written_with_all_digits():
    assert numbers.setting((0.030000001,), exactly=True) == "0.030000001"


def test_every_view_writes_them_so(make_run, tmp_path):
    light = {"only": ["curves", "final/diverged_at"], "width": 8, "seeds": 2}
    one, other = make_run(**light), make_run(**light, coding="0,1", residual=True)
    texts = {
        "show": dict(settings_of(one)),
        "diff": {row[0]: row[1] for table in diff_page(one, other).tables for row in table.texts},
        "config": {
            row[0]: row[1] for row in settings_page(one.config, _origins(), [], tmp_path).tables[0].texts
        },
    }
    (table,) = comparison_page(compare([one, other])).tables
    heads = [column.title for column in table.columns]
    texts["compare"] = dict(zip(heads, table.texts[0], strict=True))

    for name, shown in texts.items():
        assert (shown["coding"], shown["residual"]) in (("[-1, 1]", "off"), ("[0, 1]", "on")), name


def test_programs_read_what_they_did(make_run):
    light = {"only": ["curves", "final/diverged_at"], "width": 8, "seeds": 2}
    data = diff_page(make_run(**light), make_run(**light, coding="0,1", residual=True)).data

    assert data["settings"]["coding"] == {"a": "-1, 1", "b": "0, 1"}
    assert data["settings"]["residual"] == {"a": "False", "b": "True"}


def _origins():
    return dict.fromkeys(RunConfig.model_fields, "default")
