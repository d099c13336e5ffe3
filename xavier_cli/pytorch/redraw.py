"""Draws weights and biases of a module's layers anew, by the vocabulary's description of each initializer.

The numbers are PyTorch's, the distributions those of `nn.inspection.redraw`: for one seed and layer every
distribution of a shape (uniform, normal, truncated normal) scales the same draws.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import torch

from xavier_cli.pytorch.layers import Layer
from xavier_cli.pytorch.products import Side
from xavier_cli.vocabulary.entry import TRUNCATED_STD, InitializerEntry
from xavier_cli.vocabulary.layer_choice import LayerRows, is_a_table, not_own_numbers
from xavier_cli.vocabulary.network_info import LayerInfo, NetworkError

Tensor = Any

_PURPOSES = {"weight": 0, "bias": 1}


class _Written(NamedTuple):
    """What was drawn, and where it was put: the layer's number from 0, and a way to read it there."""

    what: str
    setting: str
    at: int
    wanted: Tensor
    read: Callable[[], Tensor]


def redraw(
    layers: Sequence[Layer],
    parameters: Mapping[str, Tensor],
    tables: Collection[str],
    choose: Callable[[Sequence[LayerInfo]], LayerRows],
    seed: int,
) -> None:
    """Overwrite weights and biases of `layers` by what `choose` says, in place.

    **Arguments:** `parameters`, by name, whose numbers they are; `tables`, the names of embeddings.

    Raises `NetworkError` for a weight or bias that is not a parameter's own numbers, or a part of them: it
    is computed (`parametrize`, weight normalization), or shared with another layer or with an embedding.
    """
    weights, biases = choose([layer.info for layer in layers]).chosen()
    written = []
    with torch.no_grad():
        for at, row in weights.items():
            layer = layers[at]
            use = layer.uses[0]
            if use.parameter in tables:
                raise NetworkError(is_a_table(layer.name, at + 1))
            if not _is_part_of(use.weight, parameters[use.parameter]):
                raise NetworkError(not_own_numbers("weight", layer.name, at + 1, "init"))
            drawn = draw_weight(row, use.side, tuple(layer.weight.shape), _generator(seed, at, "weight"))
            use.weight.copy_(_from_layout(use.side, drawn, use.weight.shape))
            written.append(_Written("weight", "init", at, drawn, lambda layer=layer: layer.weight))  # type: ignore[misc]
        for at, row in biases.items():
            layer = layers[at]
            biased = next((each for each in layer.uses if each.bias is not None), None)
            if biased is None:
                continue
            if biased.bias_name not in parameters or not _is_part_of(
                biased.bias, parameters[biased.bias_name]
            ):
                raise NetworkError(not_own_numbers("bias", layer.name, at + 1, "bias_init"))
            side, shape = biased.side, tuple(biased.bias.shape)
            drawn = draw_bias(row, (side.fan_in, side.fan_out), shape, _generator(seed, at, "bias"))
            biased.bias.copy_(drawn)
            written.append(_Written("bias", "bias_init", at, drawn, lambda layer=layer: layer.bias))  # type: ignore[misc]
    for each in written:
        # In half precision what was drawn is rounded.
        if not torch.allclose(each.read().cpu(), each.wanted, rtol=1e-2, atol=1e-3 * each.wanted.abs().max()):
            raise NetworkError(not_own_numbers(each.what, layers[each.at].name, each.at + 1, each.setting))


def draw_weight(row: InitializerEntry, side: Side, shape: tuple[int, ...], generator: Any) -> Tensor:
    """A weight of `shape`, inputs in front and units last, float32.

    Matrices side by side, of experts or of a convolution's groups, are drawn one by one.
    """
    units = side.fan_out // side.receptive_field
    several = math.prod(shape) // (side.fan_in * units)
    is_kernel = side.kind != "dense"
    space = shape[: -2 if is_kernel else 0] if side.receptive_field > 1 else ()
    drawn = _matrices(row, (several, side.fan_in, units), side.fan_out, space, generator)
    return (drawn.movedim(0, 1) if is_kernel else drawn).reshape(shape)


