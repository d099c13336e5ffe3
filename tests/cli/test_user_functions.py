"""Tests user functions: their checks, and a training with three of them."""

from __future__ import annotations

import json
import sys

import jax.numpy as jnp
import numpy as np
import pytest

from xavier_cli.cli.terminal.errors import one_line
from xavier_cli.config.run import RunConfig
from xavier_cli.data.user_data import user_set
from xavier_cli.nn.mlp import Dense
from xavier_cli.nn.user_functions import user_activation, user_initializer
from xavier_cli.runs.store import read_run
from xavier_cli.training.step.optimizer import apply_updates, make_optimizer
from xavier_cli.training.step.user_optimizer import user_optimizer
from xavier_cli.vocabulary.user_code import load_user_function
from xavier_cli.vocabulary.user_functions import UserFunctionError, digest

MUTE = """
class Mute(Exception):
    def __str__(self): raise RuntimeError("no words")
    __repr__ = __str__
class MuteValue(ValueError):
    def __str__(self): raise SystemExit(3)
    __repr__ = __str__
"""
TEXT = """
import jax
import jax.numpy as jnp
import numpy as np
import optax

def wave(s):
    return jnp.sin(s) + 0.5 * s

def mine(key, shape, dtype=jnp.float32):
    return jax.random.normal(key, shape, dtype) / jnp.sqrt(shape[0])

def images():
    with open({log!r}, "a") as file:
        file.write("called\\n")
    rng = np.random.default_rng(0)
    y = rng.integers(0, 3, 4000)
    x = rng.integers(0, 120, (4000, 16))
    x[np.arange(4000), 5 * y] += 120
    return x.astype(np.uint8), y

def mute(*_): raise Mute("x")
def short(s): return s[:1]
def half(s): return s.astype(jnp.bfloat16)
def nan(s): return jnp.log(s)
def numpyish(s): return np.tanh(np.asarray(s))
def normed(s): return s / (1 + jnp.sum(s**2))
def flat(s): return jnp.ones_like(s)
def steep(s): return jnp.sqrt(jnp.abs(s))
def words(s): return "no array"
def two(s, t): return s
def calling(s):
    return jax.pure_callback(np.tanh, jax.ShapeDtypeStruct(s.shape, s.dtype), s, vmap_method="expand_dims")
number = 3

def heavy(lr):
    return optax.chain(optax.trace(0.9), optax.scale(-lr))

def rateless(): return optax.sgd(0.1)
def nothing(lr): return lr
def growing(lr): return optax.GradientTransformation(lambda p: (), lambda g, s, p: (g, (*s, lr)))
def flattened(lr): return optax.GradientTransformation(lambda p: (), lambda g, s, p: (lr, s))
def keeping(lr): return optax.GradientTransformation(lambda p: lr, lambda g, s, p: (g, s))
def dividing(lr): return optax.stateless(lambda g, p: jax.tree.map(lambda g: lr / g, g))

def unkeyed(shape): return jnp.zeros(shape)
def transposed(key, shape, dtype): return jnp.zeros(shape[::-1], dtype)
def double(key, shape, dtype): return np.zeros(shape, np.float16)
def endless(key, shape, dtype): return jnp.full(shape, jnp.inf, dtype)

def unlabelled(): return np.zeros((4, 4))
def floats(): return np.zeros((4, 4)), np.full(4, 0.5)
def few(): return np.zeros((4, 4)), np.zeros(4, int)
def needy(path): return 0
def parts(): return (np.zeros((4, 4)), np.zeros(4, int)), (np.zeros((2, 4)), np.zeros(2, int))
def leaving(): raise SystemExit("bye")
def setting():
    import jax
    jax.config.update("jax_enable_x64", True)
def broken(): raise KeyError("x")
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A folder with the user's file, the current one meanwhile."""
    folder = tmp_path_factory.mktemp("own")
    (folder / "own_words.py").write_text(TEXT.format(log=str(folder / "calls")) + MUTE)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        yield folder


