"""Tests that a resumed training equals an uninterrupted one, bit for bit."""

from __future__ import annotations

import copy
import time
from dataclasses import replace

import numpy as np
import pytest

from xavier_cli.config.run import RunConfig
from xavier_cli.runs.checkpoint import checkpoint_paths, has_checkpoint, read_checkpoint, write_checkpoint
from xavier_cli.runs.errors import ResumeError
from xavier_cli.runs.marking import mark_run
from xavier_cli.runs.store import read_run
from xavier_cli.training import provenance
from xavier_cli.training.engine import autosave, loop
from xavier_cli.training.engine.engine import Engine
from xavier_cli.training.engine.layout import choose_layout
from xavier_cli.training.engine.loop import TrainingHooks, train_population
from xavier_cli.training.engine.population import Population, Variant
from xavier_cli.training.resumable import train_group_to_files, train_to_file
from xavier_cli.training.step import member
from xavier_cli.training.train import SearchInterruptedError

UPDATES = 120

pytestmark = pytest.mark.usefixtures("compiled_once")


def config_of(seeds: int = 3, **settings: object) -> RunConfig:
    return RunConfig.of(
        **{"data": "mnist", "depth": 2, "width": 10, "updates": UPDATES, "records": "4"}
        | {"eval_examples": 200, "seeds": seeds, "lr": 0.1}
        | settings
    )


class StopAt:
    """Asks to stop once so many updates were done in a phase whose name holds `phase`."""

    def __init__(self, updates: int, phase: str = ""):
        self.updates, self.phase, self.reached = updates, phase, False
        self.hooks = TrainingHooks(self._report, lambda: self.reached)

    def _report(self, progress) -> None:
        self.reached |= self.phase in progress.phase and progress.updates >= self.updates > 0


def assert_same_runs(one, other) -> None:
    """Equal but for provenance and time of creation, as they lie in their files."""
    assert set(one.arrays) == set(other.arrays)
    assert (one.config, one.status) == (other.config, other.status)
    for name, array in one.arrays.items():
        assert array.dtype == other[name].dtype
        assert array.tobytes() == other[name].tobytes(), name


@pytest.fixture(scope="module")
def whole(training_data, tmp_path_factory, compiled_once):
    """`whole(config)`: the run of a training that never stopped."""
    runs = {}

    def of(config):
        if config not in runs:
            path = tmp_path_factory.mktemp("whole") / "run.h5"
            train_to_file(config, training_data, path)
            assert [found.name for found in path.parent.iterdir()] == ["run.h5"]
            runs[config] = read_run(path)
        return runs[config]

    return of


def interrupted_at(updates, config, training_data, path, monkeypatch, phase=""):
    """Train into `path` until so many updates were done, in segments of 7 updates."""
    monkeypatch.setattr(loop, "FIRST_SEGMENT", 7)
    monkeypatch.setattr(loop, "SEGMENT_SECONDS", 0.0)
    stop = StopAt(updates, phase)
    run = train_to_file(config, training_data, path, hooks=stop.hooks)
    assert run.status == "interrupted"
    return run


@pytest.mark.parametrize(
    ("seeds", "updates"),
    [
        (3, 1),
        (3, 59),
        (3, UPDATES - 1),
        pytest.param(1, 59, marks=pytest.mark.slow),
        pytest.param(8, 59, marks=pytest.mark.slow),
    ],
    ids=lambda value: str(value),
)
def test_going_on_ends_in_the_same_bits(training_data, whole, tmp_path, monkeypatch, seeds, updates):
    config, path = config_of(seeds), tmp_path / "run.h5"
    interrupted_at(updates, config, training_data, path, monkeypatch)
    newest = checkpoint_paths(path)[0]
    at = read_checkpoint(newest).facts["stages"]["seeds"]["updates"]
    monkeypatch.setattr(loop, "SEGMENT_SECONDS", 1.0)
    monkeypatch.setattr(loop, "FIRST_SEGMENT", 13)
    train_to_file(config, training_data, path)
    run = read_run(path)

    assert updates <= at <= UPDATES
    assert_same_runs(run, whole(config))
    assert run.provenance["resumed_at"] == [at]
    assert [found.name for found in tmp_path.iterdir()] == ["run.h5"]


