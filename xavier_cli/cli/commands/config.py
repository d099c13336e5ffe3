"""Implements `xavier config`: settings, their values and origins, and a file to begin with."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from xavier_cli.cli.options import run_files
from xavier_cli.cli.options.running import ReplaceOption
from xavier_cli.cli.options.settings import with_settings
from xavier_cli.cli.terminal.errors import say
from xavier_cli.cli.terminal.help_pages import OUTPUT, CommandApp
from xavier_cli.cli.terminal.output import FormatOption, OutputOption, check_output, refuse_folder, show_page
from xavier_cli.config.layers import PROJECT_FILE, layers, resolve, user_file
from xavier_cli.config.run import RunConfig, option_name
from xavier_cli.config.settings import settings_where

config = CommandApp(help="Show settings and where each came from.")


@config.command("init")
def init(
    force: ReplaceOption = False,
    output: Annotated[
        Path, typer.Option("--output", "-o", help="file to write", rich_help_panel=OUTPUT)
    ] = PROJECT_FILE,
) -> None:
    """Write a commented `xavier.toml` with every default.

    xavier config init
    """
    from xavier_cli.config.template import settings_template
    from xavier_cli.files.locks import lock_output
    from xavier_cli.files.publish import publish

    refuse_folder(output)
    with lock_output(output):
        if output.exists() and not force:
            raise typer.BadParameter(f"`{output}` exists; `--force` replaces it", param_hint="--output")
        publish(output, settings_template().encode())
    print(output)
    say("next: remove the `#` in front of a setting to change it; `xavier config show` shows all")


@config.command("show")
@with_settings
def show(settings: dict[str, str], format: FormatOption = None, output: OutputOption = None) -> None:
    """Show every setting, its value and where it came from.

    Highest precedence first: options, --scale, variables like XAVIER_WIDTH, --config FILE, `xavier.toml` in
    this folder, the user file, the default.

    xavier config show --scale paper --act softsign
    """
    from xavier_cli.views.settings import settings_page

    if output is not None:
        check_output(output)
    resolved = resolve(settings)
    files = ("Project file", PROJECT_FILE), ("User file", user_file())
    page = settings_page(resolved, _origins(settings, resolved), files, run_files.runs_folder())
    show_page(page, format, output)


def _origins(settings: Mapping[str, str], resolved: RunConfig) -> dict[str, str]:
    origins = dict.fromkeys(RunConfig.model_fields, "default")
    given: dict[str, Any] = {}
    for source, values in layers(settings):
        given |= values
        for name in values:
            origins[name] = source or option_name(name)
    # The defaults of two settings depend on others.
    if "coding" not in given:
        origins["coding"] = f"default of {resolved.data}"
    if "depth" not in given and resolved.depth != RunConfig.of().depth:
        origins["depth"] = f"width, from {origins['width']}"
    if resolved.pretrain == "none":
        # Without pre-training these settings are reset to their defaults.
        for name in given.keys() & {*settings_where(detail_of="pretrain")}:
            origins[name] = "default (unused without pretrain)"
    return origins