def draw_bias(row: InitializerEntry, fans: tuple[int, int], shape: tuple[int, ...], generator: Any) -> Tensor:
    """A bias of `shape`, by a distribution that knows the layer's fans, float32."""
    if row.distribution == "constant":
        return torch.full(shape, row.mean)
    return _independent(row, fans, shape, generator)


def _matrices(
    row: InitializerEntry, shape: tuple[int, int, int], fan_out: int, space: Sequence[int], generator: Any
) -> Tensor:
    """Matrices by an initializer: `(matrices, fan_in, units)`; `space` are the positions of a kernel."""
    several, fan_in, units = shape
    values = row.parameter_values
    match row.distribution:
        case "uniform" | "normal" | "truncated normal":
            return _independent(row, (fan_in, fan_out), shape, generator)
        case "orthogonal":
            long, short = max(fan_in, units), min(fan_in, units)
            q, r = torch.linalg.qr(_normal((several, long, short), generator))
            # With the signs of R's diagonal every orthonormal matrix is as likely as any other.
            q = float(values["gain"]) * q * torch.sign(torch.diagonal(r, dim1=1, dim2=2)).unsqueeze(1)
            return q if fan_in >= units else q.transpose(1, 2)
        case "sparse normal":
            drawn = float(values["std"]) * _normal(shape, generator)
            order = torch.rand(shape, generator=generator).argsort(1).argsort(1)
            return torch.where(order >= math.ceil(float(values["sparsity"]) * fan_in), drawn, 0.0)
        case "diagonal":
            # A convolution passes its input on by its kernel's centre alone.
            positions = math.prod(space)
            centre = int(np.ravel_multi_index([(size - 1) // 2 for size in space], space)) if space else 0
            kernel = torch.zeros(positions, fan_in // positions, units)
            kernel[centre] = float(values["gain"]) * torch.eye(*kernel.shape[1:])
            return kernel.reshape(1, fan_in, units).expand(shape)
        case "constant":
            return torch.full(shape, row.mean)
    raise NetworkError(f"`{row.name}` draws by JAX, and a network of PyTorch's by PyTorch")


def _independent(
    row: InitializerEntry, fans: tuple[int, int], shape: tuple[int, ...], generator: Any
) -> Tensor:
    """Draws of the variance that the row has for these fans; all from the same uniform numbers."""
    std = math.sqrt(row.variance(*fans))
    match row.distribution:
        case "uniform":
            return math.sqrt(3) * std * _uniform(shape, generator)
        case "truncated normal":
            within = math.erf(math.sqrt(2)) * _uniform(shape, generator)
            return std / TRUNCATED_STD * math.sqrt(2) * torch.erfinv(within)
        case "normal":
            return std * _normal(shape, generator)
    raise NetworkError(f"`{row.name}` draws by JAX, and a network of PyTorch's by PyTorch")


def _normal(shape: tuple[int, ...], generator: Any) -> Tensor:
    return math.sqrt(2) * torch.erfinv(_uniform(shape, generator))


def _uniform(shape: tuple[int, ...], generator: Any) -> Tensor:
    """Numbers in (-1, 1), the ends left out: there the inverse of erf is infinite."""
    return (torch.rand(shape, generator=generator) * 2 - 1).clamp(min=float(np.nextafter(np.float32(-1), 0)))


def _generator(seed: int, at: int, what: str) -> Any:
    """The generator of layer `at`, counted from 0, apart from all others; on the processor always."""
    number = np.random.SeedSequence([seed, _PURPOSES[what], at]).generate_state(1, np.uint64)[0]
    return torch.Generator().manual_seed(int(number >> np.uint64(1)))


def _is_part_of(values: Tensor, parameter: Tensor) -> bool:
    """Whether writing to `values` writes to the parameter, every number to a place of its own."""
    own = values.untyped_storage().data_ptr() == parameter.untyped_storage().data_ptr()
    return own and all(
        step > 0 or size == 1 for step, size in zip(values.stride(), values.shape, strict=True)
    )


def _from_layout(side: Side, drawn: Tensor, shape: Any) -> Tensor:
    """What `side.to_layout` makes of a weight of `shape`, turned back."""
    places = side.to_layout(torch.arange(drawn.numel()).reshape(shape)).reshape(-1)
    values = torch.empty(drawn.numel())
    values[places] = drawn.reshape(-1)
    return values.reshape(shape)
