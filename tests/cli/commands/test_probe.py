"""`xavier probe` end to end, on a small network."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import pytest

from xavier_cli.runs.store import read_run

SMALL = ("--width", 24, "--depth", 2, "--eval-examples", 500, "-q")


@pytest.fixture
def probed(tmp_path, monkeypatch, xavier):
    """The answer to a probe in an empty folder, and the run that it wrote."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    answer = xavier("probe", *SMALL, "--seeds", 2, "--jacobian-examples", 3, "--updates", 7, "-f", "json")
    assert answer.code == 0, answer
    (path,) = (tmp_path / "probes").glob("*.h5")
    return answer, read_run(path)


def test_layers_may_shrink(tmp_path, monkeypatch, xavier):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    answer = xavier("probe", "--widths", "40,20", "--eval-examples", 500, "-q", "-f", "json")
    (path,) = (tmp_path / "probes").glob("*-d2w40-20-*.h5")
    run = read_run(path)

    values = run["jacobian/singular_values"]
    assert np.isfinite(values).sum(axis=-1).tolist() == [[[40, 20]]] * 5
    layers = json.loads(answer.out)["layers"]
    for name in ("activation_std", "backprop_std", "mean_singular_value"):
        far = np.abs(np.divide(layers[name]["measured"], layers[name]["predicted"]) - 1)
        # The mean of five seeds varies less than half as much as one.
        assert np.all(far < 4 * np.array(layers[name]["sd"]) / 2), name


def test_a_probe_measures_beside_predicted_and_writes_a_run_without_training(probed):
    answer, run = probed
    layers = json.loads(answer.out)["layers"]

    assert answer.code == 0
    assert run.updates.tolist() == run["jacobian_update"].tolist() == run["spectrum_update"].tolist() == [0]
    assert run.config.updates == 0
    assert run["jacobian/singular_values"].shape == (2, 1, 2, 24)
    means = run["jacobian/mean_singular_value"][:, 0].mean(axis=0)
    assert np.allclose(layers["mean_singular_value"]["measured"], means)
    for name in ("activation_std", "backprop_std", "weight_gradient_rms", "mean_singular_value"):
        assert np.allclose(layers[name]["measured"], layers[name]["predicted"], rtol=0.3), name
    assert "final/test_correct" not in run


def test_a_probe_and_show_say_what_the_initializers_are_also_called(probed, xavier):
    names = "Initializers: normalized (Glorot uniform)"
    answers = [xavier("probe", *SMALL, "--seeds", 2), xavier("show", "probes/*.h5")]
    assert [f"{names}." in answer.out for answer in answers] == [True, True]

    xavier("probe", *SMALL, "--init", "standard")
    both = xavier("show", "probes/*.h5").out
    assert f"{names}, standard (PyTorch's default weights)." in " ".join(both.split())


def test_a_probe_shows_a_normalized_network_and_says_by_what(tmp_path, monkeypatch, xavier):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    small = ("--normalization", "batch", "--init", "normal:std=0.01", "--width", 24, "--depth", 3)
    answer = xavier("probe", *small, "--seeds", 1, "--eval-examples", 100, "-q", "-f", "json")
    path = json.loads(answer.out)["run"]
    run = read_run(tmp_path / path)
    checked, shown = xavier("check", path), xavier("show", path)

    assert answer.code == 0, answer.err
    # Of unit variance before tanh, whatever the weights: .628 on Gaussian sums.
    assert np.allclose(run["activation/std"], 0.63, atol=0.06)
    assert np.allclose(run["preactivation/std"], 1, atol=0.02)
    assert "vanishing" not in checked.out, checked.out
    text = " ".join(shown.out.split())
    assert "by the probe batch's own statistics" in text
    assert "gradient of the batch's summed loss" in text
    # Before training the network is used by averages of 0 and 1, and says next to nothing.
    assert run["curves/valid_loss"] == pytest.approx(np.log(9), abs=1e-3)


def test_its_help_has_no_option_of_training_alone(xavier):
    out = xavier("probe", "--help", width=200).out

    assert not re.findall(r"--(lr|updates|optimizer|records|schedule|clip|early\S*|pretrain\S*)\b", out)
    assert all(f"--{name}" in out for name in ("act", "init", "width", "jacobian-examples", "seeds", "loss"))


@pytest.mark.parametrize("command", ["probe", "train"])
@pytest.mark.parametrize(
    ("setting", "kind", "words"),
    [
        ("act", "activation", "relu,gelu"),
        ("init", "initializer", "standard,he_normal"),
        ("data", "data set", "mnist,cifar10"),
    ],
)
def test_several_names_are_answered_with_what_to_type(xavier, command, setting, kind, words):
    answer = xavier(command, f"--{setting}", words)
    one, other = words.split(",")

    assert answer.code == 2
    assert answer.err == (
        f"xavier: {setting}: one {kind} at a time, not `{words}`: "
        f'`xavier sweep` takes several, `["{one}", "{other}"]` in a recipe\n'
    )


