"""Resolves the settings of a configuration from options, presets, environment, files and defaults."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from xavier_cli.config.presets import SCALES, without_like
from xavier_cli.config.run import RunConfig, option_name
from xavier_cli.config.settings import RunSettings, settings_where
from xavier_cli.errors import ConfigError
from xavier_cli.files.text import read_toml
from xavier_cli.vocabulary import lookup
from xavier_cli.vocabulary.datasets import find_data
from xavier_cli.vocabulary.other_words import SETTING_ALIASES

PROJECT_FILE = Path("xavier.toml")
ENVIRONMENT = "XAVIER_"
DEVICE_VARIABLE = "XAVIER_DEVICE"
"""Where programs run: cpu, gpu, or the number of a GPU; worker processes inherit it."""
NOT_SETTINGS = ("XAVIER_RUNS_DIR", "XAVIER_DATA_DIR", DEVICE_VARIABLE)
"""Environment variables that are not settings of a configuration."""
OPTIONS_ONLY = ("scale", "config")
"""Options that name sources of settings, which can only be typed."""


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
    """The layers of settings, each as the name of its source and its values; later ones override earlier.

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
    known = [*map(_spelt, ("like", *option_fields(), *SETTING_ALIASES)), *NOT_SETTINGS]
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
                raise ConfigError(lookup.unknown_message("setting", name, option_fields()))
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
        return without_like(by_field(written, str))
    except ConfigError as error:
        told = str(error)
        raise ConfigError(told if f"`{path}`" in told else f"{path}: {told}", error.settings) from None


def _environment() -> dict[str, str]:
    fields = ("like", *option_fields(), *SETTING_ALIASES)
    return by_field({f: os.environ[_spelt(f)] for f in fields if os.environ.get(_spelt(f))}, _spelt)


def _spelt(field: str) -> str:
    return f"{ENVIRONMENT}{field.upper()}"


def _variable(field: str) -> str:
    """The environment variable that set `field`."""
    others = [_spelt(other) for other, same in SETTING_ALIASES.items() if same == field]
    return next((name for name in others if os.environ.get(name)), _spelt(field))


def by_field(values: Mapping[str, Any], spelt: Callable[[str], str]) -> dict[str, Any]:
    """`values` with keys converted to field names; raises `ConfigError` where two keys are the same field."""
    renamed = dict(values)
    for other, field in SETTING_ALIASES.items():
        if other in renamed and field in renamed:
            raise ConfigError(f"{spelt(field)} and {spelt(other)} are the same setting: give one of them")
        if other in renamed:
            renamed[field] = renamed.pop(other)
    return renamed


def option_fields() -> list[str]:
    """The fields that are options: all except derived ones."""
    return [*settings_where(derived=False)]
