"""Tests the rules about how a custom network's weights were drawn, on networks drawn by hand."""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np
import pytest
from support.drawn_networks import DrawnLayer, dense_stack, described, with_network

from xavier_cli.findings.health import diagnose, find_rules
from xavier_cli.findings.health.signal_rules import STALLS

RNG = np.random.default_rng
NAMES = ("layers-alike", "wrong-fans", "wrong-gain")


@pytest.fixture(scope="module")
def plain(make_run):
    """A run before training, without statistics."""
    return make_run(updates=0, seeds="5", width=8, depth=2, only=["curves"])


def found(run):
    """What the rules say: by name, severity and evidence."""
    return [(f.rule.name, f.severity, f) for f in diagnose(run, find_rules(NAMES)).every]


def he(fan_in, fan_out):
    return (2 / fan_in) ** 0.5


def lecun(fan_in, fan_out):
    return fan_in**-0.5


def weights(seed, shape, std):
    return RNG(seed).normal(0, std, shape).astype(np.float32)


def kernels(std, channels=(3, 32, 64, 128), window=3, draw=weights):
    """A stack of convolutions, of a standard deviation by channels in and out and window."""

    def network(seed):
        layers = [
            DrawnLayer(f"conv{i}", draw([seed, i], (window, window, a, b), std(a, b)), kind="convolution")
            for i, (a, b) in enumerate(pairwise(channels))
        ]
        return {layer.parameter: layer.weight for layer in layers}, layers

    return network


def test_runs_without_a_network_and_healthy_networks_have_none(plain):
    assert found(plain) == []
    for stack, act in ((he, "relu"), (lecun, "tanh"), (he, "gelu"), (lecun, "selu"), (he, "leaky_relu")):
        info = described(dense_stack((64, *[100] * 40, 10), stack, act))
        assert found(with_network(plain, info)) == [], act


# Linear layers by default, as each framework draws them: n Var W, whether uniform, and the bound of biases.
DEFAULTS = {
    "PyTorch": (1 / 3, True, 1.0),
    "Equinox": (1 / 3, True, 1.0),
    "Flax Linen": (1.0, False, 0.0),
    "Keras": (None, True, 0.0),
    "Haiku": (0.7737, False, 0.0),
}


def default_network(framework, act, depth, width=128):
    """A classifier of `depth` hidden layers with a framework's defaults, and its measured activations."""
    scale, is_uniform, bias = DEFAULTS[framework]
    widths = (784, *[width] * depth, 10)
    function = {"relu": lambda s: np.maximum(s, 0), "tanh": np.tanh}[act]
    stds = np.zeros((5, 1, depth))

    def network(seed):
        rng = RNG([seed, depth])
        z, parameters, layers = rng.normal(size=(200, widths[0])), {}, []
        for i, (a, b) in enumerate(pairwise(widths)):
            std = ((2 / (a + b)) if scale is None else scale / a) ** 0.5
            draw = rng.uniform(-(3**0.5), 3**0.5, (a, b)) if is_uniform else rng.normal(size=(a, b))
            if framework in ("Flax Linen", "Haiku"):
                while (out := np.abs(draw) > 2).any():
                    draw[out] = rng.normal(size=out.sum())
                draw /= 0.87962566
            parameters |= {f"w{i}": std * draw, f"b{i}": rng.uniform(-1, 1, b) * bias / a**0.5}
            layers.append(DrawnLayer(f"w{i}", std * draw, f"b{i}", applied=(act,) if i < depth else ()))
            if i < depth:
                z = function(z @ parameters[f"w{i}"] + parameters[f"b{i}"])
                stds[seed, 0, i] = z.std()
        return parameters, layers

    return described(network, framework, 5), {"activation__std": stds}


@pytest.mark.parametrize("act", ["relu", "tanh"])
@pytest.mark.parametrize("framework", DEFAULTS)
def test_defaults_of_frameworks_are_not_blamed(plain, framework, act):
    for depth in (1, 2, 8):
        info, arrays = default_network(framework, act, depth)
        assert {layer.drawn.fans_of for layer in info.layers} == {""}
        told = found(with_network(plain, info, **arrays))
        assert [each for each in told if each[1] != "note"] == []
        assert depth > 2 or told == []


# Layers alike.


def test_copied_layers_are_told_once(plain):
    def network(seed):
        first, other = weights(seed, (64, 64), 0.1), weights(seed + 99, (64, 64), 0.1)
        parameters = {"a": first, "b": other, "c": first.copy(), "d": first.copy()}
        return parameters, [DrawnLayer(name, weight) for name, weight in parameters.items()]

    [(name, severity, finding)] = found(with_network(plain, described(network)))
    assert (name, severity, finding.seen.layers) == ("layers-alike", "warning", (1, 3, 4))
    assert "`a`, `c` and `d` start with the same weights, of 64×64" in finding.evidence


