"""Tables that compare custom networks with each other and with perceptrons."""

import numpy as np
import pytest
from support.network_runs import invented_info, plant_network

from xavier_cli.findings.comparison import compare
from xavier_cli.runs.record import Run
from xavier_cli.views.comparison import comparison_page
from xavier_cli.views.comparison_answer import names


def trained(net="nets.py:resnet", layers=5, error=0.1, **settings):
    """A run with curves alone, of a custom network as if it had been trained."""
    config = plant_network(layers, net=net, seeds=5, updates=100, **settings).config
    errors = error + np.linspace(0, 0.01, 5)
    curve = np.stack([np.full(5, 0.9), errors], axis=1)
    arrays = {f"curves/{part}_{what}": curve for part in ("valid", "test") for what in ("error", "loss")}
    arrays |= {
        "curves/train_loss": curve,
        "seed": np.arange(5),
        "update": np.array([0, 100]),
        "final/diverged_at": np.full(5, -1),
    }
    return Run(config, arrays, network=invented_info(layers))


def heads(page):
    return [column.title for column in page.tables[0].columns]


@pytest.fixture
def perceptron(make_run):
    return make_run(data="mnist", depth=3, width=12, updates=100, records=2, seeds=5, lr=0.03)


def test_two_networks_are_told_apart_by_name_alone():
    comparison = compare([trained(), trained("nets.py:plain", 9, 0.3)])
    page = comparison_page(comparison, [])
    assert names(comparison.sections[0]) == ["resnet", "plain"]
    assert not {"act", "init", "depth", "width", "weight_layers", "sources"} & {*heads(page)}
    assert "net" in heads(page)
    assert "network network" not in page.about
    assert "resnet" in page.about


def test_networks_of_one_name_are_called_so():
    comparison = compare([trained(lr=0.1), trained(lr=0.01, error=0.3)])
    assert [text.partition(",")[0] for text in names(comparison.sections[0])] == ["resnet", "resnet"]
    assert "lr" in heads(comparison_page(comparison, []))


def test_two_versions_of_a_file_are_told_apart():
    other = "nets.py with its imports fedcba9876543210"
    comparison = compare([trained(), trained(sources=other, error=0.3)])
    assert names(comparison.sections[0]) == ["resnet, source 0123", "resnet, source fedc"]


def test_a_perceptron_beside_them_keeps_its_settings(perceptron):
    comparison = compare([trained(), perceptron])
    assert {*names(comparison.sections[0])} == {"resnet", "tanh normalized"}
    page = comparison_page(comparison, [])
    assert {"net", "act", "init"} <= {*heads(page)}
    # Settings that one of them alone has differ in nothing.
    assert not {"depth", "width", "jacobian_examples", "weight_layers"} & {*heads(page)}
    rows = comparison_page(comparison, []).records
    assert {row["net"] for row in rows} == {"nets.py:resnet", "mlp"}


def test_perceptrons_alone_say_nothing_of_networks(perceptron):
    page = comparison_page(compare([perceptron]), [])
    assert not {"net", "weight_layers"} & {*heads(page)}
    assert "mlp" not in page.about
