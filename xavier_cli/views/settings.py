"""Builds the output of `config`: every setting, its value, and where it came from."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from xavier_cli.config.run import RunConfig
from xavier_cli.runs.listing import run_path
from xavier_cli.views import numbers
from xavier_cli.views.page import Column, Page, Table
from xavier_cli.vocabulary.grammar import write_value

SCHEMA = "xavier.config/1"


def settings_page(
    resolved: RunConfig,
    origins: Mapping[str, str],
    files: Sequence[tuple[str, Path]],
    folder: Path,
) -> Page:
    """The output of `config show`: the `origins` of the settings, and the `files` that may set them.

    `folder` is that of new runs of `train`.
    """
    values = {name: _typed(value) for name, value in resolved.model_dump().items()}
    records = [{"setting": name, "value": values[name], "origin": origins[name]} for name in values]
    rows = tuple((name, text, origins[name]) for name, text in shown_settings(resolved))
    run = run_path(folder, resolved)
    return Page(
        schema=SCHEMA,
        data={
            "settings": {
                name: {"value": value, "origin": origins[name]}
                for name, value in resolved.model_dump(mode="json").items()
            },
            "config_sha256": resolved.sha256(),
            "run": str(run),
        },
        records=records,
        tables=(Table((Column("setting"), Column("value", wraps=True), Column("from", wraps=True)), rows),),
        notes=(
            *(f"{words}: {path}" + ("" if path.is_file() else " (not found)") for words, path in files),
            *([] if resolved.network.is_users else [f"`xavier train` would write {run}"]),
        ),
    )


def shown_settings(config: RunConfig) -> Iterator[tuple[str, str]]:
    """Each setting and its value as people read it; not those without one, as `sources` of built-in words."""
    for name, value in config.model_dump().items():
        if value != "" and config.applies(name):
            yield name, numbers.setting(value, name)


def _typed(value: object) -> str:
    """`value` as programs read it."""
    if isinstance(value, tuple):
        return ",".join(_typed(part) for part in value)
    return write_value(value) if isinstance(value, float) else str(value)
