"""A plain convolutional network in JAX: no normalization, no shortcuts, as deep as one likes.

    xavier probe --net cnn.py:cnn:depth=30,channels=16 --data cifar10
    xavier probe --net cnn.py:cnn:depth=30 --init glorot_normal --data cifar10

A stem of non-overlapping patches makes 8×8 maps of 32×32 pixels at once, so that 30 layers are cheap; a
classifier over the mean of all positions ends it.
"""

import jax
import jax.numpy as jnp


def cnn(inputs, classes, act=jax.nn.relu, depth=30, channels=16, patch=4, edges="zeros", init="he_normal"):
    """The functions `(init, apply)` of a network with `depth` weight layers, stem and classifier included.

    **Arguments:** `inputs`, the shape `(height, width, channels)` of an image; `act`, the activation behind
    every layer but the last; `patch`, the side of the stem's patches; `edges`, `zeros` or
    `wrap`, what lies beyond a map's edges: zeros, which take away part of the variance, or its other side.
    `init` is the name in `jax.nn.initializers` that weights are drawn by. Biases start at zero.
    """
    if edges not in ("zeros", "wrap"):
        raise ValueError("edges: zeros or wrap")
    if len(inputs) != 3 or depth < 2 or min(inputs[:2]) < patch:
        raise ValueError(f"needs images of {patch}×{patch} pixels or more, and depth 2 or more")
    draw = getattr(jax.nn.initializers, init)()

    def layer(key, *shape):
        return {"kernel": draw(key, shape), "bias": jnp.zeros(shape[-1])}

    def init_params(key):
        stem, head, *keys = jax.random.split(key, depth)
        return {
            "stem": layer(stem, patch, patch, inputs[-1], channels),
            "layers": [layer(each, 3, 3, channels, channels) for each in keys],
            "head": layer(head, channels, classes),
        }

    def apply(params, x):
        x = act(convolve(params["stem"], x, patch))
        for each in params["layers"]:
            x = act(convolve(each, x, edges=edges))
        return x.mean((1, 2)) @ params["head"]["kernel"] + params["head"]["bias"]

    return init_params, apply


def convolve(layer, x, stride=1, edges="zeros"):
    """The images `x`, `(examples, height, width, channels)`, through a convolution that keeps their size.

    With a `stride` as large as the kernel, it is one product per patch.
    """
    if stride == 1 and edges == "wrap":
        x = jnp.pad(x, ((0, 0), (1, 1), (1, 1), (0, 0)), mode="wrap")
    padding = "SAME" if stride == 1 and edges == "zeros" else "VALID"
    dims = ("NHWC", "HWIO", "NHWC")
    y = jax.lax.conv_general_dilated(x, layer["kernel"], (stride, stride), padding, dimension_numbers=dims)
    return y + layer["bias"]
