"""Tests that trained weights are those of the run: in the end, at records, after a search, after a resume."""

from __future__ import annotations

import errno
import os
from dataclasses import replace
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from support.other_settings import OF_CUSTOM_NETWORKS, OTHER, pair

import xavier_cli
from xavier_cli.config.run import RunConfig
from xavier_cli.data.coding import decode
from xavier_cli.errors import ConfigError, StorageError
from xavier_cli.files import publish
from xavier_cli.nn.mlp import Dense, Norm, init_params, layer_sizes
from xavier_cli.nn.network import make_network
from xavier_cli.runs.checkpoint import checkpoint_paths, has_checkpoint, read_checkpoint, write_checkpoint
from xavier_cli.runs.errors import ResumeError
from xavier_cli.runs.store import read_run
from xavier_cli.runs.weights import parameter_shapes, read_weights, saved_updates, weights_info, weights_path
from xavier_cli.training import memory
from xavier_cli.training.engine import loop
from xavier_cli.training.engine.architectures.perceptron import parameter_name
from xavier_cli.training.engine.architectures.perceptron_programs import make_begin
from xavier_cli.training.engine.loop import TrainingHooks
from xavier_cli.training.engine.snapshot import parameters_in
from xavier_cli.training.estimate import weights_bytes
from xavier_cli.training.resumable import train_group_to_files, train_to_file
from xavier_cli.training.train import SearchInterruptedError, train

UPDATES = 60
FINAL, RECORDS = TrainingHooks(save_weights="final"), TrainingHooks(save_weights="records")

pytestmark = pytest.mark.usefixtures("compiled_once")


@pytest.fixture(scope="module")
def examples(training_data):
    """The training data under a name that says nothing of their size."""
    return replace(training_data, facts=training_data.facts.model_copy(update={"name": "tiny"}))


def config_of(**settings) -> RunConfig:
    usual = {"data": "tiny.npz", "depth": 2, "width": 10, "updates": UPDATES, "records": "4", "lr": 0.1}
    return RunConfig.of(**usual | {"eval_examples": 200, "jacobian_examples": 0, "seeds": 3} | settings)


def trained(config, examples, path, hooks=FINAL, **options):
    train_to_file(config, examples, path, hooks=hooks, **options)
    return read_run(path)


def answers(run, weights, seed, examples):
    """What the network of `weights` says of the test examples, right or wrong in the set's own order."""
    network, depth = make_network(run.config), run.config.depth
    layers = []
    for name in (*(f"layer{number}" for number in range(1, depth + 1)), "output"):
        of = {
            part.removeprefix(f"seed{seed}/{name}/"): jnp.asarray(array)
            for part, array in weights.items()
            if part.startswith(f"seed{seed}/{name}/")
        }
        norm = {part.removeprefix("norm/"): array for part, array in of.items() if part.startswith("norm/")}
        layers.append(Dense(of["weight"], of["bias"], of.get("slope"), Norm(**norm) if norm else None))
    inputs = decode(examples.test.pixels, run.config.pixel_range)
    logits, _ = jax.jit(network.forward)(tuple(layers), inputs)
    right = np.asarray(logits).argmax(axis=1) == examples.test.labels
    in_order = np.empty_like(right)
    in_order[examples.test_order] = right
    return in_order


@pytest.mark.parametrize(
    "name", [name for name in OTHER if name not in ("data", "coding", *OF_CUSTOM_NETWORKS)]
)
def test_whatever_is_set_a_file_has_all_parameters_of_the_network(name):
    """Where it had others, it could not be written after hours of training."""
    for config in pair(name):
        network, inputs, classes = make_network(config), 20, 3
        sizes = layer_sizes(inputs, config.depth, config.width, classes)
        draw = jax.nn.initializers.zeros

        def first(sizes=sizes, draw=draw, network=network, config=config):
            params = network.add_extra_params(init_params(jax.random.key(0), sizes, draw))
            return make_begin(config, network)(params, jnp.uint32(0))

        leaves = jax.tree_util.tree_leaves_with_path(jax.eval_shape(first))
        state = {jax.tree_util.keystr(path, simple=True, separator="/"): leaf for path, leaf in leaves}
        named = parameters_in(state, partial(parameter_name, depth=config.depth))
        shapes = {path: leaf.shape for path, leaf in named.items()}
        assert shapes == parameter_shapes(config, inputs, classes)


