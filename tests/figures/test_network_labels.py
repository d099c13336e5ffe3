"""Labels, captions and titles of custom networks say what applies to them, and tell versions apart."""

import pytest
from support.network_runs import plant_network

from xavier_cli.figures.captions import hidden_only, saturation_rule
from xavier_cli.figures.histograms import activations_figure
from xavier_cli.figures.labels import labels, shared
from xavier_cli.figures.panels import panels
from xavier_cli.figures.request import PlotRequest

OTHER = "nets.py with its imports fedcba9876543210"


def test_one_run_is_called_by_its_network_and_the_caption_adds_the_data():
    run = plant_network(22, data="cifar10")
    assert labels([run]) == ["resnet"]
    assert shared([run]) == "CIFAR-10"
    assert run.config.title == "resnet, 22 weight layers"
    assert not run.config.title_suffix


def test_the_number_of_weight_layers_follows_from_the_network():
    runs = [plant_network(22), plant_network(20, net="nets.py:resnet:depth=20")]
    assert labels(runs) == ["resnet", "resnet:depth=20"]
    assert shared(runs) == "MNIST"
    assert plant_network(1).config.title == "resnet, 1 weight layer"


def test_two_versions_of_a_file_are_told_apart():
    assert labels([plant_network(22), plant_network(22, sources=OTHER)]) == ["source 0123", "source fedc"]


def test_one_function_name_in_two_files_is_told_apart():
    there = "else/nets.py"
    other = plant_network(22, net=f"{there}:resnet", sources=f"{there} with its imports 0123456789abcdef")
    one, two = labels([plant_network(22), other])
    assert one != two
    assert one.startswith("resnet")
    assert two.startswith("resnet")


def test_data_sets_are_said_where_they_differ():
    runs = [plant_network(22), plant_network(22, data="cifar10")]
    assert labels(runs) == ["MNIST", "CIFAR-10"]
    assert shared(runs) == "resnet"
    assert panels(runs, ("data",)).titles == ["MNIST", "CIFAR-10"]


def test_activation_and_initializer_are_said_where_they_were_chosen():
    assert labels([plant_network(5, act="relu"), plant_network(5)]) == ["resnet ReLU", "resnet"]
    assert plant_network(5, act="relu").config.title == "resnet relu, 5 weight layers"


@pytest.mark.parametrize("updates", [0, 1000])
def test_perceptrons_beside_custom_networks_keep_their_names(small_run, updates):
    custom = plant_network(5)
    mlps = [small_run(data="mnist", updates=updates, depth=depth) for depth in (2, 3)]
    told = labels([custom, mlps[0]])
    assert told[0].startswith("resnet")
    assert told[1].startswith("tanh normalized")
    assert "width" not in " ".join(told)
    called = labels([custom, *mlps])
    assert [text.split(",")[0] for text in called] == ["resnet", "tanh normalized", "tanh normalized"]
    assert "depth 2" in called[1]
    assert "depth 3" in called[2]
    assert "width 12" in shared([custom, *mlps])


def test_how_an_untrained_network_would_be_trained_is_not_said(small_run):
    assert "lr" in shared([small_run()])
    assert "lr" not in shared([small_run(updates=0)])


def test_a_panel_of_the_perceptron_is_titled(small_run):
    runs = [plant_network(5), small_run(updates=0, records="20", data="mnist")]
    assert panels(runs, (), "net").titles == ["resnet", "mlp"]


def test_networks_of_their_own_weights_stay_apart_from_redrawn_ones_where_more_differs():
    runs = [
        plant_network(5, init=init, lr=lr, updates=9) for init in ("network", "zeros") for lr in (0.1, 0.2)
    ]
    names = ["resnet, lr 0.1", "resnet, lr 0.2", "resnet zeros, lr 0.1", "resnet zeros, lr 0.2"]

    assert labels(runs) == names
    assert shared(runs) == "MNIST, batch 10"


def test_captions_say_nothing_of_hidden_layers_and_of_saturation_by_one_rule():
    custom = plant_network(5)

    assert hidden_only(PlotRequest(), [custom]) == ["All weight layers but the last."]
    assert saturation_rule([custom]) == ""


def test_layers_of_one_network_have_their_names_in_the_legend():
    one, other = plant_network(5), plant_network(4, net="nets.py:plain")

    def legend(*runs):
        drawing = activations_figure(runs, PlotRequest())
        return [text.get_text() for text in drawing.figure.legends[0].get_texts()]

    assert {f"blocks/{at}/kernel" for at in range(4)} <= {*legend(one)}
    assert {f"layer {at}" for at in range(1, 5)} <= {*legend(one, other)}
