"""Where a configuration's values come from: options, a scale, environment, files, and last the defaults."""

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

PROJECT_FILE = Path("xavier.toml")
ENVIRONMENT = "XAVIER_"
NOT_SETTINGS = ("XAVIER_RUNS_DIR", "XAVIER_DATA_DIR")
"""Variables that commands read and that are no part of a configuration."""
ALSO_CALLED = {"widths": "width"}
OPTIONS_ONLY = ("scale", "config")
"""What says where settings come from, and is typed alone."""


def resolve(settings: Mapping[str, str]) -> RunConfig:
    """The configuration of what was typed, over the environment, files, the scale and the defaults.

    The words and numbers of each layer are judged where they stand, and what settings are together once all
    layers lie over each other. Raises `ConfigError`, which names the settings and where they came from.
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
    """Where values come from, the later before the earlier: a name for the place, and the values from there.

    What was typed has no name. Raises `ConfigError`.
    """
    typed = dict(settings)
    scale, config = typed.pop("scale", None), typed.pop("config", None)
    if scale is not None and scale not in SCALES:
        raise ConfigError(lookup.unknown_message("scale", scale, SCALES))
    like = typed.pop("like", None)
    variables = _environment()
    framework = variables.pop("like", None)
    # The user's own files need not be there; one that was named has to be.
    files = [path for path in (user_file(), PROJECT_FILE) if os.path.exists(path) and not path.is_dir()]
    return [
        *((str(path), _read(path)) for path in (*files, *([Path(config)] if config else []))),
        *_preset(f"{ENVIRONMENT}LIKE", framework, variables),
        *((_variable(field), {field: value}) for field, value in variables.items()),
        *([(f"--scale {scale}", SCALES[scale])] if scale else []),
        # Told apart from what is typed, since `config show` says where values come from.
        *_preset(f"--like {like}", like, typed),
        ("", typed),
    ]


def _preset(source: str, like: str | None, beside: Mapping[str, str]) -> list[tuple[str, Mapping[str, Any]]]:
    """What `like` stands for; raises `ConfigError` where that is set `beside` it as well."""
    if like is None:
        return []
    try:
        whole = without_like({**beside, "like": like})
    except ConfigError as error:
        raise ConfigError(f"{source}: {error}" if source.startswith(ENVIRONMENT) else str(error)) from None
    return [(source, {name: value for name, value in whole.items() if name not in beside})]


def unknown_variables() -> list[str]:
    """A line about each variable of the environment that would be a setting but for its spelling."""
    known = [*map(_spelt, ("like", *option_fields(), *ALSO_CALLED)), *NOT_SETTINGS]
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
    """The settings of this user, for every project; it need not be there."""
    from platformdirs import user_config_path

    return user_config_path("xavier", appauthor=False) / "config.toml"


def _check(source: str, values: Mapping[str, Any]) -> None:
    """Raise `ConfigError`, which names `source`, for what no other layer could make right."""
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
    """Raise `ConfigError` where a folder was typed as a data set, with what would be right.

    Here, since reading what a run recorded looks at no disk.
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
        # The setting's own check says so better.
        return


def _whence(settings: Sequence[str], origins: Mapping[str, str]) -> str:
    """Where settings that collide came from, unless all were typed."""
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
    fields = ("like", *option_fields(), *ALSO_CALLED)
    return by_field({f: os.environ[_spelt(f)] for f in fields if os.environ.get(_spelt(f))}, _spelt)


def _spelt(field: str) -> str:
    return f"{ENVIRONMENT}{field.upper()}"


def _variable(field: str) -> str:
    """The variable that set `field`."""
    others = [_spelt(other) for other, same in ALSO_CALLED.items() if same == field]
    return next((name for name in others if os.environ.get(name)), _spelt(field))


def by_field(values: Mapping[str, Any], spelt: Callable[[str], str]) -> dict[str, Any]:
    """`values` by the names of fields; raises `ConfigError`, `spelt` as they were, where two are one."""
    renamed = dict(values)
    for other, field in ALSO_CALLED.items():
        if other in renamed and field in renamed:
            raise ConfigError(f"{spelt(field)} and {spelt(other)} are one setting: give one of them")
        if other in renamed:
            renamed[field] = renamed.pop(other)
    return renamed


def option_fields() -> list[str]:
    """The fields that are options: all but those that follow from others."""
    return [*settings_where(derived=False)]
