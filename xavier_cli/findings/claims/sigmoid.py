"""Judges claims about sigmoid networks (section 3.1): the top layer at 0, chance level, escape at depth 4."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from xavier_cli.findings.claims.constant_answer import OneAnswer, class_entropy, gives_one_answer
from xavier_cli.findings.claims.measurements import Crossing, described, first_time, late, spacing
from xavier_cli.findings.claims.paper_scale import PAPER_SCALE, of_paper_width
from xavier_cli.findings.claims.requirements import (
    Evidence,
    NetworkKind,
    Requirements,
    select_runs,
    select_runs_on_each,
)
from xavier_cli.findings.claims.verdict import (
    Judgement,
    UndecidedError,
    count,
    in_every_seed,
    span,
    together,
    with_interval,
)
from xavier_cli.findings.scores import late_error
from xavier_cli.runs.counting import ERRORS
from xavier_cli.runs.record import Run
from xavier_cli.statistics.estimate import late_records, mean_over_seeds

DEPTH_5 = NetworkKind("sigmoid", "standard")
FROM_RBM = DEPTH_5._replace(pretrain="rbm")
DEPTH_4 = NetworkKind("sigmoid", "standard", 4)
RATES = (0.03, 0.3)
UPDATES = 20_000
_MEAN, _SATURATED, _CORRECT = "activation/mean", "activation/saturated", "final/test_correct"
_BIAS, _WEIGHTS = "logits/from_bias_std", "logits/from_weights_std"

TOP_BELOW, FOURTH_ABOVE, THIRD_OVER_SECOND = 0.05, 0.65, 0.03
"""The first is where a sigmoid is saturated (STATISTICS §1)."""
LOSS_WITHIN = 0.02
"""Nats around the classes' entropy, the loss of the best constant answer."""
EARLY, RECORD_EVERY = 2_000, 50
"""Up to which update, and how finely, it is looked at what comes first."""
MOST_SATURATED = 0.05
TOP_FELL_BELOW = 0.1
"""Figure 2: the top layer of depth 4 falls below it."""
ESCAPED_ERROR = 0.60
"""Half way between chance, 83 %, and the 35 % at the end of Figure 11."""


def sigmoid_top_layer_saturates(material: Evidence) -> Judgement:
    """Layer 5's mean is below 0.05, layer 4's above 0.65, layer 3's exceeds 2's by 0.03, in every seed."""
    arrays = (_MEAN, _SATURATED)
    (run,) = select_runs(material, [DEPTH_5], Requirements(UPDATES, rates=RATES, arrays=arrays))
    means, saturated = late(run, _MEAN), late(run, _SATURATED)
    second, third, fourth, top = means[:, 1], means[:, 2], means[:, 3], means[:, 4]
    passes = (top < TOP_BELOW) & (fourth > FOURTH_ABOVE) & (third - second > THIRD_OVER_SECOND)
    evidence = (
        f"mean activations: layer 5 {span(top, 3)} ({span(100 * saturated[:, 4], 0)} % of it saturated), "
        f"layer 4 {span(fourth)} ({span(100 * saturated[:, 3], 0)} %), layer 3 less layer 2 "
        f"{span(third - second, 3)}; as claimed in {count(passes)} ({described(material, run, late=True)})"
    )
    return Judgement(in_every_seed(passes, run.diverged), evidence, float(top.mean()), TOP_BELOW)


def sigmoid_depth_5_has_not_left_chance(material: Evidence) -> Judgement:
    """At least 99 % of the answers are one class, and the loss is within 0.02 of chance, in every seed.

    The loss is the late mean on validation examples, and chance the entropy of the classes. This is said of
    the last update only: depth 4, which escapes in the paper, looks the same at laptop length.
    """
    scale = Requirements(UPDATES, rates=RATES, arrays=(_CORRECT,))
    (run,) = select_runs(material, [DEPTH_5], scale)
    loss, (passes, fails) = late(run, "curves/valid_loss"), _at_chance(run)
    entropy, one_answer = class_entropy(run.config.data), gives_one_answer(run[_CORRECT], run.config.data)
    evidence = (
        f"by update {run.updates[-1]:,} validation loss {span(loss, 3)}, the classes' entropy {entropy:.3f}; "
        f"99 % of the predictions or more are one class in {count(one_answer.yes)}, told by which test "
        f"images are right (late errors take {_late_errors(run)} values over all seeds); test error "
        f"{span(100 * run['curves/test_error'][:, -1], 1)} %; at chance in {count(passes)}"
        f"{_beside_depth_4(material, scale)}; that it never escapes is undecided "
        f"({described(material, run, late=True)})"
    )
    statistic = float(np.abs(loss - entropy).max())
    word = in_every_seed(passes, run.diverged, fails)
    return Judgement(word, evidence, statistic, LOSS_WITHIN)


def _late_errors(run: Run) -> int:
    """How many pairs of validation and test error the late records have: as many as there are answers.

    A constant answer errs on the same examples whenever it is given. The last record is taken on all test
    examples, and left out.
    """
    curves = [run[f"curves/{name}"][:, -late_records(len(run.updates)) : -1] for name in ERRORS]
    return len(np.unique(np.stack(curves, axis=-1).reshape(-1, len(ERRORS)), axis=0))


def _at_chance(run: Run) -> OneAnswer:
    """Which seeds are at chance by their loss and their answers, and which certainly are not; `(S,)`."""
    near = np.abs(late(run, "curves/valid_loss") - class_entropy(run.config.data)) <= LOSS_WITHIN
    yes, no = gives_one_answer(run[_CORRECT], run.config.data)
    return OneAnswer(near & yes, ~near | no)


