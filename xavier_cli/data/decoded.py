"""Caches decoded sets in the user's cache folder, so that archives and images are decoded once.

A cached set is used only while its sources have the same names, sizes and times, and its digest holds;
otherwise the sources are decoded again, silently, since no fault of a cache is worth an error.
"""

from __future__ import annotations

import hashlib
import json
import os
import zipfile
import zlib
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import numpy as np

from xavier_cli.data.sets import Examples, FiniteSet
from xavier_cli.files.caches import Cache, decoded_data

# Part of every stamp: another number makes what older versions kept worthless.
VERSION = 2


def stamp(words: str, files: Iterable[Path]) -> str:
    """What `files` are without reading them: SHA-256 over their names, sizes and times, and over `words`."""
    digest = hashlib.sha256(f"{VERSION}:{words}".encode(errors="surrogatepass"))
    for file in files:
        status = file.stat()
        digest.update(os.fsencode(file) + f"\0{status.st_size}:{status.st_mtime_ns}\0".encode())
    return digest.hexdigest()


def decoded_once(place: str, stamped: str, decode: Callable[[], FiniteSet]) -> FiniteSet:
    """What `decode` makes, or what it made before of sources with the same stamp; kept under `place`."""
    cache, name = decoded_data(), f"{hashlib.sha256(place.encode(errors='replace')).hexdigest()[:16]}.npz"
    kept = None if cache.problem() else _kept(cache, name, stamped)
    if kept is not None:
        return kept
    made = decode()
    _keep(cache, name, stamped, made)
    return made


def _kept(cache: Cache, name: str, stamped: str) -> FiniteSet | None:
    try:
        # Opened here, since NumPy leaves a file open that it finds to be damaged.
        with cache.open(name) as raw, np.load(raw, allow_pickle=False) as file:
            about = json.loads(str(file["about"]))
            if about["stamp"] != stamped:
                return None
            train, valid, test = (
                Examples(file[f"x_{part}"], file[f"y_{part}"]) for part in ("train", "valid", "test")
            )
        shape = tuple(map(int, about["shape"]))
        kept = FiniteSet(
            train, valid, test, tuple(about["labels"]), shape, about["checksums"], tuple(about["notes"])
        )
        return kept if kept.sha256 == about["sha256"] else None
    # A RuntimeError is how zipfile refuses what a flipped bit makes look encrypted.
    except (OSError, EOFError, ValueError, KeyError, TypeError, RuntimeError, zipfile.BadZipFile, zlib.error):
        return None


def _keep(cache: Cache, name: str, stamped: str, made: FiniteSet) -> None:
    about = {
        "stamp": stamped,
        "labels": made.labels,
        "shape": made.shape,
        "checksums": made.checksums,
        "notes": made.notes,
        "sha256": made.sha256,
    }
    arrays: dict[str, Any] = {"about": np.array(json.dumps(about))}
    for part, examples in made.parts():
        arrays |= {f"x_{part}": examples.pixels, f"y_{part}": examples.labels}
    size = sum(array.nbytes for array in arrays.values())
    cache.put(name, size, lambda file: np.savez(file, allow_pickle=False, **arrays))
    cache.prune()
