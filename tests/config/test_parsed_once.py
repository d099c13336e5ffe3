"""Tests that text settings are parsed once, and that parsed values are not part of the configuration."""

import ast
import copy
import pickle
import re
import subprocess
import sys
from functools import cached_property
from importlib import metadata
from pathlib import Path

import pytest

import xavier_cli
from xavier_cli.config.canonical import HashedSettings
from xavier_cli.config.run import RunConfig
from xavier_cli.runs.surface import SurfaceConfig
from xavier_cli.vocabulary import user_code, user_functions
from xavier_cli.vocabulary.datasets import find_data
from xavier_cli.vocabulary.optimizers import parse_optimizer
from xavier_cli.vocabulary.resolve import find_activation, find_pretraining

# With parameters, so that rows are made anew, and hold functions that cannot be pickled.
SETTINGS = {
    "act": "leaky_relu:slope=0.2",
    "init": "normal:std=0.02,output=zeros",
    "bias_init": "constant:value=0.1",
    "optimizer": "adam:b1=0.8",
    "schedule": "warmup:5,cosine",
    "records": "log:7",
    "data": "shapeset:500",
    "pretrain": "dae:noise=0.1",
    "updates": 50,
}

PARSED = "network|activation|initializer|layer|bias|optimizer|data|schedule|rate|pretraining"
PARSERS = re.compile(f"(find|parse)_({PARSED})")


def names(kind: type[HashedSettings]) -> list[str]:
    return [
        name
        for base in kind.__mro__
        for name, value in vars(base).items()
        if isinstance(value, cached_property)
    ]


def parsed(config: HashedSettings) -> HashedSettings:
    """`config` after all its text settings were parsed."""
    for name in names(type(config)):
        getattr(config, name)
    if isinstance(config, SurfaceConfig) and config.around:
        parsed(config.around)
    assert {*names(type(config))} <= vars(config).keys()
    return config


def run_config() -> RunConfig:
    return RunConfig.of(**SETTINGS)


def surface_config() -> SurfaceConfig:
    return SurfaceConfig.of(points=5, around=RunConfig.of(**SETTINGS, seeds="3,"))


both = pytest.mark.parametrize("make", [run_config, surface_config])


def test_each_text_is_what_it_says():
    config = run_config()
    assert config.activation.range == find_activation("leaky_relu:slope=0.2").range
    assert config.activation.parameter_values == {"slope": 0.2}
    assert [row.name for row in config.layer_initializers] == ["normal:std=0.02"] * 5 + ["zeros"]
    assert config.layer_initializers[0].variance(9, 9) == pytest.approx(0.02**2)
    assert config.bias_initializer.mean == 0.1
    assert config.optimizer_choice == parse_optimizer("adam:b1=0.8")
    assert config.rate_schedule == (5, "cosine")
    assert config.record_schedule == ("log", 7)
    assert config.dataset == find_data("shapeset:500")
    assert config.pretraining == find_pretraining("dae:noise=0.1")


@both
def test_it_is_parsed_once(make):
    config = make()
    for name in names(type(config)):
        assert getattr(config, name) is getattr(config, name)


@both
def test_the_canonical_text_does_not_see_it(make):
    assert parsed(make()).to_json() == make().to_json()
    assert parsed(make()).sha256() == make().sha256()
    assert parsed(make()).model_dump() == make().model_dump()
    assert dict(parsed(make())) == dict(make())
    assert repr(parsed(make())) == repr(make())


@both
def test_comparing_and_hashing_do_not_see_it(make):
    assert parsed(make()) == make()
    assert make() == parsed(make())
    assert parsed(make()) == parsed(make())
    assert hash(parsed(make())) == hash(make())
    assert len({make(), parsed(make())}) == 1


@both
@pytest.mark.parametrize("copied", [copy.copy, copy.deepcopy, lambda config: config.model_copy()])
def test_a_copy_parses_for_itself(make, copied):
    config = parsed(make())
    other = copied(config)
    assert other == config
    assert not {*names(type(config))} & vars(other).keys()


@pytest.mark.parametrize(
    "change",
    [
        RunConfig.with_,
        lambda config, **to: config.model_copy(update=to),
        lambda config, **to: config.model_copy(update=to, deep=True),
    ],
)
def test_a_copy_with_other_settings_means_those(change):
    config = parsed(run_config())
    other = change(
        config,
        act="tanh",
        init="standard",
        bias_init="zeros",
        optimizer="sgd",
        schedule="constant",
        records="4",
        data="mnist",
        pretrain="none",
        coding=(0.0, 1.0),
    )
    assert other.activation.name == "tanh"
    assert {row.name for row in other.layer_initializers} == {"standard"}
    assert other.bias_initializer.name == "zeros"
    assert other.optimizer_choice.text == "sgd"
    assert other.rate_schedule == (0, "constant")
    assert other.record_schedule == ("", 4)
    assert other.dataset.name == "mnist"
    assert other.pretraining.name == "none"
    assert config.activation.name == "leaky_relu:slope=0.2"


@both
def test_another_process_gets_the_settings_alone(make):
    config = parsed(make())
    sent = pickle.dumps(config)
    assert len(sent) == len(pickle.dumps(make()))
    assert pickle.loads(sent) == config
    assert not {*names(type(config))} & vars(pickle.loads(sent)).keys()
    asked = "import pickle, sys; print(pickle.load(sys.stdin.buffer).sha256())"
    answer = subprocess.run([sys.executable, "-c", asked], input=sent, capture_output=True, check=True)
    assert answer.stdout.decode().strip() == config.sha256()


def test_what_a_file_names_is_parsed_without_looking_for_it_or_running_it(monkeypatch):
    own = {name: f"nowhere/{name}.py:made" for name in ("act", "init", "bias_init", "optimizer", "data")}
    text = RunConfig.of(coding="0,1").model_copy(update=own).to_json()

    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("looked for what a file names")

    monkeypatch.setattr(metadata, "entry_points", refuse)
    for module, name in (
        (user_code, "load_user_function"),
        (user_code, "before_running"),
        (user_functions, "text_digest"),
    ):
        monkeypatch.setattr(module, name, refuse)
    config = parsed(RunConfig.from_json(text))
    assert config.activation.name == own["act"]
    assert config.optimizer_choice.optimizer.name == own["optimizer"]
    assert config.dataset.kind == "own"


def calls_that_parse(source: str) -> list[str]:
    """The calls in `source` that parse the text of some configuration, like `find_data(config.data)`."""
    return [
        ast.unparse(call)
        for call in ast.walk(ast.parse(source))
        if isinstance(call, ast.Call)
        and PARSERS.match(ast.unparse(call.func).rpartition(".")[2])
        and isinstance(call.args[0], ast.Attribute)
        and call.args[0].attr in RunConfig.model_fields
    ]


def test_nobody_else_parses_a_configurations_text():
    root = Path(xavier_cli.__file__).parent
    known = {"config/run.py", "runs/surface.py", "runs/svm.py"}
    found = {
        str(path.relative_to(root)): calls
        for path in root.rglob("*.py")
        if (calls := calls_that_parse(path.read_text()))
    }
    # The control: where the properties are, each parses once, but for the configuration without seeds.
    assert len(found["config/run.py"]) == len({*names(RunConfig)} - {"experiment"})
    assert found["runs/surface.py"] == ["find_activation(self.act)"]
    assert {path: calls for path, calls in found.items() if path not in known} == {}
