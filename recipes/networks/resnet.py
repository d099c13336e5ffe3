"""A residual network of convolutions in JAX, with and without normalization.

    xavier probe --net resnet.py:resnet:depth=16 --data cifar10                  # doubles block by block
    xavier probe --net resnet.py:resnet:depth=16,zero=true --data cifar10        # stays
    xavier probe --net resnet.py:resnet:depth=16,norm=group --data cifar10

Every block adds to the stream what its branch makes of it (pre-activation, He et al. 2016b):
`x + last(act(norm(first(act(norm(x))))))`.
"""

import jax
import jax.numpy as jnp


def resnet(
    inputs,
    classes,
    act=jax.nn.relu,
    depth=16,
    channels=16,
    patch=4,
    norm="none",
    zero=False,
    init="he_normal",
):
    """The functions `(init, apply)` of a network with `depth` blocks of two convolutions.

    **Arguments:** `inputs`, the shape `(height, width, channels)` of an image; `patch`, the side of the
    stem's patches; `norm`, `none` or `group` (of four channels, Wu & He 2018); `zero`, whether the last
    weight of every branch starts at zero, so that every block starts as the identity (Zhang et al. 2019);
    `init`, the name in `jax.nn.initializers` that the other weights are drawn by. Biases start at zero.
    """
    if len(inputs) != 3 or min(inputs[:2]) < patch:
        raise ValueError(f"needs images of {patch}×{patch} pixels or more")
    if norm not in ("none", "group"):
        raise ValueError(f"norm: `{norm}` is neither none nor group")
    draw = getattr(jax.nn.initializers, init)()
    zeros = jax.nn.initializers.zeros

    def layer(key, *shape, draw=draw):
        return {"kernel": draw(key, shape), "bias": jnp.zeros(shape[-1])}

    def scale():
        return {"scale": jnp.ones(channels), "bias": jnp.zeros(channels)} if norm == "group" else {}

    def block(key):
        first, last = jax.random.split(key)
        shape = (3, 3, channels, channels)
        return {
            "norm1": scale(),
            "first": layer(first, *shape),
            "norm2": scale(),
            "last": layer(last, *shape, draw=zeros if zero else draw),
        }

    def init_params(key):
        stem, head, *keys = jax.random.split(key, depth + 2)
        return {
            "stem": layer(stem, patch, patch, inputs[-1], channels),
            "blocks": [block(each) for each in keys],
            "norm": scale(),
            "head": layer(head, channels, classes),
        }

    def apply(params, x):
        x = convolve(params["stem"], x, patch)
        for each in params["blocks"]:
            h = convolve(each["first"], act(normalize(each["norm1"], x)))
            x = x + convolve(each["last"], act(normalize(each["norm2"], h)))
        x = act(normalize(params["norm"], x)).mean((1, 2))
        return x @ params["head"]["kernel"] + params["head"]["bias"]

    return init_params, apply


def convolve(layer, x, stride=1):
    """The images `x`, `(examples, height, width, channels)`, through a convolution that keeps their size.

    With a `stride` as large as the kernel, it is one product per patch.
    """
    padding = "SAME" if stride == 1 else "VALID"
    dims = ("NHWC", "HWIO", "NHWC")
    y = jax.lax.conv_general_dilated(x, layer["kernel"], (stride, stride), padding, dimension_numbers=dims)
    return y + layer["bias"]


def normalize(norm, x, per_group=4):
    """`x` with mean 0 and variance 1 over each image's positions and groups of channels; as it is without."""
    if not norm:
        return x
    groups = x.reshape(*x.shape[:-1], -1, per_group)
    mean = groups.mean((1, 2, 4), keepdims=True)
    variance = groups.var((1, 2, 4), keepdims=True)
    normal = ((groups - mean) / jnp.sqrt(variance + 1e-5)).reshape(x.shape)
    return normal * norm["scale"] + norm["bias"]
