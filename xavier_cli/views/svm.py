"""Builds the output of `svm`: the error of a support vector machine, next to the paper's."""

from __future__ import annotations

from dataclasses import asdict

from xavier_cli.training.svm import SvmResult
from xavier_cli.views.page import Column, Page, Table

SCHEMA = "xavier.svm/1"
# PAPER §5: the SVM with 100,000 examples, and the error of a depth-5 normalized tanh network on them.
PAPER_EXAMPLES, PAPER_ERROR, PAPER_NETWORK = 100_000, 0.5947, 0.5047


def svm_page(result: SvmResult) -> Page:
    """The output of `svm`."""
    table = Table(
        (Column("examples", "right"), Column("test error %", "right"), Column("")),
        (
            (f"{result.examples:,}", f"{100 * result.test_error:.2f}", "this machine"),
            (f"{PAPER_EXAMPLES:,}", f"{100 * PAPER_ERROR:.2f}", "the paper's machine"),
            (f"{PAPER_EXAMPLES:,}", f"{100 * PAPER_NETWORK:.2f}", "the paper's tanh normalized, depth 5"),
        ),
    )
    notes = (
        f"C {result.c:g} and gamma {result.gamma:.3g}: the best of {len(result.tried)} on validation "
        f"examples ({100 * result.valid_error:.2f} %); {result.support_vectors:,} support vectors.",
    )
    record = {**asdict(result), "paper_examples": PAPER_EXAMPLES, "paper_test_error": PAPER_ERROR}
    flat = {name: value for name, value in record.items() if name != "tried"}
    return Page(SCHEMA, record, [flat], (table,), notes)
