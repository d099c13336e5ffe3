"""Looks at one module again and again while somebody's own loop trains it, and leaves no trace in it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from xavier_cli.data.spread import PROBE_EXAMPLES, spread_over
from xavier_cli.pytorch.description import describe_module
from xavier_cli.pytorch.examination import cannot_run, examine
from xavier_cli.pytorch.judge import Judge, logits_of
from xavier_cli.pytorch.layers import SYMMETRIC, Layer, observe
from xavier_cli.pytorch.modules import drop_nothing, plain, refuse_unfollowed
from xavier_cli.pytorch.quiet import apart, set_apart
from xavier_cli.pytorch.state import kept_module
from xavier_cli.pytorch.taps import Taps
from xavier_cli.vocabulary.network_info import NetworkError, NetworkInfo

Tensor = Any

_COMPILED = "_orig_mod."
_SHARDED = ("FullyShardedDataParallel", "FSDPModule", "DeepSpeedEngine", "PipelineStage")
_WRAPPERS = ("DataParallel", "DistributedDataParallel", "_FabricModule")


@dataclass(frozen=True)
class Drawn:
    """What a module is: its layers and parameters, and their numbers, as `pytorch.look.Looked` has them."""

    info: NetworkInfo
    draws: dict[str, list[np.ndarray]]
    layer_draws: list[list[np.ndarray]]


class WatchedModule:
    """A module of somebody's training, and the examples that it is looked at on.

    **Arguments:** `model`, a `torch.nn.Module`, also compiled or in `DataParallel`; `x`, `(examples, …)`, and
    `y`, with as many in front, of which at most 300, evenly spread, are taken; `loss` as for `Judge`.

    Raises `NetworkError`: one line that says what cannot be looked at, and what to do.
    """

    def __init__(self, model: Any, x: Any, y: Any, loss: Callable[[Any, Tensor], Tensor] | None):
        self.module = unwrapped(model)
        self.name = type(self.module).__name__
        refuse_unfollowed(self.module)
        if any(torch.nn.parameter.is_lazy(each) for each in self.module.parameters()):
            raise NetworkError("it has lazy parameters: run it on one batch before it is watched")
        with torch.inference_mode(False):
            self._x, y = (_few(each, name) for each, name in ((x, "x"), (y, "y")))
        self.judge = Judge(loss, y)
        self._names: tuple[tuple[str, tuple[int, ...]], ...] = ()
        self.classes = 0

    @property
    def labels(self) -> np.ndarray:
        """The labels of the examples."""
        return np.asarray(self.judge.labels.cpu().numpy())

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of one example."""
        return tuple(self._x.shape[1:])

    @property
    def edges(self) -> dict[str, np.ndarray]:
        """The edges of the histograms' bins, by tensor."""
        return dict.fromkeys(
            ("activation", "preactivation", "backprop", "weight_gradient", "weight"), SYMMETRIC.edges
        )

    def first(self) -> tuple[Drawn, dict[str, np.ndarray]]:
        """What the module is, and what `look` sees."""
        return self._looked(describe=True)

    def look(self) -> dict[str, np.ndarray]:
        """The statistics of the module as it is now, by path in the run file, and `loss` and `error`.

        As it trains, batch normalization by the examples' own statistics, but with nothing dropped; loss and
        error as it is used, by running averages. Module, gradients and random states are left as they are.
        """
        return self._looked(describe=False)[1]

    def _looked(self, describe: bool) -> tuple[Any, dict[str, np.ndarray]]:
        module = self.module
        examples = self._examples()
        with apart(examples.device.type), kept_module(module):
            had_hooks = set_apart(module)
            in_use = self._in_use(examples)
            if not module.training:
                module.train()
            drop_nothing(module)
            parameters = {name.replace(_COMPILED, ""): each for name, each in module.named_parameters()}
            frozen = [name for name, each in parameters.items() if not each.requires_grad]
            layers, taps, reached = examine(module, parameters, examples, self._total)
            self._check(layers)
            found = observe(layers, self.judge.examples, bins=True) | in_use
            if not describe:
                return None, found
            info = describe_module(module, layers, parameters, taps, reached, examples, frozen)
            more = [self.judge.remark] if self.judge.remark else []
            if had_hooks:
                more.append("Hooks on its modules were not run when it was looked at.")
            return (
                Drawn(
                    info.model_copy(update={"notes": (*info.notes, *more)}),
                    {name: [plain(each)] for name, each in parameters.items()},
                    [[plain(layer.weight)] for layer in layers],
                ),
                found,
            )

    def _in_use(self, examples: Tensor) -> dict[str, np.ndarray]:
        modes = [(each, each.training) for each in self.module.modules()]
        self.module.eval()
        try:
            with torch.no_grad():
                answer = self.module(examples.clone())
                loss = float(self.judge.total(answer)) / self.judge.examples
                wrong = self.judge.error(answer)
        except NetworkError:
            raise
        except Exception as error:
            raise cannot_run(error, examples) from error
        finally:
            for each, mode in modes:
                each.training = mode
        logits = logits_of(answer)
        axis = self.judge.axis(logits)
        self.classes = 0 if axis is None else int(logits.shape[axis])
        return {"loss": np.asarray(loss), "error": np.asarray(wrong)}

    def _examples(self) -> Tensor:
        """The examples where the module is now, and of its precision, as a leaf."""
        tensors = [*self.module.parameters(), *self.module.buffers()]
        places = {each.device for each in tensors}
        if len(places) > 1:
            names = ", ".join(sorted(map(str, places)))
            raise NetworkError(f"its parameters are on several devices ({names}): they cannot be looked at")
        if any(place.type == "meta" for place in places):
            raise NetworkError("its parameters are on the device `meta`, without numbers")
        place = next(iter(places), self._x.device)
        kinds = [each.dtype for each in self.module.parameters() if each.is_floating_point()]
        kind = kinds[0] if kinds and self._x.is_floating_point() else self._x.dtype
        with torch.inference_mode(False):
            return self._x.to(place, kind, copy=True)

    def _total(self, answer: Any, taps: Taps) -> Tensor:
        if not taps.uses:
            raise NetworkError(
                "it has no weight layer: no product or convolution of a parameter and what depends on x"
            )
        return self.judge.total(answer)

    def _check(self, layers: tuple[Layer, ...]) -> None:
        names = tuple((layer.name, tuple(layer.weight.shape)) for layer in layers)
        if self._names and names != self._names:
            raise NetworkError(
                f"it has other layers than before training ({len(names)}, before {len(self._names)})"
            )
        self._names = names


