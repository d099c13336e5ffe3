"""Runs the command without root's right to read every file, so that permissions count for any user."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

_RIGHTS = "-dac_override,-dac_read_search"


def without_rights(folder: Path, *arguments: object) -> subprocess.CompletedProcess[str]:
    """How `xavier` with these arguments ends in `folder`; skips the test where root keeps the right."""
    before: list[str] = []
    if os.geteuid() == 0:
        before = ["setpriv", f"--bounding-set={_RIGHTS}"]
        if not shutil.which("setpriv") or subprocess.run([*before, "true"], capture_output=True).returncode:
            pytest.skip("root can read every file here, and cannot give up the right to")
    return subprocess.run(
        [*before, sys.executable, "-m", "xavier_cli", *map(str, arguments)],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=300,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2]), "XDG_CONFIG_HOME": os.devnull},
    )
