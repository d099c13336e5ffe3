"""Defines what a setting's row holds besides type, default and check: its role and its wording."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Literal, get_args

from pydantic.fields import FieldInfo

from xavier_cli.config.canonical import HashedSettings
from xavier_cli.vocabulary.grammar import show_value

Role = Literal["data", "network", "training", "observation", "layout"]
"""The role of a setting.

- data: the examples to learn from
- network: everything that determines the measurements of an untrained network, with the loss
- training: how the weights change
- observation: when and on what the network is measured; it does not change the result of training
- layout: which networks of one configuration are trained: the seeds, and how many of them a search uses
"""
SECTIONS: dict[Role, str] = {
    "data": "Data",
    "network": "Network",
    "training": "Optimization",
    "observation": "Recording",
    "layout": "Running",
}
"""The heading in `--help` of the settings of a role."""
Mention = Literal["always", "unusual", "never"]
"""When a setting that all runs share is named: always, where it is not the default, or never."""
Words = Literal["", "activation", "initializers", "initializer", "data", "optimizer", "network"]
"""The table that the value of a setting names a row of, if it does not name a user function."""


@dataclass(frozen=True)
class Setting:
    """The row of one setting, an annotation of its field's type; `Setting("network", since=1)` at least."""

    role: Role
    since: int
    """The generation of configurations that introduced it. Settings later than 1 are left out of the
    canonical text at their defaults, so that older runs keep their hashes and names."""
    derived: bool = False
    """It is derived from other settings, and is not an option."""
    detail_of: str = ""
    """The setting without which this one has no effect."""
    is_searchable: bool = False
    """A list of its values is searched for the one with the lowest validation error, so that a run's value
    may differ from its configuration's."""
    words: Words = ""
    in_update: bool = False
    """It changes how updates follow from gradients: training is plain SGD only at its default."""
    extra: str = ""
    """What it adds to weights, biases and a fixed activation, as text; `{}` is its value."""
    outside_programs: str = ""
    """Why compiled programs do not depend on it; empty where they do."""
    in_examples: bool = False
    """The prepared training data depend on it (they depend on all settings of role `data`)."""
    is_rounding: bool = False
    """All its values give the same results up to rounding."""
    metavar: str = ""
    """The placeholder of its value in `--help`; by default `N` or `NAME`."""
    section: str = ""
    """The heading that its option stands under in `--help`; by default that of its role."""
    phrase: str | Callable[[Any], str] = ""
    """The phrase for its value in labels, captions and titles: `depth {}`; by default name and value."""
    usual_phrase: str = ""
    """The phrase for its default, where that differs."""
    in_name: str | Callable[[Any], str] = ""
    """The word for its value in the names of run files, where it is not the default: `b{}`; none if empty."""
    of_mlp: bool = False
    """It is of the perceptron alone: a network of the user's decides it by itself."""
    of_custom: bool = False
    """It is of custom networks alone, and says nothing of the perceptron."""
    is_name: bool = False
    """It is always part of a network's name: `tanh normalized`."""
    rank: int = 9
    """Its place among phrases, the lowest first; equal ranks are in the order of the fields."""
    mention: Mention = "unusual"
    """When a table names it as common to all rows."""
    in_captions: Mention | None = None
    """When a figure names it as common to all runs; by default as in tables."""

    def __post_init__(self) -> None:
        if self.role not in get_args(Role):
            raise TypeError(f"`{self.role}` is no role of a setting: {', '.join(get_args(Role))}")
        object.__setattr__(self, "in_captions", self.in_captions or self.mention)
        object.__setattr__(self, "section", self.section or SECTIONS[self.role])

    def speak(self, name: str, value: object, default: object) -> str:
        """The phrase for `value` of the setting called `name`."""
        if self.usual_phrase and value == default:
            return self.usual_phrase
        if callable(self.phrase):
            return self.phrase(value)
        written = show_value(value) if isinstance(value, float) else value
        return self.phrase.format(written) if self.phrase else f"{name} {written}"


class SettingRows(HashedSettings):
    """Settings with a row each; defining a class with a field without one raises `TypeError`."""

    rows: ClassVar[Mapping[str, Setting]] = {}
    """The row of every field, in the order of the fields."""

    @classmethod
    def __pydantic_init_subclass__(cls, **kwargs: Any) -> None:
        super().__pydantic_init_subclass__(**kwargs)
        cls.rows = {name: cls._row(name, info) for name, info in cls.model_fields.items()}
        cls.added = frozenset(name for name, row in cls.rows.items() if row.since > 1)
        cls.derived = frozenset(name for name, row in cls.rows.items() if row.derived)

    @classmethod
    def _row(cls, name: str, info: FieldInfo) -> Setting:
        for each in info.metadata:
            if isinstance(each, Setting):
                return each
        raise TypeError(
            f"`{cls.__name__}.{name}` has no role: its type should be `Annotated[…, Setting(role, since=…)]`"
        )
