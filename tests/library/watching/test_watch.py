"""Tests `watch` on plain functions of JAX: records, files, resuming, and what is refused."""

from __future__ import annotations

import random
import warnings

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from support.drawn_numbers import normals_by_key

from xavier_cli import compare, read_run, watch
from xavier_cli.errors import ConfigError, LockedError, StorageError, XavierError
from xavier_cli.findings.health import diagnose
from xavier_cli.runs.errors import ResumeError
from xavier_cli.runs.merge import merge_runs
from xavier_cli.vocabulary.network_info import NetworkError

pytestmark = pytest.mark.usefixtures("in_own_folder")

RNG = np.random.default_rng(0)
X = RNG.normal(size=(60, 12)).astype(np.float32)
Y = np.argmax(X @ RNG.normal(size=(12, 3)), axis=1)
FANS = ((12, 10), (10, 10), (10, 3))


def init(key, std=0.3):
    return [{"w": std * w, "b": jnp.zeros(w.shape[1])} for w in normals_by_key(key, *FANS)]


begin = jax.jit(init)


def apply(params, x):
    for layer in params[:-1]:
        x = jnp.tanh(x @ layer["w"] + layer["b"])
    return x @ params[-1]["w"] + params[-1]["b"]


def loss_of(params, x, y):
    logits = apply(params, x)
    return jnp.mean(jax.nn.logsumexp(logits, axis=1) - jnp.take_along_axis(logits, y[:, None], 1)[:, 0])


@jax.jit
def step(params, x, y):
    loss, gradient = jax.value_and_grad(loss_of)(params, x, y)
    return jax.tree.map(lambda p, g: p - 0.3 * g, params, gradient), loss


def train(path=None, seed=0, updates=8, std=0.3, first=1, params=None, fails_at=0, **options):
    """A training, watched where there is a `path`; the last parameters."""
    params = begin(jax.random.key(seed), std) if params is None else params
    given = {"examples": (X, Y), "seed": seed, "records": "every:2"} | options
    run = watch((init, apply), path, params=params, **given) if path else None
    if run is None:
        for _ in range(first, updates + 1):
            params, _ = step(params, X, Y)
        return params
    with run:
        for update in range(first, updates + 1):
            params, loss = step(params, X, Y)
            run.record(update, params, train_loss=loss)
            if update == fails_at:
                raise KeyError("the loop's own")
    return params


def watched(path, params, **options):
    return watch((init, apply), path, params=params, examples=(X, Y), **options)


def test_a_watched_training_is_a_run_like_any_other(tmp_path):
    params = train(tmp_path / "run.h5", settings={"init": "normal:std=0.3", "act": "tanh", "lr": 0.3})

    run = read_run(tmp_path / "run.h5")
    assert run.status == "complete"
    assert run.updates.tolist() == [0, 2, 4, 6, 8]
    assert (run.config.init, run.config.act, run.lr, run.config.updates) == ("normal:std=0.3", "tanh", 0.3, 8)
    assert [each.name for each in run.network.layers] == ["0/w", "1/w", "2/w"]
    assert run.network.layers[0].drawn.nearest
    wanted = [float(jnp.std(each["w"])) for each in params]
    np.testing.assert_allclose(run["weight/std"][0, -1], wanted, rtol=1e-5)
    answer = apply(params, X)
    np.testing.assert_allclose(run["curves/test_error"][0, -1], np.mean(np.argmax(answer, 1) != Y))
    np.testing.assert_allclose(run["curves/valid_loss"][0, -1], loss_of(params, X, Y), rtol=1e-5)
    assert np.isnan(run["curves/train_loss"][0, 0])
    assert diagnose(run).state


def test_nothing_of_the_training_changes(tmp_path):
    plain = train()
    random.seed(1)
    np.random.seed(1)  # noqa: NPY002
    before = random.getstate(), np.random.get_state()[1].tolist()  # noqa: NPY002
    watched = train(tmp_path / "run.h5")

    for one, other in zip(jax.tree.leaves(plain), jax.tree.leaves(watched), strict=True):
        np.testing.assert_array_equal(one, other)
    assert (random.getstate(), np.random.get_state()[1].tolist()) == before  # noqa: NPY002


