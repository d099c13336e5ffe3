"""Pages of help: whole, in sections, on stdout; and words of other programs."""

import re

import pytest

from xavier_cli.cli.catalogue import COMMANDS

GROUPS = ("data", "init", "act", "config", "cache")


@pytest.mark.parametrize("words", [(), *((group,) for group in GROUPS)])
def test_without_words_the_page_of_help_is_shown(xavier, words):
    answer = xavier(*words)

    assert (answer.code, answer.err) == (0, "")
    assert answer.out == xavier(*words, "--help").out
    assert len(answer.out.splitlines()) > 5
    assert max(map(len, answer.out.splitlines())) <= 80


def test_every_command_stands_under_its_heading_with_its_whole_line(xavier):
    page = xavier().out
    joined = " ".join(page.split())

    headings = re.findall(r"^(\w[\w ]*):$", page, re.MULTILINE)
    assert headings == ["Train", "Look", "Compare", "Reproduce", "Data and names", "Maintain", "Options"]
    assert all(f"{name} {row.summary}" in joined for name, row in COMMANDS.items())
    assert "..." not in joined.partition("Train:")[2]


def test_a_line_about_a_command_is_short():
    assert max(len(row.summary) for row in COMMANDS.values()) <= 60


def test_help_with_a_command_shows_its_page(xavier):
    assert xavier("help", "train").out == xavier("train", "--help").out
    assert xavier("help", "config", "show").out == xavier("config", "show", "--help").out
    assert xavier("help").out == xavier("--help").out


def test_options_of_train_stand_in_groups_with_presets_first(xavier):
    page = xavier("train", "--help").out

    headings = re.findall(r"^(\w[\w ]*):$", page, re.MULTILINE)
    assert headings == [
        "Presets",
        "Data",
        "Network",
        "Initialization",
        "Optimization",
        "Recording",
        "Running",
        "Output",
        "Options",
    ]
    assert page.index("--config") < page.index("--scale") < page.index("--data NAME")


def test_the_texts_of_options_are_phrases(xavier):
    """Lower case unless a name begins them, and without a full stop (LANGUAGE)."""
    for name in COMMANDS:
        page = xavier(name, "--help").out
        texts = re.findall(r"^  -[^\n]*?  +([A-Z][a-z]+ [^\n]*)$", page, re.MULTILINE)
        others = [text for text in texts if not text.startswith(("Show this message", "TOML"))]
        assert not others, (name, others)


@pytest.mark.parametrize(
    ("typed", "answered"),
    [
        (("train", "--epochs", "3"), "`--updates`"),
        (("train", "--hidden", "300"), "`--width`"),
        (("train", "--gpu"), "`--device`"),
        (("train", "--seed", "3"), "`--seeds`"),
        (("train", "--optimiser", "sgd"), "`--optimizer`"),
        (("train", "--loss", "mse"), "`quadratic`, ½ Σ (p − y)²"),
        (("plot", "histogram"), "`activations`"),
        (("tran",), "`train`"),
    ],
)
def test_words_of_other_programs_are_answered(xavier, typed, answered):
    answer = xavier(*typed)

    assert answer.code == 2
    assert "id you mean" in answer.err
    assert answered in answer.err
    assert len(answer.err.splitlines()) == 1


def test_aliases_of_settings_mean_the_same_everywhere(xavier, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    plain = xavier("train", "--act", "relu", "--lr", "0.1", "--init", "he_normal", "--dry-run").out
    assert (
        xavier(
            "train",
            "--activation",
            "relu",
            "--learning-rate",
            "0.1",
            "--initializer",
            "he_normal",
            "--dry-run",
        ).out
        == plain
    )
    (tmp_path / "xavier.toml").write_text('activation = "relu"\nlearning_rate = 0.1\n')
    monkeypatch.setenv("XAVIER_INITIALIZER", "he_normal")
    assert xavier("train", "--dry-run").out == plain

    twice = xavier("train", "--act", "relu", "--activation", "relu")
    assert twice.code == 2
    assert "the same setting" in twice.err


@pytest.mark.parametrize("device", ["tpu3x", "-1", "٣"])
def test_a_device_that_is_none_is_refused(xavier, device):
    answer = xavier("train", "--device", device)

    assert answer.code == 2
    assert "cpu, gpu or the number of a GPU" in answer.err


def test_an_option_without_its_value_is_not_taken_for_an_unknown_one(xavier):
    answer = xavier("train", "--depth")

    assert (answer.code, answer.err) == (
        2,
        "xavier: --depth needs a value (N): number of hidden layers (mlp alone)\n",
    )
