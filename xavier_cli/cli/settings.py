"""Where a configuration's values come from: flags, a scale, environment, files, and at last the defaults."""

from __future__ import annotations

import inspect
import os
from collections.abc import Callable, Mapping
from functools import wraps
from pathlib import Path
from typing import Annotated, Any

import typer

from xavier_cli import names
from xavier_cli.cli import completion
from xavier_cli.config import LIKE, SCALES, ConfigError, RunConfig, without_like
from xavier_cli.recipes import read_toml

PROJECT_FILE = Path("xavier.toml")
ENVIRONMENT = "XAVIER_"


def with_settings(command: Callable[..., None]) -> Callable[..., None]:
    """`command(settings, …)` with one option per field of `RunConfig`, and `--config` and `--scale`.

    `settings` holds what was typed, as text: checking it is the configuration's work, wherever it came from.
    """
    own = [p for p in inspect.signature(command, eval_str=True).parameters.values() if p.name != "settings"]
    options = [
        *map(_option, (name for name in RunConfig.model_fields if name not in RunConfig.derived)),
        *_FILES,
    ]

    @wraps(command)
    def with_options(**given: Any) -> None:
        typed = {p.name: given.pop(p.name) for p in options}
        command(settings={name: value for name, value in typed.items() if value is not None}, **given)

    parameters = [p.replace(kind=inspect.Parameter.KEYWORD_ONLY) for p in [*own, *options]]
    with_options.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    with_options.__annotations__ = {p.name: p.annotation for p in parameters}
    return with_options


def resolve(settings: Mapping[str, str]) -> RunConfig:
    """The configuration of what was typed, over the environment, files, the scale and the defaults.

    Raises `ConfigError`, which names the setting and where its value came from.
    """
    merged: dict[str, Any] = {}
    for source, values in layers(settings):
        # Checked layer by layer, so that a mistake is told with the place it was made in.
        merged |= _checked(source, values)
    return RunConfig.of(**merged)


def layers(settings: Mapping[str, str]) -> list[tuple[str, Mapping[str, Any]]]:
    """Where values come from, the later before the earlier: a name for the place, and the values from there.

    What was typed has no name. Raises `ConfigError`.
    """
    typed = dict(settings)
    scale, config = typed.pop("scale", None), typed.pop("config", None)
    like = typed.get("like")
    # Checked beside what is typed with it; told apart, since `config show` says where values come from.
    preset = {name: value for name, value in without_like(typed).items() if name not in typed}
    typed.pop("like", None)
    if scale is not None and scale not in SCALES:
        raise ConfigError(names.unknown("scale", scale, SCALES))
    files = [user_file(), PROJECT_FILE]
    return [
        *((str(path), _read(path) if path.is_file() else {}) for path in files),
        (config or "", _read(Path(config)) if config else {}),
        ("the environment", without_like(_environment())),
        (f"--scale {scale}" if scale else "", SCALES[scale] if scale else {}),
        (f"--like {like}" if like else "", preset),
        ("", typed),
    ]


def user_file() -> Path:
    """The settings of this user, for every project; it need not be there."""
    from platformdirs import user_config_path

    return user_config_path("xavier", appauthor=False) / "config.toml"


def _checked(source: str, values: Mapping[str, Any]) -> Mapping[str, Any]:
    if source and values:
        try:
            RunConfig.of(**values)
        except ConfigError as error:
            raise ConfigError(f"{source}: {error}") from None
    return values


def _read(path: Path) -> dict[str, Any]:
    return without_like({key.replace("-", "_"): value for key, value in read_toml(path).items()})


def _environment() -> dict[str, str]:
    return {
        field: os.environ[ENVIRONMENT + field.upper()]
        for field in ("like", *RunConfig.model_fields)
        if os.environ.get(ENVIRONMENT + field.upper())
    }


def _option(field: str) -> inspect.Parameter:
    info = RunConfig.model_fields[field]
    if info.annotation is bool:
        flag = typer.Option(
            f"--{field}/--no-{field}",
            help=f"{info.description} [default: {'' if info.default else 'no '}{field}]",
            rich_help_panel="Experiment",
            show_default=False,
        )
        return _parameter(field, flag, bool)
    default = "" if info.is_required() else f" [default: {_as_typed(info.default)}]"
    option = typer.Option(
        f"--{field.replace('_', '-')}",
        *_ALIASES.get(field, ()),
        metavar=_METAVARS.get(field, "N" if info.annotation is int else "NAME"),
        help=f"{info.description}{default}",
        rich_help_panel="Experiment",
        show_default=False,
        autocompletion=completion.BY_SETTING.get(field),
    )
    return _parameter(field, option)


def _as_typed(value: object) -> str:
    if isinstance(value, tuple):
        return str(len(value)) if value == tuple(range(len(value))) else ",".join(map(str, value))
    return str(value)


def _parameter(name: str, option: Any, type_: type = str) -> inspect.Parameter:
    kind = inspect.Parameter.KEYWORD_ONLY
    return inspect.Parameter(name, kind, default=None, annotation=Annotated[type_ | None, option])


_ALIASES = {"width": ("--widths",)}
_METAVARS = {
    "act": "NAME[:KEY=VALUE]",
    "init": "NAME[,LAYER=NAME…]",
    "coding": "LOW,HIGH|standardize",
    "init_gain": "paper|auto|NUMBER",
    "width": "N[,N…]",
    "lr": "RATE[,RATE…]",
    "seeds": "SEEDS",
    "records": "WHEN",
    "optimizer": "NAME[:KEY=VALUE,…]",
    "schedule": "WHEN",
    "clip": "LENGTH",
    "weight_decay": "SHARE",
    "dropout": "SHARE",
    "pretrain": "NAME[:KEY=VALUE,…]",
    "pretrain_lr": "RATE",
}
_FILES = (
    _parameter(
        "config",
        typer.Option(
            "--config",
            "-c",
            metavar="FILE",
            help="TOML file of settings, over `xavier.toml` and under the flags.",
            rich_help_panel="Experiment",
        ),
    ),
    _parameter(
        "like",
        typer.Option(
            "--like",
            metavar="|".join(LIKE),
            autocompletion=completion.likes,
            help="Weights and biases as this framework's dense layer draws them: sets init and bias_init.",
            rich_help_panel="Experiment",
        ),
    ),
    _parameter(
        "scale",
        typer.Option(
            "--scale",
            metavar="|".join(SCALES),
            autocompletion=completion.scales,
            help="Preset of sizes: paper is 5×1000, 2.5 M updates; tiny shows that it runs.",
            rich_help_panel="Experiment",
        ),
    ),
)