def test_a_custom_network_is_drawn_anew(tmp_path, monkeypatch, xavier):
    monkeypatch.chdir(tmp_path)
    x = np.random.default_rng(0).random((4000, 30)).astype(np.float32)
    np.savez("tiny.npz", x=x, y=(x[:, 0] > 0.5).astype(int))
    (tmp_path / "nets.py").write_text(
        "import jax, jax.numpy as jnp\n"
        "def net(inputs, classes):\n"
        "    def init(key):\n"
        "        return {'a': jax.random.normal(key, (*inputs, 40)), 'b': jnp.ones((40, classes))}\n"
        "    return init, lambda p, x: jnp.tanh(x @ p['a']) @ p['b']\n"
    )
    asked = ("probe", "--net", "nets.py:net", "--data", "tiny.npz", "--seeds", 2, "-q", "-f", "json")
    answers = [xavier(*asked, *more) for more in ((), ("--init", "he_normal,output=zeros"))]
    assert [answer.code for answer in answers] == [0, 0], answers
    own, anew = (json.loads(answer.out) for answer in answers)
    names = [[layer["drawn"]["names"][0] for layer in of["layers"]] for of in (own, anew)]
    assert names == [["normal:std=1", "ones"], ["he_normal", "zeros"]]
    assert own["run"] != anew["run"]
    kept = Path(own["run"])
    before = kept.read_bytes()
    same = xavier(*asked, "--expect", kept)
    assert (same.code, json.loads(same.out)["drifted"]) == (0, False)
    drifted = xavier(*asked[:-2], "--init", "network,output=zeros", "--expect", kept)
    assert drifted.code == 3
    assert "1 of 2 weight layers and other parameters differs" in " ".join(drifted.out.split())
    assert kept.read_bytes() == before
    assert xavier("probe", "--expect", kept).code == 2
    wrong = xavier(*asked, "--init", "he_normal,5=zeros")
    assert (wrong.code, wrong.err.count("\n")) == (2, 1)
    assert "there is no layer 5: the network has 2 weight layers" in wrong.err
    wrong = xavier(*asked, "--init", "network,blocks/*=zeros")
    assert (wrong.code, wrong.err.strip().splitlines()[-1]) == (
        2,
        "xavier: init: unknown layer `blocks/*`: known: a, b",
    )


def test_a_perceptron_by_hand_starts_as_mlp_does(tmp_path, monkeypatch, xavier):
    monkeypatch.chdir(tmp_path)
    draw = np.random.default_rng(0)
    np.savez("tiny.npz", x=draw.integers(0, 256, (3100, 5, 6)).astype(np.uint8), y=np.arange(3100) % 3)
    (tmp_path / "nets.py").write_text(
        "import jax, jax.numpy as jnp\n"
        "def net(inputs, classes, key):\n"
        "    sizes = [30, 12, 12, classes]\n"
        "    init = lambda key: [{'w': jax.random.normal(key, s), 'b': jnp.zeros(s[1])}\n"
        "                        for s in zip(sizes, sizes[1:])]\n"
        "    def apply(params, x):\n"
        "        z = x.reshape(len(x), -1)\n"
        "        for layer in params[:-1]:\n"
        "            z = jnp.tanh(z @ layer['w'] + layer['b'])\n"
        "        return z @ params[-1]['w'] + params[-1]['b']\n"
        "    return init, apply\n"
    )
    drawn = ("--data", "tiny.npz", "--seeds", 2, "--bias-init", "torch_default", "-q")
    of_mlp = xavier(
        "probe", *drawn, "--init", "he,output=standard", "--depth", 2, "--width", 12, "-o", "m.h5"
    )
    by_hand = xavier("probe", *drawn, "--net", "nets.py:net", "--init", "he,2/*=standard", "-o", "n.h5")
    assert (of_mlp.code, by_hand.code) == (0, 0), (of_mlp.err, by_hand.err)
    one, two = read_run(Path("m.h5")), read_run(Path("n.h5"))
    for path in ("weight/std", "weight/mean", "bias/std", "bias/mean", "preactivation/std"):
        np.testing.assert_allclose(one[path], two[path], rtol=2e-5, atol=1e-7, err_msg=path)
    assert (one["bias/std"] > 0).all()
    few = ("--updates", 2, "--records", 2, "--eval-examples", 300)
    trained = xavier("train", *drawn, *few, "--net", "nets.py:net", "--init", "he,2/*=standard", "-o", "t.h5")
    assert trained.code == 0, trained.err
    three = read_run(Path("t.h5"))
    for path in ("weight/std", "bias/std", "bias/mean"):
        np.testing.assert_allclose(three[path][:, 0], two[path][:, 0], rtol=1e-6, atol=1e-8, err_msg=path)
