"""The words a user may type, as data: names, aliases, laws, and where each function lives.

Standard library only, so that help and completion read it without loading anything heavy.
"""

from __future__ import annotations

import difflib
import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from importlib import import_module
from typing import Any, Literal, Protocol, TypeVar

from xavier_cli.statements import CLAIMS as CLAIMS
from xavier_cli.statements import Claim as Claim

TRUNCATED_STD = 0.87962566103423978
"""Standard deviation of a unit normal that is cut at ±2."""


@dataclass(frozen=True)
class Spellings:
    """How to ask for the same thing elsewhere; empty where there is no such thing."""

    jax: str = ""
    keras: str = ""
    torch: str = ""


@dataclass(frozen=True)
class Initializer:
    """An initializer; `law` and `variance` are the distribution of one weight in terms of the fans."""

    name: str
    law: str
    function: str
    variance: Callable[[int, int], float]
    """Var W of `(fan_in, fan_out)`."""
    distribution: Literal["uniform", "normal", "truncated normal"]
    source: str
    elsewhere: Spellings = Spellings()
    remarks: tuple[str, ...] = ()
    """What people trip over, a line each."""
    aliases: tuple[str, ...] = ()

    def bound(self, fan_in: int, fan_out: int) -> float:
        """The largest weight there can be; infinite for a normal that is not cut."""
        std = math.sqrt(self.variance(fan_in, fan_out))
        match self.distribution:
            case "uniform":
                return math.sqrt(3) * std
            case "truncated normal":
                return 2 * std / TRUNCATED_STD
        return math.inf


@dataclass(frozen=True)
class Activation:
    """An activation: its formula, the closure of its range, and the points where its slope jumps."""

    name: str
    formula: str
    function: str
    range: tuple[float, float] = (-math.inf, math.inf)
    kinks: tuple[float, ...] = ()
    first_slope: float | None = None
    """What the slope that each layer learns starts at; then the function takes it as a second argument."""
    source: str = ""
    elsewhere: Spellings = Spellings()
    remarks: tuple[str, ...] = ()
    aliases: tuple[str, ...] = ()


