"""Builds the output of `verify`: whether training again gives the numbers of the file."""

from __future__ import annotations

from collections.abc import Sequence

from xavier_cli.runs.counting import in_words
from xavier_cli.runs.deviation import Deviation
from xavier_cli.runs.record import Run
from xavier_cli.views.deviations import differences_table
from xavier_cli.views.page import Page, clean

SCHEMA = "xavier.verify/1"


def verification_page(run: Run, again: Run, found: Sequence[Deviation], rounding: float) -> Page:
    """The output of `verify`: differences `found` between a run and `again`; up to `rounding` is rounding."""
    path, last = clean(str(run.path)), int(again.updates[-1])
    same = all(each.same_bits for each in found)
    beyond = [each for each in found if each.relative > rounding]
    if same:
        verdict = "Bit-identical."
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
    lost = [
        f"In the {which}, {words}."
        for which, each in (("file", run), ("new run", again))
        if (words := in_words(each))
    ]
    title = f"{path}, trained again: {last:,} of {run.config.updates:,} updates, {seeds}"
    if not run.config.updates:
        title = f"{path}, measured again before training, {seeds}"
    return Page(
        schema=SCHEMA,
        data={
            "run": str(run.path),
            "updates": last,
            "seeds": again.seeds.tolist(),
            "diverged": {"then": int(run.diverged.sum()), "now": int(again.diverged.sum())},
            "same_bits": same,
            "within_rounding": not beyond,
            "rounding": rounding,
            "groups": [vars(each) for each in found],
        },
        records=records,
        tables=(differences_table(found, title),),
        notes=(*notes, *lost),
    )
