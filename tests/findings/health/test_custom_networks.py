"""Which rules of `check` speak of a custom network before training, and which are silent."""

from dataclasses import replace

import numpy as np
import pytest
from support.network_runs import plant_network

from xavier_cli.findings.health import diagnose
from xavier_cli.findings.health.finding import named
from xavier_cli.views.findings import decisive
from xavier_cli.vocabulary.network_info import Drawn


def found(run):
    return {finding.rule.name: finding for finding in diagnose(run).every}


def test_a_healthy_one_is_only_not_trained_yet():
    diagnosis = diagnose(plant_network(22))
    assert [finding.rule.name for finding in diagnosis.findings] == ["too-early"]
    assert decisive(diagnosis) == ("not trained",)
    assert not diagnosis.findings[0].seen.advice


@pytest.mark.parametrize(
    ("changes", "rule", "ends"),
    [
        ({"forward": 0.6}, "vanishing-activations", "from layer 1 to layer 29"),
        ({"forward": 1.7}, "exploding-activations", "from layer 1 to layer 29"),
        ({"backward": 0.6}, "vanishing-gradients", "from layer 29 to layer 1"),
        ({"backward": 1.7}, "exploding-gradients", "from layer 29 to layer 1"),
    ],
)
def test_signals_are_followed_from_the_first_layer_to_the_last(changes, rule, ends):
    seen = found(plant_network(30, **changes))
    assert seen[rule].own_severity == "warning"
    assert ends in seen[rule].seen.evidence
    # The initialization is in the network's own code.
    assert not seen[rule].seen.advice


def test_what_enters_the_last_layer_may_be_pooled():
    run = plant_network(4)
    run.arrays["activation/std"][..., -1] /= 50
    assert "vanishing-activations" not in found(run)


def test_a_branch_that_starts_at_0_is_no_end_of_the_signal():
    run = plant_network(22)
    run.arrays["preactivation/std"][..., -1] = 0
    run.arrays["leaving/std"][..., -2] = 0
    run.arrays["weight/std"][..., 20] = 0
    assert {*found(run)} == {"too-early"}


def test_gradients_below_an_output_layer_of_0_come_with_the_first_update(make_run):
    run = plant_network(5)
    run.arrays["weight/std"][..., -1] = 0
    for name in ("weight_gradient/std", "weight_gradient/mean", "backprop/std"):
        run.arrays[name][..., :4] = 0
    assert "zero-gradients" not in found(run)
    # Without a layer that opens, nothing ever will.
    run.arrays["weight_gradient/std"][..., -1] = 0
    assert "zero-gradients" in found(run)


def test_units_are_alike_only_where_every_layer_starts_so():
    run = plant_network(4)
    run.arrays["weight/std"][..., :3] = 0
    assert not found(run)["symmetric-units"].seen.advice
    run.arrays["weight/std"][..., 1] = 0.1
    assert "symmetric-units" not in found(run)


def test_a_layer_whose_function_is_not_known_is_neither_dead_nor_saturated():
    run = plant_network(4)
    for name in ("saturated", "dead"):
        run.arrays[f"activation/{name}"] = np.full((2, 1, 3), np.nan, np.float32)
    assert {*found(run)} == {"too-early"}


def test_half_saturated_at_the_start_is_a_warning_without_a_command():
    run = plant_network(4)
    run.arrays["activation/saturated"] = np.full((2, 1, 3), 0.7, np.float32)
    seen = found(run)["saturated-layer"]
    # Once: there is no other record than the start.
    assert "70 % of layer 3 is saturated, its mean" in seen.evidence
    assert not seen.seen.advice


def test_one_weight_layer_has_no_rule_of_layers():
    assert {*found(plant_network(1))} == {"too-early"}


def test_no_rule_advises_a_training_that_is_refused():
    run = plant_network(30, forward=0.6, backward=0.6)
    layers = tuple(
        each.model_copy(update={"drawn": Drawn(names=("glorot_normal",), std=0.083, fans=(144, 144))})
        for each in run.network.layers
    )
    run = replace(run, network=run.network.model_copy(update={"layers": layers}))
    diagnosis = diagnose(run)
    assert len(diagnosis.every) > 3
    advice = {finding.seen.advice for finding in diagnosis.every} - {""}
    assert advice == {"xavier probe --data mnist --net nets.py:resnet --init he_normal --seeds 2"}


def test_many_layers_are_named_by_their_ends():
    assert named([1, 2, 3]) == "layers 1, 2, 3"
    assert named([*range(1, 31), 33]) == "layers 1-30, 33"
