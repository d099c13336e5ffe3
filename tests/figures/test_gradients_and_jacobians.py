import numpy as np
import pytest

from xavier_cli.figures.catalogue import KINDS
from xavier_cli.figures.draw import draw
from xavier_cli.figures.jacobian import averages, plot_averages, plot_spectrum, spectrum
from xavier_cli.figures.over_time import plot_spread, spread
from xavier_cli.figures.request import PlotRequest, UnsuitableRunError
from xavier_cli.figures.style import configuration_styles


@pytest.mark.parametrize("tensor", ["weight_gradient", "backprop"])
def test_gradients_over_time_are_stds_on_a_logarithmic_axis(small_run, ax, line_of, tensor):
    run = small_run()

    plot_spread(ax, spread(run, tensor, PlotRequest()))

    labels = [line.get_label() for line in ax.get_lines()]
    assert [label for label in labels if label != "_predicted"] == [f"layer {layer}" for layer in range(1, 6)]
    # Theory speaks of each example's weight gradient, not of their mean.
    marks = [line.get_xydata().tolist() for line in ax.get_lines() if line.get_label() == "_predicted"]
    assert marks == [[[0, each]] for each in run["theory/backprop_std"] if tensor == "backprop"]
    expected = run[f"{tensor}/std"][:, :, 3].mean(axis=0)
    np.testing.assert_allclose(line_of(ax, "layer 4").get_ydata(), expected, rtol=1e-6)
    assert ax.get_yscale() == "log"


def test_the_tensor_is_chosen_by_name(small_run, text_of):
    kind, run = KINDS["gradients-over-time"], small_run()

    assert "gradient dC/dW" in text_of(draw(kind, [run]).figure)
    assert "dC/ds" in text_of(draw(kind, [run], PlotRequest(tensor="backprop")).figure)
    with pytest.raises(
        UnsuitableRunError, match="`weight` is not drawn here: choose from weight_gradient, backprop"
    ):
        draw(kind, [run], PlotRequest(tensor="weight"))


def test_averages_of_singular_values_are_drawn_over_layers(small_run, ax, line_of):
    run = small_run()
    data = averages(run, PlotRequest(record="last"))

    plot_averages(ax, data.layers, data.averages["rms_singular_value"], configuration_styles(["a"])[0], "run")

    expected = run["jacobian/rms_singular_value"][:, -1].mean(axis=0)
    line = line_of(ax, "run")
    assert line.get_xdata().tolist() == [2, 3, 4, 5]
    np.testing.assert_allclose(line.get_ydata(), expected[1:], rtol=1e-6)
    apart = ax.containers[0].lines[0]
    assert (apart.get_xdata().tolist(), apart.get_ydata()[0]) == ([1], pytest.approx(expected[0], rel=1e-6))


def test_all_three_averages_have_a_panel(small_run):
    figure = draw(KINDS["jacobian"], [small_run(init=init) for init in ("standard", "normalized")]).figure

    assert [ax.get_title(loc="left") for ax in figure.axes] == ["mean", "root mean square", "geometric mean"]


@pytest.mark.parametrize("record", ["first", "last"])
def test_predicted_averages_stand_beside_those_of_the_first_record_alone(small_run, text_of, record):
    run = small_run()
    figure = draw(KINDS["jacobian"], [run], PlotRequest(record=record)).figure

    marks = [line for line in figure.axes[0].get_lines() if line.get_label() == "_predicted"]
    expected = [run["theory/mean_singular_value"].tolist()] if record == "first" else []
    assert [line.get_ydata().tolist() for line in marks] == expected
    named = [text.get_text() for text in figure.legends[0].get_texts()]
    assert ("predicted by theory" in named) is (record == "first")
    assert "singular value 1 (norm-preserving)" in named
    assert "Dashed line: singular value 1 (norm-preserving)." in text_of(figure)


def test_a_spectrum_is_drawn_by_rank_without_what_is_past_its_end(small_run, ax, line_of):
    run = small_run()
    run.arrays["jacobian/singular_values"][:, :, 0, 10:] = np.nan

    plot_spectrum(ax, spectrum(run, PlotRequest()))

    line = line_of(ax, "layer 1")
    assert len(line.get_xdata()) == 10
    assert (line.get_xdata()[0], line.get_xdata()[-1]) == (0, 1)
    expected = run["jacobian/singular_values"][:, 0, 1].mean(axis=0)
    np.testing.assert_allclose(line_of(ax, "layer 2").get_ydata(), expected, rtol=1e-6)


def test_a_record_without_jacobians_is_refused_with_those_that_have(small_run):
    with pytest.raises(UnsuitableRunError, match="no record after update 250; it has: 0, 1000"):
        draw(KINDS["spectrum"], [small_run()], PlotRequest(record="250"))


def test_a_run_without_jacobians_is_skipped(small_run):
    drawing = draw(KINDS["jacobian"], [small_run(), small_run(init="standard", jacobian=False)])

    (note,) = drawing.notes
    assert "no `jacobian` recorded; it has: activation, backprop" in note
