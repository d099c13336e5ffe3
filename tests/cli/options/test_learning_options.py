"""Tests the options of optimizers and networks: plans, errors, and the output of other commands."""

from __future__ import annotations

import json

import pytest

from xavier_cli.config.command_text import train_command
from xavier_cli.config.run import RunConfig

TINY = ["--width", "8", "--depth", "2", "--updates", "40", "--records", "3", "--eval-examples", "500"]
TINY += ["--seeds", "2", "-q"]


def test_a_plan_holds_them_and_their_memory(xavier, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    plain, adam = (
        json.loads(xavier("train", "--dry-run", "-f", "json", *more).out)
        for more in ([], ["--optimizer", "Adam", "--residual", "--schedule", "warmup:10,cosine"])
    )

    assert adam["config"]["optimizer"] == "adam"
    assert adam["config"]["residual"] is True
    assert adam["config"]["schedule"] == "warmup:10,cosine"
    assert adam["memory_bytes"] > plain["memory_bytes"]
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--optimizer", "adagard"], "did you mean `adagrad`"),
        (["--optimizer", "adam:beta=1"], "unknown parameter of adam `beta`"),
        (["--optimizer", "dgn", "--dropout", "0.1"], "diagonal_gauss_newton is for plain networks"),
        (["--schedule", "warmup:9999999"], "schedule: "),
        (["--normalization", "bacth"], "normalization: "),
    ],
)
def test_what_cannot_be_is_one_line_and_nothing_is_written(xavier, tmp_path, monkeypatch, options, said):
    monkeypatch.chdir(tmp_path)
    answer = xavier("train", *options)

    assert answer.code == 2
    assert said in answer.err
    assert answer.err.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


def test_advice_writes_switches_as_switches():
    command = train_command(RunConfig.of(residual=True, optimizer="momentum", clip=0.5))

    assert command.split()[2:] == ["--optimizer", "sgd:momentum=0.9", "--clip", "0.5", "--residual"]


@pytest.mark.slow
def test_every_other_command_takes_what_was_trained_so(xavier, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    options = ["--act", "prelu", "--normalization", "layer", "--residual", "--dropout", "0.2"]
    options += ["--optimizer", "adam", "--lr", "0.01", "--schedule", "cosine"]
    trained = xavier("train", *TINY, *options)
    (path,) = (tmp_path / "runs").glob("*.h5")

    assert trained.code == 0
    assert "adam, cosine, layer normalization, residual, dropout 0.2" in trained.out.replace("\n", " ")
    assert xavier("verify", path, "-q").out.strip().endswith("Bit-identical.")
    assert xavier("surface", "--around", path, "--points", 3, "-q").code == 0
    refused = xavier("surface", "--around", path, "--points", 3, "--updates", 20, "-q")
    assert (refused.code, "follows `cosine`" in refused.err) == (2, True)
    assert xavier("plot", "jacobian", path).code == 0
    assert xavier("check", path).code in (0, 3)
    probed = xavier("probe", *TINY[:4], "--residual", "--optimizer", "adam", "-q")
    assert "there is no theory for residual skips" in " ".join(probed.out.split())
