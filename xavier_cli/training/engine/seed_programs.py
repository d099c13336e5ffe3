"""The engine's programs for one seed and all its variants: one row of the grid of seeds × variants.

What a member is, its `Architecture` says.

A row is traced once; `Layout.program` turns it into a program for all seeds, over the devices. In every
docstring here V is the number of variants, and states have the leading axis `(V,)`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import Array

from xavier_cli.config.run import RunConfig
from xavier_cli.data.coding import decode
from xavier_cli.data.spread import spread_over
from xavier_cli.nn.losses import LOSSES
from xavier_cli.training.engine.architectures.architecture import Architecture
from xavier_cli.training.engine.batches import BatchSource, Chunk
from xavier_cli.training.engine.layout import Layout
from xavier_cli.training.engine.packing import Packed, pack
from xavier_cli.training.keys import Purpose, seed_key
from xavier_cli.training.probes.evaluation import Evaluation, evaluate
from xavier_cli.training.step.member import MemberState


class Record(NamedTuple):
    """Observations of all members at one record, still on the devices; leading axes seed and variant."""

    evaluated: Packed
    """Losses and errors as one float32 vector per member; `packing.unpack` takes it apart."""
    test_correct: Array
    """`(…, examples)` uint8: 1 where a test example is classified correctly, 0 elsewhere."""
    probed: Packed
    """The training loss and the statistics of the layers, likewise."""


class SeedPrograms:
    """The programs of `config`, whose networks are of `architecture`, each for one seed.

    `layout` maps functions of single members over them, and says which seeds are worth looking at.
    """

    def __init__(
        self, config: RunConfig, architecture: Architecture, batch_source: BatchSource, layout: Layout
    ):
        self._config, self._architecture, self._batch_source = config, architecture, batch_source
        self._over, self._of_real, self._loss = layout.over, layout.of_real, LOSSES[config.loss]

    def init(self, seed: Array, init_of: Array, tables: Any) -> MemberState:
        """The first state of each variant.

        **Arguments:** `seed`, uint32, shape `()`; `init_of`, int32, `(V,)`: which of `inits` a variant has;
        `tables`, the feed's `arrays`.
        """
        drawn = self._architecture.draw(seed, tables)

        def member(init_of: Array) -> MemberState:
            return self._architecture.begin(
                jax.tree.map(lambda *each: jnp.stack(each)[init_of], *drawn), seed
            )

        return self._over(member)(init_of)

    def once(self, seed: Array, lr: Array, batch: Chunk, tables: Any) -> Any:
        """The first weights by every initializer, and one update: what custom functions affect."""
        network = self._architecture
        drawn = network.draw(seed, tables)
        x = decode(batch.pixels, self._config.pixel_range)
        return drawn, network.step(network.begin(drawn[0], seed), x, batch.labels, lr, jnp.int32(0))

    def pretrain(
        self, states: MemberState, seed: Array, layer: Array, first: Array, last: Array, tables: Any
    ) -> MemberState:
        """Pre-train one hidden layer for updates `first` to `last − 1`, counted through all layers.

        **Arguments:** `seed`, uint32, `layer`, `first`, `last`, int32, of shape `()`; layers count from 0;
        `tables`, the feed's `arrays`. All updates have to be of that layer.
        """
        batch_source, config, pretrain = self._batch_source, self._config, self._architecture.pretrain
        assert pretrain is not None
        key = seed_key(seed, Purpose.PRETRAINING_NOISE)

        def chunk(number: Array, carry: tuple[MemberState, Any]) -> tuple[MemberState, Any]:
            states, cursor = carry
            cursor, examples = batch_source.next_chunk(cursor, number, tables)
            begin, end = batch_source.bounds(number)
            x = decode(examples.pixels, config.pixel_range)

            def member(state: MemberState) -> MemberState:
                here = jnp.maximum(first, begin), jnp.minimum(last, end)
                return pretrain(state, layer, *here, lambda t: (t - begin) * config.batch_size, x, key)

            return self._over(member)(states), cursor

        return self._chunks(chunk, states, seed, first, last, tables, pretraining=True)

    def advance(
        self,
        states: MemberState,
        seed: Array,
        rates: Array,
        first: Array,
        last: Array,
        records: Array,
        tables: Any,
    ) -> MemberState:
        """Train updates `first` to `last − 1`; all variants see the same batches.

        **Arguments:** `seed`, uint32, `first`, `last`, int32, of shape `()`; `rates`, float32, `(V,)`: the
        learning rates; `records`, int32, `(2,)`: the updates of the last record at or before `first` and of
        the next one, which is not before `last`; `tables`, the feed's `arrays`.
        """
        batch_source, batch, coding = (
            self._batch_source,
            self._config.batch_size,
            self._config.pixel_range,
        )

        def chunk(number: Array, carry: tuple[MemberState, Any]) -> tuple[MemberState, Any]:
            states, cursor = carry
            cursor, examples = batch_source.next_chunk(cursor, number, tables)
            begin, end = batch_source.bounds(number)

            def member(state: MemberState, lr: Array) -> MemberState:
                def batches(t: Array) -> tuple[Array, Array]:
                    at = (t - begin) * batch
                    pixels = jax.lax.dynamic_slice_in_dim(examples.pixels, at, batch)
                    labels = jax.lax.dynamic_slice_in_dim(examples.labels, at, batch)
                    return decode(pixels, coding), labels

                here = jnp.maximum(first, begin), jnp.minimum(last, end)
                return self._architecture.stretch(state, *here, batches, lr, (records[0], records[1]))

            return self._over(member)(states, rates), cursor

        return self._chunks(chunk, states, seed, first, last, tables)

    def evaluate(
        self, states: MemberState, is_real: Array, examples: Array, valid: Chunk, test: Chunk
    ) -> tuple[MemberState, tuple[Packed, Array]]:
        """Losses and errors of one record, on the first `examples`, int32, `()`, of those held out.

        **Arguments:** `is_real`, bool, `()`: whether the seed is none of the padding, as of `Layout.of_real`.

        **Returns:** the states as they were; of a `Record`, `evaluated` and `test_correct`.
        """

        def errors(state: MemberState, chunk: Chunk) -> Evaluation:
            return evaluate(
                chunk.pixels,
                chunk.labels,
                examples,
                lambda x: self._architecture.logits(state, x),
                self._loss,
                self._config.pixel_range,
            )

        def member(state: MemberState) -> tuple[Packed, Array]:
            on_valid, on_test = errors(state, valid), errors(state, test)
            seen = {
                "curves/valid_loss": on_valid.loss,
                "curves/valid_error": on_valid.error,
                "curves/test_loss": on_test.loss,
                "curves/test_error": on_test.error,
            }
            return pack(seen), on_test.correct

        return states, self._of_real(is_real, lambda: self._over(member)(states))

    def probe(
        self, states: MemberState, is_real: Array, updates: Array, probe: Chunk
    ) -> tuple[MemberState, Packed]:
        """The statistics of the layers at one record, on the `probe` examples, and the training loss.

        **Arguments:** `is_real`, as of `evaluate`; `updates`, int32, `()`: updates since the record before.

        **Returns:** the states with their sum of losses set to 0; of a `Record`, `probed`. Its `train_loss`
        is the mean over `updates`, NaN at the first record and once a member has diverged.
        """
        coding, network = self._config.pixel_range, self._architecture

        def member(state: MemberState) -> Packed:
            whole = (updates > 0) & (state.diverged_at < 0)
            seen = {
                "curves/train_loss": jnp.where(whole, state.loss_sum / updates, jnp.nan),
                **network.probe(state, decode(probe.pixels, coding), probe.labels),
            }
            return pack(seen)

        seen = self._of_real(is_real, lambda: self._over(member)(states))
        return states._replace(loss_sum=jnp.zeros_like(states.loss_sum)), seen

    def jacobians(self, states: MemberState, pixels: Array) -> tuple[MemberState, Any]:
        """What decides the Jacobians of each variant, for the host.

        **Arguments:** `pixels`, `(examples, inputs)`, the probe images; `config.jacobian_examples` of them,
        evenly spaced, are used, and all of them for the statistics of batch normalization.
        """
        config = self._config
        x = decode(pixels[spread_over(len(pixels), config.jacobian_examples)], config.pixel_range)
        batch = decode(pixels, config.pixel_range)

        def member(state: MemberState) -> Any:
            return self._architecture.jacobian_factors(state, x, batch)

        # So little is computed that to leave out the padding would take longer to compile than it saves.
        return states, self._over(member)(states)

    def _chunks(
        self,
        chunk: Callable[[Array, tuple[MemberState, Any]], tuple[MemberState, Any]],
        states: MemberState,
        seed: Array,
        first: Array,
        last: Array,
        tables: Any,
        pretraining: bool = False,
    ) -> MemberState:
        """`chunk(number, (states, cursor))` for each chunk with updates from `first` to `last − 1`."""
        batch_source = self._batch_source
        begin = batch_source.chunk_of(first)
        end = jnp.where(last > first, batch_source.chunk_of(last - 1) + 1, begin)
        cursor = batch_source.start(seed, begin, tables, pretraining)
        states, _ = jax.lax.fori_loop(begin, end, chunk, (states, cursor))
        return states
