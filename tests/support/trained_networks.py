"""Custom networks that train in no time, as a user's file has them, and engines that train them."""

from __future__ import annotations

import math
from itertools import pairwise
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp

from xavier_cli.config.run import RunConfig
from xavier_cli.nn.initializers import make_initializer
from xavier_cli.training.engine.architectures.architecture import with_layers
from xavier_cli.training.engine.engine import Engine
from xavier_cli.training.engine.layout import choose_layout
from xavier_cli.training.engine.population import Population, Variant
from xavier_cli.training.engine.training_data import TrainingData
from xavier_cli.vocabulary.resolve import find_initializer

FILE = Path(__file__)


def config_of(function: str, **settings: Any) -> RunConfig:
    """The configuration of a function in this file, which may name its parameters: `by_hand:width=9`."""
    usual = {"data": "tiny.npz", "lr": 0.1, "updates": 60, "records": "4", "eval_examples": 200, "seeds": 3}
    return RunConfig.of(**usual | {"net": f"{FILE}:{function}"} | settings)


def engine_of(
    config: RunConfig,
    data: TrainingData,
    strategy: Any = "map",
    lrs: tuple[float, ...] = (0.1,),
    wanted: tuple[str, ...] = ("init", "advance"),
) -> Engine:
    """A compiled engine of `config`, with a variant for each rate."""
    if config.network.is_users:
        (config,) = with_layers([config], data)
    variants = tuple(Variant(config.init, lr) for lr in lrs)
    layout = choose_layout(len(config.seeds), len(variants), strategy)
    engine = Engine(Population(config, config.seeds, variants), data, layout)
    engine.start(wanted=wanted)
    return engine


def by_hand(inputs: Any, classes: int, width: int = 12, depth: int = 3, act: Any = jnp.tanh) -> Any:
    """The perceptron of `mlp`, drawn with its keys."""
    sizes = [math.prod(inputs), *[width] * depth, classes]
    draw = make_initializer(find_initializer("normalized"))

    def init(key: Any) -> Any:
        return [
            (draw(jax.random.fold_in(key, i), fans, jnp.float32), jnp.zeros(fans[1]))
            for i, fans in enumerate(pairwise(sizes))
        ]

    def apply(params: Any, x: Any) -> Any:
        *hidden, (weight, bias) = params
        for each, shift in hidden:
            x = act(x @ each + shift)
        return x @ weight + bias

    return init, apply


def _drawn(key: Any, *rows: int) -> Any:
    """Rows of 12 numbers: a network's weights are cut out of one draw, which compiles sooner than several."""
    return jax.random.normal(key, (sum(rows), 12)) * 0.2


def two(inputs: Any, classes: int, dtype: Any = jnp.float32, more: Any = None, names: Any = "ab") -> Any:
    """Two weight layers of `dtype`, with whatever `more` there is among the parameters."""
    first, last = names

    def init(key: Any) -> Any:
        drawn = _drawn(key, math.prod(inputs), classes).astype(dtype)
        return {first: drawn[:-classes], last: drawn[-classes:].T, **(more or {})}

    def apply(params: Any, x: Any) -> Any:
        return jnp.tanh(x.reshape(len(x), -1).astype(dtype) @ params[first]) @ params[last]

    return init, apply


def in_half_precision(inputs: Any, classes: int) -> Any:
    """Parameters of bfloat16, with one of float32 beside them."""
    init, apply = two(inputs, classes, jnp.bfloat16, {"scale": jnp.ones(classes)})
    return init, lambda params, x: apply(params, x) * params["scale"]


def of_float16(inputs: Any, classes: int) -> Any:
    """Parameters of float16, whose squares soon overflow."""
    return two(inputs, classes, jnp.float16)


def with_integers(inputs: Any, classes: int) -> Any:
    """Integers and truth values among the parameters: they are state, and not trained."""
    more = {"order": jnp.arange(3), "is": jnp.array([True, False]), "small": jnp.full(4, -3, jnp.int8)}
    return two(inputs, classes, more=more)


def masked(inputs: Any, classes: int) -> Any:
    """A mask of infinities among the parameters, as a causal one of a module's is."""
    init, apply = two(inputs, classes, more={"mask": jnp.where(jnp.eye(3) > 0, 0.0, -jnp.inf)})
    return init, lambda params, x: apply(params, x) * jax.nn.softmax(params["mask"])[0, 0]