@pytest.mark.parametrize(
    ("tried", "name", "message"),
    [
        (
            user_activation,
            "short",
            r"maps each number of it.*for \(6, 4\) float32 it returns \(1, 4\) float32",
        ),
        (user_activation, "half", r"returns \(6, 4\) bfloat16"),
        (user_activation, "nan", "its value at -12 is not finite"),
        (user_activation, "numpyish", "is not made of JAX's functions alone: TracerArrayConversionError"),
        (user_activation, "calling", "is not made of JAX's functions alone: it calls Python back"),
        (user_activation, "normed", "depends on the rest of the array"),
        (user_activation, "flat", "its slope is 0 everywhere"),
        (user_activation, "steep", "its slope at 0 is not finite"),
        (user_activation, "words", "fails: TypeError|returns str"),
        (user_activation, "two", "called so, it fails: TypeError: two.. missing 1 required"),
        (user_activation, "number", "is int, not a function"),
        (user_activation, "wav", "unknown function of `own_words.py` `wav`: did you mean `wave`"),
        (user_initializer, "unkeyed", r"takes \(key, shape, dtype\).*called so, it fails: TypeError"),
        (user_initializer, "transposed", r"for \(6, 4\) float32 it returns \(4, 6\) float32"),
        (user_initializer, "double", "float16"),
        (user_initializer, "endless", "draws weights that are not finite"),
        (user_optimizer, "rateless", "takes the learning rate and returns.*called so, it fails: TypeError"),
        (user_optimizer, "nothing", "called so, it fails: AttributeError"),
        (user_optimizer, "growing", "its state is not of the shapes and types as its first one was"),
        (user_optimizer, "flattened", "its update is not of the shapes and types as its parameters are"),
        (user_optimizer, "keeping", "its first state depends on the learning rate"),
        (user_optimizer, "dividing", "not finite out of gradients of 0 and 1"),
        (user_set, "unlabelled", "returns ndarray"),
        (user_set, "floats", "`y` holds 0.5; labels are whole numbers or names"),
        (user_set, "few", "has 1 test example, where 300"),
        (user_set, "needy", "takes nothing and returns .*called so, it fails: TypeError"),
        (user_activation, "mute", "called so, it fails: Mute$"),
        (user_initializer, "mute", "called so, it fails: Mute$"),
        (user_optimizer, "mute", "called so, it fails: Mute$"),
        (user_set, "parts", "`own_words.py:parts`: .* returns .x, y., or .*; its `x` is not one array$"),
        (user_set, "leaving", "`own_words.py:leaving`: .*it fails: SystemExit: bye"),
        (user_set, "setting", "`own_words.py:setting` changes JAX's settings"),
        (user_set, "mute", "called so, it fails: Mute$"),
        (user_set, "broken", "it fails: KeyError"),
    ],
)
def test_a_function_that_is_none_of_its_kind_is_told_in_one_line(folder, tried, name, message):
    with pytest.raises(UserFunctionError, match=message) as caught:
        tried(f"own_words.py:{name}")

    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 400


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("def f(:\n", "is not Python: .*line 1"),
        ("\0", "is not Python: "),
        ("\xff", "is not Python: "),
        ("import there_is_no_such_module_here\n", "cannot be imported: ModuleNotFoundError: No module named"),
        ("raise SystemExit(0)\n", "cannot be imported: SystemExit"),
        ("1 / 0\n", "cannot be imported: ZeroDivisionError: division by zero"),
        (MUTE + "raise Mute\n", "cannot be imported: Mute$"),
        (MUTE + "raise MuteValue\n", "cannot be imported: MuteValue$"),
        ("def f(): pass\n", "unknown function of .* `wave`: known: f"),
    ],
)
def test_a_file_that_cannot_be_used_is_told_in_one_line(tmp_path, text, message):
    (tmp_path / "bad.py").write_text(text, "latin-1")

    with pytest.raises(UserFunctionError, match=message) as caught:
        load_user_function(f"{tmp_path}/bad.py:wave")
    assert "\n" not in str(caught.value)