def test_seeds_are_files_that_are_compared_as_one_experiment(tmp_path):
    for seed in range(5):
        for name, std in (("small", 0.01), ("wide", 0.3)):
            train(tmp_path / f"{name}-{seed}.h5", seed, std=std, settings={"init": name, "depth": 2})

    runs, notes = merge_runs([read_run(path) for path in sorted(tmp_path.glob("*.h5"))])

    assert notes == []
    assert sorted((run.config.init, tuple(run.seeds)) for run in runs) == [
        ("small", (0, 1, 2, 3, 4)),
        ("wide", (0, 1, 2, 3, 4)),
    ]
    (section,) = compare(runs).sections
    assert {row.settings["init"] for row in section.rows} == {"small", "wide"}
    assert {row.settings["net"] for row in section.rows} == {"watched:network:depth=2"}
    assert section.tests == 1


def test_the_loss_of_training_is_the_mean_since_the_record_before(tmp_path):
    params = begin(jax.random.key(0))
    with watched(tmp_path / "run.h5", params, records="every:3") as run:
        for update, loss in enumerate((1.0, 2.0, jnp.float32(6.0), 4.0), 1):
            run.record(update, params, train_loss=loss)
        run.record(4, test_error=0.25, test_loss=np.float64(0.5), valid_error=0.5)

    read = read_run(tmp_path / "run.h5")
    assert read.updates.tolist() == [0, 3, 4]
    assert read["curves/train_loss"][0, 1:].tolist() == [3.0, 4.0]
    assert read["curves/test_error"][0, -1] == 0.25
    assert read["curves/test_loss"][0, -1] == 0.5
    assert read["curves/valid_error"][0, -1] == 0.5
    assert "curves/train_error" not in read


def test_what_is_known_after_a_record_is_put_into_it(tmp_path):
    params = begin(jax.random.key(0))
    with watched(tmp_path / "run.h5", params, records="every:1") as run:
        assert run.record(1, params)
        assert not run.record(1, test_error=0.125, train_loss=3.0, train_error=0.5)

    read = read_run(tmp_path / "run.h5")
    assert read["curves/test_error"][0].tolist()[1:] == [0.125]
    assert read["curves/train_loss"][0].tolist()[1:] == [3.0]
    assert read["curves/train_error"][0].tolist()[1:] == [0.5]


def test_an_exception_leaves_what_there_is(tmp_path):
    with pytest.raises(KeyError, match="the loop's own"):
        train(tmp_path / "run.h5", fails_at=5)

    run = read_run(tmp_path / "run.h5")
    assert run.status == "interrupted"
    assert run.updates.tolist() == [0, 2, 4]


def test_an_interrupted_training_is_resumed(tmp_path):
    train(tmp_path / "whole.h5", updates=9)
    with pytest.raises(KeyError):
        train(tmp_path / "run.h5", updates=9, fails_at=7)
    # From a checkpoint after 4 updates: what was recorded after those is replaced.
    params = train(updates=4)
    train(tmp_path / "run.h5", updates=9, first=5, params=params)

    whole, run = (read_run(tmp_path / f"{name}.h5") for name in ("whole", "run"))
    assert run.status == "complete"
    assert run.updates.tolist() == [0, 2, 4, 6, 8, 9]
    assert run.provenance["resumed_at"] == [4]
    assert run.network == whole.network
    for name in whole.arrays:
        np.testing.assert_array_equal(run[name], whole[name], name)


def test_a_training_from_the_beginning_replaces_the_file(tmp_path):
    train(tmp_path / "run.h5", std=0.3)
    train(tmp_path / "run.h5", std=0.01)

    run = read_run(tmp_path / "run.h5")
    assert run["weight/std"][0, 0, 0] < 0.02
    assert "resumed_at" not in run.provenance


def test_a_complete_file_stays_until_a_new_training_is_as_far(tmp_path):
    path = tmp_path / "runs" / "a.h5"
    train(path)
    with pytest.raises(KeyError):
        train(path, fails_at=3)
    assert (read_run(path).status, read_run(path).updates[-1]) == ("complete", 8)
    with pytest.raises(KeyError):
        train(path, updates=12, fails_at=11)
    assert (read_run(path).status, read_run(path).updates[-1] > 8) == ("interrupted", True)


def test_a_file_stays_where_nothing_is_recorded(tmp_path):
    train(tmp_path / "run.h5")
    before = (tmp_path / "run.h5").read_bytes()
    with watch(
        (init, apply), tmp_path / "run.h5", params=init(jax.random.key(0)), examples=(X, Y), records="every:2"
    ):
        pass

    assert (tmp_path / "run.h5").read_bytes() == before


