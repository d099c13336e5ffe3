"""What a setting's row says beside its type, default and check: its role, and how it is spoken of."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Literal, get_args

from pydantic.fields import FieldInfo

from xavier_cli.config.canonical import HashedSettings

Role = Literal["data", "network", "training", "observation", "layout"]
"""What a setting is about.

- data: the examples that are learned from
- network: all that the numbers of an untrained network depend on, with the loss whose gradients are taken
- training: how the weights change from there
- observation: when and on what the network is measured; it changes nothing that comes out at the end
- layout: which networks of one configuration are trained: seeds, and how many of them a search takes
"""
Mention = Literal["always", "unusual", "never"]
"""When a setting that all runs share is named: whatever it is, where it is not the default, or not at all."""
Words = Literal["", "activation", "initializers", "initializer", "data", "optimizer"]
"""Which table the words of a setting come from, or else a function of the user's own."""


@dataclass(frozen=True)
class Setting:
    """The row of one setting, written into its field's type; `Setting("network", since=1)` is the least."""

    role: Role
    since: int
    """The generation of configurations that knew it first. What came after the first is left out of the
    canonical text at its default, so that an older run keeps its hash and its name."""
    derived: bool = False
    """Follows from the other settings, so that it is no option."""
    detail_of: str = ""
    """The setting without which this one has no effect."""
    is_searchable: bool = False
    """Of a list of its values the best on validation is searched, so that a run may have another one than
    its configuration."""
    words: Words = ""
    in_update: bool = False
    """Part of how a gradient becomes an update: at any but its default, training is no plain SGD."""
    extra: str = ""
    """What it adds to weights, biases and a fixed activation, in words; `{}` is its value."""
    outside_programs: str = ""
    """Why the texts of compiled programs do not depend on it; empty where they do."""
    in_examples: bool = False
    """The prepared training data depend on it (what is about data always does)."""
    is_rounding: bool = False
    """Any of its values gives the same numbers but for rounding."""
    metavar: str = ""
    """What stands for its value in `--help`; by default `N` or `NAME`."""
    phrase: str | Callable[[Any], str] = ""
    """Its value in labels, captions and titles: `depth {}`; by default its name and its value."""
    usual_phrase: str = ""
    """The same for its default, where that reads otherwise."""
    is_name: bool = False
    """It names a network, whether anything else is said or not: `tanh normalized`."""
    rank: int = 9
    """Its place among other phrases, the lowest first; those of one rank stand as fields do."""
    mention: Mention = "unusual"
    """When a table says that all of its rows share it."""
    in_captions: Mention | None = None
    """When a figure says that all of its runs share it; by default as a table does."""

    def __post_init__(self) -> None:
        if self.role not in get_args(Role):
            raise TypeError(f"`{self.role}` is no role of a setting: {', '.join(get_args(Role))}")
        object.__setattr__(self, "in_captions", self.in_captions or self.mention)

    def speak(self, name: str, value: object, default: object) -> str:
        """`value` of the setting called `name`, as a label says it."""
        if self.usual_phrase and value == default:
            return self.usual_phrase
        if callable(self.phrase):
            return self.phrase(value)
        return self.phrase.format(value) if self.phrase else f"{name} {value}"


class SettingRows(HashedSettings):
    """Settings each of which has a row; raises `TypeError` where a field of a new class has none."""

    rows: ClassVar[Mapping[str, Setting]] = {}
    """The row of every field, in their order."""

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
