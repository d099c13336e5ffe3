"""How a training begins: in one place, and in the order that keeps what is refused from costing anything."""

from __future__ import annotations

import re
from pathlib import Path
from types import SimpleNamespace

import jax
import pytest

import xavier_cli
from xavier_cli import train
from xavier_cli.config.run import RunConfig
from xavier_cli.errors import ConfigError
from xavier_cli.training import devices, estimate, memory, session

PACKAGE = Path(xavier_cli.__file__).parent
CONFIG = RunConfig.of(width=8, depth=2, seeds=4, lr="0.1,0.2", search_seeds=2)


@pytest.fixture
def order(monkeypatch):
    """The steps of beginning a training, in order; nothing is trained."""
    done = []
    monkeypatch.setattr(devices, "keep_compiled_programs", lambda: done.append("cache"))
    monkeypatch.setattr(devices, "prepare_devices", lambda members: done.append(members) or "started already")
    monkeypatch.setattr(session, "prepare", lambda config, data_dir: done.append("data"))
    return done


def test_the_device_is_set_up_then_memory_is_looked_at_then_data_is_read(order, monkeypatch):
    monkeypatch.setattr(session, "check_memory", lambda *_, **__: order.append("memory"))

    begun = session.session(CONFIG, note=order.append)

    assert order == ["cache", 8, "started already", "memory", "data"]
    assert begun.member_batch == estimate.members_together(CONFIG) == 4


@pytest.mark.parametrize(
    ("platform", "rule", "told"), [("gpu", "auto", True), ("gpu", "plain", False), ("cpu", "auto", False)]
)
def test_on_a_gpu_a_note_says_that_updates_need_no_delay(order, monkeypatch, platform, rule, told):
    """Which rule `auto` is depends on the shape alone, and was measured on CPUs."""
    monkeypatch.setattr(jax, "local_devices", lambda: [SimpleNamespace(platform=platform)])
    monkeypatch.setattr(session, "begin", lambda *_, **__: None)
    notes = []

    session.session(RunConfig.of(width=1000, update_rule=rule), note=notes.append)

    assert any("--update-rule plain" in note for note in notes) == told


def test_what_does_not_fit_is_refused_before_its_data_is_read(order, monkeypatch):
    monkeypatch.setattr(memory, "available_bytes", lambda: 10)

    with pytest.raises(ConfigError, match="one network of"):
        session.session(CONFIG)
    assert "data" not in order


def test_a_group_is_one_population_and_its_seeds_stay_whole(order):
    configs = [RunConfig.of(width=8, seeds=4, init=init) for init in ("standard", "normalized")]

    assert session.begin(configs, None).member_batch == 8
    assert session.begin(configs, None, member_batch=5).member_batch == 4
    assert order == ["data", "data"]


def test_the_library_warns_in_the_name_of_the_line_that_called_it(order, monkeypatch, make_run):
    monkeypatch.setattr(session, "train", lambda *_, **__: (make_run(width=8, depth=2, seeds=2), []))

    with pytest.warns(UserWarning, match="started already") as caught:
        train(CONFIG)

    assert [warning.filename for warning in caught] == [__file__]


@pytest.mark.parametrize(
    ("step", "rooms"),
    [
        ("prepare_devices", {"training/devices.py"}),
        ("check_memory", {"training/memory.py", "training/session.py", "views/training_plan.py"}),
        # Both train again what a file holds, with the engine in hand.
        (
            "prepare",
            {
                "training/engine/training_data.py",
                "training/session.py",
                "training/retrain.py",
                "training/surface.py",
                "cli/commands/bench.py",
                # Another function of that name, and where it is used.
                "nn/inspection/prepare.py",
                "training/engine/architectures/finding.py",
                # Measure networks, and train none.
                "library/initialization.py",
                "library/networks.py",
                # Reads once for all groups in a row, and gives that to `begin`.
                "sweeps/work.py",
            },
        ),
        ("train_to_file", {"training/resumable.py", "training/session.py"}),
    ],
)
def test_nothing_else_begins_a_training_by_itself(step, rooms):
    named = {
        str(path.relative_to(PACKAGE))
        for path in PACKAGE.rglob("*.py")
        if re.search(rf"import (\([^)]*|.*)\b{step}\b|def {step}\(", path.read_text())
    }

    assert named == rooms
