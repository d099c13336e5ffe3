"""Generates or gathers a seed's mini-batches inside the compiled program, in chunks of many batches.

Which examples batch t holds depends on the seed and on t alone, never on chunks or segments. Members with the
same seed share a chunk, and so see the same batches (common random numbers).
"""

from __future__ import annotations

from typing import Any, NamedTuple, Protocol

import jax
import jax.numpy as jnp
from jax import Array

from xavier_cli.data import shapeset
from xavier_cli.data.sets import Examples
from xavier_cli.training.keys import Purpose, seed_key

# Enough to generate in bulk, small enough to stay in a core's second-level cache.
CHUNK_EXAMPLES = 1000


class Chunk(NamedTuple):
    """Consecutive batches: pixels `(examples, inputs)`, bytes or floats, and labels `(examples,)`, int32."""

    pixels: Array
    labels: Array


class BatchSource(Protocol):
    """A stream of batches for every seed, in chunks of `chunk_updates` batches or fewer.

    `arrays` holds the arrays it reads, the same for all seeds; they are arguments of the compiled program.
    """

    arrays: Any
    chunk_updates: int

    def chunk_of(self, update: Array) -> Array:
        """The number of the chunk that holds the batch of `update`; both int32, shape `()`."""

    def bounds(self, chunk: Array) -> tuple[Array, Array]:
        """The first update of `chunk`, and the one after its last; int32, shape `()`."""

    def start(self, seed: Array, chunk: Array, arrays: Any, pretraining: bool = False) -> Any:
        """The state of the stream before `chunk`, for `next_chunk`; pre-training has an order of its own."""

    def next_chunk(self, state: Any, chunk: Array, arrays: Any) -> tuple[Any, Chunk]:
        """The state after `chunk`, and its examples."""


class ShapesetBatches:
    """An infinite stream of generated images: example i of a seed is image i of its key."""

    def __init__(self, batch_size: int):
        self.batch_size = batch_size
        self.chunk_updates = max(1, CHUNK_EXAMPLES // batch_size)
        self.arrays = ()

    def chunk_of(self, update: Array) -> Array:
        """The number of the chunk that holds the batch of `update`."""
        return update // self.chunk_updates

    def bounds(self, chunk: Array) -> tuple[Array, Array]:
        """The first update of `chunk`, and the one after its last."""
        first = chunk * self.chunk_updates
        return first, first + self.chunk_updates

    def start(self, seed: Array, chunk: Array, arrays: Any, pretraining: bool = False) -> Array:
        """The key of the seed's images: the state is the same for every chunk."""
        return seed_key(seed, Purpose.PRETRAINING_IMAGES if pretraining else Purpose.IMAGES)

    def next_chunk(self, state: Array, chunk: Array, arrays: Any) -> tuple[Array, Chunk]:
        """`chunk_updates · batch_size` newly generated images, and their labels."""
        count = self.chunk_updates * self.batch_size
        first = chunk.astype(jnp.uint32) * jnp.uint32(count)
        return state, Chunk(*shapeset.images(state, first, count))


class _Epoch(NamedTuple):
    seed_key: Array
    number: Array
    order: Array


class FiniteBatches:
    """A finite set in a new random order each epoch; examples that do not fill a batch are left out of it.

    The set lies on the device as it was read, mostly as bytes. No chunk extends over two epochs, so that one
    order at a time is enough.
    """

    def __init__(self, train: Examples, batch_size: int):
        self.batch_size = batch_size
        self.size = len(train.labels)
        self.epoch_updates = self.size // batch_size
        self.chunk_updates = min(self.epoch_updates, max(1, CHUNK_EXAMPLES // batch_size))
        self.chunks = -(-self.epoch_updates // self.chunk_updates)
        self.arrays = Chunk(jnp.asarray(train.pixels), jnp.asarray(train.labels))

    def chunk_of(self, update: Array) -> Array:
        """The number of the chunk that holds the batch of `update`."""
        epoch, update = jnp.divmod(update, self.epoch_updates)
        return epoch * self.chunks + update // self.chunk_updates

    def bounds(self, chunk: Array) -> tuple[Array, Array]:
        """The first update of `chunk`, and the one after its last; the last chunk of an epoch is shorter."""
        epoch, chunk = jnp.divmod(chunk, self.chunks)
        first = epoch * self.epoch_updates + chunk * self.chunk_updates
        return first, jnp.minimum(first + self.chunk_updates, (epoch + 1) * self.epoch_updates)

    def start(self, seed: Array, chunk: Array, arrays: Chunk, pretraining: bool = False) -> _Epoch:
        """The order of the examples in the epoch of `chunk`."""
        key = seed_key(seed, Purpose.PRETRAINING_ORDER if pretraining else Purpose.ORDER)
        epoch = chunk // self.chunks
        return _Epoch(key, epoch, self._order(key, epoch))

    def next_chunk(self, state: _Epoch, chunk: Array, arrays: Chunk) -> tuple[_Epoch, Chunk]:
        """The examples of `chunk`; a new order is drawn where an epoch begins."""
        epoch, chunk = jnp.divmod(chunk, self.chunks)
        order = jax.lax.cond(
            epoch == state.number, lambda: state.order, lambda: self._order(state.seed_key, epoch)
        )
        count = self.chunk_updates * self.batch_size
        taken = jax.lax.dynamic_slice_in_dim(order, chunk * count, count)
        return _Epoch(state.seed_key, epoch, order), Chunk(arrays.pixels[taken], arrays.labels[taken])

    def _order(self, key: Array, epoch: Array) -> Array:
        order = jax.random.permutation(jax.random.fold_in(key, epoch), self.size).astype(jnp.int32)
        # The last chunk may extend past the end of the set; its batches there are never used.
        return jnp.resize(order, (max(self.size, self.chunks * self.chunk_updates * self.batch_size),))
