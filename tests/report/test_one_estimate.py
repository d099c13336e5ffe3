"""Tables, figures, reports and exports give one number for one thing, whatever diverged."""

from datetime import UTC, datetime

import numpy as np
import pytest
from support.planted_runs import PLANTED, close, expected, expected_error, expected_layer, plant

from xavier_cli.figures.catalogue import KINDS
from xavier_cli.figures.draw import draw, draw_text
from xavier_cli.figures.request import PlotRequest, UnsuitableRunError
from xavier_cli.findings.comparison import compare
from xavier_cli.findings.layer_summary import layers_at
from xavier_cli.report import pictures
from xavier_cli.report.layers import layers_over_time
from xavier_cli.views.comparison import comparison_page
from xavier_cli.views.layers import layers_table
from xavier_cli.views.run import inside_page
from xavier_cli.views.runs import runs_page
from xavier_cli.views.training import result_page
from xavier_cli.views.two_runs import diff_page


@pytest.fixture(params=PLANTED, ids=str)
def run(request, make_run):
    return plant(make_run, *request.param)


def drawn(ax, label):
    """A line by its label, and the shaded ends that come after it, by update."""
    (line,) = (each for each in ax.get_lines() if each.get_label() == label)
    return dict(zip(line.get_xdata().tolist(), line.get_ydata().tolist(), strict=True))


def shaded(area, update):
    """The ends of a shaded interval at an update."""
    points = np.concatenate([path.vertices for path in area.get_paths()])
    y = points[points[:, 0] == update][:, 1]
    return y.min(), y.max()


def table(run, name):
    """The rows of the report's table under a figure, as numbers."""
    picture, _ = pictures._picture(name, "", [run])
    return [
        [cell if isinstance(cell, str) else (cell.text, cell.value) for cell in row]
        for row in picture.data.rows
    ]


def test_errors(run):
    (ax,) = draw(KINDS["curves"], [run]).figure.axes
    line = drawn(ax, ax.get_lines()[0].get_label())
    rows = {int(row[1][1]): row[2:] for row in table(run, "curves")}
    for update in run.updates.tolist():
        wanted = expected_error(run, update)
        close([line[update]], wanted[:1])
        close([cell[1] if cell[0] else np.nan for cell in rows[update]], wanted)
        if len(run.seeds) > 1:
            close(shaded(ax.collections[0], update), wanted[1:])

    last = int(run.updates[-1])
    for record in (
        runs_page([run], datetime.now(UTC)).records[0],
        comparison_page(compare([run])).records[0],
    ):
        keys = "test_error", "test_error_low", "test_error_high"
        close([100 * record[key] for key in keys], expected_error(run, last))
    for curve in diff_page(run, run).data["curves"]:
        if curve["curve"] == "test_error":
            close([100 * curve["a_last"]], expected_error(run, last)[:1])
    train = [100 * row["test_error"] for row in result_page(run, "x").records]
    close(expected(train), expected_error(run, last))


@pytest.mark.parametrize(
    ("kind", "request_", "path"),
    [
        ("saturation", PlotRequest(), "activation/std"),
        ("gradients-over-time", PlotRequest(), "weight_gradient/std"),
        ("gradients-over-time", PlotRequest(tensor="backprop"), "backprop/std"),
    ],
)
def test_layers(run, kind, request_, path):
    ax = draw(KINDS[kind], [run], request_).figure.axes[0]
    rows = []
    if path != "backprop/std":
        rows = [row for row in table(run, kind) if row[1][0] == path.replace("_", " ").replace("/", " ")]
        assert len(rows) == len(run.updates)
    logarithmic = kind == "gradients-over-time"
    for layer in (1, 3):
        line = drawn(ax, f"layer {layer}")
        for update in run.updates.tolist():
            wanted = expected_layer(run, path, update, layer)
            close([line[update]], wanted[:1])
            if logarithmic and np.isfinite(wanted[1]):
                close(shaded(ax.collections[layer - 1], update), wanted[1:])
        for row in rows:
            text, number = row[2 + layer]
            close([number if text else np.nan], expected_layer(run, path, int(row[2][1]), layer)[:1])
        close(
            [layers_at(run)[layer - 1][path.replace("/", "_")]],
            expected_layer(run, path, int(run.updates[-1]), layer)[:1],
        )


def test_layers_in_the_slider(run):
    (shown,) = layers_over_time([run])["runs"]
    for record in shown["tensors"]["backprop"]["records"]:
        wanted = [expected_layer(run, "backprop/std", record["update"], layer)[0] for layer in (1, 2, 3)]
        assert record["std"] == pytest.approx(wanted, rel=1e-3)
        assert all(any(bars) for bars in record["bars"])


def test_jacobians(run):
    update = int(run["jacobian_update"][-1])
    wanted = [expected_layer(run, "jacobian/mean_singular_value", update, layer) for layer in (1, 2, 3)]
    row = next(each for each in table(run, "jacobian") if each[2][1] == update)
    close([number if text else np.nan for text, number in row[3:]], [each[0] for each in wanted])
    if run.diverged.all():
        with pytest.raises(UnsuitableRunError, match="every seed had diverged by that record"):
            draw(KINDS["jacobian"], [run], PlotRequest(record="last"))
        return
    ax = draw(KINDS["jacobian"], [run], PlotRequest(record="last")).figure.axes[0]
    close(ax.get_lines()[0].get_ydata(), [each[0] for each in wanted[1:]])


def test_a_run_with_a_diverged_seed_is_marked_wherever_it_is_named(run):
    lost, seeds = int(run.diverged.sum()), len(run.seeds)
    marks = [
        runs_page([run], datetime.now(UTC)).tables[0],
        inside_page([run]).tables[0],
        result_page(run, "x").tables[0],
        comparison_page(compare([run])).tables[0],
    ]
    words = [str([table.columns, table.rows]) for table in marks]
    assert [("diverged" in text) for text in words] == [lost > 0] * 4
    for kind in ("curves", "saturation"):
        text, _ = draw_text(KINDS[kind], [run], PlotRequest(), 200, True)
        assert (f"{lost} of {seeds} seeds" in text) is (lost > 0)
    layers = layers_table(run)
    if lost == seeds:
        assert layers is None
        assert "its last finite weights are not shown" in str(inside_page([run]).notes)
    elif lost:
        assert f"{seeds - lost} of {seeds} seeds" in layers.title
