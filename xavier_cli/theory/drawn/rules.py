"""Lists the named distributions that weights are held against, those of common practice first."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import NamedTuple

from xavier_cli.theory.drawn.shapes import NORMAL, SHAPES, TRUNCATED, Shape
from xavier_cli.vocabulary.entry import TRUNCATED_STD
from xavier_cli.vocabulary.initializers import INITIALIZERS

Fans = tuple[int, int]


class Rule(NamedTuple):
    """A named distribution: its variance for `(fan_in, fan_out)`, and the `word` to give to `--init` for it.

    `is_rare` says that few networks are drawn from it; `depends_on` which fan its variance depends on.
    """

    name: str
    shape: Shape
    variance: Callable[[int, int], float]
    word: str
    depends_on: str
    is_rare: bool = False

    def std(self, fans: Fans) -> float:
        """The standard deviation of a weight with these fans."""
        return math.sqrt(self.variance(*fans))


_SHAPES = {shape.kind: shape for shape in SHAPES}
# In order of how common they are, where numbers do not tell them apart.
_NAMES = (
    *("normalized", "lecun_normal", "standard", "he_normal", "glorot_normal"),
    *("he_uniform", "lecun_uniform"),
)


def _rules() -> Iterator[Rule]:
    for name in _NAMES:
        word = INITIALIZERS[name]
        fan = "both" if name in ("normalized", "glorot_normal") else "fan_in"
        yield Rule(name, _SHAPES[word.distribution], word.variance, name, fan)
        if word.distribution == "truncated normal":
            # PyTorch's of that name are not truncated.
            yield Rule(f"{name} (not truncated)", NORMAL, word.variance, name, fan)
    yield Rule(
        "truncated_normal:std=1/√fan_in",
        TRUNCATED,
        lambda fan_in, fan_out: TRUNCATED_STD**2 / fan_in,
        "lecun_normal",
        "fan_in",
    )
    yield from _of_fan_out()
    yield from _with_gain()


def _of_fan_out() -> Iterator[Rule]:
    """He's with `mode="fan_out"`, which keeps the gradient's variance (He et al. 2015, equation 14)."""

    def half(fan_in: int, fan_out: int) -> float:
        return 2 / fan_out

    for name in ("he_normal", "he_uniform"):
        shape = _SHAPES[INITIALIZERS[name].distribution]
        yield Rule(f"{name} of fan_out", shape, half, name, "fan_out")
    yield Rule("he_normal of fan_out (not truncated)", NORMAL, half, "he_normal", "fan_out")


def _with_gain() -> Iterator[Rule]:
    """PyTorch's `xavier_*_` with the `calculate_gain` of a ReLU, √2, and of tanh, 5/3."""
    for name, shape in (("normalized", _SHAPES["uniform"]), ("glorot_normal (not truncated)", NORMAL)):
        word = name.partition(" ")[0]
        yield Rule(f"{name} × √2", shape, lambda i, o: 4 / (i + o), "he_normal", "both", is_rare=True)
        yield Rule(f"{name} × 5/3", shape, lambda i, o: 50 / 9 / (i + o), word, "both", is_rare=True)


RULES = tuple(_rules())
BIAS_RULES = tuple(rule for rule in RULES if rule.name == "standard")
"""PyTorch and Equinox draw biases as weights, with the fan_in of the layer."""
EMBEDDING_RULES = (
    Rule("normal:std=1/√features", NORMAL, lambda features, rows: 1 / features, "", "fan_in"),
    Rule("truncated_normal:std=1/√features", TRUNCATED, lambda features, rows: 1 / features, "", "fan_in"),
    *(rule for rule in RULES if rule.depends_on == "both" and not rule.is_rare),
)
"""Of tables, whose fans are `(features, rows)`."""
