"""Writes event files for TensorBoard, one per seed: curves and statistics as scalars, and histograms.

The package `tensorboard` encodes them; TensorFlow is not needed.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import numpy as np

from xavier_cli.errors import ExitCode, XavierError
from xavier_cli.runs import schema
from xavier_cli.runs.record import Run

_SCALARS = (("seed", "update"), ("seed", "update", "layer"), ("seed", "update", "weight_layer"))


class TensorBoardMissingError(XavierError):
    """The package `tensorboard` is not installed."""

    exit_code = ExitCode.USAGE

    def __init__(self) -> None:
        super().__init__("`--to tensorboard` needs the package `tensorboard`: `pip install tensorboard`")


def event_files(run: Run) -> dict[str, bytes]:
    """The content of each file by its path below the run's folder; equal runs give equal files.

    The folder of a seed that diverged has the update in its name.

    Raises `TensorBoardMissingError` if the package is missing.
    """
    try:
        from tensorboard.compat.proto.event_pb2 import Event
        from tensorboard.summary.writer.record_writer import RecordWriter
    except ImportError:
        raise TensorBoardMissingError from None

    began = _seconds(run.created_utc)
    # TensorBoard names a curve by its folder: one that continues with frozen weights must say so.
    at = run["final/diverged_at"] if "final/diverged_at" in run else np.full(len(run.seeds), -1)
    lost = [f"-diverged-at-{update}" if update >= 0 else "" for update in at]
    files = {}
    for member, seed in enumerate(run.seeds.tolist()):
        file = io.BytesIO()
        writer = RecordWriter(file)
        writer.write(Event(wall_time=began, file_version="brain.Event:2").SerializeToString())
        for record, update in enumerate(run.updates.tolist()):
            # TensorBoard sorts by step, and requires ascending times.
            event = Event(wall_time=began + record, step=update)
            for tag, value in _scalars(run, member, record):
                event.summary.value.add(tag=tag, simple_value=value)
            for tag, histogram in _histograms(run, member, record):
                event.summary.value.add(tag=tag, histo=histogram)
            writer.write(event.SerializeToString())
        files[f"seed-{seed}{lost[member]}/events.out.tfevents.{int(began)}.xavier"] = file.getvalue()
    return files


def _scalars(run: Run, member: int, record: int) -> Iterator[tuple[str, float]]:
    for path, row in schema.DATASETS.items():
        if path in run and row.dims in _SCALARS:
            values = run[path][member, record]
            for layer, value in enumerate(np.atleast_1d(values).tolist(), start=1):
                if np.isfinite(value):
                    yield path if values.ndim == 0 else f"{path}/layer_{layer}", value


def _histograms(run: Run, member: int, record: int) -> Iterator[tuple[str, Any]]:
    from tensorboard.compat.proto.summary_pb2 import HistogramProto

    for path in schema.DATASETS:
        tensor, _, last = path.rpartition("/")
        if last != "histogram" or path not in run:
            continue
        edges, centres = run[f"{tensor}/bin_edge"], run[f"{tensor}/bin"]
        for layer, counts in enumerate(run[path][member, record].astype(np.float64), start=1):
            if not counts.any():
                continue
            seen = np.flatnonzero(counts)
            yield (
                f"{tensor}/layer_{layer}",
                HistogramProto(
                    min=edges[seen[0]],
                    max=edges[seen[-1] + 1],
                    num=counts.sum(),
                    sum=counts @ centres,
                    sum_squares=counts @ centres**2,
                    # `bucket_limit` holds upper ends; the first bucket, below the first edge, is empty.
                    bucket_limit=edges.tolist(),
                    bucket=[0.0, *counts.tolist()],
                ),
            )


def _seconds(created_utc: str) -> float:
    try:
        created = datetime.fromisoformat(created_utc)
    except ValueError:
        return 0.0
    return (created if created.tzinfo else created.replace(tzinfo=UTC)).timestamp()
