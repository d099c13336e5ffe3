"""Draws a network of PyTorch's for every seed, runs it on the probe examples, and says what was seen."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from typing import Any, NamedTuple

import numpy as np
import torch
from torch.nn import functional

from xavier_cli.pytorch.description import describe_module
from xavier_cli.pytorch.end_to_end import measure_end_to_end
from xavier_cli.pytorch.examination import examine, pass_tapped
from xavier_cli.pytorch.layers import gather, observe
from xavier_cli.pytorch.look import Choose, Looked
from xavier_cli.pytorch.modules import check_module, draw_lazy, named_parameters, plain, set_modes
from xavier_cli.pytorch.redraw import redraw
from xavier_cli.pytorch.state import full_precision, kept_module, kept_random_states
from xavier_cli.pytorch.taps import Taps
from xavier_cli.statistics.singular_values import EndToEnd
from xavier_cli.vocabulary.network_info import NetworkError, NetworkInfo

Tensor = Any


class Seen(NamedTuple):
    """What was seen of one seed's network."""

    info: NetworkInfo
    arrays: dict[str, np.ndarray]
    draws: dict[str, np.ndarray]
    layer_draws: list[np.ndarray]
    end_to_end: EndToEnd | None


def look_at_seeds(
    make: Callable[[], Any],
    seeds: Sequence[int],
    x: np.ndarray,
    labels: np.ndarray,
    loss: str,
    bins: bool,
    jacobian_examples: Sequence[int],
    choose: Choose | None,
) -> Looked:
    """See `pytorch.look.look`."""
    if loss not in _LOSSES:
        raise NetworkError(f"`{loss}` is no loss of a network: {' or '.join(_LOSSES)}")
    seen: list[Seen] = []
    with kept_random_states(), full_precision(), torch.inference_mode(False):
        for seed in seeds:
            torch.manual_seed(seed)
            module = check_module(make())
            examples = _examples(module, np.asarray(x))
            draw_lazy(module, examples)
            with ExitStack() as stack:
                if choose is not None:
                    stack.enter_context(kept_module(module))
                    _redraw(module, examples, seed, choose)
                one = _look_at_one(module, examples, np.asarray(labels), loss, bins, jacobian_examples)
            if seen and _outline(one.info) != _outline(seen[0].info):
                raise NetworkError(
                    f"it has other layers with seed {seed} than with seed {seeds[0]}: networks of one probe "
                    "differ in their numbers alone"
                )
            seen.append(one)
    first = seen[0]
    return Looked(
        first.info,
        {path: np.stack([one.arrays[path] for one in seen]) for path in first.arrays},
        {name: [one.draws[name] for one in seen] for name in first.draws},
        [[one.layer_draws[number] for one in seen] for number in range(len(first.layer_draws))],
        [one.end_to_end for one in seen if one.end_to_end],
    )


def _outline(info: NetworkInfo) -> Any:
    layers = [(layer.name, layer.shape, layer.uses) for layer in info.layers]
    return layers, [(each.name, each.shape) for each in info.parameters]


def _redraw(module: Any, examples: Tensor, seed: int, choose: Choose) -> None:
    """Draw the chosen layers of the module anew; to know its layers it is run once."""
    parameters = named_parameters(module)
    # What it draws when it runs it draws later as if it had not been run here.
    with kept_random_states(), kept_module(module):
        set_modes(module)
        taps, _ = pass_tapped(module, parameters, examples)
    redraw(gather(taps.uses), parameters, taps.tables, choose, seed)


def _look_at_one(
    module: Any, examples: Tensor, labels: np.ndarray, loss: str, bins: bool, chosen: Sequence[int]
) -> Seen:
    parameters = named_parameters(module)
    frozen = [name for name, each in parameters.items() if not each.requires_grad]
    draws = {name: plain(each) for name, each in parameters.items()}
    judge = _Judge(labels, loss)
    with kept_module(module):
        set_modes(module)
        layers, taps, reached = examine(module, parameters, examples, judge)
        arrays = observe(layers, len(labels), bins)
        arrays["loss"], arrays["error"] = (np.asarray(each, np.float32) for each in (judge.loss, judge.error))
        weights = [plain(layer.weight) for layer in layers]
        info = describe_module(module, layers, parameters, taps, reached, examples, frozen)
        # Nothing is dropped out here either.
        with taps.recomputing():
            jacobians = measure_end_to_end(module, examples, chosen) if chosen else None
    return Seen(info, arrays, draws, weights, jacobians)


