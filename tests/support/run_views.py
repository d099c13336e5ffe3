"""Every view of runs as a function of two of them, for tests of what a run may lack or hold."""

from dataclasses import replace
from datetime import UTC, datetime

from xavier_cli.export.long import long_records, whole
from xavier_cli.figures.catalogue import KINDS
from xavier_cli.figures.draw import draw, draw_text, rendered
from xavier_cli.figures.request import PlotRequest, UnsuitableRunError
from xavier_cli.findings.best_run import select
from xavier_cli.findings.claims.judging import judge_all
from xavier_cli.findings.comparison import compare
from xavier_cli.report.answer import report_content
from xavier_cli.report.layers import layers_over_time
from xavier_cli.report.page import page
from xavier_cli.runs import schema
from xavier_cli.runs.isolate import Isolation
from xavier_cli.runs.merge import merge_runs
from xavier_cli.views.comparison import comparison_page
from xavier_cli.views.findings import findings_page, has_problems
from xavier_cli.views.run import inside_page
from xavier_cli.views.runs import run_values, runs_page
from xavier_cli.views.training import result_page
from xavier_cli.views.two_runs import diff_page
from xavier_cli.vocabulary import lookup


def _selected(*runs):
    choices, _ = select(runs, ["lr"])
    return comparison_page(compare([choice.run for choice in choices], choices))


def _merged(run, other):
    seeds = tuple(seed + 11 for seed in run.config.seeds)
    arrays = {**run.arrays, "seed": run["seed"] + 11}
    return merge_runs([run, replace(run, config=run.config.with_(seeds=seeds), arrays=arrays)])


TABLES = {
    "ls": lambda *runs: (runs_page(list(runs), datetime.now(UTC)), run_values(runs[0])),
    "show": lambda *runs: inside_page(list(runs)),
    "compare": lambda *runs: comparison_page(compare(runs)),
    "compare --select": _selected,
    "diff": lambda run, other: (diff_page(run, other), diff_page(other, run)),
    "check": lambda *runs: (findings_page(runs), has_problems(runs)),
    "train": lambda run, _: result_page(run, "x"),
    "slider": lambda *runs: layers_over_time(runs),
    "merge": _merged,
}
EXPORTS = {
    "claims": lambda *runs: judge_all(lookup.CLAIMS, runs),
    "csv": lambda run, _: list(long_records(run, "x")),
    "json": lambda run, _: whole(run, "x"),
}


def _drawn(kind, record=None):
    def view(*runs):
        return rendered("x.png", draw(kind, runs, PlotRequest(record=record)).figure)

    return view


FIGURES = {
    f"plot {kind.name}": (kind, _drawn(kind, "last" if "record" in kind.options else None))
    for kind in KINDS.values()
    if kind.draws == "runs"
}
TEXTS = {
    f"plot --term {kind.name}": (lambda *runs, kind=kind: draw_text(kind, runs, PlotRequest(), 80, True))
    for kind in KINDS.values()
    if kind.term
}


def report(*runs):
    """The report, which leaves nobody out."""
    isolation = Isolation()
    text = page(report_content(runs, [], isolation))
    assert isolation.failures == []
    return text


def assert_answers(views, *runs):
    """Each of `views` answers, or says in its own words what the runs lack."""
    for name, view in views.items():
        try:
            view(*runs)
        except UnsuitableRunError:
            assert name.startswith("plot")
        except Exception as error:
            raise AssertionError(f"`{name}` ends in {type(error).__name__}: {error}") from error


def without(run, *names):
    """`run` as a rescued file leaves it that lost these datasets, and what lies on them."""
    kept = {name: array for name, array in run.arrays.items() if name not in names}
    while True:
        needless = [name for name in kept if not schema.with_scales({name}) <= kept.keys()]
        if not needless:
            return replace(run, arrays=kept)
        kept = {name: array for name, array in kept.items() if name not in needless}
