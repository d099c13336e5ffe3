"""Runs in other programs' forms: read back by those programs, number by number."""

import sys

import numpy as np
import pytest

from xavier_cli.export.long import long_records, whole
from xavier_cli.export.tensorboard import TensorBoardMissingError, event_files

COLUMNS = ("run", "seed", "update", "layer", "tensor", "statistic", "value")


@pytest.fixture(scope="module")
def run(make_run):
    return make_run(width=8, depth=3, seeds="3,1", records="4", updates=60, test_examples=20)


def test_each_number_stands_on_one_line(run):
    lines = list(long_records(run, "r"))
    keys = {tuple(line[name] for name in COLUMNS[:-1]) for line in lines}

    assert all(tuple(line) == COLUMNS for line in lines)
    assert len(keys) == len(lines)


@pytest.mark.parametrize(
    ("path", "index", "line"),
    [
        ("curves/test_error", (1, 2), (1, 40, None, "curves", "test_error")),
        ("activation/std", (0, 3, 2), (3, 60, 3, "activation", "std")),
        ("weight_gradient/std", (0, 3, 3), (3, 60, 4, "weight_gradient", "std")),
        ("activation/percentiles", (0, 1, 0, 7), (3, 20, 1, "activation", "percentile_98")),
        ("activation/abs_percentiles", (0, 1, 0, 7), (3, 20, 1, "activation", "abs_percentile_98")),
        ("jacobian/mean_singular_value", (1, 0, 1), (1, 0, 2, "jacobian", "mean_singular_value")),
        ("theory/activation_std", (1,), (None, None, 2, "theory", "activation_std")),
        ("final/diverged_at", (1,), (1, None, None, "final", "diverged_at")),
    ],
)
def test_a_line_carries_the_number_of_its_place(run, path, index, line):
    (value,) = (
        record["value"]
        for record in long_records(run, "r")
        if tuple(record[name] for name in COLUMNS[1:-1]) == line
    )

    assert value == run[path][index]


def test_the_whole_run_by_name(run):
    content = whole(run, "r")

    assert {*content["arrays"]} == {*run.arrays}
    assert content["arrays"]["curves/test_error"]["dims"] == ["seed", "update"]
    assert content["arrays"]["curves/test_error"]["values"] == run["curves/test_error"].tolist()
    assert content["arrays"]["layer_name"]["values"][0] == "hidden 1"


@pytest.fixture
def events(run, tmp_path):
    """The event file of seed 1 as read by TensorBoard itself."""
    accumulator = pytest.importorskip(
        "tensorboard.backend.event_processing.event_accumulator", reason="tensorboard is not installed"
    )
    for place, content in event_files(run).items():
        path = tmp_path / place
        path.parent.mkdir()
        path.write_bytes(content)
    events = accumulator.EventAccumulator(str(tmp_path / "seed-1"), {"scalars": 0, "histograms": 0})
    return events.Reload()


def test_tensorboard_reads_every_scalar(run, events):
    curve, layer = events.Scalars("curves/test_error"), events.Scalars("activation/std/layer_3")

    assert [event.step for event in curve] == run.updates.tolist()
    np.testing.assert_allclose([event.value for event in curve], run["curves/test_error"][1], rtol=1e-6)
    np.testing.assert_allclose([event.value for event in layer], run["activation/std"][1, :, 2], rtol=1e-6)
    # The first training loss is not a number, and no event.
    assert [event.step for event in events.Scalars("curves/train_loss")] == [20, 40, 60]


def test_tensorboard_reads_every_histogram(run, events):
    last = events.Histograms("activation/layer_2")[-1].histogram_value
    counts, edges = run["activation/histogram"][1, -1, 1], run["activation/bin_edge"]

    assert last.num == counts.sum()
    np.testing.assert_array_equal(last.bucket[1:], counts)
    np.testing.assert_array_equal(last.bucket_limit[1:], edges[1:])
    assert last.min >= edges[0]
    assert last.max <= edges[-1]


def test_equal_runs_have_equal_event_files(run):
    pytest.importorskip("tensorboard", reason="tensorboard is not installed")

    assert event_files(run) == event_files(run)


def test_without_the_package_the_way_to_get_it_is_told(run, monkeypatch):
    monkeypatch.setitem(sys.modules, "tensorboard.compat.proto.event_pb2", None)

    with pytest.raises(TensorBoardMissingError, match=r"pip install tensorboard"):
        event_files(run)
