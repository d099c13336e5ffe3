"""Reads the text files that people write, like settings and recipes: small, as any editor saves them."""

from __future__ import annotations

import codecs
import os
import re
import stat
import tomllib
from pathlib import Path
from typing import Any

from xavier_cli.errors import ConfigError

LARGEST = 1_000_000
"""Bytes of a text file of settings; the largest recipe that comes with the program has 2,000."""

# The longer marks first: that of UTF-32 begins as that of UTF-16 does.
_MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
# What Python refuses to write in decimal digits, with room to spare.
_MOST_BITS = 1024
# `a.a.a…` in a key costs the parser the square of its length. Bounded, so that looking for it costs no more.
_DEEP_KEY = re.compile(r"(?:\.[ \t]{0,8}[\w\"'-]{1,64}[ \t]{0,8}){100}")


def read_bounded(path: Path, largest: int, *, follow_link: bool = True) -> bytes:
    """The content of the regular file at `path`, at most `largest` bytes.

    Raises `OSError`, and `ValueError` with what the file is instead: a pipe or a device is not waited for.
    """
    flags = os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC | (0 if follow_link else os.O_NOFOLLOW)
    with open(os.open(path, flags), "rb") as file:
        if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
            raise ValueError("no regular file")
        content = file.read(largest + 1)
    if len(content) > largest:
        raise ValueError(f"over {largest:,} bytes, too large for what it should be")
    return content


def read_text(path: Path) -> str:
    """The text of the file at `path`: UTF-8, or what its byte-order mark says (Windows writes UTF-16).

    Raises `ConfigError` for what cannot be read, is no regular file (a device, a pipe), is over `LARGEST`
    bytes, or is no text.
    """
    if "\0" in str(path):
        raise ConfigError("no file can be called so: its name has a NUL")
    try:
        content = read_bounded(path, LARGEST)
    except OSError as error:
        raise ConfigError(f"`{path}` cannot be read: {error.strerror}") from None
    except ValueError as error:
        raise ConfigError(f"`{path}` is {error}") from None
    mark, encoding = next(((m, e) for m, e in _MARKS if content.startswith(m)), (b"", "utf-8"))
    try:
        return content[len(mark) :].decode(encoding)
    except UnicodeDecodeError:
        raise ConfigError(f"`{path}` is not text in {encoding.upper()}: save it as UTF-8") from None


def read_toml(path: Path) -> dict[str, Any]:
    """The content of the TOML file at `path`.

    Raises `ConfigError` where it cannot be read, is no TOML, or says one thing twice: `batch-size` and
    `batch_size` are one key.
    """
    text = read_text(path)
    try:
        if _DEEP_KEY.search(text):
            raise RecursionError
        content = tomllib.loads(text)
        _check(path, content, ())
    except ConfigError:
        raise
    except RecursionError:
        raise ConfigError(f"`{path}` is not TOML of ours: it is nested too deep") from None
    # Numbers that Python does not convert end in other errors than the parser's own.
    except Exception as error:
        raise ConfigError(f"`{path}` is not TOML: {_words(error, text)}") from None
    return content


def _words(error: Exception, text: str) -> str:
    said = " ".join(str(error).split())
    if "Exceeds the limit" in said:
        return "a number in it has thousands of digits"
    place = re.search(r"\(at line (\d+), column \d+\)", said)
    if place and said.startswith(("Cannot overwrite", "Cannot declare")):
        # The parser is through with the statement, and may stand at the beginning of the next line.
        return f"{_key(text, int(place[1]))} is given twice ({place[0][4:-1].partition(',')[0]})"
    return said


def _key(text: str, line: int) -> str:
    key = text.splitlines()[line - 1].partition("=")[0].strip()
    return f"`{key[:40]}`" if key else "a key"


def _check(path: Path, value: object, above: tuple[str, ...]) -> None:
    """Raise `ConfigError` for two spellings of one key, and for a number that cannot even be shown."""
    if isinstance(value, int) and value.bit_length() > _MOST_BITS:
        raise ConfigError(f"`{path}`: `{'.'.join(above)}` has too many digits")
    parts: list[tuple[str, object]] = []
    if isinstance(value, list):
        parts = [("", part) for part in value]
    elif isinstance(value, dict):
        seen: dict[str, str] = {}
        for key in value:
            first = seen.setdefault(key.replace("-", "_"), key)
            if first != key:
                inside = f" in `{'.'.join(above)}`" if above else ""
                raise ConfigError(f"`{path}`: `{first}` and `{key}`{inside} are one key, given twice")
        parts = list(value.items())
    for key, part in parts:
        _check(path, part, (*above, *[key] * bool(key)))
