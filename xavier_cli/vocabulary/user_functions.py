"""Loads user functions, `module:function` and `file.py:function`, once, and digests their source.

The digest is part of the configuration, since the source decides the results. It covers the one file that
is named, not what that imports. Only `load_user_function` runs code: a digest is taken without importing
anything, and reading a configuration does neither.
"""

from __future__ import annotations

import hashlib
import importlib
import inspect
import os
import re
import site
import sys
import sysconfig
import traceback
import unicodedata
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from functools import cache
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import ModuleType
from typing import Any

from xavier_cli.errors import ExitCode, XavierError
from xavier_cli.sanitize import said, utf8
from xavier_cli.vocabulary import lookup
from xavier_cli.vocabulary.imports import imported_files
from xavier_cli.vocabulary.process_state import SettingsChangedError, kept_state
from xavier_cli.vocabulary.shipped import shipped_file

_WORD = re.compile(r"(?P<place>.+\.py|[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*):(?P<function>[A-Za-z_]\w*)")
_WITH_PARAMETERS = re.compile(_WORD.pattern + r":.*=.*", re.DOTALL)
_SOURCE = re.compile(r"(.+?) ([0-9a-f]{16})(?:, |$)", re.DOTALL)
_LONGEST = 4096
_FROM_FILE = "xavier_own_"
# Files whose code has been run.
_files: set[str] = set()
# Where files lie that another machine named.
_sent: dict[str, Path] = {}
_is_recorded: ContextVar[bool] = ContextVar("is_recorded", default=False)


def _unannounced(file: str) -> None:
    """The default of `before_running`: do nothing."""


before_running: Callable[[str], None] = _unannounced
"""Called with each file before its code runs: the command line prints a note, or refuses in read-only
commands."""


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
    texts = [_text(named)]
    if named != place:
        texts += [file.read_bytes() for file in imported_files(_file(named))]
    return digest(b"".join(texts) if len(texts) == 1 else "".join(map(digest, texts)).encode())


def digest(text: bytes) -> str:
    """The first 16 hex digits of the SHA-256 of `text`."""
    return hashlib.sha256(text).hexdigest()[:16]


def digest_loaded(sources: str) -> str:
    """The digest of the source of all loaded modules that functions in `sources` may depend on.

    These are the packages that `sources` names, and modules that belong neither to installed packages, nor to
    Python, nor to xavier. The files in `sources` are left out: their digests are known.
    """
    python = (sysconfig.get_path(name) for name in ("stdlib", "platstdlib"))
    folders = (*site.getsitepackages(), site.getusersitepackages(), *python, str(Path(__file__).parents[1]))
    apart = tuple(folder + os.sep for folder in folders)
    packages = {place.partition(".")[0] for place in read_sources(sources)}
    texts = hashlib.sha256()
    for name, module in sorted(sys.modules.copy().items()):
        file = getattr(module, "__file__", None) or ""
        own = name.partition(".")[0] in packages or not file.startswith(apart)
        if own and not name.startswith(_FROM_FILE) and os.path.isfile(file):
            texts.update(f"{name} {digest(Path(file).read_bytes())}\n".encode())
    return texts.hexdigest()


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
    """The file at a place of functions, also of a module; raises `UserFunctionError` where there is none."""
    return _file(place)


def load_user_function(word: str) -> Callable[..., Any]:
    """The function that `word` names; its file runs once, unless it changes.

    Raises `UserFunctionError` for a missing file, invalid Python, a failed import or a missing function.
    """
    place, _, name = word.rpartition(":")
    module = _module(place, _text(place))
    if not hasattr(module, name):
        there = [key for key, value in vars(module).items() if callable(value) and not key.startswith("_")]
        raise UserFunctionError(lookup.unknown_message(f"function of `{place}`", name, there))
    function: Callable[..., Any] = getattr(module, name)
    if not callable(function):
        raise UserFunctionError(f"`{word}` is {type(function).__name__}, not a function")
    if inspect.iscoroutinefunction(function) or inspect.iscoroutinefunction(type(function).__call__):
        raise UserFunctionError(f"`{word}` is `async`: make it a plain function")
    return function


def _text(place: str) -> bytes:
    path = _file(place)
    try:
        return path.read_bytes()
    except OSError as error:
        raise UserFunctionError(f"`{place}` cannot be read: {error.strerror}") from None


def _file(place: str) -> Path:
    """The file at a place; a shipped one, `recipes/networks/cnn.py`, is found from any folder."""
    if place in _sent:
        return _sent[place]
    if not place.endswith(".py"):
        return _origin(place)
    path = Path(place).expanduser()
    # Not `Path.is_file`, which raises where a folder lets nobody in; reading it says so.
    return path if os.path.isfile(path) else shipped_file(place) or path


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
        raise UserFunctionError(f"`{module}` cannot be imported: {_words(error)}") from None
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


