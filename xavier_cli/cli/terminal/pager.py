"""Shows text that is longer than the terminal through the user's pager."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
from contextlib import suppress

from xavier_cli.cli.terminal.results import results

# Colours pass, the page stays on the screen afterwards, and `q` is all that one has to know.
_DEFAULT = "less -RFX"


def shown_in_pager(text: str) -> bool:
    """Show `text` page by page if stdout is a terminal that it does not fit; False if it was not shown.

    `PAGER` chooses the program; `PAGER=cat` or an empty one shows everything at once.
    """
    stream = results()
    if not stream.isatty() or text.count("\n") < shutil.get_terminal_size((80, 24)).lines:
        return False
    command = shlex.split(os.environ.get("PAGER", _DEFAULT))
    if not command or command == ["cat"] or shutil.which(command[0]) is None:
        return False
    stream.flush()
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=stream, text=True, encoding="utf-8")
    # Whoever leaves the pager early has read enough: a closed pipe is no error of `communicate`.
    with suppress(KeyboardInterrupt):
        process.communicate(text)
    process.wait()
    return True