def test_the_library_gives_the_weights_of_a_run_in_memory_and_of_its_file(examples, whole):
    run, _ = whole
    trained_here, _ = train(config_of(), examples, hooks=RECORDS)

    for update in (None, 20):
        kept = xavier_cli.read_weights(run.path, [1], update)
        assert kept.keys() == xavier_cli.read_weights(trained_here, [1], update).keys()
        for name, array in xavier_cli.read_weights(trained_here, [1], update).items():
            assert array.tobytes() == kept[name].tobytes()
    with pytest.raises(ConfigError, match="no weights were kept at update 21"):
        read_weights(trained_here, update=21)


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"normalization": "batch", "residual": True},
        pytest.param({"act": "prelu", "normalization": "layer"}, marks=pytest.mark.slow),
        pytest.param({"update_rule": "delayed:4"}, marks=pytest.mark.slow),
    ],
)
def test_the_weights_give_the_answers_and_the_error_of_the_run(examples, tmp_path, settings):
    run = trained(config_of(**settings), examples, tmp_path / "run.h5")
    weights = read_weights(run)

    for at, seed in enumerate((0, 1, 2)):
        right = answers(run, weights, seed, examples)
        assert np.array_equal(right, run["final/test_correct"][at].astype(bool))
        assert 1 - right.mean() == pytest.approx(run["curves/test_error"][at, -1])


@pytest.fixture(scope="module")
def whole(examples, tmp_path_factory, compiled_once):
    """A run with weights at all records that was never stopped, and the same without weights."""
    folder = tmp_path_factory.mktemp("whole")
    return tuple(
        trained(config_of(), examples, folder / name / "run.h5", hooks)
        for name, hooks in (("with", RECORDS), ("without", TrainingHooks()))
    )


def test_keeping_weights_changes_no_number(whole):
    run, without = whole

    assert run.config.sha256() == without.config.sha256()
    for name, array in run.arrays.items():
        assert array.tobytes() == without[name].tobytes(), name
    assert not weights_path(without.path).exists()


def test_the_weights_at_records_are_those_that_were_measured(whole):
    run, _ = whole

    assert saved_updates(run, weights_info(run)) == (0, 20, 40, 60)
    for record, update in enumerate(run.updates.tolist()):
        for at, seed in enumerate((0, 1, 2)):
            weights = read_weights(run, [seed], update)
            for layer, name in enumerate(("layer1", "layer2", "output")):
                measured = run["weight/std"][at, record, layer]
                assert weights[f"seed{seed}/{name}/weight"].std() == pytest.approx(measured, rel=1e-4)


class Stop:
    """Stops once so many updates are done, in a phase whose name holds `phase`."""

    def __init__(self, updates, saved, phase=""):
        self.updates, self.phase, self.reached = updates, phase, False
        self.hooks = TrainingHooks(self._report, lambda: self.reached, save_weights=saved)

    def _report(self, progress):
        self.reached |= self.phase in progress.phase and progress.updates >= self.updates > 0


@pytest.fixture
def short_segments(monkeypatch):
    monkeypatch.setattr(loop, "FIRST_SEGMENT", 7)
    monkeypatch.setattr(loop, "SEGMENT_SECONDS", 0.0)


@pytest.mark.parametrize("updates", [1, 45])
def test_a_resumed_training_has_the_weights_of_all_records(
    examples, whole, tmp_path, short_segments, updates
):
    path = tmp_path / "run.h5"
    run = train_to_file(config_of(), examples, path, hooks=Stop(updates, "records").hooks)
    assert (run.status, weights_path(path).exists()) == ("interrupted", False)

    resumed = trained(config_of(), examples, path, RECORDS)
    assert weights_path(path).read_bytes() == weights_path(whole[0].path).read_bytes()
    assert resumed.status == "complete"
    assert not has_checkpoint(path)


