"""`xavier act` and `xavier init`, through their front door."""

import csv
import io
import json

import pytest

from xavier_cli.vocabulary import lookup
from xavier_cli.vocabulary.lookup import ActivationEntry, InitializerEntry


def test_lists_hold_every_name(xavier):
    for command, table in (("act", lookup.ACTIVATIONS), ("init", lookup.INITIALIZERS)):
        answer = xavier(command, "list")
        page = json.loads(xavier(command, "list", "-f", "json").out)
        (rows,) = [
            value for value in page.values() if isinstance(value, list) and value and "name" in value[0]
        ]

        assert answer.code == 0
        assert [row["name"] for row in rows] == list(table)
        assert all(name in answer.out for name in table)


@pytest.mark.parametrize(
    ("name", "slope", "gain", "saturated_above"),
    [("sigmoid", 0.25, 1.846, 2.9444), ("tanh", 1.0, 1.5925, 1.4722), ("softsign", 1.0, 2.3375, 9.0)],
)
def test_act_show_tells_slope_gain_and_where_it_saturates(xavier, name, slope, gain, saturated_above):
    page = json.loads(xavier("act", "show", name, "-f", "json").out)

    assert page["schema"] == "xavier.act.show/1"
    assert page["slope_at_0"] == pytest.approx(slope)
    assert page["gain"] == pytest.approx(gain, abs=3e-4)
    assert page["saturated_above"] == pytest.approx(saturated_above, abs=1e-3)
    assert page["inactive_below"] is None
    assert page["jax"]
    assert page["keras"]
    assert page["torch"]


def test_act_show_takes_aliases_and_reads_well(xavier):
    out = xavier("act", "show", "logistic").out

    assert out.startswith("sigmoid\n")
    assert "s < -2.944 or s > 2.944" in out
    assert "nn.Sigmoid" in out
    assert "mean is not 0" in " ".join(out.split())


@pytest.mark.parametrize(
    ("name", "fans"),
    [
        ("standard", (1000, 1000)),
        ("normalized", (1024, 9)),
        ("variance_scaling:mode=fan_out,scale=3,distribution=uniform", (1024, 9)),
    ],
)
def test_a_million_draws_are_within_a_percent_of_the_law(xavier, name, fans):
    page = json.loads(
        xavier("init", "show", name, "--fan-in", fans[0], "--fan-out", fans[1], "-f", "json").out
    )

    assert page["draws"] >= 1_000_000
    assert page["measured_variance"] == pytest.approx(page["variance"], rel=0.01)
    assert page["measured_std"] == pytest.approx(page["std"], rel=0.01)
    assert page["bound"] is None or page["measured_bound"] == pytest.approx(page["bound"], rel=0.01)


def test_init_show_is_the_papers_bound(xavier):
    (row,) = csv.DictReader(io.StringIO(xavier("init", "show", "glorot_uniform", "-f", "csv").out))

    assert row["name"] == "normalized"
    assert float(row["bound"]) == pytest.approx(0.05477, abs=1e-5)


def test_init_show_explains_the_root_of_five(xavier):
    out = " ".join(xavier("init", "show", "pytorch_default").out.split())

    assert "a = √5 makes that U(±1/√fan_in)" in out
    assert "1000 → 1000, 1,000,000 draws" in out


def test_a_screen_without_greek_is_still_served(xavier):
    from xavier_cli.sanitize import encodable

    assert encodable("1000 → 9, φ, ∞", "ascii") == "1000 -> 9, phi, inf"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("act", "show", "tahn"), "unknown activation `tahn`: did you mean `tanh`?"),
        (("init", "show", "normalised"), "unknown initializer `normalised`: did you mean `normalized`?"),
        (("init", "show", "standard", "--fan-in", "0"), "--fan-in: should be at least 1"),
        (("act", "show", "leaky_relu:slop=1"), "unknown parameter `slop` of `leaky_relu`: it has slope"),
        (
            ("init", "show", "normal:std=-1"),
            "`std` of `normal`, standard deviation, should be a number above 0",
        ),
        (("init", "show", "normalized,output=zeros"), "`init show` takes the initializer of one layer"),
        (("act", "show", "nowhere.py:wave"), "`nowhere.py` cannot be read: No such file or directory"),
        (("init", "show", "standard", "--fan-in", "100000", "--fan-out", "100000"), "weights"),
        (("act", "shwo"), "did you mean `show`"),
    ],
)
def test_what_is_not_there_is_named(xavier, arguments, message):
    answer = xavier(*arguments)

    assert answer.code == 2
    assert message in answer.err
    assert answer.out == ""


def test_an_answer_goes_to_a_file(tmp_path, xavier):
    answer = xavier("act", "show", "tanh", "-o", tmp_path / "tanh.md")

    assert answer.out == ""
    assert "| gain (auto) | 1.5925 |" in (tmp_path / "tanh.md").read_text()


def test_a_new_row_in_names_is_all_a_new_one_needs(xavier, monkeypatch):
    relu = ActivationEntry("relu6", "max(0, s)", "jax.nn:relu", range=(0.0, float("inf")), kinks=(0.0,))
    he = InitializerEntry(
        "he_2015",
        "N(0, 2/fan_in) truncated at 2σ",
        "jax.nn.initializers:he_normal",
        variance=lambda fan_in, fan_out: 2 / fan_in,
        distribution="truncated normal",
        source="He et al. 2015",
    )
    monkeypatch.setitem(lookup.ACTIVATIONS, "relu6", relu)
    monkeypatch.setitem(lookup.INITIALIZERS, "he_2015", he)
    act = json.loads(xavier("act", "show", "relu6", "-f", "json").out)
    init = json.loads(xavier("init", "show", "he_2015", "-f", "json").out)

    assert act["gain"] == pytest.approx(2**0.5)
    assert (act["inactive_below"], act["saturated_below"], act["range"]) == (0.0, None, [0.0, "inf"])
    assert init["measured_variance"] == pytest.approx(init["variance"], rel=0.01)
    assert init["measured_bound"] == pytest.approx(init["bound"], rel=0.01)
    assert "inactive" in xavier("act", "show", "relu6").out


@pytest.mark.parametrize(
    ("command", "word"),
    [("act", "leaky_relu:0.2"), ("act", "tanh:"), ("init", "normal:std=1,std=1"), ("init", "normal:std=")],
)
def test_a_word_that_is_not_written_right_is_the_users_mistake(xavier, command, word):
    answer = xavier(command, "show", word)

    assert answer.code == 2
    assert answer.err.startswith(f"xavier: `{word}` ")
    assert "--debug" not in answer.err