def test_a_file_runs_once_for_one_text(tmp_path):
    file = tmp_path / "counted.py"
    text = "with open(__file__ + '.runs', 'a') as file:\n    file.write('x')\ndef f(s): return s\n"
    file.write_text(text)
    first = load_user_function(f"{file}:f")

    assert load_user_function(f"{file}:f") is first
    assert (tmp_path / "counted.py.runs").read_text() == "x"
    file.write_text(text.replace("return s", "return 2 * s"))
    assert load_user_function(f"{file}:f")(1) == 2


def test_a_module_is_found_by_name_here_and_an_entry_point_by_its_own(folder, monkeypatch):
    from importlib import metadata

    entries = [metadata.EntryPoint("mine_too", "own_words:mine", "xavier.initializers")]
    monkeypatch.setattr(
        metadata,
        "entry_points",
        lambda group, name: [e for e in entries if (e.group, e.name) == (group, name)],
    )
    monkeypatch.delitem(sys.modules, "own_words", raising=False)
    config = RunConfig.of(act="own_words:wave", init="mine_too")

    assert config.init == "own_words:mine"
    assert load_user_function(config.act).__name__ == "wave"
    assert config.sources == f"own_words {digest((folder / 'own_words.py').read_bytes())}"


def test_the_text_is_part_of_the_configuration_and_reading_one_needs_no_file(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    file = tmp_path / "changing.py"
    file.write_text("def f(s): return s\n")
    config = RunConfig.of(act="changing.py:f", init="normalized,output=changing.py:g")
    file.write_text("def f(s): return 2 * s\n")

    assert RunConfig.of(act="changing.py:f").sources != config.sources
    with pytest.raises(UserFunctionError, match=r"`changing.py` has changed since"):
        config.check_code()
    file.unlink()
    assert RunConfig.from_json(config.to_json()) == config
    assert config.with_(lr=0.1).sources == config.sources
    assert config.with_(act="tanh", init="normalized").sources == ""
    assert config.file_stem().startswith("shapeset-f-normalized-output-g-d5")


def test_a_network_of_the_users_own_is_trained(folder, xavier):
    asked = (
        *("train", "-q", "--act", "own_words.py:wave", "--init", "own_words.py:mine,output=zeros"),
        *("--data", "own_words.py:images", "--bias-init", "torch_default", "--depth", "2", "--width", "12"),
        *("--seeds", "2", "--updates", "300", "--records", "2", "--lr", "0.05", "--jacobian-examples", "0"),
    )
    answer = xavier(*asked, "-f", "json")

    assert answer.code == 0, answer.err
    page = json.loads(answer.out)
    run = read_run(page["run"])
    assert max(page["test_error"]) < 0.4
    assert page["run"].startswith("runs/own-images-wave-mine-output-zeros-d2w12-lr0.05-")
    assert run.config.sources == f"own_words.py {digest((folder / 'own_words.py').read_bytes())}"
    # Weights as the function draws them, zeros for the output, biases of ±1/√fan_in.
    assert run["weight/std"][:, 0] == pytest.approx(np.tile([0.25, 12**-0.5, 0], (2, 1)), rel=0.2)
    assert run["bias/std"][:, 0, :2] == pytest.approx(np.tile([48**-0.5, 36**-0.5], (2, 1)), rel=0.5)
    # Its kinks and range were found: sin(s) + s/2 grows without end, so it is saturated nowhere.
    assert np.isinf(run["preactivation/saturated_bound"]).all()
    assert run["theory/activation_std"] == pytest.approx(run["activation/std"][:, 0].mean(axis=0), rel=0.35)
    assert run["theory/backprop_std"] == pytest.approx([0, 0])
    assert run["theory/activation_std_sd"].shape == (2,)
    assert (folder / "calls").read_text() == "called\n"


def test_an_optimizer_of_the_users_own_moves_weights_as_the_same_one_of_optax(folder):
    params = (Dense(jnp.ones((3, 2)), jnp.zeros(2)),)
    gradient = (Dense(jnp.full((3, 2), 0.5), jnp.ones(2)),)
    moved = []
    for optimizer in ("own_words.py:heavy", "momentum:0.9"):
        config = RunConfig.of(optimizer=optimizer, data="own_words.py:images")
        update = make_optimizer(config)
        state, at = update.init(params), params
        for _ in range(3):
            changes, state = update.update(gradient, state, at, jnp.float32(0.1))
            at = apply_updates(at, changes)
        moved.append(np.asarray(at[0].weight))

    assert config.optimizer == "sgd:momentum=0.9"
    assert moved[0] == pytest.approx(moved[1], rel=1e-6)
    assert (moved[0] < 0.9).all()


@pytest.mark.slow
def test_an_optimizer_of_the_users_own_trains_as_the_same_one_of_optax(folder, xavier):
    errors = {}
    for optimizer in ("own_words.py:heavy", "momentum:0.9"):
        answer = xavier(
            *("train", "-q", "-f", "json", "--optimizer", optimizer, "--data", "own_words.py:images"),
            *("--depth", "1", "--width", "12", "--seeds", "1", "--updates", "200", "--records", "2"),
            *("--lr", "0.01", "--jacobian-examples", "0", "--schedule", "cosine"),
        )
        assert answer.code == 0, answer.err
        run = read_run(json.loads(answer.out)["run"])
        errors[optimizer] = run["curves/valid_loss"]

    assert run.config.sources.startswith("own_words.py ")
    assert errors["own_words.py:heavy"] == pytest.approx(errors["momentum:0.9"], rel=1e-5)
    assert (errors["momentum:0.9"][:, 1] < 0.8 * errors["momentum:0.9"][:, 0]).all()


def test_what_is_wrong_ends_a_training_before_anything_is_written(folder, xavier):
    before = {path.name for path in folder.rglob("*")}
    small = ("--depth", "1", "--width", "4", "--seeds", "1", "--data", "own_words.py:images")
    for options, message in (
        (("--act", "own_words.py:nan"), "`own_words.py:nan`: its value at -12 is not finite"),
        (("--init", "own_words.py:transposed"), "`own_words.py:transposed`: an initializer takes"),
        (("--bias-init", "own_words.py:endless"), "not finite"),
        (("--optimizer", "own_words.py:keeping"), "its first state depends on the learning rate"),
        (("--optimizer", "own_words.py:heavi"), "did you mean `heavy`"),
    ):
        answer = xavier("train", "-q", *small, *options)

        assert answer.code == 2
        assert message in answer.err
        assert answer.err.count("\n") == 1
    # Its own function of data writes `calls` the first time that any test asks for it.
    assert {path.name for path in folder.rglob("*")} - {"calls"} == before - {"calls"}


def test_an_error_that_cannot_say_what_it_is_ends_in_one_line():
    """Its `__str__` is user code, wherever the error is caught."""
    place: dict[str, type[Exception]] = {}
    exec(MUTE, place)

    assert one_line(place["Mute"]("x")).startswith("Mute: ; `--debug`")
    assert one_line(place["MuteValue"]("x")).startswith("MuteValue: ; `--debug`")


@pytest.mark.parametrize("setting", ["act", "init", "bias_init", "optimizer"])
def test_a_dry_run_tells_of_a_function_that_is_not_there(folder, setting, xavier):
    (folder / "grid.toml").write_text(f'title = "mine"\n[[cells]]\n{setting} = "own_words.py:heavi"\n')
    for command in (
        ("train", f"--{setting.replace('_', '-')}", "own_words.py:heavi"),
        ("sweep", "grid.toml"),
    ):
        answer = xavier(*command, "--dry-run")

        assert answer.code == 2
        assert not answer.out
        told = answer.err.splitlines()[-1]
        assert told == "xavier: unknown function of `own_words.py` `heavi`: did you mean `heavy`?"
