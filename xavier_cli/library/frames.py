"""Converts a run to pandas and xarray, which are extras and are imported when they are asked for."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from importlib import import_module
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from xavier_cli.errors import MissingPackageError
from xavier_cli.runs import schema
from xavier_cli.runs.counting import counted_by_seed, lost_seeds
from xavier_cli.runs.layer_statistics import BY_PATH
from xavier_cli.runs.record import Run

if TYPE_CHECKING:
    import pandas
    import xarray

_RECORDS = ("update", "jacobian_update")
_LAYERS = ("layer", "weight_layer")
_NO_LAYER = 0


class _Metric(NamedTuple):
    """One number per seed, record and perhaps layer: `values` is `(S, R)` or `(S, R, L)`."""

    group: str
    name: str
    updates: np.ndarray
    layers: np.ndarray | None
    values: np.ndarray


def long_frame(run: Run) -> pandas.DataFrame:
    """A row per seed, record, layer and metric; see `Run.to_dataframe`."""
    pandas = package("pandas", "`to_dataframe`")
    parts = [
        {**_index(run, each), "metric": each.name, "value": each.values.ravel()} for each in _metrics(run)
    ]
    return _typed(pandas.concat([pandas.DataFrame(part) for part in parts], ignore_index=True))


def wide_frame(run: Run, group: str) -> pandas.DataFrame:
    """A row per seed, record and layer of one group, a column per metric; see `Run.to_dataframe`."""
    pandas = package("pandas", "`to_dataframe`")
    metrics = list(_metrics(run))
    there = [each for each in metrics if each.group == group]
    if not there:
        raise KeyError(_no_group(group, dict.fromkeys(each.group for each in metrics)))
    tables: dict[bool, dict[str, np.ndarray]] = {}
    for each in there:
        columns = tables.setdefault(each.layers is not None, _index(run, each))
        columns[each.name] = each.values.ravel()
    frame = pandas.concat([pandas.DataFrame(columns) for columns in tables.values()], ignore_index=True)
    return _typed(frame if True in tables else frame.drop(columns="layer"))


def _typed(frame: pandas.DataFrame) -> pandas.DataFrame:
    """`frame` with a layer that may be missing."""
    if "layer" in frame:
        layers = frame["layer"].astype("Int64")
        frame["layer"] = layers.mask(layers == _NO_LAYER)
    return frame


def _metrics(run: Run) -> Iterator[_Metric]:
    """Yield every statistic of `run` in the order of the schema, percentiles one by one."""
    for path in schema.DATASETS:
        dims = schema.dims(path)
        if path not in run or dims[0] != "seed" or len(dims) < 2 or dims[1] not in _RECORDS:
            continue
        of_layers = next((dim for dim in dims[2:] if dim in _LAYERS), None)
        if {*dims[2:]} - {of_layers, "percentile"}:
            continue
        group, _, statistic = path.partition("/")
        layers = None if of_layers is None else run[of_layers]
        name = BY_PATH[path].name if path in BY_PATH else statistic
        name = f"logits_{name}" if group == "logits" else name
        values = counted_by_seed(run, path)
        if "percentile" in dims:
            stem = f"{group}_{statistic.removesuffix('s')}"
            for i, each in enumerate(run["percentile"].tolist()):
                yield _Metric(group, f"{stem}_{each:g}", run[dims[1]], layers, values[..., i])
        else:
            yield _Metric(group, name, run[dims[1]], layers, values)


def _index(run: Run, metric: _Metric) -> dict[str, np.ndarray]:
    """The columns that say where each number of `metric` belongs, in the order of its values."""
    layers = np.array([_NO_LAYER]) if metric.layers is None else metric.layers
    seed, update, layer = np.meshgrid(np.arange(len(run.seeds)), metric.updates, layers, indexing="ij")
    return {
        "seed": run.seeds[seed.ravel()],
        "update": update.ravel(),
        "layer": layer.ravel().astype(np.int64),
        "diverged": lost_seeds(run)[seed.ravel()],
    }


def tree(run: Run) -> xarray.DataTree:
    """All of `run` as a tree with the groups of the run file; see `Run.to_xarray`."""
    xarray = package("xarray", "`to_xarray`")
    groups: dict[str, dict[str, Any]] = {"": {}}
    scales: dict[str, set[str]] = {}
    for path, row in schema.DATASETS.items():
        if path not in run:
            continue
        group, _, name = path.rpartition("/")
        dims = [dim.rpartition("/")[2] for dim in row.dims]
        array = run[path].astype("U") if run[path].dtype.kind == "S" else run[path]
        about = {"long_name": row.long_name} | ({"units": row.units} if row.units else {})
        groups.setdefault(group, {})[name] = (dims, array, about)
        if row.is_scale or row.companion_of:
            scales.setdefault(group, set()).add(name)
    datasets = {
        f"/{group}": xarray.Dataset(variables).set_coords(sorted(scales.get(group, ())))
        for group, variables in groups.items()
    }
    datasets["/"].attrs.update(_about(run))
    return xarray.DataTree.from_dict(datasets)


def dataset(run: Run, group: str) -> xarray.Dataset:
    """One group of `run`, with the coordinates of its dimensions; see `Run.to_xarray`."""
    whole = tree(run)
    if group not in whole.children:
        raise KeyError(_no_group(group, whole.children))
    made = whole[group].to_dataset()
    # The coordinates of all groups lie at the root: a group has those of its own dimensions.
    return made.drop_vars([name for name in made.coords if not {*made[name].dims} <= _dims_of(made)])


def _dims_of(dataset: xarray.Dataset) -> set[object]:
    return {dim for variable in dataset.data_vars.values() for dim in variable.dims}


def _about(run: Run) -> dict[str, str]:
    about = {"config_json": run.config.to_json(), "status": run.status, "created_utc": run.created_utc}
    return {name: text for name, text in about.items() if text}


def _no_group(group: str, known: Mapping[str, object]) -> str:
    return f"no group `{group}` in this run; it has: {', '.join(known)}"


def package(name: str, what: str) -> Any:
    """The package `name`, which `what` needs; raises `MissingPackageError` where it is not installed."""
    try:
        return import_module(name)
    except ImportError:
        raise MissingPackageError(what, name) from None
