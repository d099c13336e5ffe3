"""Runs the code of user functions: loads it once, and turns its errors into `UserFunctionError`."""

from __future__ import annotations

import hashlib
import importlib
import inspect
import os
import site
import sys
import sysconfig
import traceback
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any

from xavier_cli.sanitize import said, utf8
from xavier_cli.vocabulary import lookup
from xavier_cli.vocabulary.error_line import import_line, one_line
from xavier_cli.vocabulary.process_state import SettingsChangedError, kept_state
from xavier_cli.vocabulary.user_functions import (
    UserFunctionError,
    digest,
    place_file,
    read_sources,
    source_text,
)

_FROM_FILE = "xavier_own_"
# Files whose code has been run.
_files: set[str] = set()


def _unannounced(file: str) -> None:
    """The default of `before_running`: do nothing."""


before_running: Callable[[str], None] = _unannounced
"""Called with each file before its code runs: the command line prints a note, or refuses in read-only
commands."""


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


def load_user_function(word: str) -> Callable[..., Any]:
    """The function that `word` names; its file runs once, unless it changes.

    Raises `UserFunctionError` for a missing file, invalid Python, a failed import or a missing function.
    """
    place, _, name = word.rpartition(":")
    module = _module(place, source_text(place))
    if not hasattr(module, name):
        there = [key for key, value in vars(module).items() if callable(value) and not key.startswith("_")]
        raise UserFunctionError(lookup.unknown_message(f"function of `{place}`", name, there))
    function: Callable[..., Any] = getattr(module, name)
    if not callable(function):
        raise UserFunctionError(f"`{word}` is {type(function).__name__}, not a function")
    if inspect.iscoroutinefunction(function) or inspect.iscoroutinefunction(type(function).__call__):
        raise UserFunctionError(f"`{word}` is `async`: make it a plain function")
    return function


def load_user_functions(words: Iterable[str]) -> None:
    """Load each of `words`, so that one that is missing is told before anything else begins."""
    for word in words:
        load_user_function(word)


@cache
def _module(place: str, text: bytes) -> ModuleType:
    before_running(str(place_file(place)))
    try:
        if not place.endswith(".py"):
            with _on_path(os.getcwd()), kept_state():
                module = importlib.import_module(place)
            _files.add(str(module.__file__))
            return module
        path = place_file(place).absolute()
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
            raise UserFunctionError(f"`{place}` is not Python: {import_line(error)}") from None
        raise UserFunctionError(f"`{place}` cannot be imported: {import_line(error)}") from None
    # A user's file may raise anything, SystemExit included.
    except BaseException as error:
        raise UserFunctionError(f"`{place}` cannot be imported: {import_line(error)}") from None


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


@contextmanager
def importing_beside(word: str) -> Iterator[None]:
    """Lets code of the function `word` import from the folder that its file imports from."""
    place = word.rpartition(":")[0]
    with _on_path(str(place_file(place).absolute().parent) if place.endswith(".py") else os.getcwd()):
        yield


@contextmanager
def _on_path(folder: str) -> Iterator[None]:
    sys.path.insert(0, folder)
    try:
        yield
    finally:
        sys.path.remove(folder)
