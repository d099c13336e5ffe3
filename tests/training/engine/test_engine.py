"""However a population is laid out, cut up or put together, its members are trained the same."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from support.reference_step import make_reference_step

from xavier_cli.data.coding import decode
from xavier_cli.runs.counting import error_curve
from xavier_cli.training.engine.loop import TrainingHooks, train_population
from xavier_cli.training.probes.evaluation import exact_share
from xavier_cli.training.step.member import make_sgd_step

PLENTY = 120
# Two tests of several variants have the same ones, and so the same programs.
INITS = ("standard", "normalized")
# Programs that a test has no use for need not be compiled.
TRAINED = ("init", "advance")
SEEN = (*TRAINED, "observe")


def leaves(engine, seed: int, variant: int = 0) -> list[np.ndarray]:
    """All that training changed of one member, on the host."""
    return [np.asarray(leaf)[seed, variant] for leaf in jax.tree.leaves(engine.state)]


def assert_same_bits(some, others) -> None:
    for a, b in zip(some, others, strict=True):
        assert np.array_equal(a, b)


@pytest.fixture(scope="module")
def examples_of(training_data):
    """`examples_of(seed, chunk)`: a chunk of a seed's training examples, by one program."""
    source = training_data.batch_source

    @jax.jit
    def taken(seed, chunk, arrays):
        return source.next_chunk(source.start(seed, chunk, arrays), chunk, arrays)[1]

    return lambda seed, chunk: taken(jnp.uint32(seed), jnp.int32(chunk), source.arrays)


@pytest.fixture(scope="module")
def trained(make_engine):
    engine = make_engine("map", wanted=SEEN)
    engine.advance(0, PLENTY)
    return engine


def test_there_are_two_devices_to_shard_over():
    assert len(jax.devices()) == 2


def test_a_population_over_two_devices_is_the_mapped_one_bit_for_bit(make_engine, trained):
    sharded = make_engine("sharded", wanted=TRAINED)
    sharded.advance(0, PLENTY)

    assert len(sharded.state.loss_sum.sharding.device_set) == 2
    for seed in range(3):
        assert_same_bits(leaves(sharded, seed), leaves(trained, seed))


def test_a_vmapped_population_agrees_to_rounding(make_engine, trained):
    batched = make_engine("vmap", wanted=TRAINED)
    batched.advance(0, PLENTY)

    for seed in range(3):
        for a, b in zip(leaves(batched, seed), leaves(trained, seed), strict=True):
            assert np.allclose(a, b, rtol=1e-4, atol=1e-5)


def test_a_seed_alone_is_the_seed_in_a_population_bit_for_bit(make_engine, trained):
    alone = make_engine("map", seeds=(2,), wanted=TRAINED)
    alone.advance(0, PLENTY)

    assert_same_bits(leaves(alone, 0), leaves(trained, 2))


def test_variants_of_a_seed_see_the_same_batches_and_do_not_meet(make_engine, trained):
    both = make_engine("sharded", lrs=(0.3, 0.1), inits=INITS, wanted=TRAINED)
    both.advance(0, PLENTY)

    for seed in range(3):
        assert_same_bits(leaves(both, seed, 3), leaves(trained, seed))


def test_cutting_training_into_segments_changes_no_bit(make_engine, trained):
    engine = make_engine("map", wanted=TRAINED)
    for first, last in [(0, 1), (1, 22), (22, 24), (24, 24), (24, 70), (70, PLENTY)]:
        engine.advance(first, last)

    for seed in range(3):
        assert_same_bits(leaves(engine, seed), leaves(trained, seed))


@pytest.mark.parametrize("make_step", [make_sgd_step, make_reference_step])
def test_the_compiled_loop_is_a_python_loop_over_the_same_batches(
    make_engine, trained, training_data, examples_of, make_step
):
    from xavier_cli.nn.losses import cross_entropy

    engine = make_engine("map", seeds=(1,), wanted=("init",))
    state = jax.tree.map(lambda leaf: jnp.asarray(np.asarray(leaf)[0, 0]), engine.state)
    step = jax.jit(make_step(jnp.tanh, cross_entropy))
    batch_source = training_data.batch_source
    for update in range(PLENTY):
        chunk = batch_source.chunk_of(np.int32(update))
        at = (update - int(batch_source.bounds(chunk)[0])) * 10
        pixels, labels = map(np.asarray, examples_of(1, chunk)[:2])
        x = decode(pixels[at : at + 10], (0.0, 1.0))
        state = step(state, x, labels[at : at + 10], jnp.float32(0.1), update)

    for a, b in zip(jax.tree.leaves(state), leaves(trained, 1), strict=True):
        assert np.allclose(a, b, rtol=1e-4, atol=1e-5)


def test_the_gain_is_on_the_hidden_layers_and_not_on_the_output(make_engine):
    paper, auto, two = (
        make_engine("map", seeds=(0,), init_gain=gain, wanted=("init",)).state.params
        for gain in ("paper", "auto", 2)
    )
    for engine, gain in ((auto, 1.5925), (two, 2.0)):
        ratios = [np.asarray(b.weight / a.weight) for a, b in zip(paper, engine, strict=True)]

        assert np.allclose(ratios[-1], 1)
        assert all(np.allclose(ratio, gain, rtol=1e-4) for ratio in ratios[:-1])


