"""Reads a user's style of figures: one of matplotlib's by name, or a file of its settings."""

from __future__ import annotations

import io
import os
import warnings
from pathlib import Path
from typing import Any

import matplotlib

from xavier_cli.errors import ConfigError
from xavier_cli.figures.request import UnsuitableRunError
from xavier_cli.files.text import read_text
from xavier_cli.vocabulary import lookup

# Groups of settings: others choose backends, folders and programs, or belong to `--size` and `--dpi`.
_LOOKS = {
    *("axes", "axes3d", "contour", "errorbar", "font", "grid", "hatch", "image", "legend", "lines"),
    *(
        "figure.facecolor",
        "figure.edgecolor",
        "markers",
        "mathtext",
        "patch",
        "path",
        "text",
        "xaxis",
        "xtick",
        "yaxis",
        "ytick",
    ),
}

# These run LaTeX, with a preamble that may read any file, and draw with objects that no file can hold.
_NO_LOOKS = {"text.usetex", "text.latex.preamble", "path.effects"}


# In points, or shares: anything larger is a slip, and takes all memory.
_LARGEST = 1000


def user_style(word: str) -> dict[Any, Any]:
    """The settings of the style called `word`, or in the file `word`; what is not of looks is left out.

    Raises `UnsuitableRunError` where there is neither, and where the file has a setting that is none of
    matplotlib's.
    """
    # Imported here, since it reads a folder of files.
    from matplotlib import style

    settings = style.library[word] if word in style.library else _of_file(word, style.available)
    looks = {name for name in settings if {name, name.partition(".")[0]} & _LOOKS} - _NO_LOOKS
    chosen = {name: settings[name] for name in settings if name in looks}
    _try(word, chosen)
    return chosen


def _try(word: str, settings: dict[Any, Any]) -> None:
    """Draw a small figure with `settings`, so that what fails is blamed on the style, not on a run."""
    from matplotlib.figure import Figure

    for name, value in settings.items():
        if isinstance(value, float | int) and not abs(value) <= _LARGEST:
            raise UnsuitableRunError(f"--style: `{word}`: {name} should be a number up to {_LARGEST:g}")
    try:
        with matplotlib.rc_context(settings), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            figure = Figure(figsize=(1, 1))
            ax = figure.subplots()
            ax.plot([0, 1], [0, 1], label="x")
            ax.imshow([[0, 1]])
            ax.legend()
            figure.savefig(io.BytesIO(), format="png", dpi=30)
    except Exception as error:  # a style can break matplotlib anywhere
        message = " ".join(str(error).split())[:200]
        raise UnsuitableRunError(f"--style: nothing can be drawn with `{word}`: {message}") from None


def _of_file(path: str, known: list[str]) -> dict[Any, Any]:
    if not os.path.isfile(path):
        message = lookup.unknown_message("style", path, known)
        raise UnsuitableRunError(f"--style: {message}; or name a file of matplotlib's settings")
    try:
        for line in read_text(Path(path)).splitlines():
            name, colon, _ = line.partition("#")[0].partition(":")
            if name.strip() and (not colon or name.strip() not in matplotlib.rcParams):
                shown = " ".join(name.split())[:60]
                raise ConfigError(f"`{path}`: `{shown}` is no setting of matplotlib's")
        return dict(matplotlib.rc_params_from_file(path, fail_on_error=True, use_default_template=False))
    except ConfigError as error:
        raise UnsuitableRunError(f"--style: {error}") from None
    except (OSError, ValueError, RuntimeError) as error:
        message = " ".join(str(error).split())[:200]
        raise UnsuitableRunError(f"--style: `{path}` is no style sheet: {message}") from None
