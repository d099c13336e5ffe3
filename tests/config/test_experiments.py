"""Configurations of one experiment are parsed once, and are what each would be by itself."""

import json

import pytest

from xavier_cli.config.experiments import from_plain, read_config, to_plain
from xavier_cli.config.run import RunConfig
from xavier_cli.errors import ConfigError

SETTINGS = [
    {},
    {"width": "4,3,2", "init": "normal:std=0.02,output=zeros", "act": "leaky_relu:slope=0.2"},
    {"lr": "0.1,0.2,0.5", "search_seeds": 1, "coding": "-0.5,2", "data": "shapeset:500"},
    {"data": "images:wörter/π@20", "coding": "standardize", "optimizer": "adam:b1=0.8", "records": "log:7"},
    {"width": 1000, "update_rule": "auto", "init_gain": 1.5, "residual": True, "dropout": 0.1},
    {"pretrain": "dae:noise=0.1", "pretrain_updates": 7, "updates": 10_000_000_000},
]


@pytest.mark.parametrize("settings", SETTINGS)
def test_a_configuration_is_the_same_however_it_is_read(settings):
    for seeds in ("3:4", "5", "9,2"):
        config = RunConfig.of(**settings, seeds=seeds)
        text = config.to_json()
        for other in (read_config(text), from_plain(to_plain(config)).with_seeds(config.seeds)):
            assert other == config
            assert hash(other) == hash(config)
            assert {name: (type(value), value) for name, value in other} == {
                name: (type(value), value) for name, value in config
            }
            assert (other.to_json(), other.sha256(), other.file_stem()) == (
                text,
                config.sha256(),
                config.file_stem(),
            )
            assert other.experiment == config.experiment
            assert other.experiment.seeds == ()


def test_seeds_share_what_is_parsed(monkeypatch):
    first = read_config(RunConfig.of(width=77, seeds="0:1").to_json())
    monkeypatch.setattr(RunConfig, "_validated", lambda settings: pytest.fail("parsed again"))
    again = read_config(json.dumps({**json.loads(first.to_json()), "seeds": [8, 6]}))

    assert again.seeds == (8, 6)
    assert again.dataset is first.dataset
    assert again.experiment is first.experiment


@pytest.mark.parametrize(
    "wrong",
    [
        "[1]",
        "{",
        '"text"',
        *({"seeds": seeds} for seeds in ([], [-1], [2**32], [0, 0], [True], ["x"], [1.5], {}, None, 0.5)),
        {"seeds": list(range(3)), "width": 0},
        {"seeds": [1], "widht": 3},
    ],
)
def test_what_is_no_configuration_is_refused_in_the_same_words(wrong):
    text = wrong if isinstance(wrong, str) else json.dumps(wrong)
    with pytest.raises(ConfigError) as alone:
        RunConfig.from_json(text)
    for _ in range(2):
        with pytest.raises(ConfigError) as shared:
            read_config(text)
        assert str(shared.value) == str(alone.value)
