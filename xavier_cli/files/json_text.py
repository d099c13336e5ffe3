"""Writes JSON, the same from every command: NaN is null, infinities are the strings `inf` and `-inf`."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping
from numbers import Integral, Real

from xavier_cli.sanitize import utf8


def write_json(
    content: object, indent: int | None = None, sorted_keys: bool = False, ascii_only: bool = True
) -> str:
    """`content` as JSON, by default in ASCII, with numbers in full precision; compact without `indent`."""
    separators = (",", ":") if indent is None else None
    return json.dumps(
        _plain(content),
        indent=indent,
        separators=separators,
        sort_keys=sorted_keys,
        allow_nan=False,
        ensure_ascii=ascii_only,
    )


def _plain(value: object) -> object:
    if isinstance(value, Mapping):
        return {utf8(str(key)): _plain(part) for key, part in value.items()}
    if isinstance(value, str):
        return utf8(value)
    if value is None or isinstance(value, bool):
        return value
    # Includes NumPy's numbers.
    if isinstance(value, Integral):
        return int(value)
    if isinstance(value, Real):
        number = float(value)
        return number if math.isfinite(number) else None if math.isnan(number) else str(number)
    if isinstance(value, Iterable):
        return [_plain(part) for part in value]
    raise TypeError(f"{type(value).__name__} has no place in JSON")
