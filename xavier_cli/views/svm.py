"""Builds the output of `svm`: the error of a support vector machine, next to the paper's."""

from __future__ import annotations

from pathlib import Path

from xavier_cli.runs.svm import SupportVectorMachine
from xavier_cli.statistics.networks import proportion_interval
from xavier_cli.views.page import Column, Page, Table, clean

SCHEMA = "xavier.svm/1"
# PAPER §5: the SVM with 100,000 examples, and the error of a depth-5 normalized tanh network on them.
PAPER_EXAMPLES, PAPER_ERROR, PAPER_NETWORK = 100_000, 0.5947, 0.5047


def svm_page(machine: SupportVectorMachine, path: Path) -> Page:
    """The output of `svm`: the machine's error with its interval, the search, and the path of the file."""
    config, tested = machine.config, len(machine["svm/test_correct"])
    low, high = proportion_interval(machine.test_error, tested)
    table = Table(
        (Column("examples", "right"), Column("test error %", "right"), Column("95 % CI"), Column("")),
        (
            (
                f"{machine.examples:,}",
                f"{100 * machine.test_error:.2f}",
                f"{100 * low:.1f} to {100 * high:.1f}",
                "this machine",
            ),
            (f"{PAPER_EXAMPLES:,}", f"{100 * PAPER_ERROR:.2f}", "", "the paper's machine"),
            (f"{PAPER_EXAMPLES:,}", f"{100 * PAPER_NETWORK:.2f}", "", "the paper's tanh normalized, depth 5"),
        ),
    )
    searched = min(machine.examples, config.search_examples)
    vectors = int(machine["svm/support_vectors"].sum())
    notes = (
        f"C {machine.cost:g} and gamma {machine.gamma:g} / (inputs × variance): the best of "
        f"{machine['svm/valid_error'].size} by {config.valid_examples:,} validation examples, searched on "
        f"{searched:,} training examples ({100 * machine.valid_error:.2f} %).",
        f"{vectors:,} training examples are support vectors. CI: binomial, over {tested:,} test examples.",
        clean(str(path)),
    )
    record = {
        "examples": machine.examples,
        "c": machine.cost,
        "relative_gamma": machine.gamma,
        "valid_error": machine.valid_error,
        "test_error": machine.test_error,
        "test_error_low": low,
        "test_error_high": high,
        "support_vectors": vectors,
        "search_examples": searched,
        "path": str(path),
        "paper_examples": PAPER_EXAMPLES,
        "paper_test_error": PAPER_ERROR,
    }
    tried = [
        [cost, gamma, float(error)]
        for cost, errors in zip(config.cost, machine["svm/valid_error"], strict=True)
        for gamma, error in zip(config.gamma, errors, strict=True)
    ]
    return Page(SCHEMA, {**record, "tried": tried}, [record], (table,), notes)
