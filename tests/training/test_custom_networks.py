"""Tests what is promised of trainings for those of custom networks: resumed, verified, kept with weights."""

from __future__ import annotations

from dataclasses import replace

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from support.framework_networks import FRAMEWORKS
from support.trained_networks import FILE, by_hand, config_of

from xavier_cli.data.coding import decode
from xavier_cli.data.sets import Examples
from xavier_cli.errors import ConfigError
from xavier_cli.runs.checkpoint import checkpoint_paths, read_checkpoint, write_checkpoint
from xavier_cli.runs.deviation import differences, weights_difference
from xavier_cli.runs.errors import ResumeError
from xavier_cli.runs.store import read_run
from xavier_cli.runs.weights import has_saved, read_weights, weights_path
from xavier_cli.training import memory, retrain
from xavier_cli.training.engine import loop
from xavier_cli.training.engine.architectures import finding
from xavier_cli.training.engine.architectures.architecture import sizes_of_network, with_layers
from xavier_cli.training.engine.batches import FiniteBatches
from xavier_cli.training.engine.loop import TrainingHooks
from xavier_cli.training.estimate import weights_bytes
from xavier_cli.training.resumable import train_to_file
from xavier_cli.training.train import train

RECORDS = TrainingHooks(save_weights="records")

pytestmark = [
    pytest.mark.usefixtures("compiled_once"),
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
]


@pytest.fixture(scope="module")
def data(training_data):
    """The examples under a name that says nothing of their size."""
    return replace(training_data, facts=training_data.facts.model_copy(update={"name": "tiny"}))


@pytest.fixture(scope="module")
def colours(data):
    """As many images of 4 by 4 pixels in three colours, whose labels are those of the examples."""

    def coloured(of):
        return Examples(np.tile(of.pixels, 3), of.labels)

    facts = data.facts.model_copy(update={"inputs": 48, "shape": (3, 4, 4), "classes": 10})
    facts = facts.model_copy(update={"labels": tuple(map(str, range(10)))})
    parts = {name: coloured(getattr(data, name)) for name in ("valid", "test", "probe")}
    tables = data.batch_source.arrays
    batches = FiniteBatches(coloured(Examples(np.asarray(tables[0]), np.asarray(tables[1]))), 10)
    return replace(data, **parts, batch_source=batches, inputs=48, classes=10, facts=facts)


class Stop:
    """Stops a training once so many updates are done, with the weights of all records."""

    def __init__(self, updates: int):
        self.updates, self.reached = updates, False
        self.hooks = TrainingHooks(self._report, lambda: self.reached, save_weights="records")

    def _report(self, progress) -> None:
        self.reached |= progress.updates >= self.updates > 0


def assert_same_runs(one, other) -> None:
    assert one.arrays.keys() == other.arrays.keys()
    assert (one.config, one.status, one.network) == (other.config, other.status, other.network)
    for name, array in one.arrays.items():
        assert array.tobytes() == other[name].tobytes(), name
    assert weights_path(one.path).read_bytes() == weights_path(other.path).read_bytes()


def interrupted(config, data, path, monkeypatch, updates=25):
    with monkeypatch.context() as patch:
        patch.setattr(loop, "FIRST_SEGMENT", 7)
        patch.setattr(loop, "SEGMENT_SECONDS", 0.0)
        run = train_to_file(config, data, path, hooks=Stop(updates).hooks)
    assert run.status == "interrupted"


def resumed_and_whole(config, data, tmp_path, monkeypatch):
    """The run that was stopped in between, the one that was not, and what was kept of the first."""
    whole, path = tmp_path / "whole" / "run.h5", tmp_path / "run.h5"
    interrupted(config, data, path, monkeypatch)
    kept = read_checkpoint(checkpoint_paths(path)[0])
    for each in (path, whole):
        train_to_file(config, data, each, hooks=RECORDS)
    return read_run(path), read_run(whole), kept


