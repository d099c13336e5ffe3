"""Keeps a number and its unit on one line where text is wrapped: `12 ms`, `47.7 ± 0.9 %`, `p < .05`."""

from __future__ import annotations

import re

# A character of width one that is no space, stands in no text (it is for private use) and is never printed:
# the library that wraps lines takes a no-break space for a space.
_GLUE = chr(0xE000)
_UNIT = r"(?:%|[kMGT]?i?B(?:/s)?|GFLOP/s|[mµun]?s|min|h|d|y)(?![\w/])|×"
_UNBROKEN = re.compile(
    rf"(?<=\d) (?={_UNIT})|(?<=[\d%]) (?=±)|(?<=±) (?=\d)"
    r"|(?<=\w) (?=\d+\.\d+\.\d)"  # a package and its version
    r"|(?<=\b[pNn]) (?=[=<>≤≥])|(?<=[=<>≤≥]) (?=[-+]?\.?\d)"
)


def glued(text: str) -> str:
    """`text` for wrapping, with its numbers and units in one piece; `unglued` must follow."""
    return _UNBROKEN.sub(_GLUE, text)


def whole(phrase: str, width: int) -> str:
    """`phrase` for wrapping in one piece, `depth 5`, where it has room in `width`; `unglued` must follow."""
    return phrase.replace(" ", _GLUE) if len(phrase) <= width else phrase


def unglued(text: str) -> str:
    """Wrapped text as it is printed, with plain spaces."""
    return text.replace(_GLUE, " ")
