"""Rewrites convolutions and products of any function, and its derivatives, into forms that are fast here."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, Literal

import jax
import jax.numpy as jnp
from jax import Array
from jax.core import ShapedArray
from jax.extend.core import ClosedJaxpr, Jaxpr, JaxprEqn, Primitive, jaxpr_as_fun
from jax.extend.core.primitives import conv_general_dilated_p, dot_general_p
from jax.interpreters import ad, batching, mlir

from xavier_cli.nn.programs.convolution import Form, convolve, over_members
from xavier_cli.nn.programs.product import is_merged, merged_product
from xavier_cli.nn.programs.program import as_function, holds

Convolution = Literal["auto", "xla", "canonical", "product"]
"""How convolutions are evaluated: `xla`, as JAX writes them, or in one of the forms of `convolution`."""

rewritten_convolution_p = Primitive("rewritten_convolution")
"""A convolution as JAX's, evaluated in `form`, over `members` leading axes that both operands share.

Its derivatives and what it is under vmap are JAX's own, rewritten in turn: forward mode, reverse mode and
what is made of them work as ever.
"""


def resolve_convolution(choice: Convolution, platform: str) -> Literal["xla", "canonical", "product"]:
    """What `auto` is on a platform (`cpu`, `gpu`): XLA is slow on a CPU alone, within loops."""
    if choice != "auto":
        return choice
    return "canonical" if platform == "cpu" else "xla"


Rules = Mapping[str, Callable[[JaxprEqn], JaxprEqn]]
"""What becomes of an equation, by the name of its primitive."""


def rewritten(
    function: Callable[..., Any], convolution: Convolution, merges_products: bool = False
) -> Callable[..., Any]:
    """`function` of arrays or trees of arrays, with its convolutions evaluated as `convolution` says.

    With `merges_products` its products of tensors are those of matrices (`product`), where convolutions are
    not XLA's. Calls, loops and choices are entered. The derivative that a function of the user's brings along
    stays.
    """
    form = resolve_convolution(convolution, jax.default_backend())
    if form == "xla":
        return function
    rules: dict[str, Callable[[JaxprEqn], JaxprEqn]] = {
        conv_general_dilated_p.name: partial(_convolution, form=form)
    }
    if merges_products:
        rules[dot_general_p.name] = _product
    return _by(rules, function)


def _by(rules: Rules, function: Callable[..., Any]) -> Callable[..., Any]:
    def evaluated(*arguments: Any) -> Any:
        closed, shapes = jax.make_jaxpr(function, return_shape=True)(*arguments)
        outputs = jaxpr_as_fun(_rewrite_closed(closed, rules))(*jax.tree.leaves(arguments))
        return jax.tree.unflatten(jax.tree.structure(shapes), outputs)

    return evaluated


def _convolution(equation: JaxprEqn, form: Form) -> JaxprEqn:
    if not jnp.issubdtype(_like(equation.outvars[0]).dtype, jnp.floating):
        return equation
    params = {**equation.params, "form": form, "members": 0}
    return equation.replace(primitive=rewritten_convolution_p, params=params)


def _product(equation: JaxprEqn) -> JaxprEqn:
    inputs = [_like(each) for each in equation.invars]
    params = {name: equation.params[name] for name in ("precision", "preferred_element_type")}
    dimensions = equation.params["dimension_numbers"]
    if is_merged(dimensions, *(each.ndim for each in inputs)):
        return equation
    merged = jax.jit(partial(merged_product, dimensions=dimensions, **params))
    (call,) = jax.make_jaxpr(merged)(*inputs).eqns
    return equation.replace(primitive=call.primitive, params=call.params)


def _rewrite_closed(closed: ClosedJaxpr, rules: Rules) -> ClosedJaxpr:
    jaxpr = _rewrite(closed.jaxpr, rules)
    return closed if jaxpr is closed.jaxpr else ClosedJaxpr(jaxpr, closed.consts)


def _rewrite(jaxpr: Jaxpr, rules: Rules) -> Jaxpr:
    if not holds(jaxpr, frozenset(rules)):
        return jaxpr  # the same object, so that JAX's caches know it again
    return jaxpr.replace(eqns=[_rewrite_equation(equation, rules) for equation in jaxpr.eqns])


def _rewrite_equation(equation: JaxprEqn, rules: Rules) -> JaxprEqn:
    if equation.primitive.name in rules:
        return rules[equation.primitive.name](equation)
    inner = {name: _rewrite_within(value, rules) for name, value in equation.params.items()}
    within = equation.replace(params=inner)
    if (
        equation.primitive.name not in _WITH_DERIVATIVE
        or inner["call_jaxpr"] is equation.params["call_jaxpr"]
    ):
        return within
    inputs = [_like(each) for each in equation.invars]
    if not all(jnp.issubdtype(each.dtype, jnp.inexact) for each in inputs):
        return within  # the rule stays, with its convolutions as they are
    with_rule = _WITH_DERIVATIVE[equation.primitive.name](
        as_function(equation), jaxpr_as_fun(inner["call_jaxpr"]), rules
    )
    (call,) = jax.make_jaxpr(jax.jit(with_rule))(*inputs).eqns
    return equation.replace(primitive=call.primitive, params=call.params)


def _with_forward_rule(
    original: Callable[..., Any], inside: Callable[..., Any], rules: Rules
) -> Callable[..., Any]:
    """`inside`, with the derivative that `original` has by a rule of its own, rewritten."""
    function = jax.custom_jvp(inside)
    function.defjvp(_by(rules, lambda primals, tangents: jax.jvp(original, primals, tangents)))
    return function


def _with_backward_rule(
    original: Callable[..., Any], inside: Callable[..., Any], rules: Rules
) -> Callable[..., Any]:
    function = jax.custom_vjp(inside)
    function.defvjp(
        _by(rules, lambda *inputs: jax.vjp(original, *inputs)),
        _by(rules, lambda pull_back, cotangent: pull_back(cotangent)),
    )
    return function


_WITH_DERIVATIVE = {"custom_jvp_call": _with_forward_rule, "custom_vjp_call": _with_backward_rule}


def _like(value: Any) -> jax.ShapeDtypeStruct:
    return jax.ShapeDtypeStruct(value.aval.shape, value.aval.dtype)


def _rewrite_within(value: Any, rules: Rules) -> Any:
    if isinstance(value, ClosedJaxpr):
        return _rewrite_closed(value, rules)
    if isinstance(value, Jaxpr):
        return _rewrite(value, rules)
    if type(value) is tuple and any(isinstance(each, (ClosedJaxpr, Jaxpr)) for each in value):
        parts = tuple(_rewrite_within(each, rules) for each in value)
        return parts if any(a is not b for a, b in zip(parts, value, strict=True)) else value
    return value


def _over(function: Callable[..., Any], axes: int) -> Callable[..., Any]:
    for _ in range(axes):
        function = jax.vmap(function)
    return function


def _original(params: dict[str, Any]) -> Callable[[Array, Array], Array]:
    return partial(conv_general_dilated_p.bind, **params)


def _evaluate(lhs: Array, rhs: Array, *, form: Form, members: int, **params: Any) -> Array:
    evaluate: Callable[[Array, Array], Array] = partial(convolve, params=params, form=form)
    for _ in range(members):
        evaluate = over_members(evaluate, form)
    return evaluate(lhs, rhs)


def _shape(lhs: Any, rhs: Any, *, form: Form, members: int, **params: Any) -> ShapedArray:
    without = [jax.ShapeDtypeStruct(each.shape[members:], each.dtype) for each in (lhs, rhs)]
    answer = jax.eval_shape(_original(params), *without)
    return ShapedArray((*lhs.shape[:members], *answer.shape), answer.dtype)


def _backward_to_lhs(
    cotangent: Array, lhs: Any, rhs: Array, *, form: Form, members: int, **params: Any
) -> Array:
    like = jax.ShapeDtypeStruct(lhs.aval.shape[members:], lhs.aval.dtype)

    def backward(cotangent: Array, rhs: Array) -> Array:
        linear = partial(conv_general_dilated_p.bind, **params)
        return jax.linear_transpose(lambda each: linear(each, rhs), like)(cotangent)[0]

    return _over(rewritten(backward, form), members)(cotangent, rhs)


def _backward_to_rhs(
    cotangent: Array, lhs: Array, rhs: Any, *, form: Form, members: int, **params: Any
) -> Array:
    like = jax.ShapeDtypeStruct(rhs.aval.shape[members:], rhs.aval.dtype)

    def backward(cotangent: Array, lhs: Array) -> Array:
        linear = partial(conv_general_dilated_p.bind, **params)
        return jax.linear_transpose(lambda each: linear(lhs, each), like)(cotangent)[0]

    return _over(rewritten(backward, form), members)(cotangent, lhs)


def _batched(
    operands: Sequence[Array], axes: Sequence[int | None], *, form: Form, members: int, **params: Any
) -> tuple[Array, int]:
    if None not in axes:
        lhs, rhs = (jnp.moveaxis(each, axis or 0, 0) for each, axis in zip(operands, axes, strict=True))
        return rewritten_convolution_p.bind(lhs, rhs, form=form, members=members + 1, **params), 0
    # One operand for all: JAX makes of the other's axis more examples, or more units.
    moved = [
        each if axis is None else jnp.moveaxis(each, axis, members)
        for each, axis in zip(operands, axes, strict=True)
    ]
    together = jax.vmap(_original(params), [None if axis is None else 0 for axis in axes])
    return _over(rewritten(together, form), members)(*moved), members


rewritten_convolution_p.def_impl(lambda lhs, rhs, **params: jax.jit(partial(_evaluate, **params))(lhs, rhs))
rewritten_convolution_p.def_abstract_eval(_shape)
ad.defbilinear(rewritten_convolution_p, _backward_to_lhs, _backward_to_rhs)
batching.primitive_batchers[rewritten_convolution_p] = _batched
mlir.register_lowering(rewritten_convolution_p, mlir.lower_fun(_evaluate, multiple_results=False))
