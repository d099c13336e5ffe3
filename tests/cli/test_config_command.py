"""`xavier config show`: each layer of settings over the ones below it."""

import json

import pytest

from xavier_cli.cli.settings import resolve


@pytest.fixture
def user(tmp_path, monkeypatch):
    """A folder of its own, and where the user's file would lie."""
    folder = tmp_path / "project"
    folder.mkdir()
    monkeypatch.chdir(folder)
    monkeypatch.setattr("platformdirs.user_config_path", lambda *_, **__: tmp_path / "user")
    monkeypatch.delenv("XAVIER_RUNS_DIR", raising=False)
    (tmp_path / "user").mkdir()
    return tmp_path / "user" / "config.toml"


def shown(xavier, *arguments):
    answer = xavier("config", "show", *arguments, "-f", "json")
    assert answer.code == 0, answer.err
    return {
        name: (each["value"], each["origin"]) for name, each in json.loads(answer.out)["settings"].items()
    }


def test_every_layer_goes_over_those_below(xavier, user, monkeypatch):
    assert shown(xavier)["width"] == (300, "default")
    user.write_text("width = 11\n")
    assert shown(xavier)["width"] == (11, str(user))
    (user.parents[1] / "project" / "xavier.toml").write_text("width = 12\n")
    assert shown(xavier)["width"] == (12, "xavier.toml")
    (user.parents[1] / "project" / "own.toml").write_text("width = 13\n")
    assert shown(xavier, "-c", "own.toml")["width"] == (13, "own.toml")
    monkeypatch.setenv("XAVIER_WIDTH", "14")
    assert shown(xavier, "-c", "own.toml")["width"] == (14, "XAVIER_WIDTH")
    assert shown(xavier, "-c", "own.toml", "--scale", "paper")["width"] == (1000, "--scale paper")
    everything = shown(xavier, "-c", "own.toml", "--scale", "paper", "--width", "15")
    assert everything["width"] == (15, "--width")
    assert everything["updates"] == (2_500_000, "--scale paper")


def test_it_shows_what_train_would_take(xavier, user):
    user.write_text('act = "softsign"\n')
    settings = {"data": "mnist", "width": "30,20,10"}
    found = shown(xavier, "--data", "mnist", "--widths", "30,20,10")

    assert {name: value for name, (value, _) in found.items()} == resolve(settings).model_dump(mode="json")
    assert found["coding"][1] == "default of mnist"
    assert found["depth"] == (3, "width, from --width")
    assert found["act"] == ("softsign", str(user))


@pytest.mark.parametrize("width", [60, 80, 200])
def test_it_fits_the_screen(xavier, user, width):
    out = xavier("config", "show", width=width).out

    assert max(map(len, out.splitlines())) <= max(width, len(str(user)) + 20)
    assert "0,1,2,3" in out


@pytest.mark.parametrize(
    ("where", "text", "message"),
    [
        ("user", "widht = 3\n", "unknown setting `widht`: did you mean `width`?"),
        ("project", 'act = "tanhh"\n', "xavier.toml: act: unknown activation `tanhh`: did you mean `tanh`?"),
        ("project", "width = \n", "xavier.toml"),
    ],
)
def test_a_mistake_is_told_with_its_place(xavier, user, where, text, message):
    (user if where == "user" else user.parents[1] / "project" / "xavier.toml").write_text(text)
    answer = xavier("config", "show")

    assert (answer.code, answer.out) == (2, "")
    assert message in answer.err


def test_a_misspelt_variable_is_pointed_out(xavier, user, monkeypatch):
    monkeypatch.setenv("XAVIER_WIDHT", "3")

    assert "XAVIER_WIDHT: unknown setting `widht`: did you mean `width`?" in " ".join(
        xavier("config", "show").out.split()
    )
