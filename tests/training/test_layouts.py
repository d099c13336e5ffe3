"""A run is the same run however its members are laid out: every statistic, to the last bit."""

import numpy as np
import pytest

from xavier_cli.config.run import RunConfig
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
