"""Defines what is known of a network that a user brings along: its weight layers and other parameters.

It is found when the network is looked at, and stored in the run file: whoever reads that runs no code of the
network's.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, FiniteFloat, ValidationError

from xavier_cli.errors import ExitCode, XavierError

MOST_LAYERS = 2000
MOST_PARAMETERS = 20_000
LONGEST_NAME = 300
MOST_NAMES = 3
"""So many distributions are named in words where numbers do not tell them apart."""

BATCH_DEPENDENT = (
    "Its output for an example depends on the others of the batch, as under batch normalization: dC/ds is of "
    "the batch's summed loss."
)
"""The note of a network of which this is so."""

LayerKind = Literal["dense", "convolution", "transposed convolution"]
Role = Literal["weight", "bias", "embedding", "other"]
"""What a parameter is for: the weight or the bias of a layer, rows picked by the example, or something else,
such as the scale of a normalization."""


class NetworkError(XavierError, ValueError):
    """A network that cannot be looked at; the message is one line that says why and what to do."""

    exit_code = ExitCode.USAGE


class Drawn(BaseModel):
    """Which distribution the numbers of a parameter may have been drawn from; see `theory.drawn`.

    `names` are those that the numbers do not contradict, the likeliest first; empty for none of the known
    ones. `fans` are those for which they hold, None where they depend on none; `fans_of` says in words how
    these differ from the operation's own, empty where they do not. `is_certain` is false for too few numbers.
    `nearest` is the named distribution at the operation's own fans whose standard deviation, `named_std`, is
    nearest to the measured `std`. `like` names an earlier parameter that has the same numbers.
    `seeds_alike`: several seeds have the same numbers, which are not a constant. `repeats` is the axis along
    which all slices are the same: on the last axis of a layer's weight stand its units. `zero_rows` counts
    rows of a table that are all zeros, which the rest does not include. Statistics are over all numbers of
    all seeds; None where one is not finite.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    names: tuple[str, ...]
    fans: tuple[int, int] | None = None
    fans_of: str = ""
    is_certain: bool = True
    mean: FiniteFloat | None = None
    std: FiniteFloat | None = None
    bound: FiniteFloat | None = None
    kurtosis: FiniteFloat | None = None
    nearest: str = ""
    named_std: FiniteFloat | None = None
    like: str = ""
    seeds_alike: bool = False
    repeats: Literal["", "first axis", "last axis"] = ""
    zero_rows: int = 0

    @property
    def text(self) -> str:
        """In words: `he_normal`, `standard (as of 512×64, transposed)`, `consistent with zeros`."""
        told = " or ".join(self.names[:MOST_NAMES]) or self._moments
        if self.fans_of and self.fans:
            told += f" (as of {self.fans[0]}×{self.fans[1]}, {self.fans_of})"
        if self.names and not self.is_certain:
            told = f"consistent with {told}"
        remarks = (
            f"{self.zero_rows} row{'s' * (self.zero_rows > 1)} of zeros" if self.zero_rows else "",
            f"copies along the {self.repeats}" if self.repeats else "",
            "the same in every seed" if self.seeds_alike else "",
            f"the numbers of {self.like}" if self.like else "",
        )
        return "; ".join(filter(None, (told, *remarks)))

    @property
    def _moments(self) -> str:
        if self.mean is None:
            return "none of these: not finite" if self.is_certain else "no numbers"
        known = {"mean": self.mean, "std": self.std, "largest": self.bound, "kurtosis": self.kurtosis}
        told = ", ".join(f"{name} {value:.3g}" for name, value in known.items() if value is not None)
        return f"none of these: {told}"


class ParameterInfo(BaseModel):
    """One parameter: its path as the framework writes it, its shape, what it is for, how it was drawn."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str = Field(max_length=LONGEST_NAME)
    shape: tuple[int, ...]
    role: Role
    drawn: Drawn | None = None
    is_trained: bool = True


class MovingInfo(BaseModel):
    """Real numbers that training moves beside the parameters, such as running averages.

    `place` is where they stand among all arrays of the network's state.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str = Field(max_length=LONGEST_NAME)
    shape: tuple[int, ...]
    place: int = Field(ge=0, le=MOST_PARAMETERS)