def test_training_learns(trained):
    before_and_after = trained.read(trained.observe(PLENTY, 1000), 1000)["curves/test_error"]

    assert (before_and_after < 0.4).all()


@pytest.mark.parametrize(
    "strategy",
    [pytest.param("map", marks=pytest.mark.slow), "sharded", pytest.param("vmap", marks=pytest.mark.slow)],
)
def test_a_diverging_neighbour_is_frozen_and_changes_nobody(make_engine, trained, strategy):
    engine = make_engine(strategy, lrs=(1e30, 0.1), inits=INITS, wanted=SEEN)
    engine.advance(0, PLENTY)
    diverged_at = engine.diverged_at()
    seen = engine.read(engine.observe(PLENTY, 1000), 1000)

    assert (diverged_at[:, ::2] >= 0).all()
    assert (diverged_at[:, 1::2] == -1).all()
    assert all(
        np.isfinite(leaf).all() for seed in range(3) for at in (0, 2) for leaf in leaves(engine, seed, at)
    )
    assert np.isnan(seen["curves/train_loss"][:, ::2]).all()
    for seed in range(3):
        for a, b in zip(leaves(engine, seed, 3)[:-2], leaves(trained, seed)[:-2], strict=True):
            assert np.allclose(a, b, atol=1e-5) if strategy == "vmap" else np.array_equal(a, b)


def test_progress_and_live_records_count_diverged_members_as_the_tables_do(make_engine):
    engine = make_engine("map", lrs=(1e6, 0.1), records="3", act="relu", updates=40, jacobian_examples=0)
    told, seen = [], []
    runs = train_population(engine, TrainingHooks(told.append, look=seen.append))
    errors = np.stack([error_curve(run, "valid") for run in runs], axis=1)

    assert [each.lost.tolist() for each in seen] == [[[update > 0, False]] * 3 for update in (0, 20, 40)]
    for each in seen[1:]:
        assert np.array_equal(each.valid_error, errors[:, :, list(runs[0].updates).index(each.update)])
    standing = [(pytest.approx(each.valid_error.mean()), int(each.lost.sum())) for each in seen]
    after = [(each.valid_error, each.diverged) for each in told if each.valid_error is not None]
    assert all(each in standing for each in after)
    assert max(lost for _, lost in after) == 3


def test_a_finite_feed_shows_each_example_once_an_epoch_in_a_new_order(training_data, examples_of):
    batch_source = training_data.batch_source
    labels = training_data.batch_source.arrays.labels
    pixels = np.asarray(training_data.batch_source.arrays.pixels)
    epochs = []
    for epoch in range(2):
        chunk = batch_source.chunk_of(np.int32(epoch * batch_source.epoch_updates))
        epochs.append(np.asarray(examples_of(5, chunk).pixels)[: batch_source.epoch_updates * 10])

    assert len(labels) == len(epochs[0]) == 230
    for epoch in epochs:
        assert np.array_equal(np.unique(epoch, axis=0), np.unique(pixels, axis=0))
    assert not np.array_equal(epochs[0], epochs[1])


def test_correct_examples_are_told_in_the_sets_own_order(trained, training_data):
    record = trained.observe(1, 1000)
    correct = trained.read_correct(record)
    error = trained.read(record, 1000)["curves/test_error"]

    assert correct.shape == (3, 1, 1000)
    assert np.array_equal((1 - correct).sum(axis=2) / 1000, error)
    assert np.array_equal(correct[0, 0][training_data.test_order], np.asarray(record.test_correct)[0, 0])


def test_errors_on_some_examples_are_on_the_first_of_them(trained):
    whole = np.asarray(trained.observe(1, 1000).test_correct)[0, 0]
    seen = trained.read(trained.observe(1, 130), 130)

    assert seen["curves/test_error"][0, 0] == (1 - whole[:130]).sum() / 130


def test_the_seed_that_fills_up_a_device_is_not_looked_at(make_engine, trained):
    sharded = make_engine("sharded", wanted=SEEN)
    sharded.advance(0, PLENTY)
    # The second time: other tests may have looked before, which begins the mean of the training loss anew.
    record, mapped = [[each.observe(PLENTY, 300) for _ in range(2)][1] for each in (sharded, trained)]

    for part, other in zip(jax.tree.leaves(record), jax.tree.leaves(mapped), strict=True):
        part = np.asarray(part)
        assert len(part) == 4
        assert not part[3:].any()
        assert np.array_equal(part[:3], other, equal_nan=True)


def test_errors_are_the_fraction_that_they_are():
    """On the device they are float32, which has no .0393."""
    for examples in (7, 130, 2000, 10_000, 1_000_000):
        wrong = np.unique(np.linspace(0, examples, 1001).astype(int))
        share = 1 - np.float32(examples - wrong) / np.float32(examples)

        assert np.array_equal(exact_share(share.astype(np.float32), examples), wrong / examples)
    assert exact_share(np.float32([0.03930002450942993]), 10_000)[0] == 0.0393
    assert np.isnan(exact_share(np.float32([np.nan]), 10)).all()
