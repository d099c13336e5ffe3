"""What the tests of the reader ask it: importable by the process that answers, and fast to import."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path


def question(path: Path) -> str:
    """Stands for HDF5 on a file that makes it crash, hang, or eat all memory."""
    if path.name == "crash":
        os.kill(os.getpid(), signal.SIGSEGV)
    if path.name == "hang":
        while True:
            pass
    if path.name == "wait":
        time.sleep(60)
    if path.name == "memory":
        raise MemoryError
    if path.name == "refused":
        from xavier_cli.runs.errors import NoTrainingError

        raise NoTrainingError(path, "is not ours")
    if path.name == "writes":
        Path("written").write_text("a lot")
    return f"{path} {os.getpid()}"
