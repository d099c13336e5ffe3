"""Writes and reads the parameters of a run's networks: `NAME.weights.npz` beside the run file.

The run says in its provenance which layers the file has, and its SHA-256 digest. Plain arrays, no pickle, in
the format of `numpy.savez`: `seed0/layer1/weight`, and at a record before the last
`seed0/update3000/layer1/weight`. Reading trusts nothing: only a file with the run's digest is opened, and in
it only names and shapes that the run's configuration has.
"""

from __future__ import annotations

import hashlib
import io
import os
import re
import stat
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import IO, Any, Literal, get_args

import numpy as np

from xavier_cli.config.run import RunConfig
from xavier_cli.errors import ConfigError, StorageError
from xavier_cli.files.publish import publish, rehearse
from xavier_cli.runs.errors import RunFileError
from xavier_cli.runs.reader import read_run
from xavier_cli.runs.record import Run
from xavier_cli.vocabulary.network_info import NetworkInfo

Saved = Literal["final", "records"]
"""Which networks are kept: those at the end, or those at every record."""

PROVENANCE = "weights"
SUFFIX = ".weights.npz"
OUTPUT = "output"
_DTYPE = np.dtype("<f4")
# Of an array in the file: what NumPy writes takes 128 bytes.
_LONGEST_HEADER = 4096
# What reading a damaged archive raises.
_BROKEN = (zipfile.BadZipFile, ValueError, EOFError, KeyError, NotImplementedError, RuntimeError)
_PIECE_BYTES = 2**20
_DIGEST = re.compile("[0-9a-f]{64}")


@dataclass(frozen=True)
class WeightsInfo:
    """What a run says of its weights file: which networks, its size and digest, and each array's shape."""

    saved: Saved
    nbytes: int
    sha256: str
    arrays: Mapping[str, tuple[int, ...]]


def weights_path(run: Path) -> Path:
    """Where the weights of the run at `run` lie."""
    return run.with_name(f"{run.name.removesuffix('.h5')}{SUFFIX}")


def run_of_weights(file: Path) -> Path | None:
    """The run whose weights `file` has by its name; None where it is something else, or has no run."""
    run = file.with_name(f"{file.name.removesuffix(SUFFIX)}.h5")
    return run if weights_path(run) == file and os.path.exists(run) else None


def layer_name(number: int, depth: int) -> str:
    """The name of a layer of weights, counted from 0: `layer1` from the input up, the last is `output`."""
    return OUTPUT if number == depth else f"layer{number + 1}"


def parameter_shapes(
    config: RunConfig, inputs: int, classes: int, network: NetworkInfo | None = None
) -> dict[str, tuple[int, ...]]:
    """The shape of every parameter of one network by name: `layer1/weight` is `(fan_in, fan_out)`.

    With batch normalization also its running averages; a learned slope is a number. Those of a custom
    `network` are called as it calls them: `params/conv1/kernel`, `state/batch_stats/norm1/mean`.
    """
    if network is not None:
        learned = {f"params/{each.name}": each.shape for each in network.trained}
        return learned | {f"state/{each.name}": each.shape for each in network.moving}
    shapes: dict[str, tuple[int, ...]] = {}
    norm = {"none": (), "layer": ("scale", "shift"), "batch": ("scale", "shift", "mean", "variance")}
    for number, (fan_in, fan_out) in enumerate(pairwise((inputs, *config.widths, classes))):
        layer = layer_name(number, config.depth)
        shapes |= {f"{layer}/weight": (fan_in, fan_out), f"{layer}/bias": (fan_out,)}
        if layer != OUTPUT:
            shapes |= {f"{layer}/slope": ()} if config.activation.learned else {}
            shapes |= {f"{layer}/norm/{part}": (fan_out,) for part in norm[config.normalization]}
    return shapes


def _shapes_of(run: Run) -> dict[str, tuple[int, ...]]:
    return parameter_shapes(run.config, run.facts.inputs, run.facts.classes, run.network)


def wrong_parameters(wanted: Mapping[str, tuple[int, ...]], shapes: Mapping[str, tuple[int, ...]]) -> str:
    """The first of `shapes` that is not as `wanted`, a network's `parameter_shapes`, or lacks; else empty."""
    return next((name for name in {**wanted, **shapes} if wanted.get(name) != shapes.get(name)), "")


