"""Lays a population's members out on the devices: one after another, batched, or sharded over devices.

Members form a grid of seeds × variants. A program is written for one seed's row of variants and wrapped here,
so that every program of the engine runs under every strategy. `map` and `sharded` are bit-equal to a member
trained alone; `vmap` batches members and agrees to rounding.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
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
        """`program` of a single member, mapped over the leading axis of all its arguments."""
        if self.strategy == "vmap":
            return jax.vmap(program)
        return lambda *arguments: jax.lax.map(lambda each: program(*each), arguments)

    def of_real(self, is_real: Array, look: Callable[[], Any]) -> Any:
        """`look()` for a seed that is real; for one of the padding zeros of the same shapes, without looking.

        `is_real` is a bool, `()`. Where members are batched, each goes through every operation anyway.
        """
        if self.strategy == "vmap":
            return look()
        traced = jax.jit(look)
        nothing = jax.eval_shape(traced)
        return jax.lax.cond(
            is_real, traced, lambda: jax.tree.map(lambda leaf: jnp.zeros(leaf.shape, leaf.dtype), nothing)
        )

    def spread(self, program: Callable[..., Any], specs: tuple[PartitionSpec, ...]) -> Callable[..., Any]:
        """`program` of one device's part of the grid, over all devices; `specs` shard its arguments."""
        # Without the check of varying axes: it takes zero biases made inside for replicated values and would
        # sum their gradients over devices, so that members contaminate each other.
        return jax.shard_map(program, mesh=self.mesh, in_specs=specs, out_specs=GRID, check_vma=False)

    def program(self, row: Callable[..., Any], specs: tuple[Any, ...]) -> Any:
        """The jitted program that runs `row`, a program of one seed and its variants, for every seed.

        **Arguments:** `specs`, how each argument is sharded. Those sharded by seed (`GRID`, `SEEDS`) are
        mapped over; the others are passed on whole.

        **Returns:** a function that donates its `GRID` arguments: a state passed to it is used up.
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
        """`value` on the devices, sharded by `spec`."""
        return jax.device_put(value, self.sharding(spec))

    def sharding(self, spec: PartitionSpec) -> NamedSharding:
        """The sharding of an array by `spec` over this layout's devices."""
        return NamedSharding(self.mesh, spec)

    def padded(self, seeds: int, variants: int) -> tuple[int, int]:
        """The grid's size, padded so that every device has an equal part."""
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
