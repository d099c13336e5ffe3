"""Writes out what PyTorch computes in one kernel, where weights are in it: recurrent networks, attention.

The functions have the arguments of the kernels, and the same results but for rounding.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch.nn import functional

from xavier_cli.pytorch.products import einsum_letters

Tensor = Any
State = tuple[Tensor, ...]
Cell = Callable[[Tensor, Tensor, State], State]
"""Of what comes in and the state before, both multiplied by their weights, and that state: the one after."""


def _lstm(coming: Tensor, kept: Tensor, state: State) -> State:
    enter, forget, candidate, leave = (coming + kept).chunk(4, -1)
    cell = torch.sigmoid(forget) * state[1] + torch.sigmoid(enter) * torch.tanh(candidate)
    return torch.sigmoid(leave) * torch.tanh(cell), cell


def _gru(coming: Tensor, kept: Tensor, state: State) -> State:
    reset_in, update_in, new_in = coming.chunk(3, -1)
    reset_kept, update_kept, new_kept = kept.chunk(3, -1)
    reset, update = torch.sigmoid(reset_in + reset_kept), torch.sigmoid(update_in + update_kept)
    new = torch.tanh(new_in + reset * new_kept)
    return ((state[0] - new) * update + new,)


def _rnn_tanh(coming: Tensor, kept: Tensor, state: State) -> State:
    return (torch.tanh(coming + kept),)


def _rnn_relu(coming: Tensor, kept: Tensor, state: State) -> State:
    return (torch.relu(coming + kept),)


_CELLS: dict[str, Cell] = {"lstm": _lstm, "gru": _gru, "rnn_tanh": _rnn_tanh, "rnn_relu": _rnn_relu}


def one_step(name: str) -> Callable[..., Any]:
    """`lstm_cell` and its like, by the name of the cell."""

    def run(x: Tensor, hx: Any, w_ih: Tensor, w_hh: Tensor, b_ih: Tensor = None, b_hh: Tensor = None) -> Any:
        state = tuple(hx) if isinstance(hx, (tuple, list)) else (hx,)
        after = _CELLS[name](functional.linear(x, w_ih, b_ih), functional.linear(state[0], w_hh, b_hh), state)
        return after if name == "lstm" else after[0]

    return run


def all_steps(name: str) -> Callable[..., Any]:
    """`lstm` and its like, by the name of the cell, of plain and of packed sequences."""

    def run(data: Tensor, *rest: Any) -> Any:
        if is_packed := isinstance(rest[2], (tuple, list)):
            sizes, hx, weights, has_biases, layers, _, _, both = rest
            sizes, batch_first = sizes.tolist(), False
        else:
            hx, weights, has_biases, layers, _, _, both, batch_first = rest
            data = data.transpose(0, 1) if batch_first else data
            sizes = [data.shape[1]] * data.shape[0]
        first = tuple(hx) if name == "lstm" else (hx,)
        directions = 2 if both else 1
        per_layer = len(weights) // (layers * directions)
        ends: list[State] = []
        for layer in range(layers):
            puts_out = []
            for direction in range(directions):
                number = layer * directions + direction
                mine = weights[number * per_layer : (number + 1) * per_layer]
                start = tuple(each[number] for each in first)
                steps, end = _one_direction(name, data, sizes, start, mine, has_biases, direction == 1)
                puts_out.append(torch.cat(steps) if is_packed else torch.stack(steps))
                ends.append(end)
            data = puts_out[0] if directions == 1 else torch.cat(puts_out, -1)
        last = [torch.stack([end[part] for end in ends]) for part in range(len(first))]
        return (data.transpose(0, 1) if batch_first else data, *last)

    return run


def _one_direction(
    name: str,
    data: Tensor,
    sizes: Sequence[int],
    state: State,
    weights: Sequence[Tensor],
    has_biases: bool,
    backward: bool,
) -> tuple[list[Tensor], State]:
    """What one direction of one layer puts out at every step, and its last state, of every sequence.

    In packed data the sequences are sorted by falling length: step t is of the first `sizes[t]`.
    """
    w_ih, w_hh, *others = weights
    b_ih, b_hh = others[:2] if has_biases else (None, None)
    projection = others[-1] if len(others) % 2 else None
    coming = functional.linear(data, w_ih, b_ih)
    steps = list(coming.split(list(sizes))) if data.ndim == 2 else list(coming.unbind(0))
    whole = state
    made: list[Tensor] = []
    for at in reversed(range(len(steps))) if backward else range(len(steps)):
        running = tuple(each[: sizes[at]] for each in whole)
        kept = functional.linear(running[0], w_hh, b_hh)
        after = _CELLS[name](steps[at], kept, running)
        if projection is not None:
            after = (functional.linear(after[0], projection), *after[1:])
        made.append(after[0])
        # Those that have ended, or not yet begun, keep their state.
        whole = tuple(
            torch.cat([new, old[sizes[at] :]]) if sizes[at] < len(old) else new
            for new, old in zip(after, whole, strict=True)
        )
    return made[::-1] if backward else made, whole


def attention(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attn_mask: Tensor = None,
    dropout_p: float = 0.0,
    is_causal: bool = False,
    *,
    scale: float | None = None,
    enable_gqa: bool = False,
) -> Tensor:
    """`scaled_dot_product_attention` with nothing dropped out."""
    if enable_gqa:
        key = key.repeat_interleave(query.shape[-3] // key.shape[-3], -3)
        value = value.repeat_interleave(query.shape[-3] // value.shape[-3], -3)
    scores = torch.matmul(query, key.transpose(-2, -1)) * (scale or 1 / math.sqrt(query.shape[-1]))
    if is_causal:
        seen = torch.ones(scores.shape[-2:], dtype=torch.bool, device=scores.device).tril()
        scores = scores.masked_fill(~seen, -math.inf)
    if attn_mask is not None:
        is_bool = attn_mask.dtype == torch.bool
        scores = scores.masked_fill(~attn_mask, -math.inf) if is_bool else scores + attn_mask
    return torch.matmul(torch.softmax(scores, -1), value)


def _added(multiply: Callable[[Tensor, Tensor], Tensor]) -> Callable[..., Tensor]:
    def run(input: Tensor, left: Tensor, right: Tensor, *, beta: float = 1, alpha: float = 1) -> Tensor:
        product = multiply(left, right)
        product = product if alpha == 1 else alpha * product
        return product + (input if beta == 1 else beta * input)

    return run


def _chained(*matrices: Any) -> Tensor:
    first, *rest = matrices[0] if isinstance(matrices[0], (tuple, list)) else matrices
    for each in rest:
        first = torch.matmul(first, each)
    return first


def _tensordot(a: Tensor, b: Tensor, dims: Any = 2, out: None = None) -> Tensor:
    if isinstance(dims, int):
        dims = list(range(a.ndim - dims, a.ndim)), list(range(dims))
    left, right = ([axis % each.ndim for axis in axes] for each, axes in zip((a, b), dims, strict=True))
    a = a.permute(*[axis for axis in range(a.ndim) if axis not in left], *left)
    b = b.permute(*right, *[axis for axis in range(b.ndim) if axis not in right])
    front, behind = a.shape[: a.ndim - len(left)], b.shape[len(right) :]
    summed = math.prod(b.shape[: len(right)])
    return torch.matmul(a.reshape(-1, summed), b.reshape(summed, -1)).reshape(*front, *behind)


RECURRENT: dict[str, Callable[..., Any]] = {
    **{name: all_steps(name) for name in _CELLS},
    **{f"{name}_cell": one_step(name) for name in _CELLS},
}
"""Recurrent kernels of PyTorch, by name."""


def einsum_in_pairs(equation: str, *operands: Tensor) -> Tensor:
    """`einsum` of many operands, two at a time from the left; at once where the letters do not allow it."""
    letters = einsum_letters(equation, tuple(each.ndim for each in operands))
    if letters is None:
        return torch.einsum(equation, *operands)
    *axes, result = letters
    made, mine = operands[0], axes[0]
    for number, (each, its) in enumerate(zip(operands[1:], axes[1:], strict=True), 2):
        later = {*result}.union(*axes[number:])
        kept = "".join(dict.fromkeys(letter for letter in mine + its if letter in later))
        after = result if number == len(operands) else kept
        made, mine = torch.einsum(f"{mine},{its}->{after}", made, each), after
    return made


WRITTEN_OUT: dict[str, Callable[..., Any]] = {
    **RECURRENT,
    "scaled_dot_product_attention": attention,
    **dict.fromkeys(("addmm", "addmv", "baddbmm"), _added(torch.matmul)),
    **dict.fromkeys(("chain_matmul", "linalg_multi_dot", "multi_dot"), _chained),
    "tensordot": _tensordot,
}
"""Functions of PyTorch, by name, that products are hidden in."""
