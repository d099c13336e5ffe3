"""Recognises the activation functions of the field in a program, whoever called them."""

from __future__ import annotations

from typing import Any

from jax.extend.core import JaxprEqn, Literal

# JAX's functions as they name themselves in a program -> the vocabulary's name.
_CALLED = {
    "relu": "relu",
    "leaky_relu": "leaky_relu",
    "elu": "elu",
    "selu": "selu",
    "celu": "elu",
    "silu": "silu",
    "swish": "silu",
    "softplus": "softplus",
    "soft_sign": "softsign",
    "hard_tanh": "hard_tanh",
    "gelu": "gelu",
    "sigmoid": "sigmoid",
}
_OPERATIONS = {"tanh": "tanh", "logistic": "sigmoid", "sin": "sin"}


def names_activation(equation: JaxprEqn) -> str | None:
    """The activation that a call names: `relu` of `custom_jvp_call[name=relu ...]`."""
    if len(equation.outvars) != 1 or len(equation.invars) != 1:
        return None
    name = equation.params.get("name")
    within = equation.params.get("call_jaxpr")
    if name is None and within is not None and len(within.eqns) == 1:
        # A function with a derivative of its own bears its name one call further in.
        name = within.eqns[0].params.get("name")
    return _CALLED.get(str(name))


def recognise(program: Any, step: Any) -> tuple[str, int] | None:
    """The activation that a step applies, and the value that it is applied to.

    Recognised are JAX's functions by name, tanh, logistic and sine as operations, `max(s, 0)`, and GELU by
    its formula, with tanh or the error function.
    """
    named = names_activation(step.equation)
    if named and isinstance(step.inputs[0], int):
        return named, step.inputs[0]
    operation = step.operation
    if operation == "tanh":
        within = _inside_gelu(program, step.inputs[0])
        return ("gelu", within) if within is not None else _applied("tanh", step.inputs[0])
    if operation in ("erf", "erfc"):
        within = _scaled(program, step.inputs[0])
        return None if within is None else ("gelu", within)
    if operation in _OPERATIONS:
        return _applied(_OPERATIONS[operation], step.inputs[0])
    if operation == "max":
        left, right = step.inputs
        if _is_number(right, 0.0):
            return _applied("relu", left)
        if _is_number(left, 0.0):
            return _applied("relu", right)
    return None


def _applied(name: str, value: int | Literal) -> tuple[str, int] | None:
    return (name, value) if isinstance(value, int) else None


def _is_number(value: int | Literal, number: float) -> bool:
    return isinstance(value, Literal) and getattr(value.val, "ndim", 0) == 0 and float(value.val) == number


def _inside_gelu(program: Any, value: int | Literal) -> int | None:
    """s, if `value` is √(2/π) (s + 0.044715 s³)."""
    total = _scaled(program, value)
    made = program.made_by.get(total)
    if made is None or made.operation != "add":
        return None
    for s, cube in (made.inputs, made.inputs[::-1]):
        of = program.made_by.get(_scaled(program, cube))
        if of is not None and of.operation == "integer_pow" and of.params["y"] == 3 and of.inputs[0] == s:
            return s if isinstance(s, int) else None
    return None


def _scaled(program: Any, value: int | Literal) -> int | None:
    """The value of which `value` is a multiple by numbers written in the program."""
    while isinstance(value, int):
        made = program.made_by.get(value)
        if made is None or made.operation not in ("mul", "div", "neg", "convert_element_type"):
            return value
        others = [each for each in made.inputs if isinstance(each, int)]
        if len(others) != 1:
            return value
        value = others[0]
    return None
