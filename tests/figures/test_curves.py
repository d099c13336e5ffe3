from itertools import pairwise

import numpy as np
import pytest

from xavier_cli.figures.catalogue import KINDS
from xavier_cli.figures.curves import curve
from xavier_cli.figures.draw import draw
from xavier_cli.figures.lines import apart
from xavier_cli.figures.request import PlotRequest, Reading, UnsuitableRunError
from xavier_cli.figures.style import background

CURVES = KINDS["curves"]


def test_a_line_is_the_mean_test_error_in_percent(small_run, line_of):
    runs = [small_run(act=act) for act in ("tanh", "softsign")]

    ax = draw(CURVES, runs).figure.axes[0]

    for run, label in zip(runs, ("tanh", "softsign"), strict=True):
        expected = 100 * run["curves/test_error"].mean(axis=0)
        np.testing.assert_allclose(line_of(ax, label).get_ydata(), expected)


def test_lines_are_named_at_their_ends_and_no_name_lies_on_another(small_run):
    runs = [small_run(lr=0.01 * (i + 1), final_error=0.3, spread=0) for i in range(10)]

    ax = draw(CURVES, runs).figure.axes[0]

    names = {text.get_text(): text.get_position()[1] for text in ax.texts if text.get_text().startswith("lr")}
    assert len(names) == 10
    boxes = sorted(
        text.get_window_extent().extents[[1, 3]].tolist() for text in ax.texts if text.get_text() in names
    )
    assert all(below[1] <= above[0] + 0.5 for below, above in pairwise(boxes))


@pytest.mark.parametrize(("data", "level"), [("shapeset", 100 * 5 / 6), ("mnist", 88.65)])
def test_guessing_is_a_level_with_a_name(small_run, data, level):
    ax = draw(CURVES, [small_run(data=data, final_error=0.6)]).figure.axes[0]

    assert [line.get_ydata()[0] for line in ax.get_lines() if line.get_label().startswith("_")] == [
        pytest.approx(level)
    ]
    (name,) = [text for text in ax.texts if text.get_text() == f"chance level\n{level:.4g} %"]
    assert name.get_window_extent().x0 > ax.get_window_extent().x1


def test_each_data_set_has_as_much_of_the_axis_as_it_was_trained(small_run):
    runs = [small_run(data="shapeset", updates=1000), small_run(data="mnist", updates=100)]
    axes = draw(CURVES, runs).figure.axes[:2]

    assert [ax.get_xlim()[1] < 1.1 * run.config.updates for ax, run in zip(axes, runs, strict=True)] == [
        True
    ] * 2
    assert all(ax.get_xlim()[1] >= run.config.updates for ax, run in zip(axes, runs, strict=True))


def test_lines_far_below_guessing_leave_it_outside_and_say_so(small_run, text_of):
    run = small_run(data="mnist", final_error=0.02, records=200, updates=100_000, seeds=1)
    error = np.full_like(run["curves/test_error"], 0.02)
    run.arrays["curves/test_error"][...] = error

    figure = draw(CURVES, [run]).figure

    assert figure.axes[0].get_ylim()[1] < 10
    assert "Chance level, 88.65 %, lies above the axis." in text_of(figure)


def test_a_diverged_seed_counts_as_guessing_and_is_told(small_run, text_of):
    run = small_run(diverged=(0,), seeds=2, final_error=0.3)

    data = curve(run, PlotRequest())

    later, guessing = run.updates >= run["final/diverged_at"][0], 100 * 5 / 6
    expected = (guessing + 100 * run["curves/test_error"][1, later]) / 2
    assert data.band.center[later] == pytest.approx(expected)
    figure = draw(CURVES, [run]).figure
    assert "Diverged, and counted at chance level from there on: 1 of 2 seeds." in text_of(figure)
    # The interval of two seeds reaches far: the axis is that of the line.
    assert figure.axes[0].get_ylim()[1] < 100


def test_the_axis_says_how_many_examples_an_update_takes(small_run):
    (ax,) = draw(CURVES, [small_run(batch_size=20)]).figure.axes

    assert ax.get_xlabel() == "updates of 20 examples"


def test_every_data_set_has_a_panel(small_run):
    runs = [
        small_run(data=data, init=init)
        for data in ("mnist", "shapeset")
        for init in ("standard", "normalized")
    ]

    figure = draw(CURVES, runs).figure

    assert [ax.get_title(loc="left") for ax in figure.axes] == ["MNIST", "Shapeset"]
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["standard", "normalized"]


def test_a_line_that_ends_early_is_led_to_its_name_by_what_nobody_takes_for_data(small_run, text_of):
    runs = [small_run(init="standard"), small_run(records_done=3, status="interrupted")]

    figure = draw(CURVES, runs).figure

    ends = {text.xy: text.arrow_patch for text in figure.axes[0].texts if getattr(text, "arrow_patch", None)}
    (early,) = [patch for (x, _), patch in ends.items() if x == 500]
    assert early.get_edgecolor()[:3] == (0.6, 0.6, 0.6)
    assert early.get_linestyle() != "-"
    assert early.get_linewidth() <= 0.5
    assert "Not finished: normalized after 500 of 1,000 updates." in text_of(figure)


