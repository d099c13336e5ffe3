"""A run is the same run however its members are laid out: every statistic, to the last bit."""

import re

import numpy as np
import pytest

from xavier_cli.config.run import RunConfig
from xavier_cli.training.engine.engine import Engine
from xavier_cli.training.engine.layout import choose_layout
from xavier_cli.training.engine.population import population_of
from xavier_cli.training.engine.training_data import prepare
from xavier_cli.training.train import train


# One member a device is compiled without a loop over members, and was rounded otherwise here.
@pytest.mark.parametrize(("updates", "lr"), [(35, 0.03), (20, 0.05)])
def test_a_member_on_a_device_of_its_own_has_the_statistics_of_one_among_others(updates, lr):
    config = RunConfig.of(
        act="tanh",
        init="normalized",
        depth=1,
        width=8,
        updates=updates,
        lr=lr,
        seeds=2,
        records="2",
        jacobian_examples=0,
        eval_examples=500,
    )
    training_data = prepare(config, None)
    among, _ = train(config, training_data, strategy="map")
    alone, _ = train(config, training_data, strategy="sharded")

    for name, array in among.arrays.items():
        np.testing.assert_array_equal(alone[name], array, err_msg=name)


@pytest.mark.parametrize("update_rule", ["plain", "delayed:4"])
def test_batched_members_do_not_choose_between_old_and_new_weights(update_rule):
    """A loop whose end differs between members would, and read and write all weights once more."""
    config = RunConfig.of(act="tanh", depth=1, width=48, seeds=3, update_rule=update_rule, updates=20)
    layout = choose_layout(3, 1, "vmap")
    engine = Engine(population_of(config), prepare(config, None), layout)

    text = engine._lowered()["advance"]().as_text()

    chosen = re.findall(r"stablehlo.select .*tensor<3x1x(?:1024|48)x(?:48|9)xf32>$", text, re.MULTILINE)
    assert not chosen
