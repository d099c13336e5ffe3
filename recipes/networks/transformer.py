"""A vision transformer in JAX (Dosovitskiy et al. 2021), pre-norm or post-norm.

    xavier probe --net transformer.py:transformer:depth=8,norm=pre --data cifar10
    xavier probe --net transformer.py:transformer:depth=8,norm=post --data cifar10

Tokens are patches of the image with learned positions; a classifier over their mean ends it. Post-norm is
`norm(x + f(x))`, as in Vaswani et al. 2017; pre-norm is `x + f(norm(x))`, with one more norm at the end.
"""

import jax
import jax.numpy as jnp


def transformer(
    inputs,
    classes,
    act=jax.nn.gelu,
    depth=6,
    width=64,
    heads=4,
    hidden=0,
    patch=8,
    norm="pre",
    init="glorot_uniform",
):
    """The functions `(init, apply)` of a transformer with `depth` blocks of attention and perceptron.

    **Arguments:** `inputs`, the shape `(height, width, channels)` of an image; `act`, the activation of the
    perceptrons; `width`, the numbers per token; `hidden`, the units of the perceptrons, by default four times
    the width; `patch`, the side of a patch; `norm`, `pre` or `post`; `init`, the name in
    `jax.nn.initializers` that weights are drawn by. Biases start at zero, positions at N(0, 0.02²).
    """
    if len(inputs) != 3 or min(inputs[:2]) < patch:
        raise ValueError(f"needs images of {patch}×{patch} pixels or more")
    if norm not in ("pre", "post") or width % heads:
        raise ValueError("norm: pre or post; width: a multiple of heads")
    draw = getattr(jax.nn.initializers, init)()
    hidden = hidden or 4 * width
    pixels = patch * patch * inputs[-1]
    tokens = (inputs[0] // patch) * (inputs[1] // patch)

    def layer(key, *shape):
        return {"kernel": draw(key, shape), "bias": jnp.zeros(shape[-1])}

    def scale():
        return {"scale": jnp.ones(width), "bias": jnp.zeros(width)}

    def block(key):
        query, key_, value, out, up, down = jax.random.split(key, 6)
        return {
            "norm1": scale(),
            "query": layer(query, width, width),
            "key": layer(key_, width, width),
            "value": layer(value, width, width),
            "out": layer(out, width, width),
            "norm2": scale(),
            "up": layer(up, width, hidden),
            "down": layer(down, hidden, width),
        }

    def init_params(key):
        embed, positions, head, *keys = jax.random.split(key, depth + 3)
        return {
            "embed": layer(embed, pixels, width),
            "positions": 0.02 * jax.random.normal(positions, (tokens, width)),
            "blocks": [block(each) for each in keys],
            "head": layer(head, width, classes),
        } | ({"norm": scale()} if norm == "pre" else {})

    def apply(params, x):
        x = dense(params["embed"], patches(x, patch)) + params["positions"]
        for each in params["blocks"]:
            if norm == "pre":
                x = x + attend(each, normalize(each["norm1"], x), heads)
                x = x + perceptron(each, normalize(each["norm2"], x), act)
            else:
                x = normalize(each["norm1"], x + attend(each, x, heads))
                x = normalize(each["norm2"], x + perceptron(each, x, act))
        if norm == "pre":
            x = normalize(params["norm"], x)
        return dense(params["head"], x.mean(1))

    return init_params, apply


def patches(x, side):
    """The images `(examples, height, width, channels)` as tokens `(examples, tokens, numbers)`."""
    examples, height, width, channels = x.shape
    rows, columns = height // side, width // side
    x = x[:, : rows * side, : columns * side].reshape(examples, rows, side, columns, side, channels)
    return x.transpose(0, 1, 3, 2, 4, 5).reshape(examples, rows * columns, side * side * channels)


def dense(layer, x):
    """`x` through an affine layer, on its last axis."""
    return x @ layer["kernel"] + layer["bias"]


def attend(block, x, heads):
    """Self-attention: every token takes the values of all, by how well their keys fit its query."""

    def in_heads(name):
        y = dense(block[name], x)
        return y.reshape(*y.shape[:-1], heads, -1)

    query, key, value = map(in_heads, ("query", "key", "value"))
    fit = jnp.einsum("eqhn,ekhn->ehqk", query, key) / jnp.sqrt(query.shape[-1])
    taken = jnp.einsum("ehqk,ekhn->eqhn", jax.nn.softmax(fit), value)
    return dense(block["out"], taken.reshape(x.shape))


def perceptron(block, x, act):
    """Two dense layers, token by token."""
    return dense(block["down"], act(dense(block["up"], x)))


def normalize(norm, x):
    """`x` with mean 0 and variance 1 over the numbers of each token, scaled and shifted."""
    mean, variance = x.mean(-1, keepdims=True), x.var(-1, keepdims=True)
    return (x - mean) / jnp.sqrt(variance + 1e-5) * norm["scale"] + norm["bias"]
