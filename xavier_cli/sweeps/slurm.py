"""Writes the job-array script by which Slurm runs the shards of a sweep. Runs nothing."""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path

# Warning before the time limit: enough to end a segment of training and write a checkpoint.
WARNING_SECONDS = 120

_SCRIPT = """\
#!/bin/bash
# {title}: {cells} cells, in {parts} parts.
# {time}
# What sbatch is given wins over the lines below: sbatch --time=2:00:00 --partition=NAME THIS_FILE
#SBATCH --job-name={name}
#SBATCH --array=1-{parts}
#SBATCH --cpus-per-task={cores}
#SBATCH --output={name}-%A_%a.log
#SBATCH --open-mode=append
#SBATCH --requeue
#SBATCH --signal=B:USR1@{warning}

cd -- {folder} || exit 6
{exports}
# In the background, since bash acts on a signal only between its own commands.
{command} &
sweep=$!
warned=
trap 'warned=yes; kill -USR1 "$sweep"' USR1
trap 'kill -TERM "$sweep"' TERM
wait "$sweep"
# A signal ends `wait` before the sweep has ended; asked again afterwards, it tells the sweep's own exit code.
while kill -0 "$sweep" 2>/dev/null; do
    wait "$sweep"
done
wait "$sweep"
code=$?
# 143: warned that its time is up, it saved its progress. 138: it was warned while it began or ended.
# Either way it is queued again, and resumes.
if [ -n "$warned" ] && {{ [ "$code" -eq 143 ] || [ "$code" -eq 138 ]; }}; then
    scontrol requeue "$SLURM_JOB_ID"
fi
exit "$code"
"""


def script(
    before: Sequence[str],
    after: Sequence[str],
    parts: int,
    *,
    title: str,
    name: str,
    cells: int,
    time: str,
    cores: int,
    folder: Path,
    variables: Mapping[str, str],
) -> str:
    """A script for `sbatch`: an array of `parts` tasks in `folder` that run one shard each.

    The command is `before`, the option `--shard`, and `after`, since the place of the option matters;
    `variables` are environment variables. `title` and `time` are for comments.
    """
    name = re.sub(r"[^\w.-]", "-", f"xavier-{name}", flags=re.ASCII)[:60]
    exports = "".join(f"export {key}={shlex.quote(value)}\n" for key, value in variables.items())
    return _SCRIPT.format(
        title=_one_line(title),
        cells=cells,
        parts=parts,
        time=_one_line(time),
        name=name,
        cores=cores,
        warning=WARNING_SECONDS,
        folder=shlex.quote(str(folder)),
        exports=exports,
        command=f'{shlex.join(before)} --shard "$SLURM_ARRAY_TASK_ID/{parts}" {shlex.join(after)}'.rstrip(),
    )


def _one_line(text: str) -> str:
    """`text` in one line, for a comment: the text after a line break would be a command."""
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())
