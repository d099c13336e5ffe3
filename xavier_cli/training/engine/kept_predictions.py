"""Keeps theory's predictions on disk: the simulation behind their ± takes a second or more."""

from __future__ import annotations

import hashlib
import json
from contextlib import suppress

import numpy as np

from xavier_cli.config.run import RunConfig
from xavier_cli.config.settings import settings_where
from xavier_cli.files.caches import Cache, predictions
from xavier_cli.training.engine.program_cache import environment
from xavier_cli.training.probes.prediction import predict_run


def predicted(
    config: RunConfig, images: np.ndarray, labels: np.ndarray, classes: int
) -> dict[str, np.ndarray]:
    """`predict_run`, or what it returned before for the same network, images and code on this machine."""
    # The text of a custom function does not tell all that it does; and what theory does not cover is no
    # matter of the network alone: pre-training is not.
    if config.sources or config.unpredicted_reason:
        return predict_run(config, images, labels, classes)
    cache, name = predictions(), f"{_key(config, images, labels, classes)}.json"
    kept = None if cache.problem() else _read(cache, name)
    if kept is not None:
        return kept
    made = predict_run(config, images, labels, classes)
    content = json.dumps({path: values.tolist() for path, values in made.items()}).encode()
    cache.put(name, len(content), lambda file: file.write(content))
    cache.prune()
    return made


def _key(config: RunConfig, images: np.ndarray, labels: np.ndarray, classes: int) -> str:
    network = {name: getattr(config, name) for name in (*settings_where(role="network"), "jacobian_examples")}
    digest = hashlib.sha256(f"{environment()}\n{classes}\n{network}\n".encode())
    for array in (images, labels):
        digest.update(f"{array.dtype}{array.shape}".encode() + np.ascontiguousarray(array).tobytes())
    return digest.hexdigest()[:32]


def _read(cache: Cache, name: str) -> dict[str, np.ndarray] | None:
    """The arrays in the file `name`; None if there is no such file, or it is damaged."""
    with suppress(OSError, ValueError, TypeError, AttributeError), cache.open(name) as file:
        # Longer than any prediction is.
        content = json.loads(file.read(10**7))
        arrays = {path: np.array(values, np.float64) for path, values in content.items()}
        if all(values.ndim == 1 for values in arrays.values()):
            return arrays
    return None
