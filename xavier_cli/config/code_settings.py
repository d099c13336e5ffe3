"""Settings whose words may name functions of the user's own, and the digests of the texts those come from."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Self

from pydantic import ValidationInfo, field_validator

from xavier_cli.config.roles import SettingRows
from xavier_cli.errors import ConfigError
from xavier_cli.vocabulary.resolve import all_inits
from xavier_cli.vocabulary.user_functions import (
    UserFunctionError,
    check_unchanged,
    places,
    read_sources,
    text_digest,
    write_sources,
)


class CodeSettings(SettingRows):
    """Settings with `words` in their rows, and one called `sources` that follows from them."""

    if TYPE_CHECKING:
        sources: str

    @field_validator("sources", check_fields=False)
    @classmethod
    def _digests_of_what_is_named(cls, known: str, info: ValidationInfo) -> str:
        named = places(cls._code_words(info.data))
        return write_sources({place: known for place, known in read_sources(known).items() if place in named})

    @classmethod
    def _code_words(cls, settings: Mapping[str, Any]) -> list[str]:
        """The words among `settings` that may name functions of the user's own."""
        words: list[str] = []
        for name, row in cls.rows.items():
            text = settings.get(name, "") if row.words else ""
            words += all_inits(text) if row.words == "initializers" else [text]
        return words

    def check_code(self) -> None:
        """Raise `UserFunctionError` where code that it names is not the text that its digests are of.

        Asked before any of it runs.
        """
        check_unchanged(places(self._code_words(vars(self))), self.sources)

    def _completed(self, before: Self | None) -> Self:
        """With digests of the texts of functions that somebody asked for; those of `before` are as read."""
        digests = read_sources(self.sources)
        asked = places(self._code_words(vars(self)))
        known = places(self._code_words(vars(before))) if before else set()
        missing = asked - known - set(digests)
        if not missing:
            return self
        try:
            digests |= {place: text_digest(place) for place in sorted(missing)}
        except UserFunctionError as error:
            raise ConfigError(str(error)) from None
        return self.model_copy(update={"sources": write_sources(digests)})