class LayerInfo(BaseModel):
    """One weight layer, in order of execution.

    `parameter` is the name of the parameter that its weight mostly is, `bias` that of its bias (empty without
    one). `shape` is that of the effective weight. `uses` counts the places where it is used, each round of a
    loop as one; `applied` are the known activation functions between it and the next layer. `drawn` is of
    its own weight: of a slice, where layers are stacked.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str = Field(max_length=LONGEST_NAME)
    parameter: str = Field(max_length=LONGEST_NAME)
    bias: str = Field(default="", max_length=LONGEST_NAME)
    kind: LayerKind
    shape: tuple[int, ...]
    fan_in: int = Field(ge=1)
    fan_out: int = Field(ge=1)
    receptive_field: int = Field(default=1, ge=1)
    uses: int = Field(default=1, ge=1)
    applied: tuple[str, ...] = ()
    drawn: Drawn | None = None
    bias_drawn: Drawn | None = None


class NetworkInfo(BaseModel):
    """All that is known of a network beside its statistics.

    `unseen` says in words what could not be looked into, with the parameters that go into it: a `while` loop
    of a length that depends on data. `notes` are sentences about how it was looked at.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    framework: str
    layers: tuple[LayerInfo, ...] = Field(max_length=MOST_LAYERS)
    parameters: tuple[ParameterInfo, ...] = Field(default=(), max_length=MOST_PARAMETERS)
    moving: tuple[MovingInfo, ...] = Field(default=(), max_length=MOST_PARAMETERS)
    unseen: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def trained(self) -> tuple[ParameterInfo, ...]:
        """The parameters that training changes, in the order of the network's own tree."""
        return tuple(each for each in self.parameters if each.is_trained)

    @property
    def structure(self) -> object:
        """What does not depend on the seed: equal for networks that differ in their numbers alone."""
        layers = tuple(each.model_copy(update={"drawn": None, "bias_drawn": None}) for each in self.layers)
        parameters = tuple(each.model_copy(update={"drawn": None}) for each in self.parameters)
        return self.framework, layers, parameters

    def agreed(self, others: Sequence[NetworkInfo]) -> NetworkInfo:
        """What this and `others`, of other seeds and the same `structure`, say together."""
        return self.model_copy(
            update={
                "layers": tuple(
                    layer.model_copy(
                        update={
                            "drawn": _agreed([each.layers[i].drawn for each in (self, *others)]),
                            "bias_drawn": _agreed([each.layers[i].bias_drawn for each in (self, *others)]),
                        }
                    )
                    for i, layer in enumerate(self.layers)
                ),
                "parameters": tuple(
                    parameter.model_copy(
                        update={"drawn": _agreed([each.parameters[i].drawn for each in (self, *others)])}
                    )
                    for i, parameter in enumerate(self.parameters)
                ),
                "notes": tuple(note for note in self.notes if all(note in each.notes for each in others)),
            }
        )

    @property
    def others(self) -> tuple[ParameterInfo, ...]:
        """The parameters that no layer is named by: factors of a low-rank update are weights, too."""
        named = {layer.parameter for layer in self.layers}
        # Of parameters side by side in one weight the layer's name tells all.
        joined = tuple(layer.name.partition("{")[0] for layer in self.layers if "{" in layer.name)
        return tuple(
            each
            for each in self.parameters
            if each.role != "weight" or not (each.name in named or each.name.startswith(joined))
        )

    def to_json(self) -> str:
        """Canonical ASCII JSON, without what is at its default."""
        content = self.model_dump(mode="json", exclude_defaults=True)
        return json.dumps(content, sort_keys=True, separators=(",", ":"), allow_nan=False)

    @classmethod
    def from_json(cls, text: str) -> NetworkInfo:
        """What `to_json` wrote; raises `ValueError` with a message of one line."""
        try:
            return cls.model_validate(json.loads(text))
        except (ValidationError, RecursionError):
            raise ValueError("its network makes no sense") from None


def _agreed(found: Sequence[Drawn | None]) -> Drawn | None:
    """The distributions that the numbers of no part contradict, without statistics of single parts."""
    first, *others = found
    if first is None or any(each is None for each in others):
        return None
    told = [each for each in others if each is not None]
    if all(each == first for each in told):
        return first
    names = tuple(name for name in first.names if all(name in each.names for each in told))
    alike = all(each.fans == first.fans and each.names[:1] == first.names[:1] for each in told)
    return Drawn(
        names=names,
        fans=first.fans if alike else None,
        is_certain=first.is_certain and all(each.is_certain for each in told),
        nearest=first.nearest if all(each.nearest == first.nearest for each in told) else "",
        named_std=first.named_std if all(each.named_std == first.named_std for each in told) else None,
        like=first.like if all(each.like == first.like for each in told) else "",
    )
