import numpy as np
import pytest
import xarray

from xavier_cli.config.run import RunConfig
from xavier_cli.errors import ConfigError
from xavier_cli.runs.errors import NoTrainingError, RunFileError
from xavier_cli.runs.listing import newest_command
from xavier_cli.runs.store import read_result, read_run, write_run
from xavier_cli.runs.surface import Surface, SurfaceConfig


def test_a_surface_reads_back_as_it_was_written(plausible_surface, tmp_path):
    for surface in (plausible_surface(), plausible_surface(around=RunConfig.of(seeds=(3,)), examples=5)):
        write_run(tmp_path / "a.h5", surface)
        read = read_result(tmp_path / "a.h5", "surface")

        assert read.config == surface.config
        assert set(read.arrays) == set(surface.arrays)
        assert all(np.array_equal(read[name], surface[name]) for name in surface.arrays)


@pytest.mark.parametrize("engine", ["h5netcdf", "netcdf4"])
def test_xarray_reads_the_group(plausible_surface, tmp_path, engine):
    write_run(tmp_path / "a.h5", plausible_surface())

    with xarray.open_dataset(tmp_path / "a.h5", group="surface", engine=engine) as dataset:
        assert dataset["quadratic"].dims == ("y", "x")
        assert dataset["input"].dims == ("example",)


def test_readers_of_runs_pass_over_a_surface(plausible_surface, make_run, tmp_path):
    write_run(tmp_path / "run.h5", make_run(updates=10, width=2, only=("curves",)))
    write_run(tmp_path / "surface.h5", plausible_surface())

    with pytest.raises(NoTrainingError, match="holds a loss surface, not a run"):
        read_run(tmp_path / "surface.h5", only=("update",))
    assert newest_command(tmp_path) == ([tmp_path / "run.h5"], [])
    with pytest.raises(RunFileError, match="holds a run, not a loss surface"):
        read_result(tmp_path / "run.h5", "surface")


def test_a_damaged_surface_is_told(plausible_surface, tmp_path):
    path = tmp_path / "a.h5"
    write_run(path, plausible_surface())
    content = bytearray(path.read_bytes())
    values = read_result(path, "surface")["surface/quadratic"].tobytes()
    content[content.index(values) + 3] ^= 1
    path.write_bytes(content)

    with pytest.raises(RunFileError, match="damaged"):
        read_result(path, "surface")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"surface/quadratic": None}, "`surface/quadratic` is missing"),
        ({"surface/example": None}, "`surface/example` is missing"),
        ({"surface/x": np.zeros(4)}, "`surface/x` has shape"),
        ({"curves/test_error": np.zeros(3)}, "is no dataset of a loss surface"),
    ],
)
def test_what_is_wrong_is_named(plausible_surface, changes, message):
    surface = plausible_surface()
    arrays = {**surface.arrays, **changes}
    shapes = {name: array.shape for name, array in arrays.items() if array is not None}

    assert message in Surface.problem(surface.config, shapes)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"points": 2}, "points: should be at least 3"),
        ({"low": 1.0, "high": -1.0}, "below the upper one"),
        ({"act": "tanhh"}, "did you mean `tanh`"),
        ({"around": RunConfig.of(seeds=2)}, "around one seed"),
    ],
)
def test_a_configuration_that_cannot_be_is_one_line(settings, message):
    with pytest.raises(ConfigError, match=message):
        SurfaceConfig.of(**settings)


def test_every_dataset_s_axes_have_scales():
    for row in Surface.schema.datasets.values():
        assert row.bounds
        assert all(Surface.schema.datasets[dim].is_scale for dim in row.dims)
