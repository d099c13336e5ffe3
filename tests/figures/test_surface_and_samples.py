import numpy as np
import pytest

from xavier_cli.config.run import RunConfig
from xavier_cli.figures.catalogue import KINDS
from xavier_cli.figures.draw import draw_one
from xavier_cli.figures.samples import GAP, ROWS, Samples, montage
from xavier_cli.figures.surface import levels_of
from xavier_cli.vocabulary.datasets import find_data


@pytest.fixture(params=["two weights", "around"])
def shown_surface(request, plausible_surface):
    return plausible_surface(around=RunConfig.of(seeds=(3,)) if request.param == "around" else None)


@pytest.fixture
def samples():
    labels = np.repeat(np.arange(9), 5)
    return Samples(
        find_data("shapeset").facts, np.repeat(labels[:, None], 1024, axis=1).astype(np.uint8), labels, "here"
    )


def test_both_losses_are_drawn_in_one_space_and_as_maps(shown_surface):
    figure = draw_one(KINDS["loss-surface"], shown_surface).figure

    space, *maps = figure.axes[-1:] + figure.axes[:-1]
    assert space.name == "3d"
    assert len(space.collections) == 2
    assert [ax.get_title(loc="left") for ax in maps] == ["cross-entropy", "quadratic"]
    assert all(ax.get_xlim() == (shown_surface.x[0], shown_surface.x[-1]) for ax in maps)


def test_over_two_weights_both_maps_have_one_scale_and_around_a_run_each_its_own(plausible_surface):
    one, other = levels_of(plausible_surface())
    assert np.array_equal(one, other)
    assert one[0] == 0

    one, other = levels_of(plausible_surface(around=RunConfig.of(seeds=(3,))))
    assert one[-1] > other[-1]


def test_the_caption_says_the_seed_the_examples_and_the_scale(shown_surface, text_of):
    text = text_of(draw_one(KINDS["loss-surface"], shown_surface).figure)

    assert "seed 0" in text
    assert "2 examples" in text
    assert ("the same in both maps" in text) == (shown_surface.config.around is None)


def test_nothing_of_the_maps_is_cut_off(shown_surface):
    figure = draw_one(KINDS["loss-surface"], shown_surface).figure

    width, height = figure.bbox.size
    box = figure.get_tightbbox().transformed(figure.dpi_scale_trans)
    assert min(box.x0, box.y0) >= -1
    assert box.x1 <= width + 1
    assert box.y1 <= height + 1


def test_samples_lie_in_the_column_of_their_class(samples, text_of):
    picture = montage(samples)

    assert picture.shape == (ROWS * 34 - GAP, 9 * 34 - GAP)
    assert [int(picture[40, 34 * label]) for label in range(9)] == list(range(9))
    drawing = draw_one(KINDS["samples"], samples)
    assert [text.get_text() for text in drawing.figure.axes[0].texts][3] == "tri+quad"
    assert "32×32 pixels" in text_of(drawing.figure)
    assert drawing.notes == []


def test_a_class_without_a_sample_is_told(samples):
    there = samples.labels != 4
    few = Samples(find_data("shapeset").facts, samples.pixels[there], samples.labels[there], "here")

    assert draw_one(KINDS["samples"], few).notes == ["skipped: no sample of quad+ell among 40"]
