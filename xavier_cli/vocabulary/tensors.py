"""Lists the tensors that are measured layer by layer, with their names; standard library only."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

LayerAxis = Literal["layer", "weight_layer"]


@dataclass(frozen=True)
class Tensor:
    """A tensor of the network, one per layer.

    `symbol` is DESIGN's, for axis labels; `words` describes it in a run file, and `over` says over which
    values its statistics are taken. `axis` is that of hidden layers or of layers of weights. `title` heads a
    table of its statistics, `adjective` qualifies the name of one ("back-propagated std"). `has_histogram`
    says that a run holds its histogram, too.
    """

    name: str
    symbol: str
    words: str
    over: str
    axis: LayerAxis
    title: str
    adjective: str
    has_histogram: bool = True

    @property
    def label(self) -> str:
        """The label of an axis of the tensor's values: `weight gradient dC/dW`."""
        return f"{self.name.replace('_', ' ')} {self.symbol}"


_UNITS_AND_EXAMPLES = "over the layer's units and the probe examples"
TENSORS = {
    tensor.name: tensor
    for tensor in (
        Tensor("activation", "z", "activation z", _UNITS_AND_EXAMPLES, "layer", "activations", "activation"),
        Tensor(
            "preactivation",
            "s",
            "pre-activation s",
            _UNITS_AND_EXAMPLES,
            "layer",
            "pre-activations",
            "pre-activation",
        ),
        Tensor(
            "backprop",
            "dC/ds",
            "back-propagated gradient dC/ds",
            _UNITS_AND_EXAMPLES,
            "layer",
            "back-propagated gradients",
            "back-propagated",
        ),
        Tensor(
            "weight_gradient",
            "dC/dW",
            "gradient dC/dW of the mean loss over the probe examples",
            "over the matrix",
            "weight_layer",
            "weight gradients",
            "weight gradient",
        ),
        Tensor("weight", "W", "weight W", "over the matrix", "weight_layer", "weights", "weight"),
        Tensor(
            "bias",
            "b",
            "bias b",
            "over the layer's units",
            "weight_layer",
            "biases",
            "bias",
            has_histogram=False,
        ),
    )
}
# Of custom networks, whose layers need not be fed by the one before: what goes in and out of every one.
ENTERING = Tensor(
    "entering",
    "x",
    "input of the layer",
    _UNITS_AND_EXAMPLES,
    "weight_layer",
    "what enters the layers",
    "entering",
    has_histogram=False,
)
LEAVING = Tensor(
    "leaving",
    "s",
    "output of the layer, with its bias",
    _UNITS_AND_EXAMPLES,
    "weight_layer",
    "what leaves the layers",
    "leaving",
    has_histogram=False,
)
# Not a tensor of the network, but the singular values of its layers' Jacobians.
JACOBIAN = Tensor(
    "jacobian",
    "dz(i)/dz(i-1)",
    "Jacobian dz(i)/dz(i-1)",
    "over its singular values",
    "layer",
    "singular values of the layer's Jacobian",
    "Jacobian",
    has_histogram=False,
)