def test_a_training_begun_without_weights_cannot_give_those_of_its_first_records(
    examples, whole, tmp_path, short_segments
):
    path = tmp_path / "run.h5"
    train_to_file(config_of(), examples, path, hooks=Stop(45, None).hooks)
    before = path.read_bytes()

    with pytest.raises(ResumeError, match="without `--save-weights records`: `--force` starts again"):
        train_to_file(config_of(), examples, path, hooks=RECORDS)
    assert path.read_bytes() == before

    run = trained(config_of(), examples, path)
    for name, array in read_weights(run).items():
        assert array.tobytes() == read_weights(whole[0])[name].tobytes()


def test_a_training_begun_with_weights_is_resumed_without(examples, tmp_path, short_segments):
    path = tmp_path / "run.h5"
    train_to_file(config_of(), examples, path, hooks=Stop(45, "records").hooks)

    assert "weights" not in trained(config_of(), examples, path, TrainingHooks()).provenance
    assert not weights_path(path).exists()


@pytest.mark.parametrize("saved", ["final", "records"])
def test_a_disk_that_was_full_at_the_end_costs_no_training(
    examples, whole, tmp_path, monkeypatch, saved, short_segments
):
    path = tmp_path / "run.h5"
    replace_ = os.replace

    def full(source, target, *rest):
        if str(target) == str(weights_path(path)):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return replace_(source, target, *rest)

    monkeypatch.setattr(publish.os, "replace", full)
    with pytest.raises(StorageError, match="No space left"):
        train_to_file(config_of(), examples, path, hooks=TrainingHooks(save_weights=saved))
    monkeypatch.undo()
    seen = []
    hooks = TrainingHooks(lambda progress: seen.append(progress.doing), save_weights=saved)

    run = trained(config_of(), examples, path, hooks)
    assert seen == []
    assert read_weights(run).keys() == read_weights(whole[0]).keys()
    for name, array in read_weights(run).items():
        assert array.tobytes() == read_weights(whole[0])[name].tobytes()


def test_a_name_too_long_for_the_weights_is_refused_before_training(examples, tmp_path):
    def train_nothing(progress):
        raise AssertionError("trained")

    hooks = TrainingHooks(train_nothing, save_weights="final")
    with pytest.raises(StorageError, match="name too long"):
        train_to_file(config_of(), examples, tmp_path / f"{'x' * 226}.h5", hooks=hooks)
    assert not list(tmp_path.iterdir())


def test_a_search_keeps_the_weights_at_the_rate_that_it_chose(examples, whole, tmp_path):
    config = config_of(lr="1e-6,0.1", search_seeds=2)
    run = trained(config, examples, tmp_path / "run.h5", RECORDS, keep_all=True)
    alone, _ = whole

    assert run.lr == 0.1
    assert read_weights(run).keys() == read_weights(alone).keys()
    for update in (0, 60):
        for name, array in read_weights(run, update=update).items():
            assert array.tobytes() == read_weights(alone, update=update)[name].tobytes(), name
    others = [path for path in tmp_path.glob("*.h5") if "-lr1e-06-" in path.name]
    assert [len(read_weights(read_run(path))) for path in others] == [2 * 6]


def test_a_search_that_was_stopped_in_its_second_phase_keeps_the_first_ones_weights(
    examples, whole, tmp_path, short_segments
):
    config = config_of(lr="1e-6,0.1", search_seeds=2)
    path = tmp_path / "run.h5"
    with pytest.raises(SearchInterruptedError):
        train_to_file(config, examples, path, hooks=Stop(20, "records", phase="lr 0.1").hooks)
    run = trained(config, examples, path, RECORDS)

    assert weights_path(run.path).read_bytes() == weights_path(whole[0].path).read_bytes()


@pytest.mark.slow
def test_seeds_in_batches_have_the_same_weights(examples, whole, tmp_path):
    trained(config_of(), examples, tmp_path / "run.h5", RECORDS, member_batch=2)

    batched = weights_path(tmp_path / "run.h5").read_bytes()
    assert batched == weights_path(whole[0].path).read_bytes()


def test_a_group_keeps_the_weights_of_each_run(examples, whole, tmp_path):
    standard = config_of(init="standard")
    paths = [tmp_path / "a.h5", tmp_path / "b.h5"]
    train_group_to_files([config_of(), standard], examples, paths, hooks=RECORDS)

    assert weights_path(paths[0]).read_bytes() == weights_path(whole[0].path).read_bytes()
    drawn = read_weights(read_run(paths[1]), update=0)
    assert drawn["seed0/layer2/weight"].std() != read_weights(whole[0], update=0)["seed0/layer2/weight"].std()


