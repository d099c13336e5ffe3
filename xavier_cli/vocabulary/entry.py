"""Defines the rows of the tables of names: initializers, activations, pre-training, data sets.

Standard library only.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal

TRUNCATED_STD = 0.87962566103423978
"""Standard deviation of a unit normal truncated at ±2."""

Value = float | str
"""The value of a parameter."""

Distribution = Literal[
    "uniform",
    "normal",
    "truncated normal",
    "sparse normal",
    "orthogonal",
    "constant",
    "diagonal",
    "from data",
    "own",
]


INDEPENDENT: tuple[Distribution, ...] = ("uniform", "normal", "truncated normal")
"""The distribution of weights that are drawn independently, around 0."""


@dataclass(frozen=True)
class Spellings:
    """The names of the same thing in other frameworks; empty where there is none."""

    jax: str = ""
    keras: str = ""
    torch: str = ""


@dataclass(frozen=True)
class Parameter:
    """A parameter of a name: the `slope` of `leaky_relu:slope=0.2`.

    Its value is a number from `low` to `high`, both included but for the `low` of an `above`, and less than
    `below`; or one of `choices`; or true or false, where the `default` is.
    """

    name: str
    default: Value
    about: str
    low: float = -1e6
    high: float = 1e6
    above: bool = False
    below: float = math.inf
    choices: tuple[str, ...] = ()
    whole: bool = False

    @property
    def allowed(self) -> str:
        """The accepted values, as text: `above 0 and at most 1e6`."""
        if self.choices:
            return "one of " + ", ".join(self.choices)
        kind = "a whole number" if self.whole else "a number"
        low = f"above {self.low:g}" if self.above else f"from {self.low:g}"
        return f"{kind} {low} to {self.high:g}"

    def admits(self, value: float) -> bool:
        """Whether the number is accepted; false for NaN and infinities."""
        within = (self.low < value if self.above else self.low <= value) and value <= self.high
        return within and value < self.below and not (self.whole and value != int(value))

    def read(self, text: str) -> Value | None:
        """The value of `text`; None where it is not accepted."""
        if isinstance(self.default, bool):
            return {"true": True, "false": False}.get(text.lower())
        if self.choices:
            return text if text in self.choices else None
        try:
            number = float(text)
        except ValueError:
            return None
        return number if self.admits(number) else None


class _Parametrized:
    """A row whose name may be followed by parameters."""

    parameters: tuple[Parameter, ...]
    settings: tuple[tuple[str, Value], ...]

    @property
    def parameter_values(self) -> dict[str, Value]:
        """All parameters with their values, defaults among them."""
        return {each.name: each.default for each in self.parameters} | dict(self.settings)


@dataclass(frozen=True)
class InitializerEntry(_Parametrized):
    """An initializer; `formula` and `variance` describe the distribution of one weight in terms of the fans.

    `variance` and `function` take the `parameters` by name. `derived` takes all of them and returns the
    fields of this row that change with them.
    """

    name: str
    formula: str
    function: str
    variance: Callable[..., float]
    """Var W for `(fan_in, fan_out)`, about `mean`; NaN where it is not known."""
    distribution: Distribution
    source: str
    framework_names: Spellings = Spellings()
    known_as: str = ""
    """What the field calls it, where the paper's name is not the field's."""
    remarks: tuple[str, ...] = ()
    """Common mistakes, one line each."""
    aliases: tuple[str, ...] = ()
    parameters: tuple[Parameter, ...] = ()
    settings: tuple[tuple[str, Value], ...] = ()
    """The values of parameters that were given."""
    derived: Callable[..., Mapping[str, Any]] | None = None
    mean: float = 0.0

    def bound(self, fan_in: int, fan_out: int) -> float:
        """The largest possible |weight|; infinite for an untruncated normal, and where it is not known."""
        variance = self.variance(fan_in, fan_out)
        match self.distribution:
            case "uniform":
                return math.sqrt(3 * variance)
            case "truncated normal":
                return 2 * math.sqrt(variance) / TRUNCATED_STD
            case "constant":
                return abs(self.mean)
        return math.inf

    @property
    def is_independent(self) -> bool:
        """Whether weights are drawn independently of each other, around 0."""
        return self.distribution in INDEPENDENT

    def with_parameters(self, name: str, settings: Mapping[str, Value]) -> InitializerEntry:
        """This row with parameters set; `name` is its canonical text."""
        every = self.parameter_values | dict(settings)
        law = self.variance

        def variance(fan_in: int, fan_out: int) -> float:
            return law(fan_in, fan_out, **every)

        fields = {"variance": variance, **(self.derived(**every) if self.derived else {})}
        return replace(self, name=name, settings=tuple(every.items()), **fields)


@dataclass(frozen=True)
class ActivationEntry(_Parametrized):
    """An activation: its formula, the closure of its range, and the points where its slope is discontinuous.

    `function` takes the `parameters` by name; `derived` is as for initializers. `learned` names a parameter
    that is trained, one number per layer, initialized at the parameter's value.
    """

    name: str
    formula: str
    function: str
    range: tuple[float, float] = (-math.inf, math.inf)
    kinks: tuple[float, ...] = ()
    source: str = ""
    framework_names: Spellings = Spellings()
    remarks: tuple[str, ...] = ()
    aliases: tuple[str, ...] = ()
    parameters: tuple[Parameter, ...] = ()
    settings: tuple[tuple[str, Value], ...] = ()
    derived: Callable[..., Mapping[str, Any]] | None = None
    learned: str = ""
    written: str = ""
    """The name as people write it, where that is not `name`."""

    @property
    def first_slope(self) -> float | None:
        """The initial value of the learned parameter; None where there is none."""
        return float(self.parameter_values[self.learned]) if self.learned else None

    def with_parameters(self, name: str, settings: Mapping[str, Value]) -> ActivationEntry:
        """This row with parameters set; `name` is its canonical text."""
        every = self.parameter_values | dict(settings)
        fields = self.derived(**every) if self.derived else {}
        return replace(self, name=name, settings=tuple(every.items()), **fields)


@dataclass(frozen=True)
class PretrainingEntry(_Parametrized):
    """A method of learning initial weights layer by layer, from images without labels."""

    name: str
    about: str
    source: str
    parameters: tuple[Parameter, ...] = ()
    settings: tuple[tuple[str, Value], ...] = ()
    """The values of parameters that were given."""
    aliases: tuple[str, ...] = ()

    def with_parameters(self, name: str, settings: Mapping[str, Value]) -> PretrainingEntry:
        """This row with parameters set; `name` is its canonical text."""
        return replace(self, name=name, settings=tuple(settings.items()))


@dataclass(frozen=True)
class DataSetEntry:
    """A data set: its sizes, and the default `(low, high)` that its pixels are coded to.

    `function` generates a stream's images, or reads a finite set from folders; `locate` says in which of
    them its files are, and raises `DataMissingError` where they are in none. A set that `is_slow_to_decode`
    is decoded once and cached. `top_class` is the share of the most frequent class among the test examples;
    `labels` are short names of the classes; `shape` is an image's `(height, width)`, or `(3, height, width)`
    for planes of red, green and blue; `sizes` are the numbers of training, validation and test examples,
    none for a stream.
    """

    name: str
    about: str
    function: str
    inputs: int
    classes: int
    coding: tuple[float, float]
    top_class: float
    labels: tuple[str, ...]
    shape: tuple[int, ...]
    sizes: tuple[int, ...] = ()
    locate: str = ""
    is_slow_to_decode: bool = False
    aliases: tuple[str, ...] = ()
    written: str = ""
    """The name as people write it, where that is not `name`."""

    @property
    def guessing_error(self) -> float:
        """The chance level: the test error, a fraction, of always answering the most frequent class."""
        return 1 - self.top_class
