"""Lists the initializers by name, as data: distribution, variance, source, and names in other frameworks."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from xavier_cli.vocabulary.entry import TRUNCATED_STD, Distribution, InitializerEntry, Parameter, Spellings

_ROOM = "xavier_cli.nn.initializers"
_CUT = (
    "JAX and Keras truncate the normal at 2σ and rescale it to this variance; PyTorch does not truncate it."
)
_GAIN = Parameter("gain", 1.0, "factor on the matrix", low=0, above=True)

_FANS: dict[str, Callable[[int, int], float]] = {
    "fan_in": lambda fan_in, fan_out: fan_in,
    "fan_out": lambda fan_in, fan_out: fan_out,
    "fan_avg": lambda fan_in, fan_out: (fan_in + fan_out) / 2,
}
_SHAPES: dict[str, Distribution] = {
    "uniform": "uniform",
    "normal": "normal",
    "truncated_normal": "truncated normal",
}


def _of_fans(scale: float = 1.0, mode: str = "fan_in") -> Callable[..., float]:
    return lambda fan_in, fan_out: scale / _FANS[mode](fan_in, fan_out)


def _scaled(scale: float, mode: str, distribution: str) -> dict[str, Any]:
    """The fields of an initializer of the scaled family that follow from its three parameters."""
    top, shape = f"{scale:g}/{mode}", _SHAPES[distribution]
    formula = {
        "uniform": f"U(±√(3·{top}))",
        "normal": f"N(0, {top})",
        "truncated normal": f"N(0, {top}) truncated at 2σ",
    }[shape]
    return {"formula": formula, "distribution": shape}


def _kept(fan_in: int, sparsity: float) -> float:
    """The share of a unit's incoming weights that are not zero."""
    return (fan_in - math.ceil(sparsity * fan_in)) / fan_in