class _Judge:
    """Takes the summed loss of an answer, and keeps the mean `loss` and the share that is wrong, `error`."""

    def __init__(self, labels: np.ndarray, loss: str):
        self._labels, self._loss = labels, _LOSSES[loss]
        self.loss = self.error = float("nan")

    def __call__(self, answer: Any, taps: Taps) -> Tensor:
        logits = _logits(answer, self._labels, taps)
        wanted = torch.as_tensor(self._labels.astype(np.int64), device=logits.device)
        losses = self._loss(logits, wanted)
        self.loss = losses.detach().mean().item()
        self.error = (logits.detach().argmax(-1) != wanted).float().mean().item()
        return losses.sum()


def _examples(module: Any, x: np.ndarray) -> Tensor:
    """The examples where the module is, of its precision, made of a leaf that wants a gradient."""
    tensors = [*module.parameters(), *module.buffers()]
    places = {each.device for each in tensors}
    if len(places) > 1:
        names = ", ".join(sorted(map(str, places)))
        raise NetworkError(f"its parameters are on several devices ({names}): move it to one, `.to(device)`")
    kinds = [each.dtype for each in module.parameters() if each.is_floating_point()]
    if any(place.type == "meta" for place in places):
        raise NetworkError("its parameters are on the device `meta`, without numbers: make it on a real one")
    leaf = torch.tensor(x, dtype=kinds[0] if kinds else torch.float32, device=next(iter(places), "cpu"))
    return leaf


def _logits(answer: Any, labels: np.ndarray, taps: Taps) -> Tensor:
    """The logits in what a module returns, `(examples, classes)`, in float32."""
    logits = getattr(answer, "logits", answer)
    if not isinstance(logits, torch.Tensor):
        raise NetworkError(
            f"it returns {type(answer).__name__}, not logits of shape (examples, classes): return these alone"
        )
    classes = int(labels.max()) + 1 if len(labels) else 1
    is_right = logits.ndim == 2 and logits.shape[0] == len(labels) and logits.shape[1] >= max(classes, 2)
    if not is_right:
        raise NetworkError(
            f"it returns shape {tuple(logits.shape)} for {len(labels)} examples of {classes} classes: logits "
            f"are ({len(labels)}, {classes})"
        )
    if not taps.uses:
        raise NetworkError(
            "it has no weight layer: no product or convolution of a parameter and what depends on the example"
            "; within `torch.func.vmap` they cannot be followed"
        )
    if not logits.is_floating_point():
        raise NetworkError(f"it returns {logits.dtype}, not logits")
    if not torch.isfinite(logits).all():
        raise NetworkError(f"its logits are not finite: NaN or infinity {_first_not_finite(taps)}")
    if not logits.requires_grad:
        raise NetworkError("no gradient comes from its logits: is `forward` within `torch.no_grad`?")
    return logits.float()


def _first_not_finite(taps: Taps) -> str:
    """Where NaN or infinity appears first."""
    for use in taps.uses:
        if not torch.isfinite(use.weight).all():
            return f"in the weight of `{use.name}`: it is drawn so"
        if not all(torch.isfinite(each).all() for each in use.entering):
            return f"enters `{use.name}`, the first where it appears"
        if not torch.isfinite(use.s).all():
            return f"first behind `{use.name}`"
    return "behind its last layer"


def _cross_entropy(logits: Tensor, labels: Tensor) -> Tensor:
    return functional.cross_entropy(logits, labels, reduction="none")


def _quadratic(logits: Tensor, labels: Tensor) -> Tensor:
    wanted = functional.one_hot(labels, logits.shape[-1])
    return 0.5 * ((torch.softmax(logits, -1) - wanted) ** 2).sum(-1)


_LOSSES: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    "cross_entropy": _cross_entropy,
    "quadratic": _quadratic,
}