@pytest.mark.slow
def test_what_optimizers_averages_and_noise_keep_goes_on_in_the_same_bits(
    training_data, whole, tmp_path, monkeypatch
):
    config = config_of(optimizer="adam", lr=0.01, schedule="cosine", normalization="batch", dropout=0.3)
    path = tmp_path / "run.h5"
    interrupted_at(59, config, training_data, path, monkeypatch)
    kept = read_checkpoint(checkpoint_paths(path)[0]).arrays
    train_to_file(config, training_data, path)

    assert_same_runs(read_run(path), whole(config))
    # The test is of what there is: two moments per weight, running averages, noise.
    for name in ("optimizer/0/mu/0/weight", "optimizer/0/nu/2/bias", "params/1/norm/variance", "noise"):
        assert f"seeds/state/{name}" in kept


def test_a_training_interrupted_again_and_again_ends_in_the_same_bits(
    training_data, whole, tmp_path, monkeypatch
):
    config, path = config_of(), tmp_path / "run.h5"
    for updates in (20, 50, 90):
        interrupted_at(updates, config, training_data, path, monkeypatch)
    train_to_file(config, training_data, path)

    assert_same_runs(read_run(path), whole(config))
    assert len(read_run(path).provenance["resumed_at"]) == 3


def test_a_group_goes_on_together_and_ends_in_the_same_bits(training_data, whole, tmp_path, monkeypatch):
    configs = [config_of(init=init) for init in ("standard", "normalized")]
    paths = [tmp_path / f"{config.init}.h5" for config in configs]
    stop = StopAt(59)
    with monkeypatch.context() as patch:
        patch.setattr(loop, "FIRST_SEGMENT", 7)
        patch.setattr(loop, "SEGMENT_SECONDS", 0.0)
        stopped = train_group_to_files(configs, training_data, paths, hooks=stop.hooks)
    left = [found.name for found in tmp_path.iterdir()]
    # The checkpoint of a group is not used for one of its cells, and does not disturb it.
    assert not any(has_checkpoint(path) for path in paths)
    train_group_to_files(configs, training_data, paths)

    assert [run.status for run in stopped] == ["interrupted"] * 2
    assert left
    assert all(name.startswith(".group-") for name in left)
    for config, path in zip(configs, paths, strict=True):
        assert_same_runs(read_run(path), whole(config))
        assert read_run(path).provenance["resumed_at"][0] >= 59
    assert sorted(found.name for found in tmp_path.iterdir()) == ["normalized.h5", "standard.h5"]


def test_a_group_whose_data_changed_is_trained_anew(training_data, whole, tmp_path):
    configs = [config_of(init=init) for init in ("standard", "normalized")]
    paths = [tmp_path / f"{config.init}.h5" for config in configs]
    other = replace(training_data, facts=training_data.facts.model_copy(update={"sha256": "1" * 64}))
    notes = []
    train_group_to_files(configs, other, paths, hooks=StopAt(1).hooks)
    train_group_to_files(configs, training_data, paths, note=notes.append)

    assert "data_sha256: examples" in notes[0]
    assert "starts again" in notes[0]
    assert "resumed_at" not in read_run(paths[0]).provenance
    assert_same_runs(read_run(paths[0]), whole(configs[0]))


def test_the_same_configuration_twice_is_the_same_file_but_for_provenance(training_data, whole, tmp_path):
    train_to_file(config_of(), training_data, tmp_path / "run.h5")

    assert_same_runs(read_run(tmp_path / "run.h5"), whole(config_of()))


def test_tags_and_note_outlive_a_training_that_is_resumed(training_data, tmp_path, monkeypatch):
    config, path = config_of(1), tmp_path / "run.h5"
    interrupted_at(59, config, training_data, path, monkeypatch)
    mark_run(path, ["paper"], note="power cut")
    train_to_file(config, training_data, path)
    run = read_run(path)
    assert (run.status, run.tags, run.note) == ("complete", ("paper",), "power cut")


