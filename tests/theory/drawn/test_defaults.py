"""Tests that defaults of frameworks are named right, on numbers drawn by their formulas: in every run.

`test_frameworks` has the numbers that the frameworks themselves draw; Keras stands here alone.
"""

from __future__ import annotations

import numpy as np
import pytest
from support.drawn_networks import DrawnLayer, described

RNG = np.random.default_rng


def uniform(shape, bound):
    return lambda seed, salt: RNG([seed, salt]).uniform(-bound, bound, shape).astype(np.float32)


def glorot(shape, fan_in, fan_out):
    return uniform(shape, (6 / (fan_in + fan_out)) ** 0.5)


def orthogonal(shape):
    def draw(seed, salt):
        side = max(shape)
        return np.linalg.qr(RNG([seed, salt]).normal(size=(side, side)))[0][: shape[0], : shape[1]]

    return draw


IN, H, E = 32, 48, 64
OIHW, IOHW, HWOI = (2, 3, 1, 0), (2, 3, 0, 1), (0, 1, 3, 2)
# By name: the framework, the parameter as it draws it, from there to the layer's weight with its units last,
# settings of the layer, what is right, and of which fans.
CASES = {
    # Keras: GlorotUniform by compute_fans, the window in front; Orthogonal; RandomUniform(±0.05).
    "Keras Dense": ("Keras", glorot((IN, H), IN, H), None, {}, "normalized", ""),
    "Keras Conv2D": (
        "Keras",
        glorot((3, 3, 16, H), 9 * 16, 9 * H),
        None,
        {"kind": "convolution"},
        "normalized",
        "",
    ),
    "Keras Conv2DTranspose": (
        "Keras",
        glorot((3, 3, H, 16), 9 * H, 9 * 16),
        HWOI,
        {"kind": "transposed convolution"},
        "normalized",
        "",
    ),
    "Keras DepthwiseConv2D": (
        "Keras",
        glorot((3, 3, 1, 64), 9 * 64, 9),
        None,
        {"kind": "convolution", "groups": 64},
        "normalized",
        "groups not counted",
    ),
    "Keras LSTM kernel": ("Keras", glorot((IN, 4 * H), IN, 4 * H), None, {}, "normalized", ""),
    "Keras LSTM recurrent kernel": ("Keras", orthogonal((H, 4 * H)), None, {}, "orthogonal", ""),
    "Keras GRU recurrent kernel": ("Keras", orthogonal((H, 3 * H)), None, {}, "orthogonal", ""),
    # EinsumDense hands its shape (features, heads, size) to compute_fans, which reads a convolution's.
    "Keras MultiHeadAttention query": (
        "Keras",
        glorot((E, 4, 16), E * 4, E * 16),
        None,
        {"inputs": 1},
        "normalized",
        "read as a convolution kernel",
    ),
    "Keras Embedding": ("Keras", uniform((300, E), 0.05), "embedding", {}, "uniform:bound=0.05", ""),
    # PyTorch: kaiming_uniform_(a=√5), which is U(±1/√fan_in); recurrent cells by hidden size.
    "PyTorch Linear": ("PyTorch", uniform((H, IN), IN**-0.5), (1, 0), {}, "standard", ""),
    "PyTorch Conv2d": (
        "PyTorch",
        uniform((H, 16, 3, 3), (16 * 9) ** -0.5),
        OIHW,
        {"kind": "convolution"},
        "standard",
        "",
    ),
    "PyTorch ConvTranspose2d": (
        "PyTorch",
        uniform((16, H, 3, 3), (H * 9) ** -0.5),
        IOHW,
        {"kind": "transposed convolution"},
        "standard",
        "transposed",
    ),
    "PyTorch LSTM": ("PyTorch", uniform((4 * H, IN), H**-0.5), (1, 0), {}, "standard", "hidden size"),
    "PyTorch RNN": ("PyTorch", uniform((H, IN), H**-0.5), (1, 0), {}, "standard", "hidden size"),
    "PyTorch in_proj": ("PyTorch", glorot((3 * E, E), E, 3 * E), (1, 0), {}, "normalized", ""),
    "PyTorch Bilinear": (
        "PyTorch",
        uniform((H, 16, IN), 16**-0.5),
        (1, 2, 0),
        {},
        "standard",
        "first input",
    ),
    # torchvision's ResNet: kaiming_normal_(mode="fan_out"), not truncated.
    "torchvision Conv2d": (
        "PyTorch",
        lambda seed, salt: RNG([seed, salt]).normal(0, (2 / (9 * H)) ** 0.5, (H, 16, 3, 3)),
        OIHW,
        {"kind": "convolution"},
        "he_normal of fan_out (not truncated)",
        "",
    ),
    # timm's trunc_normal_(std=0.02) truncates at ±2, which is at 100 std.
    "timm Linear": (
        "PyTorch",
        lambda seed, salt: RNG([seed, salt]).normal(0, 0.02, (H, 300)),
        (1, 0),
        {},
        "normal:std=0.02",
        "",
    ),
}


@pytest.mark.parametrize("seeds", [1, 5])
@pytest.mark.parametrize("name", CASES)
def test_a_default_is_named_right(name, seeds):
    framework, draw, layout, settings, right, fans_of = CASES[name]

    def network(seed):
        weight = draw(seed, len(name))
        if layout == "embedding":
            return {"embedding": weight}, []
        moved = weight.transpose(layout) if layout else weight
        parameter = "weight_ih_l0" if "RNN" in name else "weight"
        return {parameter: weight}, [DrawnLayer(parameter, moved, **settings)]

    info = described(network, framework, seeds)
    for drawn in [each.drawn for each in (*info.parameters, *info.layers)]:
        assert (drawn.names[0], drawn.fans_of) == (right, fans_of), drawn.text


@pytest.mark.parametrize("width", [IN, H])
def test_biases_are_drawn_by_the_fan_in_of_their_layer(width):
    def network(seed):
        rng = RNG(seed)
        weight = rng.uniform(-1, 1, (H, width)) / width**0.5
        bias = rng.uniform(-1, 1, H) / width**0.5
        return {"weight": weight, "bias": bias}, [DrawnLayer("weight", weight.T, "bias")]

    info = described(network, "PyTorch", 5)
    assert info.layers[0].bias_drawn.names == ("standard",)
    assert info.layers[0].bias_drawn == info.parameters[1].drawn
