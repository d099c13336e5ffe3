"""The texts of compiled programs, before any compiler: what is trained and looked at stays the same program.

A text is pinned as the digest of what is left without names and places: Python's own names stand in it.
Another JAX lowers otherwise, so that the texts of one version alone are compared.
"""

from __future__ import annotations

import hashlib
import re
from importlib.metadata import version

import jax
import numpy as np
import pytest

from xavier_cli.config.run import RunConfig
from xavier_cli.training.engine.program_cache import set_cache_dir
from xavier_cli.training.engine.training_data import prepare
from xavier_cli.training.train import probe, train

SMALL = {"depth": 2, "width": 5, "updates": 20, "records": "2", "seeds": "2", "eval_examples": 100}
OWN = "def bent(x):\n    return x / (1 + x * x) ** 0.5\n"
TRAINED = {
    "plain": {},
    "images made on the way": {"data": "shapeset", "act": "sigmoid"},
    "other networks": {"act": "softsign", "init": "standard,output=zeros", "loss": "quadratic", "depth": 3},
    "delayed": {"update_rule": "delayed:4", "batch_size": 4, "records": "log:4"},
    "batch normalized": {"normalization": "batch", "residual": True, "act": "prelu", "dropout": 0.1},
    "adam": {"optimizer": "adam:b1=0.8", "schedule": "warmup:5,cosine", "clip": 1.0, "weight_decay": 1e-4},
    "second order": {"optimizer": "diagonal_gauss_newton", "batch_size": 20},
    "search": {"lr": "0.01,0.1", "seeds": "0,3,7"},
    "auto-encoders": {"pretrain": "dae", "pretrain_updates": 10},
    "boltzmann": {"pretrain": "rbm", "pretrain_updates": 10, "act": "sigmoid"},
    "own": {"act": "mine.py:bent", "init": "orthogonal", "precision": "default"},
}
PROBED = {
    "probe": {"act": "relu", "init": "he_normal", "depth": 4},
    "probe, lsuv": {"init": "lsuv", "act": "gelu", "jacobian_examples": 3},
}


class LoweredError(Exception):
    """A program came as far as the compiler."""


@pytest.fixture
def texts(alone, monkeypatch):
    """A function of work on a material's networks: what the compiler would be given for it, sorted."""
    if jax.default_backend() != "cpu":
        pytest.skip("programs are pinned as processors are given them")
    rng = np.random.default_rng(0)
    x = rng.integers(0, 256, (4000, 6)).astype(np.uint8)
    np.savez("tiny.npz", x=x, y=(x[:, 0] > 127).astype(np.int64))
    (alone / "mine.py").write_text(OWN)
    set_cache_dir(None)

    def given(work, settings) -> list[str]:
        config = RunConfig.of(**{"data": "tiny.npz", **SMALL, **settings})
        training_data = prepare(config, None)
        found: list[str] = []

        def noted(lowered, *_, **__):
            found.append(normalized(lowered.as_text()))
            raise LoweredError

        with monkeypatch.context() as patch:
            patch.setattr(jax.stages.Lowered, "compile", noted)
            with pytest.raises(LoweredError):
                work(config, training_data, strategy="map")
        return sorted(found, key=lambda text: (len(text), text))

    return given


def normalized(text: str) -> str:
    """A program's text without what Python calls its parts, and without the last digits of its numbers."""
    text = re.sub(r"\s*loc\([^()]*\)|^#loc.*$", "", text, flags=re.MULTILINE)
    text = re.sub(r'jax\.result_info = "[^"]*"', "result", text)
    text = re.sub(r"module @[\w.$-]+", "module", text)
    numbers: dict[str, str] = {}
    text = re.sub(r"@([\w.$-]+)", lambda name: numbers.setdefault(name[1], f"@{len(numbers)}"), text)
    # Some are computed by the host, whose last digit is not another's.
    return re.sub(r"-?\d\.\d+(E[+-]?\d+)?", lambda number: f"{float(number[0]):.5g}", text)


def test_what_the_compiler_is_given_stays_the_same(texts, snapshot):
    now = {
        name: [f"{len(text.splitlines())} lines {hashlib.sha256(text.encode()).hexdigest()}" for text in each]
        for work, table in ((train, TRAINED), (probe, PROBED))
        for name, settings in table.items()
        for each in [texts(work, settings)]
    }
    then = snapshot("programs.json", {"jax": version("jax"), "programs": now})
    if then["jax"] != version("jax"):
        pytest.skip(f"pinned with JAX {then['jax']}, and this is {version('jax')}")

    for name, programs in now.items():
        assert programs == then["programs"].get(name), name
    assert list(then["programs"]) == sorted(now)


def test_names_and_places_make_no_other_text():
    text = 'module @jit_a {\n func @a(%0) {x = "y"} loc(#loc1)\n call @b, @a dense<1.47221899>\n}\n#loc1 = z'
    other = 'module @c {\n func @c(%0) {x = "y"}\n call @d, @c dense<1.47221898>\n}\n'

    assert normalized(text).rstrip() == normalized(other).rstrip()
    assert normalized(other) != normalized(other.replace("@d, @c", "@c, @d"))
