"""Makes text from files, names and configurations harmless to show and to store, also where signs are few."""

from __future__ import annotations

import codecs
import re
import sys
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


def said(error: BaseException) -> str:
    """The text of `error`; nothing where it cannot even say that, since its `__str__` is the user's."""
    try:
        return str(error)
    except KeyboardInterrupt:
        raise
    except BaseException:
        return ""


def clean(text: str) -> str:
    """`text` from a file or its name, without what a terminal would obey or what would garble a line."""
    if text.isascii() and text.isprintable():
        return text
    text = _ESCAPE_SEQUENCE.sub("", utf8(text)).replace("\n", " ").replace("\t", " ")
    # Control characters, and invisible ones that turn the direction of writing.
    return "".join("?" if unicodedata.category(c) in ("Cc", "Cf", "Zl", "Zp") else c for c in text)


# What stands for a sign on a screen that does not have it. Greek letters go by their names; of others, like
# accented letters, what Unicode takes them apart into.
_STAND_INS = {
    "±": "+/-",
    "×": "x",
    "·": "*",
    "−": "-",
    "–": "-",
    "—": "-",
    "…": "...",
    "√": "sqrt",
    "∞": "inf",
    "≥": ">=",
    "≤": "<=",
    "≈": "~",
    "≠": "!=",
    "→": "->",
    "←": "<-",
    "∫": "integral ",
    "°": " deg",
    "§": "section ",
    "µ": "u",
    "‘": "'",
    "’": "'",
    "“": '"',
    "”": '"',
    "⁄": "/",
    "─": "-",
    "│": "|",
    "└": "+",
    "Ð": "D",
    "ð": "d",
    "Þ": "Th",
    "þ": "th",
    "ß": "ss",
    "Λ": "Lambda",
    "λ": "lambda",
    **dict(zip("▁▂▃▄▅▆▇█", "_.-~=+*#", strict=True)),
}
_ROOT = re.compile(r"√([A-Za-z0-9_]+)")
_STAND_IN_ERRORS = "xavier_stand_ins"
# ASCII by a name of ours: what prints the help takes a stream of ASCII for a mistake, and writes UTF-8 there.
_ASCII = "xavier_ascii"


def stand_in(sign: str) -> str:
    """The ASCII text that stands for one `sign`; `?` where nobody would know."""
    if sign.isascii() or sign in _STAND_INS:
        return _STAND_INS.get(sign, sign)
    letter = re.fullmatch(r"GREEK (SMALL|CAPITAL) LETTER (\w+)", unicodedata.name(sign, ""))
    if letter:
        return letter[2].lower() if letter[1] == "SMALL" else letter[2].capitalize()
    if unicodedata.combining(sign):
        return ""
    if "\u2800" <= sign <= "\u28ff":
        return "." if sign > "\u2800" else " "
    parts = unicodedata.normalize("NFKD", sign)
    return "".join(map(stand_in, parts)) if parts != sign else "?"


def encodable(text: str, encoding: str | None) -> str:
    """`text` with stand-ins for those signs that `encoding` does not have."""
    encoding = encoding or "ascii"
    return text.encode(encoding, _STAND_IN_ERRORS).decode(encoding)


def show_stand_ins() -> None:
    """Have stdout and stderr write stand-ins for signs that they do not have, whoever writes there."""
    for stream in (sys.stdout, sys.stderr):
        # Either may be closed, or be no stream of Python's own.
        if hasattr(stream, "reconfigure"):
            is_ascii = codecs.lookup(stream.encoding).name == "ascii"
            stream.reconfigure(encoding=_ASCII if is_ascii else None, errors=_STAND_IN_ERRORS)


def _replaced(error: UnicodeError) -> tuple[str | bytes, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    sign, after = error.object[error.start], error.start + 1
    if "\udc80" <= sign <= "\udcff":
        # A byte of a path that is no text; whoever reads the path needs it as it is.
        return bytes([ord(sign) - 0xDC00]), after
    if _is_raised(sign):
        # One `^` before all of `10⁻³`.
        return "^" * (not _is_raised(error.object[error.start - 1 : error.start])) + stand_in(sign), after
    root = _ROOT.match(error.object, error.start)
    # What is not in brackets would run together with its root.
    return (f"sqrt({root[1]})", root.end()) if root else (stand_in(sign), after)


def _is_raised(sign: str) -> bool:
    """Whether `sign` is an exponent: `²`, `⁻` or `ᵀ`, and neither `º` nor `™`."""
    parts = unicodedata.decomposition(sign) if sign else ""
    return parts.startswith("<super>") and unicodedata.category(sign) not in ("Lo", "So")


def _ascii(name: str) -> codecs.CodecInfo | None:
    if name != _ASCII:
        return None
    ascii_ = codecs.lookup("ascii")
    return codecs.CodecInfo(
        ascii_.encode,
        ascii_.decode,
        incrementalencoder=ascii_.incrementalencoder,
        incrementaldecoder=ascii_.incrementaldecoder,
        name=_ASCII,
    )


codecs.register_error(_STAND_IN_ERRORS, _replaced)
codecs.register(_ascii)
