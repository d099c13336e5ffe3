"""How a population's members are laid on the hardware: one after another, all at once, or over devices.

Members form a grid of seeds × variants. What one seed's row of variants does is written once and wrapped
here, so that every program of the engine runs under every strategy. `map` and `sharded` run each member's
own program, bit for bit; `vmap` batches members and agrees to rounding.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import jax
import numpy as np
from jax.sharding import Mesh, NamedSharding, PartitionSpec

Strategy = Literal["auto", "map", "vmap", "sharded"]

GRID = PartitionSpec("seed", "variant")
SEEDS = PartitionSpec("seed")
VARIANTS = PartitionSpec("variant")
SHARED = PartitionSpec()


@dataclass(frozen=True)
class Layout:
    """A strategy and the devices it uses, as a grid over seeds × variants."""

    strategy: Strategy
    mesh: Mesh

    def over(self, program: Callable[..., Any]) -> Callable[..., Any]:
        """`program` of single members, over the leading axis of all its arguments."""
        if self.strategy == "vmap":
            return jax.vmap(program)
        return lambda *arguments: jax.lax.map(lambda each: program(*each), arguments)

    def spread(self, program: Callable[..., Any], specs: tuple[PartitionSpec, ...]) -> Callable[..., Any]:
        """`program` of a device's part of the grid, over all devices; `specs` cuts its arguments."""
        # Without the check of varying axes: it counts zero biases made inside as the same on every device,
        # and would sum their gradients over devices, so that members contaminate each other.
        return jax.shard_map(program, mesh=self.mesh, in_specs=specs, out_specs=GRID, check_vma=False)

    def program(self, row: Callable[..., Any], specs: tuple[Any, ...]) -> Any:
        """The program that does `row` for every seed; `specs` says how each argument is spread.

        A row sees one seed and all its variants. What is cut by seed is looped over here, the rest passed on.
        A state given to it is used up.
        """
        by_seed = [i for i, spec in enumerate(specs) if spec in (GRID, SEEDS)]

        def device_part(*arguments: Any) -> Any:
            def one_seed(*cut: Any) -> Any:
                each = list(arguments)
                for i, value in zip(by_seed, cut, strict=True):
                    each[i] = value
                return row(*each)

            return self.over(one_seed)(*(arguments[i] for i in by_seed))

        donated = tuple(i for i, spec in enumerate(specs) if spec == GRID)
        return jax.jit(self.spread(device_part, specs), donate_argnums=donated)

    def place(self, value: Any, spec: PartitionSpec) -> Any:
        """`value` on the devices, cut as `spec` says."""
        return jax.device_put(value, self.sharding(spec))

    def sharding(self, spec: PartitionSpec) -> NamedSharding:
        """How an array cut as `spec` says lies on the devices."""
        return NamedSharding(self.mesh, spec)

    def padded(self, seeds: int, variants: int) -> tuple[int, int]:
        """The grid's size filled up so that every device has as much."""
        over_seeds, over_variants = self.mesh.devices.shape
        return -(-seeds // over_seeds) * over_seeds, -(-variants // over_variants) * over_variants


def batches_members(strategy: Strategy) -> bool:
    """Whether all members go through each operation together: `vmap`, which `auto` is on a GPU."""
    return strategy == "vmap" or (strategy == "auto" and jax.local_devices()[0].platform != "cpu")


def choose_layout(seeds: int, variants: int, strategy: Strategy = "auto") -> Layout:
    """The layout for a grid of members on the devices at hand.

    `auto` is `vmap` on a GPU, and on CPU devices `sharded` where devices and members are several, else `map`.
    """
    devices = jax.local_devices()
    if strategy == "auto":
        several = len(devices) > 1 and seeds * variants > 1
        strategy = "vmap" if batches_members(strategy) else "sharded" if several else "map"
    used = devices if strategy == "sharded" or devices[0].platform != "cpu" else devices[:1]
    # The longest row a device gets decides, so cut whichever way makes it shortest; a cut between seeds
    # first, since members that share a seed share its batches.
    cuts = [(d, len(used) // d) for d in range(len(used), 0, -1) if len(used) % d == 0]
    rows = [-(-seeds // by_seed) * -(-variants // by_variant) for by_seed, by_variant in cuts]
    shape = cuts[int(np.argmin(rows))]
    return Layout(strategy, Mesh(np.array(used).reshape(shape), ("seed", "variant")))
