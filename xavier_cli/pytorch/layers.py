"""Gathers the uses of weights into a network's layers, and measures them in the words of the run file."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from xavier_cli.pytorch.summary import count, moments, percentiles, sample
from xavier_cli.pytorch.use import Use
from xavier_cli.statistics.tensor_summary import SymmetricLogBins
from xavier_cli.vocabulary.network_info import LayerInfo

Tensor = Any

COUNTED = ("activation", "preactivation", "backprop", "weight_gradient", "weight")
"""The tensors of which histograms are taken."""


@dataclass(frozen=True)
class Layer:
    """One weight layer: a weight, and everywhere that it is used."""

    name: str
    uses: tuple[Use, ...]

    @property
    def info(self) -> LayerInfo:
        """What is stored of it; the shape is that of `weight`."""
        first = self.uses[0]
        side = first.side
        applied = dict.fromkeys(name for use in self.uses for name, _ in use.applied)
        return LayerInfo(
            name=self.name,
            parameter=first.parameter,
            bias=next((use.bias_name for use in self.uses if use.bias is not None), ""),
            kind=side.kind,
            shape=tuple(self.weight.shape),
            fan_in=side.fan_in,
            fan_out=side.fan_out,
            receptive_field=side.receptive_field,
            uses=len(self.uses),
            applied=tuple(applied),
        )

    @property
    def weight(self) -> Tensor:
        """The effective weight, inputs in front and units last, float32."""
        return self.uses[0].side.to_layout(self.uses[0].weight).float()

    def gradient(self, examples: int) -> Tensor:
        """dC/dW of the mean loss over the `examples`, summed over all uses; NaN where there is none."""
        if not any(use.has_gradient for use in self.uses):
            return torch.full_like(self.weight, math.nan)
        total = torch.zeros_like(self.weight)
        for use in self.uses:
            if use.gradient is not None:
                total += use.side.to_layout(use.gradient).float()
        return total / examples

    @property
    def delta(self) -> list[Tensor]:
        """dC/ds of every use, 0 where no gradient comes to; NaN where gradients are switched off."""
        return [
            use.delta.float()
            if use.delta is not None
            else torch.full_like(use.s.float(), 0.0 if use.has_gradient else math.nan)
            for use in self.uses
        ]

    @property
    def bias(self) -> Tensor:
        """The bias, of one NaN where there is none."""
        found = next((use.bias for use in self.uses if use.bias is not None), None)
        return torch.tensor([math.nan]) if found is None else found.float()

    @property
    def shares(self) -> tuple[float, float, float]:
        """Shares of saturated and inactive inputs and of dead units behind it; NaN without known function."""
        applied = [shares for use in self.uses for _, shares in use.applied]
        inputs, units = sum(each.inputs for each in applied), sum(each.units for each in applied)
        if not inputs:
            return math.nan, math.nan, math.nan
        return (
            sum(each.saturated for each in applied) / inputs,
            sum(each.inactive for each in applied) / inputs,
            sum(each.dead for each in applied) / max(units, 1),
        )


def gather(uses: Sequence[Use]) -> tuple[Layer, ...]:
    """The layers in order of execution: a weight used in many places is one layer."""
    found: dict[Hashable, list[Use]] = {}
    for use in uses:
        side = use.side
        key = use.number, side.kind, side.order, side.fan_in, side.fan_out
        found.setdefault(key, []).append(use)
    often, seen = Counter(each[0].name for each in found.values()), Counter[str]()
    layers = []
    for each in found.values():
        name = each[0].name
        seen[name] += 1
        again = often[name] > 1 and seen[name] > 1
        layers.append(Layer(f"{name}#{seen[name]}" if again else name, tuple(each)))
    return tuple(layers)


def observe(layers: Sequence[Layer], examples: int, bins: bool) -> dict[str, np.ndarray]:
    """The statistics of the layers, with the paths of the run file and an axis of layers."""
    found: dict[str, list[Any]] = {}

    def put(path: str, value: Any) -> None:
        found.setdefault(path, []).append(value)

    def describe(names: Sequence[str], parts: Sequence[Tensor], units: int = -1) -> None:
        """Put the statistics of one tensor, of which `parts` are the uses, under each of its names."""
        whole = parts[0] if len(parts) == 1 else torch.cat([part.reshape(-1) for part in parts])
        mean, std = moments(whole)
        for name in names:
            put(f"{name}/mean", mean)
            put(f"{name}/std", std)
        counted = [name for name in names if bins and name in COUNTED]
        if counted or "activation" in names:
            few = sample(whole, units if len(parts) == 1 else -1)
            for name in counted:
                put(f"{name}/histogram", count(SYMMETRIC, few))
            if "activation" in names:
                signed, magnitude = percentiles(few)
                put("activation/percentiles", signed)
                put("activation/abs_percentiles", magnitude)

    for number, layer in enumerate(layers):
        is_last = number == len(layers) - 1
        first = layer.uses[0]
        # Within a convolution channels stand in front of positions.
        in_front = first.side.units_in_front
        units = first.units[0] if in_front and len(first.units) == 1 else -1
        describe(
            ["entering", *(["activation"] if number else [])],
            [_flat(use.entering) for use in layer.uses],
            first.side.entering_units if in_front else -1,
        )
        describe(
            ["leaving", *([] if is_last else ["preactivation"])],
            [use.s.float() for use in layer.uses],
            units,
        )
        if not is_last:
            describe(["backprop"], layer.delta, units)
            for name, share in zip(("saturated", "inactive", "dead"), layer.shares, strict=True):
                put(f"activation/{name}", share)
        describe(["weight_gradient"], [layer.gradient(examples)])
        describe(["weight"], [layer.weight])
        describe(["bias"], [layer.bias])
    return {
        path: np.asarray(values, np.int32 if path.endswith("/histogram") else np.float32)
        for path, values in found.items()
    }


SYMMETRIC = SymmetricLogBins()
"""The bins of every histogram of a network of which no ranges are known."""


def _flat(entering: tuple[Tensor, ...]) -> Tensor:
    if len(entering) == 1:
        return entering[0].float()
    return torch.cat([each.float().reshape(-1) for each in entering])
