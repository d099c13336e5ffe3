"""Runs a network's program and hands out what passes its weight layers on the way.

The answer is the program's own: with nothing added, its outputs are those of the function, to the last bit
where the compiler does the same. Zeros can be added to s and to the weights; derivatives with respect to them
are dC/ds and dC/dW.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jax.extend.core import Literal

from xavier_cli.nn.programs.dependence import Numbering, Origin
from xavier_cli.nn.programs.program import Program, Step, Value, trace, without_stops
from xavier_cli.nn.programs.weight_layers import Application, Found, Layer, Site, Table, Unseen, find

Zeros = Mapping[Site, Array]


class Met(NamedTuple):
    """What passed a weight layer: `s` after its bias, what was `entering`, the effective `weight`, its bias.

    In a loop `s` and `entering` have an axis per round in front; so has `weight` where it is another one in
    every round.
    """

    s: Array
    entering: Array
    weight: Array
    bias: Array | None


@dataclass(frozen=True)
class Passed:
    """What a pass met, by site: the weight layers, and what the activation functions were applied to."""

    layers: dict[Site, Met]
    applied: dict[Site, Array]


jax.tree_util.register_dataclass(Passed, ["layers", "applied"], [])


@dataclass(frozen=True)
class TappedNetwork:
    """The program of `apply(params, x, *rest)`, ready to be looked at.

    **Attributes:** `layers`, `applications`, `tables` and `unseen`, as found in the program, loops included.
    """

    program: Program
    found: Found
    answer: jax.tree_util.PyTreeDef

    @property
    def layers(self) -> tuple[Layer, ...]:
        """Every place where a weight is used."""
        return tuple(self.found.every_layer())

    @property
    def applications(self) -> tuple[Application, ...]:
        """Every place where a known activation function is applied, in order of execution."""
        return tuple(sorted(_every_application(self.found), key=lambda each: each.site))

    @property
    def tables(self) -> tuple[Table, ...]:
        """The embeddings."""
        return tuple(self.found.tables)

    @property
    def unseen(self) -> tuple[Unseen, ...]:
        """What could not be looked into."""
        return tuple(self.found.unseen)

    def without_stops(self) -> TappedNetwork:
        """The same network, through which gradients pass also where its code stops them."""
        return replace(self, program=without_stops(self.program))

    def run(
        self, *arguments: Any, zeros: Zeros | None = None, weight_zeros: Zeros | None = None
    ) -> tuple[Any, Passed]:
        """What the function returns for `arguments`, and what passed its layers.

        **Arguments:** `zeros` and `weight_zeros`, by site, are added to s and to the weights.
        """
        outputs, passed = _run(
            self.program, self.found, jax.tree.leaves(arguments), zeros or {}, weight_zeros or {}, {}, 0
        )
        return jax.tree.unflatten(self.answer, outputs), passed


def tap(function: Callable[..., Any], params: Any, x: Any, *rest: Any) -> TappedNetwork:
    """`function(params, x, *rest)` with its weight layers found; arguments may be shapes (`jax.eval_shape`).

    `params` are what is trained, `x` is the example; `rest` (state, keys) is neither. What the function
    raises passes.
    """
    answer = jax.tree.structure(jax.eval_shape(function, params, x, *rest))
    program = trace(function, params, x, *rest)
    numbering = Numbering.empty()
    given = [
        Origin(
            numbering.of("parameter", name),
            parameter=True,
            name=name,
            size=leaf.size,
            leaf=name,
            parts=frozenset({name}),
        )
        for name, leaf in named_leaves(params)
    ]
    given += [
        Origin(numbering.of("example", index), example=True) for index, _ in enumerate(jax.tree.leaves(x))
    ]
    given += [Origin(numbering.of("given", index)) for index, _ in enumerate(jax.tree.leaves(rest))]
    return TappedNetwork(program, find(program, given, numbering), answer)


def named_leaves(params: Any) -> list[tuple[str, Any]]:
    """The arrays of `params` under their paths, as `Dense_0/kernel`; one array alone is `params`."""
    return [
        (jax.tree_util.keystr(path, simple=True, separator="/") or "params", leaf)
        for path, leaf in jax.tree_util.tree_leaves_with_path(params)
    ]


def _every_application(found: Found) -> list[Application]:
    inner = [each for body in found.bodies.values() for each in _every_application(body)]
    return [*found.applications, *inner]


def _run(
    program: Program,
    found: Found,
    arguments: Sequence[Array],
    zeros: Zeros,
    weight_zeros: Zeros,
    known: Mapping[int, Array],
    depth: int,
) -> tuple[list[Array], Passed]:
    values: dict[int, Any] = {**program.constants, **known}
    values.update(zip(program.inputs, arguments, strict=True))
    layers = {layer.site[-1]: layer for layer in found.layers}
    tapped = {layer.tapped: layer for layer in found.layers}
    applications = {each.site[-1]: each for each in found.applications}
    entered: dict[Site, tuple[Array, Array]] = {}
    passed = Passed({}, {})

    def read(value: Value) -> Any:
        return value.val if isinstance(value, Literal) else values[value]

    for index, step in enumerate(program.steps):
        if step.outputs and all(output in known for output in step.outputs):
            continue
        inputs = [read(each) for each in step.inputs]
        if index in layers:
            layer = layers[index]
            if layer.site in weight_zeros:
                inputs[layer.weight] = inputs[layer.weight] + weight_zeros[layer.site]
            entered[layer.site] = inputs[1 - layer.weight], inputs[layer.weight]
        if index in applications:
            application = applications[index]
            passed.applied[application.site] = values[application.value]
        if index in found.bodies:
            outputs, within = _run_scan(step, found.bodies[index], inputs, zeros, weight_zeros, depth)
            passed.layers.update(within.layers)
            passed.applied.update(within.applied)
        elif step.operation == "while":
            # A number written in the program is no array, and the derivative is asked for its shape.
            outputs = _without_derivative(step)(*map(_as_array, inputs))
        else:
            outputs = step.evaluate(inputs)
        for output, value in zip(step.outputs, outputs, strict=True):
            if output in tapped:
                layer = tapped[output]
                if layer.site in zeros:
                    value = value + zeros[layer.site]
                entering, weight = entered[layer.site]
                bias = None if layer.bias is None else values[layer.bias]
                passed.layers[layer.site] = Met(value, entering, weight, bias)
            values[output] = value
    return [read(each) for each in program.outputs], passed


def _as_array(value: Any) -> Any:
    return value if hasattr(value, "shape") else jnp.asarray(value)


def _without_derivative(step: Step) -> Callable[..., list[Array]]:
    """A `while` loop, for which JAX has no derivative backwards: what passes back through it is NaN."""

    @jax.custom_vjp
    def loop(*inputs: Array) -> list[Array]:
        return step.evaluate(inputs)

    def ahead(*inputs: Array) -> tuple[list[Array], Sequence[Array]]:
        return loop(*inputs), inputs

    def back(inputs: Sequence[Array], _: list[Array]) -> tuple[Any, ...]:
        return tuple(
            jnp.full_like(each, jnp.nan)
            if jnp.issubdtype(each.dtype, jnp.floating)
            else np.zeros(np.shape(each), jax.dtypes.float0)
            for each in inputs
        )

    loop.defvjp(ahead, back)
    return loop


def _run_scan(
    step: Step, found: Found, inputs: Sequence[Array], zeros: Zeros, weight_zeros: Zeros, depth: int
) -> tuple[list[Array], Passed]:
    body = step.body
    assert body is not None
    constants, carried = step.params["num_consts"], step.params["num_carry"]
    fixed = list(inputs[:constants])
    # What is the same in every round is computed once, so that a recurrent weight is one array.
    known = _invariants(body, found, fixed)
    inside = list(found.every_layer())
    stacked = {layer.site for layer in inside if layer.loops[depth].stacked}
    sites = {layer.site for layer in inside}
    in_rounds = {site: zero for site, zero in weight_zeros.items() if site in stacked}
    in_all = {site: zero for site, zero in weight_zeros.items() if site in sites - stacked}

    def round_(carry: list[Array], each: Any) -> tuple[list[Array], Any]:
        slices, zeros, weight_zeros = each
        outputs, passed = _run(
            body, found, [*fixed, *carry, *slices], zeros, {**weight_zeros, **in_all}, known, depth + 1
        )
        return outputs[:carried], (outputs[carried:], passed)

    carry, (rest, passed) = jax.lax.scan(
        round_,
        list(inputs[constants : constants + carried]),
        (
            list(inputs[constants + carried :]),
            {site: zero for site, zero in zeros.items() if site in sites},
            in_rounds,
        ),
        length=step.params["length"],
        reverse=step.params["reverse"],
        unroll=step.params["unroll"],
    )
    for site, met in passed.layers.items():
        if site not in stacked:
            passed.layers[site] = met._replace(
                weight=met.weight[-1], bias=None if met.bias is None else met.bias[-1]
            )
    return [*carry, *rest], passed


def _invariants(body: Program, found: Found, fixed: Sequence[Array]) -> dict[int, Array]:
    """The values of a scan's body that depend neither on the round nor on the example."""
    values: dict[int, Any] = {**body.constants, **dict(zip(body.inputs, fixed, strict=False))}
    known: dict[int, Array] = {}
    for step in body.steps:
        ready = all(isinstance(each, Literal) or each in values for each in step.inputs)
        if not ready or any(found.origins[output].example for output in step.outputs):
            continue
        outputs = step.evaluate(
            [each.val if isinstance(each, Literal) else values[each] for each in step.inputs]
        )
        values.update(zip(step.outputs, outputs, strict=True))
        known.update(zip(step.outputs, outputs, strict=True))
    return known
