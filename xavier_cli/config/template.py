"""Writes the text of a commented `xavier.toml`: every setting with its meaning and its default."""

from __future__ import annotations

import json
import textwrap
from collections.abc import Iterator

from xavier_cli.config.layers import option_fields
from xavier_cli.config.run import RunConfig
from xavier_cli.config.settings import SETTINGS

_HEAD = """\
# Settings of `xavier train` and `xavier probe` in this folder.
# Remove the `#` in front of a setting to change it. Options and XAVIER_ variables override this file;
# `xavier config show` says where each value comes from."""


def settings_template() -> str:
    """The text of the file; all settings are comments, so that it changes nothing as it is."""
    return "\n".join([_HEAD, *_lines()]) + "\n"


def _lines() -> Iterator[str]:
    fields = option_fields()
    for section in dict.fromkeys(SETTINGS[field].section for field in fields):
        yield f"\n# {section}"
        for field in fields:
            if SETTINGS[field].section == section:
                about = RunConfig.model_fields[field].description or ""
                yield from textwrap.wrap(about, 96, initial_indent="#   ", subsequent_indent="#   ")
                yield f"# {field} = {_default(field)}"


def _default(field: str) -> str:
    """The default as TOML; for a setting whose default follows from others, one that it can have."""
    info = RunConfig.model_fields[field]
    value = getattr(RunConfig.of(), field) if info.is_required() else info.default
    if value == tuple(range(len(value))) if isinstance(value, tuple) else False:
        return str(len(value))
    return json.dumps(value, ensure_ascii=False)
