"""Draws error curves as small inline SVG, all on the same axes: in a table's rows, and as small multiples."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from xavier_cli.report.content import Curve, Results
from xavier_cli.report.elements import Markup, element

# Points of a curve, which are more than a panel has pixels for.
MOST_POINTS = 60
_SPARK = (110.0, 22.0)
_PANEL = (150.0, 70.0)
# With fewer experiments one figure is clear enough.
FEWEST_PANELS = 7


@dataclass(frozen=True)
class Axes:
    """What all drawings of one data set share: updates from 0 to `last`, errors from `low` to `high`."""

    last: float
    low: float
    high: float

    @classmethod
    def of(cls, results: Results) -> Axes:
        """The axes that hold every curve and chance level."""
        errors = np.concatenate([curve.error for curve in results.curves])
        errors = errors[np.isfinite(errors)]
        low = min(float(errors.min(initial=results.chance)), results.chance)
        high = max(float(errors.max(initial=results.chance)), results.chance)
        last = max(float(curve.updates[-1]) for curve in results.curves)
        return cls(max(last, 1.0), low, high if high > low else low + 1.0)

    def path(self, curve: Curve, size: tuple[float, float]) -> str:
        """The path of `curve` in a drawing of this size; a gap where it has no value."""
        picked = np.unique(np.linspace(0, len(curve.updates) - 1, MOST_POINTS).round().astype(int))
        x = curve.updates[picked] / self.last * size[0]
        y = self.height(curve.error[picked], size)
        words, pen = [], "M"
        for left, down in zip(x.tolist(), y.tolist(), strict=True):
            if not np.isfinite(down):
                pen = "M"
                continue
            words.append(f"{pen}{left:.1f} {down:.1f}")
            pen = "L"
        return "".join(words)

    def height(self, error: np.ndarray | float, size: tuple[float, float]) -> np.ndarray:
        """How far down an error is drawn."""
        return np.asarray(1 + (self.high - np.asarray(error)) / (self.high - self.low) * (size[1] - 2))


def sparks(results: Results) -> list[Markup]:
    """A line per row of the table, with a dotted one at chance level."""
    axes, made = Axes.of(results), []
    for curve in results.curves:
        last = _percent(curve.error[-1])
        made.append(
            _svg(
                _SPARK,
                _chance(axes, results, _SPARK),
                element("path", class_="curve", d=axes.path(curve, _SPARK)),
                label=f"Test error of {curve.name} over updates, at the end {last}",
            )
        )
    return made


def multiples(results: Results, name: str) -> Markup:
    """A panel per experiment, its curve before those of all others; empty for few experiments.

    `name` begins the ids, and must be unique in the page.
    """
    if len(results.curves) < FEWEST_PANELS:
        return Markup("")
    axes, all_id = Axes.of(results), f"{name}-all"
    every = (element("path", d=axes.path(curve, _PANEL)) for curve in results.curves)
    # Drawn once, and used in every panel.
    shared = element("defs", element("g", *every, id=all_id))
    panels = [
        _panel(axes, results, curve, all_id, shared if i == 0 else Markup(""))
        for i, curve in enumerate(results.curves)
    ]
    about = (
        "Test error in percent over updates, mean over seeds: each experiment in colour before all others in "
        f"grey, on the same axes, from 0 to {axes.last:,.0f} updates and from {_percent(axes.low)} to "
        f"{_percent(axes.high)}. Dotted: chance level, {_percent(results.chance)}."
    )
    return element(
        "figure",
        element("h3", "Every experiment on the same axes"),
        element("div", *panels, class_="panels"),
        element("figcaption", about),
        class_="multiples",
    )


def _panel(axes: Axes, results: Results, curve: Curve, all_id: str, defined: Markup) -> Markup:
    last = _percent(curve.error[-1])
    drawing = _svg(
        _PANEL,
        defined,
        element("use", href=f"#{all_id}", class_="others"),
        _chance(axes, results, _PANEL),
        element("path", class_="curve", d=axes.path(curve, _PANEL)),
        label=f"Test error of {curve.name} over updates, at the end {last}",
    )
    mark = "* " * curve.is_best
    return element("div", element("p", f"{mark}{curve.name} ", element("b", last)), drawing, class_="panel")


def _chance(axes: Axes, results: Results, size: tuple[float, float]) -> Markup:
    y = float(axes.height(results.chance, size))
    return element("path", class_="chance", d=f"M0 {y:.1f}H{size[0]:g}")


def _svg(size: tuple[float, float], *inside: Markup, label: str) -> Markup:
    box = f"0 0 {size[0]:g} {size[1]:g}"
    return element("svg", *inside, role="img", aria_label=label, viewBox=box, class_="small")


def _percent(error: float | np.ndarray) -> str:
    error = float(error)
    # A number is not parted from its unit at the end of a line.
    return f"{100 * error:.1f}\N{NO-BREAK SPACE}%" if np.isfinite(error) else "not known"


def drawn(results: Sequence[Results]) -> list[Markup]:
    """The small multiples of every data set that has enough experiments."""
    made = (multiples(each, f"multiples-{i}") for i, each in enumerate(results))
    return [each for each in made if each]
