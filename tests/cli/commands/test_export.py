"""`xavier export`, through its front door."""

import csv
import io
import json
from dataclasses import replace

import numpy as np
import pytest
import xarray

from xavier_cli.runs.store import read_run, write_run
from xavier_cli.runs.weights import parameter_shapes


def test_csv_is_one_number_per_line_in_full_precision(shelf, xavier):
    answer = xavier("export", "--to", "csv", "tanh-standard")
    rows = list(csv.DictReader(io.StringIO(answer.out)))
    last = [row for row in rows if row["statistic"] == "test_error" and row["update"] == "100000"]

    assert answer.code == 0
    assert [*rows[0]] == ["schema", "run", "seed", "update", "layer", "tensor", "statistic", "value"]
    assert {float(row["value"]) for row in last} == {0.594, 0.575, 0.610, 0.621, 0.570}


def test_json_holds_every_array(shelf, xavier):
    xavier("export", "--to", "json", "-o", "all.json")
    page = json.loads((shelf.parent / "all.json").read_text())
    run = read_run(shelf / "tanh-standard.h5")
    (found,) = (each for each in page["runs"] if each["run"] == "tanh-standard")

    assert len(page["runs"]) == 3
    assert {*found["arrays"]} == {*run.arrays}
    assert found["config"]["init"] == "standard"


@pytest.mark.parametrize("engine", ["h5netcdf", "netcdf4"])
def test_netcdf_opens_in_xarray(shelf, xavier, engine):
    answer = xavier("export", "--to", "netcdf", "tanh-standard", "-o", "out.nc")
    with xarray.open_dataset("out.nc", group="curves", engine=engine) as curves:
        found = curves["test_error"].values

    assert (answer.code, answer.out) == (0, "out.nc\n")
    np.testing.assert_array_equal(found, read_run(shelf / "tanh-standard.h5")["curves/test_error"])


def test_several_runs_go_into_a_folder(shelf, xavier):
    answer = xavier("export", "--to", "netcdf", "-o", "out")

    assert sorted(answer.out.split()) == [
        "out/softsign-normalized.nc",
        "out/tanh-normalized.nc",
        "out/tanh-standard.nc",
    ]


def test_seeds_of_one_configuration_are_merged(shelf, xavier, exact_run):
    write_run(shelf / "more.h5", exact_run([0.5, 0.6], first_seed=5, init="standard"))
    rows = csv.DictReader(io.StringIO(xavier("export", "--to", "csv").out))
    by_run = {}
    for row in rows:
        by_run.setdefault(row["run"], set()).add(row["seed"])

    assert len(by_run) == 3
    assert any({"0", "6"} <= seeds for seeds in by_run.values())


def test_tensorboard_gets_a_file_per_seed(shelf, xavier):
    pytest.importorskip("tensorboard", reason="tensorboard is not installed")
    first = xavier("export", "--to", "tensorboard", "tanh-standard", "-o", "logs")
    again = xavier("export", "--to", "tensorboard", "tanh-standard", "-o", "logs")

    assert first.out == again.out == "logs/tanh-standard\n"
    assert len([*(shelf.parent / "logs").rglob("events.out.tfevents.*")]) == 5


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["--to", "xlsx"], 2, "xlsx"),
        ([], 2, "--to"),
        (["--to", "netcdf"], 2, "`--to netcdf` needs a place to write to"),
        (["--to", "tensorboard"], 2, "`--to tensorboard` needs a place to write to"),
        (["--to", "netcdf", "-o", "taken"], 2, "3 runs need a folder"),
        (["--to", "tensorboard", "-o", "taken"], 2, "`taken` is a file; name a folder"),
        (["--to", "csv", "-o", "runs"], 2, "`runs` is a folder"),
        (["--to", "csv", "none.h5"], 5, "`none.h5`"),
        (["--to", "netcdf", "tanh-standard", "-o", "taken/below.nc"], 6, "could not be written"),
    ],
)
def test_what_cannot_be_is_refused_in_one_line(shelf, xavier, arguments, code, message):
    (shelf.parent / "taken").write_text("mine")

    answer = xavier("export", *arguments)

    assert (answer.code, answer.out) == (code, "")
    assert message in " ".join(answer.err.split())
    assert (shelf.parent / "taken").read_text() == "mine"
    assert {path.name for path in shelf.parent.iterdir()} == {"runs", "taken"}


@pytest.fixture
def kept(shelf):
    """The runs, of which one has its final weights beside it, each seed's equal to the seed."""
    run = read_run(shelf / "tanh-normalized.h5")
    shapes = parameter_shapes(run.config, run.facts.inputs, run.facts.classes)
    weights = {
        name: np.stack([np.full(shape, seed, np.float32) for seed in run.seeds.tolist()])
        for name, shape in shapes.items()
    }
    write_run(run.path, replace(run, weights=weights))
    return shelf


def test_weights_of_one_run_or_of_one_seed(kept, xavier):
    every = xavier("export", "--to", "weights", "tanh-normalized", "-o", "all.npz")
    one = xavier("export", "--to", "weights", "tanh-normalized", "--seed", "3", "-o", "one.npz")

    assert (every.code, every.out) == (0, "all.npz\n")
    with np.load("all.npz", allow_pickle=False) as archive:
        assert len(archive.files) == 5 * 12
        assert (archive["seed4/output/bias"] == 4).all()
    assert one.code == 0
    with np.load("one.npz", allow_pickle=False) as archive:
        assert archive["layer1/weight"].shape == (1024, 30)
        assert (archive["layer5/weight"] == 3).all()


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["tanh-normalized"], 2, "needs a file to write to, .npz or .safetensors"),
        (["tanh-normalized", "-o", "x.txt"], 2, "needs a file to write to, .npz or .safetensors"),
        (["tanh-normalized", "-o", "runs"], 2, "needs a file to write to"),
        (["tanh-normalized", "-o", "runs/tanh-normalized.weights.npz"], 2, "`tanh-normalized.h5` kept"),
        (["runs", "-o", "x.npz"], 2, "weights are of one run, and these are 3"),
        (["tanh-standard", "-o", "x.npz"], 5, "was trained without `--save-weights`"),
        (["tanh-normalized", "--seed", "9", "-o", "x.npz"], 2, "the run has no seed 9"),
        (["tanh-normalized", "--update", "5", "-o", "x.npz"], 2, "no weights were kept at update 5"),
    ],
)
def test_weights_that_cannot_be_are_refused_in_one_line(kept, xavier, arguments, code, message):
    answer = xavier("export", "--to", "weights", *arguments)

    assert answer.code == code
    assert message in answer.err
    assert answer.err.count("\n") == 1
    assert {path.name for path in kept.parent.iterdir()} == {"runs"}


def test_seed_and_update_are_for_weights_alone(shelf, xavier):
    answer = xavier("export", "--to", "csv", "--seed", "0")

    assert answer.code == 2
    assert "only with `--to weights`" in answer.err