@pytest.mark.parametrize("lost", ["params/1/weight", "loss_sum", "diverged_at"])
def test_control_a_state_that_was_not_kept_shows(training_data, whole, tmp_path, monkeypatch, lost):
    config, path = config_of(), tmp_path / "run.h5"
    interrupted_at(50, config, training_data, path, monkeypatch)
    checkpoint = read_checkpoint(checkpoint_paths(path)[0])
    name = f"seeds/state/{lost}"
    arrays = {**checkpoint.arrays, name: np.zeros_like(checkpoint.arrays[name])}
    write_checkpoint(path, replace(checkpoint, arrays=arrays))
    train_to_file(config, training_data, path)

    with pytest.raises(AssertionError):
        assert_same_runs(read_run(path), whole(config))


def test_control_a_history_that_was_not_kept_shows(training_data, whole, tmp_path, monkeypatch):
    config, path = config_of(), tmp_path / "run.h5"
    interrupted_at(50, config, training_data, path, monkeypatch)
    checkpoint = read_checkpoint(checkpoint_paths(path)[0])
    name = "seeds/history/record/curves/train_loss"
    write_checkpoint(
        path, replace(checkpoint, arrays={**checkpoint.arrays, name: 0 * checkpoint.arrays[name]})
    )
    train_to_file(config, training_data, path)

    with pytest.raises(AssertionError):
        assert_same_runs(read_run(path), whole(config))


def test_what_is_kept_on_the_way_serves_as_well(training_data, whole, tmp_path, monkeypatch):
    """As after a kill: what lies there was written beside the training, not at its end."""
    config, path = config_of(), tmp_path / "run.h5"
    monkeypatch.setattr(autosave, "SECONDS", 0.0)
    monkeypatch.setattr(autosave, "COSTS", 0)
    monkeypatch.setattr(loop, "FIRST_SEGMENT", 7)
    monkeypatch.setattr(loop, "SEGMENT_SECONDS", 0.0)

    class Killed(BaseException):
        pass

    def report(progress):
        time.sleep(0.005)
        if progress.updates >= 50 and checkpoint_paths(path)[1].exists():
            raise Killed

    with pytest.raises(Killed):
        train_to_file(config, training_data, path, hooks=TrainingHooks(report))
    status, both = read_run(path).status, [found.exists() for found in checkpoint_paths(path)]
    train_to_file(config, training_data, path)

    assert status == "running"
    assert both == [True, True]
    assert 0 < read_run(path).provenance["resumed_at"][0] < UPDATES
    assert_same_runs(read_run(path), whole(config))


def test_a_damaged_newest_checkpoint_gives_way_to_the_one_before(training_data, whole, tmp_path, monkeypatch):
    config, path, notes = config_of(), tmp_path / "run.h5", []
    interrupted_at(20, config, training_data, path, monkeypatch)
    interrupted_at(60, config, training_data, path, monkeypatch)
    newest, former = checkpoint_paths(path)
    before = read_checkpoint(former).facts["stages"]["seeds"]["updates"]
    newest.write_bytes(newest.read_bytes()[:-100])
    train_to_file(config, training_data, path, note=notes.append)

    assert ".run.h5.ckpt`: is damaged" in notes[0]
    assert notes[1] == f"resuming after {before} updates"
    assert before < 60
    assert_same_runs(read_run(path), whole(config))


def test_without_a_readable_checkpoint_training_starts_anew(training_data, whole, tmp_path, monkeypatch):
    config, path, notes = config_of(), tmp_path / "run.h5", []
    interrupted_at(60, config, training_data, path, monkeypatch)
    checkpoint_paths(path)[0].write_text("mine")
    train_to_file(config, training_data, path, note=notes.append)

    assert notes[-1] == "training starts from the beginning"
    assert_same_runs(read_run(path), whole(config))
    assert not has_checkpoint(path)


