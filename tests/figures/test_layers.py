"""The figure `layers`: what passes each layer by depth, several networks on one axis."""

from dataclasses import replace

import numpy as np
import pytest
from support.network_runs import plant_network

from xavier_cli.figures.catalogue import KINDS
from xavier_cli.figures.draw import draw, draw_text
from xavier_cli.figures.layers import SHOWN
from xavier_cli.figures.request import PlotRequest, UnsuitableRunError
from xavier_cli.statistics.estimate import over_seeds

LAYERS = KINDS["layers"]


def drawn(*runs, **options):
    return draw(LAYERS, runs, PlotRequest.of(**options))


def test_every_panel_shows_its_statistic_over_the_weight_layers(line_of):
    run = plant_network(22, seeds=3, backward=0.9)
    axes = drawn(run).figure.axes
    for ax, path in zip(axes, ("leaving", "backprop", "weight_gradient", "weight"), strict=True):
        values = run[f"{path}/std"][:, 0]
        mean = "geometric" if path in ("backprop", "weight_gradient") else "arithmetic"
        line = line_of(ax, "resnet")
        np.testing.assert_allclose(line.get_ydata(), over_seeds(values, mean).center, rtol=1e-6)
        assert line.get_xdata().tolist() == list(range(1, values.shape[1] + 1))
        assert ax.get_yscale() == "log"


def test_networks_of_different_depths_share_one_axis(line_of):
    deep, flat = plant_network(30, net="nets.py:deep"), plant_network(6, net="nets.py:flat")
    for ax in drawn(deep, flat).figure.axes:
        assert len(line_of(ax, "deep").get_xdata()) > len(line_of(ax, "flat").get_xdata())
        assert ax.get_xlim()[1] > 29


def test_a_perceptron_beside_a_custom_network_has_its_pre_activations_and_theory(small_run, line_of, text_of):
    mlp, custom = small_run(data="mnist", updates=0, depth=3), plant_network(5)
    # Planted runs have every dataset, a perceptron's has not.
    mlp = replace(mlp, arrays={path: of for path, of in mlp.arrays.items() if path != "leaving/std"})
    figure = drawn(custom, mlp).figure
    forward, backward, *_ = figure.axes
    np.testing.assert_allclose(
        line_of(forward, "tanh normalized").get_ydata(),
        mlp["preactivation/std"][:, 0].mean(axis=0),
        rtol=1e-6,
    )
    assert any(line.get_label() == "_predicted" for line in backward.get_lines())
    assert "Settings: MNIST, depth 3, width 12." in text_of(figure)


def test_the_record_is_the_first_unless_another_is_asked_for(small_run, text_of, line_of):
    run = small_run(depth=2)
    assert "before the first update" in text_of(drawn(run).figure)
    last = drawn(run, record="last").figure
    assert "after 1,000 updates" in text_of(last)
    np.testing.assert_allclose(
        line_of(last.axes[3], "tanh normalized").get_ydata(), run["weight/std"][:, -1].mean(axis=0), rtol=1e-6
    )


def test_chosen_layers_and_seeds_alone_are_drawn(line_of):
    run = plant_network(22, seeds=5)
    figure = drawn(run, layers="2,7,22", seeds="3,4").figure
    line = line_of(figure.axes[0], "resnet")
    assert line.get_xdata().tolist() == [2, 7, 22]
    np.testing.assert_allclose(
        line.get_ydata(), run["leaving/std"][3:5, 0][:, [1, 6, 21]].mean(axis=0), rtol=1e-6
    )
    # dC/ds is of the layers below the last.
    assert line_of(figure.axes[1], "resnet").get_xdata().tolist() == [2, 7]


def test_one_weight_layer_is_refused_in_a_line_and_skipped_beside_others():
    single = plant_network(1, net="nets.py:logistic")
    with pytest.raises(UnsuitableRunError, match="one weight layer"):
        drawn(single)
    (note,) = drawn(single, plant_network(5)).notes
    assert "one weight layer" in note


def test_an_unknown_layer_is_refused_with_those_that_there_are():
    with pytest.raises(UnsuitableRunError, match="layer 9"):
        drawn(plant_network(5), layers="9")


@pytest.mark.parametrize(("layers", "marked"), [(22, True), (200, False)])
def test_many_layers_have_no_marks(layers, marked, line_of):
    line = line_of(drawn(plant_network(layers)).figure.axes[0], "resnet")
    assert (line.get_marker() != "none") is marked


def test_forty_networks_are_grey_but_for_a_few(text_of):
    runs = [plant_network(3 + i % 5, net=f"nets.py:net:number={i}", seeds=1) for i in range(40)]
    drawing = drawn(*runs)
    assert "Coloured: the 5 given first; grey: the other 35." in text_of(drawing.figure)
    # A panel per network would not put them on one axis.
    assert not any("--facet net" in hint for hint in drawing.hints)


def test_a_gradient_of_0_is_said_to_have_no_place(text_of):
    run = plant_network(5)
    run.arrays["backprop/std"][:] = 0
    assert "A value of 0 has no place on a logarithmic axis." in text_of(drawn(run).figure)


def test_zeros_alone_are_on_a_linear_axis(text_of):
    run = plant_network(5)
    for name in run.arrays:
        if name.endswith("/std"):
            run.arrays[name][:] = 0
    drawing = drawn(run)
    assert {ax.get_yscale() for ax in drawing.figure.axes} == {"linear"}
    assert "logarithmic" not in text_of(drawing.figure)


def test_a_facet_has_a_row_of_panels_for_each_value():
    runs = [
        plant_network(5, net=f"nets.py:{name}", data=data) for data in ("mnist", "cifar10") for name in "ab"
    ]
    axes = drawn(*runs, facet="data").figure.axes
    rows = {round(ax.get_position().y0, 3) for ax in axes}
    assert (len(axes), len(rows)) == (2 * len(SHOWN), 2)


def test_limits_over_many_decades_are_numbered_in_powers_of_ten():
    (ax, *_) = drawn(plant_network(5), ylim="1e-8:").figure.axes
    assert len(ax.get_yticks()) < 15


def test_the_terminal_has_a_plot_per_statistic_and_a_legend():
    runs = [plant_network(22, net="nets.py:a"), plant_network(6, net="nets.py:b")]
    text, notes = draw_text(LAYERS, runs, PlotRequest(), 80, True)
    assert all(words in text for words in SHOWN)
    assert "1 a   2 b" in text
    assert "20 layers" in text
    assert "updates" not in text
    assert not notes
    assert max(map(len, text.splitlines())) <= 80
