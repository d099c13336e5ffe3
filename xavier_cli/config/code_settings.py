"""Handles the settings that may name user functions, and digests the source of those functions."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Self

from pydantic import ValidationInfo, field_validator

from xavier_cli.config.roles import SettingRows
from xavier_cli.errors import ConfigError
from xavier_cli.vocabulary.networks import find_network
from xavier_cli.vocabulary.resolve import all_inits
from xavier_cli.vocabulary.user_functions import (
    UserFunctionError,
    check_unchanged,
    is_user_function,
    places,
    read_sources,
    text_digest,
    with_imports,
    write_sources,
)


class CodeSettings(SettingRows):
    """Settings whose rows may have `words`, and the field `sources` that is derived from those."""

    if TYPE_CHECKING:
        sources: str

    @field_validator("sources", check_fields=False)
    @classmethod
    def _digests_of_what_is_named(cls, known: str, info: ValidationInfo) -> str:
        named = cls._code_places(info.data)
        return write_sources({place: known for place, known in read_sources(known).items() if place in named})

    @classmethod
    def _code_words(cls, settings: Mapping[str, Any]) -> list[str]:
        """The values in `settings` that may name user functions."""
        words: list[str] = []
        for name, row in cls.rows.items():
            text = settings.get(name, "") if row.words and row.words != "network" else ""
            words += all_inits(text) if row.words in ("initializers", "initializer") else [text]
        return words

    @classmethod
    def _code_places(cls, settings: Mapping[str, Any]) -> set[str]:
        """The places of the user functions in `settings`, of networks with what their files import."""
        networks = [settings.get(name, "") for name, row in cls.rows.items() if row.words == "network"]
        functions = [find_network(word).function for word in networks if word]
        return places(cls._code_words(settings)) | {with_imports(place) for place in places(functions)}

    @property
    def user_functions(self) -> list[str]:
        """The user functions that the settings name, each once; of networks none."""
        return sorted(filter(is_user_function, {*self._code_words(vars(self))}))

    def check_code(self) -> None:
        """Raise `UserFunctionError` where the source of a user function has another digest than in `sources`.

        Called before any of that code runs.
        """
        check_unchanged(self._code_places(vars(self)), self.sources)

    def _completed(self, before: Self | None) -> Self:
        """Add digests of the user functions that are new since `before`, whose digests are kept as read."""
        digests = read_sources(self.sources)
        asked = self._code_places(vars(self))
        known = self._code_places(vars(before)) if before else set()
        missing = asked - known - set(digests)
        if not missing:
            return self
        try:
            digests |= {place: text_digest(place) for place in sorted(missing)}
        except UserFunctionError as error:
            raise ConfigError(str(error)) from None
        return self.model_copy(update={"sources": write_sources(digests)})