def test_a_resumed_run_was_created_when_it_was_first_begun(training_data, tmp_path, monkeypatch):
    config, path = config_of(), tmp_path / "run.h5"
    days = []
    monkeypatch.setattr(provenance, "utc_now", lambda: f"2026-01-{len(days):02}T00:00:00.000+00:00")
    for updates in (20, 60):
        days.append(updates)
        interrupted_at(updates, config, training_data, path, monkeypatch)
        assert read_run(path).created_utc == "2026-01-01T00:00:00.000+00:00"
    newest, former = checkpoint_paths(path)
    former.unlink()
    kept = read_checkpoint(newest)
    began = {**kept.facts["began"], "platform": "another machine's", "xavier": "0.0.1"}
    write_checkpoint(path, replace(kept, facts={**kept.facts, "began": began}))
    days.append("last")
    train_to_file(config, training_data, path)
    run = read_run(path)

    assert run.created_utc == "2026-01-01T00:00:00.000+00:00"
    assert [at[:10] for at in run.provenance["resumed_utc"]] == ["2026-01-02", "2026-01-03"]
    assert run.begun_utc == run.provenance["resumed_utc"][-1]
    assert run.provenance["began"] == {"platform": "another machine's", "xavier": "0.0.1"}
    assert run.provenance["xavier"] != "0.0.1"


def test_what_an_older_version_began_was_created_when_its_file_says(training_data, tmp_path, monkeypatch):
    config, path = config_of(), tmp_path / "run.h5"
    created = interrupted_at(60, config, training_data, path, monkeypatch).created_utc
    newest, former = checkpoint_paths(path)
    former.unlink(missing_ok=True)
    kept = read_checkpoint(newest)
    older = {name: fact for name, fact in kept.facts.items() if name not in ("began", "resumed_utc")}
    write_checkpoint(path, replace(kept, facts=older))
    time.sleep(0.002)
    train_to_file(config, training_data, path)
    run = read_run(path)

    assert run.created_utc == created < run.begun_utc
    assert "began" not in run.provenance


@pytest.mark.parametrize(("phase", "updates"), [("search", 30), ("search", UPDATES), ("lr", 30)])
def test_a_search_goes_on_in_either_phase(training_data, whole, tmp_path, monkeypatch, phase, updates):
    config, path, notes = config_of(lr=(0.01, 0.1)), tmp_path / "run.h5", []
    with pytest.raises(SearchInterruptedError):
        interrupted_at(updates, config, training_data, path, monkeypatch, phase)
    assert not path.exists()
    train_to_file(config, training_data, path, note=notes.append)

    assert "resuming after" in notes[0]
    assert_same_runs(read_run(path), whole(config))


