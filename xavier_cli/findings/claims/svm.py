"""Judges the claim that a deep network beats a support vector machine on the finite Shapeset (section 5)."""

from __future__ import annotations

from dataclasses import replace

from xavier_cli.findings.claims.errors import SCALE
from xavier_cli.findings.claims.measurements import check_late, described
from xavier_cli.findings.claims.requirements import Evidence, select_runs
from xavier_cli.findings.claims.saturation import TANH_NORMALIZED
from xavier_cli.findings.claims.verdict import Judgement, UndecidedError, Word
from xavier_cli.findings.scores import late_error
from xavier_cli.runs.record import Run
from xavier_cli.runs.svm import SupportVectorMachine
from xavier_cli.statistics.estimate import mean_over_seeds
from xavier_cli.statistics.networks import proportion_interval, proportion_less_mean


def finite_shapeset_beats_svm(material: Evidence) -> Judgement:
    """The machine's test error less the mean of tanh normalized, both from the same images, is above 0.

    By the 95 % CI of the difference, to which the machine adds the binomial error of its one answer per test
    example, the network the variation over seeds; does not hold where it lies below 0. The machine with the
    most training examples of those that have networks beside them.
    """
    machine, run = _pair(material)
    check_late(run)
    errors, tested = late_error(run), len(machine["svm/test_correct"])
    gap = proportion_less_mean(machine.test_error, tested, errors)
    verdict: Word = "holds" if gap.low > 0 else "does_not_hold" if gap.high < 0 else "undecided"
    network, (low, high) = mean_over_seeds(errors), proportion_interval(machine.test_error, tested)
    evidence = (
        f"tanh normalized {100 * network.mean:.1f} %{_interval(network.low, network.high)} over seeds; the "
        f"SVM {100 * machine.test_error:.1f} %{_interval(low, high)} over {tested:,} test examples, with "
        f"C {machine.cost:g} and gamma {machine.gamma:g}{_edge(machine)}; the SVM's error is "
        f"{100 * gap.mean:.1f} points higher{_interval(gap.low, gap.high)} ({machine.examples:,} training "
        f"examples for both, {described(material, run, late=True)})"
    )
    return Judgement(verdict, evidence, 100 * gap.mean, 0.0)


def _interval(low: float, high: float) -> str:
    return f", 95 % [{100 * low:.1f}, {100 * high:.1f}]"


def _pair(material: Evidence) -> tuple[SupportVectorMachine, Run]:
    """The machine with the most examples that has networks from the same images, and these."""
    machines = [each for each in material if isinstance(each, SupportVectorMachine)]
    if not machines:
        raise UndecidedError(
            "needs a support vector machine on the finite Shapeset that the networks learnt from "
            "(`xavier svm`, with scikit-learn); there is none"
        )
    missing = None
    for machine in sorted(machines, key=lambda each: each.examples, reverse=True):
        try:
            (run,) = select_runs(material, [TANH_NORMALIZED], replace(SCALE, data=machine.config.data))
        except UndecidedError as error:
            missing = missing or error
            continue
        learnt = machine.provenance.get("data_sha256")
        if run.data and run.data.sha256 and learnt and run.data.sha256 != learnt:
            raise UndecidedError(f"needs both from the same images; these of {run.config.data} differ")
        return machine, run
    assert missing is not None
    raise missing


def _edge(machine: SupportVectorMachine) -> str:
    """Says so where the best C or gamma is the last that was tried, since there may be a better one."""
    ends = [
        name
        for name, at, tried in zip(
            ("C", "gamma"), machine.best, (machine.config.cost, machine.config.gamma), strict=True
        )
        if at in (0, len(tried) - 1)
    ]
    return f" (at the edge of what was tried: {', '.join(ends)})" if ends else ""
