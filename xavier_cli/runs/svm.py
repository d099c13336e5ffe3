"""Defines a support vector machine in memory and in its file: its configuration, its arrays, their schema.

It is the machine that the paper compares a deep network with (section 5). The file holds no support vectors:
the configuration decides them, and what is wanted of the machine is which test examples it gets right.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import Annotated

import numpy as np
from pydantic import Field, field_validator

from xavier_cli.config.run import file_safe
from xavier_cli.config.settings import Number, Whole
from xavier_cli.runs.dataset import Dataset, Schema, counting, scale
from xavier_cli.runs.ranges import SHARE, Range
from xavier_cli.runs.result import Result, ResultConfig
from xavier_cli.vocabulary.datasets import DatasetSpec, find_data

MOST_EXAMPLES = 1_000_000
MOST_TRIED = 100
Positive = Annotated[Number, Field(gt=0, le=1e9, allow_inf_nan=False)]
Grid = Annotated[tuple[Positive, ...], Field(min_length=1, max_length=MOST_TRIED)]


class SvmConfig(ResultConfig):
    """A machine with an RBF kernel, one class against one, its C and gamma the best of a grid.

    A gamma is given relative to 1 / (inputs · variance of the inputs), at which kernels are neither all 0 nor
    all 1.
    """

    data: str = Field("shapeset:10000", description="data set of fixed training examples")
    cost: Grid = Field((1.0, 10.0, 100.0), description="values of C that are tried")
    gamma: Grid = Field((0.3, 1.0, 3.0), description="values of gamma that are tried, relative to the usual")
    search_examples: Whole = Field(
        20_000,
        ge=1,
        le=MOST_EXAMPLES,
        description="training examples, at most, that C and gamma are chosen on",
    )
    valid_examples: Whole = Field(
        2_000, ge=1, le=MOST_EXAMPLES, description="validation examples, at most, that they are chosen by"
    )

    @field_validator("data")
    @classmethod
    def _finite(cls, word: str) -> str:
        spec = find_data(word)
        if spec.kind != "shapeset" or not spec.examples:
            raise ValueError("a machine learns from so many fixed images of Shapeset: shapeset:10000")
        return spec.name

    @field_validator("cost", "gamma")
    @classmethod
    def _rising(cls, values: tuple[float, ...]) -> tuple[float, ...]:
        return tuple(sorted(set(values)))

    @cached_property
    def dataset(self) -> DatasetSpec:
        """The data set, parsed."""
        return find_data(self.data)

    def file_stem(self) -> str:
        """The file's name without suffix: the content first, then 8 hex digits of the hash."""
        return f"{file_safe(self.dataset.stem)}-svm-rbf-{self.sha256()[:8]}"

    @property
    def title(self) -> str:
        """A short description in words."""
        return f"support vector machine on {self.data}"

    def lengths(self) -> dict[str, int]:
        """The lengths of the grid's two axes."""
        return {"svm/cost": len(self.cost), "svm/gamma": len(self.gamma)}

    def fixed_scales(self) -> dict[str, np.ndarray]:
        """The grid's two axes."""
        return {"svm/cost": np.array(self.cost), "svm/gamma": np.array(self.gamma)}


def _rows() -> Iterable[Dataset]:
    rising = Range(low=0, order="up")
    yield scale("svm/cost", "<f8", "C that was tried", rising, required=True)
    about = "gamma that was tried, relative to 1 / (inputs · variance)"
    yield scale("svm/gamma", "<f8", about, rising, required=True)
    yield scale("svm/example", "<i4", "test example, from 0", counting("example", 0), required=True)
    yield scale("svm/class", "<i4", "class, from 0", counting("class", 0), required=True)
    grid, about = ("svm/cost", "svm/gamma"), "share of validation examples misclassified, of the search"
    yield Dataset("svm/valid_error", grid, "<f8", about, required=True, range=SHARE)
    about = "whether the machine with the best C and gamma gets the test example right"
    yield Dataset("svm/test_correct", ("svm/example",), "<i1", about, required=True, range=SHARE)
    few = Range(low=0, high=MOST_EXAMPLES)
    about = "training examples of the class that are support vectors"
    yield Dataset("svm/support_vectors", ("svm/class",), "<i4", about, required=True, range=few)


@dataclass(frozen=True)
class SupportVectorMachine(Result):
    """A fitted machine: the search for its C and gamma, and its answers on test examples."""

    config: SvmConfig

    kind = "svm"
    noun = "support vector machine"
    schema = Schema("a support vector machine", _rows())
    config_type = SvmConfig

    @property
    def best(self) -> tuple[int, int]:
        """The place of the best C and gamma in the grid; of equal ones the smallest C, then gamma."""
        at = np.unravel_index(np.argmin(self["svm/valid_error"]), self["svm/valid_error"].shape)
        return int(at[0]), int(at[1])

    @property
    def cost(self) -> float:
        """The C with the lowest validation error."""
        return self.config.cost[self.best[0]]

    @property
    def gamma(self) -> float:
        """The gamma with the lowest validation error, relative to the usual one."""
        return self.config.gamma[self.best[1]]

    @property
    def examples(self) -> int:
        """The number of training examples."""
        return self.config.dataset.examples

    @property
    def valid_error(self) -> float:
        """The lowest validation error of the search."""
        return float(self["svm/valid_error"].min())

    @property
    def test_error(self) -> float:
        """The share of test examples that it gets wrong."""
        return 1 - float(self["svm/test_correct"].mean())
