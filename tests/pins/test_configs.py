"""The canonical text of configurations, and the hash that names their files."""

import pytest

from xavier_cli.config.run import RunConfig

OWN = """import jax.numpy as jnp


def bent(x):
    return jnp.tanh(x) + 0.1 * x


def flat(key, shape, dtype):
    return jnp.zeros(shape, dtype)
"""
# The defaults of the release that wrote the pins: configurations that say them keep their hashes.
THEN = {"seeds": 4, "updates": 30_000}
CONFIGS = {
    "defaults": {},
    "defaults of today": {"seeds": 5, "updates": 20_000},
    "deep": {"depth": 50, "width": 20, "act": "selu", "init": "lecun_normal"},
    "widths": {"width": "400,300,200", "act": "softsign"},
    "equal widths": {"width": "30,30,30"},
    "aliases": {"act": "soft_sign", "init": "xavier"},
    "sigmoid": {"act": "sigmoid", "init": "standard", "depth": 4},
    "slope": {"act": "leaky_relu:slope=0.2", "init": "he_normal", "init_gain": "auto"},
    "learned slope": {"act": "prelu", "init": "he_uniform", "bias_init": "standard"},
    "std": {"init": "normal:std=0.02", "init_gain": 1.5},
    "scaled": {"init": "variance_scaling:scale=2,mode=fan_out,distribution=uniform", "act": "relu"},
    "per layer": {"init": "normalized,output=zeros,1=standard", "depth": 3},
    "orthogonal": {"init": "orthogonal", "act": "identity", "loss": "quadratic"},
    "lsuv": {"init": "lsuv", "act": "elu", "updates": 0},
    "pytorch": {"like": "pytorch"},
    "flax": {"like": "flax", "act": "gelu"},
    "momentum": {"optimizer": "momentum:0.95", "clip": 1.0},
    "adam": {"optimizer": "adam:b1=0.8,eps=1e-6", "schedule": "warmup:100,cosine", "lr": "1e-3"},
    "adamw": {"optimizer": "adamw", "schedule": "linear", "weight_decay": 0},
    "second order": {"optimizer": "dgn:mu=0.1", "batch_size": 20},
    "weight decay": {"weight_decay": 1e-4, "schedule": "cosine"},
    "search": {"lr": "0.01,0.03,0.1", "search_seeds": 1, "seeds": "0,3,7"},
    "searched grid": {"lr": "0.001:1:4:log", "seeds": "0:10"},
    "mnist": {"data": "mnist", "coding": "-1,1", "records": "log:30"},
    "standardized": {"data": "cifar10", "coding": "standardize", "records": "every:500"},
    "finite shapeset": {"data": "shapeset:10000", "eval_examples": 10_000, "jacobian_examples": 0},
    "own data": {"data": "mine.npz", "seeds": "5,"},
    "folder": {"data": "images:pets@32rgb"},
    "batch normalized": {"normalization": "batch", "residual": True, "dropout": 0.2},
    "layer normalized": {"normalization": "layer", "residual": "true"},
    "auto-encoders": {"pretrain": "dae:noise=0.1", "pretrain_updates": 500, "pretrain_lr": 0.1},
    "boltzmann": {"pretrain": "rbm:steps=5,visible=gaussian", "act": "sigmoid"},
    "delayed": {"update_rule": "delayed:4", "width": 100},
    "delayed by itself": {"width": 1000},
    "precision": {"precision": "default", "update_rule": "plain"},
    "own functions": {"act": "mine.py:bent", "init": "mine.py:flat,output=normalized"},
}


@pytest.fixture
def configs(alone):
    (alone / "mine.py").write_text(OWN)
    return {name: RunConfig.of(**{**THEN, **settings}) for name, settings in CONFIGS.items()}


def test_configurations_keep_their_text_their_hash_and_their_name(configs, snapshot):
    now = {
        name: {"canonical": config.to_json(), "sha256": config.sha256(), "file": config.file_stem()}
        for name, config in configs.items()
    }
    then = snapshot("configs.json", now)

    for name, content in now.items():
        assert content == then.get(name), name
    assert list(then) == sorted(now)


def test_the_defaults_keep_their_hash(configs):
    assert RunConfig.of() == configs["defaults of today"]


def test_a_canonical_text_is_read_as_what_it_was_written_from(configs):
    for name, config in configs.items():
        assert RunConfig.from_json(config.to_json()) == config, name