def test_a_file_of_other_settings_is_refused(tmp_path):
    train(tmp_path / "run.h5", settings={"init": "he", "depth": 2})

    for settings, words in (
        ({"init": "zeros", "depth": 2}, "init he_normal, not zeros"),
        ({"init": "he", "depth": 3}, "depth 2, not 3"),
        ({"init": "he", "depth": 2, "lr": 0.1}, "no lr, not 0.1"),
    ):
        with pytest.raises(ResumeError, match=words):
            train(tmp_path / "run.h5", settings=settings)
    with pytest.raises(ResumeError, match="seed 0, not 1"):
        train(tmp_path / "run.h5", 1, settings={"init": "he", "depth": 2})


def test_a_file_of_another_network_is_refused(tmp_path, make_run):
    train(tmp_path / "run.h5")
    small = begin(jax.random.key(0))[:1] + init(jax.random.key(0))[2:]
    with pytest.raises(ResumeError, match=r"other layers \(3, now 2\)"):
        train(tmp_path / "run.h5", params=small)

    from xavier_cli.runs.store import write_run

    write_run(tmp_path / "ours.h5", make_run(width=8, depth=2, updates=100, records=3))
    with pytest.raises(ResumeError, match="holds a run of `xavier`'s own"):
        train(tmp_path / "ours.h5")


def test_a_network_that_is_not_finite_has_diverged(tmp_path):
    params = begin(jax.random.key(0))
    broken = jax.tree.map(lambda each: each * jnp.nan, params)
    with watched(tmp_path / "run.h5", params, records="every:1") as run:
        run.record(1, params)
        run.record(2, broken, train_loss=float("nan"))
        run.record(3, broken)

    read = read_run(tmp_path / "run.h5")
    assert read["final/diverged_at"].tolist() == [2]
    assert read.status == "complete"


def test_the_first_parameters_may_come_with_record_0(tmp_path):
    params = begin(jax.random.key(0))
    with watch((init, apply), tmp_path / "run.h5", examples=(X, Y), records="every:1") as run:
        run.record(0, params)
        run.record(1, params)
    assert read_run(tmp_path / "run.h5").updates.tolist() == [0, 1]

    with (
        pytest.raises(ConfigError, match=r"`run.record\(0, params\)` before the first update"),
        watch((init, apply), tmp_path / "other.h5", examples=(X, Y)) as run,
    ):
        run.record(1, params)
    with (
        pytest.raises(ConfigError, match=r"give the parameters as they are now"),
        watch((init, apply), tmp_path / "other.h5", examples=(X, Y), params=params, records="every:1") as run,
    ):
        run.record(1)


def test_a_block_without_updates_is_a_look_at_the_network(tmp_path):
    with watch((init, apply), tmp_path / "run.h5", params=init(jax.random.key(0)), examples=(X, Y)):
        assert read_run(tmp_path / "run.h5").status == "running"

    run = read_run(tmp_path / "run.h5")
    assert (run.status, run.updates.tolist()) == ("complete", [0])


def test_leaving_early_is_said(tmp_path):
    params = begin(jax.random.key(0))
    with pytest.warns(UserWarning, match="left after 8 of 10 updates"):  # noqa: PT031, SIM117
        with watched(tmp_path / "run.h5", params, updates=10) as run:
            for update in range(1, 9):
                run.record(update, params)

    assert read_run(tmp_path / "run.h5").status == "interrupted"


def test_evenly_spaced_records_end_with_the_last_update(tmp_path):
    params = begin(jax.random.key(0))
    with watch(
        (init, apply), tmp_path / "run.h5", params=params, examples=(X, Y), updates=10, records=6
    ) as run:
        for update in range(1, 11):
            run.record(update, params)

    read = read_run(tmp_path / "run.h5")
    assert (read.status, read.updates.tolist()) == ("complete", [0, 2, 4, 6, 8, 10])


def test_two_at_a_time_cannot_write_one_file(tmp_path):
    params = begin(jax.random.key(0))
    with (
        watched(tmp_path / "run.h5", params),
        pytest.raises(LockedError),
        watched(tmp_path / "run.h5", params),
    ):
        pass


