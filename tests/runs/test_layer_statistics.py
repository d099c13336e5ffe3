"""A layer statistic is one row: schema, tables, predictions, report and exports follow it."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from xavier_cli.runs import schema
from xavier_cli.runs.layer_statistics import BY_PATH, IN_TABLES, STATISTICS

# One more row, before anything else is read; then every place that shows statistics is asked for it.
ADDED = """
from xavier_cli.runs import layer_statistics as table
from xavier_cli.runs.ranges import Range
from xavier_cli.vocabulary.tensors import TENSORS

row = table.LayerStatistic(
    TENSORS["activation"], "made_up", "activation_made_up", "made_up", "what this test is about",
    Range(low=1, nan=True), is_summary=True, column="made_up", probe_column="made_up", in_slider=True,
    predicted="what this test is about",
)
table.STATISTICS = (*table.STATISTICS, row)
table.IN_TABLES = table._in_tables(table.STATISTICS)
table.BY_PATH[row.path] = row

import json
from pathlib import Path

from conftest import plausible_run

from xavier_cli.export.long import long_records
from xavier_cli.findings.expectation import expectation
from xavier_cli.findings.layer_summary import layers_at
from xavier_cli.report.layers import layers_over_time
from xavier_cli.runs import schema
from xavier_cli.runs.contradictions import row_problem
from xavier_cli.views.initialization import initial_page
from xavier_cli.views.layers import layers_table
from xavier_cli.views.run import ONLY

run = plausible_run(depth=2, width=4, updates=10, records="2", seeds=2, test_examples=20)
expected = expectation(run)
tensor = layers_over_time([run])["runs"][0]["tensors"]["activation"]
print(json.dumps({
    "dims": schema.dims(row.path),
    "theory": sorted(path for path in schema.DATASETS if path.startswith("theory/activation_made_up")),
    "out of range": row_problem(row.path, run[row.path] * 0),
    "read by show": row.path in ONLY,
    "show": [column.title for column in layers_table(run).columns],
    "json": sorted(layers_at(run)[0].record()),
    "probe": [column.title for column in initial_page(run, expected, Path("a.h5")).tables[0].columns],
    "export": sum(each["statistic"] == "made_up" for each in long_records(run, "a")),
    "slider": [each["name"] for each in tensor["statistics"]],
    "in slider": "made_up" in tensor["records"][0],
}))
"""


def test_every_statistic_is_a_dataset_of_the_schema():
    for row in BY_PATH.values():
        dataset = schema.DATASETS[row.path]
        assert dataset.dims == ("seed", row.records, row.axis)
        assert (dataset.long_name, dataset.range) == (row.long_name, row.range)
    names = [row.name for row in STATISTICS]
    assert len(set(names)) == len(names)
    assert {*IN_TABLES} == {*STATISTICS}


def test_what_has_a_column_is_in_the_summary_and_is_stored():
    for row in STATISTICS:
        assert row.is_summary or not row.column
        assert row.path or not row.is_summary


def test_every_dataset_of_layers_at_records_is_a_row():
    of_layers = {("seed", "update"), ("seed", "jacobian_update")}
    for path, dataset in schema.DATASETS.items():
        if dataset.dims[:2] in of_layers and len(dataset.dims) == 3:
            assert path in BY_PATH


@pytest.mark.parametrize(
    ("path", "title", "label", "spoken"),
    [
        ("activation/std", "activation std", "std of z", "activation std"),
        ("backprop/std", "backprop std", "std of dC/ds", "back-propagated std"),
        ("weight_gradient/std", "weight gradient std", "std of dC/dW", "weight gradient std"),
    ],
)
def test_what_people_read(path, title, label, spoken):
    row = BY_PATH[path]

    assert (row.title, row.label, row.spoken) == (title, label, spoken)


def test_a_share_is_shown_in_percent():
    assert BY_PATH["activation/saturated"].heading("saturated") == "saturated %"
    assert BY_PATH["activation/std"].heading("std") == "std"


def test_one_more_row_is_shown_everywhere():
    tests = Path(__file__).parents[1]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(tests), str(tests.parent)])}
    made = subprocess.run(
        [sys.executable, "-c", ADDED], env=environment, capture_output=True, text=True, check=False
    )
    assert made.returncode == 0, made.stderr
    seen = json.loads(made.stdout)

    assert seen["dims"] == ["seed", "update", "layer"]
    made_up = "theory/activation_made_up"
    assert sorted(seen["theory"]) == [made_up, f"{made_up}_high", f"{made_up}_low", f"{made_up}_sd"]
    assert seen["out of range"] == "`activation/made_up` holds 0, below 1"
    assert seen["read by show"]
    assert "made_up" in seen["show"]
    assert "activation_made_up" in seen["json"]
    assert "made_up" in seen["probe"]
    assert seen["export"] == 2 * 2 * 2  # seeds, records, layers
    beside = [row.words for row in IN_TABLES if row.in_slider and row.tensor.name == "activation"]
    assert seen["slider"] == [*beside, "made_up"]
    assert seen["in slider"]
