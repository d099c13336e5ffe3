"""Check format, lint, types and floors, then run a module: `python tests/check.py [pytest ARGUMENTS]`.

All of them run even if one fails. A failed check prints what it found, and the exit code is 1 if any failed.
Standard library only: the checkers are those of this interpreter's environment.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).parents[1]
BIN = Path(sys.executable).parent
CHECKS = {
    "format": ("ruff", "format", "--check", "--diff", "."),
    "lint": ("ruff", "check", "."),
    "types": ("mypy",),
    "floors": ("lint-imports", "--no-cache"),
}


def main(module: Sequence[str]) -> int:
    """Run the checks side by side, then `python -m` with `module` and its arguments, if any."""
    failed = []
    running = {name: _start(BIN / program, *arguments) for name, (program, *arguments) in CHECKS.items()}
    for name, process in running.items():
        found, _ = process.communicate()
        print(f"{name}: {'failed' if process.returncode else 'ok'}", flush=True)
        if process.returncode:
            print(found, flush=True)
            failed.append(name)
    if module and subprocess.run([sys.executable, "-m", *module], cwd=ROOT, check=False).returncode:
        failed.append(module[0])
    if failed:
        # Again at the end: what follows the checks may have printed a lot since.
        print(f"failed: {', '.join(failed)}", file=sys.stderr)
    return 1 if failed else 0


def _start(program: Path, *arguments: str) -> subprocess.Popen[str]:
    if not program.is_file():
        sys.exit(f"{program.name} is not installed beside {sys.executable}; README.md says how to install it")
    return subprocess.Popen(
        [program, *arguments], cwd=ROOT, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
