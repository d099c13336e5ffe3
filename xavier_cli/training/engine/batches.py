"""Where a member's batches come from: chunks of bytes made or gathered inside the compiled program.

A stream of batches is cut into chunks. Which examples batch t holds depends on the seed and t alone, never
on chunks or segments, and members that share a seed share a chunk.
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
    """Consecutive batches: pixels of shape `(examples, inputs)` and labels of shape `(examples,)`."""

    pixels: Array
    labels: Array


class BatchSource(Protocol):
    """A stream of batches for every seed; `arrays` holds the arrays it reads, the same for all seeds."""

    arrays: Any
    chunk_updates: int

    def chunk_of(self, update: Array) -> Array:
        """Number of the chunk that holds the batch of `update`."""

    def bounds(self, chunk: Array) -> tuple[Array, Array]:
        """First update of a chunk, and the one after its last."""

    def start(self, seed: Array, chunk: Array, arrays: Any, pretraining: bool = False) -> Any:
        """What has to be carried from chunk to chunk, ready for `chunk`; `pretraining` has its own order."""

    def next_chunk(self, state: Any, chunk: Array, arrays: Any) -> tuple[Any, Chunk]:
        """The examples of `chunk`."""


class ShapesetBatches:
    """An infinite stream of generated images: example i of a seed is image i of its key."""

    def __init__(self, batch_size: int):
        self.batch_size = batch_size
        self.chunk_updates = max(1, CHUNK_EXAMPLES // batch_size)
        self.arrays = ()

    def chunk_of(self, update: Array) -> Array:
        return update // self.chunk_updates

    def bounds(self, chunk: Array) -> tuple[Array, Array]:
        first = chunk * self.chunk_updates
        return first, first + self.chunk_updates

    def start(self, seed: Array, chunk: Array, arrays: Any, pretraining: bool = False) -> Array:
        return seed_key(seed, Purpose.PRETRAINING_IMAGES if pretraining else Purpose.IMAGES)

    def next_chunk(self, state: Array, chunk: Array, arrays: Any) -> tuple[Array, Chunk]:
        count = self.chunk_updates * self.batch_size
        first = chunk.astype(jnp.uint32) * jnp.uint32(count)
        return state, Chunk(*shapeset.images(state, first, count))


class _Epoch(NamedTuple):
    seed_key: Array
    number: Array
    order: Array


class FiniteBatches:
    """A finite set, in a new random order each epoch; what is left over at an epoch's end sits it out.

    The set lies on the device as it was read, mostly as bytes. Chunks never straddle two epochs, so that one
    order is enough.
    """

    def __init__(self, train: Examples, batch_size: int):
        self.batch_size = batch_size
        self.size = len(train.labels)
        self.epoch_updates = self.size // batch_size
        self.chunk_updates = min(self.epoch_updates, max(1, CHUNK_EXAMPLES // batch_size))
        self.chunks = -(-self.epoch_updates // self.chunk_updates)
        self.arrays = Chunk(jnp.asarray(train.pixels), jnp.asarray(train.labels))

    def chunk_of(self, update: Array) -> Array:
        epoch, update = jnp.divmod(update, self.epoch_updates)
        return epoch * self.chunks + update // self.chunk_updates

    def bounds(self, chunk: Array) -> tuple[Array, Array]:
        epoch, chunk = jnp.divmod(chunk, self.chunks)
        first = epoch * self.epoch_updates + chunk * self.chunk_updates
        return first, jnp.minimum(first + self.chunk_updates, (epoch + 1) * self.epoch_updates)

    def start(self, seed: Array, chunk: Array, arrays: Chunk, pretraining: bool = False) -> _Epoch:
        key = seed_key(seed, Purpose.PRETRAINING_ORDER if pretraining else Purpose.ORDER)
        epoch = chunk // self.chunks
        return _Epoch(key, epoch, self._order(key, epoch))

    def next_chunk(self, state: _Epoch, chunk: Array, arrays: Chunk) -> tuple[_Epoch, Chunk]:
        epoch, chunk = jnp.divmod(chunk, self.chunks)
        order = jax.lax.cond(
            epoch == state.number, lambda: state.order, lambda: self._order(state.seed_key, epoch)
        )
        count = self.chunk_updates * self.batch_size
        taken = jax.lax.dynamic_slice_in_dim(order, chunk * count, count)
        return _Epoch(state.seed_key, epoch, order), Chunk(arrays.pixels[taken], arrays.labels[taken])

    def _order(self, key: Array, epoch: Array) -> Array:
        order = jax.random.permutation(jax.random.fold_in(key, epoch), self.size).astype(jnp.int32)
        # The last chunk may reach past the set's end; the batches there are never trained on.
        return jnp.resize(order, (max(self.size, self.chunks * self.chunk_updates * self.batch_size),))


def decode(pixels: Array, coding: tuple[float, float]) -> Array:
    """Bytes 0..255, or floats 0..1, as numbers from `coding[0]` to `coding[1]`."""
    low, high = coding
    white = 255 if pixels.dtype == jnp.uint8 else 1
    return pixels.astype(jnp.float32) * ((high - low) / white) + low
