"""Defines the options of a configuration: one per setting, and `--config`, `--like` and `--scale`."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Collection
from functools import partial, wraps
from typing import Annotated, Any

import typer

from xavier_cli.cli.options import completion
from xavier_cli.cli.terminal.help_pages import PRESETS
from xavier_cli.config.layers import by_field, option_fields
from xavier_cli.config.presets import LIKE, SCALES
from xavier_cli.config.run import RunConfig, option_name
from xavier_cli.config.settings import SETTINGS
from xavier_cli.vocabulary.other_words import SETTING_ALIASES


def with_settings(
    command: Callable[..., None] | None = None, *, unused: Collection[str] = ()
) -> Callable[..., Any]:
    """Give `command(settings, …)` one option per field of `RunConfig`, `--config` and `--scale`.

    `settings` holds the typed text; the configuration checks it, whatever its source. The settings that the
    command leaves `unused` are accepted, and not in its help.
    """
    if command is None:
        return partial(with_settings, unused=unused)
    own = [p for p in inspect.signature(command, eval_str=True).parameters.values() if p.name != "settings"]
    options = [
        *_FILES,
        *(_option(field, field in unused) for field in option_fields()),
        *_SAME,
    ]

    @wraps(command)
    def with_options(**given: Any) -> None:
        typed = {p.name: given.pop(p.name) for p in options}
        command(settings=by_field({n: v for n, v in typed.items() if v is not None}, option_name), **given)

    parameters = [p.replace(kind=inspect.Parameter.KEYWORD_ONLY) for p in [*options, *own]]
    with_options.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    with_options.__annotations__ = {p.name: p.annotation for p in parameters}
    return with_options


def _option(field: str, hidden: bool) -> inspect.Parameter:
    info = RunConfig.model_fields[field]
    if info.annotation is bool:
        flag = typer.Option(
            f"--{field}/--no-{field}",
            help=f"{_described(field)} [default: {'' if info.default else 'no '}{field}]",
            rich_help_panel=SETTINGS[field].section,
            show_default=False,
            hidden=hidden,
        )
        return _parameter(field, flag, bool)
    default = "" if info.is_required() else f" [default: {_as_typed(info.default)}]"
    option = typer.Option(
        option_name(field),
        metavar=SETTINGS[field].metavar or ("N" if info.annotation is int else "NAME"),
        help=f"{_described(field)}{default}",
        rich_help_panel=SETTINGS[field].section,
        show_default=False,
        autocompletion=completion.BY_SETTING.get(field),
        hidden=hidden,
    )
    return _parameter(field, option)


def _described(field: str) -> str:
    description = RunConfig.model_fields[field].description
    return f"{description} (mlp alone)" if SETTINGS[field].of_mlp else f"{description}"


def _as_typed(value: object) -> str:
    if isinstance(value, tuple):
        return str(len(value)) if value == tuple(range(len(value))) else ",".join(map(str, value))
    return str(value)


def _parameter(name: str, option: Any, type_: type = str) -> inspect.Parameter:
    kind = inspect.Parameter.KEYWORD_ONLY
    return inspect.Parameter(name, kind, default=None, annotation=Annotated[type_ | None, option])


# Separate options, so that duplicates are noticed; hidden, since they are another way to say the same.
_SAME = tuple(
    _parameter(other, typer.Option(option_name(other), metavar=SETTINGS[field].metavar, hidden=True))
    for other, field in SETTING_ALIASES.items()
)
_FILES = (
    _parameter(
        "config",
        typer.Option(
            "--config",
            "-c",
            metavar="FILE",
            help="TOML file of settings; overrides `xavier.toml`, overridden by options",
            rich_help_panel=PRESETS,
        ),
    ),
    _parameter(
        "like",
        typer.Option(
            "--like",
            metavar="|".join(LIKE),
            autocompletion=completion.likes,
            help="initialize like this framework's dense layer: sets `--init` and `--bias-init`",
            rich_help_panel=PRESETS,
        ),
    ),
    _parameter(
        "scale",
        typer.Option(
            "--scale",
            metavar="|".join(SCALES),
            autocompletion=completion.scales,
            help="preset of sizes: paper is 5×1000 and 2.5 M updates; long is narrower; tiny is a smoke test",
            rich_help_panel=PRESETS,
        ),
    ),
)
