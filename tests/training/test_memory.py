"""Tests that trainings which do not fit into memory are refused before anything is compiled."""

from __future__ import annotations

import numpy as np
import pytest

from xavier_cli.config.run import RunConfig
from xavier_cli.errors import ConfigError
from xavier_cli.training import estimate, memory
from xavier_cli.training.engine.engine import Engine
from xavier_cli.training.engine.layout import choose_layout
from xavier_cli.training.engine.population import population_of
from xavier_cli.training.engine.training_data import prepare

CONFIG = RunConfig.of(depth=3, width=100, seeds="0:4")


@pytest.mark.parametrize("slack", [-1, 0])
def test_a_population_is_refused_where_there_is_a_byte_too_little(monkeypatch, slack):
    monkeypatch.setattr(memory, "available_bytes", lambda: estimate.memory(CONFIG) + slack)
    if slack:
        with pytest.raises(ConfigError, match=r"seeds: so many networks of 3×100 .* and there are .*MB"):
            memory.check_memory(CONFIG)
    else:
        memory.check_memory(CONFIG)
    # Fewer at a time fit.
    memory.check_memory(CONFIG, members=2)


def test_a_network_that_never_fits_is_told_as_one(monkeypatch):
    monkeypatch.setattr(memory, "available_bytes", lambda: estimate.memory(CONFIG, 1) - 1)

    with pytest.raises(ConfigError, match="width, depth: one network of 3×100 takes about"):
        memory.check_memory(CONFIG)


def test_where_nobody_tells_nothing_is_refused(monkeypatch):
    monkeypatch.setattr(memory, "available_bytes", lambda: None)

    memory.check_memory(RunConfig.of(depth=1000, width=65_536))


def test_a_container_has_what_it_may_use(monkeypatch, tmp_path):
    whole = memory.machine_bytes()
    (tmp_path / "memory.max").write_text("1000000\n")
    (tmp_path / "unlimited").write_text("max\n")
    monkeypatch.setattr(memory, "_LIMITS", (tmp_path / "unlimited", tmp_path / "absent"))
    unlimited = memory.machine_bytes()
    monkeypatch.setattr(memory, "_LIMITS", (tmp_path / "memory.max",))

    assert whole
    assert whole > 10**8
    assert unlimited
    assert unlimited >= whole
    assert memory.machine_bytes() == 1_000_000


def test_a_gpu_has_its_own_memory(monkeypatch):
    class Gpu:
        platform = "gpu"

        def __init__(self, told):
            self.told = told

        def memory_stats(self):
            return self.told

    monkeypatch.setattr(
        memory.jax, "local_devices", lambda: [Gpu({"bytes_limit": 7}), Gpu({"bytes_limit": 8})]
    )
    two = memory.available_bytes()
    monkeypatch.setattr(memory.jax, "local_devices", lambda: [Gpu(None)])

    assert two == 15
    assert memory.available_bytes() is None


def test_where_all_fit_all_are_trained_at_a_time():
    # A search over two rates leaves seven seeds: no whole number of pairs, and no reason for two batches.
    config = RunConfig.of(width=8, lr="0.1,0.2", seeds=9)

    assert memory.members_at_a_time([config]) == 7


@pytest.mark.parametrize(
    ("rule", "wanted"),
    [
        ("plain", ("init", "observe")),
        pytest.param("plain", ("init", "advance", "observe"), marks=pytest.mark.slow),
        pytest.param("delayed:4", ("init", "advance", "observe"), marks=pytest.mark.slow),
    ],
)
def test_what_batched_members_take_is_planned(rule, wanted):
    """Compiled programs say what they take; the plan for members one after another would not do."""

    def taken(members):
        config = RunConfig.of(width=60, depth=1, seeds=members, update_rule=rule, eval_examples=500)
        engine = Engine(population_of(config), prepare(config, None), choose_layout(members, 1, "vmap"))
        engine.start(wanted=wanted)
        told = [program.memory_analysis() for program in engine._programs.values()]
        # What a program does not take lies on the device all the same.
        most = max(each.argument_size_in_bytes for each in told) + max(
            each.temp_size_in_bytes for each in told
        )
        return np.array(
            [most, memory.needed_bytes(config, members, strategy="vmap"), estimate.memory(config, members)]
        )

    needed, planned, planned_one_by_one = taken(10) - taken(2)

    assert planned_one_by_one < needed <= planned <= 3 * needed


def test_a_gpu_batches_members(monkeypatch):
    class Gpu:
        platform = "gpu"

        def memory_stats(self):
            return {"bytes_limit": 80 * 10**9}

    config = RunConfig.of(depth=5, width=1000, seeds=4)
    monkeypatch.setattr(memory.jax, "local_devices", lambda: [Gpu()])
    fitting = memory.fitting_members(config, 10_000)
    needed = [estimate.memory(config, count, batched=True) for count in (fitting, fitting + 1)]

    assert needed[0] <= 64e9 < needed[1]
    assert fitting < memory.fitting_members(config, 10_000, strategy="map")
