"""Tests that the defaults of frameworks' layers are named right, on numbers that the frameworks draw.

    pytest -m frameworks tests/theory/drawn/test_frameworks.py

Each case says what is right for every parameter and layer: the first name, and how its fans differ from the
operation's. Frameworks that are not installed are skipped.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from support.drawn_networks import DrawnLayer, described, with_network

from xavier_cli.findings.health import diagnose, network_rules

pytestmark = [pytest.mark.frameworks, pytest.mark.filterwarnings("ignore")]

LECUN, STANDARD, GLOROT = "lecun_normal", "standard", "normalized"
HAIKU = "truncated_normal:std=1/√fan_in"
E, H, IN, OUT = 64, 48, 32, 40
HIDDEN = (STANDARD, "hidden size")
Case = tuple[Callable[[int], Any], dict[str, Any]]
CASES: dict[str, tuple[str, Case]] = {}


def case(framework: str, name: str, right: dict[str, Any]) -> Callable[[Any], Any]:
    """Enters a function of the seed as a case; `right` by parameter, or `layer:` and the parameter."""

    def enter(draw: Any) -> Any:
        CASES[f"{framework}: {name}"] = (framework, (draw, right))
        return draw

    return enter


def need(framework: str) -> None:
    module = {"PyTorch": "torch", "Equinox": "equinox", "Haiku": "haiku"}.get(framework, "flax")
    if importlib.util.find_spec(module) is None:
        pytest.skip(f"{module} is not installed")


def named(tree: Any) -> dict[str, np.ndarray]:
    leaves = jax.tree_util.tree_leaves_with_path(tree)
    found = {
        "/".join(str(getattr(k, "key", getattr(k, "name", k))) for k in path): np.asarray(leaf)
        for path, leaf in leaves
    }
    return {
        name.removeprefix("params/"): value
        for name, value in found.items()
        if jnp.issubdtype(value.dtype, jnp.floating)
    }


def linen(make: Callable[[Any], Any], *inputs: Any) -> Callable[[int], dict[str, np.ndarray]]:
    def draw(seed: int) -> dict[str, np.ndarray]:
        import flax.linen as nn

        return named(make(nn).init(jax.random.key(seed), *inputs))

    return draw


def nnx(make: Callable[[Any, Any], Any]) -> Callable[[int], dict[str, np.ndarray]]:
    def draw(seed: int) -> dict[str, np.ndarray]:
        from flax import nnx as module

        state = module.state(make(module, module.Rngs(seed)), module.Param)
        return named(module.to_pure_dict(state))

    return draw


def equinox(make: Callable[[Any, Any], Any]) -> Callable[[int], dict[str, np.ndarray]]:
    def draw(seed: int) -> dict[str, np.ndarray]:
        import equinox as eqx

        return named(eqx.filter(make(eqx.nn, jax.random.key(seed)), eqx.is_inexact_array))

    return draw


def haiku(make: Callable[[Any, Any], Any], *inputs: Any) -> Callable[[int], dict[str, np.ndarray]]:
    def draw(seed: int) -> dict[str, np.ndarray]:
        import haiku as hk

        return named(hk.transform(lambda *x: make(hk, *x)).init(jax.random.key(seed), *inputs))

    return draw


def torch(make: Callable[[Any], Any]) -> Callable[[int], dict[str, np.ndarray]]:
    def draw(seed: int) -> dict[str, np.ndarray]:
        import torch as module

        module.manual_seed(seed)
        return {name: p.detach().numpy() for name, p in make(module.nn).named_parameters()}

    return draw


def layers_of(draw: Any, *make: Callable[[dict[str, np.ndarray]], DrawnLayer]) -> Any:
    def both(seed: int) -> Any:
        parameters = draw(seed)
        return parameters, [each(parameters) for each in make]

    return both


def dense(name: str, bias: str = "", units: int = -1, **settings: Any) -> Any:
    """A dense layer, its units on the first axis (0) or the last (-1) of the parameter."""
    return lambda p: DrawnLayer(name, p[name] if units else np.moveaxis(p[name], 0, -1), bias, **settings)


def convolution(name: str, bias: str = "", layout: tuple[int, ...] = (0, 1, 2, 3), **settings: Any) -> Any:
    kind = settings.pop("kind", "convolution")
    return lambda p: DrawnLayer(name, p[name].transpose(layout), bias, kind, **settings)


OIHW = (2, 3, 1, 0)
IOHW = (2, 3, 0, 1)
TRANSPOSED = "transposed convolution"
ONE, IMAGE, TOKENS = jnp.ones((1, IN)), jnp.ones((1, 8, 8, 16)), jnp.ones((1, 5, E))


def enter(framework: str, name: str, draw: Any, layers: list[Any], right: dict[str, Any]) -> None:
    case(framework, name, right)(layers_of(draw, *layers))


# Flax Linen.
enter(
    "Flax Linen",
    "Dense",
    linen(lambda nn: nn.Dense(OUT), ONE),
    [dense("kernel", "bias")],
    {"kernel": LECUN, "bias": "zeros"},
)
enter(
    "Flax Linen",
    "Conv",
    linen(lambda nn: nn.Conv(OUT, (3, 3)), IMAGE),
    [convolution("kernel", "bias")],
    {"kernel": LECUN, "bias": "zeros"},
)
enter(
    "Flax Linen",
    "grouped Conv",
    linen(lambda nn: nn.Conv(OUT, (3, 3), feature_group_count=4), IMAGE),
    [convolution("kernel", "bias", groups=4)],
    {"kernel": LECUN, "bias": "zeros"},
)
enter(
    "Flax Linen",
    "ConvTranspose",
    linen(lambda nn: nn.ConvTranspose(OUT, (3, 3)), IMAGE),
    [convolution("kernel", "bias", kind=TRANSPOSED)],
    {"kernel": LECUN, "bias": "zeros"},
)
enter(
    "Flax Linen",
    "ConvTranspose, transpose_kernel",
    linen(lambda nn: nn.ConvTranspose(OUT, (3, 3), transpose_kernel=True), IMAGE),
    [convolution("kernel", "bias", (0, 1, 3, 2), kind=TRANSPOSED)],
    {"kernel": (LECUN, "transposed"), "bias": "zeros"},
)
enter(
    "Flax Linen",
    "Embed",
    linen(lambda nn: nn.Embed(300, E), jnp.ones((1,), int)),
    [],
    {"embedding": "normal:std=1/√features"},
)
ATTENTION = [dense(f"{name}/kernel", f"{name}/bias", inputs=1) for name in ("query", "key", "value")]
enter(
    "Flax Linen",
    "MultiHeadDotProductAttention",
    linen(lambda nn: nn.MultiHeadDotProductAttention(num_heads=4), TOKENS),
    [*ATTENTION, dense("out/kernel", "out/bias", inputs=2)],
    {
        **{f"{name}/kernel": LECUN for name in ("query", "key", "value", "out")},
        **{f"{name}/bias": "zeros" for name in ("query", "key", "value", "out")},
    },
)
GATES = {"LSTMCell": "ifgo", "OptimizedLSTMCell": "ifgo", "GRUCell": "rzn"}
for cell, gates in GATES.items():
    carry = (jnp.ones((1, H)), jnp.ones((1, H))) if "LSTM" in cell else jnp.ones((1, H))
    enter(
        "Flax Linen",
        cell,
        linen(lambda nn, cell=cell: getattr(nn, cell)(features=H), carry, ONE),
        [dense(f"{side}{gate}/kernel") for gate in gates for side in "ih"],
        {
            **{f"i{gate}/kernel": LECUN for gate in gates},
            **{f"h{gate}/kernel": "orthogonal" for gate in gates},
        },
    )
enter(
    "Flax Linen",
    "OptimizedLSTMCell, gates as one product",
    linen(lambda nn: nn.OptimizedLSTMCell(features=H), (jnp.ones((1, H)), jnp.ones((1, H))), ONE),
    [
        lambda p: DrawnLayer("ii/kernel", np.concatenate([p[f"i{g}/kernel"] for g in "ifgo"], 1)),
        lambda p: DrawnLayer("hi/kernel", np.concatenate([p[f"h{g}/kernel"] for g in "ifgo"], 1)),
    ],
    {"layer:ii/kernel": LECUN, "layer:hi/kernel": "orthogonal in 4 blocks"},
)
enter(
    "Flax Linen",
    "norms",
    linen(lambda nn: nn.LayerNorm(), TOKENS),
    [],
    {"scale": "ones", "bias": "zeros"},
)

# Flax NNX.
enter(
    "Flax NNX",
    "Linear",
    nnx(lambda m, rngs: m.Linear(IN, OUT, rngs=rngs)),
    [dense("kernel", "bias")],
    {"kernel": LECUN, "bias": "zeros"},
)
enter(
    "Flax NNX",
    "Conv",
    nnx(lambda m, rngs: m.Conv(16, OUT, (3, 3), rngs=rngs)),
    [convolution("kernel", "bias")],
    {"kernel": LECUN, "bias": "zeros"},
)
enter(
    "Flax NNX",
    "ConvTranspose",
    nnx(lambda m, rngs: m.ConvTranspose(16, OUT, (3, 3), rngs=rngs)),
    [convolution("kernel", "bias", kind=TRANSPOSED)],
    {"kernel": LECUN, "bias": "zeros"},
)
enter(
    "Flax NNX",
    "Embed",
    nnx(lambda m, rngs: m.Embed(300, E, rngs=rngs)),
    [],
    {"embedding": "normal:std=1/√features"},
)
enter(
    "Flax NNX",
    "MultiHeadAttention",
    nnx(lambda m, rngs: m.MultiHeadAttention(num_heads=4, in_features=E, decode=False, rngs=rngs)),
    [*ATTENTION, dense("out/kernel", "out/bias", inputs=2)],
    {f"{name}/kernel": LECUN for name in ("query", "key", "value", "out")},
)
for cell in ("OptimizedLSTMCell", "GRUCell", "SimpleCell"):
    enter(
        "Flax NNX",
        cell,
        nnx(lambda m, rngs, cell=cell: getattr(m, cell)(IN, H, rngs=rngs)),
        [dense("dense_i/kernel"), dense("dense_h/kernel")],
        {"dense_i/kernel": LECUN, "dense_h/kernel": "orthogonal"},
    )
enter(
    "Flax NNX",
    "LSTMCell",
    nnx(lambda m, rngs: m.LSTMCell(IN, H, rngs=rngs)),
    [dense("ii/kernel"), dense("hi/kernel")],
    {"ii/kernel": LECUN, "hi/kernel": "orthogonal"},
)

# Equinox.
enter(
    "Equinox",
    "Linear",
    equinox(lambda nn, key: nn.Linear(IN, OUT, key=key)),
    [dense("weight", "bias", 0)],
    {"weight": STANDARD, "bias": STANDARD},
)
enter(
    "Equinox",
    "Conv2d",
    equinox(lambda nn, key: nn.Conv2d(16, OUT, 3, key=key)),
    [convolution("weight", "bias", OIHW)],
    {"weight": STANDARD, "bias": STANDARD},
)
enter(
    "Equinox",
    "grouped Conv2d",
    equinox(lambda nn, key: nn.Conv2d(16, OUT, 3, groups=4, key=key)),
    [convolution("weight", "bias", OIHW, groups=4)],
    {"weight": STANDARD, "bias": STANDARD},
)
enter(
    "Equinox",
    "ConvTranspose2d",
    equinox(lambda nn, key: nn.ConvTranspose2d(16, OUT, 3, key=key)),
    [convolution("weight", "bias", OIHW, kind=TRANSPOSED)],
    {"weight": STANDARD, "bias": STANDARD},
)
enter(
    "Equinox",
    "Embedding",
    equinox(lambda nn, key: {"embedding": nn.Embedding(300, E, key=key)}),
    [],
    {"embedding/weight": "normal:std=1"},
)
PROJECTIONS = [f"{name}_proj/weight" for name in ("query", "key", "value", "output")]
enter(
    "Equinox",
    "MultiheadAttention",
    equinox(lambda nn, key: nn.MultiheadAttention(4, E, key=key)),
    [dense(name, "", 0) for name in PROJECTIONS],
    dict.fromkeys(PROJECTIONS, STANDARD),
)
for cell in ("LSTMCell", "GRUCell"):
    enter(
        "Equinox",
        cell,
        equinox(lambda nn, key, cell=cell: getattr(nn, cell)(IN, H, key=key)),
        [dense("weight_ih", "", 0), dense("weight_hh", "bias", 0)],
        {"weight_ih": HIDDEN, "weight_hh": STANDARD, "bias": STANDARD},
    )

# Haiku.
enter(
    "Haiku",
    "Linear",
    haiku(lambda hk, x: hk.Linear(OUT)(x), ONE),
    [dense("linear/w", "linear/b")],
    {"linear/w": HAIKU, "linear/b": "zeros"},
)
enter(
    "Haiku",
    "Conv2D",
    haiku(lambda hk, x: hk.Conv2D(OUT, 3)(x), IMAGE),
    [convolution("conv2_d/w", "conv2_d/b")],
    {"conv2_d/w": HAIKU, "conv2_d/b": "zeros"},
)
enter(
    "Haiku",
    "Conv2DTranspose",
    haiku(lambda hk, x: hk.Conv2DTranspose(OUT, 3)(x), IMAGE),
    [convolution("conv2_d_transpose/w", "conv2_d_transpose/b", (0, 1, 3, 2), kind=TRANSPOSED)],
    {"conv2_d_transpose/w": HAIKU},
)
enter(
    "Haiku",
    "DepthwiseConv2D",
    haiku(lambda hk, x: hk.DepthwiseConv2D(2, 3)(x), IMAGE),
    [convolution("depthwise_conv2_d/w", "depthwise_conv2_d/b", groups=16)],
    {"depthwise_conv2_d/w": HAIKU},
)
enter(
    "Haiku",
    "Embed",
    haiku(lambda hk, x: hk.Embed(300, E)(x), jnp.ones((1,), int)),
    [],
    {"embed/embeddings": "truncated_normal:std=1"},
)
enter(
    "Haiku",
    "LSTM",
    haiku(lambda hk, x: hk.LSTM(H)(x, hk.LSTMState(jnp.ones((1, H)), jnp.ones((1, H)))), ONE),
    [dense("lstm/linear/w", "lstm/linear/b")],
    {"lstm/linear/w": HAIKU, "lstm/linear/b": "zeros"},
)
enter(
    "Haiku",
    "GRU",
    haiku(lambda hk, x: hk.GRU(H)(x, jnp.ones((1, H))), ONE),
    [dense("gru/w_i"), dense("gru/w_h", "gru/b")],
    {"gru/w_i": LECUN, "gru/w_h": LECUN, "gru/b": "zeros"},
)
ATTEND = "multi_head_attention"
enter(
    "Haiku",
    "MultiHeadAttention",
    haiku(
        lambda hk, x: hk.MultiHeadAttention(4, 16, w_init=hk.initializers.VarianceScaling(2.0))(x, x, x),
        TOKENS,
    ),
    [dense(f"{ATTEND}/{name}/w", f"{ATTEND}/{name}/b") for name in ("query", "key", "value", "linear")],
    {f"{ATTEND}/{name}/w": "he_normal" for name in ("query", "key", "value", "linear")},
)

# PyTorch.
enter(
    "PyTorch",
    "Linear",
    torch(lambda nn: nn.Linear(IN, OUT)),
    [dense("weight", "bias", 0)],
    {"weight": STANDARD, "bias": STANDARD},
)
enter(
    "PyTorch",
    "Conv2d",
    torch(lambda nn: nn.Conv2d(16, OUT, 3)),
    [convolution("weight", "bias", OIHW)],
    {"weight": STANDARD, "bias": STANDARD},
)
enter(
    "PyTorch",
    "depthwise Conv2d",
    torch(lambda nn: nn.Conv2d(16, 32, 3, groups=16)),
    [convolution("weight", "bias", OIHW, groups=16)],
    {"weight": STANDARD, "bias": STANDARD},
)
enter(
    "PyTorch",
    "ConvTranspose2d",
    torch(lambda nn: nn.ConvTranspose2d(16, OUT, 3)),
    [convolution("weight", "bias", IOHW, kind=TRANSPOSED)],
    {"weight": (STANDARD, "transposed"), "bias": (STANDARD, "transposed")},
)
enter(
    "PyTorch",
    "Embedding",
    torch(lambda nn: nn.ModuleDict({"embedding": nn.Embedding(300, E)})),
    [],
    {"embedding.weight": "normal:std=1"},
)
enter(
    "PyTorch",
    "Embedding with padding",
    torch(lambda nn: nn.ModuleDict({"embedding": nn.Embedding(30, E, padding_idx=0)})),
    [],
    {"embedding.weight": "normal:std=1"},
)
enter(
    "PyTorch",
    "Bilinear",
    torch(lambda nn: nn.Bilinear(16, IN, OUT)),
    [dense("weight", "bias", 0)],
    {"weight": (STANDARD, "first input"), "bias": (STANDARD, "first input")},
)
for cell in ("LSTM", "GRU", "RNN"):
    enter(
        "PyTorch",
        cell,
        torch(lambda nn, cell=cell: getattr(nn, cell)(IN, H)),
        [dense("weight_ih_l0", "bias_ih_l0", 0), dense("weight_hh_l0", "bias_hh_l0", 0)],
        {
            "weight_ih_l0": HIDDEN,
            "weight_hh_l0": STANDARD,
            "bias_ih_l0": HIDDEN,
            "bias_hh_l0": STANDARD,
        },
    )
enter(
    "PyTorch",
    "MultiheadAttention",
    torch(lambda nn: nn.MultiheadAttention(E, 4)),
    [dense("in_proj_weight", "in_proj_bias", 0), dense("out_proj.weight", "out_proj.bias", 0)],
    {
        "in_proj_weight": GLOROT,
        "in_proj_bias": "zeros",
        "out_proj.weight": STANDARD,
        "out_proj.bias": "zeros",
    },
)
enter(
    "PyTorch",
    "MultiheadAttention, three products",
    torch(lambda nn: nn.MultiheadAttention(E, 4)),
    [
        lambda p, i=i: DrawnLayer("in_proj_weight", p["in_proj_weight"][i * E : (i + 1) * E].T)
        for i in range(3)
    ],
    {"layer:in_proj_weight": (GLOROT, "one of 3 blocks together")},
)
enter(
    "PyTorch",
    "MultiheadAttention with other keys",
    torch(lambda nn: nn.MultiheadAttention(E, 4, kdim=IN, vdim=16)),
    [dense(f"{name}_proj_weight", "", 0) for name in "qkv"],
    {f"{name}_proj_weight": GLOROT for name in "qkv"},
)


@pytest.mark.parametrize("name", CASES)
def test_a_default_is_named_right_and_no_rule_blames_it(make_run, name):
    framework, (draw, right) = CASES[name]
    need(framework)
    info = described(draw, framework)
    told = {each.name: each.drawn for each in info.parameters}
    told |= {f"layer:{each.name}": each.drawn for each in info.layers}
    for each, expected in right.items():
        first, fans_of = expected if isinstance(expected, tuple) else (expected, "")
        drawn = told[each]
        assert drawn.names[0] == first, f"{each}: {drawn.text}"
        assert drawn.fans_of == fans_of, f"{each}: {drawn.text}"
        if f"layer:{each}" in told:
            assert told[f"layer:{each}"].names[0] == first, told[f"layer:{each}"].text
    run = with_network(make_run(updates=0, width=8, depth=2, only=["curves"]), info)
    assert [each for each in diagnose(run, network_rules.RULES).every if each.severity != "note"] == []
