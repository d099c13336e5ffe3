"""Members on more devices than this machine has cores: the same bits as one after another."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from xavier_cli import RunConfig, read_run, train


def train_twice(seeds: str, out: str) -> None:
    """Train under `map` and `sharded`, to `map.h5` and `sharded.h5` in the folder `out`."""
    config = RunConfig(
        depth=2, width=12, updates=40, records="3", eval_examples=100, jacobian_examples=1, seeds=seeds
    )
    for strategy in ("map", "sharded"):
        train(config, Path(out) / f"{strategy}.h5", strategy=strategy)


@pytest.mark.slow
@pytest.mark.parametrize(("devices", "seeds"), [(4, 6), (8, 8), (8, 5)])
def test_members_on_many_devices_have_the_bits_of_members_one_after_another(tmp_path, devices, seeds):
    """Also where there are not as many members as devices, or as a multiple of them.

    Both in one process: over how many threads XLA splits a long sum depends on the number of devices.
    """
    here = Path(__file__)
    program = (
        "import sys, jax; print(len(jax.devices())); import test_devices as t; t.train_twice(*sys.argv[1:])"
    )
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", program, f"0:{seeds}", str(tmp_path)],
        env={
            **os.environ,
            "JAX_NUM_CPU_DEVICES": str(devices),
            "PYTHONPATH": os.pathsep.join([str(here.parents[2]), str(here.parent)]),
        },
        capture_output=True,
        text=True,
        check=True,
    )
    mapped, sharded = (read_run(tmp_path / f"{strategy}.h5") for strategy in ("map", "sharded"))

    assert int(done.stdout) == devices
    assert sharded.provenance["strategy"] == "sharded"
    assert mapped.arrays.keys() == sharded.arrays.keys()
    for name, array in sharded.arrays.items():
        np.testing.assert_array_equal(array, mapped[name], err_msg=name)
