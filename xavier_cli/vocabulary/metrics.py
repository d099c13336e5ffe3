"""Lists the curves that every training records, by name: errors and losses. Standard library only."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class CurveMetric:
    """An error or a loss over updates; `curves/NAME` is its array in a run file.

    `words` name it in captions and on axes. An error is a fraction in files, and in percent in figures.
    """

    name: str
    words: str
    examples: str
    aliases: tuple[str, ...] = ()

    @property
    def is_error(self) -> bool:
        """Whether it is an error, which has a chance level, and not a loss."""
        return self.name.endswith("_error")

    @property
    def label(self) -> str:
        """The label of its axis: `test error, %`."""
        return f"{self.words}, %" if self.is_error else self.words


CURVES = {
    metric.name: metric
    for metric in (
        CurveMetric("test_error", "test error", "test examples"),
        CurveMetric("valid_error", "validation error", "validation examples"),
        CurveMetric("train_loss", "training loss", "the mini-batches since the last record"),
        CurveMetric("valid_loss", "validation loss", "validation examples"),
        CurveMetric("test_loss", "test loss", "test examples"),
    )
}
