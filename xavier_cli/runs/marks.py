"""Reads and writes marks: the tags and the note that people give to a run, as a text in its file.

In the file, so that copies keep them. Whatever the text says, it never makes a run unreadable.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence

from xavier_cli.errors import ConfigError
from xavier_cli.sanitize import clean, utf8

ATTRIBUTE = "marks_json"
MOST_TAGS = 50
LONGEST_NOTE = 1000
_TAG = re.compile(r"\w[\w.-]{0,39}")


def tag_name(text: str) -> str:
    """`text` as the name of a tag; raises `ConfigError` where it is none."""
    if not is_tag(text):
        raise ConfigError(f"tag: `{text[:60]}` should be a word of letters, digits, `_`, `.` and `-`")
    return text


def is_tag(text: str) -> bool:
    """Whether `text` can be a tag: a word of at most 40 characters that is not called like a run file."""
    return bool(_TAG.fullmatch(text)) and not text.endswith(".h5") and utf8(text) == text


def note_text(text: str) -> str:
    """`text` as a note, one line; raises `ConfigError` where it is too long."""
    note = clean(" ".join(utf8(text).split()))
    if len(note) > LONGEST_NOTE:
        raise ConfigError(f"note: {len(note):,} characters are over {LONGEST_NOTE:,}")
    return note


def changed(tags: Sequence[str], add: Sequence[str], remove: Sequence[str]) -> tuple[str, ...]:
    """`tags` without those of `remove` and with those of `add`, each once; raises `ConfigError`."""
    left = tuple(dict.fromkeys(tag for tag in (*tags, *map(tag_name, add)) if tag not in remove))
    if len(left) > MOST_TAGS:
        raise ConfigError(f"tag: {len(left)} tags are over {MOST_TAGS}, the most that a run can have")
    return left


def to_json(tags: Sequence[str], note: str) -> str:
    """The marks as the text in a run file."""
    return json.dumps({"tags": list(tags), "note": note}, sort_keys=True)


def from_json(text: str) -> tuple[tuple[str, ...], str]:
    """The tags and the note in the text of a run file; what is none is passed over."""
    try:
        told = json.loads(text)
    except (ValueError, RecursionError):
        return (), ""
    return believed(told.get("tags"), told.get("note")) if isinstance(told, dict) else ((), "")


def believed(tags: object, note: object) -> tuple[tuple[str, ...], str]:
    """Those of `tags` and of `note` that can be a run's."""
    listed = tags[: 2 * MOST_TAGS] if isinstance(tags, list) else []
    kept = dict.fromkeys(tag for tag in listed if isinstance(tag, str) and is_tag(tag))
    text = clean(" ".join(note.split())) if isinstance(note, str) and len(note) <= LONGEST_NOTE else ""
    return tuple(kept)[:MOST_TAGS], text
