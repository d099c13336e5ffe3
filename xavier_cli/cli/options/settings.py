"""Resolves the settings of a configuration from flags, presets, environment, files and defaults."""

from __future__ import annotations

import inspect
import os
from collections.abc import Callable, Mapping, Sequence
from functools import wraps
from pathlib import Path
from typing import Annotated, Any

import typer

from xavier_cli.cli.options import completion
from xavier_cli.config.presets import LIKE, SCALES, without_like
from xavier_cli.config.run import RunConfig, option_name
from xavier_cli.config.settings import SETTINGS, RunSettings, settings_where
from xavier_cli.errors import ConfigError
from xavier_cli.files.text import read_toml
from xavier_cli.vocabulary import lookup
from xavier_cli.vocabulary.datasets import find_data

PROJECT_FILE = Path("xavier.toml")
ENVIRONMENT = "XAVIER_"
NOT_SETTINGS = ("XAVIER_RUNS_DIR", "XAVIER_DATA_DIR")
"""Environment variables that are not settings of a configuration."""
ALSO_CALLED = {"widths": "width"}
OPTIONS_ONLY = ("scale", "config")
"""Options that name sources of settings, which can only be typed."""


def with_settings(command: Callable[..., None]) -> Callable[..., None]:
    """Give `command(settings, …)` one option per field of `RunConfig`, `--config` and `--scale`.

    `settings` holds the typed text; the configuration checks it, whatever its source.
    """
    own = [p for p in inspect.signature(command, eval_str=True).parameters.values() if p.name != "settings"]
    options = [
        *map(_option, _options()),
        *_SAME,
        *_FILES,
    ]

    @wraps(command)
    def with_options(**given: Any) -> None:
        typed = {p.name: given.pop(p.name) for p in options}
        command(settings=_renamed({n: v for n, v in typed.items() if v is not None}, option_name), **given)

    parameters = [p.replace(kind=inspect.Parameter.KEYWORD_ONLY) for p in [*own, *options]]
    with_options.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    with_options.__annotations__ = {p.name: p.annotation for p in parameters}
    return with_options


def resolve(settings: Mapping[str, str]) -> RunConfig:
    """The configuration from typed settings, which override presets, environment, files and defaults.

    Each value is checked in its own layer, and combinations of settings after merging the layers. Raises
    `ConfigError` that names the settings and their sources.
    """
    merged: dict[str, Any] = {}
    origins: dict[str, str] = {}
    for source, values in layers(settings):
        _check(source, values)
        merged |= values
        origins |= dict.fromkeys(values, source)
    try:
        return RunConfig.of(**merged)
    except ConfigError as error:
        raise ConfigError(f"{error}{_whence(error.settings, origins)}", error.settings) from None


def layers(settings: Mapping[str, str]) -> list[tuple[str, Mapping[str, Any]]]:
    """The layers of settings, the strongest first, each as the name of its source and its values.

    Typed settings have an empty name. Raises `ConfigError`.
    """
    typed = dict(settings)
    scale, config = typed.pop("scale", None), typed.pop("config", None)
    if scale is not None and scale not in SCALES:
        raise ConfigError(lookup.unknown_message("scale", scale, SCALES))
    like = typed.pop("like", None)
    variables = _environment()
    framework = variables.pop("like", None)
    # The user's and the project's files are optional; a file that is named must exist.
    files = [path for path in (user_file(), PROJECT_FILE) if os.path.exists(path) and not path.is_dir()]
    return [
        *((str(path), _read(path)) for path in (*files, *([Path(config)] if config else []))),
        *_preset(f"{ENVIRONMENT}LIKE", framework, variables),
        *((_variable(field), {field: value}) for field, value in variables.items()),
        *([(f"--scale {scale}", SCALES[scale])] if scale else []),
        # Separate from typed settings, since `config show` names the sources.
        *_preset(f"--like {like}", like, typed),
        ("", typed),
    ]


def _preset(source: str, like: str | None, beside: Mapping[str, str]) -> list[tuple[str, Mapping[str, Any]]]:
    """The settings that `like` stands for; raises `ConfigError` if one is set `beside` it as well."""
    if like is None:
        return []
    try:
        whole = without_like({**beside, "like": like})
    except ConfigError as error:
        raise ConfigError(f"{source}: {error}" if source.startswith(ENVIRONMENT) else str(error)) from None
    return [(source, {name: value for name, value in whole.items() if name not in beside})]


