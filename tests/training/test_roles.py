"""Tests what the rows of settings claim about programs, prepared data and untrained networks."""

from __future__ import annotations

import numpy as np
import pytest
from support.other_settings import OF_CUSTOM_NETWORKS, OTHER, pair

from xavier_cli.config.run import RunConfig
from xavier_cli.config.settings import SETTINGS, settings_where
from xavier_cli.sweeps.work import _data_of
from xavier_cli.training.engine.engine import Engine
from xavier_cli.training.engine.layout import choose_layout
from xavier_cli.training.engine.population import population_of
from xavier_cli.training.engine.training_data import prepare
from xavier_cli.training.train import train, untrained


def key(config: RunConfig, training_data) -> str:
    population = population_of(config)
    variants = len(population.variants)
    return Engine(population, training_data, choose_layout(len(population.seeds), variants, "map"))._key(())


@pytest.mark.parametrize("name", [name for name in OTHER if name not in OF_CUSTOM_NETWORKS])
def test_a_setting_changes_the_programs_or_its_row_says_why_not(name, training_data):
    usual, other = pair(name, seeds="0,1", width=10, depth=3)
    keys = [key(config, training_data) for config in (usual, other)]

    assert (keys[0] == keys[1]) == bool(SETTINGS[name].outside_programs), name


@pytest.mark.parametrize("name", OTHER)
def test_only_what_is_of_training_leaves_no_trace_in_an_untrained_network(name):
    usual, other = pair(name)
    row = SETTINGS[name]
    of_training = "training" in (row.role, SETTINGS[row.detail_of].role if row.detail_of else "")

    # Of its records there is one.
    assert (untrained(usual) == untrained(other)) == (of_training or name == "records"), name


QUICK = ("loss", "dropout")


@pytest.mark.parametrize(
    "name",
    [
        name if name in QUICK else pytest.param(name, marks=pytest.mark.slow)
        for role in ("network", "training")
        for name in settings_where(role=role, derived=False, detail_of="")
        # No layer but other ones; done before the first record; the same on a processor.
        if name not in ("depth", "width", "pretrain", "precision", "updates", *OF_CUSTOM_NETWORKS)
    ],
)
def test_networks_that_differ_in_training_are_the_same_at_first(name, training_data):
    usual, other = (
        train(config, training_data)[0].arrays
        for config in pair(name, seeds=1, width=10, depth=2, updates=0, eval_examples=500)
    )

    looked = [path for path in usual if path.partition("/")[0] in ("activation", "backprop", "jacobian")]
    same = all(np.array_equal(usual[path], other[path], equal_nan=True) for path in looked)
    assert looked
    assert same == (SETTINGS[name].role == "training")


@pytest.mark.parametrize("settings", [{}, {"data": "shapeset:200", "coding": "standardize"}])
def test_prepared_data_depend_on_no_other_setting(settings):
    read = set()

    class Watched(RunConfig):
        def __getattribute__(self, name: str) -> object:
            read.add(name)
            return super().__getattribute__(name)

    config = Watched.of(**settings)
    read.clear()
    prepare(config, None)

    asked = read & {*SETTINGS}
    assert "batch_size" in asked
    # Whether code is still what it was is checked beside, and whether the words are a watched training's own.
    assert asked <= {*settings_where(role="data"), *settings_where(in_examples=True), "sources", "net"}


@pytest.mark.parametrize("name", OTHER)
def test_data_are_prepared_once_for_all_that_read_the_same(name):
    usual, other = pair(name)
    if name == "updates":
        # All examples are evaluated after training alone; how long it is does not matter.
        assert _data_of(usual) == _data_of(other)
        other = other.with_(updates=0)
    row = SETTINGS[name]

    assert (_data_of(usual) == _data_of(other)) != (row.role == "data" or row.in_examples)
