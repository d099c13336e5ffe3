"""Every command over run files of custom networks: planted ones, and one that is really looked at."""

import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from support.network_runs import plant_network

from xavier_cli import read_run
from xavier_cli.errors import ConfigError
from xavier_cli.library import networks
from xavier_cli.runs.store import write_run

NETWORK = """
import math
import jax, jax.numpy as jnp

def tanh(inputs, classes):
    normal = jax.nn.initializers.he_normal()
    def init(key):
        one, two = jax.random.split(key)
        return {"first": normal(one, (math.prod(inputs), 6)), "last": normal(two, (6, classes))}
    return init, lambda p, x: jnp.tanh(x.reshape(len(x), -1) @ p["first"]) @ p["last"]
"""


@pytest.fixture
def probes(tmp_path, monkeypatch):
    """A folder with planted probes: two networks, seeds of one in two files, and a single layer."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("XAVIER_RUNS_DIR", raising=False)
    folder = tmp_path / "probes"
    folder.mkdir()
    write_run(folder / "res.h5", plant_network(22, seeds=3))
    write_run(folder / "res-more.h5", plant_network(22, seeds="3,4"))
    write_run(folder / "plain.h5", plant_network(6, net="nets.py:plain", seeds=5, forward=0.5))
    write_run(folder / "logistic.h5", plant_network(1, net="nets.py:logistic"))
    return folder


def test_show_names_layers_by_path_and_leaves_out_what_is_of_perceptrons(probes, xavier):
    answer = xavier("show", probes / "res.h5", "-f", "plain")
    assert answer.code == 0
    assert "blocks/20/kernel" in answer.out
    assert "Flax Linen" in answer.out
    settings = answer.out.split("curves")[0]
    assert re.search(r"^net\s+nets.py:resnet$", settings, re.MULTILINE)
    for word in ("act", "init", "width", "depth", "residual", "pretrain", "dropout"):
        assert not re.search(rf"^{word}\b", settings, re.MULTILINE)
    assert xavier("show", probes / "logistic.h5").code == 0


def test_a_perceptron_shows_no_count_of_weight_layers(shelf, xavier):
    assert "weight_layers" not in xavier("show", shelf / "tanh-normalized.h5").out
    assert "weight_layers" not in xavier("config", "show").out


def test_ls_tag_diff_doctor_and_rm(probes, xavier):
    assert "mnist-resnet" in xavier("ls", probes).out
    assert xavier("tag", probes / "res.h5", "paper").code == 0
    diff = xavier("diff", probes / "res.h5", probes / "plain.h5", "-f", "plain")
    assert diff.code == 0
    assert "nets.py:plain" in diff.out
    assert "whole" in xavier("doctor", probes / "res.h5").out
    assert xavier("rm", probes / "plain.h5", "--yes").code == 0
    assert not (probes / "plain.h5").exists()


def test_check_joins_no_advice_to_a_network_that_code_decides(probes, xavier):
    answer = xavier("check", probes, "-f", "plain", "-v")
    assert "Try" not in answer.out
    assert "not trained" in answer.out
    assert "not trained" not in xavier("check", "list").out


def test_compare_and_report_say_in_a_line_why_not(probes, xavier):
    for command in ("compare", "report"):
        answer = xavier(command, probes)
        assert answer.code == 2
        assert answer.err.splitlines()[-1] == (
            "xavier: none of these networks was trained; `xavier plot layers` shows them on one axis"
        )


@pytest.mark.parametrize("kind", ["activations", "backprop", "weight-gradients", "layers"])
def test_figures_of_one_record_are_drawn_and_a_single_layer_is_passed_over(probes, kind, xavier):
    answer = xavier("plot", kind, probes, "-o", "f.svg")
    # One of four could not be drawn.
    assert answer.code == 4
    assert answer.err.count("skipped") == answer.err.count("skipped: logistic.h5") == 1
    assert "width 300" not in Path("f.svg").read_text()


@pytest.mark.parametrize(
    "kind", ["saturation", "gradients-over-time", "curves", "jacobian", "spectrum", "edge-of-chaos"]
)
def test_other_figures_say_in_a_line_why_not(probes, kind, xavier):
    answer = xavier("plot", kind, probes / "res.h5", "-o", "f.png")
    assert answer.code == 2
    assert len(answer.err.splitlines()) == 1
    assert "Traceback" not in answer.err


@pytest.mark.parametrize("to", ["csv", "json"])
def test_exports_have_what_enters_and_leaves(probes, to, xavier):
    answer = xavier("export", probes / "res.h5", "--to", to)
    assert answer.code == 0
    assert "leaving" in answer.out


def test_netcdf_opens_with_nan_where_a_layer_has_no_bias(probes, xavier):
    xarray = pytest.importorskip("xarray")
    write_run(probes / "biased.h5", plant_network(4, net="nets.py:biased", bias=True))
    assert xavier("export", probes / "biased.h5", "--to", "netcdf", "-o", "x.nc").code == 0
    with xarray.open_dataset("x.nc", group="bias", engine="h5netcdf") as dataset:
        assert np.isnan(dataset["mean"].values[..., :3]).all()


@pytest.mark.parametrize(
    "command",
    [
        ("surface", "--around", "probes/res.h5"),
    ],
)
def test_what_only_perceptrons_do_is_refused_before_anything_slow(probes, command, xavier, monkeypatch):
    Path("nets.py").write_text("raise SystemExit('the file of the network was run')")
    Path("mine.toml").write_text('title = "Mine"\n[base]\nnet = "nets.py:tanh"\n[grid]\nlr = [0.1, 0.2]\n')
    monkeypatch.setattr(
        "xavier_cli.training.engine.training_data.prepare", lambda *_: pytest.fail("the data was read")
    )
    answer = xavier(*command)
    assert answer.code == 2
    assert "`xavier probe --net` measures it" in answer.err.splitlines()[-1]


def test_the_library_shows_a_custom_network(probes):
    run = read_run(probes / "res.h5")
    assert "resnet, 22 weight layers" in repr(run)
    assert "lr" not in repr(run)
    assert "blocks/20/kernel" in run._repr_html_()
    pytest.importorskip("pandas")
    assert "leaving_std" in set(run.to_dataframe()["metric"])
    assert run.plot("layers").axes


def test_a_network_is_looked_at_again_to_the_bit(tmp_path, monkeypatch, xavier):
    monkeypatch.chdir(tmp_path)
    Path("nets.py").write_text(NETWORK)
    x = np.random.default_rng(0).integers(0, 256, (3000, 8), dtype=np.uint8)
    np.savez("tiny.npz", x=x, y=(x[:, 0] > 127).astype(np.int64))
    probe = xavier("probe", "--net", "nets.py:tanh", "--data", "tiny.npz", "--seeds", "2", "-o", "p.h5")
    assert probe.code == 0
    assert probe.err.splitlines()[-1] == "next: xavier plot layers p.h5"
    assert "too-early" not in probe.out
    assert "Try" not in probe.out
    again = xavier("verify", "p.h5")
    assert (again.code, "Bit-identical" in again.out) == (0, True)
    one = xavier("verify", "p.h5", "--seeds", "1,", "-f", "plain")
    assert (one.code, "Bit-identical" in one.out) == (0, True)
    # Reading never needs the code, nor the framework.
    (tmp_path / "nets.py").unlink()
    assert xavier("show", "p.h5").code == 0
    gone = xavier("verify", "p.h5")
    assert gone.code == 2
    assert "cannot be read" in gone.err


def test_other_layers_by_another_framework_are_refused(monkeypatch):
    run = plant_network(4)
    other = replace(run, network=run.network.model_copy(update={"layers": run.network.layers[:3]}))
    monkeypatch.setattr(networks, "probe_network", lambda *_: other)
    with pytest.raises(ConfigError, match="3 weight layers now"):
        networks.look_again(run, None, None)


def test_a_wrong_argument_is_named_where_the_network_is_made_and_where_it_is_drawn(
    tmp_path, monkeypatch, xavier
):
    monkeypatch.chdir(tmp_path)
    code = NETWORK.replace("(inputs, classes)", "(inputs, classes, width=6, name='a')")
    code = code.replace("6)", "width)").replace("(6,", "(width,")
    Path("nets.py").write_text(code)
    for argument, said in (
        ("width=x", "`nets.py:tanh`: `width` should be a whole number, like its default `6`, not `x`"),
        ("width=-3", "`nets.py:tanh` with `width=-3` fails"),
    ):
        answer = xavier("train", "--dry-run", "--net", f"nets.py:tanh:{argument}")
        last = answer.err.splitlines()[-1]
        assert (answer.code, answer.out) == (2, "")
        assert said in last
        assert "width=x" not in last
        assert ("with its default `6` it runs" in last) == (argument == "width=-3")
    assert xavier("train", "--dry-run", "--net", "nets.py:tanh:width=4").code == 0
