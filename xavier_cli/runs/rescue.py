"""Diagnoses damaged files, and recovers the datasets whose digests hold.

Reading for results (`runs.store`) accepts a file completely or not at all. Here every dataset is checked by
itself, and the intact ones can be put into a new run.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal, get_args

import numpy as np

from xavier_cli.config.run import RunConfig
from xavier_cli.runs import checkpoint, content, contradictions, hdf5, kinds, schema
from xavier_cli.runs.content import Header
from xavier_cli.runs.counting import in_words
from xavier_cli.runs.errors import ResumeError, RunFileError
from xavier_cli.runs.record import Run
from xavier_cli.runs.result import Result, ResultConfig
from xavier_cli.runs.store import read_any
from xavier_cli.runs.weights import missing_reason, weights_info, weights_path

Kind = Literal["run", "loss surface", "support vector machine", "checkpoint", "unknown"]
State = Literal["whole", "recomputed", "lost"]
MAX_STRANGERS = 20
# What a rescued run may lack. Not the errors: where they are NaN, readers take a seed for one that diverged,
# and show what guessing would score.
MAY_BE_UNKNOWN = ("curves/train_loss", "curves/valid_loss", "curves/test_loss")


@dataclass(frozen=True)
class Part:
    """One dataset: `recomputed` ones follow from the rest, and their digest says that they are the same."""

    name: str
    state: State
    reason: str = ""


@dataclass(frozen=True)
class Diagnosis:
    """What a file is and what is wrong with it; `about` says in words what it holds.

    `rescued` is what can be written again: all that is whole. None where that is nothing, and for what needs
    no rescue; `missed` then says in words why a damaged file has none.
    """

    path: Path
    kind: Kind
    is_whole: bool
    problem: str = ""
    about: str = ""
    parts: tuple[Part, ...] = ()
    strangers: tuple[str, ...] = ()
    rescued: Run | Result | None = None
    missed: str = ""

    @property
    def good(self) -> int:
        """How many datasets can be believed."""
        return sum(part.state != "lost" for part in self.parts)


def examine(path: Path) -> Diagnosis:
    """Look at the file at `path` dataset by dataset; never raises for what is wrong with it."""
    try:
        with hdf5.opened(path) as root:
            if hdf5.version_of(root, "checkpoint_version") is not None:
                return _checkpoint(path)
            version = hdf5.version_of(root, "schema_version")
            strangers = tuple(_strangers(root))
    except RunFileError as error:
        return Diagnosis(path, "unknown", False, error.reason)
    try:
        whole = read_any(path)
    except RunFileError as error:
        if version is None or not 1 <= version <= schema.VERSION:
            return Diagnosis(path, "unknown", False, error.reason)
        problem = error.reason
    else:
        kind = _kind(whole.config)
        parts = tuple(Part(name, "whole") for name in whole.arrays)
        if isinstance(whole, Run) and weights_info(whole):
            place = weights_path(path).name
            if not os.path.lexists(weights_path(path)):
                # A run may be copied without them.
                about = f"{_about(whole)}; its weights, `{place}`, are not beside it"
                return Diagnosis(path, kind, True, about=about, parts=parts, strangers=strangers)
            if wrong := missing_reason(whole):
                parts += (Part(place, "lost", wrong),)
                return Diagnosis(
                    path,
                    kind,
                    False,
                    f"its weights in `{place}`: {wrong}",
                    _about(whole),
                    parts,
                    strangers,
                    missed="the run itself is whole; training again makes its weights",
                )
            parts += (Part(place, "whole"),)
        return Diagnosis(path, kind, True, about=_about(whole), parts=parts, strangers=strangers)
    try:
        with hdf5.opened(path) as root:
            header, lost_texts = _header(path, root)
            arrays, parts = _datasets(path, root, header)
    except RunFileError as error:
        return Diagnosis(path, "unknown", False, problem, missed=error.reason)
    kind = _kind(header.config)
    found = Diagnosis(path, kind, False, problem, parts=parts, strangers=strangers)
    return _with_rescue(found, header, arrays, lost_texts)


def _kind(config: RunConfig | ResultConfig) -> Kind:
    noun = "run" if isinstance(config, RunConfig) else kinds.kind_of_config(config).noun
    return next(kind for kind in get_args(Kind) if kind == noun)


def _checkpoint(path: Path) -> Diagnosis:
    try:
        read = checkpoint.read_checkpoint(path)
    except RunFileError as error:
        return Diagnosis(path, "checkpoint", False, error.reason)
    except ResumeError as error:
        return Diagnosis(path, "checkpoint", False, str(error))
    stages = read.facts.get("stages")
    done = (
        [f"{name} after {stage['updates']:,} updates" for name, stage in stages.items()]
        if isinstance(stages, Mapping)
        else []
    )
    about = f"what an unfinished training resumes from: {', '.join(done) or 'no stage yet'}"
    parts = tuple(Part(name, "whole") for name in read.arrays)
    return Diagnosis(path, "checkpoint", True, about=about, parts=parts)


def _about(whole: Run | Result) -> str:
    if isinstance(whole, Result):
        return whole.config.title
    seeds = "1 seed" if len(whole.seeds) == 1 else f"{len(whole.seeds)} seeds"
    done = f"{int(whole.updates[-1]):,} of {whole.config.updates:,} updates"
    lost = in_words(whole)
    return f"{whole.config.file_stem()}, {seeds}, {done}, {whole.status}{lost and f', {lost}'}"


def _strangers(root: Any) -> Iterator[str]:
    """Objects in the file that the schema does not know; reading ignores them."""
    groups = {row.rpartition("/")[0] for row in content.ROWS}
    for count, (name, is_hard) in enumerate(hdf5.names(root, sorted(groups - {""}))):
        if count >= MAX_STRANGERS + len(content.ROWS) + len(groups):
            yield "more"
            return
        if name not in content.ROWS and name not in groups:
            yield f"`{name}`" if is_hard else f"`{name}` (a link to somewhere else)"


def _header(path: Path, root: Any) -> tuple[Header, list[str]]:
    """The header, with stand-ins for what nothing depends on; and the texts that are lost."""
    stand_ins = {
        "status": "interrupted",
        "created_utc": datetime.now(UTC).isoformat(timespec="milliseconds"),
        "provenance_json": "{}",
    }
    texts, lost = {}, []
    for name in (*content.HEADER_TEXTS, *content.LATER_TEXTS):
        if name in content.LATER_TEXTS and not hdf5.has(root, name):
            continue
        try:
            texts[name] = hdf5.text(root, name)
        except Exception as error:
            if name not in (*stand_ins, *content.LATER_TEXTS):
                raise RunFileError(
                    path, f"`{name}` is lost, and without it no number can be believed"
                ) from error
            lost.append(name)
    try:
        return content.header(path, stand_ins | texts), lost
    except RunFileError:
        raise
    except Exception:
        kept = {name: text for name, text in texts.items() if name not in content.LATER_TEXTS}
        lost = sorted({*lost, *stand_ins, *(set(texts) - set(kept))})
        try:
            return content.header(path, kept | stand_ins), lost
        except ValueError as error:
            raise RunFileError(path, f"its header makes no sense: {error}") from error


def _datasets(path: Path, root: Any, header: Header) -> tuple[dict[str, np.ndarray], tuple[Part, ...]]:
    """The arrays that can be believed, and what became of each dataset that the file should hold."""
    names = [name for name in content.ROWS if name in header.digests]
    arrays: dict[str, np.ndarray] = {}
    reasons: dict[str, str] = {}
    room = hdf5.MAX_FILE_BYTES
    for name in names:
        try:
            found = hdf5.find(path, {"": root}, name, content.ROWS[name].dtype)
            bounds = content.ROWS[name].bounds
            if len(found.shape) != len(bounds) or any(
                not 1 <= length <= bound for length, bound in zip(found.shape, bounds, strict=True)
            ):
                raise RunFileError(path, f"has shape {found.shape}, over the bounds {bounds}")
            array = hdf5.load(path, found, header.digests[name], room)
            if wrong := contradictions.row_problem(name, array):
                raise RunFileError(path, wrong)
            arrays[name] = array
            room -= array.nbytes
        except RunFileError as error:
            reasons[name] = error.reason
        except Exception as error:
            # As in `hdf5.opened`: HDF5 reports damage by whatever class comes to its hand.
            words = str(error.args[0] if error.args else type(error).__name__)
            broken = "filter returned failure" in words
            reasons[name] = "its checksum does not hold" if broken else f"is damaged ({words})"
    for names_apart, why in list(_apart(header, arrays)):
        for name in names_apart:
            arrays.pop(name, None)
            reasons.setdefault(name, why)
    lost = dict(reasons)
    for name, candidate in _candidates(header, arrays, reasons):
        row = content.ROWS[name]
        array = np.ascontiguousarray(candidate().astype(row.dtype))
        if hdf5.digest(array) == header.digests[name]:
            arrays[name] = array
            del lost[name]
    return arrays, tuple(
        Part(
            name,
            "lost" if name in lost else "recomputed" if name in reasons else "whole",
            " ".join(reasons.get(name, "").split()),
        )
        for name in names
    )


def _apart(header: Header, arrays: Mapping[str, np.ndarray]) -> Iterator[contradictions.Contradiction]:
    """What cannot be right at once; nothing where shapes do not even go together."""
    kept = _consistent(header.config, arrays)
    shapes = {name: array.shape for name, array in kept.items()}
    if isinstance(header.config, RunConfig) and not schema.problem(header.config, shapes, partial=True):
        yield from contradictions.contradictions(header.config, kept, header.status, header.data)


def _candidates(
    header: Header, arrays: Mapping[str, np.ndarray], reasons: Mapping[str, str]
) -> Iterator[tuple[str, Callable[[], np.ndarray]]]:
    """What each dataset in `reasons` may have held, where that follows from the configuration or the rest.

    Digests decide whether it did, so that a wrong candidate does no harm.
    """
    config = header.config
    lengths = {
        dim: length
        for name, array in arrays.items()
        for dim, length in zip(content.ROWS[name].dims, array.shape, strict=True)
    }
    guesses: dict[str, Callable[[], np.ndarray]] = {
        name: lambda name=name: np.arange(lengths[name])  # type: ignore[misc]
        for name in contradictions.COUNTING
        if name in lengths
    }
    guesses["side"] = lambda: np.array([-1, 1])
    if isinstance(config, ResultConfig):
        for name, array in config.fixed_scales().items():
            guesses[name] = lambda array=array: array  # type: ignore[misc]
    else:
        for name, array in schema.fixed_scales(config).items():
            guesses[name] = lambda array=array: array  # type: ignore[misc]
        updates = np.array(config.record_updates())
        guesses["update"] = lambda: updates[: lengths.get("update", len(updates))]
        guesses["final/diverged_at"] = lambda: np.full(len(config.seeds), -1)
        for edge in (name for name in arrays if name.endswith("/bin_edge")):
            centre = edge.removesuffix("_edge")
            guesses[centre] = lambda edge=edge: (arrays[edge][1:] + arrays[edge][:-1]) / 2  # type: ignore[misc]
    for name in reasons:
        if name in guesses:
            yield name, guesses[name]


def _with_rescue(
    found: Diagnosis, header: Header, arrays: Mapping[str, np.ndarray], lost_texts: list[str]
) -> Diagnosis:
    """`found` with the run of everything that is whole, or with the reason why there is none."""
    config = header.config
    kept = _consistent(config, arrays)
    unknown = []
    if isinstance(config, RunConfig) and {"seed", "update"} <= set(kept):
        unknown = [name for name in MAY_BE_UNKNOWN if name not in kept]
        kept |= {name: np.full((len(kept["seed"]), len(kept["update"])), np.nan) for name in unknown}
    believed = [name for name in kept if name not in unknown]
    if all(content.ROWS[name].is_scale for name in believed):
        return replace(found, missed="nothing but scales can be read")
    if wrong := content.problem(config, {name: array.shape for name, array in kept.items()}, partial=False):
        return replace(found, missed=f"the rest is no {found.kind}: {wrong}")
    if wrong := contradictions.problem(config, kept, "interrupted", header.data):
        return replace(found, missed=f"the rest is no {found.kind}: {wrong}")
    note = {
        "from": found.path.name,
        "problem": found.problem,
        "status": header.status,
        "lost": sorted(set(header.digests) - set(believed)),
        "filled_with_nan": unknown,
        "lost_attributes": lost_texts,
    }
    provenance = {**header.provenance, "rescued": {key: value for key, value in note.items() if value}}
    rescued: Run | Result
    if isinstance(config, ResultConfig):
        rescued = kinds.kind_of_config(config)(config, kept, "interrupted", header.created_utc, provenance)
    else:
        rescued = Run(
            config,
            kept,
            "interrupted",
            header.created_utc,
            provenance,
            data=header.data,
            network=header.network,
            tags=header.tags,
            note=header.note,
        )
    return replace(found, about=config.file_stem(), rescued=rescued)


def _consistent(config: RunConfig | ResultConfig, arrays: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Those of `arrays` that have all their scales, and agree with them."""
    kept = dict(arrays)
    while True:
        bad = [
            name
            for name, array in kept.items()
            if any(
                dim not in kept or len(kept[dim]) != length
                for dim, length in zip(content.ROWS[name].dims, array.shape, strict=True)
            )
            or (isinstance(config, RunConfig) and not schema.with_scales({name}) <= set(kept))
        ]
        if not bad:
            return kept
        for name in bad:
            del kept[name]