@pytest.mark.parametrize(
    ("net", "settings"),
    [
        ("by_hand:act=0", {"act": "tanh", "optimizer": "adam", "schedule": "cosine", "jacobian_examples": 2}),
        ("in_half_precision", {"optimizer": "adam", "clip": 1.0}),
        ("with_integers", {"optimizer": "momentum:0.9"}),
    ],
    ids=("adam", "bfloat16", "integers"),
)
def test_a_training_resumed_ends_in_the_same_bits(data, tmp_path, monkeypatch, net, settings):
    net = net.partition(":")[0]
    (config,) = with_layers([config_of(net, seeds=2, lr=0.01, **settings)], data)
    resumed, whole, kept = resumed_and_whole(config, data, tmp_path, monkeypatch)

    assert_same_runs(resumed, whole)
    assert 25 <= resumed.provenance["resumed_at"][0] < 60
    assert not np.array_equal(resumed["curves/valid_loss"][:, 0], resumed["curves/valid_loss"][:, -1])
    state = {name: array.dtype.str for name, array in kept.arrays.items() if "/state/" in name}
    # Smaller types are kept in larger ones, which lose nothing.
    assert {*state.values()} <= {"<f4", "<i4", "<u4", "|i1"}
    if net == "with_integers":
        assert {state[f"seeds/state/moving/{at}"] for at in range(3)} == {"<i4", "|i1"}
    if "jacobian_examples" in settings:
        values = resumed["jacobian/end_to_end_rms_singular_value"]
        assert values.shape == (2, 4)
        assert (values > 0).all()


@pytest.mark.frameworks
@pytest.mark.parametrize("name", FRAMEWORKS)
def test_running_averages_and_noise_go_on_in_the_same_bits(colours, tmp_path, monkeypatch, name):
    pytest.importorskip(name.partition(".")[0], reason=f"{name} is not installed")
    net = f"of_framework:name={name}"
    (config,) = with_layers([config_of(net, seeds=2, optimizer="adam", lr=0.01)], colours)
    resumed, whole, kept = resumed_and_whole(config, colours, tmp_path, monkeypatch)

    assert_same_runs(resumed, whole)
    assert resumed.network.moving
    weights = read_weights(resumed)
    names = [each.name for each in resumed.network.moving]
    before, after = (
        [read_weights(resumed, [0], update)[f"seed0/state/{each}"] for each in names] for update in (0, None)
    )
    assert any(not np.array_equal(a, b) for a, b in zip(before, after, strict=True))
    assert all(np.isfinite(array).all() for array in weights.values())
    # What moves counts: without it the end is another one.
    lost = {
        each: array + (each.startswith("seeds/state/moving/") and array.dtype.kind == "f")
        for each, array in kept.arrays.items()
    }
    path = tmp_path / "other" / "run.h5"
    path.parent.mkdir()
    write_checkpoint(path, replace(kept, arrays=lost))
    train_to_file(config, colours, path, hooks=RECORDS)
    with pytest.raises(AssertionError):
        assert_same_runs(read_run(path), whole)


@pytest.fixture
def begun(data, tmp_path, monkeypatch):
    """A training that was stopped in between, its path, and what was kept."""
    # As many seeds as below: the same programs.
    (config,) = with_layers([config_of("by_hand", jacobian_examples=1)], data)
    interrupted(config, data, tmp_path / "run.h5", monkeypatch)
    return config, tmp_path / "run.h5", read_checkpoint(checkpoint_paths(tmp_path / "run.h5")[0])


@pytest.mark.parametrize(
    ("field", "changed"),
    [
        ("net", {}),
        ("sources", {"sources": f"{FILE} with its imports 0123456789abcdef"}),
        ("init", {"init": "zeros"}),
    ],
)
def test_a_checkpoint_of_another_network_or_of_other_code_is_refused(data, begun, field, changed):
    config, path, _ = begun
    other = config.with_(**changed) if changed else config_of("two", jacobian_examples=1)
    with pytest.raises(ResumeError, match=rf"`{field}`|{field} ") as raised:
        train_to_file(other, data, path)
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize(
    ("name", "change", "told"),
    [
        ("state/params/0", lambda array: array[..., :-1], "`params/0` is not this network's"),
        ("history/weights/params/1", lambda array: array[:1], "weights/params/1"),
        ("history/jacobian_average/end_to_end_rms", lambda array: array[:, :1], "end_to_end_rms"),
        ("history/record/weight/std", lambda array: array[..., :-1], "weight/std"),
    ],
)
def test_a_checkpoint_that_no_training_left_is_refused(data, begun, name, change, told):
    config, path, kept = begun
    arrays = {**kept.arrays, f"seeds/{name}": change(kept.arrays[f"seeds/{name}"])}
    write_checkpoint(path, replace(kept, arrays=arrays))
    with pytest.raises(ResumeError, match=told) as raised:
        train_to_file(config, data, path, hooks=RECORDS)
    assert "\n" not in str(raised.value)


@pytest.fixture(scope="module")
def trained(data, tmp_path_factory, compiled_once):
    """A complete run with the weights of all records, of a perceptron by hand."""
    path = tmp_path_factory.mktemp("trained") / "run.h5"
    (config,) = with_layers([config_of("by_hand", jacobian_examples=1)], data)
    train_to_file(config, data, path, hooks=RECORDS)
    return read_run(path)


