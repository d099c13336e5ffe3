"""Lists the activations by name, as data: formula, range, kinks, source, and names in other frameworks.

Saturation bounds, slope at 0 and gain are not listed: they are derived from the function.
"""

from __future__ import annotations

import math

from xavier_cli.vocabulary.entry import ActivationEntry, Parameter, Spellings

_INF = math.inf
_ROOM = "xavier_cli.nn.activations"

SELU_ALPHA, SELU_SCALE = 1.6732632423543772, 1.0507009873554805
LECUN_SCALE = 1.7159
# Minima, at the zeros of the slope.
GELU_LOW, SILU_LOW, MISH_LOW = -0.16997120747990369, -0.27846454276107380, -0.30884326499985765

ACTIVATIONS = {
    word.name: word
    for word in (
        ActivationEntry(
            "sigmoid",
            "1/(1+e^-s)",
            "jax.nn:sigmoid",
            range=(0.0, 1.0),
            source="Glorot & Bengio 2010, section 3.1",
            framework_names=Spellings("jax.nn.sigmoid", "sigmoid", "nn.Sigmoid"),
            remarks=("Its mean is not 0: the derived gain keeps the second moment, not the variance.",),
            aliases=("logistic",),
        ),
        ActivationEntry(
            "tanh",
            "tanh(s)",
            "jax.nn:tanh",
            range=(-1.0, 1.0),
            source="Glorot & Bengio 2010, section 3.2",
            framework_names=Spellings("jax.nn.tanh", "tanh", "nn.Tanh"),
            remarks=("PyTorch's calculate_gain('tanh') is 5/3, the derived gain 1.5925, the paper's 1.",),
        ),
        ActivationEntry(
            "softsign",
            "s/(1+|s|)",
            "jax.nn:soft_sign",
            range=(-1.0, 1.0),
            # The slope is continuous at 0, but the second derivative is not.
            kinks=(0.0,),
            source="Bergstra et al. 2009; Glorot & Bengio 2010, section 3.3",
            framework_names=Spellings("jax.nn.soft_sign", "softsign", "nn.Softsign"),
            aliases=("soft_sign",),
        ),
        ActivationEntry(
            "relu",
            "max(0, s)",
            "jax.nn:relu",
            range=(0.0, _INF),
            kinks=(0.0,),
            source="Glorot, Bordes & Bengio 2011",
            framework_names=Spellings("jax.nn.relu", "relu", "nn.ReLU"),
            remarks=("It halves the second moment: n Var W should be 2, as in `he_normal`.",),
            aliases=("rectifier", "ReLU"),
            written="ReLU",
        ),
        ActivationEntry(
            "leaky_relu",
            "s for s > 0, else slope·s; slope 0.01",
            f"{_ROOM}:leaky_relu",
            kinks=(0.0,),
            source="Maas, Hannun & Ng 2013",
            framework_names=Spellings(
                "jax.nn.leaky_relu(s, slope)", "LeakyReLU(negative_slope)", "nn.LeakyReLU(slope)"
            ),
            remarks=("The slope below 0 is 0.01 in JAX and PyTorch, but 0.3 in Keras' layer.",),
            aliases=("LeakyReLU",),
            parameters=(Parameter("slope", 0.01, "slope below 0", low=0, high=1, above=True),),
            derived=lambda slope: {"formula": f"s for s > 0, else {slope:g} s"},
            written="leaky ReLU",
        ),
        ActivationEntry(
            "prelu",
            "s for s > 0, else slope·s, which is learned; from 0.25",
            f"{_ROOM}:prelu",
            kinks=(0.0,),
            source="He et al. 2015, section 2.1",
            framework_names=Spellings("", "PReLU", "nn.PReLU"),
            remarks=("Each hidden layer learns one slope; gain and saturation are of the first one.",),
            aliases=("PReLU",),
            parameters=(Parameter("slope", 0.25, "initial slope below 0", low=0, high=1, above=True),),
            derived=lambda slope: {"formula": f"s for s > 0, else a·s; a is learned, from {slope:g}"},
            learned="slope",
            written="PReLU",
        ),
        ActivationEntry(
            "elu",
            "s for s > 0, else alpha·(e^s-1); alpha 1",
            f"{_ROOM}:elu",
            range=(-1.0, _INF),
            kinks=(0.0,),
            source="Clevert, Unterthiner & Hochreiter 2016",
            framework_names=Spellings("jax.nn.elu(s, alpha)", "elu", "nn.ELU(alpha)"),
            aliases=("ELU",),
            parameters=(Parameter("alpha", 1.0, "minus the limit below", low=0, high=100, above=True),),
            derived=lambda alpha: {
                "formula": f"s for s > 0, else {alpha:g} (e^s-1)",
                "range": (-alpha, _INF),
            },
            written="ELU",
        ),
        ActivationEntry(
            "selu",
            "1.0507 s for s > 0, else 1.7581 (e^s-1)",
            "jax.nn:selu",
            range=(-SELU_ALPHA * SELU_SCALE, _INF),
            kinks=(0.0,),
            source="Klambauer et al. 2017",
            framework_names=Spellings("jax.nn.selu", "selu", "nn.SELU"),
            remarks=("Made for `lecun_normal`: with n Var W = 1 mean 0 and variance 1 are its fixed point.",),
            aliases=("SELU",),
            written="SELU",
        ),
        ActivationEntry(
            "gelu",
            "s Φ(s), Φ the normal CDF",
            f"{_ROOM}:gelu",
            range=(GELU_LOW, _INF),
            source="Hendrycks & Gimpel 2016",
            framework_names=Spellings("jax.nn.gelu(s, approximate=False)", "gelu", "nn.GELU"),
            remarks=("The exact one. jax.nn.gelu by itself is an approximation by tanh, 5e-4 off.",),
            aliases=("GELU",),
            written="GELU",
        ),
        ActivationEntry(
            "silu",
            "s/(1+e^-s)",
            "jax.nn:silu",
            range=(SILU_LOW, _INF),
            source="Elfwing, Uchibe & Doya 2018; Ramachandran, Zoph & Le 2017 (swish)",
            framework_names=Spellings("jax.nn.silu", "silu", "nn.SiLU"),
            aliases=("swish", "SiLU"),
            written="SiLU",
        ),
        ActivationEntry(
            "mish",
            "s tanh(log(1+e^s))",
            "jax.nn:mish",
            range=(MISH_LOW, _INF),
            source="Misra 2019",
            framework_names=Spellings("jax.nn.mish", "mish", "nn.Mish"),
            written="Mish",
        ),
        ActivationEntry(
            "softplus",
            "log(1+e^s)",
            "jax.nn:softplus",
            range=(0.0, _INF),
            source="Dugas et al. 2001; Glorot, Bordes & Bengio 2011",
            framework_names=Spellings("jax.nn.softplus", "softplus", "nn.Softplus"),
            remarks=("Its mean is not 0, nor its value at 0: the derived gain keeps the second moment.",),
            aliases=("soft_plus",),
        ),
        ActivationEntry(
            "hard_tanh",
            "s clipped to [-1, 1]",
            "jax.nn:hard_tanh",
            range=(-1.0, 1.0),
            kinks=(-1.0, 1.0),
            source="Collobert 2004",
            framework_names=Spellings("jax.nn.hard_tanh", "hard_tanh", "nn.Hardtanh"),
            aliases=("hardtanh",),
            written="hard tanh",
        ),
        ActivationEntry(
            "lecun_tanh",
            "1.7159 tanh(2s/3)",
            f"{_ROOM}:lecun_tanh",
            range=(-LECUN_SCALE, LECUN_SCALE),
            source="LeCun, Bottou, Orr & Müller 1998",
            remarks=("Made for inputs of variance 1 and weights of std 1/√fan_in: `lecun_normal`.",),
            aliases=("scaled_tanh",),
        ),
        ActivationEntry(
            "sin",
            "sin(s)",
            "jax.numpy:sin",
            range=(-1.0, 1.0),
            source="Sitzmann et al. 2020",
            framework_names=Spellings("jnp.sin", "", "torch.sin"),
            remarks=("It has no limits, so it saturates nowhere, however large its input.",),
            aliases=("sine",),
        ),
        ActivationEntry(
            "identity",
            "s",
            f"{_ROOM}:identity",
            source="the linear network of Glorot & Bengio 2010, equations (5) to (14)",
            framework_names=Spellings("jax.nn.identity", "linear", "nn.Identity"),
            aliases=("linear",),
        ),
    )
}
