"""Defines the options `--where` and `--sort`, which filter and sort rows by their values."""

from __future__ import annotations

from typing import Annotated

import typer

WhereOption = Annotated[
    list[str] | None,
    typer.Option(
        "--where",
        metavar="NAME=VALUE",
        help="only runs that match, like act=tanh, 'lr<0.1', 'run=shape*'; of several conditions all; "
        "operators: = != < <= > >=",
        show_default=False,
    ),
]
SortOption = Annotated[
    str | None,
    typer.Option(
        "--sort",
        metavar="NAME",
        help="sort by a setting or result, like test_error; with - in front, the largest first",
        show_default=False,
    ),
]
