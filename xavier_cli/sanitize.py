"""Makes text from files, names and configurations safe to show and to store, also in ASCII."""

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
    """`text` as valid UTF-8: bytes of a file name that is not UTF-8, which Python holds as surrogates, are
    escaped, as `\\udce9`.
    """
    return text if text.isascii() else text.encode("utf-8", "backslashreplace").decode("utf-8")


def utf8_throughout(value: Any) -> Any:
    """A JSON value with `utf8` applied to every text in it."""
    if isinstance(value, str):
        return utf8(value)
    if isinstance(value, Mapping):
        return {utf8_throughout(key): utf8_throughout(part) for key, part in value.items()}
    return [utf8_throughout(part) for part in value] if isinstance(value, list | tuple) else value


# Numbers from here on are written with an exponent.
LARGE = 1e6


def fixed(value: float, places: int, sign: str = "") -> str:
    """`value` with `places` decimals, or three digits and an exponent if it is large; `sign` may be `+`."""
    return f"{value:{sign}.{places}f}" if abs(value) < LARGE else f"{value:{sign}.3g}"


def said(error: BaseException) -> str:
    """The message of `error`; empty where its `__str__`, which may be user code, raises."""
    try:
        return str(error)
    except KeyboardInterrupt:
        raise
    except BaseException:
        return ""


def clean(text: str) -> str:
    """`text` without control characters, which could command a terminal or garble a line."""
    if text.isprintable():
        return text
    text = _ESCAPE_SEQUENCE.sub("", utf8(text)).replace("\n", " ").replace("\t", " ")
    # Also format characters, which are invisible and can reverse the direction of text.
    return "".join("?" if unicodedata.category(c) in ("Cc", "Cf", "Zl", "Zp") else c for c in text)


# Replacements for characters that a screen lacks. Greek letters are replaced by their names, others, such as
# accented letters, by their Unicode decomposition.
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
# ASCII under another name: click takes a stream called ASCII for a mistake, and writes UTF-8 to it.
_ASCII = "xavier_ascii"


def stand_in(sign: str) -> str:
    """The ASCII replacement for the character `sign`; `?` where there is none."""
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
    """`text` with replacements for the characters that `encoding` lacks."""
    encoding = encoding or "ascii"
    return text.encode(encoding, _STAND_IN_ERRORS).decode(encoding)


def show_stand_ins() -> None:
    """Make stdout and stderr replace characters that their encoding lacks, whatever code writes to them."""
    for stream in (sys.stdout, sys.stderr):
        # A stream may be closed, or not be one of Python's.
        if hasattr(stream, "reconfigure"):
            is_ascii = codecs.lookup(stream.encoding).name == "ascii"
            stream.reconfigure(encoding=_ASCII if is_ascii else None, errors=_STAND_IN_ERRORS)


def _replaced(error: UnicodeError) -> tuple[str | bytes, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    sign, after = error.object[error.start], error.start + 1
    if "\udc80" <= sign <= "\udcff":
        # A byte of a path that is not UTF-8: keep it, since the path must stay usable.
        return bytes([ord(sign) - 0xDC00]), after
    if _is_raised(sign):
        # One `^` for the whole exponent of `10⁻³`.
        return "^" * (not _is_raised(error.object[error.start - 1 : error.start])) + stand_in(sign), after
    root = _ROOT.match(error.object, error.start)
    # A root needs parentheses around its argument in ASCII.
    return (f"sqrt({root[1]})", root.end()) if root else (stand_in(sign), after)


def _is_raised(sign: str) -> bool:
    """Whether `sign` is an exponent such as `²`, `⁻` or `ᵀ`, but not `º` or `™`."""
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
