"""Whether networks give one answer for all images, told by which of them are right."""

import numpy as np
import pytest
from support.claim_material import class_labels

from xavier_cli.data.shapeset import labels as labels_of
from xavier_cli.data.shapeset import scenes
from xavier_cli.findings.claims.constant_answer import class_entropy, class_shares, gives_one_answer

NUMBER = 10_000
LABELS = class_labels(NUMBER)


def answering(*classes, deviating=0.0, seed=0):
    """Which answers of networks are right that give one class each, but for a share at random."""
    rng = np.random.default_rng(seed)
    answers = np.tile(np.array(classes)[:, None], (1, NUMBER))
    other = rng.random(answers.shape) < deviating
    answers[other] = rng.integers(0, 9, int(other.sum()))
    return answers == LABELS


def test_shares_of_classes_are_those_of_the_generator():
    import jax

    drawn = np.bincount(np.asarray(labels_of(scenes(jax.random.key(0), 0, 20_000))), minlength=9) / 20_000

    # Four standard errors, and the images whose second object found no place.
    assert class_shares("shapeset") == pytest.approx(drawn, abs=0.012)
    assert class_shares("shapeset:1000").sum() == pytest.approx(1)
    assert class_entropy("shapeset") == pytest.approx(2.110, abs=5e-4)


@pytest.mark.parametrize("classes", [(0,) * 5, (0, 1, 2, 0, 1), (0, 0, 0, 3, 8)])
def test_constant_answers_are_found_whichever_classes(classes):
    for deviating in (0, 0.005):
        yes, no = gives_one_answer(answering(*classes, deviating=deviating), "shapeset")
        assert yes.all()
        assert not no.any()


def test_answers_no_two_of_which_are_the_same_tell_nothing():
    yes, no = gives_one_answer(answering(0, 1, 2, 3, 6), "shapeset")

    assert not (yes | no).any()


@pytest.mark.parametrize("deviating", [0.3, 0.6, 1.0])
def test_answers_that_depend_on_the_image_are_not_constant(deviating):
    yes, no = gives_one_answer(answering(0, 0, 0, 1, 1, deviating=deviating), "shapeset")
    assert not yes.any()
    assert no.any()


def test_two_answers_by_turns_are_not_one():
    """Right on a sixth of the images as one answer is, and at the same loss."""
    turns = np.random.default_rng(1).integers(0, 2, (5, NUMBER))

    assert gives_one_answer(turns == LABELS, "shapeset").no.all()


@pytest.mark.parametrize("learnt", [1, 2])
def test_one_or_two_that_learn_do_not_make_the_others_doubtful(learnt):
    right = answering(0, 1, 2, 2, 1)
    right[:learnt] = np.random.default_rng(2).random((learnt, NUMBER)) < 0.5

    yes, no = gives_one_answer(right, "shapeset")
    assert no.tolist() == [True] * learnt + [False] * (5 - learnt)
    assert yes.tolist() == (~no).tolist()


def test_one_that_depends_on_the_image_is_told_and_leaves_the_others_open_at_worst():
    right = answering(0, 0, 0, 1, 1)
    right[3] = np.random.default_rng(1).integers(0, 2, NUMBER) == LABELS
    yes, no = gives_one_answer(right, "shapeset")

    assert no.tolist() == [False, False, False, True, False]
    assert not yes.any()