def test_of_many_lines_the_best_few_alone_have_colours_and_names(small_run, text_of):
    runs = [small_run(lr=0.01 * (i + 1), final_error=0.3 + 0.02 * i, spread=0) for i in range(12)]

    drawing = draw(CURVES, runs)

    (ax,) = drawing.figure.axes
    lines = {line.get_label(): line for line in ax.get_lines() if len(line.get_xdata()) > 2}
    coloured = [name for name, line in lines.items() if line.get_color() != background().color]
    assert coloured == [f"lr {0.01 * (i + 1):g}" for i in range(5)]
    assert [text.get_text() for text in ax.texts if text.get_text().startswith("lr")] == coloured
    assert [text.get_text() for text in drawing.figure.legends[0].get_texts()] == ["7 others"]
    assert "Coloured: the 5 with the lowest test error at the end; grey: the other 7." in text_of(
        drawing.figure
    )
    assert "`--facet lr`" in drawing.hints[0]
    assert len(ax.collections) == 5


def test_each_value_of_a_facet_has_a_panel_with_the_same_axis(small_run):
    runs = [
        small_run(act=act, init=init, final_error=error)
        for act, error in (("relu", 0.2), ("tanh", 0.5))
        for init in ("standard", "normalized")
    ]

    figure = draw(CURVES, runs, PlotRequest(facet="act")).figure

    assert [ax.get_title(loc="left") for ax in figure.axes] == ["ReLU", "tanh"]
    assert len({ax.get_ylim() for ax in figure.axes}) == 1
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["standard", "normalized"]
    for facet, message in (("width", "have the same `width`: width 12"), ("depht", "did you mean `depth`")):
        with pytest.raises(UnsuitableRunError, match=message):
            draw(CURVES, runs, PlotRequest(facet=facet))


def test_losses_are_drawn_too_without_the_seeds_that_diverged(small_run, text_of, line_of):
    run = small_run(diverged=(0,))

    figure = draw(CURVES, [run], PlotRequest(metric="train_loss,valid-error")).figure

    assert [ax.get_ylabel() for ax in figure.axes] == ["training loss", "validation error, %"]
    drawn = line_of(figure.axes[0], "tanh normalized").get_ydata()
    np.testing.assert_allclose(drawn[1:], run["curves/train_loss"][1:, 1:].mean(axis=0))
    assert "Training loss of tanh normalized on the mini-batches since the last record." in text_of(figure)
    with pytest.raises(UnsuitableRunError, match="unknown metric `accuracy`"):
        draw(CURVES, [run], PlotRequest(metric="accuracy"))


def test_a_run_without_training_is_skipped_and_named(small_run):
    drawing = draw(CURVES, [small_run(), small_run(updates=0)])

    assert len(drawing.notes) == 1
    assert drawing.notes[0].startswith("skipped: shapeset-tanh-normalized")
    assert drawing.notes[0].endswith("nothing over time: only the record at update 0")
    for kind in ("curves", "saturation", "gradients-over-time"):
        with pytest.raises(UnsuitableRunError, match="nothing over time"):
            draw(KINDS[kind], [small_run(updates=0)])


def test_the_caption_of_curves(small_run, text_of):
    figure = draw(CURVES, [small_run(init=init) for init in ("standard", "normalized")]).figure

    assert text_of(figure) == (
        "Test error on 2,000 test examples (on all at the last record). N = 3 seeds; bands: 95 % CI of the "
        "mean. Settings: tanh, Shapeset, depth 5, width 12, lr 0.03, batch 10."
    )


def test_places_are_pushed_apart_only_as_far_as_needed():
    assert apart([1, 5], 2, 0, 10) == [1, 5]
    assert apart([4, 4, 4], 2, 0, 10) == [2, 4, 6]
    assert apart([0, 0], 2, 0, 10) == [0, 2]
    assert apart([9.5, 10], 2, 0, 10) == [8, 10]


READINGS = (
    Reading({"act": "tanh", "depth": 2}, (500, 1000), (48, 5)),
    Reading({"act": "softsign"}, (5000,), (34,)),
    Reading({"act": "relu"}, (500,), (34,)),
)


def open_marks(ax):
    return [
        (line.get_xdata()[i], line.get_ydata()[i], line.get_color())
        for line in ax.get_lines()
        if line.get_markerfacecolor() == "none"
        for i in range(len(line.get_xdata()))
    ]


def test_what_was_read_of_a_papers_curve_stands_beside_it_as_far_as_it_goes(small_run, line_of, text_of):
    """Tanh's two readings; softsign's lies beyond the training, and there is no run of ReLUs."""
    runs = [small_run(act=act, updates=1000, depth=2, seeds=3) for act in ("tanh", "softsign")]
    drawing = draw(CURVES, runs, PlotRequest(readings=READINGS))
    ax = drawing.figure.axes[0]

    assert [mark[:2] for mark in open_marks(ax)] == [(500, 48), (1000, 5)]
    assert {
        line.get_markeredgecolor() for line in ax.get_lines() if line.get_markerfacecolor() == "none"
    } == {line_of(ax, "tanh").get_color()}
    assert ax.get_ylim()[0] <= 5
    assert "Open marks: the paper's networks" in text_of(drawing.figure)
    for chosen in (PlotRequest(readings=READINGS[1:]), PlotRequest(metric="valid_error", readings=READINGS)):
        other = draw(CURVES, runs, chosen).figure
        assert open_marks(other.axes[0]) == []
        assert "Open marks" not in text_of(other)
