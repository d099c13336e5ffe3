"""Describes a network whose layers were found: all parameters with what they are for, and the layers."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

import jax.numpy as jnp

from xavier_cli.nn.adapters.network import FIXED
from xavier_cli.nn.programs.layers import WeightLayer
from xavier_cli.nn.programs.program import STOP, Program
from xavier_cli.nn.programs.taps import TappedNetwork, named_leaves
from xavier_cli.nn.programs.weight_layers import OF_COMPLEX, Unseen
from xavier_cli.vocabulary.network_info import LayerInfo, MovingInfo, NetworkInfo, ParameterInfo, Role

_UNSEEN = {
    OF_COMPLEX: "a product of complex numbers",
    "while": "a `while` loop whose length depends on the data, through which no gradient goes back",
    "cond": "a choice between branches (`cond` or `switch`)",
    "ragged_dot_general": "a product with ragged groups (`ragged_dot`)",
    "custom_vjp_call": "a function with a derivative of its own",
    "custom_jvp_call": "a function with a derivative of its own",
}


def describe(
    framework: str,
    tapped: TappedNetwork,
    layers: Sequence[WeightLayer],
    params: Any,
    state: Any,
    notes: Sequence[str],
) -> NetworkInfo:
    """What a run file keeps of a network with parameters `params` and `state`.

    Raises pydantic's `ValidationError` for what a run file cannot hold.
    """
    leaves, still = named_leaves(params), named_leaves(fixed_of(state))
    roles = _roles(tapped, layers, dict(leaves))
    more = list(notes)
    if still:
        names = ", ".join(f"`{name}`" for name, _ in still)
        more.append(f"Not trained, since they hold no real numbers: {names}.")
    trained = [name for name, _ in leaves]
    useless = _without_effect(tapped.program, trained)
    if useless:
        more.append(f"Without effect on the logits: {_some(useless)}.")
    frozen = [each for each in _without_effect(tapped.program, trained, {STOP}) if each not in useless]
    if frozen:
        more.append(f"Not trained: {_some(frozen)} (behind `stop_gradient`); dC/dW is what it would be.")
    if tapped.program.replaced:
        more.append(
            "Layers in functions with a derivative of their own (`jax.custom_vjp`) were measured with JAX's "
            "derivative: dC/ds before them and dC/dW there may be others in training."
        )
    return NetworkInfo(
        framework=framework,
        layers=tuple(_layer(layer) for layer in layers),
        parameters=(
            *(ParameterInfo(name=name, shape=leaf.shape, role=roles[name]) for name, leaf in leaves),
            *(
                ParameterInfo(name=name, shape=leaf.shape, role="other", is_trained=False)
                for name, leaf in still
            ),
        ),
        moving=_moving(state),
        unseen=tuple(_said(each) for each in dict.fromkeys(tapped.unseen)),
        notes=tuple(more),
    )


def fixed_of(state: Any) -> Any:
    """Parameters that are not trained, as `without_integers` puts them into the state."""
    return state[FIXED] if isinstance(state, dict) and {*state} == {FIXED, "state"} else {}


def _moving(state: Any) -> tuple[MovingInfo, ...]:
    """The real numbers of `state`; counters and random keys say nothing of what was learned."""
    return tuple(
        MovingInfo(name=name.removeprefix("state/"), shape=leaf.shape, place=place)
        for place, (name, leaf) in enumerate(named_leaves(state))
        if jnp.issubdtype(leaf.dtype, jnp.floating)
    )


def _layer(layer: WeightLayer) -> LayerInfo:
    first = layer.first
    bias = next((use.layer.bias_made_of for use in layer.uses if use.layer.bias_made_of), None)
    return LayerInfo(
        name=layer.name,
        parameter=first.made_of.leaf,
        bias="" if bias is None else bias.leaf,
        kind=first.kind,
        shape=first.shape,
        fan_in=first.fan_in,
        fan_out=first.fan_out,
        receptive_field=first.layout.receptive_field(first.shape),
        uses=sum(use.layer.often for use in layer.uses),
        applied=tuple(dict.fromkeys(application.function for application, _ in layer.applied)),
    )


def _roles(tapped: TappedNetwork, layers: Sequence[WeightLayer], leaves: dict[str, Any]) -> dict[str, Role]:
    """What each parameter is for: its first use of embedding, weight, bias.

    A vector that scales a weight, as in weight normalization, is something else, unless it is all that the
    weight is made of.
    """
    roles: dict[str, Role] = dict.fromkeys(leaves, "other")
    for name in frozenset[str]().union(*tapped.found.shared_biases):
        roles[name] = "bias"
    for layer in layers:
        for use in layer.uses:
            made_of, bias = use.layer.made_of, use.layer.bias_made_of
            for name in () if bias is None else bias.parts:
                if roles[name] == "other":
                    roles[name] = "bias"
            for name in made_of.parts:
                if name == made_of.leaf or leaves[name].ndim > 1:
                    roles[name] = "weight"
    for table in tapped.tables:
        for name in table.parts:
            roles[name] = "embedding"
    return roles


def _said(unseen: Unseen) -> str:
    what = _UNSEEN.get(unseen.operation, f"`{unseen.operation}`")
    named = [f"`{name}`" for name in sorted(unseen.parts)]
    some = ", ".join(named[:6]) + (", …" if len(named) > 6 else "")
    return f"Not looked into: {what}, with the parameters {some}."


def _some(names: Sequence[str]) -> str:
    return ", ".join(f"`{name}`" for name in names[:5]) + (", …" if len(names) > 5 else "")


def _without_effect(program: Program, names: Sequence[str], but_by: Collection[str] = ()) -> list[str]:
    """Those of the parameters, the program's first inputs, that nothing of what it gives depends on.

    What goes by the operations `but_by` does not count.
    """
    needed = {each for each in program.outputs if isinstance(each, int)}
    for step in reversed(program.steps):
        if step.operation in but_by:
            continue
        if step.equation.effects or needed & {*step.outputs}:
            needed |= {each for each in step.inputs if isinstance(each, int)}
    return [name for name, number in zip(names, program.inputs, strict=False) if number not in needed]
