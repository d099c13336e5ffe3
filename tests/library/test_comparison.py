"""`compare` from Python: what is compared, and what is refused."""

from dataclasses import replace

import numpy as np
import pytest

from xavier_cli import Run, compare
from xavier_cli.errors import ConfigError


@pytest.fixture
def rivals(make):
    """Two trained runs: `standard` has the higher test error at the end, and the lower test loss."""

    def with_loss(run, loss):
        curve = run["curves/test_loss"]
        return Run.of(replace(run, arrays={**run.arrays, "curves/test_loss": np.full_like(curve, loss)}))

    errs_less = make(seeds=5, init="normalized", final_error=0.2)
    errs_more = make(seeds=5, init="standard", final_error=0.4)
    return [with_loss(errs_less, 0.9), with_loss(errs_more, 0.5)]


def test_the_metric_chooses_what_is_best(rivals):
    by_error, by_loss = compare(rivals), compare(rivals, metric="test_loss")

    assert by_error.best.settings["init"] == "normalized"
    assert by_loss.best.settings["init"] == "standard"
    assert by_loss.metric.name == "test_loss"
    assert [row.estimate.mean for row in by_loss.rows] == pytest.approx([0.5, 0.9])
    assert "test loss" in repr(by_loss)
    assert "test loss" in by_loss._repr_html_()


def test_updates_to_an_error_are_a_metric_in_the_data_frame_too(rivals):
    pytest.importorskip("pandas")
    frame = compare(rivals, metric="updates_to:0.3").to_dataframe()

    assert set(frame["metric"]) == {"updates_to:0.3"}
    assert dict(zip(frame["init"], frame["without_value"], strict=True)) == {"normalized": 0, "standard": 5}
    assert frame["metric_value"].iloc[0] <= rivals[0].updates[-1]


def test_a_metric_that_does_not_exist_is_refused_before_files_are_read():
    with pytest.raises(ConfigError, match="did you mean `test_loss`"):
        compare(["no-such-run.h5"], metric="tst_loss")


def test_losses_that_differ_are_not_compared(make):
    runs = [make(seeds=2), make(seeds=2, loss="quadratic")]

    with pytest.raises(ConfigError, match="cannot be compared between losses"):
        compare(runs, metric="test_loss")
