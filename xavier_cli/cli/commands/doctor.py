"""`xavier doctor`: what is wrong with a file, and what of it can still be read."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from xavier_cli.cli.terminal.errors import say
from xavier_cli.cli.terminal.output import FormatOption, check_output, show_page
from xavier_cli.errors import ExitCode
from xavier_cli.views.page import Column, Page, Table, clean

if TYPE_CHECKING:
    from xavier_cli.runs.rescue import Diagnosis

SCHEMA = "xavier.doctor/1"


def doctor(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="Run, probe, surface or checkpoint.")],
    rescue: Annotated[
        bool, typer.Option("--rescue", help="Write what can be read to the new file that `-o` names.")
    ] = False,
    format: FormatOption = None,
    output: Annotated[
        Path | None,
        typer.Option(
            "--output",
            "-o",
            help="File to write the answer to; with `--rescue`, the new run file.",
            show_default=False,
        ),
    ] = None,
) -> None:
    """Say what is wrong with a file, and what can still be read.

    xavier doctor runs/NAME.h5

    xavier doctor runs/NAME.h5 --rescue -o rescued.h5

    Ends with exit code 0 where the file is whole, 4 where part of it can be read, 5 where nothing can.
    """
    if output is not None:
        check_output(output)
    if rescue:
        _check_rescue(output)
    from xavier_cli.runs.errors import RunFileError
    from xavier_cli.runs.reader import examine, shared_reader
    from xavier_cli.runs.rescue import Diagnosis

    found = examine(file)
    if isinstance(found, RunFileError):
        # Looking at it ended the process that did, or took too long.
        found = Diagnosis(file, "unknown", False, found.reason)
    protection = shared_reader().protection
    if not (protection["landlock"] or protection["seccomp"]):
        say("this kernel has neither Landlock nor seccomp: only limits hold the process that reads files")
    show_page(diagnosis_page(found, rescue), format, None if rescue else output)
    if rescue and output is not None:
        _rescue(found, output)
    if not found.is_whole:
        raise typer.Exit(ExitCode.IN_PART if found.good else ExitCode.NO_INPUT)


def _check_rescue(output: Path | None) -> None:
    if output is None:
        raise typer.BadParameter("name the new file with `-o NEW.h5`", param_hint="--rescue")
    if output.exists() or output.is_symlink():
        raise typer.BadParameter(f"`{output}` exists; name a new file", param_hint="--output")


def _rescue(found: Diagnosis, output: Path) -> None:
    if found.rescued is None:
        why = "the file is whole" if found.is_whole else found.missed or "nothing in it can be believed"
        say(f"xavier: nothing to rescue: {clean(why)}")
        return
    from xavier_cli.files.locks import lock_output
    from xavier_cli.runs.store import write_run

    with lock_output(output):
        write_run(output, found.rescued)
    if filled := found.rescued.provenance["rescued"].get("filled_with_nan"):
        say(f"not known and filled with NaN: {', '.join(filled)}")
    say(f"wrote {clean(str(output))}")


def diagnosis_page(found: Diagnosis, rescue: bool = False) -> Page:
    """The answer of `doctor`; without `rescue` it says how to rescue what there is."""
    wrong = [part for part in found.parts if part.state != "whole"]
    count = len(found.parts)
    facts = [
        ("file", str(found.path)),
        ("is", f"a {found.kind}" if found.kind != "unknown" else "nothing that can be told"),
        *([("holds", found.about)] if found.about else []),
        ("state", "whole" if found.is_whole else "damaged"),
        *([("problem", found.problem)] if found.problem else []),
        *([("datasets", f"{found.good} of {count} can be read")] if count else []),
    ]
    tables = [Table((Column("doctor"), Column("", wraps=True)), tuple(facts))]
    if wrong:
        rows = tuple((part.name, part.state, part.reason) for part in wrong)
        tables.append(Table((Column("dataset"), Column("state"), Column("reason", wraps=True)), rows))
    data: dict[str, object] = {
        "file": str(found.path),
        "kind": found.kind,
        "whole": found.is_whole,
        "problem": found.problem or None,
        "about": found.about or None,
        "datasets": count,
        "readable": found.good,
        "can_be_rescued": found.rescued is not None,
    }
    strangers = list(found.strangers)
    return Page(
        schema=SCHEMA,
        data={**data, "parts": [vars(part) for part in found.parts], "not_ours": strangers},
        records=[{"file": str(found.path), **vars(part)} for part in found.parts] or [data],
        tables=tuple(tables),
        notes=tuple(_notes(found, rescue)),
    )


def _notes(found: Diagnosis, rescue: bool) -> list[str]:
    notes = []
    if found.is_whole and found.parts:
        notes.append("Every dataset is as its digest says.")
    if any(part.state == "recomputed" for part in found.parts):
        notes.append("Recomputed: follows from the rest, and its digest says that it is the same.")
    if found.strangers:
        notes.append(f"Passed over, since it is not ours: {', '.join(found.strangers)}.")
    if found.missed:
        notes.append(f"Nothing to rescue: {found.missed}.")
    if found.rescued is not None and not rescue:
        notes.append("`--rescue -o NEW.h5` writes a new file with what can be read.")
    if found.kind == "checkpoint" and not found.is_whole:
        notes.append(
            "Training goes on from the one before (`.ckpt.1`) where there is one, else from the start."
        )
    return notes
