"""The commands of `xavier`, one row each: light, so that help and completion read it without loading one."""

from __future__ import annotations

from typing import Literal, NamedTuple


class CommandSpec(NamedTuple):
    """What is known of a command before its module, `commands/NAME.py`, is loaded."""

    summary: str
    """What `xavier --help` says of it: the first line of the command's own help, as a test makes sure."""
    reads_runs: bool = False
    """It reads run files whatever it is told, so that the process that does so is started at once."""
    runs_code: bool = False
    """It may run code that the user names: training, and looking at one function. All others refuse to."""
    first: Literal["", "runs", "recipes"] = ""
    """What its first argument names, where completion can say so without loading the command."""


COMMANDS = {
    "train": CommandSpec("Train one configuration, many seeds at a time.", runs_code=True),
    "probe": CommandSpec("Look at networks at initialization, next to theory.", runs_code=True),
    "sweep": CommandSpec(
        "Run a grid of configurations; what is finished is left alone.", runs_code=True, first="recipes"
    ),
    "reproduce": CommandSpec(
        "Reproduce a figure or table of the paper, with a verdict per claim.", runs_code=True, first="recipes"
    ),
    "compare": CommandSpec(
        "Compare runs: mean and interval over seeds, and who differs.", reads_runs=True, first="runs"
    ),
    "plot": CommandSpec("Draw a figure of the paper; its path is all that stdout carries.", reads_runs=True),
    "surface": CommandSpec("Take both losses over a plane of weights.", runs_code=True),
    "check": CommandSpec(
        "Diagnose training problems: which layer, since which update.", reads_runs=True, first="runs"
    ),
    "report": CommandSpec(
        "Make one offline HTML page of runs: answer, table, figures, layers, findings, claims.",
        reads_runs=True,
        first="runs",
    ),
    "show": CommandSpec(
        "Show runs: configuration, origin, curves, layers, search.", reads_runs=True, first="runs"
    ),
    "diff": CommandSpec(
        "Show what differs between two runs: settings, data, origin, numbers.", reads_runs=True
    ),
    "export": CommandSpec(
        "Write runs for other programs: csv, json, netcdf, tensorboard.", reads_runs=True, first="runs"
    ),
    "ls": CommandSpec(
        "List runs, the newest first: seeds, updates, test error, age.", reads_runs=True, first="runs"
    ),
    "data": CommandSpec("The data sets: what there is, where it is, what is in it.", runs_code=True),
    "svm": CommandSpec("Fit a support vector machine to the finite Shapeset."),
    "verify": CommandSpec("Train part of a run again: are the numbers the same?", runs_code=True),
    "bench": CommandSpec("Measure updates per second against this machine's own limits."),
    "doctor": CommandSpec("Say what is wrong with a file, and what can still be read.", reads_runs=True),
    "config": CommandSpec("The settings: values, and where each came from."),
    "cache": CommandSpec("What is kept to be quicker next time: programs, data."),
    "init": CommandSpec("The initializers: law, variance, gain, other names.", runs_code=True),
    "act": CommandSpec("The activations: formula, range, slope, gain, other names.", runs_code=True),
}
"""In the order of `xavier --help`."""
