"""Rules about how a custom network's weights were drawn: copies, wrong fans, gains that do not fit.

They read what the run file says of the network's layers, and say nothing where there is none.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

from xavier_cli.findings.health import layer_gains
from xavier_cli.findings.health.advice import other_init
from xavier_cli.findings.health.finding import Rule, Severity, Symptom
from xavier_cli.findings.health.signal_rules import SPAN, STALLS
from xavier_cli.runs.record import Run
from xavier_cli.theory.drawn.fans import MISTAKES, is_habit, may_be
from xavier_cli.theory.drawn.rules import RULES as NAMED
from xavier_cli.vocabulary.activations import ACTIVATIONS
from xavier_cli.vocabulary.network_info import Drawn, LayerInfo, NetworkInfo

# About ten names lie within a factor of 10 of a scale: one fits so closely by chance in 1 of 100 layers.
_PRECISE = 0.001
_NOT_RANDOM = ("identity", "delta", "zeros", "ones", "constant")
_ROUND = tuple(f"{kind}:" for kind in ("normal", "truncated_normal", "uniform"))


def network_of(run: Run) -> NetworkInfo | None:
    """What the run file says of a custom network; None for a perceptron."""
    network = getattr(run, "network", None)
    return network if isinstance(network, NetworkInfo) else None


def _layers_alike(run: Run) -> Iterator[Symptom]:
    network = network_of(run)
    if network is None:
        return
    yield from _units_alike(run, network)
    numbers = {layer.name: number for number, layer in enumerate(network.layers, 1)}
    by_name = {layer.name: layer for layer in network.layers}
    copies: dict[str, list[str]] = {}
    for layer in network.layers:
        if layer.drawn and layer.drawn.like and _is_random(layer.drawn):
            original = by_name.get(layer.drawn.like)
            # A parameter that is used in two ways is tied; slices of a stack are layers of their own.
            if original is None or original.parameter != layer.parameter or "[" in layer.name:
                copies.setdefault(layer.drawn.like, []).append(layer.name)
    if copies:
        groups = [[name, *others] for name, others in copies.items()]
        first, alike = groups[0], [name for group in groups for name in group]
        rest = f"; so do {len(groups) - 1} more groups of layers" if len(groups) > 2 else ""
        rest = rest or "".join(f"; so do {_quoted(group)}" for group in groups[1:])
        yield Symptom(
            f"{_quoted(first)} start with the same weights, of {written(by_name[first[0]].shape)}{rest}: "
            "layers that are meant to differ were copied, or drawn with one key",
            layers=tuple(sorted(numbers[name] for name in alike)),
            since=0,
            numbers={"layers": groups},
        )
    weights = {layer.parameter for layer in network.layers}
    for parameter in network.parameters:
        drawn = parameter.drawn
        if drawn is None or not drawn.like or not _is_random(drawn) or parameter.role == "bias":
            continue
        pair = [drawn.like, parameter.name]
        if not weights.issuperset(pair):
            yield Symptom(
                f"{_quoted(pair)} start with the same numbers",
                since=0,
                numbers={"parameters": pair},
                severity="note",
            )


def _units_alike(run: Run, network: NetworkInfo) -> Iterator[Symptom]:
    alike = [
        (number, layer)
        for number, layer in enumerate(network.layers, 1)
        if layer.drawn and layer.drawn.repeats == "last axis" and layer.shape[-1] > 1
    ]
    if alike:
        names = [layer.name for _, layer in alike]
        yield Symptom(
            f"all units of {_quoted(names)} start with the same weights, so they stay alike",
            other_init(run, "lecun_normal"),
            tuple(number for number, _ in alike),
            0,
            {"layers": names},
            "error",
        )


def _is_random(drawn: Drawn) -> bool:
    return bool(drawn.std) and not (drawn.names and drawn.names[0].startswith(_NOT_RANDOM))


def _wrong_fans(run: Run) -> Iterator[Symptom]:
    network = network_of(run)
    if network is None:
        return
    groups: dict[tuple[str, str, bool], list[int]] = {}
    for number, layer in enumerate(network.layers):
        drawn = layer.drawn
        if drawn and drawn.is_certain and drawn.names and drawn.fans_of in MISTAKES:
            habit = is_habit(layer, network.framework, drawn.fans_of)
            groups.setdefault((drawn.names[0], drawn.fans_of, habit), []).append(number)
    for (name, fans_of, habit), found in groups.items():
        layers = [network.layers[number] for number in found]
        sure = _no_coincidence(layers, len(run.seeds))
        if habit or sure or len(found) == sum(may_be(layer, fans_of) for layer in network.layers):
            severity: Severity | None = "note" if habit or not sure else None
            yield _fans_symptom(run, network, name, fans_of, found, severity, habit)


def _no_coincidence(layers: Sequence[LayerInfo], seeds: int) -> bool:
    """Whether more than chance lets the numbers fit other fans: layers of two shapes do, or a precise scale.

    A layer that has a round scale too, as `normal:std=0.02`, does not count.
    """
    counted = [layer for layer in layers if layer.drawn and not layer.drawn.names[-1].startswith(_ROUND)]
    shapes = {(layer.fan_in, layer.fan_out) for layer in counted}
    return len(shapes) > 1 or any(_precision(layer, seeds) <= _PRECISE for layer in counted)


def _precision(layer: LayerInfo, seeds: int) -> float:
    """The share by which a scale may be off and still not be contradicted, about."""
    assert layer.drawn is not None
    number = math.prod(layer.shape) * seeds
    is_uniform = any(rule.name == layer.drawn.names[0] and rule.shape.kind == "uniform" for rule in NAMED)
    # Of the largest of n numbers, or of the mean square of normal ones, at 4.7 standard errors.
    return 14 / number if is_uniform else 4.7 / math.sqrt(2 * number)


def _fans_symptom(
    run: Run,
    network: NetworkInfo,
    name: str,
    fans_of: str,
    found: Sequence[int],
    severity: Severity | None,
    habit: bool,
) -> Symptom:
    layers = [network.layers[number] for number in found]
    first, drawn = layers[0], layers[0].drawn
    assert drawn is not None
    assert drawn.fans is not None
    rule = next(rule for rule in NAMED if rule.name == name)
    own, fans = rule.std((first.fan_in, first.fan_out)), drawn.fans
    of_first = f" of `{first.name}`" if len(layers) > 1 else ""
    evidence = (
        f"{_quoted([layer.name for layer in layers])}: the std{of_first}, {drawn.std:.3g}, is that of {name} "
        f"for fans {fans[0]}×{fans[1]} ({fans_of}); for {first.fan_in}×{first.fan_out}, the layer's own, it "
        f"is {own:.3g}"
    )
    if habit:
        evidence += f"; {network.framework} draws such layers so"
    return Symptom(
        evidence,
        "" if habit else other_init(run, rule.word),
        tuple(number + 1 for number in found),
        0,
        {"fans": list(fans), "std": drawn.std, "std_of_own_fans": own, "distribution": name},
        severity,
    )


def _wrong_gain(run: Run) -> Iterator[Symptom]:
    network = network_of(run)
    if network is None:
        return
    for chain in layer_gains.chains(network.layers):
        misfit = layer_gains.misfit(chain)
        if misfit is None or misfit.in_all < SPAN or not misfit.is_borne_out(run):
            continue
        first, last = (network.layers[number].name for number in (chain.numbers[1], chain.numbers[-1]))
        act = ACTIVATIONS[chain.act].written or chain.act
        way = "shrink" if misfit.per_layer < 1 else "grow"
        what = "gradients" if misfit.is_of_gradients else "signals"
        yield Symptom(
            f"n Var W is {chain.scale:.3g} in the {chain.steps} layers from `{first}` to `{last}`, where "
            f"{misfit.fitting_scale:.3g} fits {act}: {what} {way} by a factor of "
            f"{max(misfit.per_layer, 1 / misfit.per_layer):.3g} per layer, {misfit.in_all:,.3g} in all",
            other_init(run, misfit.fitting),
            tuple(number + 1 for number in chain.numbers),
            0,
            {"scale": chain.scale, "fitting": misfit.fitting_scale, "per_layer": misfit.per_layer},
            None if misfit.in_all >= STALLS and misfit.is_measured(run) else "note",
        )


def written(shape: Sequence[int]) -> str:
    """`3×3×64×128`."""
    return "×".join(map(str, shape))


def _quoted(names: Sequence[str]) -> str:
    shown = [f"`{name}`" for name in names[:3]]
    if len(names) > 3:
        shown.append(f"{len(names) - 3} more")
    return shown[0] if len(shown) == 1 else f"{', '.join(shown[:-1])} and {shown[-1]}"


RULES = (
    Rule(
        "layers-alike",
        "warning",
        "layers that start with the same numbers, or a layer whose units do",
        "the same numbers in every seed, in two parameters that are not one, constants and identities apart; "
        "an error where all units of a layer are alike; a note for parameters that are no layer's weight",
        "units that start alike get the same gradient and stay alike; PyTorch issue 72253: "
        "`nn.TransformerEncoder` copies its layers with their numbers",
        _layers_alike,
        because_of=("symmetric-units",),
    ),
    Rule(
        "wrong-fans",
        "warning",
        "weights drawn for the fans of another shape: the transposed one, or without the receptive field",
        "the numbers contradict every named distribution at the layer's own fans, and fit one at the others, "
        f"in layers of two shapes or with a scale known to {_PRECISE:.1%}; a note where the only "
        "such layer may do so by chance, or a framework always draws so",
        "He et al. 2015, section 2.2: n = k²c, with the k² of the window; Glorot & Bengio 2010, equations "
        "(10) and (11); Lasagne issue 858 (transposed), swift-apis pull request 22 (without the window)",
        _wrong_fans,
        because_of=("layers-alike",),
    ),
    Rule(
        "wrong-gain",
        "warning",
        "weights whose variance does not fit the activation behind them, in a stack of such layers",
        f"a factor of {SPAN:g} over the stack by theory, in the limit of deep networks; a warning from "
        f"{STALLS:,.0f} on, else a note; nothing where the measured signal changes by less than the square "
        "root of that, as with normalization or skip connections, or where no initializer fits better",
        "He et al. 2015, equation (10): n Var W = 2 for rectifiers; Glorot & Bengio 2010, equation (10): 1; "
        "Schoenholz et al. 2017 for the change per layer",
        _wrong_gain,
        because_of=("symmetric-units", "layers-alike", "wrong-fans"),
    ),
)
