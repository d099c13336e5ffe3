"""Answers the questions that the reader process is asked, one after another, as data."""

from __future__ import annotations

import json
import math
import os
import resource
import signal
import time
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from xavier_cli.runs import encoding
from xavier_cli.runs.checkpoint import read_checkpoint
from xavier_cli.runs.errors import ResumeError, RunFileError
from xavier_cli.runs.kinds import RESULTS
from xavier_cli.runs.reader import BYTES_PER_SECOND, size_of
from xavier_cli.runs.rescue import examine
from xavier_cli.runs.store import read_result, read_run

MEMORY_BYTES = 2**34
Question = Callable[..., Any]
QUESTIONS: dict[str, Question] = {
    "run": read_run,
    **{kind: partial(read_result, kind=kind) for kind in RESULTS},
    "checkpoint": read_checkpoint,
    "diagnosis": examine,
}
"""What can be asked of a file: each takes a path, and what else the question brings."""


def serve(
    descriptor: int,
    limit: float,
    offered: Mapping[str, object],
    questions: Mapping[str, Question] = QUESTIONS,
) -> None:
    """Answer what comes in over `descriptor`, a line of JSON each, until its other end is closed.

    `offered` is told first, when this process is ready. A question that takes `limit` seconds and more is the
    other end's to give up on; this process ends by itself a while after that, should nobody be there.
    """
    # Reading writes nothing. Where the kernel has no better way, this is what keeps files as they are.
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    _, hard_seconds = resource.getrlimit(resource.RLIMIT_CPU)
    _, hard = resource.getrlimit(resource.RLIMIT_AS)
    most = MEMORY_BYTES if hard == resource.RLIM_INFINITY else min(MEMORY_BYTES, hard)
    resource.setrlimit(resource.RLIMIT_AS, (most, hard))
    # Ctrl-C is the command's to act on.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    encoding.send(descriptor, dict(offered), [])
    with open(descriptor, "rb", closefd=False) as lines:
        for line in lines:
            asked = json.loads(line)
            path = Path(asked["path"])
            seconds = math.ceil(time.process_time() + 2 * (limit + size_of(path) / BYTES_PER_SECOND)) + 5
            resource.setrlimit(resource.RLIMIT_CPU, (seconds, hard_seconds))
            answer: Any
            try:
                # Paths are as the command's: relative to where it is.
                os.chdir(asked["folder"])
                answer = questions[asked["question"]](path, **asked["with"])
            except (RunFileError, ResumeError) as error:
                answer = error
            except OSError as error:
                answer = RunFileError(path, os.strerror(error.errno) if error.errno else str(error))
            except MemoryError:
                answer = RunFileError(path, "asks for too much memory")
            encoding.send(descriptor, *encoding.to_data(answer))
