"""Defines the options of running that several commands share."""

from __future__ import annotations

import os
import re
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from xavier_cli.cli.terminal.help_pages import DATA, OUTPUT, RUNNING
from xavier_cli.config.layers import DEVICE_VARIABLE

if TYPE_CHECKING:
    from xavier_cli.runs.weights import Saved

# A year; timers of the system take no more than some decades.
_LONGEST = 366 * 86_400

QuietOption = Annotated[bool, typer.Option("--quiet", "-q", help="hide progress", rich_help_panel=OUTPUT)]

DataDirOption = Annotated[
    Path | None,
    typer.Option(
        "--data-dir", envvar="XAVIER_DATA_DIR", help="folder of the data sets' files", rich_help_panel=DATA
    ),
]

ReplaceOption = Annotated[
    bool, typer.Option("--force", help="replace an existing file", rich_help_panel=OUTPUT)
]


class Strategy(StrEnum):
    """How members are distributed over the hardware."""

    AUTO = "auto"
    MAP = "map"
    VMAP = "vmap"
    SHARDED = "sharded"


StrategyOption = Annotated[
    Strategy,
    typer.Option("--strategy", help="how networks are laid out on the hardware", rich_help_panel=RUNNING),
]


def _choose_device(text: str | None) -> str | None:
    if text is not None:
        word = text.strip().lower()
        if word not in ("cpu", "gpu") and not _is_number(word):
            kind, _, number = word.partition(":")
            # As PyTorch and JAX write them.
            is_gpu = kind in ("cuda", "gpu", "rocm")
            meant = number if is_gpu and _is_number(number) else "gpu" if is_gpu else ""
            question = f": did you mean `{meant}`?" if meant else ""
            raise typer.BadParameter(f"`{text}` should be cpu, gpu or the number of a GPU{question}")
        # In the environment, which the worker processes of a sweep inherit.
        os.environ[DEVICE_VARIABLE] = text = word
    return text


def _is_number(text: str) -> bool:
    """Whether `text` numbers a device."""
    return text.isascii() and text.isdigit() and len(text) < 5


DeviceOption = Annotated[
    str | None,
    typer.Option(
        "--device",
        metavar="cpu|gpu|N",
        envvar=DEVICE_VARIABLE,
        callback=_choose_device,
        help="where to compute; N: GPU number N [default: a GPU where JAX finds one]",
        show_default=False,
        show_envvar=False,
        rich_help_panel=RUNNING,
    ),
]
"""Acts when it is read, so that commands declare it and do not use its value."""


def parse_seconds(text: str | None) -> float | None:
    """The seconds in `2h`, `1h30m` or `90s`; None without a limit."""
    if text is None:
        return None
    match = re.fullmatch(r"(?:(\d+)d)?(?:(\d+)h)?(?:(\d+)m)?(?:(\d+(?:\.\d+)?)s?)?", text.strip(), re.ASCII)
    units = zip(match.groups(default="0") if match else "0000", (86_400, 3600, 60, 1), strict=True)
    seconds = sum(float(number) * unit for number, unit in units)
    if not 0 < seconds <= _LONGEST:
        raise typer.BadParameter(f"`{text}` should be a time like 2h, 1h30m or 90s")
    return seconds


MaxTimeOption = Annotated[
    float | None,
    typer.Option(
        "--max-time",
        metavar="TIME",
        parser=parse_seconds,
        help="stop after this time, as by Ctrl-C; resumable: 2h, 1h30m, 90s [default: no limit]",
        show_default=False,
        rich_help_panel=RUNNING,
    ),
]

MemberBatchOption = Annotated[
    str,
    typer.Option(
        "--member-batch",
        metavar="N",
        help="networks trained at a time: fewer take less memory, same results; auto: as many as fit",
        rich_help_panel=RUNNING,
    ),
]


class SaveWeights(StrEnum):
    """Which networks' weights are kept."""

    FINAL = "final"
    RECORDS = "records"


SaveWeightsOption = Annotated[
    SaveWeights | None,
    typer.Option(
        "--save-weights",
        help="keep the trained weights beside the run (NAME.weights.npz): final, or at all records",
        show_default=False,
        rich_help_panel=OUTPUT,
    ),
]


def saved_weights(asked: SaveWeights | None) -> Saved | None:
    """The word in `--save-weights`, as training takes it."""
    return None if asked is None else "final" if asked is SaveWeights.FINAL else "records"


def asked_members(text: str) -> int | None:
    """The number in `--member-batch`; None for `auto`."""
    if text == "auto":
        return None
    if not (text.isascii() and text.isdigit() and 0 < int(text[:20]) < 2**31):
        raise typer.BadParameter(
            f"`{text}` should be `auto` or a whole number above 0", param_hint="--member-batch"
        )
    return int(text)