def test_slices_of_one_stack_may_be_copies_too(plain):
    def network(seed):
        stack = np.stack([weights(seed, (64, 64), 0.1)] * 3)
        return {"blocks": stack}, [DrawnLayer("blocks", each) for each in stack]

    info = described(network)
    named = [layer.model_copy(update={"name": f"blocks[{i}]"}) for i, layer in enumerate(info.layers)]
    like = [each.model_copy(update={"drawn": each.drawn.model_copy(update={"like": ""})}) for each in named]
    like[1:] = [
        each.model_copy(update={"drawn": each.drawn.model_copy(update={"like": "blocks[0]"})})
        for each in named[1:]
    ]
    info = info.model_copy(update={"layers": tuple(like)})
    [(name, severity, finding)] = found(with_network(plain, info))
    assert (name, severity, finding.seen.layers) == ("layers-alike", "warning", (1, 2, 3))


@pytest.mark.parametrize("value", ["zeros", "ones", "identity"])
def test_what_is_not_random_may_be_alike(plain, value):
    def network(seed):
        weight = {"zeros": np.zeros((9, 9)), "ones": np.ones((9, 9)), "identity": np.eye(9)}[value]
        parameters = {"a": weight, "b": weight.copy()}
        return parameters, [DrawnLayer(name, each) for name, each in parameters.items()]

    assert found(with_network(plain, described(network))) == []


def test_a_tied_parameter_is_no_copy(plain):
    def network(seed):
        weight = weights(seed, (64, 64), 0.1)
        return {"w": weight}, [DrawnLayer("w", weight), DrawnLayer("w", weight.T)]

    assert found(with_network(plain, described(network))) == []


def test_tables_alike_are_a_note(plain):
    def network(seed):
        table = weights(seed, (90, 64), 1.0)
        return {"source_embedding": table, "target_embedding": table.copy()}, []

    [(name, severity, _)] = found(with_network(plain, described(network)))
    assert (name, severity) == ("layers-alike", "note")


def test_units_alike_are_an_error(plain):
    def network(seed):
        weight = np.tile(weights(seed, (64, 1), 0.1), 32)
        return {"w": weight}, [DrawnLayer("w", weight)]

    [(name, severity, finding)] = found(with_network(plain, described(network)))
    assert (name, severity) == ("layers-alike", "error")
    assert finding.evidence.startswith("all units of `w` start with the same weights")


# Wrong fans.


def test_kernels_without_their_receptive_field(plain):
    info = described(kernels(lambda a, b: (2 / a) ** 0.5))
    [(name, severity, finding)] = found(with_network(plain, info))
    assert (name, severity, finding.seen.layers) == ("wrong-fans", "warning", (1, 2, 3))
    assert "he_normal (not truncated) for fans 3×32 (without the receptive field)" in finding.evidence
    assert "for 27×288, the layer's own, it is 0.272" in finding.evidence
    assert "--init he_normal" in finding.seen.advice


@pytest.mark.parametrize("framework", ["JAX", "Flax Linen", "PyTorch"])
def test_weights_drawn_for_the_transposed_shape(plain, framework):
    def network(seed):
        rng, widths = RNG(seed), (784, 300, 100, 10)
        drawn = {f"w{i}": rng.uniform(-1, 1, (a, b)) / b**0.5 for i, (a, b) in enumerate(pairwise(widths))}
        return drawn, [DrawnLayer(name, weight) for name, weight in drawn.items()]

    [(name, severity, finding)] = found(with_network(plain, described(network, framework)))
    assert (name, severity) == ("wrong-fans", "warning")
    assert "that of standard for fans 300×784 (transposed)" in finding.evidence


def test_a_projection_to_heads_read_as_a_kernel(plain):
    def network(seed):
        # As glorot_normal()(key, (features, heads, size)) has it, which takes the first axis for a window.
        shapes = ((96, 4, 24), (128, 4, 32))
        drawn = {
            f"w{i}": weights([seed, i], (a, b, c), (2 / (a * (b + c))) ** 0.5)
            for i, (a, b, c) in enumerate(shapes)
        }
        return drawn, [DrawnLayer(name, weight, inputs=1) for name, weight in drawn.items()]

    [(name, severity, finding)] = found(with_network(plain, described(network)))
    assert (name, severity) == ("wrong-fans", "warning")
    assert "384×2304 (read as a convolution kernel)" in finding.evidence


