"""`xavier probe --net … --jacobian-examples N`, and every command over the file that it writes."""

import json
import re
from pathlib import Path

import numpy as np
import pytest
from support.network_runs import plant_network

from xavier_cli import read_run
from xavier_cli.runs.store import write_run
from xavier_cli.statistics.singular_values import EndToEnd

NETWORKS = """
import math
import jax, jax.numpy as jnp

def linear(inputs, classes):
    def init(key):
        return {"only": jax.random.normal(key, (math.prod(inputs), classes))}
    return init, lambda p, x: x.reshape(len(x), -1) @ p["only"]

def normalized(inputs, classes):
    def init(key):
        return {"only": jax.random.normal(key, (math.prod(inputs), classes))}
    def apply(p, x):
        s = x.reshape(len(x), -1) @ p["only"]
        return (s - s.mean(0)) / jnp.sqrt(s.var(0) + 1e-5)
    return init, apply

def steps(inputs, classes):
    def apply(p, x):
        h = jax.lax.while_loop(lambda at: at[0] < 2, lambda at: (at[0] + 1, 2 * at[1]), (0, x))[1]
        return h.reshape(len(x), -1) @ p["only"]
    return linear(inputs, classes)[0], apply
"""
PROBE = ("probe", "--data", "tiny.npz", "--seeds", "2", "--force", "-o", "p.h5")


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """The folder in which there is a data set of 8 inputs and 2 classes, and the networks' file."""
    monkeypatch.chdir(tmp_path)
    Path("nets.py").write_text(NETWORKS)
    x = np.random.default_rng(0).integers(0, 256, (900, 8), dtype=np.uint8)
    test = slice(600, 900)
    y = (x[:, 0] > 127).astype(np.int64)
    np.savez("tiny.npz", x_train=x[:600], y_train=y[:600], x_test=x[test], y_test=y[test])
    return tmp_path


def test_a_probe_prints_and_keeps_the_singular_values(folder, xavier):
    answer = xavier(*PROBE, "--net", "nets.py:linear", "--jacobian-examples", 3, "-f", "json")
    assert answer.code == 0, answer
    run = read_run("p.h5")
    assert run["jacobian_update"].tolist() == [0]
    whole = json.loads(answer.out)["end_to_end_singular_values"]
    # One layer of weights is its own Jacobian, so the singular values are moments of the weights recorded.
    values = run["jacobian/end_to_end_rms_singular_value"]
    assert values.shape == (2, 1)
    squares = 16 * (run["weight/std"] ** 2 + run["weight/mean"] ** 2)[..., 0] / 2
    assert np.allclose(values**2, squares, rtol=1e-5)
    assert {*whole} == {"mean", "rms", "geometric_mean", "max"}
    assert whole["mean"] == pytest.approx(run["jacobian/end_to_end_mean_singular_value"].mean())
    told = " ".join(xavier(*PROBE, "--net", "nets.py:linear", "--jacobian-examples", 3).out.split())
    assert (
        f"From the input to the logits the singular values have mean {whole['mean']:.3g} and maximum "
        f"{whole['max']:.3g}, over 3 probe examples."
    ) in told
    assert "batch held fixed" not in told


def test_none_are_taken_unasked(folder, xavier):
    answer = xavier(*PROBE, "--net", "nets.py:linear", "-f", "json")
    assert json.loads(answer.out)["end_to_end_singular_values"] == {}
    assert not [name for name in read_run("p.h5").arrays if "jacobian" in name]


def test_examples_that_depend_on_others_are_said(folder, xavier):
    answer = xavier(*PROBE, "--net", "nets.py:normalized", "--jacobian-examples", 1)
    told = " ".join(answer.out.split())
    assert "over 1 probe example." in told
    assert "the rest of the batch held fixed" in told


def test_a_jacobian_that_cannot_be_taken_is_said(folder, xavier):
    answer = xavier(*PROBE, "--net", "nets.py:steps", "--jacobian-examples", 2)
    assert answer.code == 0
    assert "is not finite: it has no singular values" in " ".join(answer.out.split())
    assert xavier("show", "p.h5").code == 0


@pytest.mark.parametrize("net", ["linear", "normalized"])
def test_verify_finds_them_again_to_the_bit(folder, net, xavier):
    assert xavier(*PROBE, "--net", f"nets.py:{net}", "--jacobian-examples", 3).code == 0
    again = xavier("verify", "p.h5")
    assert (again.code, "Bit-identical" in again.out) == (0, True)


@pytest.mark.parametrize("layers", [1, 6])
def test_every_command_over_such_a_file(tmp_path, monkeypatch, xavier, layers):
    monkeypatch.chdir(tmp_path)
    seen = [EndToEnd({"mean": 1.0, "rms": 1.1, "geometric_mean": 0.5, "max": 2.0})] * 2
    write_run(Path("p.h5"), plant_network(layers, end_to_end=seen, jacobian_examples=4))
    for command in ("show", "check", "ls", "doctor"):
        answer = xavier(command, "p.h5" if command != "ls" else ".")
        assert answer.code in (0, 3), answer
    exported = xavier("export", "p.h5", "--to", "csv")
    assert exported.code == 0
    assert "end_to_end_geometric_mean" in exported.out
    for kind in ("jacobian", "spectrum"):
        drawn = xavier("plot", kind, "p.h5", "-o", "f.png")
        assert drawn.code == 2
        assert re.fullmatch(r"xavier: p.h5: no Jacobians by layer: .*\n", drawn.err)
        assert xavier("plot", kind, "p.h5", "-o", "f.png").out == ""


def test_an_estimate_is_named_with_its_error(tmp_path, monkeypatch, xavier):
    monkeypatch.chdir(tmp_path)
    seen = [EndToEnd({"rms": 2.0}, 0.02), EndToEnd({"rms": 4.0}, 0.02)]
    run = plant_network(3, end_to_end=seen, jacobian_examples=4)
    (note,) = run.network.notes
    assert "standard error 1 % per seed" in note
    from xavier_cli.findings.health import diagnose
    from xavier_cli.views.network import network_page

    page = network_page(run, diagnose(run), Path("p.h5"))
    assert page.data["end_to_end_singular_values"] == {"rms": pytest.approx(3.0)}
    assert "have root mean square 3, over 4 probe examples." in " ".join(page.notes)
    assert note in page.notes
