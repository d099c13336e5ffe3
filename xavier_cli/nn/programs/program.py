"""Turns a function into a flat list of steps, so that its weight layers can be found and looked at.

`jax.make_jaxpr` writes a function down as a tree: `jit`, `remat` and functions with derivatives of their own
are calls. Here calls are entered, so that a layer and its bias stand side by side whoever wrapped them; a
`scan` stays a step with a program of its own.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from itertools import count
from typing import Any

import jax
from jax import Array
from jax.extend.core import ClosedJaxpr, Jaxpr, JaxprEqn, Literal, Var, jaxpr_as_fun

from xavier_cli.nn.programs.recognition import names_activation

Value = int | Literal
"""What a step is given: the number of a value, or a constant written into the program."""

CONVOLUTIONS = frozenset({"conv_general_dilated", "rewritten_convolution"})
"""JAX's, and the same in another form (`rewriting`), of the same parameters."""

PRODUCTS = frozenset({"dot_general", "ragged_dot_general"}) | CONVOLUTIONS
_CALLS = {
    "jit": "jaxpr",
    "pjit": "jaxpr",
    "closed_call": "call_jaxpr",
    "core_call": "call_jaxpr",
    "remat2": "jaxpr",
    "checkpoint": "jaxpr",
}
# These have a derivative of their own, which is kept unless there is a layer inside that can be looked at.
_CALLS_WITH_DERIVATIVE = {"custom_jvp_call": "call_jaxpr", "custom_vjp_call": "call_jaxpr"}
# Layers within a loop of unknown length or a choice can't be looked at.
_CLOSED = frozenset({"while", "cond"})
STOP = "stop_gradient"
# They print, and would do so once more whenever the network is looked at.
_PRINTING = frozenset({"debug_print", "debug_callback"})


@dataclass(frozen=True, eq=False)
class Step:
    """One operation: `equation` on `inputs`, giving `outputs`; of a `scan`, also the `body`'s program."""

    equation: JaxprEqn
    inputs: tuple[Value, ...]
    outputs: tuple[int, ...]
    body: Program | None = None

    @property
    def operation(self) -> str:
        """The name of JAX's primitive."""
        return self.equation.primitive.name

    def shape(self, number: int) -> tuple[int, ...]:
        """The shape of input `number`, counted from 0."""
        aval: Any = self.equation.invars[number].aval
        return tuple(aval.shape)

    @property
    def params(self) -> dict[str, Any]:
        """What the primitive is told: dimension numbers, strides and the like."""
        return self.equation.params

    def evaluate(self, values: Sequence[Array]) -> list[Array]:
        """What the step gives for `values`, as JAX itself would evaluate it."""
        equation = self.equation
        if equation.primitive.name in _CALLS_WITH_DERIVATIVE or equation.primitive.call_primitive:
            # How such a call is bound differs between versions of JAX, so it is left to JAX.
            return list(self._alone(*values))
        with equation.ctx.manager:
            answer = equation.primitive.bind(*values, **equation.params)
        return list(answer) if equation.primitive.multiple_results else [answer]

    @cached_property
    def _alone(self) -> Callable[..., Sequence[Array]]:
        return as_function(self.equation)


@dataclass(frozen=True, eq=False)
class Program:
    """A function's steps in order; values are numbered, and `shapes` and `dtypes` are known of each.

    `constants` are arrays that the function closes over, under their numbers. `replaced` are functions with a
    derivative of their own that were entered, here or in other programs of the same function, so that their
    derivative is JAX's.
    """

    inputs: tuple[int, ...]
    outputs: tuple[Value, ...]
    steps: tuple[Step, ...]
    constants: dict[int, Array]
    avals: dict[int, Any] = field(repr=False)
    replaced: list[str] = field(default_factory=list)

    def shape(self, value: Value) -> tuple[int, ...]:
        """The shape of a value of this program."""
        aval: Any = value.aval if isinstance(value, Literal) else self.avals[value]
        return tuple(aval.shape)

    @cached_property
    def uses(self) -> Counter[int]:
        """How often each value is used, the program's outputs included."""
        return Counter(
            value
            for values in (*(step.inputs for step in self.steps), self.outputs)
            for value in values
            if isinstance(value, int)
        )

    @cached_property
    def users(self) -> dict[int, list[Step]]:
        """The steps that use each value, in order."""
        users: dict[int, list[Step]] = {}
        for step in self.steps:
            for value in dict.fromkeys(each for each in step.inputs if isinstance(each, int)):
                users.setdefault(value, []).append(step)
        return users

    @cached_property
    def made_by(self) -> dict[int, Step]:
        """The step that gives each value."""
        return {output: step for step in self.steps for output in step.outputs}


def trace(function: Callable[..., Any], *examples: Any) -> Program:
    """The program of `function` for arguments of the shapes of `examples`, arrays or trees of arrays.

    Its inputs and outputs are the flattened arguments' and results' leaves. What the function raises passes.
    """
    return flatten(jax.make_jaxpr(function)(*examples))


def flatten(closed: ClosedJaxpr) -> Program:
    """The program that `closed` writes down, its calls entered."""
    return _Flattening().program(closed.jaxpr, closed.consts)


class _Identity(Step):
    """A step that gives what it is given."""

    def evaluate(self, values: Sequence[Array]) -> list[Array]:
        return list(values)