@pytest.mark.parametrize(
    ("field", "change"),
    [
        ("width", {"config": {"width": 11}}),
        ("seeds", {"config": {"seeds": (0, 1, 5)}}),
        ("precision", {"config": {"precision": "high"}}),
        ("updates", {"config": {"updates": 240}}),
        ("data_sha256: examples", {"sha256": "1" * 64}),
        ("key_implementation", {"identity": {"key_implementation": "rbg"}}),
        ("keys", {"identity": {"keys": [[0, 1]]}}),
        ("strategy", {"strategy": "vmap"}),
        ("checkpoint_version", {"version": 2}),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_another_training_is_refused_by_the_field_and_nothing_is_touched(
    training_data, tmp_path, monkeypatch, begun, field, change
):
    from xavier_cli.runs import checkpoint as checkpoints

    path = tmp_path / "run.h5"
    other_data = {"sha256": change["sha256"]} if "sha256" in change else {}
    kept = replace(begun, identity={**begun.identity, **change.get("identity", {})})
    monkeypatch.setattr(checkpoints, "VERSION", change.get("version", 1))
    write_checkpoint(path, kept)
    monkeypatch.setattr(checkpoints, "VERSION", 1)
    before = checkpoint_paths(path)[0].read_bytes()

    with pytest.raises(ResumeError, match=field):
        train_to_file(
            config_of().with_(**change.get("config", {})),
            replace(training_data, facts=training_data.facts.model_copy(update=other_data)),
            path,
            strategy=change.get("strategy", "auto"),
        )
    assert checkpoint_paths(path)[0].read_bytes() == before
    assert [found.name for found in tmp_path.iterdir()] == [".run.h5.ckpt"]


def _stage(**changes):
    return lambda facts, arrays: facts["stages"]["seeds"].update(changes)


def _facts(**changes):
    return lambda facts, arrays: facts.update(changes)


def _array(name, change):
    def forge(facts, arrays):
        arrays[f"seeds/{name}"] = change(arrays[f"seeds/{name}"])

    return forge


FORGED = {
    "negative updates": _stage(updates=-5),
    "more updates than there are": _stage(updates=3_000_001),
    "updates that are no number": _stage(updates="many"),
    "updates that are true": _stage(updates=True),
    "no updates": lambda facts, arrays: facts["stages"]["seeds"].pop("updates"),
    "endless seconds": _stage(seconds=float("inf")),
    "seconds in words": _stage(seconds="long"),
    "no layout": _stage(layout=None),
    "unknown strategy": _stage(layout={"strategy": "evil", "mesh": [1, 1]}),
    "a stage that is none": lambda facts, arrays: facts["stages"].update(evil={}),
    "a stage without arrays": lambda facts, arrays: facts["stages"].update(search=facts["stages"]["seeds"]),
    "no stages": _facts(stages={}),
    "stages that are a list": _facts(stages=[1]),
    "resumed in words": _facts(resumed_at="never"),
    "resumed before the start": _facts(resumed_at=[-1]),
    "no machinery": _facts(machinery=3),
    "begun at no time": _facts(began={"utc": "yesterday"}),
    "begun in a list": _facts(began=["2026"]),
    "resumed at no time": _facts(resumed_utc=["never"]),
    "an array of no stage": lambda facts, arrays: arrays.update({"evil/x": np.zeros(1)}),
    "a seed too few": _array("state/diverged_at", lambda array: array[:-1]),
    "diverged in the future": _array("state/diverged_at", lambda array: array + 10**6),
    "weights of another network": _array("state/params/0/weight", lambda array: array[..., :-1]),
    "weights of another type": _array("state/params/0/weight", lambda array: array.astype(np.float64)),
    "no weights": lambda facts, arrays: arrays.pop("seeds/state/params/0/weight"),
    "records elsewhere": _array("history/update", lambda array: array + 1),
    "records in words": _array("history/update", lambda array: array.astype(np.float64)),
    "a record too few": lambda facts, arrays: (
        arrays.update(
            {
                name: array[:1]
                for name, array in arrays.items()
                if name.startswith("seeds/history/record/") or name == "seeds/history/update"
            }
        )
        or facts["stages"]["seeds"].update(updates=119)
    ),
    "other bins": _array("history/record/activation/histogram", lambda array: array[..., :1]),
    "no device": lambda facts, arrays: facts["machinery"].update(devices=0),
    "words that a terminal obeys": lambda facts, arrays: facts["machinery"].update(jax="\x1b[31mHI"),
    "a mesh of words": _stage(layout={"strategy": "map", "mesh": ["x", [1]]}),
    "a record too many": _array("history/update", lambda array: np.append(array, 240)),
    "no errors": lambda facts, arrays: arrays.pop("seeds/history/record/curves/valid_error"),
    "a record of something else": lambda facts, arrays: arrays.update(
        {"seeds/history/record/evil": np.zeros((1, 3, 1))}
    ),
    "a curve of another shape": _array("history/record/curves/test_error", lambda array: array[:, :1]),
    "errors below 0": _array("history/record/curves/test_error", lambda array: array - 5),
    "layers that are not there": _array(
        "history/record/activation/std", lambda array: np.repeat(array, 2, axis=-1)
    ),
    "Jacobians elsewhere": _array("history/jacobian_update", lambda array: array + 1),
    "Jacobians of another shape": _array("history/jacobian_values", lambda array: array[..., 0]),
    "pre-training that was not asked for": lambda facts, arrays: arrays.update(
        {"seeds/history/pretrained": np.array([10**9])}
    ),
    "answers beside 0 and 1": lambda facts, arrays: arrays.update(
        {"seeds/history/test_correct": np.full((3, 1, 10), 77, np.int8)}
    ),
}


@pytest.mark.parametrize("name", FORGED)
def test_a_checkpoint_that_no_training_left_is_refused_in_one_line(training_data, tmp_path, begun, name):
    path = tmp_path / "run.h5"
    facts, arrays = copy.deepcopy(dict(begun.facts)), dict(begun.arrays)
    FORGED[name](facts, arrays)
    write_checkpoint(path, replace(begun, facts=facts, arrays=arrays))

    with pytest.raises(ResumeError) as caught:
        train_to_file(config_of(), training_data, path)
    assert "\n" not in str(caught.value)
    assert not path.exists()


def test_control_the_checkpoint_that_was_forged_is_good(training_data, whole, tmp_path, begun):
    path = tmp_path / "run.h5"
    write_checkpoint(path, begun)
    train_to_file(config_of(), training_data, path)

    assert_same_runs(read_run(path), whole(config_of()))


def test_a_training_that_an_older_version_began_goes_on(training_data, whole, tmp_path, begun):
    path = tmp_path / "run.h5"
    known = {name: value for name, value in begun.identity.items() if name not in RunConfig.added}
    assert len(known) < len(begun.identity)
    write_checkpoint(path, replace(begun, identity=known))
    train_to_file(config_of(), training_data, path)
    run = read_run(path)

    assert run.provenance["resumed_at"] == [begun.facts["stages"]["seeds"]["updates"]]
    assert_same_runs(run, whole(config_of()))


@pytest.fixture(scope="module")
def begun(training_data, tmp_path_factory, compiled_once):
    """The checkpoint of an interrupted training of `config_of()`."""
    path = tmp_path_factory.mktemp("begun") / "run.h5"
    train_to_file(config_of(), training_data, path, hooks=StopAt(20).hooks)
    return read_checkpoint(checkpoint_paths(path)[0])


@pytest.mark.parametrize("strategy", ["auto", "sharded"])
@pytest.mark.parametrize("device", ["a GPU", None])
def test_what_began_on_another_kind_of_device_is_laid_out_for_this_one(
    training_data, tmp_path, begun, strategy, device
):
    """A GPU's batched members took three times as long on a CPU; the bits change there anyway."""
    path, notes = tmp_path / "run.h5", []
    facts = {
        **begun.facts,
        "machinery": {**begun.facts["machinery"], **({"device": device} if device else {})},
        "stages": {
            name: {**stage, "layout": {"strategy": "vmap", "mesh": [1, 1]}}
            for name, stage in begun.facts["stages"].items()
        },
    }
    write_checkpoint(path, replace(begun, facts=facts))
    if strategy == "sharded" and not device:
        with pytest.raises(ResumeError, match="strategy vmap, not sharded"):
            train_to_file(config_of(), training_data, path, strategy=strategy)
        return
    run = train_to_file(config_of(), training_data, path, strategy=strategy, note=notes.append)

    assert any("rounding" in note for note in notes) == bool(device)
    assert run.provenance["strategy"] == ("sharded" if device else "vmap")


def test_another_jax_is_warned_of_and_gone_on_with(training_data, whole, tmp_path, begun):
    path, notes = tmp_path / "run.h5", []
    machinery = {**begun.facts["machinery"], "jax": "0.0.1"}
    write_checkpoint(path, replace(begun, facts={**begun.facts, "machinery": machinery}))
    train_to_file(config_of(), training_data, path, note=notes.append)

    assert notes[0].startswith("warning:")
    assert "jax 0.0.1, not" in notes[0]
    assert_same_runs(read_run(path), whole(config_of()))


def test_a_member_that_diverged_stays_so_and_changes_nobody(training_data, monkeypatch):
    variants = (Variant("normalized", 1e6), Variant("normalized", 0.1))
    # Values that a bounded activation reaches only slowly.
    monkeypatch.setattr(member, "LARGEST_FACTOR", 1e3)
    population = Population(config_of(jacobian_examples=0), (0, 1, 2), variants)
    engine = Engine(population, training_data, choose_layout(3, 2, "map"))
    whole = train_population(engine, TrainingHooks())
    stages, stop = [], StopAt(50)
    train_population(engine, replace(stop.hooks, save=stages.append))
    runs = train_population(engine, TrainingHooks(), stages[-1])

    assert (runs[0]["final/diverged_at"] >= 0).all()
    assert (runs[0]["final/diverged_at"] < 50).all()
    assert (runs[1]["final/diverged_at"] == -1).all()
    for one, other in zip(runs, whole, strict=True):
        assert_same_runs(one, other)
