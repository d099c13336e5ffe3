"""Selects the runs of custom networks that a claim is judged by, by what is known of their layers."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Collection, Sequence

from xavier_cli.config.settings import settings_where
from xavier_cli.findings.claims.requirements import FREE, Evidence, Requirements, meeting
from xavier_cli.runs.record import Run
from xavier_cli.vocabulary.network_info import LayerInfo, NetworkInfo
from xavier_cli.vocabulary.networks import AS_MADE, Argument

HE, GLOROT = frozenset({"he_normal", "he_uniform"}), frozenset({"normalized", "glorot_normal"})


def select_networks(
    material: Evidence, is_kind: Callable[[NetworkInfo, Run], bool], scale: Requirements, words: str
) -> list[Run]:
    """The runs of custom networks of a kind, called `words`, that meet `scale`, on whatever data.

    Raises `UndecidedError`.
    """
    runs = [
        run
        for run in material
        if isinstance(run, Run)
        and run.network is not None
        and len(run.network.layers) > 1
        and run.config.loss == "cross_entropy"
        and (run.config.schedule == "constant" or not scale.updates)
        and bool(run.config.updates) == bool(scale.updates)
        and is_kind(run.network, run)
    ]
    return meeting(runs, scale, words)


def alike_but_for(runs: Sequence[Run], *parameters: str) -> list[list[Run]]:
    """`runs` in groups whose networks differ in these `parameters` of their function, or initializers, alone.

    What a group was trained by is the same, but for the learning rate.
    """
    groups: dict[object, list[Run]] = defaultdict(list)
    for run in runs:
        config, spec = run.config, run.config.network
        others = tuple(pair for pair in spec.arguments if pair[0] not in parameters)
        # Layers are counted of every depth, and how an untrained network would be trained does not matter.
        free = FREE | {"net", "weight_layers"}
        if not config.updates:
            free |= {*settings_where(role="training")}
        groups[spec.function, others, config.model_dump_json(exclude=free)].append(run)
    return list(groups.values())


def argument(run: Run, name: str) -> Argument | None:
    """The value that the network's function was given for its parameter `name`; None without one."""
    return dict(run.config.network.arguments).get(name)


def is_drawn_by(run: Run, names: Collection[str], layers: Collection[int] | None = None) -> bool:
    """Whether the weights of all `layers`, counted from 0, by default all but the last, are drawn by `names`.

    As `init` says, or where the network's own code draws them, as their numbers do.
    """
    assert run.network is not None
    every = run.network.layers
    rows = run.config.layer_initializers
    chosen = range(len(every) - 1) if layers is None else layers
    return all(
        bool({*names} & _names(every[at])) if rows[at].name == AS_MADE else rows[at].name in names
        for at in chosen
    )


def _names(layer: LayerInfo) -> set[str]:
    """The distributions that a layer's numbers may be from, at its own fans."""
    return {*layer.drawn.names} if layer.drawn and not layer.drawn.fans_of else set()


def in_blocks(network: NetworkInfo, part: str) -> list[int]:
    """The layers, counted from 0, that are the `part` of a block, in the order of the blocks.

    By their names: `blocks/3/first/kernel` of JAX's trees, `blocks.3.first.weight` of PyTorch.
    """
    named = re.compile(rf"\bblocks?\W+\d+\W+{part}\b")
    return [at for at, layer in enumerate(network.layers) if named.search(layer.name)]
