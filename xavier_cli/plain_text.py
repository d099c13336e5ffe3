"""Makes text from files, names and configurations harmless to show, wherever it is shown."""

from __future__ import annotations

import re
import unicodedata

_ESCAPE_SEQUENCE = re.compile(
    r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)?|[@-Z\\^_])|\x9b[0-?]*[@-~]"
)


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
    text = _ESCAPE_SEQUENCE.sub("", text).replace("\n", " ").replace("\t", " ")
    # Control characters, invisible ones that turn the direction of writing, halves of characters.
    return "".join("?" if unicodedata.category(c) in ("Cc", "Cf", "Cs", "Zl", "Zp") else c for c in text)
