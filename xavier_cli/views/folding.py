"""Writes several things that are alike as one: the names of layers, and their numbers."""

from __future__ import annotations

import re
from collections.abc import Sequence


def pattern(name: str) -> str:
    """`name` with its numbers left out: `blocks/*/mlp/kernel`."""
    return re.sub(r"\d+", "*", name)


def shared_name(names: Sequence[str]) -> str:
    """One name for names that differ in numbers: `blocks/0-11/mlp/kernel`, with `*` where they leave gaps."""
    if len(names) == 1:
        return names[0]
    columns = zip(*(re.findall(r"\d+", name) for name in names), strict=True)
    written = []
    for column in columns:
        values = sorted({int(each) for each in column})
        if len(values) == 1:
            written.append(column[0])
        else:
            whole = values == list(range(values[0], values[-1] + 1))
            written.append(f"{values[0]}-{values[-1]}" if whole else "*")
    return re.sub(r"\d+", lambda _: written.pop(0), names[0])


def listed(numbers: Sequence[int], most: int = 12) -> str:
    """Rising numbers as people write them: `1-3, 5`, with `…` behind `most` spans."""
    parts: list[list[int]] = []
    for number in numbers:
        if parts and parts[-1][-1] == number - 1:
            parts[-1].append(number)
        else:
            parts.append([number])
    return ", ".join(map(span_of, parts[:most])) + ", …" * (len(parts) > most)


def span_of(numbers: Sequence[int]) -> str:
    """`3`, `3-8`, or with others between: `3…27`."""
    first, last = numbers[0], numbers[-1]
    if len(numbers) == 1:
        return str(first)
    return f"{first}-{last}" if last - first + 1 == len(numbers) else f"{first}…{last}"