def write_weights(path: Path, run: Run) -> WeightsInfo:
    """Publish `run.weights` beside the run at `path`; what the run is to say of them.

    Raises `StorageError`, and `ValueError` where they are not those of `run`'s networks.
    """
    place, members = weights_path(path), len(run.config.seeds)
    # A resumed training has them in another order.
    wanted = _shapes_of(run)
    levels = sorted({_level(name) for name in run.weights}, key=lambda level: (len(level), level))
    shapes = {name.removeprefix(_level(name)): array.shape[1:] for name, array in run.weights.items()}
    wrong = wrong_parameters(wanted, shapes)
    if wrong or any(len(array) != members or array.dtype != _DTYPE for array in run.weights.values()):
        raise ValueError(f"the weights are not this network's: `{wrong}`")
    arrays = {
        f"seed{seed}/{level}{name}": run.weights[f"{level}{name}"][at]
        for at, seed in enumerate(run.config.seeds)
        for level in levels
        for name in wanted
    }
    content = npz(arrays)
    sha256 = hashlib.sha256(content).hexdigest()

    def verify(temporary: Path) -> None:
        with open(temporary, "rb") as file:
            if _digest(file) != sha256:
                raise StorageError(place, "could not be written: it reads back wrong")

    publish(place, content, verify)
    saved: Saved = "records" if any(levels) else "final"
    return WeightsInfo(saved, len(content), sha256, shapes)


def rehearse_weights(run: Path) -> None:
    """Raise the `StorageError` for which no weights could be left beside the run at `run`, if any.

    `ConfigError` where it does not end in `.h5`: `run` and `run.h5` would name the same weights theirs.
    """
    if run.suffix != ".h5":
        raise ConfigError(
            f"output: `{run.name}` should end in `.h5`, so that its weights can be named after it"
        )
    rehearse(weights_path(run))


def npz(arrays: Mapping[str, np.ndarray]) -> memoryview:
    """The bytes of `numpy.savez` of `arrays`; equal arrays have equal bytes."""
    buffer = io.BytesIO()
    np.savez(buffer, allow_pickle=False, **arrays)
    return buffer.getbuffer()


def to_provenance(info: WeightsInfo, path: Path) -> dict[str, Any]:
    """`info` as the provenance of the run at `path` has it."""
    return {
        "saved": info.saved,
        "file": weights_path(path).name,
        "bytes": info.nbytes,
        "sha256": info.sha256,
        "arrays": {name: list(shape) for name, shape in info.arrays.items()},
    }


def weights_info(run: Run) -> WeightsInfo | None:
    """What `run` says of its weights; None where it has none, or says what no run does."""
    told = run.provenance.get(PROVENANCE)
    if not isinstance(told, dict) or not isinstance(arrays := told.get("arrays"), dict):
        return None
    saved, nbytes, sha256 = (told.get(name) for name in ("saved", "bytes", "sha256"))
    shapes = {
        name: tuple(shape)
        for name, shape in arrays.items()
        if isinstance(shape, list) and all(isinstance(length, int) for length in shape)
    }
    if not isinstance(nbytes, int) or not isinstance(sha256, str) or not _DIGEST.fullmatch(sha256):
        return None
    kept: Saved | None = next((word for word in get_args(Saved) if word == saved), None)
    in_order = _shapes_of(run)
    if kept is None or wrong_parameters(in_order, shapes):
        return None
    return WeightsInfo(kept, nbytes, sha256, in_order)


def has_saved(run: Run, wanted: Saved) -> bool:
    """Whether `run` keeps the networks that `wanted` asks for, in a file of the right size beside it."""
    info = weights_info(run)
    if info is None or run.path is None:
        return False
    if wanted == "records" and saved_updates(run, info) != run.config.record_updates():
        return False
    try:
        return weights_path(run.path).stat().st_size == info.nbytes
    except OSError:
        return False


def missing_reason(run: Run) -> str:
    """Why no weights of `run` can be read, in words that follow its name; empty where they can be."""
    try:
        with _opened(run):
            return ""
    except RunFileError as error:
        return error.reason


def read_weights(
    run: Run | str | os.PathLike[str], seeds: Sequence[int] | None = None, update: int | None = None
) -> dict[str, np.ndarray]:
    """The parameters of `seeds`, by default all, of a run or of that in a file, which lie beside it.

    `seed0/layer1/weight`, float32 of shape `(fan_in, fan_out)`, and `seed0/output/bias`; at the record after
    `update` updates, by default the last. Raises `ConfigError` where the run has no such seed or kept no such
    record, and `RunFileError` where its weights are missing, damaged or another run's.
    """
    if not isinstance(run, Run):
        run = read_run(run, only=())
    chosen = run.config.seeds if seeds is None else tuple(seeds)
    if absent := [seed for seed in chosen if seed not in run.config.seeds]:
        raise ConfigError(f"seed: the run has no seed {absent[0]}; it has {_listed(run.config.seeds)}")
    if run.weights:
        return _in_memory(run, chosen, update)
    with _opened(run) as (file, info):
        kept = saved_updates(run, info)
        if update is not None and update not in kept:
            raise ConfigError(f"update: no weights were kept at update {update}, only at {_listed(kept)}")
        level = "" if update in (None, kept[-1]) else f"update{update}/"
        names = {f"seed{seed}/{name}": f"seed{seed}/{level}{name}" for seed in chosen for name in info.arrays}
        shapes = {name: info.arrays[name.partition("/")[2]] for name in names}
        try:
            with zipfile.ZipFile(file) as archive:
                return {
                    name: _array(archive, stored, shapes[name], info.nbytes) for name, stored in names.items()
                }
        except _BROKEN as error:
            words = error.args[0] if error.args else type(error).__name__
            raise RunFileError(_place(run), f"is damaged ({words})") from error


