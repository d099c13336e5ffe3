"""Writes and reads run files: everything about them follows `runs.schema`.

A file is built in memory by `runs.hdf5` and published by `publish`. Reading trusts nothing: it looks up
what the schema names, and accepts only numbers whose digest holds and that lie in their range.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Collection, Mapping, Set
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from xavier_cli.errors import StorageError
from xavier_cli.files.publish import publish, rehearse
from xavier_cli.runs import content, contradictions, hdf5, kinds, schema, weights
from xavier_cli.runs.errors import NoTrainingError, RunFileError
from xavier_cli.runs.hdf5 import digest
from xavier_cli.runs.record import Run
from xavier_cli.runs.result import Result, ResultConfig


def write_run(
    path: str | os.PathLike[str],
    run: Run | Result,
    *,
    like: os.stat_result | None = None,
    before: Callable[[], None] | None = None,
) -> None:
    """Publish `run` at `path`: the old file or the new one is there, whole, whatever happens meanwhile.

    A run with `weights` gets them beside it: first, so that the run never promises what is not there. With
    `like`, the status of the file that it replaces, the new one keeps its permissions, and its time but for a
    microsecond: the order of runs stays, and who compares times sees that it is another. `before` is called
    last; what it raises keeps the file from being replaced. Raises `StorageError` where it cannot be stored,
    and `ValueError` where `run` does not follow the schema.
    """
    path = Path(path)
    if isinstance(run, Run) and run.weights:
        told = weights.to_provenance(weights.write_weights(path, run), path)
        run = replace(run, provenance={**run.provenance, weights.PROVENANCE: told})
    arrays = content.as_stored(run)
    digests = {name: digest(array) for name, array in arrays.items()}
    try:
        image = _image(run, arrays, digests)
    except (OSError, RuntimeError, MemoryError) as error:
        raise StorageError.of(path, error) from error

    def verify(temporary: Path) -> None:
        try:
            written = read_any(temporary)
        except RunFileError as error:
            raise StorageError(path, f"could not be written: it reads back wrong, {error.reason}") from error
        if {name: digest(array) for name, array in written.arrays.items()} != digests:
            raise StorageError(path, "could not be written: it reads back other numbers")
        if like is not None:
            os.utime(temporary, ns=(like.st_atime_ns, like.st_mtime_ns + 1000))
            os.chmod(temporary, stat.S_IMODE(like.st_mode))
        if before is not None:
            before()

    publish(path, image, verify)


def rehearse_run(path: str | os.PathLike[str], run: Run | Result) -> None:
    """Do all that `write_run` will do with a run like `run`, whose arrays may be missing, and leave nothing.

    What is at `path` stays. Raises what `write_run` would raise for the name, the place or a text.
    """
    path = Path(path)
    texts = content.texts(run, {})
    try:
        image = hdf5.build_file(("schema_version", schema.VERSION), texts, [])
    except (OSError, RuntimeError, MemoryError) as error:
        raise StorageError.of(path, error) from error

    def verify(temporary: Path) -> None:
        try:
            with hdf5.opened(temporary) as root:
                wrong = [name for name, text in texts.items() if hdf5.text(root, name) != text]
        except RunFileError as error:
            raise StorageError(path, f"could not be written: it reads back wrong, {error.reason}") from error
        if wrong:
            raise StorageError(path, f"could not be written: `{wrong[0]}` reads back as another text")

    rehearse(path, image, verify)


def read_run(path: str | os.PathLike[str], only: Collection[str] | None = None) -> Run:
    """The run at `path`; with `only`, just these of its arrays that it has, with the scales they need.

    `only=()` reads the configuration, status and provenance; what `Run.lr` needs is always read. Raises
    `RunFileError` for everything that is not a whole run file of a schema known here, and its
    `NoTrainingError` for a file of another kind.
    """
    path = Path(path)
    read = read_any(path, None if only is None else schema.with_scales(only))
    if isinstance(read, Result):
        raise NoTrainingError(path, f"holds a {read.noun}, not a run")
    return read


def read_result(path: str | os.PathLike[str], kind: str) -> Result:
    """The result at `path`, of a kind in `kinds.RESULTS`; raises `RunFileError` for everything else."""
    path, wanted = Path(path), kinds.RESULTS[kind]
    read = read_any(path)
    if not isinstance(read, wanted):
        noun = "run" if isinstance(read, Run) else read.noun
        raise RunFileError(path, f"holds a {noun}, not a {wanted.noun}: `xavier {kind}` makes one")
    return read


def read_any(path: Path, wanted: Set[str] | None = None) -> Run | Result:
    """Whatever lies at `path`; of a run just `wanted`, where given. Raises `RunFileError`."""
    with hdf5.opened(path) as root:
        return _read(path, root, wanted)


def _image(run: Run | Result, arrays: Mapping[str, np.ndarray], digests: Mapping[str, str]) -> bytes:
    """The bytes of the whole file; equal runs have equal bytes."""
    rows = ((content.ROWS[name], array) for name, array in arrays.items())
    items = [
        hdf5.Item(
            row.path,
            array,
            row.dims,
            {name: text for name in ("long_name", "units") if (text := getattr(row, name))},
        )
        for row, array in rows
    ]
    return hdf5.build_file(("schema_version", schema.VERSION), content.texts(run, digests), items)


def _read(path: Path, root: Any, wanted: Set[str] | None) -> Run | Result:
    version = hdf5.version_of(root, "schema_version")
    if version is None:
        raise RunFileError(path, "is an HDF5 file, but not a run file")
    if version > schema.VERSION:
        raise RunFileError(
            path,
            f"was written by a newer xavier (its schema is {version}, this one reads up to "
            f"{schema.VERSION}): upgrade xavier to read it",
        )
    if version < 1:
        raise RunFileError(path, f"has schema {version}, which is unknown")
    optional = (*content.LATER_TEXTS, *content.PEOPLES_TEXTS)
    there = [name for name in optional if hdf5.has(root, name)]
    texts = {name: hdf5.text(root, name) for name in (*content.HEADER_TEXTS, *there)}
    header = content.header(path, texts)
    config, digests = header.config, header.digests
    kind = content.schema_of(config)
    if absent := [name for name in kind.required if name not in digests]:
        raise RunFileError(path, f"`{absent[0]}` is missing")
    if isinstance(config, ResultConfig):
        wanted = None
    elif wanted is not None:
        wanted = schema.wanted(config, wanted)
    # What a later version of this schema adds is passed over.
    looked_at = None if wanted is None else wanted | contradictions.beside(wanted)
    names = [name for name in kind.datasets if name in digests and (looked_at is None or name in looked_at)]
    groups = {"": root}
    found = {name: hdf5.find(path, groups, name, content.ROWS[name].dtype) for name in names}
    shapes = {name: each.shape for name, each in found.items()}
    if wrong := content.problem(config, shapes, partial=wanted is not None):
        raise RunFileError(path, wrong)
    if sum(each.nbytes for each in found.values()) > hdf5.MAX_FILE_BYTES:
        raise RunFileError(path, "asks for too much memory")
    arrays = {name: hdf5.load(path, found[name], digests[name]) for name in names}
    if wrong := contradictions.problem(config, arrays, header.status, header.data):
        raise RunFileError(path, f"cannot be right: {wrong}")
    if wanted is not None:
        arrays = {name: array for name, array in arrays.items() if name in wanted}
    if isinstance(config, ResultConfig):
        made = kinds.kind_of_config(config)
        return made(config, arrays, header.status, header.created_utc, header.provenance, path)
    return Run(
        config,
        arrays,
        header.status,
        header.created_utc,
        header.provenance,
        path,
        data=header.data,
        network=header.network,
        tags=header.tags,
        note=header.note,
    )
