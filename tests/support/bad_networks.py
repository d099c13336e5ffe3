"""Networks that cannot be looked at, each with what is to be said of it, and odd ones that can."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array, lax

from tests.support.drawn_numbers import normal, normals_by_key

INPUTS, CLASSES = (2, 2, 3), 10


def _fixed(*shape: int) -> Array:
    return normal(5, *shape)


def linear(key: Array) -> Any:
    """The parameters of one layer that takes examples flat."""
    return {"w": jax.random.normal(key, (12, CLASSES))}


def flat(p: Any, x: Array) -> Array:
    """Logits by one layer."""
    return x.reshape(len(x), -1) @ p["w"]


def hidden(key: Array) -> Any:
    """The parameters of three layers."""
    return dict(zip("abw", normals_by_key(key, (12, 12), (12, 12), (12, CLASSES)), strict=True))


def _raises(key: Array) -> Any:
    raise ValueError("no such depth")


def _needs_depth(key: Array) -> Any:
    def net(key: Array, depth: int) -> None:
        """Never called."""

    net.__qualname__ = "net"
    return net(key)  # type: ignore[call-arg]


def _not_installed(key: Array) -> Any:
    raise ModuleNotFoundError("No module named 'haiku'", name="haiku")


def _changes_settings(key: Array) -> Any:
    jax.config.update("jax_enable_x64", True)
    return linear, flat


def _called_back(p: Any, x: Array) -> Array:
    return flat(p, jax.pure_callback(lambda a: a, jax.ShapeDtypeStruct(x.shape, x.dtype), x))


def _shrunk(h: Array, by: Array) -> Array:
    return lax.while_loop(lambda h: jnp.abs(h).max() > 1, lambda h: 1e-3 * h @ by, h)


def _channels_first(p: Any, x: Array) -> Array:
    return lax.conv_general_dilated(x, p["k"], (1, 1), "SAME").mean((2, 3)) @ p["w"]


def _kernel(key: Array) -> Any:
    return {"k": normals_by_key(key, (4, 3, 2, 2))[0], "w": _fixed(4, CLASSES)}


def _made(init: Any, apply: Any) -> Callable[[Array], Any]:
    return lambda key: (init, apply)


BAD: dict[str, tuple[Callable[[Array], Any], str]] = {
    "a number": (lambda key: 3, r"it returns int, which is no network: return `\(init, apply\)`"),
    "a class": (lambda key: dict, "it returns the class dict: call it"),
    "a network with its parameters": (_made(flat, {}), r"it returns a tuple \(function, dict\)"),
    "other arguments": (
        _needs_depth,
        "missing 1 required positional argument: 'depth'; of the words `inputs`, `classes`, `act`, `key` and "
        "`rngs` it gets those that it has parameters for, others as `nets.py:net:KEY=VALUE`",
    ),
    "raises": (_raises, "fails: ValueError: no such depth$"),
    "settings": (_changes_settings, "changes JAX's settings"),
    "init with a shape": (_made(lambda key, shape: {}, flat), r"called as `init\(key\)`.*'shape'"),
    "apply with a key": (_made(linear, lambda p, x, rng: flat(p, x)), r"as `apply\(params, x\)`.*'rng'"),
    "text among its parameters": (_made(lambda key: {"w": "a"}, flat), "arrays and numbers, not .*str"),
    "two outputs": (
        _made(linear, lambda p, x: (flat(p, x), x)),
        r"gives tuple of 2 arrays, \(300, 10\), \(300",
    ),
    "a dict": (_made(linear, lambda p, x: {"logits": flat(p, x)}), "gives dict .* and these alone"),
    "nothing": (_made(linear, lambda p, x: None), "gives no array"),
    "other classes": (
        _made(lambda key: {"w": _fixed(12, 1000)}, flat),
        "gives 1,000 logits, the data has 10 classes: take their number from the word `classes`",
    ),
    "one number": (_made(linear, lambda p, x: flat(p, x)[:, 0]), r"array of shape \(300,\) for 300 examples"),
    "classes": (_made(linear, lambda p, x: flat(p, x).astype(int)), "gives int32, not logits"),
    "no layer": (
        _made(lambda key: {"s": _fixed(CLASSES)}, lambda p, x: p["s"] * x.mean((1, 2, 3))[:, None]),
        r"has no weight layer: .* \(`s` \(10,\)\)",
    ),
    "no parameters": (
        _made(lambda key: {}, lambda p, x: x.reshape(len(x), -1)[:, :10]),
        "no parameters to be",
    ),
    "integers alone": (
        _made(lambda key: {"w": jnp.ones((12, 10), int)}, lambda p, x: 1.0 * flat(p, x)),
        "no parameters to be trained, which are to be real numbers, only `w` int32",
    ),
    "complex": (
        _made(lambda key: {"w": 1j * linear(key)["w"]}, lambda p, x: flat(p, x).real),
        "`w` is complex64",
    ),
    "NaN drawn": (
        _made(lambda key: {"w": jnp.nan * linear(key)["w"]}, flat),
        "weight of layer `w` holds NaN",
    ),
    "NaN between layers": (
        _made(hidden, lambda p, x: jnp.log(-1 - flat({"w": p["a"]}, x) ** 2) @ p["b"] @ p["w"]),
        "NaN or infinity enters layer `b`, the first",
    ),
    "infinity in a layer": (
        _made(lambda key: {"w": 1e38 * linear(key)["w"]}, lambda p, x: flat(p, 1e6 * x)),
        "leaves layer `w`, the first where it appears, though what enters is finite",
    ),
    "NaN logits": (_made(linear, lambda p, x: jnp.log(-1 - flat(p, x) ** 2)), "its logits hold NaN"),
    "layers in a while loop": (
        _made(lambda key: {"w": _fixed(12, 12)}, lambda p, x: _shrunk(x.reshape(len(x), -1), p["w"])[:, :10]),
        "all its weight layers are within `while`.* use `lax.scan`",
    ),
    "calls Python back": (_made(linear, _called_back), "it calls Python back"),
    "not installed": (_not_installed, "No module named 'haiku'; `pip install dm-haiku`$"),
    "draws by NumPy": (
        _made(lambda key: {"w": jnp.asarray(np.random.default_rng().normal(size=(12, 10)))}, flat),
        "draws other parameters each time it is called with the same key",
    ),
    "noise by NumPy": (
        _made(linear, lambda p, x: flat(p, x) + np.random.default_rng().normal()),
        "does something else each time",
    ),
    "channels first": (_made(_kernel, _channels_first), r"channels first, .*`jnp.moveaxis\(x, -1, -3\)`"),
    "flat inputs": (_made(linear, lambda p, x: x @ p["w"]), r"takes flat inputs of 12, and gets \(2, 2, 3\)"),
    "one example": (_made(linear, lambda p, x: x.ravel() @ p["w"]), "one example at a time: .*`jax.vmap`"),
    "a fixed batch": (
        _made(linear, lambda p, x: x.reshape(300, -1) @ p["w"]),
        r"in use, for 3 examples: .* take the number of examples from `len\(x\)`",
    ),
    "if": (
        _made(linear, lambda p, x: flat(p, x) if x.sum() > 0 else -flat(p, x)),
        "by `jax.jit`: .*`lax.cond`",
    ),
}
"""What `make` returns, and a pattern of what is said of it."""


ODD: dict[str, tuple[Callable[[Array], Any], dict[str, str], str]] = {
    "a switch": (_made(linear, lambda p, x, train: flat(p, x)), {"w": "weight"}, ""),
    "integers": (
        _made(lambda key: {**linear(key), "n": jnp.arange(3)}, lambda p, x: flat(p, x) * p["n"][1]),
        {"w": "weight", "n": "other"},
        "Not trained, since they hold no real numbers: `n`.",
    ),
    "half precision": (
        _made(
            lambda key: jax.tree.map(lambda w: w.astype(jnp.bfloat16), linear(key)),
            lambda p, x: flat(p, x.astype(jnp.bfloat16)),
        ),
        {"w": "weight"},
        "",
    ),
    "the same for all keys": (
        _made(lambda key: {"w": _fixed(12, 10)}, flat),
        {"w": "weight"},
        "It draws the same parameters whatever the key, so that all seeds are one network.",
    ),
    "one drawn without the key": (
        _made(
            lambda key: {**hidden(key), "a": _fixed(12, 12)},
            lambda p, x: flat({"w": p["a"] @ p["b"] @ p["w"]}, x),
        ),
        {"a": "weight", "b": "weight", "w": "weight"},
        "Drawn without the key, alike for all seeds: a.",
    ),
    "one without effect": (
        _made(lambda key: {**linear(key), "u": jax.random.normal(key, (3,))}, flat),
        {"w": "weight", "u": "other"},
        "Without effect on the logits: `u`.",
    ),
    "probabilities": (
        _made(linear, lambda p, x: jax.nn.softmax(flat(p, x))),
        {"w": "weight"},
        "Its outputs add up to 1 for every example, as probabilities do: return logits, without a softmax.",
    ),
    "normalized by the batch": (
        _made(linear, lambda p, x: flat(p, x / x.std(0))),
        {"w": "weight"},
        "Its output for an example depends on the others of the batch, as under batch normalization: "
        "dC/ds is of the batch's summed loss.",
    ),
}
"""What `make` returns, the parameters with what they are for, and a note."""
