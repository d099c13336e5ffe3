"""Names user functions, `module:function` and `file.py:function`, finds their source and digests it.

The digest is part of the configuration, since the source decides the results. It covers the one file that
is named, not what that imports. Nothing here runs or imports their code: `user_code` does.
"""

from __future__ import annotations

import hashlib
import os
import re
import sys
import unicodedata
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from importlib.machinery import ModuleSpec
from pathlib import Path

from xavier_cli.errors import ExitCode, XavierError
from xavier_cli.vocabulary.error_line import import_line
from xavier_cli.vocabulary.imports import imported_files
from xavier_cli.vocabulary.shipped import shipped_file

_WORD = re.compile(r"(?P<place>.+\.py|[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*):(?P<function>[A-Za-z_]\w*)")
_WITH_PARAMETERS = re.compile(_WORD.pattern + r":.*=.*", re.DOTALL)
_SOURCE = re.compile(r"(.+?) ([0-9a-f]{16})(?:, |$)", re.DOTALL)
_LONGEST = 4096
# Where files lie that another machine named.
_sent: dict[str, Path] = {}
_is_recorded: ContextVar[bool] = ContextVar("is_recorded", default=False)


class UserFunctionError(XavierError, ValueError):
    """A user function that cannot be used; the message names it in one line."""

    exit_code = ExitCode.USAGE


@contextmanager
def recorded_words() -> Iterator[None]:
    """While a configuration is read, take names as canonical instead of looking up installed entry points."""
    token = _is_recorded.set(True)
    try:
        yield
    finally:
        _is_recorded.reset(token)


def user_function_word(group: str, word: str) -> str | None:
    """The canonical text of `word` where it names a user function, by place or by entry point of `group`.

    Nothing is loaded. A path stays as it was given.
    """
    if len(word) > _LONGEST or any(unicodedata.category(each) == "Cc" for each in word):
        return None
    match = _WORD.fullmatch(word.strip())
    if match:
        place = match["place"]
        return f"{os.path.normpath(place) if place.endswith('.py') else place}:{match['function']}"
    if _is_recorded.get() or not re.fullmatch(r"[\w.-]+", word):
        return None
    from importlib.metadata import entry_points

    for entry in entry_points(group=f"xavier.{group}", name=word):
        return f"{entry.module}:{entry.attr}"
    return None


def refuse_parameters(word: str) -> None:
    """Raise `UserFunctionError` where `word` gives parameters, which those of networks alone take."""
    if match := _WITH_PARAMETERS.fullmatch(word.strip()):
        place, name = match["place"], match["function"]
        raise UserFunctionError(
            f"`{place}:{name}` takes no parameters here: give them values in the file, "
            f"`mine = functools.partial({name}, …)`, and name `{place}:mine`"
        )


def is_user_function(word: str) -> bool:
    """Whether a canonical name is that of a user function."""
    return _WORD.fullmatch(word) is not None


def short_name(word: str) -> str:
    """The function's name."""
    return word.rpartition(":")[2]


def places(words: Iterable[str]) -> set[str]:
    """The files and modules of the user functions among `words`."""
    return {word.rpartition(":")[0] for word in words if is_user_function(word)}


_WITH_IMPORTS = " with its imports"


def with_imports(place: str) -> str:
    """`place`, whose digest is to cover what its file imports from its own folder, too."""
    return place + _WITH_IMPORTS


def write_sources(digests: Mapping[str, str]) -> str:
    """Places of functions, each with the digest of its source: `file.py 0123456789abcdef`."""
    return ", ".join(f"{place} {digests[place]}" for place in sorted(digests))


def read_sources(text: str) -> dict[str, str]:
    """The digest of every place, from text of `write_sources`."""
    return {match[1]: match[2] for match in _SOURCE.finditer(text)}


def named_places(sources: str) -> list[str]:
    """The places in text of `write_sources`, each once, as a user named them: `nets.py`, `package.module`."""
    return sorted({place.removesuffix(_WITH_IMPORTS) for place in read_sources(sources)})


def check_unchanged(places: Iterable[str], sources: str) -> None:
    """Raise `UserFunctionError` where the source at one of `places` does not have its digest in `sources`.

    Code that a configuration names without a digest is never run.
    """
    digests = read_sources(sources)
    for place in sorted(places):
        if place not in digests:
            named = place.removesuffix(_WITH_IMPORTS)
            raise UserFunctionError(f"`{named}` is not run: the configuration has no digest of its text")
        if text_digest(place) != digests[place]:
            named = place.removesuffix(_WITH_IMPORTS)
            more = " or what it imports" * (named != place)
            raise UserFunctionError(
                f"`{named}`{more} has changed since: this configuration is of its former text"
            )


def text_digest(place: str) -> str:
    """The digest of the source at a place, which is read and not run; raises `UserFunctionError`."""
    named = place.removesuffix(_WITH_IMPORTS)
    texts = [source_text(named)]
    if named != place:
        texts += [file.read_bytes() for file in imported_files(place_file(named))]
    return digest(b"".join(texts) if len(texts) == 1 else "".join(map(digest, texts)).encode())


def digest(text: bytes) -> str:
    """The first 16 hex digits of the SHA-256 of `text`."""
    return hashlib.sha256(text).hexdigest()[:16]


@contextmanager
def files_from_elsewhere(places: Mapping[str, Path]) -> Iterator[None]:
    """Within it, and in all threads, the file of each of these places is the one that was sent here."""
    _sent.update(places)
    try:
        yield
    finally:
        _sent.clear()


def is_file_place(place: str) -> bool:
    """Whether a place is a file, and no module."""
    return place.endswith(".py")


def place_file(place: str) -> Path:
    """The file at a place of functions, also of a module; raises `UserFunctionError` where there is none.

    A shipped one, `recipes/networks/cnn.py`, is found from any folder.
    """
    if place in _sent:
        return _sent[place]
    if not place.endswith(".py"):
        return _origin(place)
    path = Path(place).expanduser()
    # Not `Path.is_file`, which raises where a folder lets nobody in; reading it says so.
    return path if os.path.isfile(path) else shipped_file(place) or path


def source_text(place: str) -> bytes:
    """The source at a place, which is read and not run; raises `UserFunctionError`."""
    path = place_file(place)
    try:
        return path.read_bytes()
    except OSError as error:
        raise UserFunctionError(f"`{place}` cannot be read: {error.strerror}") from None


def _origin(module: str) -> Path:
    """The file of a module by name, searched for also in the working folder; imports nothing."""
    spec, places = None, [os.getcwd(), *sys.path]
    parts = module.split(".")
    try:
        for i in range(len(parts)):
            spec = _spec(".".join(parts[: i + 1]), places)
            if spec is None:
                break
            places = list(spec.submodule_search_locations or ())
    except KeyboardInterrupt:
        raise
    except BaseException as error:
        raise UserFunctionError(f"`{module}` cannot be imported: {import_line(error)}") from None
    if spec is None or spec.origin is None or not os.path.isfile(spec.origin):
        raise UserFunctionError(f"no module `{module}`; a file is `path/to/file.py:function`")
    return Path(spec.origin)


def _spec(module: str, places: list[str]) -> ModuleSpec | None:
    """The spec of one module; `importlib.util.find_spec` would import its parent package."""
    for finder in sys.meta_path:
        found = finder.find_spec(module, places) if hasattr(finder, "find_spec") else None
        if found is not None:
            return found
    return None
