"""`xavier svm`: the error of a support vector machine on the finite Shapeset, beside the paper's."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

import typer

from xavier_cli.cli.options.running import QuietOption
from xavier_cli.cli.terminal.errors import say
from xavier_cli.cli.terminal.output import FormatOption, OutputOption, check_output, show_page
from xavier_cli.views.page import Column, Page, Table

SCHEMA = "xavier.svm/1"
# PAPER §5: with 100,000 examples, and what a depth-5 normalized tanh network errs on them.
PAPER_EXAMPLES, PAPER_ERROR, PAPER_NETWORK = 100_000, 0.5947, 0.5047


def svm(
    examples: Annotated[int, typer.Option("--examples", help="Training examples, fixed ones.")] = 10_000,
    quiet: QuietOption = False,
    format: FormatOption = None,
    output: OutputOption = None,
) -> None:
    """Fit a support vector machine to the finite Shapeset.

    Its kernel is RBF; C and gamma are the best of a small grid on 2,000 validation examples, and the error
    is on the 10,000 test examples. Learns from the same images as `xavier train --data shapeset:EXAMPLES`.
    The time grows with the square of the examples: the paper's 100,000 take many hours.
    """
    from xavier_cli.cli.options.gather import asked_for, finite_set
    from xavier_cli.training.svm import fit_svm, require_sklearn

    if output is not None:
        check_output(output)
    asked = asked_for(f"shapeset:{examples}")
    require_sklearn()
    finite, _ = finite_set(asked, None)
    result = fit_svm(finite, asked.coding, (lambda _: None) if quiet else say)
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
    show_page(Page(SCHEMA, record, [flat], (table,), notes), format, output)
