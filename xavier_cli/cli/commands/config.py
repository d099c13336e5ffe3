"""`xavier config`: every setting, its value, and where it came from."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import typer

from xavier_cli.cli.options import run_files
from xavier_cli.cli.options.settings import PROJECT_FILE, layers, resolve, user_file, with_settings
from xavier_cli.cli.terminal.output import FormatOption, OutputOption, check_output, show_page
from xavier_cli.config.run import RunConfig, option_name
from xavier_cli.views.page import Column, Page, Table

SCHEMA = "xavier.config/1"

config = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode=None,
    help="The settings: values, and where each came from.",
)


@config.callback()
def _config() -> None:
    """Without this, Typer would make the only command the whole."""


@config.command("show")
@with_settings
def show(settings: dict[str, str], format: FormatOption = None, output: OutputOption = None) -> None:
    """Show every setting that `xavier train` would take here, and where its value came from.

    A flag goes before --scale, that before XAVIER_WIDTH and the like, then --config FILE, `xavier.toml` in
    this folder, the user's own file, and the default.

    xavier config show --scale paper --act softsign
    """
    if output is not None:
        check_output(output)
    show_page(config_page(settings), format, output)


def config_page(settings: Mapping[str, str]) -> Page:
    """The answer of `config show`; raises `ConfigError` as `train` would."""
    resolved = resolve(settings)
    origins = _origins(settings, resolved)
    values = {name: _typed(value) for name, value in resolved.model_dump().items()}
    records = [{"setting": name, "value": values[name], "origin": origins[name]} for name in values]
    rows = tuple((name, values[name], origins[name]) for name in values)
    return Page(
        schema=SCHEMA,
        data={
            "settings": {
                name: {"value": value, "origin": origins[name]}
                for name, value in resolved.model_dump(mode="json").items()
            },
            "config_sha256": resolved.sha256(),
            "run": str(run_files.runs_folder() / f"{resolved.file_stem()}.h5"),
        },
        records=records,
        tables=(Table((Column("setting"), Column("value", wraps=True), Column("from", wraps=True)), rows),),
        notes=tuple(_notes(resolved)),
    )


def _origins(settings: Mapping[str, str], resolved: RunConfig) -> dict[str, str]:
    origins = dict.fromkeys(RunConfig.model_fields, "default")
    given: dict[str, Any] = {}
    for source, values in layers(settings):
        given |= values
        for name in values:
            origins[name] = source or option_name(name)
    # Two settings follow from others where nobody gives them.
    if "coding" not in given:
        origins["coding"] = f"default of {resolved.data}"
    if "depth" not in given and resolved.depth != RunConfig.of().depth:
        origins["depth"] = f"width, from {origins['width']}"
    if resolved.pretrain == "none":
        # What was given of them is not kept.
        for name in given.keys() & {"pretrain_updates", "pretrain_lr"}:
            origins[name] = "default (unused without pretrain)"
    return origins


def _typed(value: object) -> str:
    if isinstance(value, tuple):
        return ",".join(_typed(part) for part in value)
    return f"{value:g}" if isinstance(value, float) else str(value)


def _notes(resolved: RunConfig) -> Iterator[str]:
    for words, path in (("This folder's file", PROJECT_FILE), ("Your own file", user_file())):
        yield f"{words}: {path}" + ("" if path.is_file() else " (not there)")
    yield f"`xavier train` would write {run_files.runs_folder() / resolved.file_stem()}.h5"
