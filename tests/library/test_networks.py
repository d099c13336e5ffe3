"""Custom networks through the library: what their functions may do when they are called."""

import numpy as np
import pytest

from xavier_cli.config.layers import resolve
from xavier_cli.errors import XavierError
from xavier_cli.findings.health import diagnose
from xavier_cli.library.networks import probe_network
from xavier_cli.training.train import untrained
from xavier_cli.views.network import network_page

NETS = """
import jax, jax.numpy as jnp

def made(scale=1.0, name="w"):
    return (lambda key: {name: scale * jax.random.normal(key, (16, 3))}), (
        lambda p, x: x.reshape(len(x), -1) @ p[name])

def settings():
    jax.config.update("jax_debug_nans", True)
    return made()

def later():
    from beside import SCALE
    return made(SCALE)

def control():
    return made(name="a\\x1b[31m")

def leaves():
    raise SystemExit(3)

def low_rank():
    def init(key):
        drawn = jax.random.normal(key, (16, 11))
        return {"w": drawn[:, :6], "A": drawn[:, 6:8], "B": jnp.zeros((2, 6)), "o": drawn[:6, 8:]}
    return init, lambda p, x: (x.reshape(len(x), -1) @ (p["w"] + p["A"] @ p["B"])) @ p["o"]
"""


@pytest.fixture
def probed(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "nets.py").write_text(NETS)
    (tmp_path / "beside.py").write_text("SCALE = 0.5\n")
    draw = np.random.default_rng(0)
    np.savez("s.npz", x=draw.integers(0, 256, (3100, 4, 4)).astype(np.uint8), y=np.arange(3100) % 3)

    def probe(name):
        settings = {"net": f"nets.py:{name}", "data": "s.npz", "seeds": "1"}
        return probe_network(untrained(resolve(settings)), None)

    return probe


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("settings", "`nets.py:settings` changes JAX's settings.*jax_debug_nans"),
        ("control", "`nets.py:control`: its network has a name with control characters"),
        ("leaves", "`nets.py:leaves` fails: SystemExit: 3"),
    ],
)
def test_what_a_function_does_is_refused_by_its_name(probed, name, told):
    with pytest.raises(XavierError, match=told):
        probed(name)


def test_a_function_may_import_from_its_folder_when_it_is_called(probed):
    assert probed("later").network.layers[0].drawn.std == pytest.approx(0.5, rel=0.3)


def test_factors_of_a_low_rank_weight_are_listed(probed, tmp_path):
    run = probed("low_rank")
    page = network_page(run, diagnose(run), tmp_path / "a.h5")
    (others,) = (table for table in page.tables if table.title == "other parameters")
    assert [row[0] for row in others.rows] == ["A", "B"]