@cache
def _module(place: str, text: bytes) -> ModuleType:
    before_running(str(_file(place)))
    try:
        if not place.endswith(".py"):
            with _on_path(os.getcwd()), kept_state():
                module = importlib.import_module(place)
            _files.add(str(module.__file__))
            return module
        path = _file(place).absolute()
        # JAX keeps the path for tracebacks, and accepts only valid UTF-8.
        code = compile(text, utf8(str(path)), "exec")
        module = ModuleType(f"{_FROM_FILE}{path.stem}_{digest(text)}")
        module.__file__ = str(path)
        # Dataclasses, among others, look up the module of a class there.
        sys.modules[module.__name__] = module
        _files.add(str(path))
        with _on_path(str(path.parent)), kept_state():
            exec(code, vars(module))
        return module
    except KeyboardInterrupt:
        raise
    except SettingsChangedError as error:
        raise UserFunctionError(changes_settings(place, error)) from None
    except (SyntaxError, ValueError) as error:
        if isinstance(error, SyntaxError) or "null byte" in said(error):
            raise UserFunctionError(f"`{place}` is not Python: {_words(error)}") from None
        raise UserFunctionError(f"`{place}` cannot be imported: {_words(error)}") from None
    # A user's file may raise anything, SystemExit included.
    except BaseException as error:
        raise UserFunctionError(f"`{place}` cannot be imported: {_words(error)}") from None


def changes_settings(word: str, error: SettingsChangedError) -> str:
    """The message about code that changed JAX settings."""
    return f"`{word}` changes JAX's settings, which decide numbers ({error}): take that out of it"


def guarded(word: str, function: Callable[..., Any], doing: str = " fails") -> Callable[..., Any]:
    """`function` of `word`, wrapped so that any exception it raises becomes a `UserFunctionError`."""

    def call(*arguments: Any, **options: Any) -> Any:
        try:
            with kept_state():
                return function(*arguments, **options)
        except (KeyboardInterrupt, UserFunctionError):
            raise
        except SettingsChangedError as error:
            raise UserFunctionError(changes_settings(word, error)) from None
        except BaseException as error:
            raise UserFunctionError(f"`{word}`{doing}: {one_line(error)}") from None

    return call


def blamed(error: BaseException) -> UserFunctionError | None:
    """The `UserFunctionError` of an error in user code raised outside `guarded`, as in a derivative rule."""
    files = {frame.f_code.co_filename for frame, _ in traceback.walk_tb(error.__traceback__)} & _files
    # An error inside a compiled program names its file only in the message.
    told = files or {file for file in _files if file in said(error)}
    return UserFunctionError(f"`{min(told)}` fails: {one_line(error)}") if told else None


def _words(error: BaseException) -> str:
    return one_line(error) if not isinstance(error, SyntaxError) else " ".join(said(error).split())


def one_line(error: BaseException) -> str:
    """The message of an error in user code, in one line."""
    # JAX's messages have several paragraphs.
    words, *more = said(error).strip().splitlines() or [""]
    if words.endswith(":") and more:
        words = f"{words} {more[0].strip()}"
    text = f"{type(error).__name__}: {words}" if words else type(error).__name__
    return text[:200] + "…" * (len(text) > 200) + _remedy(error)


# By module, the packages that networks are written with. Of others only the user knows where they come from:
# a missing module may be a file of theirs, and its name somebody else's package.
_PACKAGES = {
    **{name: name for name in ("flax", "equinox", "torch", "keras", "optax", "chex", "einops", "jaxtyping")},
    "haiku": "dm-haiku",
    "sklearn": "scikit-learn",
}


def _remedy(error: BaseException) -> str:
    """How to install what an import did not find."""
    if not isinstance(error, ModuleNotFoundError) or not error.name:
        return ""
    top, _, inner = error.name.partition(".")
    if top not in _PACKAGES:
        return ""
    # A package without one of its modules is there, in a version that has another set of them.
    return f"; `pip install {'--upgrade ' if inner and top in sys.modules else ''}{_PACKAGES[top]}`"


@contextmanager
def importing_beside(word: str) -> Iterator[None]:
    """Lets code of the function `word` import from the folder that its file imports from."""
    place = word.rpartition(":")[0]
    with _on_path(str(_file(place).absolute().parent) if place.endswith(".py") else os.getcwd()):
        yield


@contextmanager
def _on_path(folder: str) -> Iterator[None]:
    sys.path.insert(0, folder)
    try:
        yield
    finally:
        sys.path.remove(folder)
