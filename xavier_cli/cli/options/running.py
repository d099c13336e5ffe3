"""Defines the options of running that several commands share."""

from __future__ import annotations

import os
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from xavier_cli.cli.terminal.help_pages import DATA, OUTPUT, RUNNING
from xavier_cli.config.layers import DEVICE_VARIABLE

QuietOption = Annotated[bool, typer.Option("--quiet", "-q", help="no progress", rich_help_panel=OUTPUT)]

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
        if text not in ("cpu", "gpu") and not (text.isascii() and text.isdigit() and len(text) < 5):
            raise typer.BadParameter(f"`{text}` should be cpu, gpu or the number of a GPU")
        # In the environment, which the worker processes of a sweep inherit.
        os.environ[DEVICE_VARIABLE] = text
    return text


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

MemberBatchOption = Annotated[
    str,
    typer.Option(
        "--member-batch",
        metavar="N",
        help="networks trained at a time: fewer take less memory, same results; auto: as many as fit",
        rich_help_panel=RUNNING,
    ),
]


def asked_members(text: str) -> int | None:
    """The number in `--member-batch`; None for `auto`."""
    if text == "auto":
        return None
    if not (text.isascii() and text.isdigit() and 0 < int(text[:20]) < 2**31):
        raise typer.BadParameter(
            f"`{text}` should be `auto` or a whole number above 0", param_hint="--member-batch"
        )
    return int(text)
