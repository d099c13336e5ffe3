"""What does not fit into memory is refused before anything is made."""

from __future__ import annotations

import pytest

from xavier_cli.config import ConfigError, RunConfig
from xavier_cli.training import cost, room
from xavier_cli.training.engine import Engine
from xavier_cli.training.examples import prepare
from xavier_cli.training.layout import choose_layout
from xavier_cli.training.population import population_of

CONFIG = RunConfig.of(depth=3, width=100, seeds="0:4")


@pytest.mark.parametrize("slack", [-1, 0])
def test_a_population_is_refused_where_there_is_a_byte_too_little(monkeypatch, slack):
    monkeypatch.setattr(room, "available_bytes", lambda: cost.memory(CONFIG) + slack)
    if slack:
        with pytest.raises(ConfigError, match=r"seeds: so many networks of 3×100 .* and there are .*MB"):
            room.check_room(CONFIG)
    else:
        room.check_room(CONFIG)
    # Fewer at a time fit.
    room.check_room(CONFIG, members=2)


def test_a_network_that_never_fits_is_told_as_one(monkeypatch):
    monkeypatch.setattr(room, "available_bytes", lambda: cost.memory(CONFIG, 1) - 1)

    with pytest.raises(ConfigError, match="width, depth: one network of 3×100 takes about"):
        room.check_room(CONFIG)


def test_where_nobody_tells_nothing_is_refused(monkeypatch):
    monkeypatch.setattr(room, "available_bytes", lambda: None)

    room.check_room(RunConfig.of(depth=1000, width=65_536))


def test_a_container_has_what_it_may_use(monkeypatch, tmp_path):
    whole = room.machine_bytes()
    (tmp_path / "memory.max").write_text("1000000\n")
    (tmp_path / "unlimited").write_text("max\n")
    monkeypatch.setattr(room, "_LIMITS", (tmp_path / "unlimited", tmp_path / "absent"))
    unlimited = room.machine_bytes()
    monkeypatch.setattr(room, "_LIMITS", (tmp_path / "memory.max",))

    assert whole
    assert whole > 10**8
    assert unlimited
    assert unlimited >= whole
    assert room.machine_bytes() == 1_000_000


def test_a_gpu_has_its_own_memory(monkeypatch):
    class Gpu:
        platform = "gpu"

        def __init__(self, told):
            self.told = told

        def memory_stats(self):
            return self.told

    monkeypatch.setattr(room.jax, "local_devices", lambda: [Gpu({"bytes_limit": 7}), Gpu({"bytes_limit": 8})])
    two = room.available_bytes()
    monkeypatch.setattr(room.jax, "local_devices", lambda: [Gpu(None)])

    assert two == 15
    assert room.available_bytes() is None


def test_where_all_fit_all_are_trained_at_a_time():
    # A search over two rates leaves seven seeds: no whole number of pairs, and no reason for two batches.
    config = RunConfig.of(width=8, lr="0.1,0.2", seeds=9)

    assert room.members_at_a_time(config, cost.members_together(config), 2) == 7


@pytest.mark.parametrize("rule", ["plain", "delayed:4"])
def test_members_all_at_once_fit_into_what_is_planned_for_them(rule):
    """Compiled programs say what they take; what members add is planned, with tensors of their own."""

    def taken(members):
        config = RunConfig.of(width=60, depth=2, seeds=members, update_rule=rule, eval_examples=500)
        engine = Engine(population_of(config), prepare(config, None), choose_layout(members, 1, "vmap"))
        engine.start()
        told = [program.memory_analysis() for program in engine._programs.values()]
        most = max(each.argument_size_in_bytes + each.temp_size_in_bytes for each in told)
        return most, room.needed_bytes(config, members, strategy="vmap"), cost.memory(config, members)

    (few, few_planned, few_one_by_one), (many, planned, one_by_one) = taken(2), taken(10)

    assert many - few <= planned - few_planned <= 3 * (many - few)
    # The plan for members one after another would not do.
    assert one_by_one - few_one_by_one < many - few


def test_a_gpu_plans_members_all_at_once(monkeypatch):
    class Gpu:
        platform = "gpu"

        def memory_stats(self):
            return {"bytes_limit": 80 * 10**9}

    config = RunConfig.of(depth=5, width=1000, seeds=4)
    monkeypatch.setattr(room.jax, "local_devices", lambda: [Gpu()])
    fitting = room.fitting_members(config, 10_000)
    one_by_one = room.fitting_members(config, 10_000, strategy="map")

    assert cost.memory(config, fitting, batched=True) <= 64e9 < cost.memory(config, fitting + 1, batched=True)
    assert fitting < one_by_one
