"""`xavier config show`: each layer of settings over the ones below it."""

import json
import re

import pytest

from xavier_cli.config.layers import resolve


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
    assert re.search(r"seeds +0-\d", out)


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


@pytest.mark.parametrize("command", [("config", "show"), ("train", "--dry-run"), ("act", "list"), ("ls",)])
def test_a_misspelt_variable_is_warned_of_once_by_every_command(xavier, user, monkeypatch, command):
    for name, value in (("WIDHT", "3"), ("RUNS_DIR", "r"), ("DATA_DIR", "d"), ("BATCH_SIZE", "3")):
        monkeypatch.setenv(f"XAVIER_{name}", value)
    lines = [line for line in xavier(*command).err.splitlines() if "warning" in line]

    assert lines == ["warning: XAVIER_WIDHT: unknown setting `widht`: did you mean `width`?"]


@pytest.mark.parametrize(
    ("text", "arguments"),
    [
        ('records = "every:1"', ("--updates", 100)),
        ('schedule = "warmup:100000"', ("--scale", "paper")),
        ('init = "normalized,7=zeros"', ("--depth", 8)),
        ("weight_decay = 0.1", ("--optimizer", "sgd")),
        ("batch_size = 1", ("--normalization", "layer")),
        ('update_rule = "delayed:8"', ("--clip", 0)),
    ],
)
def test_settings_are_judged_with_all_layers_over_each_other(xavier, user, monkeypatch, text, arguments):
    """The file alone does not go with the defaults, or with the other file below it."""
    beside = 'updates = 30_000\noptimizer = "adamw"\nnormalization = "batch"\nclip = 1\n'
    project = user.parents[1] / "project" / "xavier.toml"
    user.write_text("\n".join(line for line in beside.splitlines() if not text.startswith(("init", "sch"))))
    (user.parents[1] / "project" / "mine.toml").write_text(text)
    name, _, value = text.partition(" = ")
    quiet = ("--normalization", "none", "--optimizer", "sgd", "--clip", 0)
    for source in ("file", "project", "variable"):
        given = ("-c", "mine.toml") if source == "file" else ()
        if source == "project":
            project.write_text(text)
        if source == "variable":
            project.unlink()
            monkeypatch.setenv(f"XAVIER_{name.upper()}", value.strip('"'))
        answer = xavier("config", "show", *given, *quiet, *arguments)
        assert answer.code == 0, answer.err


def test_settings_that_collide_are_told_with_the_place_of_each(xavier, user, monkeypatch):
    user.write_text('records = "every:1"\n')
    monkeypatch.setenv("XAVIER_UPDATES", "1e6")
    answer = xavier("config", "show")

    assert answer.code == 2
    assert answer.err == (
        "xavier: records: `every:1` of 1,000,000 updates is over 20,000 records "
        f"(records from {user}, updates from XAVIER_UPDATES)\n"
    )
    assert "(" not in xavier("config", "show", "--records", "every:1", "--updates", 10**6).err
    answer = xavier("config", "show", "--widths", "30,20", "--updates", 3)
    assert answer.code == 0, answer.err


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("XAVIER_DEPTH", "1.5", "XAVIER_DEPTH: depth: `1.5` is not a whole number"),
        ("XAVIER_ACT", "tahn", "XAVIER_ACT: act: unknown activation `tahn`"),
        ("XAVIER_LIKE", "torch", "XAVIER_LIKE: like: unknown framework"),
    ],
)
def test_a_variable_that_cannot_be_is_named(xavier, user, monkeypatch, name, value, message):
    monkeypatch.setenv(name, value)
    # Of a layer that others hide, too.
    answer = xavier("config", "show", "--depth", 3, "--act", "tanh")

    assert (answer.code, answer.out) == (2, "")
    assert message in answer.err


def test_what_follows_from_other_settings_is_no_setting(xavier, user):
    user.write_text('sources = "a.py 0123456789abcdef"\n')

    assert "unknown setting `sources`" in xavier("config", "show").err


def test_what_is_not_used_does_not_claim_a_value(xavier, user):
    user.write_text("pretrain_updates = 5\n")

    assert shown(xavier)["pretrain_updates"] == (10_000, "default (unused without pretrain)")
    assert shown(xavier, "--pretrain", "dae")["pretrain_updates"] == (5, str(user))


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("XAVIER_Width", "variables are in capitals: did you mean `XAVIER_WIDTH`?"),
        ("XAVIER_SCALE", "`--scale` is an option only"),
        ("XAVIER_CONFIG", "`--config` is an option only"),
    ],
)
def test_a_variable_that_is_nearly_one_is_told_what_it_should_be(xavier, user, monkeypatch, name, said):
    monkeypatch.setenv(name, "3")

    assert f"warning: {name}: {said}\n" in xavier("config", "show").err


def test_scale_in_a_file_is_told_to_be_an_option(xavier, user):
    user.write_text('scale = "tiny"\n')
    answer = xavier("config", "show")

    assert (answer.code, answer.err) == (2, f"xavier: {user}: scale: `--scale` is an option only\n")


def test_widths_may_be_called_so_everywhere_and_beside_width_nowhere(xavier, user, monkeypatch):
    user.write_text("widths = [4, 3]\n")
    assert shown(xavier)["width"] == ([4, 3], str(user))
    monkeypatch.setenv("XAVIER_WIDTHS", "5,4")
    assert shown(xavier)["width"] == ([5, 4], "XAVIER_WIDTHS")
    assert shown(xavier, "--widths", "6,5")["width"] == ([6, 5], "--width")

    one = "are the same setting: give one of them"
    typed = xavier("train", "--widths", "3,4", "--width", "3", "--depth", "5")
    assert (typed.code, typed.err) == (2, f"xavier: --width and --widths {one}\n")
    monkeypatch.setenv("XAVIER_WIDTH", "5")
    assert f"XAVIER_WIDTH and XAVIER_WIDTHS {one}" in xavier("config", "show").err
    monkeypatch.delenv("XAVIER_WIDTH")
    user.write_text("widths = [4, 3]\nwidth = 3\n")
    assert f"{user}: width and widths {one}" in xavier("config", "show").err


def test_init_writes_a_file_that_changes_nothing_until_it_is_edited(xavier, user):
    answer = xavier("config", "init")

    assert (answer.code, answer.out) == (0, "xavier.toml\n")
    assert {origin for _, origin in shown(xavier).values()} <= {"default", "default of shapeset"}
    file = user.parents[1] / "project" / "xavier.toml"
    file.write_text(file.read_text().replace("# width = 300", "width = 12"))
    assert shown(xavier)["width"] == (12, "xavier.toml")


def test_init_replaces_nothing_unless_told(xavier, user):
    file = user.parents[1] / "project" / "xavier.toml"
    file.write_text("width = 12\n")
    refused = xavier("config", "init")

    assert refused.code == 2
    assert "--force" in refused.err
    assert file.read_text() == "width = 12\n"
    assert xavier("config", "init", "--force").code == 0
    assert "# width = 300" in file.read_text()
