"""Pixels as images, with channels last or first."""

from __future__ import annotations

import numpy as np
import pytest

from xavier_cli.data.layout import as_examples, example_shape


@pytest.mark.parametrize(
    ("shape", "inputs", "last", "first"),
    [
        ((28, 28), 784, (28, 28, 1), (1, 28, 28)),
        ((3, 4, 5), 60, (4, 5, 3), (3, 4, 5)),
        ((1, 6), 6, (6,), (6,)),
        ((), 12, (12,), (12,)),
        ((784,), 784, (784,), (784,)),
    ],
)
def test_shapes(shape, inputs, last, first):
    assert example_shape(shape, inputs, "last") == last
    assert example_shape(shape, inputs, "first") == first
    x = np.arange(2 * inputs, dtype=np.float32).reshape(2, inputs)
    assert as_examples(x, shape, "last").shape == (2, *last)
    assert as_examples(x, shape, "first").shape == (2, *first)


def test_the_same_pixel_is_at_the_same_place():
    x = np.random.default_rng(0).random((2, 60), np.float32)
    last, first = as_examples(x, (3, 4, 5), "last"), as_examples(x, (3, 4, 5), "first")
    np.testing.assert_array_equal(np.moveaxis(first, 1, -1), last)
    np.testing.assert_array_equal(first.reshape(2, 60), x)