@pytest.mark.parametrize(
    ("std", "window"),
    [(lambda a, b: (2 / (9 * a)) ** 0.5, 3), (lambda a, b: (2 / (9 * b)) ** 0.5, 3), (lambda a, b: 0.02, 3)],
    ids=["he", "he of fan_out", "0.02"],
)
def test_other_ways_are_no_mistake(plain, std, window):
    assert found(with_network(plain, described(kernels(std, window=window)))) == []


@pytest.mark.parametrize(("framework", "severity"), [("PyTorch", "note"), ("Haiku", "warning")])
def test_the_habit_of_a_framework_is_a_note(plain, framework, severity):
    def network(seed):
        # As PyTorch draws nn.ConvTranspose2d(16, 40, 3).
        weight = RNG(seed).uniform(-1, 1, (3, 3, 16, 40)) / (9 * 40) ** 0.5
        return {"up": weight}, [DrawnLayer("up", weight, kind="transposed convolution")]

    [(name, seen, finding)] = found(with_network(plain, described(network, framework)))
    assert (name, seen) == ("wrong-fans", severity)
    assert ("PyTorch draws such layers so" in finding.evidence) == (framework == "PyTorch")


def test_a_fit_by_chance_in_one_layer_is_a_note(plain):
    # One small layer of a scale that the transposed shape would have, too.
    info = described(lambda seed: _one(weights(seed, (30, 70), 70**-0.5 * 3)), seeds=1)
    assert found(with_network(plain, info)) == []
    info = described(kernels(lambda a, b: (2 / a) ** 0.5, channels=(3, 32)), seeds=1)
    assert [each[:2] for each in found(with_network(plain, info))] == [("wrong-fans", "note")]


def _one(weight):
    return {"w": weight}, [DrawnLayer("w", weight)]


# A gain that does not fit.


def statistics(info, factor, start=1.0, path="activation__std"):
    """The std of every hidden layer before training, changing by `factor` per layer."""
    stds = start * factor ** np.arange(len(info.layers) - 1.0)
    return {path: np.tile(stds, (5, 1, 1)).astype(np.float64)}


def stack(depth, std, act="relu", width=64):
    return described(dense_stack((width,) * (depth + 1) + (10,), std, act))


@pytest.mark.parametrize(
    ("depth", "severity"), [(2, None), (3, None), (5, None), (7, "note"), (11, "note"), (30, "warning")]
)
def test_lecun_before_a_relu_matters_with_depth(plain, depth, severity):
    info = stack(depth, lecun)
    told = found(with_network(plain, info, **statistics(info, 0.5**0.5)))
    assert [each[:2] for each in told] == ([("wrong-gain", severity)] if severity else [])
    if severity:
        finding = told[0][2]
        factor = finding.seen.numbers["per_layer"]
        assert factor == pytest.approx(0.5**0.5, rel=0.02)
        assert "where 2 fits ReLU: signals shrink by a factor of 1.4" in finding.evidence
        assert "--init he_normal" in finding.seen.advice
        assert (math.log(1 / factor) * (depth - 1) >= math.log(STALLS)) == (severity == "warning")


def test_he_before_tanh_lets_gradients_grow(plain):
    info = stack(60, he, "tanh")
    measured = statistics(info, 1 / 1.05, path="backprop__std")
    [(name, severity, finding)] = found(with_network(plain, info, **measured))
    assert (name, severity) == ("wrong-gain", "note")
    assert "gradients grow by a factor of 1.05 per layer" in finding.evidence
    assert "--init normalized" in finding.seen.advice
    assert found(with_network(plain, stack(20, he, "tanh"))) == []


def test_normalization_and_skip_connections_need_no_gain(plain):
    info = stack(40, lecun)
    assert found(with_network(plain, info, **statistics(info, 1.0))) == []
    assert found(with_network(plain, info, **statistics(info, 1.02))) == []


def test_without_statistics_it_is_a_note(plain):
    assert [each[:2] for each in found(with_network(plain, stack(40, lecun)))] == [("wrong-gain", "note")]


def test_a_sigmoid_has_no_fitting_gain(plain):
    for std in (lecun, he):
        info = stack(30, std, "sigmoid")
        assert found(with_network(plain, info, **statistics(info, 0.5))) == []


def test_wrong_fans_explain_the_gain(plain):
    info = described(kernels(lambda a, b: (2 / a) ** 0.5, channels=(16,) * 2 + (32,) * 9))
    layers = tuple(layer.model_copy(update={"applied": ("relu",)}) for layer in info.layers)
    info = info.model_copy(update={"layers": layers})
    run = with_network(plain, info, **statistics(info, 3.0))
    [finding] = diagnose(run, find_rules(NAMES)).findings
    assert finding.rule.name == "wrong-fans"
    assert [each.rule.name for each in finding.consequences] == ["wrong-gain"]
