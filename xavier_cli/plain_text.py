"""Makes text from files, names and configurations harmless to show and to store, wherever that is done."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from typing import Any

_ESCAPE_SEQUENCE = re.compile(
    r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)?|[@-Z\\^_])|\x9b[0-?]*[@-~]"
)


def utf8(text: str) -> str:
    """`text` as UTF-8 can hold it: the bytes of a name that is not UTF-8, which Python keeps as halves of
    characters, become `\\udce9` and the like.
    """
    return text if text.isascii() else text.encode("utf-8", "backslashreplace").decode("utf-8")


def utf8_throughout(value: Any) -> Any:
    """What JSON can hold, with `utf8` of every text in it."""
    if isinstance(value, str):
        return utf8(value)
    if isinstance(value, Mapping):
        return {utf8_throughout(key): utf8_throughout(part) for key, part in value.items()}
    return [utf8_throughout(part) for part in value] if isinstance(value, list | tuple) else value


# From here on a number is written with an exponent: its digits would fill the line.
LARGE = 1e6


def fixed(value: float, places: int, sign: str = "") -> str:
    """`value` with so many decimals, or three digits and an exponent where it is large; `sign` may be `+`."""
    return f"{value:{sign}.{places}f}" if abs(value) < LARGE else f"{value:{sign}.3g}"


def clean(text: str) -> str:
    """`text` from a file or its name, without what a terminal would obey or what would garble a line."""
    if text.isascii() and text.isprintable():
        return text
    text = _ESCAPE_SEQUENCE.sub("", utf8(text)).replace("\n", " ").replace("\t", " ")
    # Control characters, and invisible ones that turn the direction of writing.
    return "".join("?" if unicodedata.category(c) in ("Cc", "Cf", "Zl", "Zp") else c for c in text)
