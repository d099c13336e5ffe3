"""Looks at a network of PyTorch's for several seeds, as the probe of JAX's networks does.

PyTorch is imported when a network is looked at, not before: it is no dependency.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any, Literal

import numpy as np

from xavier_cli.errors import MissingPackageError
from xavier_cli.statistics.singular_values import EndToEnd
from xavier_cli.vocabulary.layer_choice import LayerRows
from xavier_cli.vocabulary.network_info import LayerInfo, NetworkInfo

Choose = Callable[[Sequence[LayerInfo]], LayerRows]


@dataclass(frozen=True)
class Looked:
    """What was seen of a network.

    **Attributes:** `info`, its layers and parameters; `arrays`, by the paths of the run file, each with an
    axis of seeds in front, then one of layers, and `loss` and `error` `(seeds,)`: the mean loss of the probe
    examples, and the share that is misclassified. `draws` has the numbers of every parameter, in its own
    shape, one array per seed; `layer_draws` the effective weight of every layer, per seed, inputs in front
    and units last: `(in, out)`, `(height, width, in, out)`. `end_to_end` has the singular values of
    dlogits/dx per seed, none where none were asked for.
    """

    info: NetworkInfo
    arrays: dict[str, np.ndarray]
    draws: dict[str, list[np.ndarray]]
    layer_draws: list[list[np.ndarray]]
    end_to_end: list[EndToEnd]


def look(
    make: Callable[[], Any],
    seeds: Sequence[int],
    x: np.ndarray,
    labels: np.ndarray,
    loss: Literal["cross_entropy", "quadratic"] = "cross_entropy",
    bins: bool = True,
    jacobian_examples: Sequence[int] = (),
    choose: Choose | None = None,
) -> Looked:
    """Look at the network that `make()` returns, a `torch.nn.Module`, drawn once for every seed.

    **Arguments:** `make`, called right after `torch.manual_seed(seed)`; `x`, float32 `(examples, channels,
    height, width)` or `(examples, features)`; `labels`, integers `(examples,)`; `bins`, whether histograms
    are taken; `jacobian_examples`, those whose dlogits/dx is taken; `choose`, which says of the layers that
    were found what each is drawn by: they are drawn anew before they are looked at, by every seed.

    The network runs as it trains, batch normalization by the examples' own statistics, but nothing is dropped
    out; `backprop` is of the summed loss. Afterwards the module, its buffers, gradients, modes and hooks, and
    the random states are as they were, but that lazy parameters are drawn then.

    Raises `NetworkError`, and `MissingPackageError` where PyTorch is not installed.
    """
    if find_spec("torch") is None:
        raise MissingPackageError("measuring a network of PyTorch", "torch")
    from xavier_cli.pytorch import seeds as over_seeds

    return over_seeds.look_at_seeds(make, seeds, x, labels, loss, bins, jacobian_examples, choose)