@dataclass(frozen=True)
class DataSet:
    """A data set: its sizes, and the `(low, high)` its pixels are coded to unless another is asked for.

    `function` generates a stream's images, or reads a finite set out of folders. `top_class` is the share of
    the most frequent class among the test examples; `labels` are the classes' names in short; `shape` is an
    image's `(height, width)`, or `(3, height, width)` where it has planes of red, green and blue; `sizes` are
    the examples to train on, validate and test, none for a stream.
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
    aliases: tuple[str, ...] = ()

    @property
    def guessing_error(self) -> float:
        """The test error, as a fraction, of always naming the most frequent class."""
        return 1 - self.top_class


INITIALIZERS = {
    word.name: word
    for word in (
        Initializer(
            "standard",
            "U(±1/√fan_in)",
            "xavier_cli.nn.initializers:standard",
            variance=lambda fan_in, fan_out: 1 / (3 * fan_in),
            distribution="uniform",
            source="Glorot & Bengio 2010, equations (1) and (15): the heuristic of its day, n Var W = 1/3",
            elsewhere=Spellings(
                jax='variance_scaling(1/3, "fan_in", "uniform")',
                keras='VarianceScaling(1/3, "fan_in", "uniform")',
                torch="nn.Linear's default, kaiming_uniform_(w, a=math.sqrt(5))",
            ),
            remarks=(
                "The √5 of PyTorch's default: kaiming_uniform_ draws U(±√(6/((1 + a²) fan_in))), and a = √5 "
                "makes that U(±1/√fan_in). It draws its biases the same way; here they start at 0.",
            ),
            aliases=("heuristic", "pytorch_default", "torch_linear"),
        ),
        Initializer(
            "normalized",
            "U(±√(6/(fan_in+fan_out)))",
            "xavier_cli.nn.initializers:normalized",
            variance=lambda fan_in, fan_out: 2 / (fan_in + fan_out),
            distribution="uniform",
            source="Glorot & Bengio 2010, equations (12) and (16)",
            elsewhere=Spellings(
                jax="glorot_uniform()",
                keras="GlorotUniform(), Dense's default",
                torch="xavier_uniform_(w)",
            ),
            remarks=(
                "The paper's gain is 1. PyTorch's calculate_gain('tanh') is 5/3: xavier_uniform_ with it is "
                "not the paper's initialization.",
            ),
            aliases=("glorot_uniform", "xavier_uniform", "xavier", "glorot", "GlorotUniform"),
        ),
    )
}

ACTIVATIONS = {
    word.name: word
    for word in (
        Activation(
            "sigmoid",
            "1/(1+e^-s)",
            "xavier_cli.nn.activations:sigmoid",
            range=(0.0, 1.0),
            source="Glorot & Bengio 2010, section 3.1",
            elsewhere=Spellings("jax.nn.sigmoid", "sigmoid", "nn.Sigmoid"),
            remarks=("Its mean is not 0: the derived gain keeps the second moment, not the variance.",),
            aliases=("logistic",),
        ),
        Activation(
            "tanh",
            "tanh(s)",
            "xavier_cli.nn.activations:tanh",
            range=(-1.0, 1.0),
            source="Glorot & Bengio 2010, section 3.2",
            elsewhere=Spellings("jax.nn.tanh", "tanh", "nn.Tanh"),
            remarks=("PyTorch's calculate_gain('tanh') is 5/3, the derived gain 1.5925, the paper's 1.",),
        ),
        Activation(
            "softsign",
            "s/(1+|s|)",
            "xavier_cli.nn.activations:softsign",
            range=(-1.0, 1.0),
            # Its slope is continuous at 0, but its second derivative is not.
            kinks=(0.0,),
            source="Bergstra et al. 2009; Glorot & Bengio 2010, section 3.3",
            elsewhere=Spellings("jax.nn.soft_sign", "softsign", "nn.Softsign"),
            aliases=("soft_sign",),
        ),
        Activation(
            "prelu",
            "max(s, 0) + a min(s, 0)",
            "xavier_cli.nn.activations:prelu",
            kinks=(0.0,),
            first_slope=0.25,
            source="He et al. 2015, section 2.1",
            elsewhere=Spellings("", "PReLU", "nn.PReLU"),
            remarks=(
                "Each hidden layer learns one slope a, from 0.25; gain and saturation are of that first one.",
            ),
            aliases=("PReLU",),
        ),
    )
}

DATA_SETS = {
    word.name: word
    for word in (
        DataSet(
            "shapeset",
            "Shapeset-3×2: one or two of triangle, parallelogram, ellipse; generated, an infinite stream",
            "xavier_cli.data.shapeset:images",
            inputs=32 * 32,
            classes=9,
            coding=(-1.0, 1.0),
            top_class=1 / 6,
            labels=(
                "tri",
                "quad",
                "ell",
                "tri+quad",
                "quad+ell",
                "tri+ell",
                "tri+tri",
                "quad+quad",
                "ell+ell",
            ),
            shape=(32, 32),
        ),
        DataSet(
            "mnist",
            "MNIST handwritten digits",
            "xavier_cli.data.mnist:read",
            inputs=28 * 28,
            classes=10,
            coding=(0.0, 1.0),
            top_class=0.1135,
            labels=tuple("0123456789"),
            shape=(28, 28),
            sizes=(50_000, 10_000, 10_000),
        ),
        DataSet(
            "cifar10",
            "CIFAR-10 colour photographs",
            "xavier_cli.data.cifar:read",
            inputs=3 * 32 * 32,
            classes=10,
            coding=(0.0, 1.0),
            top_class=0.1,
            labels=(
                "airplane",
                "automobile",
                "bird",
                "cat",
                "deer",
                "dog",
                "frog",
                "horse",
                "ship",
                "truck",
            ),
            shape=(3, 32, 32),
            sizes=(40_000, 10_000, 10_000),
            aliases=("cifar-10", "CIFAR-10", "CIFAR10"),
        ),
        DataSet(
            "fashion_mnist",
            "Fashion-MNIST pictures of clothes",
            "xavier_cli.data.mnist:read_fashion",
            inputs=28 * 28,
            classes=10,
            coding=(0.0, 1.0),
            top_class=0.1,
            labels=(
                "t-shirt",
                "trouser",
                "pullover",
                "dress",
                "coat",
                "sandal",
                "shirt",
                "sneaker",
                "bag",
                "boot",
            ),
            shape=(28, 28),
            sizes=(50_000, 10_000, 10_000),
            aliases=("fashion-mnist", "Fashion-MNIST", "FashionMNIST"),
        ),
    )
}


class Word(Protocol):
    """What every table above holds."""

    @property
    def name(self) -> str: ...

    @property
    def aliases(self) -> tuple[str, ...]: ...


W = TypeVar("W", bound=Word)


class UnknownNameError(ValueError):
    """A word that is in no table; names the nearest one that is."""


def find(kind: str, word: str, table: Mapping[str, W]) -> W:
    """The entry of `table` that `word` names or is an alias of.

    Raises `UnknownNameError` with the nearest right word; `kind` says what was looked for.
    """
    by_alias = {alias: entry for entry in table.values() for alias in (entry.name, *entry.aliases)}
    if word in by_alias:
        return by_alias[word]
    raise UnknownNameError(unknown(kind, word, by_alias, shown=table))


def load(function: str) -> Any:
    """The object that `module:attribute` names; imports the module."""
    module, _, attribute = function.partition(":")
    return getattr(import_module(module), attribute)


def unknown(kind: str, word: str, known: Iterable[str], shown: Iterable[str] | None = None) -> str:
    """One line that says `word` is no known `kind` and names the nearest, or else all of `shown`."""
    known = list(known)
    near = difflib.get_close_matches(word.lower(), known, n=1, cutoff=0.6)
    hint = f"did you mean `{near[0]}`?" if near else "known: " + ", ".join(shown or known)
    shown_word = " ".join(word.split())
    return f"unknown {kind} `{shown_word[:40]}{'…' * (len(shown_word) > 40)}`: {hint}"