def _in_memory(run: Run, seeds: Sequence[int], update: int | None) -> dict[str, np.ndarray]:
    """`read_weights` of a run that was just trained."""
    last = run.config.record_updates()[-1]
    level = "" if update in (None, last) else f"update{update}/"
    names = list(_shapes_of(run))
    if f"{level}{names[0]}" not in run.weights:
        raise ConfigError(f"update: no weights were kept at update {update}")
    at = {seed: row for row, seed in enumerate(run.config.seeds)}
    return {f"seed{seed}/{name}": run.weights[f"{level}{name}"][at[seed]] for seed in seeds for name in names}


def saved_updates(run: Run, info: WeightsInfo) -> tuple[int, ...]:
    """The updates after which the networks of `run` were kept, the last of the training among them."""
    records = run.config.record_updates()
    return records if info.saved == "records" else records[-1:]


@contextmanager
def _opened(run: Run) -> Iterator[tuple[IO[bytes], WeightsInfo]]:
    """The weights file of `run`, whose digest is as the run says; raises `RunFileError`."""
    info = weights_info(run)
    if info is None:
        raise RunFileError(
            run.name,
            "was trained without `--save-weights`: the same `xavier train` with it keeps them"
            if run.config.updates
            else "was not trained: `xavier train --save-weights` keeps the weights of a training",
        )
    place = _place(run)
    try:
        # Neither a folder nor a pipe: opening one could wait for ever.
        flags = os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC
        file = open(os.open(place, flags), "rb")  # noqa: SIM115
    except OSError as error:
        said = os.strerror(error.errno) if error.errno else str(error)
        raise RunFileError(place, f"cannot be read: {said}") from error
    with file:
        status = os.fstat(file.fileno())
        if not stat.S_ISREG(status.st_mode):
            raise RunFileError(place, "is not a file")
        if status.st_size != info.nbytes or _digest(file) != info.sha256:
            raise RunFileError(
                place, "does not have the digest that its run gives: damaged, or of another run"
            )
        yield file, info


def _place(run: Run) -> Path:
    if run.path is None:
        raise RunFileError(run.name, "is of no single file: name one run, whose weights lie beside it")
    return weights_path(run.path)


def _digest(file: IO[bytes]) -> str:
    """SHA-256, in hex, of the whole of `file`, which is left at its beginning."""
    file.seek(0)
    digest = hashlib.sha256()
    while piece := file.read(_PIECE_BYTES):
        digest.update(piece)
    file.seek(0)
    return digest.hexdigest()


def _array(archive: zipfile.ZipFile, name: str, shape: tuple[int, ...], most: int) -> np.ndarray:
    """The array called `name`, which has to be of this shape; nothing is unpacked, and nothing executed."""
    member = archive.getinfo(f"{name}.npy")
    if member.compress_type != zipfile.ZIP_STORED or not member.compress_size == member.file_size <= most:
        raise ValueError(f"`{name}` asks for too much memory")
    with archive.open(member) as file:
        if np.lib.format.read_magic(file) != (1, 0):
            raise ValueError(f"`{name}` is of another version")
        header = np.lib.format.read_array_header_1_0(file, max_header_size=_LONGEST_HEADER)
        if header != (shape, False, _DTYPE):
            raise ValueError(f"`{name}` is {header[2]} of shape {header[0]}, not {_DTYPE} of {shape}")
        # A copy that can be written to, as whoever trains on would.
        return np.frombuffer(bytearray(file.read()), _DTYPE).reshape(shape)


def _level(name: str) -> str:
    """The beginning of `name` that says at which record it is, `update3000/`; empty for the last."""
    first, slash, _ = name.partition("/")
    return first + slash if re.fullmatch(r"update\d+", first) else ""


def _listed(numbers: Sequence[int]) -> str:
    shown = ", ".join(map(str, numbers[:10]))
    return f"{shown}, …" if len(numbers) > 10 else shown
