"""The README's Python section runs as it stands, and sends the numbers that the tables show."""

import re
import sys
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType, SimpleNamespace

import numpy as np
import pytest
from matplotlib.figure import Figure

import xavier_cli
from xavier_cli import RunConfig
from xavier_cli.runs.counting import error_curve
from xavier_cli.runs.store import write_run

README = (Path(__file__).parents[2] / "README.md").read_text(encoding="utf-8")
(SECTION,) = re.findall(r"^## Python\n(.*?)^## ", README, re.M | re.S)
EVERY_BLOCK = re.findall(r"^```python\n(.*?)^```", SECTION, re.M | re.S)
(WITH_TORCH,) = [block for block in EVERY_BLOCK if "torch" in block]
BLOCKS = [block for block in EVERY_BLOCK if block != WITH_TORCH]


def stand_in(name, monkeypatch, **functions):
    module = ModuleType(name)
    vars(module).update(functions)
    monkeypatch.setitem(sys.modules, name, module)


def test_it_runs_as_it_stands(make_run, tmp_path, monkeypatch):
    pytest.importorskip("pandas", reason="pandas is not installed")
    pytest.importorskip("xarray", reason="xarray is not installed")
    monkeypatch.chdir(tmp_path)
    for name, init in (("tanh", "normalized"), ("other", "standard")):
        config = RunConfig.of(act="tanh", init=init, seeds=5)
        write_run(tmp_path / "runs" / f"{name}.h5", make_run(config, only=["curves", "activation"]))
    sent = []

    def log(to):
        return lambda numbers, step: sent.append((to, step, numbers))

    @contextmanager
    def start_run(run_name):
        yield sent.append(run_name)

    @contextmanager
    def init(project, name, config):
        assert (project, config["act"]) == ("xavier", "tanh")
        sent.append(name)
        yield SimpleNamespace(log=log("wandb"))

    def log_params(params):
        assert params["init"] == "normalized"

    stand_in("mlflow", monkeypatch, start_run=start_run, log_params=log_params, log_metrics=log("mlflow"))
    stand_in("wandb", monkeypatch, init=init)
    names = {}
    for block in BLOCKS:
        exec(block, names)

    run = names["run"]
    assert isinstance(run, xavier_cli.Run)
    assert names["both"].best.settings["init"] in ("normalized", "standard")
    assert (tmp_path / "saturation.pdf").exists()
    assert isinstance(names["plot"](run), Figure)
    assert sent.count(run.config.file_stem()) == 2
    for to in ("mlflow", "wandb"):
        numbers = {
            step: each for where, step, each in (e for e in sent if isinstance(e, tuple)) if where == to
        }
        assert list(numbers) == run.updates.tolist()
        assert all(type(step) is int for step in numbers)
        errors = [each["test_error"] for each in numbers.values()]
        np.testing.assert_allclose(errors, error_curve(run).mean(axis=0))
        assert "train_loss" not in numbers[0]


def test_saved_weights_make_the_network_in_jax_and_in_pytorch(tmp_path, monkeypatch):
    torch = pytest.importorskip("torch", reason="torch is not installed")
    monkeypatch.chdir(tmp_path)
    settings = {"depth": 5, "width": 8, "updates": 20, "seeds": 1, "eval_examples": 100, "records": 2}
    xavier_cli.train(act="tanh", init="normalized", out="runs/NAME.h5", save_weights="final", **settings)
    names = {}
    exec(WITH_TORCH, names)

    x = np.random.default_rng(0).uniform(-1, 1, (7, 1024)).astype(np.float32)
    by_jax, by_torch = names["logits"](x), names["network"](torch.from_numpy(x)).detach().numpy()
    assert by_jax.shape == (7, 9)
    np.testing.assert_allclose(by_torch, by_jax, rtol=1e-4, atol=1e-5)
