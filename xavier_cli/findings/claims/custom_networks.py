"""Judges claims about convolutions, residual branches and transformers, networks that users bring along."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from xavier_cli.findings.claims.custom_selection import (
    GLOROT,
    HE,
    alike_but_for,
    argument,
    in_blocks,
    is_drawn_by,
    select_networks,
)
from xavier_cli.findings.claims.later_work import learns_where_other_stalls
from xavier_cli.findings.claims.requirements import Evidence, Requirements, choose
from xavier_cli.findings.claims.verdict import (
    Judgement,
    UndecidedError,
    between,
    in_every_seed,
    span,
    together,
    with_interval,
)
from xavier_cli.runs.record import Run
from xavier_cli.statistics.estimate import mean_over_seeds
from xavier_cli.vocabulary.network_info import NetworkInfo

LAYERS, CONVOLUTIONS = 30, 27
"""The 30-layer model of He et al. 2015 has so many convolutions; the others are dense."""
TRAINED = Requirements(2_000, 0)
UNTRAINED = Requirements(0, 0)
BLOCKS = 10
DOUBLING = math.sqrt(2)
"""The growth of variance per block, as far from doubling as from none: the line between the two theories."""
HALF_WAY = 0.25
"""As far from no dependence on the depth as from its inverse square root, as exponents."""
DEPTHS, RATIO = 3, 4
"""A power of the depth is fitted to so many depths at least, over such a range."""


def relu_convolutions_of_30_layers_learn_under_he(material: Evidence) -> Judgement:
    """He's error is lower, paired p < .05, and off chance; Glorot's is at chance; both in every seed.

    At chance means within the 95 % binomial error of it on the examples of a record, by the mean of the late
    records.
    """
    kind = f"{LAYERS} layers or more of ReLU convolutions"
    runs = select_networks(material, _is_relu_convolutions, TRAINED, kind)
    pairs = list[tuple[Run, Run]]()
    for group in alike_but_for(runs, "init"):
        both = [[run for run in group if is_drawn_by(run, names)] for names in (HE, GLOROT)]
        if all(both):
            pairs.append((choose(both[0], TRAINED), choose(both[1], TRAINED)))
    if not pairs:
        raise UndecidedError(f"needs runs of {kind} under He's and Glorot's initialization, trained alike")
    he, glorot = max(pairs, key=lambda pair: (pair[0].config.updates, min(len(run.seeds) for run in pair)))
    return learns_where_other_stalls(material, he, glorot, "Glorot")


def _is_relu_convolutions(network: NetworkInfo, run: Run) -> bool:
    convolutions = [layer for layer in network.layers if layer.kind == "convolution"]
    return (
        len(network.layers) >= LAYERS
        and len(convolutions) >= CONVOLUTIONS
        and all(layer.applied == ("relu",) for layer in convolutions)
        and not _is_normalized(network)
    )


def _is_normalized(network: NetworkInfo) -> bool:
    """Whether there are parameters that are of no layer, such as the scales of a normalization."""
    return any(each.role == "other" for each in network.parameters)


def residual_signals_explode_without_normalization(material: Evidence) -> Judgement:
    """Per block the variance grows by over √2 under He's, and by 1/√2 to √2 with zeros, in every seed.

    Theory says 2, and 1 with zeros as the last weights of the branches: √2 is half-way. Measured where the
    stream enters the first layer of each branch, `blocks/*/first`, behind its activation, as the mean square.
    """
    kind = f"residual networks of {BLOCKS} blocks or more without normalization, with layers `blocks/*/first`"
    scale = Requirements(0, 0, arrays=("entering/mean", "entering/std", "weight/std"))
    runs = select_networks(material, _has_plain_branches, scale, kind)
    pairs = list[tuple[Run, Run]]()
    for group in alike_but_for(runs, "zero"):
        both = [[run for run in group if is_so(run)] for is_so in (_is_all_he, _ends_in_zeros)]
        if all(both):
            pairs.append((choose(both[0], scale), choose(both[1], scale)))
    if not pairs:
        raise UndecidedError(
            f"needs runs of {kind} under He's initialization, with and without zeros as last weights"
        )
    he, zero = max(pairs, key=lambda pair: (pair[0].config.weight_layers, len(pair[0].seeds)))
    growth, kept = _growth(he), _growth(zero)
    words = [
        in_every_seed(growth > DOUBLING, np.zeros(len(growth), bool)),
        in_every_seed((kept > 1 / DOUBLING) & (kept < DOUBLING), np.zeros(len(kept), bool)),
    ]
    blocks = len(in_blocks(_network(he), "first"))
    evidence = (
        f"variance of the stream, per block: times {span(growth)} under He's initialization (2 in theory, "
        f"over {DOUBLING:.2f} wanted), times {span(kept)} with zeros as last weights (1 in theory); over "
        f"{blocks - 1} blocks times {float(np.exp(np.log(growth).mean() * (blocks - 1))):.3g} and "
        f"{float(np.exp(np.log(kept).mean() * (blocks - 1))):.3g} ({_at_start([he, zero])})"
    )
    return Judgement(together(words), evidence, float(np.exp(np.log(growth).mean())), DOUBLING)


def _has_plain_branches(network: NetworkInfo, run: Run) -> bool:
    firsts, lasts = in_blocks(network, "first"), in_blocks(network, "last")
    return len(firsts) == len(lasts) >= BLOCKS and not _is_normalized(network)


def _ends_in_zeros(run: Run) -> bool:
    return not run["weight/std"][:, 0, in_blocks(_network(run), "last")].any()


def _is_all_he(run: Run) -> bool:
    network = _network(run)
    return is_drawn_by(run, HE, [*in_blocks(network, "first"), *in_blocks(network, "last")])


def _growth(run: Run) -> np.ndarray:
    """The factor per block of the mean square that enters the branches, `(S,)`."""
    firsts = in_blocks(_network(run), "first")
    mean, std = (run[f"entering/{what}"][:, 0, firsts].astype(np.float64) for what in ("mean", "std"))
    square = mean**2 + std**2
    return np.asarray((square[:, -1] / square[:, 0]) ** (1 / (len(firsts) - 1)))


def pre_norm_gradients_fall_with_depth(material: Evidence) -> Judgement:
    """The last layer's gradient goes with a power of depth: -3/4 to -1/4 if pre-norm, else -1/4 to 1/4.

    The bounds of the theorem go with the powers -1/2 and 0 of the depth: -1/4 is half-way. Its layer is the
    second dense one of the last block, the last before the classifier. The exponent is fitted in every seed
    to the logarithm of the gradient's norm; it holds where the 95 % t-intervals over seeds lie within.
    """
    kind = "transformers with `norm=pre` and `norm=post` and a `depth`, under Glorot's initialization"
    scale = Requirements(0, 0, arrays=("weight_gradient/mean", "weight_gradient/std"))
    runs = select_networks(material, _is_transformer, scale, kind)
    found = [_by_depth(group) for group in alike_but_for(runs, "norm", "depth")]
    found = [each for each in found if len(each) >= DEPTHS and max(each) >= RATIO * min(each)]
    if not found:
        raise UndecidedError(
            f"needs {kind} of {DEPTHS} depths or more, the deepest {RATIO} times as deep as the least"
        )
    by_depth = max(found, key=lambda each: (max(each), len(each)))
    depths, (pre, post) = list(by_depth), zip(*by_depth.values(), strict=True)
    falls, stays = _exponents(depths, pre), _exponents(depths, post)
    words = [
        between(falls[:, None], [-3 * HALF_WAY], [-HALF_WAY]),
        between(stays[:, None], [-HALF_WAY], [HALF_WAY]),
    ]
    evidence = (
        f"the last layer's gradient goes with the depth to the power {with_interval(mean_over_seeds(falls))} "
        f"under pre-norm (-0.5 in theory, -0.75 to -0.25 wanted) and "
        f"{with_interval(mean_over_seeds(stays))} under post-norm (0 in theory, -0.25 to 0.25 wanted), "
        f"depths {', '.join(map(str, depths))} ({_at_start([*pre, *post])})"
    )
    return Judgement(together(words), evidence, float(falls.mean()), -HALF_WAY)


def _is_transformer(network: NetworkInfo, run: Run) -> bool:
    return (
        argument(run, "norm") in ("pre", "post")
        and isinstance(depth := argument(run, "depth"), int)
        and depth > 0
        and is_drawn_by(run, GLOROT)
    )


def _by_depth(group: Sequence[Run]) -> dict[int, tuple[Run, Run]]:
    """The pre-norm and the post-norm network of every depth that both have, in rising order."""
    found: dict[int, tuple[Run, Run]] = {}
    for depth in sorted({_depth(run) for run in group}):
        alike = [run for run in group if _depth(run) == depth]
        both = [[run for run in alike if argument(run, "norm") == norm] for norm in ("pre", "post")]
        if all(both):
            found[depth] = choose(both[0], UNTRAINED), choose(both[1], UNTRAINED)
    return found


def _depth(run: Run) -> int:
    depth = argument(run, "depth")
    assert isinstance(depth, int)
    return depth


def _exponents(depths: Sequence[int], runs: Sequence[Run]) -> np.ndarray:
    """The power of the depth that each seed's gradient norm goes with, `(S,)`."""
    shared = sorted(set.intersection(*({*run.seeds.tolist()} for run in runs)))
    norms = []
    for run in runs:
        places = [run.seeds.tolist().index(seed) for seed in shared]
        mean, std = (run[f"weight_gradient/{what}"][places, 0, -2] for what in ("mean", "std"))
        norms.append(np.sqrt(mean.astype(np.float64) ** 2 + std.astype(np.float64) ** 2))
    return np.asarray(np.polyfit(np.log(depths), np.log(norms), 1)[0])


def _network(run: Run) -> NetworkInfo:
    assert run.network is not None
    return run.network


def _at_start(runs: Sequence[Run]) -> str:
    """The scale of what was judged, for a line of evidence."""
    seeds = sorted({len(run.seeds) for run in runs})
    return f"N = {' and '.join(map(str, seeds))}, {runs[0].config.data}, before training"
