"""How a command begins to train, and what the file that it writes says of it."""

from __future__ import annotations

import shlex
import sys
import uuid
from pathlib import Path
from typing import TYPE_CHECKING, Any

from xavier_cli.cli.options.running import Strategy
from xavier_cli.cli.terminal.errors import say

if TYPE_CHECKING:
    from xavier_cli.config.run import RunConfig
    from xavier_cli.training.session import Session


def begin_training(
    config: RunConfig, data_dir: Path | None, strategy: Strategy, member_batch: int | None = None
) -> Session:
    """The session that trains `config`; people are told what was done in reading its data.

    Nothing has been written yet: what is refused here leaves everything as it was.
    """
    from xavier_cli.cli.options.data_sets import say_data
    from xavier_cli.training.session import session

    begun = session(config, data_dir, strategy=strategy.value, member_batch=member_batch, note=say)
    if begun.facts:
        say_data(begun.facts)
    return begun


def this_command(command_id: str = "") -> dict[str, Any]:
    """What provenance says of the running command; all its files share the id, by default a new one."""
    return {
        "command_id": command_id or uuid.uuid4().hex,
        "command": shlex.join(["xavier", *sys.argv[1:]]),
    }
