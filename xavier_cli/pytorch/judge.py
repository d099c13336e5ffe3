"""Judges what a module answers by a loss of the user's: each example's share of it, and what is wrong."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import torch
from torch.nn import functional

from xavier_cli.data.answers import class_axis
from xavier_cli.vocabulary.network_info import NetworkError

Tensor = Any
_SAME = 1e-3
"""So near are two parts of a mean loss to the whole, relative to it."""


class Judge:
    """Takes the loss of answers to the examples whose labels are `labels`.

    **Arguments:** `loss`, `(answer, labels) -> loss`, of every example or one number, their mean or sum; None
    for the cross-entropy of logits; `labels`, a tensor with the examples in front.
    """

    def __init__(self, loss: Callable[[Any, Tensor], Tensor] | None, labels: Tensor):
        self.labels = labels
        self._loss = loss
        self._is_mean: bool | None = None
        self.remark = ""

    @property
    def examples(self) -> int:
        """How many there are."""
        return len(self.labels)

    def total(self, answer: Any) -> Tensor:
        """The losses of all examples, summed; raises `NetworkError` where there is no such loss."""
        answer = _in_single(answer)
        labels = _beside(answer, self.labels)
        losses = self._losses(answer, labels)
        if losses.ndim and losses.numel() > 1:
            if losses.shape[0] != self.examples and losses.numel() % self.examples:
                raise NetworkError(
                    f"its loss has shape {tuple(losses.shape)} for {self.examples} examples: return one "
                    "number, or one for each example"
                )
            # Of the parts of an example, such as the words of a text, the mean counts.
            return losses.sum() * (self.examples / losses.numel())
        whole = losses.reshape(())
        if self._is_mean is None:
            self._is_mean = self._finds_mean(answer, labels, float(whole.detach()))
        return whole * self.examples if self._is_mean else whole

    def error(self, answer: Any) -> float:
        """The share of labels that are not the likeliest class; NaN where they are no classes."""
        logits = logits_of(answer)
        axis = self.axis(logits)
        if axis is None:
            return math.nan
        wrong = logits.detach().argmax(axis) != self.labels.to(logits.device)
        return float(wrong.float().mean())

    def axis(self, logits: Any) -> int | None:
        """The axis of the classes in the logits; None where there are none."""
        if logits is None or self.labels.is_floating_point() or self.labels.dtype == torch.bool:
            return None
        return class_axis(tuple(logits.shape), tuple(self.labels.shape), "first")

    def _losses(self, answer: Any, labels: Tensor) -> Tensor:
        if self._loss is None:
            return self._cross_entropy(answer, labels)
        try:
            losses = self._loss(answer, labels)
        except Exception as error:
            said = " ".join(str(error).split())[:300] or type(error).__name__
            raise NetworkError(
                f"`loss(answer, y)` fails on y of shape {tuple(labels.shape)}, {labels.dtype}: {said}"
            ) from error
        if not isinstance(losses, torch.Tensor) or losses.is_complex():
            raise NetworkError(
                f"`loss(answer, y)` returns {type(losses).__name__}: return a tensor, one number or one for "
                "each example"
            )
        return losses.float()

    def _cross_entropy(self, answer: Any, labels: Tensor) -> Tensor:
        logits = logits_of(answer)
        axis = self.axis(logits)
        if axis is None:
            shape = type(answer).__name__ if logits is None else tuple(logits.shape)
            raise NetworkError(
                f"its answer ({shape}) is no set of logits for y of shape {tuple(labels.shape)}, "
                f"{labels.dtype}: give classes as whole numbers, or the `loss` that it is trained by"
            )
        if int(labels.max()) >= logits.shape[axis]:
            raise NetworkError(
                f"y holds class {int(labels.max())}, but its answer has {logits.shape[axis]} classes, from 0"
            )
        return functional.cross_entropy(logits.movedim(axis, 1), labels.long(), reduction="none")

    def _finds_mean(self, answer: Any, labels: Tensor, whole: float) -> bool:
        """Whether one number is the mean over examples, and not their sum; a remark where it is neither."""
        told = getattr(self._loss, "reduction", "")
        if told in ("mean", "sum"):
            return bool(told == "mean")
        if not isinstance(answer, torch.Tensor) or len(answer) != self.examples or self.examples < 2:
            return True
        first = self.examples // 2
        with torch.no_grad():
            try:
                parts = [
                    float(self._losses(answer[part], labels[part]))
                    for part in (slice(first), slice(first, None))
                ]
            except (NetworkError, ValueError, RuntimeError):
                return True
        share = first / self.examples
        mean, total = share * parts[0] + (1 - share) * parts[1], sum(parts)
        near = _SAME * max(abs(whole), 1e-6)
        if abs(mean - whole) > near and abs(total - whole) > near:
            self.remark = (
                "Its loss is of the whole batch, no mean over examples: dC/ds is of it, times their number."
            )
        return abs(total - whole) > near or abs(mean - whole) <= near


def logits_of(answer: Any) -> Tensor:
    """What of an answer are its logits: itself, its `logits`, or its first part; None where it has none."""
    answer = getattr(answer, "logits", answer)
    if isinstance(answer, (tuple, list)) and answer:
        answer = answer[0]
    is_real = isinstance(answer, torch.Tensor) and answer.is_floating_point()
    return answer if is_real else None


def _in_single(answer: Any) -> Any:
    """An answer in half precision in single: a loss of it would be rounded to 8 bits."""
    is_half = isinstance(answer, torch.Tensor) and answer.dtype in (torch.float16, torch.bfloat16)
    return answer.float() if is_half else answer


def _beside(answer: Any, labels: Tensor) -> Tensor:
    """The labels on the device of the answer."""
    logits = logits_of(answer)
    return labels if logits is None else labels.to(logits.device)
