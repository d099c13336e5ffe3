"""Tests of what is said below the tables of a custom network."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.network_runs import invented_info, plant_network
from xavier_cli.findings.health import diagnose
from xavier_cli.views.network import network_page
from xavier_cli.vocabulary.network_info import Drawn


@pytest.fixture
def notes_of():
    """A function that gives the notes of a run's page."""
    return lambda run: network_page(run, diagnose(run), Path("probes/net.h5")).notes


@pytest.mark.parametrize("last", [0.01, 1.0, 100.0])
def test_the_logits_scale_is_no_change_of_the_signals(notes_of, last):
    run = plant_network(12, forward=0.5)
    told = notes_of(run)[0]
    run.arrays["leaving/std"][..., -1] *= last
    assert notes_of(run)[0] == told
    assert told.startswith("Signals shrink by a factor of 2.0")


def test_says_that_no_problems_were_found(notes_of):
    told = "No problems found before training."
    assert told in notes_of(plant_network(5))
    assert told not in notes_of(plant_network(30, forward=0.5))


@pytest.mark.parametrize(
    ("name", "fans", "nearest", "is_told"),
    [
        ("normal:std=0.02", None, "lecun_normal", True),
        ("lecun_normal", (144, 144), "lecun_normal", False),
        ("orthogonal", None, "orthogonal", False),
    ],
)
def test_says_what_is_named_beside_a_scale_of_its_own(notes_of, name, fans, nearest, is_told):
    info = invented_info(5)
    drawn = Drawn(names=(name,), fans=fans, std=0.02, nearest=nearest, named_std=0.083)
    layers = tuple(each.model_copy(update={"drawn": drawn}) for each in info.layers)
    notes = notes_of(plant_network(5, info=info.model_copy(update={"layers": layers})))
    assert any(note.startswith("named: ") for note in notes) is is_told
