"""The option `--member-batch`: how many networks are trained at the same time."""

from __future__ import annotations

from typing import Annotated

import typer

MemberBatchOption = Annotated[
    str,
    typer.Option(
        "--member-batch",
        metavar="N",
        help="Networks trained at a time, the same numbers in less memory; auto: as many as fit.",
    ),
]


def asked_members(text: str) -> int | None:
    """The number that `--member-batch` gives; None for `auto`."""
    if text == "auto":
        return None
    if not (text.isascii() and text.isdigit() and 0 < int(text[:20]) < 2**31):
        raise typer.BadParameter(
            f"`{text}` should be `auto` or a whole number above 0", param_hint="--member-batch"
        )
    return int(text)
