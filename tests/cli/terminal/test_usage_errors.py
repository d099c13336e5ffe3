"""A mistake on the command line is one line with what is meant, or with the choices."""

import re
from pathlib import Path

import pytest

from xavier_cli import cli
from xavier_cli.cli.catalogue import COMMANDS
from xavier_cli.config.run import RunConfig
from xavier_cli.vocabulary import lookup, other_words


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("run", "`xavier train`"),
        ("results", "`xavier compare`"),
        ("list", "`xavier ls`"),
        ("benchmark", "`xavier bench`"),
        ("activations", "`xavier act list`"),
        ("tarin", "`train`"),
        ("nonsense", "`xavier --help` lists the commands"),
        ("act tanh", "`xavier act show` or `xavier act list`"),
        ("act shwo", "`show`"),
        ("config --width 3", "`xavier config show --width`"),
        ("init --fan-in 3", "`xavier init show --fan-in`"),
        ("--width 3", "`xavier train --width`"),
        ("data --data-dir x", "`xavier data list --data-dir`"),
    ],
)
def test_what_is_not_there_is_answered_with_what_is_meant(xavier, typed, meant):
    answer = xavier(*typed.split())

    assert answer.code == 2
    assert meant in answer.err
    assert answer.err.count("\n") == 1
    assert answer.out == ""


def test_hints_for_commands_name_commands_that_there_are():
    for word, hint in other_words._HINTS["command"].items():
        assert word not in COMMANDS
        named = hint.split("`xavier ")[1].split("`")[0].split()[0]
        assert named in {*COMMANDS, "--version"}, hint


@pytest.mark.parametrize(
    ("typed", "says"),
    [
        ("train --bs 32", "no option `--bs`: did you mean `--batch-size`?"),
        ("train --amp", "no option `--amp`: did you mean `--precision` (highest, high, default)?"),
        ("train --nonlinearity relu", "no option `--nonlinearity`: did you mean `--act`?"),
        ("train --momentum 0.9", "no option `--momentum`: did you mean `--optimizer momentum:0.9`?"),
        ("train --num-layers 3", "did you mean `--width` (units per hidden layer) or `--depth`"),
        ("train --learning_rate_init 1", "no option `--learning_rate_init`: did you mean `--lr`?"),
        ("train --widht 3", "no option `--widht`: did you mean `--width`?"),
        ("train --out x", "no option `--out`: did you mean `--output`?"),
        ("plot curves --hue act", "no option `--hue`: did you mean `--facet`?"),
        ("sweep table-1 --workers 2", "no option `--workers`: did you mean `--jobs`?"),
        ("show --json", "no option `--json`: did you mean `--format json`?"),
        ("train --loss CrossEntropyLoss", "`CrossEntropyLoss` is not known: did you mean `cross_entropy`?"),
        ("compare --metric accuracy", "did you mean `test_error` (1 − accuracy)?"),
        # What the command does not have, and what is only a little alike, is no suggestion.
        ("show --epochs 3", "no option `--epochs`; `--help` lists them"),
        ("train --workers 3", "no option `--workers`; `--help` lists them"),
        ("train --arc", "no option `--arc`; `--help` lists them"),
    ],
)
def test_other_programs_options_are_answered_with_ours(xavier, typed, says):
    answer = xavier(*typed.split())

    assert (answer.code, answer.out) == (2, "")
    assert says in answer.err
    assert answer.err.count("\n") == 1


@pytest.mark.parametrize(
    ("typed", "says"),
    [
        ("train tanh normalized", "takes no `tanh normalized`: did you mean `--act tanh --init normalized`?"),
        ("train Softsign MNIST", "did you mean `--act Softsign --data MNIST`?"),
        ("train nonsense", "`xavier train` takes no `nonsense`, only options; `--help` lists them"),
        ("diff a b c", "`xavier diff` takes no `c`, only A and B and options; `--help` lists them"),
        ("train --save-weights", "--save-weights needs a value (final, records): keep the trained weights"),
        ("train --lr", "--lr needs a value (RATE[,RATE…]): learning rate; of a list or range (0.01,0.1"),
        ("train -o", "-o needs a value (path): run file to write"),
        ("train --loss", "--loss needs a value (NAME): loss: cross_entropy or quadratic"),
    ],
)
def test_words_without_an_option_and_options_without_a_value_say_what_to_type(xavier, typed, says):
    answer = xavier(*typed.split())

    assert (answer.code, answer.out) == (2, "")
    assert says in answer.err
    assert answer.err.count("\n") == 1


def test_hints_for_options_name_settings_and_options_that_there_are():
    for hint in other_words._HINTS["setting"].values():
        assert {*re.findall(r"`([a-z]\w*)[=`]", hint)} <= RunConfig.model_fields.keys() | {"device"}, hint
    sources = "".join(path.read_text() for path in Path(cli.__file__).parent.rglob("*.py"))
    for hint in other_words._HINTS["option"].values():
        assert all(f'"{option}"' in sources for option in re.findall(r"`(--[a-z-]+)", hint)), hint


@pytest.mark.parametrize(
    ("typed", "says"),
    [
        ("reproduce", ["RECIPE is missing", "table-1", "figure-11"]),
        ("sweep", ["RECIPE is missing", "table-1", "figure-11"]),
        ("init show", ["NAME is missing", *lookup.INITIALIZERS]),
        ("act show", ["NAME is missing", *lookup.ACTIVATIONS]),
        ("data fetch", ["NAME is missing", "mnist", "cifar10"]),
        ("data show", ["NAME is missing", "mnist", "small-imagenet"]),
        ("diff", ["A is missing", "mine"]),
        ("diff mine", ["B is missing", "mine"]),
        ("verify", ["RUN is missing"]),
        ("doctor", ["FILE is missing"]),
    ],
)
def test_an_argument_that_is_missing_is_one_line_with_the_choices(xavier, tmp_path, monkeypatch, typed, says):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("XAVIER_RUNS_DIR", raising=False)
    Path("runs").mkdir()
    Path("runs", "mine.h5").touch()
    answer = xavier(*typed.split())

    assert answer.code == 2
    assert all(each in answer.err for each in says), answer.err
    # It is generated, not downloaded.
    assert typed != "data fetch" or "shapeset" not in answer.err
    assert answer.err.count("\n") == 1
