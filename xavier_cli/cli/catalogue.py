"""The commands of `xavier`, one row each: light, so that help and completion read it without loading one."""

from __future__ import annotations

from typing import Literal, NamedTuple

TRAIN, LOOK, COMPARE = "Train", "Look", "Compare"
REPRODUCE, NAMES, MAINTAIN = "Reproduce", "Data and names", "Maintain"


class CommandSpec(NamedTuple):
    """What is known of a command before its module, `commands/NAME.py`, is loaded."""

    section: str
    """The heading that it stands under in `xavier --help`."""
    summary: str
    """What `xavier --help` says of it: the first line of the command's own help, as a test makes sure."""
    reads_runs: bool = False
    """It reads run files whatever it is told, so that the process that does so is started at once."""
    asks_little: bool = False
    """It asks so little of run files that the index may hold all of it: that process may not be needed."""
    runs_code: bool = False
    """It may run code that the user names: training, and looking at one function. All others refuse to."""
    first: Literal["", "runs", "recipes"] = ""
    """What its first argument names, where completion can say so without loading the command."""


COMMANDS = {
    "train": CommandSpec(TRAIN, "Train a network with many seeds, recording every layer.", runs_code=True),
    "sweep": CommandSpec(
        TRAIN, "Train a grid of configurations; an interrupted one resumes.", runs_code=True, first="recipes"
    ),
    "probe": CommandSpec(LOOK, "Measure networks before training, custom ones too.", runs_code=True),
    "show": CommandSpec(
        LOOK, "Show runs in detail: settings, errors, layers, provenance.", reads_runs=True, first="runs"
    ),
    "ls": CommandSpec(LOOK, "List runs, newest first.", reads_runs=True, asks_little=True, first="runs"),
    "check": CommandSpec(
        LOOK, "Diagnose training problems: which layer, since which update.", reads_runs=True, first="runs"
    ),
    "plot": CommandSpec(LOOK, "Plot a figure; prints only its path to stdout.", reads_runs=True),
    "surface": CommandSpec(LOOK, "Compute the loss surface over two weights or directions.", runs_code=True),
    "compare": CommandSpec(
        COMPARE,
        "Compare runs over seeds: mean, CI, significance.",
        reads_runs=True,
        asks_little=True,
        first="runs",
    ),
    "diff": CommandSpec(COMPARE, "Show what differs between two runs.", reads_runs=True, first="runs"),
    "report": CommandSpec(
        COMPARE, "Write a self-contained HTML report of runs.", reads_runs=True, first="runs"
    ),
    "export": CommandSpec(
        COMPARE, "Export runs to csv, json, netcdf, tensorboard, weights.", reads_runs=True, first="runs"
    ),
    "reproduce": CommandSpec(
        REPRODUCE,
        "Reproduce a figure or table of the paper; judge its claims.",
        runs_code=True,
        first="recipes",
    ),
    "svm": CommandSpec(REPRODUCE, "Train the paper's support vector machine on Shapeset."),
    "verify": CommandSpec(REPRODUCE, "Retrain part of a run and compare the numbers.", runs_code=True),
    "data": CommandSpec(NAMES, "List, fetch, verify and show data sets.", runs_code=True),
    "init": CommandSpec(NAMES, "List and show initializers: variance, gain, aliases.", runs_code=True),
    "act": CommandSpec(NAMES, "List and show activations: formula, range, gain, aliases.", runs_code=True),
    "config": CommandSpec(NAMES, "Show settings and where each came from."),
    "bench": CommandSpec(MAINTAIN, "Measure training speed against this machine's limits.", runs_code=True),
    "tag": CommandSpec(MAINTAIN, "Tag runs, or note something about them.", reads_runs=True, first="runs"),
    "rm": CommandSpec(
        MAINTAIN, "Remove runs with their weights and checkpoints.", reads_runs=True, first="runs"
    ),
    "doctor": CommandSpec(MAINTAIN, "Examine a damaged file and say what can be recovered.", reads_runs=True),
    "cache": CommandSpec(MAINTAIN, "Show or clear caches: programs, data, predictions."),
}
"""In the order of `xavier --help`, section by section."""
