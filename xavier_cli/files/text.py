"""Reads small text files written by people, such as settings and recipes, in any usual encoding."""

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

# The longer marks first: that of UTF-32 begins with that of UTF-16.
_MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
# Well below the size of integers that Python refuses to print.
_MOST_BITS = 1024
# The parser takes quadratic time for a key `a.a.a…`. The bounds keep this expression itself linear.
_DEEP_KEY = re.compile(r"(?:\.[ \t]{0,8}[\w\"'-]{1,64}[ \t]{0,8}){100}")


def read_bounded(path: Path, largest: int, *, follow_link: bool = True) -> bytes:
    """The content of the regular file at `path`, at most `largest` bytes.

    Raises `OSError`, and `ValueError` for other kinds of files: it never blocks on a pipe or a device.
    """
    flags = os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC | (0 if follow_link else os.O_NOFOLLOW)
    with open(os.open(path, flags), "rb") as file:
        if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
            raise ValueError("not a regular file")
        content = file.read(largest + 1)
    if len(content) > largest:
        raise ValueError(f"over {largest:,} bytes, too large for what it should be")
    return content


def read_text(path: Path) -> str:
    """The text of the file at `path`, in UTF-8 or as its byte-order mark says (Windows writes UTF-16).

    Raises `ConfigError` if it cannot be read, is not a regular file, has more than `LARGEST` bytes, or is not
    text.
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

    Raises `ConfigError` if it cannot be read, is not TOML, or has a key twice, where `batch-size` and
    `batch_size` are the same key.
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
        raise ConfigError(f"`{path}` is not valid TOML here: it is nested too deeply") from None
    # Numbers that Python cannot convert raise other errors than the parser's.
    except Exception as error:
        raise ConfigError(f"`{path}` is not TOML: {_words(error, text)}") from None
    return content


def _words(error: Exception, text: str) -> str:
    said = " ".join(str(error).split())
    if "Exceeds the limit" in said:
        return "a number in it has thousands of digits"
    place = re.search(r"\(at line (\d+), column \d+\)", said)
    if place and said.startswith(("Cannot overwrite", "Cannot declare")):
        # The parser has read the whole statement, and may be at the beginning of the next line.
        return f"{_key(text, int(place[1]))} is given twice ({place[0][4:-1].partition(',')[0]})"
    return said


def _key(text: str, line: int) -> str:
    key = text.splitlines()[line - 1].partition("=")[0].strip()
    return f"`{key[:40]}`" if key else "a key"


def _check(path: Path, value: object, above: tuple[str, ...]) -> None:
    """Raise `ConfigError` for two spellings of one key, and for numbers that are too long to print."""
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