def _beside_depth_4(material: Evidence, scale: Requirements) -> str:
    """What the same rule says of depth 4, which escapes in the paper; empty where there is none."""
    try:
        (run,) = select_runs(material, [DEPTH_4], scale)
        return f", and of depth 4, which escapes in the paper, in {count(_at_chance(run).yes)}"
    except UndecidedError:
        return ""


def sigmoid_leans_on_biases_first(material: Evidence) -> Judgement:
    """The logits' std from biases passes that from weights before layer 5's mean has halved, in every seed.

    Looked at to update 2,000, at records 50 updates apart at most; it does not hold where in no seed. A seed
    tells nothing where both come between the same two records, or where the mean has not halved by then.
    """
    scale = Requirements(EARLY, rates=RATES, every=(RECORD_EVERY, EARLY), arrays=(_BIAS, _WEIGHTS, _MEAN))
    (run,) = select_runs(material, [DEPTH_5], scale)
    early, seeds = run.updates <= EARLY, np.arange(len(run.seeds))
    top, bias, weights = (run[path].astype(np.float64) for path in (_MEAN, _BIAS, _WEIGHTS))
    top = top[..., 4]
    fell = (top <= top[:, :1] / 2) & early
    half, passed = first_time(run, fell), first_time(run, (bias > weights) & early)
    passes = passed.before(half) & half.happened
    contradicts = half.before(passed) | ~passed.happened
    record = np.where(half.happened, fell.argmax(axis=1), int(early.sum()) - 1)
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = (bias / weights)[seeds, record]
    evidence = (
        f"layer 5's mean has halved {half.in_words(EARLY)}, when the logits' std over classes from biases is "
        f"{span(ratio)} of that from weights; it passes it {passed.in_words(EARLY)} ({spacing(run, EARLY)}), "
        f"first in {count(passes)} ({described(material, run)})"
    )
    word = in_every_seed(passes, run.diverged, contradicts)
    return Judgement(word, evidence, float(ratio.mean()), 1.0)


def sigmoid_from_rbm_does_not_saturate(material: Evidence) -> Judgement:
    """Under 5 % of every layer is saturated at every record, in every seed, on every data set given.

    The control is the sigmoid network that was not pre-trained, trained alike: where it does not saturate
    either in some layer of every seed, a network from RBMs that does not decides nothing.
    """
    words, parts, worst = [], [], []
    scale = Requirements(1000, 100, data="mnist", arrays=(_SATURATED,))
    for plain, run in select_runs_on_each(material, [DEPTH_5, FROM_RBM], scale):
        highest, control = (each[_SATURATED].max(axis=1).astype(np.float64) for each in (run, plain))
        passes = (highest < MOST_SATURATED).all(axis=1)
        saturates = (control >= MOST_SATURATED).any(axis=1)
        word = in_every_seed(passes, run.diverged)
        tells = word == "does_not_hold" or in_every_seed(saturates, plain.diverged) == "holds"
        words.append(word if tells else "undecided")
        worst.append(float(highest.max(axis=1).mean()))
        parts.append(
            f"on {run.config.data} the most saturated of layers 1-{run.config.depth} at any record, %: "
            f"{_shares(highest)}, late {_shares(late(run, _SATURATED))}; not pre-trained {_shares(control)}, "
            f"late {_shares(late(plain, _SATURATED))}; under {100 * MOST_SATURATED:g} % in {count(passes)} "
            f"({described(material, run, late=True)})"
        )
    return Judgement(together(words), "; ".join(parts), max(worst), MOST_SATURATED)


def _shares(layers: np.ndarray) -> str:
    """Means over seeds of shares, `(S, L)`, in percent: `0 0 3 12 40`."""
    return " ".join(f"{100 * share:.0f}" for share in layers.mean(axis=0))


def sigmoid_from_rbm_learns(material: Evidence) -> Judgement:
    """An estimate, since the paper gives no number: the late test error, beside the control's and chance."""
    parts, errors = [], []
    for plain, run in select_runs_on_each(
        material, [DEPTH_5, FROM_RBM], Requirements(1000, 100, data="mnist")
    ):
        own, other = (mean_over_seeds(100 * late_error(each)) for each in (run, plain))
        errors.append(own.mean)
        parts.append(
            f"on {run.config.data} test error from RBMs {with_interval(own, 1)} %, not pre-trained "
            f"{with_interval(other, 1)} %, at chance {100 * run.facts.guessing_error:.1f} % "
            f"({described(material, run, late=True)})"
        )
    return Judgement("estimate", "; ".join(parts), max(errors))


def sigmoid_depth_4_escapes(material: Evidence) -> Judgement:
    """Layer 4's mean falls below 0.1, and later the test error below 60 %, for good, in every seed.

    Where networks narrower than the paper's do not escape, it is undecided.
    """
    scale = replace(PAPER_SCALE, arrays=(_MEAN,))
    (run,) = select_runs(material, [DEPTH_4], scale)
    fell, error = _fell(run), late_error(run)
    passes = fell.happened & (error < ESCAPED_ERROR)
    evidence = (
        f"layer 4's mean is below {TOP_FELL_BELOW} {fell.in_words()}, at the lowest "
        f"{span(run[_MEAN][:, :, 3].min(axis=1), 3)}; the late test error is {span(100 * error, 1)} %; "
        f"saturated and escaped in {count(passes)} ({described(material, run, late=True)})"
    )
    word = in_every_seed(passes, run.diverged)
    return of_paper_width(Judgement(word, evidence, float(error.mean()), ESCAPED_ERROR), run)


def _fell(run: Run) -> Crossing:
    """When layer 4's mean was first below 0.1, `(S,)`."""
    return first_time(run, run[_MEAN][:, :, 3] < TOP_FELL_BELOW)
