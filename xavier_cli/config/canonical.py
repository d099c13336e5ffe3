"""Implements frozen settings with canonical text and its hash, the base class of configurations."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Generator, Mapping
from copy import copy
from typing import Any, ClassVar, Self

from pydantic import BaseModel, ConfigDict, ValidationError

from xavier_cli.config import refusals
from xavier_cli.errors import ConfigError, XavierError
from xavier_cli.sanitize import utf8
from xavier_cli.vocabulary import lookup
from xavier_cli.vocabulary.user_functions import recorded_words


class CollisionError(XavierError, ValueError):
    """Settings that are valid alone but not together; `settings` names them, the one to blame first.

    Validators raise it; `ConfigError` with the same message is what callers see.
    """

    def __init__(self, text: str, *settings: str):
        self.settings = settings
        super().__init__(f"{settings[0]}: {text}")


class HashedSettings(BaseModel):
    """Settings that are equal to others if their canonical texts are.

    Parsed forms of text settings are cached properties, computed at first access. They are not settings, and
    take no part in comparison, hashing, serialization, copying and pickling.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", validate_default=True)

    added: ClassVar[frozenset[str]] = frozenset()
    """Fields that the first run files did not have. At their defaults they are left out of the canonical
    text, so that older runs keep their hashes and names."""

    derived: ClassVar[frozenset[str]] = frozenset()
    """Fields that are derived from the others and are not options."""

    @classmethod
    def of(cls, **settings: object) -> Self:
        """A configuration from settings as typed or as read.

        Raises `ConfigError` with one line that names the setting.
        """
        return cls._validated(settings)._completed(None)

    @classmethod
    def _validated(cls, settings: Mapping[str, object]) -> Self:
        misspelt = [key for key in settings if key not in cls.model_fields]
        if misspelt:
            raise ConfigError(lookup.unknown_message("setting", misspelt[0], cls.model_fields))
        for key, value in settings.items():
            # Configurations are stored as JSON, which needs valid UTF-8.
            if isinstance(value, str) and (text := utf8(value)) != value:
                raise ConfigError(f"{key}: `{text}` is not UTF-8: rename what it names")
        try:
            return cls.model_validate(settings)
        except ValidationError as error:
            raise cls._refused(error, settings) from None

    def _completed(self, before: Self | None) -> Self:
        """Add what is derived from settings that were given: from all, or from those changed since `before`.

        Raises `ConfigError`.
        """
        return self

    @classmethod
    def from_json(cls, text: str) -> Self:
        """The configuration that `to_json` wrote; raises `ConfigError`.

        Touches no file and imports nothing, whatever the text names.
        """
        try:
            settings = json.loads(text)
        except (ValueError, RecursionError):
            raise ConfigError("the configuration is not JSON") from None
        if not isinstance(settings, dict):
            raise ConfigError("the configuration is not a JSON object")
        with recorded_words():
            return cls._validated(settings)

    def to_json(self) -> str:
        """The canonical text; equal configurations have equal text."""
        return json.dumps(self._content(), sort_keys=True, separators=(",", ":"), allow_nan=False)

    def _content(self) -> dict[str, Any]:
        content = {}
        for name, plain in self.model_dump(mode="json").items():
            value = getattr(self, name)
            if name not in self.added or value != type(self).model_fields[name].default:
                content[name] = value._content() if isinstance(value, HashedSettings) else plain
        return content

    def as_asked(self) -> Self:
        """This configuration as it was asked for, without what was found out when it was carried out."""
        return self

    def sha256(self) -> str:
        """SHA-256 of the canonical text, in hex."""
        return hashlib.sha256(self.to_json().encode()).hexdigest()

    def __copy__(self) -> Self:
        # Drop the cached properties: a copy may get other settings without validation.
        copied = super().__copy__()
        for name in vars(copied).keys() - type(self).model_fields.keys():
            del vars(copied)[name]
        return copied

    def __deepcopy__(self, memo: dict[int, Any] | None = None) -> Self:
        return copy(self)

    def __getstate__(self) -> dict[Any, Any]:
        # Rows hold functions, which cannot be pickled; the other process parses again.
        return {**super().__getstate__(), "__dict__": self._settings()}

    def __iter__(self) -> Generator[tuple[str, Any], None, None]:
        yield from self._settings().items()

    def _settings(self) -> dict[str, Any]:
        """The fields, without the cached properties that pydantic stores beside them."""
        fields = type(self).model_fields
        return {name: value for name, value in vars(self).items() if name in fields}

    def with_(self, **changes: object) -> Self:
        """This configuration with `changes`, validated; raises `ConfigError`."""
        return self._validated({**self.model_dump(), **changes})._completed(self)

    @classmethod
    def _refused(cls, error: ValidationError, typed: Mapping[str, object]) -> ConfigError:
        errors = error.errors()
        fields = refusals.fields(errors)
        field, first = fields[0] if fields else "", refusals.foremost(errors)
        if not field or field in cls.derived:
            # Nobody typed a derived setting; the message names those that it is derived from.
            collision = first.get("ctx", {}).get("error")
            return ConfigError(
                refusals.words(first), collision.settings if isinstance(collision, CollisionError) else ()
            )
        return ConfigError(refusals.clauses(errors, typed))
