"""Defines the options of running that several commands share."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

QuietOption = Annotated[bool, typer.Option("--quiet", "-q", help="No progress.")]

DataDirOption = Annotated[
    Path | None,
    typer.Option("--data-dir", envvar="XAVIER_DATA_DIR", help="Folder of the data sets' files."),
]

ReplaceOption = Annotated[bool, typer.Option("--force", help="Replace a file that is there.")]


class Strategy(StrEnum):
    """How members are distributed over the hardware."""

    AUTO = "auto"
    MAP = "map"
    VMAP = "vmap"
    SHARDED = "sharded"


StrategyOption = Annotated[Strategy, typer.Option("--strategy", help="How members are laid on the hardware.")]

MemberBatchOption = Annotated[
    str,
    typer.Option(
        "--member-batch",
        metavar="N",
        help="Networks trained at a time, the same numbers in less memory; auto: as many as fit.",
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