INITIALIZERS = {
    word.name: word
    for word in (
        InitializerEntry(
            "standard",
            "U(±1/√fan_in)",
            f"{_ROOM}:standard",
            known_as="PyTorch's default weights",
            variance=_of_fans(1 / 3),
            distribution="uniform",
            source="Glorot & Bengio 2010, equations (1) and (15): a common heuristic, n Var W = 1/3",
            framework_names=Spellings(
                jax='variance_scaling(1/3, "fan_in", "uniform")',
                keras='VarianceScaling(1/3, "fan_in", "uniform")',
                torch="nn.Linear's default, kaiming_uniform_(w, a=math.sqrt(5))",
            ),
            remarks=(
                "The √5 of PyTorch's default: kaiming_uniform_ draws U(±√(6/((1 + a²) fan_in))), and a = √5 "
                "makes that U(±1/√fan_in). It draws its biases the same way: `--bias-init torch_default`; "
                "here they start at 0.",
            ),
            aliases=("heuristic", "pytorch_default", "torch_linear", "torch_default"),
        ),
        InitializerEntry(
            "normalized",
            "U(±√(6/(fan_in+fan_out)))",
            f"{_ROOM}:normalized",
            known_as="Glorot uniform",
            variance=_of_fans(1, "fan_avg"),
            distribution="uniform",
            source="Glorot & Bengio 2010, equations (12) and (16)",
            framework_names=Spellings(
                jax="glorot_uniform()",
                keras="GlorotUniform(), Dense's default",
                torch="xavier_uniform_(w)",
            ),
            remarks=(
                "The paper's gain is 1. PyTorch's calculate_gain('tanh') is 5/3: xavier_uniform_ with it is "
                "not the paper's initialization.",
            ),
            aliases=("glorot_uniform", "xavier_uniform", "xavier", "glorot", "GlorotUniform"),
        ),
        InitializerEntry(
            "glorot_normal",
            "N(0, 2/(fan_in+fan_out)) truncated at 2σ",
            f"{_ROOM}:glorot_normal",
            variance=_of_fans(1, "fan_avg"),
            distribution="truncated normal",
            source="Glorot & Bengio 2010, equation (12), from a normal distribution",
            framework_names=Spellings(
                "glorot_normal()", "GlorotNormal()", "xavier_normal_(w), not truncated"
            ),
            remarks=(_CUT,),
            aliases=("xavier_normal", "GlorotNormal"),
        ),
        InitializerEntry(
            "lecun_uniform",
            "U(±√(3/fan_in))",
            f"{_ROOM}:lecun_uniform",
            variance=_of_fans(),
            distribution="uniform",
            source="LeCun, Bottou, Orr & Müller 1998: n Var W = 1",
            framework_names=Spellings(
                "lecun_uniform()", "LecunUniform()", "kaiming_uniform_(w, nonlinearity='linear')"
            ),
            remarks=("`standard` has a third of this variance.",),
            aliases=("LecunUniform",),
        ),
        InitializerEntry(
            "lecun_normal",
            "N(0, 1/fan_in) truncated at 2σ",
            f"{_ROOM}:lecun_normal",
            variance=_of_fans(),
            distribution="truncated normal",
            source="LeCun, Bottou, Orr & Müller 1998; made for SELU",
            framework_names=Spellings(
                "lecun_normal(), Flax Dense's default",
                "LecunNormal()",
                "kaiming_normal_(w, nonlinearity='linear'), not truncated",
            ),
            remarks=(_CUT,),
            aliases=("LecunNormal", "flax_default"),
        ),
        InitializerEntry(
            "he_uniform",
            "U(±√(6/fan_in))",
            f"{_ROOM}:he_uniform",
            variance=_of_fans(2),
            distribution="uniform",
            source="He et al. 2015: n Var W = 2, since a ReLU halves the second moment",
            framework_names=Spellings(
                "he_uniform()", "HeUniform()", "kaiming_uniform_(w, nonlinearity='relu')"
            ),
            remarks=(
                "PyTorch applies the ReLU's gain √2 inside kaiming_*: with another `nonlinearity`, or `a`, "
                "it is another distribution.",
            ),
            aliases=("kaiming_uniform", "HeUniform"),
        ),
        InitializerEntry(
            "he_normal",
            "N(0, 2/fan_in) truncated at 2σ",
            f"{_ROOM}:he_normal",
            variance=_of_fans(2),
            distribution="truncated normal",
            source="He et al. 2015: std √(2/n)",
            framework_names=Spellings(
                "he_normal()", "HeNormal()", "kaiming_normal_(w, nonlinearity='relu'), not truncated"
            ),
            remarks=(_CUT, "`msra` in Caffe is not truncated either."),
            aliases=("kaiming_normal", "HeNormal", "msra", "he", "kaiming"),
        ),
        InitializerEntry(
            "variance_scaling",
            "variance scale/fan",
            f"{_ROOM}:variance_scaling",
            variance=lambda fan_in, fan_out, scale=1.0, mode="fan_in", distribution="": (
                scale / _FANS[mode](fan_in, fan_out)
            ),
            distribution="truncated normal",
            source="the family of Glorot & Bengio 2010 and He et al. 2015, as JAX and Keras call it",
            framework_names=Spellings(
                "variance_scaling(scale, mode, distribution)",
                "VarianceScaling(scale, mode, distribution)",
                "",
            ),
            remarks=("`normal` is not truncated, as in JAX; Keras calls that `untruncated_normal`.", _CUT),
            aliases=("VarianceScaling",),
            parameters=(
                Parameter("scale", 1.0, "variance times fan", low=0, above=True),
                Parameter("mode", "fan_in", "which fan", choices=tuple(_FANS)),
                Parameter("distribution", "truncated_normal", "which shape", choices=tuple(_SHAPES)),
            ),
            derived=_scaled,
        ),
        InitializerEntry(
            "normal",
            "N(0, std²); std 0.01",
            f"{_ROOM}:normal",
            variance=lambda fan_in, fan_out, std=0.01: std**2,
            distribution="normal",
            source="the same at every layer, whatever its fans",
            framework_names=Spellings("normal(std)", "RandomNormal(stddev=std)", "normal_(w, std=std)"),
            remarks=("std is 0.01 in JAX, 0.05 in Keras and 1 in PyTorch unless said.",),
            aliases=("RandomNormal", "random_normal"),
            parameters=(Parameter("std", 0.01, "standard deviation", low=0, above=True),),
            derived=lambda std: {"formula": f"N(0, {std:g}²)"},
        ),
        InitializerEntry(
            "truncated_normal",
            "N(0, std²) truncated at 2 std; std 0.01",
            f"{_ROOM}:truncated_normal",
            variance=lambda fan_in, fan_out, std=0.01: (TRUNCATED_STD * std) ** 2,
            distribution="truncated normal",
            source="the same at every layer, whatever its fans",
            framework_names=Spellings(
                "truncated_normal(std)",
                "TruncatedNormal(stddev=std)",
                "trunc_normal_(w, 0, std, -2*std, 2*std)",
            ),
            remarks=(
                "std is the normal's before truncation, as everywhere else: after it, 0.8796 of it.",
                "PyTorch's trunc_normal_ truncates at -2 and 2 by default, not at 2 std.",
            ),
            aliases=("TruncatedNormal", "trunc_normal"),
            parameters=(Parameter("std", 0.01, "standard deviation before truncation", low=0, above=True),),
            derived=lambda std: {"formula": f"N(0, {std:g}²) truncated at ±{2 * std:g}"},
        ),
        InitializerEntry(
            "uniform",
            "U(±bound); bound 0.05",
            f"{_ROOM}:uniform",
            variance=lambda fan_in, fan_out, bound=0.05: bound**2 / 3,
            distribution="uniform",
            source="the same at every layer, whatever its fans",
            framework_names=Spellings("", "RandomUniform(-bound, bound)", "uniform_(w, -bound, bound)"),
            remarks=("Symmetric around 0. JAX's uniform(scale) and PyTorch's uniform_(w) are one-sided.",),
            aliases=("RandomUniform", "random_uniform"),
            parameters=(Parameter("bound", 0.05, "largest weight", low=0, above=True),),
            derived=lambda bound: {"formula": f"U(±{bound:g})"},
        ),
        InitializerEntry(
            "orthogonal",
            "orthonormal rows or columns × gain; gain 1",
            f"{_ROOM}:orthogonal",
            variance=lambda fan_in, fan_out, gain=1.0: gain**2 / max(fan_in, fan_out),
            distribution="orthogonal",
            source="Saxe, McClelland & Ganguli 2014",
            framework_names=Spellings("orthogonal(scale=gain)", "Orthogonal(gain)", "orthogonal_(w, gain)"),
            remarks=(
                "The factor is called scale in JAX, gain in Keras and PyTorch, and here.",
                "Columns (units) or rows (inputs), whichever are fewer, are orthonormal: variance "
                "gain²/max(fans).",
            ),
            aliases=("Orthogonal",),
            parameters=(_GAIN,),
            derived=lambda gain: {"formula": f"orthonormal rows or columns × {gain:g}"},
        ),
        InitializerEntry(
            "lsuv",
            "orthonormal, then each layer scaled to unit variance on a batch",
            f"{_ROOM}:lsuv",
            variance=lambda fan_in, fan_out, **_: math.nan,
            distribution="from data",
            source="Mishkin & Matas 2016: layer-sequential unit variance",
            remarks=(
                "The variance comes from the data: from the input up, each layer's weights are divided by "
                "the standard deviation of z W + b, before the activation, over the batch and all units.",
                "The batch: the first `examples` that the seed is trained on. Layers that are not `lsuv` "
                "stay as drawn.",
                "With `--init-gain` the variance of hidden layers is its square, and 1 in the output layer.",
            ),
            aliases=("LSUV",),
            parameters=(
                Parameter("examples", 500.0, "size of the batch", low=2, high=500, whole=True),
                Parameter("tolerance", 0.05, "how far from 1 a variance may be", low=0, high=1, above=True),
                Parameter("rounds", 10.0, "divisions at most", low=1, high=100, whole=True),
            ),
        ),
        InitializerEntry(
            "sparse",
            "N(0, std²) on few inputs, else 0; sparsity 0.9, std 0.01",
            f"{_ROOM}:sparse",
            variance=lambda fan_in, fan_out, sparsity=0.9, std=0.01: _kept(fan_in, sparsity) * std**2,
            distribution="sparse normal",
            source="Martens 2010",
            framework_names=Spellings("", "", "sparse_(w, sparsity, std), along the other side"),
            remarks=(
                "ceil(sparsity·fan_in) incoming weights of every unit are 0, as in Martens 2010. PyTorch's "
                "sparse_ sets an input's outgoing weights to 0, the columns of nn.Linear's weight.",
            ),
            parameters=(
                Parameter("sparsity", 0.9, "share of weights that are 0", low=0, high=1),
                Parameter("std", 0.01, "standard deviation of the others", low=0, above=True),
            ),
            derived=lambda sparsity, std: {
                "formula": f"N(0, {std:g}²), but 0 on {sparsity:g} of a unit's inputs"
            },
        ),
        InitializerEntry(
            "constant",
            "every weight the same; value 0",
            f"{_ROOM}:constant",
            variance=lambda fan_in, fan_out, value=0.0: 0.0,
            distribution="constant",
            source="all units of a layer stay alike",
            framework_names=Spellings("constant(value)", "Constant(value)", "constant_(w, value)"),
            aliases=("Constant",),
            parameters=(Parameter("value", 0.0, "every weight"),),
            derived=lambda value: {"formula": f"{value:g}", "mean": value},
        ),
        InitializerEntry(
            "zeros",
            "0",
            f"{_ROOM}:zeros",
            variance=lambda fan_in, fan_out: 0.0,
            distribution="constant",
            source="for biases and output layers: hidden layers of zeros learn nothing",
            framework_names=Spellings("zeros", "Zeros()", "zeros_(w)"),
            aliases=("Zeros", "zero"),
        ),
        InitializerEntry(
            "identity",
            "gain on the diagonal, else 0; gain 1",
            f"{_ROOM}:identity",
            # The variance of a weight picked at random, about its mean gain/max(fans).
            variance=lambda fan_in, fan_out, gain=1.0: (
                gain**2 / max(fan_in, fan_out) * (1 - 1 / max(fan_in, fan_out))
            ),
            distribution="diagonal",
            source="Le, Jaitly & Hinton 2015; a layer passes its input on unchanged",
            framework_names=Spellings("", "Identity(gain)", "eye_(w)"),
            remarks=("Not random: the layer starts alike at every seed.",),
            aliases=("Identity", "eye"),
            parameters=(_GAIN,),
            derived=lambda gain: {"formula": f"{gain:g} on the diagonal, else 0"},
        ),
    )
}