def test_the_weights_give_the_answers_of_the_run_by_the_networks_own_function(trained, data):
    init, apply = by_hand((data.inputs,), data.classes)
    names = [f"params/{each.name}" for each in trained.network.trained]
    structure = jax.tree.structure(jax.eval_shape(init, jax.random.key(0)))
    answers = jax.jit(apply)
    x = decode(data.test.pixels, trained.config.pixel_range)
    for at, seed in enumerate(trained.config.seeds):
        weights = read_weights(trained, [seed])
        assert [*weights] == [f"seed{seed}/{name}" for name in names]
        params = jax.tree.unflatten(structure, [jnp.asarray(array) for array in weights.values()])
        right = np.asarray(answers(params, x)).argmax(axis=1) == data.test.labels
        in_order = np.empty_like(right)
        in_order[data.test_order] = right
        assert np.array_equal(in_order, trained["final/test_correct"][at].astype(bool))


def test_the_weights_of_every_record_are_kept_under_the_networks_names(trained):
    assert has_saved(trained, "records")
    layers = [layer.parameter for layer in trained.network.layers]
    for record, update in enumerate(trained.updates.tolist()):
        weights = read_weights(trained, [1], update)
        for layer, name in enumerate(layers):
            measured = trained["weight/std"][1, record, layer]
            assert weights[f"seed1/params/{name}"].std() == pytest.approx(measured, rel=1e-4)


def test_what_weights_take_is_known_before_training(trained, data, monkeypatch):
    config = trained.config
    sizes = sizes_of_network(config, data)
    needed = weights_bytes(config, data.facts, "records", sizes)
    assert 0 < weights_path(trained.path).stat().st_size - needed < 512 * 4 * 3 * 8
    memory.check_weights_memory([config], "records", data.facts, sizes)
    monkeypatch.setattr(memory, "machine_bytes", lambda: needed)
    with pytest.raises(ConfigError, match=r"^save_weights: .*`--save-weights final` keeps fewer$"):
        train_to_file(config, data, trained.path.with_name("other.h5"), hooks=RECORDS)


def test_it_trains_again_to_the_same_bits_whole_and_in_part(trained, data, monkeypatch):
    monkeypatch.setattr(retrain, "prepare", lambda config, data_dir: data)
    again = retrain.train_again(trained, None)
    found = [*differences(trained, again), weights_difference(trained, again)]
    assert again.updates.tolist() == trained.updates.tolist() == [0, 20, 40, 60]
    assert {each.group for each in found} >= {"curves", "weight", "jacobian", "final", "trained weights"}
    assert all(each.same_bits for each in found)

    part = retrain.train_again(trained, None, seeds=(2,), updates=45)
    assert (part.updates.tolist(), part.seeds.tolist()) == ([0, 20, 40], [2])
    assert all(each.same_bits for each in differences(trained, part))


@pytest.mark.parametrize(
    ("what", "told"), [("layers", "has 3 weight layers now"), ("parameters", "has 7 parameters now")]
)
def test_a_framework_that_makes_another_network_is_told_in_a_line(trained, what, told):
    fewer = trained.network.model_copy(update={what: getattr(trained.network, what)[1:]})
    with pytest.raises(ConfigError, match=told) as raised:
        retrain.refuse_other_layers(trained, fewer)
    assert "its framework may be of another version" in str(raised.value)
    retrain.refuse_other_layers(trained, trained.network)


def test_members_in_batches_and_a_search_are_the_same_members(trained, data):
    in_batches, _ = train(trained.config, data, member_batch=1)
    for name, array in trained.arrays.items():
        # A file keeps some numbers in another type.
        assert array.tobytes() == in_batches[name].astype(array.dtype).tobytes(), name

    searching = trained.config.with_(lr=(0.1, 1e-6), search_seeds=2)
    found, each = train(searching, data)
    assert (found.lr, len(each)) == (0.1, 2)
    assert np.array_equal(found["curves/test_error"], trained["curves/test_error"])


def test_the_same_network_is_looked_into_once(data, monkeypatch):
    config = config_of("by_hand")
    found = finding.find_layers(config, data)
    monkeypatch.setattr(finding, "prepare", None)
    assert finding.find_layers(config.with_(lr=0.5), data) is found


def test_layers_that_are_not_there_are_named_at_the_first_look_at_a_network(data, monkeypatch):
    monkeypatch.setattr(finding, "_FOUND", {})
    asked = config_of("two", init="network,nowhere=zeros")
    with pytest.raises(ConfigError, match="init: unknown layer `nowhere`: known: "):
        finding.find_layers(asked, data)