def unused(inputs: Any, classes: int) -> Any:
    """A parameter that has no effect, a scale that has, and weights."""
    init, apply = two(inputs, classes, more={"nowhere": jnp.ones((3, 3)), "scale": jnp.ones(classes)})
    return init, lambda params, x: apply(params, x) * params["scale"]


def bare(inputs: Any, classes: int) -> Any:
    """One layer, whose weight is all that there is."""
    wide = math.prod(inputs)
    return (
        lambda key: jax.random.normal(key, (wide, classes)) * 0.1,
        lambda weight, x: x.reshape(len(x), -1) @ weight,
    )


def tied(inputs: Any, classes: int) -> Any:
    """One weight that is used three times, once transposed."""
    wide = math.prod(inputs)

    def apply(params: Any, x: Any) -> Any:
        weight = params["w"]
        return jnp.tanh(jnp.tanh(x.reshape(len(x), -1) @ weight) @ weight.T) @ weight

    return lambda key: {"w": jax.random.normal(key, (wide, classes)) * 0.1}, apply


def scanned(inputs: Any, classes: int) -> Any:
    """Four layers stacked, under `scan` and `checkpoint`."""

    def init(key: Any) -> Any:
        drawn = _drawn(key, math.prod(inputs), classes, 4 * 12)
        first, last, stack = jnp.split(drawn, (math.prod(inputs), math.prod(inputs) + classes))
        return {"in": first, "stack": 1.5 * stack.reshape(4, 12, 12), "out": last.T}

    @jax.checkpoint
    def layer(h: Any, weight: Any) -> Any:
        return jnp.tanh(h @ weight), None

    def apply(params: Any, x: Any) -> Any:
        h, _ = jax.lax.scan(layer, jnp.tanh(x.reshape(len(x), -1) @ params["in"]), params["stack"])
        return h @ params["out"]

    return init, apply


def frozen(inputs: Any, classes: int) -> Any:
    """A first layer through which no gradient goes."""
    init, _ = two(inputs, classes)

    def apply(params: Any, x: Any) -> Any:
        fixed = jax.lax.stop_gradient(params["a"])
        return jnp.tanh(x.reshape(len(x), -1) @ fixed) @ params["b"]

    return init, apply


@jax.custom_vjp
def _product(x: Any, weight: Any) -> Any:
    return x @ weight


_product.defvjp(
    lambda x, weight: (x @ weight, (x, weight)),
    lambda kept, given: (given @ kept[1].T, kept[0].T @ given),
)


def by_custom_vjp(inputs: Any, classes: int) -> Any:
    """Products whose derivative is the user's own."""
    init, _ = two(inputs, classes)
    return init, lambda params, x: _product(
        jnp.tanh(_product(x.reshape(len(x), -1), params["a"])), params["b"]
    )


def oddly_named(inputs: Any, classes: int) -> Any:
    """Names with slashes, dots and brackets, and none at all."""
    return two(inputs, classes, names=("../a/b", ""), more={"[3]": jnp.ones(2), "größe": jnp.ones(3)})


def many(inputs: Any, classes: int, count: int = 300) -> Any:
    """Hundreds of parameters of a few numbers each."""
    init, apply = two(inputs, classes, more={f"shift{i}": jnp.zeros(classes) for i in range(count)})

    def shifted(params: Any, x: Any) -> Any:
        return apply(params, x) + jnp.stack([params[f"shift{i}"] for i in range(count)]).sum(0)

    return init, shifted


def failing(inputs: Any, classes: int) -> Any:
    """It fails for ten examples, as training has them and nothing before does."""
    init, apply = two(inputs, classes)

    def applied(params: Any, x: Any) -> Any:
        if len(x) == 10:
            raise ValueError("an odd batch\nand more of it")
        return apply(params, x)

    return init, applied


def empty(inputs: Any, classes: int) -> Any:
    """A parameter without numbers."""
    return two(inputs, classes, more={"none": jnp.zeros((0, 3))})


def control_characters(inputs: Any, classes: int) -> Any:
    """A name that turns the text behind it round."""
    return two(inputs, classes, names=("a", "b\u202e"))


def of_framework(inputs: Any, classes: int, key: Any, name: str = "") -> Any:
    """A framework's small network with batch normalization and dropout."""
    from support.framework_networks import FRAMEWORKS

    return FRAMEWORKS[name]()(key)