def test_a_disk_that_is_full_ends_no_training(tmp_path, monkeypatch):
    from xavier_cli.library.watching import file

    real, fails = file.write_run, [False]

    def full(path, run):
        if fails[0]:
            raise StorageError(path, "could not be written: No space left on device")
        real(path, run)

    monkeypatch.setattr(file, "write_run", full)
    monkeypatch.setattr(file.WatchedFile, "is_time", property(lambda _: True))
    params = begin(jax.random.key(0))
    with watched(tmp_path / "run.h5", params, records="every:1") as run:
        fails[0] = True
        with pytest.warns(UserWarning, match="No space left on device; it is tried again"):
            run.record(1, params)
        fails[0] = False

    assert read_run(tmp_path / "run.h5").updates.tolist() == [0, 1]


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"path": "run.npz"}, r"is to end in `\.h5`"),
        ({"path": "no/such/run.h5"}, "there is no folder `no/such`: make it first"),
        ({"examples": X}, r"are to be `\(x, y\)`"),
        ({"examples": (X[:0], Y[:0])}, "x is empty"),
        ({"examples": (X, Y[:9])}, "60 of x and 9 of y"),
        ({"examples": ("text", Y)}, "x is str"),
        ({"examples": (X * np.nan, Y)}, "x holds NaN or infinity"),
        ({"examples": (X, Y + 7)}, "y holds class 9, but its answer has 3 classes"),
        ({"examples": (X, Y - 1)}, "y holds class -1"),
        ({"examples": (X, Y.astype(float))}, "give classes as whole numbers, or the `loss`"),
        ({"examples": (X[:, :5], Y)}, "does not run on examples of shape"),
        ({"model": "resnet"}, "it is str, no network"),
        ({"model": type}, "it is the class type"),
        ({"seed": -1}, "seeds: "),
        ({"records": "20"}, "need `updates=`"),
        ({"records": "often"}, "records: should be like 20, log:20 or every:500"),
        ({"updates": 2.5}, "updates: should be a whole number"),
        ({"settings": {"updates": 9}}, "`updates` is told to `watch` itself"),
        ({"settings": {"lr": object()}}, "`lr` is object: give a number or a text"),
        ({"settings": {3: 1}}, "`3` is no name of a setting"),
        ({"loss": lambda answer, y: jnp.zeros(7)}, r"has shape \(7,\) for 60 examples"),
        ({"loss": lambda answer, y: jnp.zeros(60, int)}, "return real numbers"),
        ({"loss": lambda answer, y: answer @ y}, "cannot be measured"),
        ({"params": {"w": 1j * jnp.ones((12, 3))}}, "complex"),
    ],
)
def test_bad_input_is_one_line_with_a_remedy(changes, words, tmp_path):
    given = {"model": (init, apply), "path": "run.h5", "params": init(jax.random.key(0)), "examples": (X, Y)}
    given |= changes
    with (
        pytest.raises(XavierError, match=words) as error,
        watch(given.pop("model"), given.pop("path"), **given),
    ):
        pass

    assert "\n" not in str(error.value)
    assert not (tmp_path / "run.h5").exists()


def test_what_is_recorded_wrongly_is_one_line(tmp_path):
    params = begin(jax.random.key(0))
    made = watched(tmp_path / "run.h5", params)
    with pytest.raises(ConfigError, match="begin by `with"):
        made.record(1, params)
    with made as run:
        run.record(5, params)
        for call, words in (
            (lambda: run.record(4, params), "update: 4 after 5: count all updates"),
            (lambda: run.record(float("nan"), params), "should be a whole number"),
            (lambda: run.record(True, params), "should be a whole number"),
            (lambda: run.record(-1, params), "should be from 0"),
            (lambda: run.record(6, params, accuracy=0.9), "did you mean `test_error`"),
            (lambda: run.record(6, params, test_error=12.5), "an error of 12.5 % is 0.125"),
            (lambda: run.record(6, params, train_loss=jnp.zeros(3)), r"one number, not shape \(3,\)"),
            (lambda: run.record(6, params, train_loss="low"), "one number, not str"),
        ):
            with pytest.raises(ConfigError, match=words) as error:
                call()
            assert "\n" not in str(error.value)
    with pytest.raises(ConfigError, match="entered before"), made:
        pass


def test_donated_parameters_cost_a_record_and_no_training(tmp_path):
    params = begin(jax.random.key(0))
    with pytest.warns(UserWarning, match="no record after 3 updates"):  # noqa: PT031, SIM117
        with watch(
            (init, apply), tmp_path / "run.h5", params=params, examples=(X, Y), records="every:2"
        ) as run:
            run.record(2, params)
            run.record(3, params)
            for each in jax.tree.leaves(params):
                each.delete()

    assert read_run(tmp_path / "run.h5").updates.tolist() == [0, 2]


def test_a_network_that_changes_its_parameters_names_is_no_record(tmp_path):
    params = begin(jax.random.key(0))
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        with watch(
            (init, apply), tmp_path / "run.h5", params=params, examples=(X, Y), records="every:1"
        ) as run:
            run.record(1, params[:1] + params[2:])
            run.record(2, params)
    assert any("other names or shapes" in str(each.message) for each in said)
    assert issubclass(NetworkError, XavierError)
