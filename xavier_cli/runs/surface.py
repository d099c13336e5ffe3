"""Defines a loss surface in memory and in its file: its configuration, its arrays, and their schema.

A surface file is built like a run file, lies in `surfaces/`, and holds no training: readers of runs skip it.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import Annotated, Self

import numpy as np
from pydantic import Field, field_validator, model_validator

from xavier_cli.config.run import MAX_SEED, RunConfig, file_safe
from xavier_cli.config.settings import Number, Whole
from xavier_cli.runs.dataset import Dataset, Schema, counting, scale
from xavier_cli.runs.ranges import ANY, SIZE, Range
from xavier_cli.runs.result import Result, ResultConfig
from xavier_cli.vocabulary.entry import ActivationEntry
from xavier_cli.vocabulary.resolve import find_activation
from xavier_cli.vocabulary.user_functions import is_user_function

LOSSES = ("cross_entropy", "quadratic")
MAX_POINTS = 501
FURTHEST = 1e3
Place = Annotated[Number, Field(ge=-FURTHEST, le=FURTHEST, allow_inf_nan=False)]
_GRID = ("surface/y", "surface/x")


class SurfaceConfig(ResultConfig):
    """All that decides the numbers of a surface: over two weights of a tiny net, or around a trained one.

    Without `around` the net has one input, one hidden unit and one output. `around` is a run's
    configuration with the one seed and the updates that were trained.
    """

    act: str = Field("tanh", description="activation of the hidden units")
    low: Place = Field(-4.0, description="lower end of both axes")
    high: Place = Field(4.0, description="upper end of both axes")
    points: Whole = Field(51, ge=3, le=MAX_POINTS, description="points along each axis")
    examples: Whole = Field(1, ge=1, le=10_000, description="examples that the losses are means over")
    seed: Whole = Field(0, ge=0, le=MAX_SEED, description="seed of the random data, or of the directions")
    around: RunConfig | None = Field(None, description="configuration of the run")

    @field_validator("act")
    @classmethod
    def _known_act(cls, word: str) -> str:
        name = find_activation(word).name
        if is_user_function(name):
            raise ValueError("a custom function has no two-weight surface; `surface RUN` takes a run of it")
        return name

    @model_validator(mode="after")
    def _makes_sense(self) -> Self:
        if not self.low < self.high:
            raise ValueError("the lower end of an axis should be below the upper one")
        if self.around and (len(self.around.seeds) != 1 or self.around.search):
            raise ValueError("a surface lies around one seed at one rate")
        return self

    @cached_property
    def activation(self) -> ActivationEntry:
        """The row of `act`."""
        return find_activation(self.act)

    def file_stem(self) -> str:
        """The file's name without its ending: the content first, then 8 hex digits of the hash."""
        what = (
            f"around-{self.around.file_stem()[:-9]}" if self.around else f"two-weights-{file_safe(self.act)}"
        )
        return f"{what}-seed{self.seed}-{self.sha256()[:8]}"

    @property
    def title(self) -> str:
        """A short description in words."""
        run = self.around
        if run is None:
            return f"loss over two weights, {self.act}"
        shape = run.shape.replace("×", "x")
        return f"loss around {run.dataset.stem} {run.act} {run.init} {shape}"

    def lengths(self) -> dict[str, int]:
        """The lengths of both axes, and the number of examples."""
        return {"surface/x": self.points, "surface/y": self.points, "surface/example": self.examples}

    def fixed_scales(self) -> dict[str, np.ndarray]:
        """Both axes."""
        axis = np.linspace(self.low, self.high, self.points)
        return {"surface/x": axis, "surface/y": axis}


def _rows() -> Iterable[Dataset]:
    step = Range(low=-FURTHEST, high=FURTHEST, order="up")
    about = "first weight w1, or steps along the first direction"
    yield scale("surface/x", "<f8", about, step, required=True)
    about = "second weight w2, or steps along the second direction"
    yield scale("surface/y", "<f8", about, step, required=True)
    for loss in LOSSES:
        about = f"mean {loss.replace('_', '-')} loss over the examples"
        yield Dataset(f"surface/{loss}", _GRID, "<f8", about, required=True, range=SIZE)
    example, parameter = ("surface/example",), ("surface/parameter",)
    about = "example of random input and label, from 0"
    yield scale("surface/example", "<i4", about, counting("example", 0))
    yield Dataset("surface/input", example, "<f8", "random input, standard normal", range=Range())
    yield Dataset("surface/label", example, "<i4", "random label, 0 or 1", range=Range(low=0, high=1))
    about = "weights and biases, layer by layer, from 0"
    yield scale("surface/parameter", "<i4", about, counting("parameter", 0))
    order = "per layer the weights by rows, then biases"
    about = f"the trained network, in the middle; {order}"
    # Weights of a network that diverged can be anything.
    yield Dataset("surface/origin", parameter, "<f4", about, range=ANY)
    for axis, name in (("first", "x"), ("second", "y")):
        about = f"{axis} random direction, filter-normalized; {order}"
        yield Dataset(f"surface/direction_{name}", parameter, "<f4", about, range=ANY)


@dataclass(frozen=True)
class Surface(Result):
    """Losses over a plane of weights."""

    config: SurfaceConfig

    kind = "surface"
    noun = "loss surface"
    schema = Schema("a loss surface", _rows())
    config_type = SurfaceConfig

    @property
    def x(self) -> np.ndarray:
        """Shape `(P,)`: the first weight, or steps along the first direction."""
        return self["surface/x"]

    @property
    def y(self) -> np.ndarray:
        """Shape `(P,)`: the second weight, or steps along the second direction."""
        return self["surface/y"]

    def loss(self, name: str) -> np.ndarray:
        """Shape `(P, P)`, `[y, x]`: the mean loss over the examples."""
        return self[f"surface/{name}"]