def without_stops(program: Program) -> Program:
    """`program` with nothing done by `stop_gradient`, in the bodies of its loops, too."""

    def passing(step: Step) -> Step:
        if step.operation == STOP:
            return _Identity(step.equation, step.inputs, step.outputs)
        return replace(step, body=step.body and without_stops(step.body))

    return replace(program, steps=tuple(map(passing, program.steps)))


def subprograms(equation: JaxprEqn) -> Iterator[Jaxpr]:
    """The programs that an operation holds: a loop's body, the branches of a choice."""
    return (inner for inner, _ in subprograms_with_constants(equation))


def subprograms_with_constants(equation: JaxprEqn) -> Iterator[tuple[Jaxpr, Sequence[Array]]]:
    """The programs that an operation holds, each with the arrays that it closes over."""
    for parameter in equation.params.values():
        for each in parameter if isinstance(parameter, (tuple, list)) else (parameter,):
            if isinstance(each, ClosedJaxpr):
                yield each.jaxpr, each.consts
            elif isinstance(each, Jaxpr):
                yield each, ()


def written_numbers(jaxpr: Jaxpr, constants: Sequence[Any] = ()) -> Iterator[Any]:
    """The constants and literals of a program and of those that it holds, in order."""
    yield from constants
    for equation in jaxpr.eqns:
        yield from (value.val for value in equation.invars if isinstance(value, Literal))
        for inner, held in subprograms_with_constants(equation):
            yield from written_numbers(inner, held)


def holds(jaxpr: Jaxpr, operations: frozenset[str], but_in: frozenset[str] = frozenset()) -> bool:
    """Whether one of `operations` is in the program or in one that it holds, not within one of `but_in`."""
    return any(
        equation.primitive.name in operations
        or (
            equation.primitive.name not in but_in
            and any(holds(inner, operations, but_in) for inner in subprograms(equation))
        )
        for equation in jaxpr.eqns
    )


def as_function(equation: JaxprEqn) -> Callable[..., Sequence[Array]]:
    """The operation as a function of its inputs, with whatever derivative it has."""
    inputs = [Var(each.aval) for each in equation.invars]
    alone = equation.replace(invars=[*inputs])
    debug = jax.make_jaxpr(lambda: None)().jaxpr.debug_info
    return jaxpr_as_fun(
        ClosedJaxpr(Jaxpr((), inputs, equation.outvars, [alone], equation.effects, debug), ())
    )


class _Flattening:
    """Numbers values and gathers steps; one counter for a program and all that it calls."""

    def __init__(self) -> None:
        self.numbers = count()
        self.replaced: list[str] = []

    def program(self, jaxpr: Jaxpr, constants: Sequence[Array]) -> Program:
        known: dict[Any, Value] = {}
        avals: dict[int, Any] = {}
        held: dict[int, Array] = {}
        steps: list[Step] = []
        for variable, constant in zip(jaxpr.constvars, constants, strict=True):
            held[self._new(variable, known, avals)] = constant
        inputs = tuple(self._new(variable, known, avals) for variable in jaxpr.invars)
        outputs = self._enter(jaxpr, known, avals, held, steps)
        return Program(inputs, outputs, tuple(steps), held, avals, self.replaced)

    def _new(self, variable: Any, known: dict[Any, Value], avals: dict[int, Any]) -> int:
        number = next(self.numbers)
        known[variable] = number
        avals[number] = variable.aval
        return number

    def _enter(
        self,
        jaxpr: Jaxpr,
        known: dict[Any, Value],
        avals: dict[int, Any],
        held: dict[int, Array],
        steps: list[Step],
    ) -> tuple[Value, ...]:
        for equation in jaxpr.eqns:
            if equation.primitive.name in _PRINTING:
                continue
            inputs = tuple(each if isinstance(each, Literal) else known[each] for each in equation.invars)
            called = _entered(equation)
            if called is not None:
                if equation.primitive.name == "custom_vjp_call":
                    self.replaced.append(str(equation.params.get("name", "")))
                inner, constants = (
                    (called.jaxpr, called.consts) if isinstance(called, ClosedJaxpr) else (called, ())
                )
                within: dict[Any, Value] = dict(zip(inner.invars, inputs, strict=True))
                for variable, constant in zip(inner.constvars, constants, strict=True):
                    held[self._new(variable, within, avals)] = constant
                answers = self._enter(inner, within, avals, held, steps)
                known.update(zip(equation.outvars, answers, strict=True))
                continue
            body = None
            if equation.primitive.name == "scan":
                closed = equation.params["jaxpr"]
                body = self.program(closed.jaxpr, closed.consts)
            outputs = tuple(self._new(variable, known, avals) for variable in equation.outvars)
            steps.append(Step(equation, inputs, outputs, body))
        return tuple(each if isinstance(each, Literal) else known[each] for each in jaxpr.outvars)


def _entered(equation: JaxprEqn) -> Any:
    """The program that a call runs, where it is to be entered."""
    name = equation.primitive.name
    if name in _CALLS:
        return None if names_activation(equation) else equation.params[_CALLS[name]]
    if name in _CALLS_WITH_DERIVATIVE:
        called = equation.params[_CALLS_WITH_DERIVATIVE[name]]
        inner = called.jaxpr if isinstance(called, ClosedJaxpr) else called
        return called if holds(inner, PRODUCTS, but_in=_CLOSED) else None
    return None
