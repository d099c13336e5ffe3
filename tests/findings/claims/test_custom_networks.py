"""Claims about custom networks: made to hold, made to fail, and undecided."""

from __future__ import annotations

import math
import re
from dataclasses import replace

import numpy as np
import pytest
from support.claim_material import first_seeds
from support.custom_networks import convolutions, holding, residual, transformer

from xavier_cli.findings.claims.judging import judge
from xavier_cli.vocabulary import lookup

CONVOLUTIONS = "relu-convolutions-of-30-layers-learn-under-he"
RESIDUAL = "residual-signals-explode-without-normalization"
NORMS = "pre-norm-gradients-fall-with-depth"
ALL = (CONVOLUTIONS, RESIDUAL, NORMS)
NOT, OPEN = "does_not_hold", "undecided"
HE, GLOROT = convolutions("he_normal", (0.7, 0.55)), convolutions("glorot_normal", (0.9, 0.9))
GROWS, STAYS = residual(1.9), residual(1.0, zero=True)


def norms(pre=-0.42, post=0.01, depths=(2, 4, 8, 16), **settings):
    each = {"pre": pre, "post": post}
    return [transformer(norm, depth, power, **settings) for norm, power in each.items() for depth in depths]


def with_one_seed(run, path, change):
    """`run` with other numbers in its first seed."""
    array = np.array(run[path], np.float64)
    array[0] = change(array[0])
    return replace(run, arrays={**run.arrays, path: array})


@pytest.mark.parametrize("name", ALL)
def test_a_claim_holds_where_it_should(name):
    verdict = judge(name, holding())

    assert verdict.verdict == "holds", verdict.evidence
    assert math.isfinite(verdict.statistic)
    assert verdict.paper == lookup.CLAIMS[name].source
    assert "N = 5" in verdict.evidence
    assert "\n" not in verdict.evidence


@pytest.mark.parametrize(
    ("name", "runs"),
    [
        (CONVOLUTIONS, [convolutions("he_normal", (0.9, 0.9)), convolutions("glorot_normal", (0.7, 0.55))]),
        (CONVOLUTIONS, [convolutions("he_normal", (0.9, 0.9)), GLOROT]),
        (CONVOLUTIONS, [HE, convolutions("glorot_normal", (0.7, 0.6))]),
        (RESIDUAL, [residual(1.0), STAYS]),
        (RESIDUAL, [residual(1.3), STAYS]),
        (RESIDUAL, [GROWS, residual(1.9, zero=True)]),
        (RESIDUAL, [GROWS, residual(0.6, zero=True)]),
        (NORMS, norms(pre=0.01, post=-0.42)),
        (NORMS, norms(pre=0.0)),
        (NORMS, norms(post=-0.5)),
        (NORMS, norms(post=0.5)),
        (NORMS, norms(pre=-1.0)),
    ],
)
def test_a_claim_does_not_hold_for_what_is_wrong(name, runs):
    verdict = judge(name, runs)

    assert verdict.verdict == NOT, verdict.evidence


@pytest.mark.parametrize(
    ("name", "runs"),
    [
        (CONVOLUTIONS, [HE, with_one_seed(GLOROT, "curves/test_error", lambda curve: curve - 0.2)]),
        (CONVOLUTIONS, [with_one_seed(HE, "curves/test_error", lambda curve: 0.9 + 0 * curve), GLOROT]),
        (RESIDUAL, [with_one_seed(GROWS, "entering/std", lambda each: 1 + 0 * each), STAYS]),
        (NORMS, norms(pre=-0.25)),
        (NORMS, norms(post=-0.25)),
        (NORMS, norms(post=0.25)),
    ],
)
def test_what_only_some_seeds_say_or_lies_on_the_line_is_undecided(name, runs):
    if name == RESIDUAL:
        runs[0] = with_one_seed(runs[0], "entering/mean", lambda each: 1 + 0 * each)
    verdict = judge(name, runs)

    assert verdict.verdict == OPEN, verdict.evidence
    assert math.isfinite(verdict.statistic)


@pytest.mark.parametrize("name", ALL)
def test_four_seeds_decide_nothing(name):
    verdict = judge(name, [first_seeds(run, 4) for run in holding()])

    assert verdict.verdict == OPEN
    assert re.search("with 5 seeds or more; these have at most 4; so far .*N = 4", verdict.evidence)
    assert math.isnan(verdict.statistic)


@pytest.mark.parametrize("name", ALL)
def test_without_its_networks_a_claim_says_what_it_needs(name, make_run):
    for runs in ([], [make_run(only=("curves",))]):
        verdict = judge(name, runs)

        assert verdict.verdict == OPEN
        assert verdict.evidence.startswith("needs ")
        assert verdict.evidence.endswith("there is none")
        assert "width" not in verdict.evidence


def test_a_short_training_decides_nothing():
    short = [convolutions(init, (0.7, 0.5), updates=500) for init in ("he_normal", "glorot_normal")]

    assert judge(CONVOLUTIONS, short).evidence.endswith("with 2,000 updates or more; these have at most 500")


@pytest.mark.parametrize(
    ("name", "runs", "missing"),
    [
        (CONVOLUTIONS, [HE, HE], "under He's and Glorot's initialization"),
        (CONVOLUTIONS, [HE, convolutions("glorot_normal", (0.9, 0.9), batch_size=10)], "trained alike"),
        (CONVOLUTIONS, [HE, convolutions("lecun_normal", (0.9, 0.9))], "Glorot's"),
        (RESIDUAL, [GROWS], "with and without zeros"),
        (RESIDUAL, [residual(1.9, by="normalized"), STAYS], "with and without zeros"),
        (RESIDUAL, [residual(1.9, 8), residual(1.0, 8, zero=True)], "10 blocks or more"),
        (RESIDUAL, [residual(1.0, normalized=True), STAYS], "without normalization"),
        (NORMS, norms(depths=(2, 16)), "of 3 depths or more"),
        (NORMS, norms(depths=(4, 6, 8)), "4 times as deep"),
        (NORMS, [*norms()[:4], *norms(depths=(3, 5, 9, 17))[4:]], "of 3 depths or more"),
        (NORMS, norms(by="he_normal"), "under Glorot's initialization"),
    ],
)
def test_networks_of_another_kind_decide_nothing(name, runs, missing):
    verdict = judge(name, runs)

    assert verdict.verdict == OPEN, verdict.evidence
    assert missing in verdict.evidence


def test_what_the_networks_own_code_draws_is_known_by_its_numbers():
    own = [
        convolutions("network", errors, by=by)
        for by, errors in {"he_normal": (0.7, 0.55), "glorot_normal": (0.9, 0.9)}.items()
    ]
    spelt = [
        replace(run, config=run.config.with_(net=f"{run.config.net},init={by}"))
        for run, by in zip(own, ("he_normal", "glorot_normal"), strict=True)
    ]

    assert judge(CONVOLUTIONS, spelt).verdict == "holds"


def test_the_deepest_networks_decide():
    shallow = [residual(1.0, 10), residual(1.0, 10, zero=True)]

    assert judge(RESIDUAL, [*shallow, GROWS, STAYS]).verdict == "holds"
    assert judge(RESIDUAL, shallow).verdict == NOT


def test_a_custom_network_does_not_answer_for_a_perceptron():
    runs = [
        replace(run, config=run.config.with_(act="relu", init=init))
        for run, init in ((HE, "he_normal"), (GLOROT, "normalized"))
    ]

    assert judge("relu-at-depth-30-learns-under-he", runs).evidence.endswith("there is none")
