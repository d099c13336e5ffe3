"""A network's layers in one number each."""

import numpy as np
import pytest

from xavier_cli.findings.layer_summary import layers_at


def test_a_row_per_layer_and_one_for_the_output(make_run):
    run = make_run(depth=3, width=8, seeds="0:2", jacobian=False)
    layers = layers_at(run)

    assert [layer.name for layer in layers] == ["hidden 1", "hidden 2", "hidden 3", "output"]
    assert layers[1]["activation_std"] == pytest.approx(run["activation/std"][:, -1, 1].mean())
    assert layers[3]["weight_gradient_std"] == pytest.approx(run["weight_gradient/std"][:, -1, 3].mean())
    assert np.isnan(layers[3]["activation_std"])


def test_diverged_seeds_are_left_out(make_run):
    some = make_run(depth=2, width=8, seeds="0:3", diverged=[0], jacobian=False)
    every = make_run(depth=2, width=8, seeds="0:3", diverged=[0, 1, 2], jacobian=False)

    assert layers_at(some)[0]["activation_mean"] == pytest.approx(some["activation/mean"][1:, -1, 0].mean())
    assert np.isnan(layers_at(every)[0]["activation_mean"])


def test_what_was_not_recorded_is_missing_without_a_warning(make_run):
    assert layers_at(make_run(only=["curves"])) == ()
