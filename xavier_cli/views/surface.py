"""Builds the output of `surface`: the height and steepness of both losses over a plane of weights."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

from xavier_cli.findings.steepness import FLAT, steepness
from xavier_cli.runs.surface import LOSSES, Surface
from xavier_cli.views.page import Column, Page, Table, clean

SCHEMA = "xavier.surface/1"


def surface_page(made: Surface, path: Path) -> Page:
    """The output of `surface`: the height and steepness of both losses, and the path of the file."""
    config = made.config
    rows, records = [], []
    for name in LOSSES:
        loss = made.loss(name)
        of = steepness(loss, made.x, made.y)
        rows.append(
            (
                name.replace("_", "-"),
                f"{loss.min():.3g}",
                f"{loss.max():.3g}",
                f"{of.mean_gradient:.3g}",
                f"{100 * of.flat_share:.0f}",
            )
        )
        records.append(
            {
                "loss": name,
                "min": float(loss.min()),
                "max": float(loss.max()),
                **asdict(of),
                "path": str(path),
            }
        )
    columns = ("loss", "min", "max", "mean |gradient|", "flat %")
    examples = f"{config.examples:,} example{'s' * (config.examples > 1)}"
    about = f"mean over {examples} of random input and label"
    if config.around:
        about = f"after {config.around.updates:,} updates; mean over {examples} for validation"
    table = Table(
        tuple(Column(title, "right" if i else "left") for i, title in enumerate(columns)),
        tuple(rows),
        title=f"{config.title}: {config.points}×{config.points} points in [{config.low:g}, {config.high:g}]",
        about=about,
    )
    note = f"Flat: a gradient below {FLAT:g} of the surface's own largest one."
    return Page(
        schema=SCHEMA,
        data={"surface": str(path), "config": config.model_dump(mode="json"), "losses": records},
        records=records,
        tables=(table,),
        notes=(note, clean(str(path))),
    )
