"""Tests the commands that train custom networks, and what is said where only `mlp` will do."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from xavier_cli.runs.store import read_run

NETWORK = """
import math
import jax, jax.numpy as jnp

def tanh(inputs, classes, act=jnp.tanh):
    def init(key):
        one, two = jax.random.split(key)
        return {"first": jax.random.normal(one, (math.prod(inputs), 6)) / 4, "shift": jnp.zeros(6),
                "last": jax.random.normal(two, (6, classes)) / 2}
    return init, lambda p, x: act(x.reshape(len(x), -1) @ p["first"] + p["shift"]) @ p["last"]

def linear(inputs, classes):
    return tanh(inputs, classes, lambda s: s)

def only_in_training(inputs, classes):
    init, apply = tanh(inputs, classes)
    def applied(params, x):
        if len(x) == 10:
            raise ValueError("an odd batch\\nand more of it")
        return apply(params, x)
    return init, applied
"""
PYTORCHS = """
import math

def network(inputs, classes):
    import torch
    return torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(math.prod(inputs), classes))
"""
TINY = ("--data", "tiny.npz", "--records", "4", "--seeds", "2", "--eval-examples", "100")
KILLED = Path(__file__).parents[1] / "support" / "killed_training.py"


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A folder with a network in a file and a small data set, which is the working folder."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("XAVIER_RUNS_DIR", raising=False)
    rng, arrays = np.random.default_rng(0), {}
    for part, count in (("train", 300), ("test", 400)):
        labels = rng.integers(0, 3, count)
        pixels = rng.integers(0, 120, (count, 4, 4))
        pixels[np.arange(count), labels] += 100
        arrays |= {f"x_{part}": pixels.astype(np.uint8), f"y_{part}": labels}
    np.savez("tiny.npz", **arrays)
    Path("nets.py").write_text(NETWORK)
    return tmp_path


def train(xavier, *more: str, net: str = "nets.py:tanh", updates: int = 60):
    return xavier("train", "--net", net, *TINY, "--updates", str(updates), *more)


def test_it_is_trained_shown_verified_kept_and_exported(folder, xavier):
    trained = train(xavier, "-o", "run.h5", "--save-weights", "final", "-q", "--jacobian-examples", "2")
    assert trained.code == 0, trained.err
    assert "first" in trained.out
    verified = xavier("verify", "run.h5", "-q")
    assert verified.code == 0
    assert "Bit-identical." in verified.out
    assert "trained again: 60 of 60 updates, 2 seeds" in verified.out
    part = xavier("verify", "run.h5", "-q", "--seeds", "1", "--updates", "45")
    assert "trained again: 40 of 60 updates, 1 seed" in part.out
    assert xavier("doctor", "run.h5").code == 0
    assert xavier("export", "run.h5", "--to", "weights", "-o", "w.npz").code == 0
    with np.load("w.npz") as kept:
        assert {"seed0/params/first", "seed1/params/shift"} <= {*kept.files}
    assert "no problems" in xavier("check", "run.h5", "-f", "plain").out
    for figure in ("jacobian", "spectrum"):
        answer = xavier("plot", figure, "run.h5", "-o", "f.png")
        assert (answer.code, len(answer.err.splitlines())) == (2, 1)
    again = train(xavier, "-o", "other.h5", "-q", "--strategy", "map")
    assert again.code == 0
    assert "bit-identical" in xavier("diff", "run.h5", "other.h5").out


def test_a_plan_says_the_networks_own_sizes_and_no_time(folder, xavier):
    answer = train(xavier, "--dry-run", "--save-weights", "records", "-f", "json")
    assert answer.code == 0, answer.err
    plan = json.loads(answer.out)
    numbers = 16 * 6 + 6 + 6 * 3
    assert plan["parameters_per_member"] == numbers
    assert plan["weights_bytes"] == 2 * 4 * numbers * 4
    assert plan["seconds"] is None
    assert plan["config"]["weight_layers"] == 2
    assert not list(folder.glob("**/*.h5"))
    table = train(xavier, "--dry-run", "-f", "plain").out
    assert re.search(r"^time\s+not estimated for custom networks$", table, re.MULTILINE)


@pytest.mark.parametrize(
    ("setting", "value", "told"),
    [
        ("optimizer", "gradient_variance", "optimizer: gradient_variance is of `mlp` alone"),
        ("optimizer", "diagonal_gauss_newton", "optimizer: diagonal_gauss_newton is of `mlp` alone"),
        ("update-rule", "delayed:8", "update_rule: delayed:8 is of `mlp` alone"),
        ("pretrain", "dae", "pretrain: is of `mlp` alone: `nets.py:tanh` has its own"),
        ("depth", "3", "depth: is of `mlp` alone"),
        ("width", "20", "width: is of `mlp` alone"),
        ("normalization", "batch", "normalization: is of `mlp` alone"),
        ("dropout", "0.5", "dropout: is of `mlp` alone"),
        ("init-gain", "auto", "init_gain: is of `mlp` alone"),
    ],
)
def test_what_is_of_perceptrons_alone_is_refused_before_the_file_is_run(folder, xavier, setting, value, told):
    Path("nets.py").write_text("raise SystemExit('the file of the network was run')")
    answer = train(xavier, f"--{setting}", value, "-o", "run.h5")
    assert answer.code == 2
    assert told in answer.err.splitlines()[-1]
    assert not Path("run.h5").exists()


def test_what_fails_in_training_alone_is_told_in_a_line(folder, xavier):
    answer = train(xavier, "-o", "run.h5", net="nets.py:only_in_training")
    assert answer.code == 2
    assert answer.err.splitlines()[-1] == (
        "xavier: `nets.py:only_in_training` fails in training: ValueError: an odd batch"
    )
    assert not Path("run.h5").exists()


@pytest.mark.frameworks
def test_a_network_of_pytorchs_is_refused_and_told_what_serves_it(folder, xavier):
    pytest.importorskip("torch", reason="torch is not installed")
    Path("torchs.py").write_text(PYTORCHS)
    answer = train(xavier, "-o", "run.h5", net="torchs.py:network")
    assert answer.code == 2
    line = answer.err.splitlines()[-1]
    assert "`torchs.py:network` is a network of PyTorch's: `xavier probe` measures it" in line
    assert "`xavier_cli.watch`" in line


def test_a_rate_at_which_it_diverges_is_code_4_where_asked(folder, xavier):
    asked = ("-o", "run.h5", "-q", "--lr", "1e6", "--fail-on-divergence")
    answer = train(xavier, *asked, net="nets.py:linear")
    assert answer.code == 4
    run = read_run(Path("run.h5"))
    assert run.diverged.all()
    assert "warning: " in answer.err


@pytest.mark.slow
def test_killed_again_and_again_it_ends_in_the_same_bits(folder):
    def started(kill_at: int, path: str) -> int:
        command = ["train", "--net", "nets.py:tanh", *TINY, "--updates", "400", "-o", path, "-q", "--resume"]
        process = subprocess.run(
            [sys.executable, str(KILLED), str(kill_at), *command, "--save-weights", "records"],
            cwd=folder,
            capture_output=True,
            env={**os.environ, "XAVIER_RUNS_DIR": "runs"},
            timeout=300,
        )
        return process.returncode

    assert started(0, "whole.h5") == 0
    # The first calls are those of the rehearsal.
    kills = [started(at, "run.h5") for at in (15, 30, 47)]
    assert -9 in kills
    assert started(0, "run.h5") == 0
    one, other = (read_run(folder / name) for name in ("whole.h5", "run.h5"))
    for name, array in one.arrays.items():
        assert array.tobytes() == other[name].tobytes(), name
    weights = [folder / f"{name}.weights.npz" for name in ("whole", "run")]
    assert weights[0].read_bytes() == weights[1].read_bytes()