def test_a_diverged_seed_has_its_last_finite_weights(examples, tmp_path):
    run = trained(config_of(act="relu", lr=1e6), examples, tmp_path / "run.h5")

    assert run.diverged.all()
    assert all(np.isfinite(array).all() for array in read_weights(run).values())


def test_a_complete_run_stays_whole_until_there_is_one_with_weights(examples, tmp_path, short_segments):
    path = tmp_path / "run.h5"
    trained(config_of(), examples, path, TrainingHooks())
    before = path.read_bytes()

    train_to_file(config_of(), examples, path, hooks=Stop(45, "final").hooks)
    assert path.read_bytes() == before
    assert has_checkpoint(path)
    assert weights_info(trained(config_of(), examples, path)) is not None


def test_weights_of_a_run_that_was_replaced_go_with_it(examples, tmp_path):
    path = tmp_path / "run.h5"
    trained(config_of(), examples, path)
    trained(config_of(), examples, path, TrainingHooks(), resume=False)

    assert [each.name for each in tmp_path.iterdir()] == ["run.h5"]


@pytest.mark.parametrize("forge", ["shape", "type", "missing", "more records"])
def test_weights_in_a_checkpoint_that_no_training_left_are_refused(examples, tmp_path, short_segments, forge):
    path = tmp_path / "run.h5"
    train_to_file(config_of(), examples, path, hooks=Stop(45, "records").hooks)
    newest, _ = checkpoint_paths(path)
    kept = read_checkpoint(newest)
    name = "seeds/history/weights/params/0/bias"
    arrays = dict(kept.arrays)
    assert arrays[name].shape == (3, 3, 1, 10)
    if forge == "shape":
        arrays[name] = arrays[name][..., :9]
    elif forge == "type":
        arrays[name] = arrays[name].astype(np.float64)
    elif forge == "missing":
        del arrays[name]
    else:
        arrays |= {
            each: np.concatenate([array, array[:1]])
            for each, array in arrays.items()
            if each.startswith("seeds/history/weights/")
        }
    write_checkpoint(path, replace(kept, arrays=arrays))

    with pytest.raises(ResumeError):
        train_to_file(config_of(), examples, path, hooks=RECORDS)


def test_what_takes_more_memory_than_there_is_is_refused_with_the_remedy(examples, tmp_path, monkeypatch):
    needed = 3 * weights_bytes(config_of(), examples.facts, "records")
    monkeypatch.setattr(memory, "machine_bytes", lambda: needed - 1)

    with pytest.raises(ConfigError, match=r"save_weights: .*; `--save-weights final` keeps fewer"):
        train_to_file(config_of(), examples, tmp_path / "run.h5", hooks=RECORDS)
    memory.check_weights_memory([config_of()], "final", examples.facts)
    assert not list(tmp_path.iterdir())


def test_the_estimated_size_is_that_of_the_file(examples, whole):
    actual = weights_path(whole[0].path).stat().st_size
    names = 3 * 4 * 6

    assert 0 < actual - weights_bytes(config_of(), examples.facts, "records") < 512 * names


def test_the_same_in_pytorch(examples, whole):
    """As the README shows it: PyTorch's weights are `(fan_out, fan_in)`."""
    torch = pytest.importorskip("torch")
    run, _ = whole
    with np.load(weights_path(run.path)) as weights:
        layers: list = []
        for name in ("layer1", "layer2", "output"):
            weight, bias = (torch.from_numpy(weights[f"seed0/{name}/{part}"]) for part in ("weight", "bias"))
            linear = torch.nn.Linear(*weight.shape)
            linear.load_state_dict({"weight": weight.T, "bias": bias})
            layers += [linear, torch.nn.Tanh()]
    network = torch.nn.Sequential(*layers[:-1])

    # MNIST's coding is [0, 1].
    images = torch.from_numpy(examples.test.pixels.astype(np.float32) / 255)
    with torch.no_grad():
        right = network(images).argmax(dim=1).numpy() == examples.test.labels
    assert np.array_equal(right, run["final/test_correct"][0, examples.test_order].astype(bool))
    assert 1 - right.mean() == pytest.approx(run["curves/test_error"][0, -1])
