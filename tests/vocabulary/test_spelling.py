"""Names of activations and data sets as people write them."""

import pytest

from xavier_cli.vocabulary.spelling import activation_spelling, data_spelling


@pytest.mark.parametrize(
    ("word", "written"),
    [
        ("tanh", "tanh"),
        ("relu", "ReLU"),
        ("leaky_relu:slope=0.2", "leaky ReLU (slope 0.2)"),
        ("/home/me/waves.py:wave", "waves.py:wave"),
        ("of_an_older_file", "of_an_older_file"),
    ],
)
def test_an_activation_is_written_as_people_do(word, written):
    assert activation_spelling(word) == written


@pytest.mark.parametrize(
    ("word", "written"),
    [
        ("shapeset", "Shapeset"),
        ("shapeset:50000", "Shapeset (50,000 images)"),
        ("mnist", "MNIST"),
        ("cifar10", "CIFAR-10"),
        ("fashion_mnist", "Fashion-MNIST"),
        ("small-imagenet@64rgb", "Small-ImageNet, 64×64 colour"),
        ("images:/data/birds@37", "birds, 37×37"),
        ("a/digits.npz", "digits.npz"),
    ],
)
def test_a_data_set_is_written_as_people_do(word, written):
    assert data_spelling(word) == written
