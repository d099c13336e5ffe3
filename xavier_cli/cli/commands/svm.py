"""Implements `xavier svm`: the error of a support vector machine on the finite Shapeset, with the paper's."""

from __future__ import annotations

from typing import Annotated

import typer

from xavier_cli.cli.options.running import QuietOption
from xavier_cli.cli.terminal.errors import say
from xavier_cli.cli.terminal.output import FormatOption, OutputOption, check_output, show_page


def svm(
    examples: Annotated[int, typer.Option("--examples", help="number of training examples")] = 10_000,
    quiet: QuietOption = False,
    format: FormatOption = None,
    output: OutputOption = None,
) -> None:
    """Train the paper's support vector machine on Shapeset.

    Its kernel is RBF; C and gamma are the best of a small grid on 2,000 validation examples, and the error
    is on the 10,000 test examples. Learns from the same images as `xavier train --data shapeset:EXAMPLES`.
    The time grows with the square of the examples: the paper's 100,000 take many hours.
    """
    from xavier_cli.cli.options.data_sets import asked_for, finite_set
    from xavier_cli.training.svm import fit_svm, require_sklearn
    from xavier_cli.views.svm import svm_page

    if output is not None:
        check_output(output)
    asked = asked_for(f"shapeset:{examples}")
    require_sklearn()
    finite, _ = finite_set(asked, None)
    result = fit_svm(finite, asked.coding, (lambda _: None) if quiet else say)
    show_page(svm_page(result), format, output)
