"""Tells an error in user code in one line, with what to install where a package is missing."""

from __future__ import annotations

import sys

from xavier_cli.sanitize import said


def import_line(error: BaseException) -> str:
    """`one_line` of an error while importing: of a syntax error the message alone, which tells the place."""
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