def unknown_variables() -> list[str]:
    """A line about each environment variable that looks like a misspelt setting."""
    known = [*map(_spelt, ("like", *_options(), *ALSO_CALLED)), *NOT_SETTINGS]
    return [
        f"{name}: {_unknown_variable(name, known)}"
        for name in sorted(os.environ)
        if name.startswith(ENVIRONMENT) and name not in known
    ]


def _unknown_variable(name: str, known: Sequence[str]) -> str:
    setting = name.removeprefix(ENVIRONMENT).lower()
    if name.upper() in known:
        return f"variables are in capitals: did you mean `{name.upper()}`?"
    if setting in OPTIONS_ONLY:
        return f"`{option_name(setting)}` is an option only"
    settings = [each.removeprefix(ENVIRONMENT).lower() for each in known]
    return lookup.unknown_message("setting", setting, settings, ["what `xavier config show` lists"])


def user_file() -> Path:
    """The path of the user's settings for all projects; the file is optional."""
    from platformdirs import user_config_path

    return user_config_path("xavier", appauthor=False) / "config.toml"


def _check(source: str, values: Mapping[str, Any]) -> None:
    """Raise `ConfigError` that names `source`, for values that are invalid whatever the other layers say."""
    try:
        for name in values:
            if name in RunSettings.derived:
                raise ConfigError(lookup.unknown_message("setting", name, _options()))
            if name in OPTIONS_ONLY:
                raise ConfigError(f"{name}: `{option_name(name)}` is an option only")
        refuse_bare_folder(values.get("data"))
        RunSettings.of(**values)
    except ConfigError as error:
        raise ConfigError(f"{source}: {error}" if source else str(error)) from None


def refuse_bare_folder(word: object) -> None:
    """Raise `ConfigError` if a folder was typed as a data set, with the right form.

    Not checked in the configuration, since reading a run must not access the disk.
    """
    try:
        if isinstance(word, str):
            find_data(word)
    except lookup.UnknownNameError:
        if os.path.isdir(str(word)):
            raise ConfigError(
                f"data: unknown data set `{word}`: a folder of images is `images:{word}`"
            ) from None
    except ValueError:
        # The check of the setting raises a clearer error.
        return


def _whence(settings: Sequence[str], origins: Mapping[str, str]) -> str:
    """The sources of conflicting settings, as text; empty if all were typed."""
    if not any(origins.get(name) for name in settings):
        return ""
    words = (
        f"{name} from {origins[name] or option_name(name)}" if name in origins else f"{name} by default"
        for name in settings
    )
    return f" ({', '.join(words)})"


def _read(path: Path) -> dict[str, Any]:
    try:
        written = {key.replace("-", "_"): value for key, value in read_toml(path).items()}
        return without_like(_renamed(written, str))
    except ConfigError as error:
        told = str(error)
        raise ConfigError(told if f"`{path}`" in told else f"{path}: {told}", error.settings) from None


def _environment() -> dict[str, str]:
    fields = ("like", *_options(), *ALSO_CALLED)
    return _renamed({f: os.environ[_spelt(f)] for f in fields if os.environ.get(_spelt(f))}, _spelt)


def _spelt(field: str) -> str:
    return f"{ENVIRONMENT}{field.upper()}"


def _variable(field: str) -> str:
    """The environment variable that set `field`."""
    others = [_spelt(other) for other, same in ALSO_CALLED.items() if same == field]
    return next((name for name in others if os.environ.get(name)), _spelt(field))


def _renamed(values: Mapping[str, Any], spelt: Callable[[str], str]) -> dict[str, Any]:
    """`values` with keys converted to field names; raises `ConfigError` where two keys are the same field."""
    renamed = dict(values)
    for other, field in ALSO_CALLED.items():
        if other in renamed and field in renamed:
            raise ConfigError(f"{spelt(field)} and {spelt(other)} are one setting: give one of them")
        if other in renamed:
            renamed[field] = renamed.pop(other)
    return renamed


def _options() -> list[str]:
    return [*settings_where(derived=False)]


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
        option_name(field),
        metavar=SETTINGS[field].metavar or ("N" if info.annotation is int else "NAME"),
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


# Separate options, so that duplicates are noticed.
_SAME = tuple(
    _parameter(
        other,
        typer.Option(
            option_name(other),
            metavar=SETTINGS[field].metavar,
            help=f"The same as {option_name(field)}.",
            rich_help_panel="Experiment",
        ),
    )
    for other, field in ALSO_CALLED.items()
)
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