def unwrapped(model: Any) -> Any:
    """The module within those that compile it or run it on several devices; raises `NetworkError`."""
    while True:
        if not isinstance(model, torch.nn.Module):
            raise NetworkError(f"it is {type(model).__name__}, no `torch.nn.Module`: give the network itself")
        kinds = {each.__name__ for each in type(model).__mro__}
        if sharded := kinds & {*_SHARDED}:
            raise NetworkError(
                f"it is {min(sharded)}, of which no process has all parameters: watch it in one process"
            )
        if hasattr(model, "_orig_mod"):
            model = model._orig_mod
        elif kinds & {*_WRAPPERS}:
            model = model.module
        else:
            break
    for name, each in model.named_parameters():
        if type(each.data).__name__ == "DTensor" or type(each).__name__ == "DTensor":
            raise NetworkError(f"its parameter `{name}` is sharded over processes: watch it in one process")
    return model


def is_other_process() -> bool:
    """Whether this is one of several processes of a training, and not the first."""
    distributed = torch.distributed
    return distributed.is_available() and distributed.is_initialized() and distributed.get_rank() != 0


def _few(values: Any, name: str) -> Tensor:
    """At most 300 of the examples, evenly spread, as a tensor of their own."""
    values = values if isinstance(values, torch.Tensor) else torch.from_numpy(np.asarray(values))
    if not values.ndim or not len(values):
        raise NetworkError(f"examples: {name} is empty: give examples to look at the network on")
    places = torch.from_numpy(spread_over(len(values), min(len(values), PROBE_EXAMPLES)))
    few = values.detach()[places.to(values.device)].clone()
    if not torch.isfinite(few).all():
        raise NetworkError(f"examples: {name} holds NaN or infinity: leave such examples out")
    return few
