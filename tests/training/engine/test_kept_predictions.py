"""Predictions on disk are the ones that would be made anew, bit for bit, or are made anew."""

import numpy as np
import pytest

from xavier_cli.config.run import RunConfig
from xavier_cli.training.engine import kept_predictions
from xavier_cli.training.engine.kept_predictions import predicted
from xavier_cli.training.probes.prediction import predict_run


@pytest.fixture
def probe():
    rng = np.random.default_rng(0)
    return rng.uniform(-1, 1, (30, 16)).astype(np.float32), rng.integers(0, 3, 30), 3


@pytest.fixture
def made(tmp_path, monkeypatch):
    """The configurations that are predicted anew, with a cache folder that begins empty."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    asked = []

    def counted(config, *of_probe):
        asked.append(config)
        return predict_run(config, *of_probe)

    monkeypatch.setattr(kept_predictions, "predict_run", counted)
    return asked


CONFIG = RunConfig.of(depth=2, width=12, jacobian_examples=2)


def test_what_is_kept_is_what_was_made(probe, made):
    first, again = predicted(CONFIG, *probe), predicted(CONFIG, *probe)

    assert len(made) == 1
    assert first.keys() == again.keys()
    assert len(first) > 20
    # NaN where nothing is known, too.
    assert all(first[name].tobytes() == again[name].tobytes() for name in first)


def test_what_training_alone_decides_makes_no_other_prediction(probe, made):
    predicted(CONFIG, *probe)
    predicted(CONFIG.with_(lr=0.5, updates=100, seeds=(7,)), *probe)

    assert len(made) == 1


@pytest.mark.parametrize(
    "change",
    [{"init": "standard"}, {"act": "relu"}, {"width": 13}, {"init_gain": 2.0}, {"jacobian_examples": 3}],
)
def test_another_network_is_predicted_by_itself(probe, made, change):
    predicted(CONFIG, *probe)
    predicted(CONFIG.with_(**change), *probe)

    assert len(made) == 2


def test_other_images_and_other_code_are_predicted_by_themselves(probe, made, monkeypatch):
    images, labels, classes = probe
    predicted(CONFIG, *probe)
    predicted(CONFIG, images[::-1], labels, classes)
    monkeypatch.setattr(kept_predictions, "environment", lambda: "another version")
    predicted(CONFIG, *probe)

    assert len(made) == 3


@pytest.mark.parametrize(
    "content", [b"", b"[1]", b"{", b'{"theory/x": "y"}', b'{"theory/x": [[1]]}', b"\xff\0"]
)
def test_a_damaged_file_is_made_anew(probe, made, content, tmp_path):
    first = predicted(CONFIG, *probe)
    (file,) = (tmp_path / "xavier" / "theory").glob("*.json")
    file.write_bytes(content)

    assert predicted(CONFIG, *probe).keys() == first.keys()
    assert len(made) == 2


def test_a_custom_function_is_never_kept(probe, made, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine.py").write_text("import jax.numpy as jnp\n\n\ndef act(x):\n    return jnp.tanh(x)\n")
    config = CONFIG.with_(act="mine.py:act")
    predicted(config, *probe)
    predicted(config, *probe)

    assert len(made) == 2


def test_a_pre_trained_network_gets_none_of_the_same_without_pre_training(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    rng = np.random.default_rng(0)
    images, labels = rng.random((300, 12), np.float32), rng.integers(0, 3, 300).astype(np.int32)
    plain = RunConfig.of(width=6, depth=2, jacobian_examples=0)
    known = predicted(plain, images, labels, 3)
    assert "theory/activation_std" in known
    assert {*predicted(plain, images, labels, 3)} == {*known}
    assert predicted(plain.with_(pretrain="dae"), images, labels, 3) == {}
