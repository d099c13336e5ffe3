"""`xavier verify`: does training again give what the file says?"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from xavier_cli.cli.options import run_files
from xavier_cli.cli.options.running import DataDirOption, QuietOption
from xavier_cli.cli.terminal.errors import say
from xavier_cli.cli.terminal.output import FormatOption, OutputOption, check_output, show_page
from xavier_cli.errors import ExitCode
from xavier_cli.views.deviations import differences_table
from xavier_cli.views.page import Page, clean

if TYPE_CHECKING:
    from xavier_cli.runs.deviation import Difference
    from xavier_cli.runs.record import Run

SCHEMA = "xavier.verify/1"


def verify(
    run: Annotated[str, typer.Argument(metavar="RUN", help="Run file, or the name of a run.")],
    updates: Annotated[
        int | None,
        typer.Option(
            "--updates", min=0, help="Up to the last record that so many updates reach; default: about 30 s."
        ),
    ] = None,
    seeds: Annotated[
        str | None, typer.Option("--seeds", metavar="SEEDS", help="Of these seeds alone; default: all.")
    ] = None,
    data_dir: DataDirOption = None,
    quiet: QuietOption = False,
    format: FormatOption = None,
    output: OutputOption = None,
) -> None:
    """Train part of a run again: are the numbers the same?

    xavier verify runs/NAME.h5 --updates 3000

    On the machine, versions and layout that the run was trained with, they are the same to the bit. Other
    machines and devices round otherwise, and training makes more of it update by update: differences up to
    0.1 % of an array's largest number count as rounding. Ends with exit code 3 where there are larger ones.
    """
    if output is not None:
        check_output(output)
    read = run_files.read_inputs([run])
    if len(read.runs) != 1:
        raise typer.BadParameter(f"`{run}` is {len(read.runs)} runs; name one", param_hint="RUN")
    original = read.runs[0]
    chosen = _seeds(seeds)

    from xavier_cli.cli.terminal.progress import shown_progress
    from xavier_cli.runs.deviation import differences
    from xavier_cli.training.devices import keep_compiled_programs, prepare_devices
    from xavier_cli.training.engine.loop import TrainingHooks
    from xavier_cli.training.retrain import ROUNDING, train_again

    keep_compiled_programs()
    if note := prepare_devices(len(original.seeds) if chosen is None else len(chosen)):
        say(note)
    with shown_progress(quiet) as report:
        again = train_again(original, data_dir, seeds=chosen, updates=updates, watcher=TrainingHooks(report))
    found = differences(original, again)
    show_page(_page(original, again, found, ROUNDING), format, output)
    if any(each.relative > ROUNDING for each in found):
        raise typer.Exit(ExitCode.ANSWER_IS_NO)


def _seeds(text: str | None) -> tuple[int, ...] | None:
    if text is None:
        return None
    from xavier_cli.config.run import RunConfig

    return RunConfig.of(seeds=text).seeds


def _page(run: Run, again: Run, found: list[Difference], rounding: float) -> Page:
    path, last = clean(str(run.path)), int(again.updates[-1])
    same = all(each.same_bits for each in found)
    beyond = [each for each in found if each.relative > rounding]
    if same:
        verdict = "The same to the bit."
    elif beyond:
        verdict = f"Not the same: {', '.join(each.worst for each in beyond)} beyond rounding."
    else:
        verdict = f"The same up to rounding (differences of at most {rounding:.1%})."
    seeds = "1 seed" if len(again.seeds) == 1 else f"{len(again.seeds)} seeds"
    records = [{"run": str(run.path), **vars(each)} for each in found]
    versions = {
        name: (run.provenance.get(name), again.provenance.get(name)) for name in ("device", "strategy")
    }
    notes = [verdict]
    if not same:
        notes.append(
            "Relative: to the array's largest number; of histograms, the share of values that moved."
        )
    if beyond and last:
        notes.append("Training amplifies rounding: a smaller --updates tells that from an error.")
    notes += [
        f"{name}: {was} then, {now} now; others round otherwise."
        for name, (was, now) in versions.items()
        if was != now
    ]
    title = f"{path}, trained again: {last:,} of {run.config.updates:,} updates, {seeds}"
    return Page(
        schema=SCHEMA,
        data={
            "run": str(run.path),
            "updates": last,
            "seeds": again.seeds.tolist(),
            "same_bits": same,
            "within_rounding": not beyond,
            "rounding": rounding,
            "groups": [vars(each) for each in found],
        },
        records=records,
        tables=(differences_table(found, title),),
        notes=tuple(notes),
    )
