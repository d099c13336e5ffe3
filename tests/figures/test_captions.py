"""What captions say about seeds."""

import pytest

from xavier_cli.figures.captions import bands_in_words


@pytest.mark.parametrize(
    ("seeds", "words"),
    [
        ([5, 5], "N = 5 seeds; bands: 95 % CI of the mean"),
        ([3, 5], "N = 3–5 seeds; bands: 95 % CI of the mean"),
        ([2], "N = 2 seeds; bands: 95 % CI of the mean"),
        ([1, 2], "N = 1–2 seeds; bands: 95 % CI of the mean (none for N = 1)"),
        ([1], "N = 1 seed, so no bands"),
    ],
)
def test_a_caption_says_what_the_bands_are(seeds, words):
    assert bands_in_words(seeds) == words
