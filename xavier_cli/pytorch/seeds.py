"""Draws a network of PyTorch's for every seed, runs it on the probe examples, and says what was seen."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from typing import Any, NamedTuple

import numpy as np
import torch
from torch.nn import functional

from xavier_cli.pytorch.end_to_end import measure_end_to_end
from xavier_cli.pytorch.layers import Layer, gather, observe
from xavier_cli.pytorch.look import Choose, Looked
from xavier_cli.pytorch.modules import check_module, draw_lazy, named_parameters, plain, set_modes, shared
from xavier_cli.pytorch.redraw import redraw
from xavier_cli.pytorch.state import full_precision, kept_module, kept_random_states
from xavier_cli.pytorch.taps import Taps
from xavier_cli.statistics.singular_values import EndToEnd
from xavier_cli.vocabulary.network_info import BATCH_DEPENDENT, NetworkError, NetworkInfo, ParameterInfo, Role

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
        taps, _ = _watched(module, parameters, examples)
    redraw(gather(taps.uses), parameters, taps.tables, choose, seed)


def _watched(module: Any, parameters: dict[str, Tensor], examples: Tensor) -> tuple[Taps, Any]:
    """What passed the module's layers when it was run as it trains, and what it returned."""
    set_modes(module)
    for each in parameters.values():
        if each.is_floating_point():
            each.requires_grad_()
    taps = Taps(parameters)
    with torch.enable_grad():
        return taps, _run(module, taps, examples)


def _look_at_one(
    module: Any, examples: Tensor, labels: np.ndarray, loss: str, bins: bool, chosen: Sequence[int]
) -> Seen:
    parameters = named_parameters(module)
    frozen = [name for name, each in parameters.items() if not each.requires_grad]
    draws = {name: plain(each) for name, each in parameters.items()}
    with kept_module(module):
        taps, answer = _watched(module, parameters, examples)
        with torch.enable_grad():
            logits = _logits(answer, labels, taps)
            wanted = torch.as_tensor(labels.astype(np.int64), device=logits.device)
            losses = _LOSSES[loss](logits, wanted)
            reached = _differentiate(losses.sum(), taps, parameters)
        layers = gather(taps.uses)
        wrong = (logits.detach().argmax(-1) != wanted).float().mean()
        arrays = observe(layers, len(labels), bins)
        arrays["loss"], arrays["error"] = (
            np.asarray(each.item(), np.float32) for each in (losses.mean(), wrong)
        )
        weights = [plain(layer.weight) for layer in layers]
        info = _describe(module, layers, parameters, taps, reached, examples, frozen)
        # Nothing is dropped out here either.
        with taps.recomputing():
            jacobians = measure_end_to_end(module, examples, chosen) if chosen else None
    return Seen(info, arrays, draws, weights, jacobians)


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


def _run(module: Any, taps: Taps, examples: Tensor) -> Any:
    # A copy of the leaf, which may be overwritten in place.
    x = examples.requires_grad_().clone()
    taps.origins.set_example(x)
    try:
        with taps:
            return module(x)
    except NetworkError:
        raise
    except Exception as error:
        raise _cannot_run(error, examples) from error


def _cannot_run(error: Exception, examples: Tensor) -> NetworkError:
    said = " ".join(str(error).split()) or type(error).__name__
    said = said if len(said) <= 300 else f"{said[:300]} …"
    if isinstance(error, TypeError) and "positional argument" in said:
        return NetworkError(f"its `forward` is to take one batch of examples, nothing else: {said}")
    return NetworkError(
        f"it does not run on examples of shape {tuple(examples.shape[1:])}: {said}{_remedy(said)}"
    )


def _remedy(said: str) -> str:
    """What PyTorch's message about shapes asks for; empty where nobody knows."""
    if "mat1 and mat2 shapes" in said or "linear(): input and weight" in said:
        return (
            "; flatten an example before its first dense layer, `nn.Flatten()`, and take sizes from `inputs`"
        )
    return (
        "; take the number of channels from `inputs[0]`" if re.search(r"to have \d+ channels", said) else ""
    )


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


def _differentiate(loss: Tensor, taps: Taps, parameters: dict[str, Tensor]) -> set[str]:
    """Take dC/ds and dC/dW of every use; returns the parameters that the loss depends on out of sight."""
    unmet = [name for name in parameters if name not in taps.origins.met]
    unmet = [name for name in unmet if parameters[name].requires_grad]
    wanted = [alias for _, alias in taps.weights]
    try:
        with taps.recomputing():
            gradients = torch.autograd.grad(
                loss, [*wanted, *(parameters[name] for name in unmet)], allow_unused=True
            )
    except RuntimeError as error:
        said = " ".join(str(error).split())
        if "checkpoint" in said:
            said = "it recomputes activations: pass `use_reentrant=False` to `checkpoint`"
        raise NetworkError(f"its gradient cannot be taken: {said[:300]}") from error
    for (use, _), gradient in zip(taps.weights, gradients, strict=False):
        use.gradient = gradient
    return {
        name for name, gradient in zip(unmet, gradients[len(wanted) :], strict=True) if gradient is not None
    }


def _describe(
    module: Any,
    layers: Sequence[Layer],
    parameters: dict[str, Tensor],
    taps: Taps,
    out_of_sight: set[str],
    examples: Tensor,
    frozen: Sequence[str],
) -> NetworkInfo:
    infos = tuple(layer.info for layer in layers)
    weights, biases = {each.parameter for each in infos}, {each.bias for each in infos}

    def role(name: str) -> Role:
        if name in weights:
            return "weight"
        if name in biases:
            return "bias"
        return "embedding" if name in taps.tables else "other"

    unseen = [
        f"`{operation}`, with {_listed(names)}: no known product" for operation, names in taps.hidden.items()
    ]
    if out_of_sight:
        unseen.append(f"{_listed(out_of_sight)}: used where PyTorch's calls cannot be followed")
    unused = [name for name in parameters if name not in taps.origins.met and name not in out_of_sight]
    notes = [
        f"`{again}` is `{name}`: one parameter, in two places." for again, name in shared(module).items()
    ]
    if any(isinstance(each, torch.nn.modules.batchnorm._BatchNorm) for each in module.modules()):
        notes.append(BATCH_DEPENDENT)
    if frozen:
        notes.append(f"Not trained: {_listed(frozen)} (`requires_grad` is False); dC/dW is what it would be.")
    if unused:
        notes.append(f"Not used for the logits: {_listed(unused)}.")
    if without := [layer.name for layer in layers if not any(use.has_gradient for use in layer.uses)]:
        notes.append(
            f"No gradient is taken of {_listed(without)}: gradients are switched off there (`torch.no_grad`, "
            "`checkpoint` with `use_reentrant=True`)."
        )
    if taps.drawn:
        notes.append(f"It draws random numbers when it runs ({', '.join(sorted(taps.drawn))}).")
    if examples.dtype != torch.float32:
        notes.append(f"It runs in {str(examples.dtype).removeprefix('torch.')}; statistics are in float32.")
    return NetworkInfo(
        framework="PyTorch",
        layers=infos,
        parameters=tuple(
            ParameterInfo(name=name, shape=tuple(each.shape), role=role(name))
            for name, each in parameters.items()
        ),
        unseen=tuple(unseen),
        notes=tuple(notes),
    )


def _listed(names: Any, most: int = 6) -> str:
    ordered = sorted(names)
    text = ", ".join(f"`{name}`" for name in ordered[:most])
    return f"{text} and {len(ordered) - most} more" if len(ordered) > most else text
