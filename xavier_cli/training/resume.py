"""Converts a training to a checkpoint and back, and checks that a checkpoint is of the training asked for."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Any

import jax
import numpy as np

from xavier_cli.config.run import RunConfig
from xavier_cli.runs.checkpoint import Checkpoint, difference
from xavier_cli.runs.errors import CheckpointError
from xavier_cli.runs.weights import Saved
from xavier_cli.training import restorable
from xavier_cli.training.engine.layout import Strategy
from xavier_cli.training.engine.snapshot import Snapshot
from xavier_cli.training.engine.time_spent import trained_seconds
from xavier_cli.training.engine.training_data import TrainingData
from xavier_cli.training.keys import KEY_IMPLEMENTATION, Purpose, seed_key
from xavier_cli.training.provenance import began_now

_PARTS = ("state", "history")


@dataclass
class Beginnings:
    """When and where a training was first begun (`provenance.began_now`), and its resumes.

    `resumed_at` are update counts; `resumed_utc` are times, which older versions did not keep.
    """

    first: Mapping[str, Any] = field(default_factory=began_now)
    resumed_at: list[int] = field(default_factory=list)
    resumed_utc: list[str] = field(default_factory=list)

    @classmethod
    def resumed(cls, facts: Mapping[str, Any], updates: int, former_utc: str) -> Beginnings:
        """Those of a checkpoint with these `facts` that is resumed now, after so many `updates`.

        `former_utc` is when its run was created, as far as known; older checkpoints do not say it.
        """
        here = began_now()
        first = facts.get("began") or {"utc": former_utc or here["utc"]}
        resumed_utc = [*facts.get("resumed_utc", []), here["utc"]]
        return cls(first, [*facts["resumed_at"], updates], resumed_utc)

    @property
    def provenance(self) -> dict[str, Any]:
        """What a resumed run says of this: `began` has what was different where it was first begun."""
        if not self.resumed_at:
            return {}
        here = began_now()
        other = {name: was for name, was in self.first.items() if name != "utc" and here.get(name) != was}
        told = {"resumed_at": self.resumed_at, "resumed_utc": self.resumed_utc}
        return told | ({"began": other} if other else {})


def identity_of(config: RunConfig, training_data: TrainingData) -> dict[str, Any]:
    """What decides the numbers of a training; a checkpoint in which it differs is refused."""
    probe = hashlib.sha256(np.ascontiguousarray(training_data.probe.pixels).tobytes())
    probe.update(np.ascontiguousarray(training_data.probe.labels).tobytes())
    examples = training_data.facts.sha256 if training_data.facts else ""
    return {
        **config.model_dump(mode="json"),
        "config_sha256": config.sha256(),
        "data_sha256": {"examples": examples, "probe examples": probe.hexdigest()},
        "key_implementation": KEY_IMPLEMENTATION,
        "threefry_partitionable": _threefry_partitionable(),
        "keys": [
            np.asarray(jax.random.key_data(seed_key(seed, Purpose.WEIGHTS))).tolist() for seed in config.seeds
        ],
    }


def _threefry_partitionable() -> bool:
    # The setting changes what the same key draws; JAX types only the settings that it documents.
    config: Any = jax.config
    return bool(config.jax_threefry_partitionable)


def machinery() -> dict[str, Any]:
    """What may change the last bits: a difference is noted, not refused, so that updates end no run."""
    return {
        **{name: version(name) for name in ("jax", "jaxlib")},
        "device": jax.local_devices()[0].device_kind,
        "devices": len(jax.local_devices()),
    }


def is_of_this_device(checkpoint: Checkpoint) -> bool:
    """Whether `checkpoint` was written on a device of the kind that is used now."""
    device: str = checkpoint.facts["machinery"]["device"]
    return device == machinery()["device"]


def to_checkpoint(
    identity: Mapping[str, Any], stages: Mapping[str, Snapshot], begun: Beginnings
) -> Checkpoint:
    """`stages` by name as a checkpoint of a training that was begun, and resumed, as `begun` says."""
    facts = {
        "machinery": machinery(),
        "began": dict(begun.first),
        "resumed_at": begun.resumed_at,
        "resumed_utc": begun.resumed_utc,
        "stages": {
            name: {
                "updates": stage.updates,
                "seconds": trained_seconds(stage.seconds),
                "seconds_spent": dict(stage.seconds),
                "layout": dict(stage.layout),
            }
            for name, stage in stages.items()
        },
    }
    arrays = {
        f"{name}/{part}/{path}": array
        for name, stage in stages.items()
        for part in _PARTS
        for path, array in getattr(stage, part).items()
    }
    return Checkpoint(identity, facts, arrays)


def to_stages(checkpoint: Checkpoint) -> dict[str, Snapshot]:
    """The snapshots by phase that `to_checkpoint` was given."""

    def under(prefix: str) -> dict[str, np.ndarray]:
        return {
            path.removeprefix(prefix): array
            for path, array in checkpoint.arrays.items()
            if path.startswith(prefix)
        }

    same = is_of_this_device(checkpoint)
    return {
        name: Snapshot(
            facts["updates"],
            # Older versions did not tell the parts of the time, nor that of compiling.
            facts.get("seconds_spent", {"other": facts["seconds"]}),
            # On another kind of device the bits change anyway: there the strategy is chosen again.
            facts["layout"] if same else {**facts["layout"], "strategy": "auto"},
            *(under(f"{name}/{part}/") for part in _PARTS),
        )
        for name, facts in checkpoint.facts["stages"].items()
    }


def check(
    checkpoint: Checkpoint,
    config: RunConfig,
    identity: Mapping[str, Any],
    strategy: Strategy,
    run: Path,
    saved: Saved | None = None,
) -> list[str]:
    """Notes about what may change the last bits when the run at `run` is resumed from `checkpoint`.

    Raises `CheckpointError`, which names the field, where the checkpoint is of another training than
    `identity`, that of `config`, cannot have been written by a training, or lacks weights to be `saved`.
    """
    # Settings that an older version did not have were at their defaults.
    unknown = RunConfig.of().model_dump(mode="json", include=set(RunConfig.added))
    if differs := difference({**unknown, **checkpoint.identity}, identity):
        raise CheckpointError(run, f"was started with {differs}")
    if wrong := restorable.problem(checkpoint, config):
        raise CheckpointError(run, f"has a checkpoint that no training left ({wrong})")
    if lacking := restorable.lacking_weights(checkpoint, config, saved):
        raise CheckpointError(run, f"was started without `--save-weights {lacking}`")
    layouts = [stage["layout"] for stage in checkpoint.facts["stages"].values()]
    for layout in layouts if is_of_this_device(checkpoint) else ():
        # `map` and `sharded` are bit-equal; `vmap` is not.
        if strategy != "auto" and (strategy == "vmap") != (layout["strategy"] == "vmap"):
            raise CheckpointError(run, f"was started with strategy {layout['strategy']}, not {strategy}")
    now = machinery()
    if all(layout["strategy"] != "vmap" for layout in layouts):
        # The number of members per device matters under `vmap` alone.
        now["devices"] = checkpoint.facts["machinery"]["devices"]
    if differs := difference(checkpoint.facts["machinery"], now):
        return [f"`{run}` was started with {differs}: the numbers may differ by rounding"]
    return []
