"""How often `check` finds what is wrong, and how often it blames what is well, on networks of their own.

    pytest -m slow -s tests/findings/health/test_counts.py

The networks (`support.sick_and_healthy`) had no part in setting thresholds, and are sick or healthy by what
they were set up to be and by their test error. A sick one is found where its state is *problems found* or
*warnings*; a healthy one is blamed where it is either. Prints both counts, the second with the upper end of
its 95 % Clopper-Pearson interval, and each sickness by itself.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import pytest
from scipy import special
from support.sick_and_healthy import (
    HEALTHY,
    best_of_kinds,
    groups,
    trained,
    turned_out_healthy,
    turned_out_sick,
)

from xavier_cli.findings.health import diagnose
from xavier_cli.runs.record import Run

DATA_DIR = Path(os.environ.get("XAVIER_DATA_DIR", "data"))
BLAMED = ("problems found", "warnings")


def upper_end(k: int, n: int) -> float:
    """The upper end of the 95 % Clopper-Pearson interval of `k` of `n`."""
    return 1.0 if k == n else float(special.betaincinv(k + 1, n - k, 0.975))


def counts(networks: Sequence[tuple[str, Run]]) -> dict[str, list[bool]]:
    """By reason, whether each network that turned out as it was meant to is found or blamed."""
    best = best_of_kinds([run for reason, run in networks if reason == HEALTHY])
    said: dict[str, list[bool]] = {}
    for reason, run in networks:
        turned_out = turned_out_healthy if reason == HEALTHY else turned_out_sick
        if turned_out(run, best):
            diagnosis = diagnose(run)
            said.setdefault(reason, []).append(diagnosis.state in BLAMED)
            if said[reason][-1] == (reason == HEALTHY):
                rules = ", ".join(each.rule.name for each in diagnosis.findings) or "nothing"
                print(f"  {reason}, but {diagnosis.state}: {run.config.file_stem()}: {rules}")
    return said


def test_the_upper_end_is_clopper_and_pearsons():
    assert upper_end(0, 300) == pytest.approx(1 - 0.025 ** (1 / 300))
    assert upper_end(6, 300) == pytest.approx(0.04305, abs=1e-4)


def test_a_network_counts_by_what_it_was_meant_to_be_and_turned_out_as(make_run):
    settings = {"data": "mnist", "width": 8, "depth": 2, "jacobian": False, "only": ["curves"]}
    healthy = make_run(seeds="5", final_error=0.1, **settings)
    slow = make_run(seeds="5", final_error=0.2, lr=0.003, **settings)
    lost = make_run(seeds="5", diverged=[1], lr=3.0, **settings)
    networks = [(HEALTHY, healthy), (HEALTHY, slow), ("rate too high", lost), ("rate too high", healthy)]

    # Neither healthy is what is far from the best of its kind, nor sick what has learnt all the same.
    assert counts(networks) == {HEALTHY: [False], "rate too high": [True]}


@pytest.mark.slow
@pytest.mark.skipif(not (DATA_DIR / "mnist").is_dir(), reason="no mnist folder in XAVIER_DATA_DIR")
def test_the_sick_are_found_and_the_healthy_are_not_blamed():
    said = counts([network for group in groups() for network in trained(group, DATA_DIR)])
    blamed, healthy = sum(said[HEALTHY]), len(said.pop(HEALTHY))
    found, sick = sum(map(sum, said.values())), sum(map(len, said.values()))
    for reason, each in said.items():
        print(f"found {sum(each):>3} of {len(each):>3} sick: {reason}")
    print(f"found {found} of {sick} sick in all")
    print(
        f"blamed {blamed} of {healthy} healthy; 95 % interval up to {100 * upper_end(blamed, healthy):.1f} %"
    )

    assert sick >= 60
    assert healthy >= 300
    assert found >= 0.95 * sick
    assert blamed <= 0.02 * healthy
    assert upper_end(blamed, healthy) <= 0.04
