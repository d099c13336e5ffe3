"""Begins the training of a command, and describes the command for provenance."""

from __future__ import annotations

import shlex
import sys
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
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
    """The session that trains `config`; prints notes from reading its data.

    Nothing is written, so that an error here leaves all files unchanged.
    """
    from xavier_cli.cli.options.data_sets import say_data
    from xavier_cli.training.session import session

    begun = session(config, data_dir, strategy=strategy.value, member_batch=member_batch, note=say)
    if begun.facts:
        say_data(begun.facts)
    return begun


@contextmanager
def force_replaces() -> Iterator[None]:
    """Adds to the refusal of what lies at an output that `--force` replaces it."""
    from xavier_cli.runs.errors import CheckpointError, ResumeError, RunFileError

    try:
        yield
    except CheckpointError:
        raise
    except ResumeError as error:
        raise ResumeError(f"{error}: `--force` replaces it") from None
    except RunFileError as error:
        if error.is_denied:
            raise
        raise RunFileError(error.path, f"{error.reason}: `--force` replaces it") from None


def this_command(command_id: str = "") -> dict[str, Any]:
    """The provenance of the running command; all its files share the id, by default a new one."""
    return {
        "command_id": command_id or uuid.uuid4().hex,
        "command": shlex.join(["xavier", *sys.argv[1:]]),
    }
