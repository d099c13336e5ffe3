"""Tests that user functions are tried before use, and that later errors are reported in one line."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import replace

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from xavier_cli.data.user_data import _called, user_set
from xavier_cli.findings.health import check
from xavier_cli.findings.health.divergence import why_diverged
from xavier_cli.nn.initializers import find_unkeyed
from xavier_cli.nn.mlp import Dense
from xavier_cli.nn.user_functions import user_activation, user_initializer
from xavier_cli.runs.same_start import same_start, same_start_note
from xavier_cli.runs.store import read_run
from xavier_cli.training.step.user_optimizer import user_optimizer
from xavier_cli.vocabulary.datasets import find_data
from xavier_cli.vocabulary.resolve import find_activation, find_initializer
from xavier_cli.vocabulary.user_code import blamed, guarded, load_user_function
from xavier_cli.vocabulary.user_functions import UserFunctionError

TEXT = """
import dataclasses, functools, sys
import jax, jax.numpy as jnp, numpy as np, optax
print("printed at import")

def any_numpy(key, shape, dtype=jnp.float32): return jnp.asarray(np.random.normal(size=shape), dtype)
def fixed(key, shape, dtype=jnp.float32):
    return jnp.asarray(np.random.default_rng(0).normal(size=shape), dtype) / shape[0] ** 0.5
def ones(key, shape, dtype=jnp.float32): return jnp.ones(shape, dtype)
def drawn(key, shape, dtype=jnp.float32): return jax.random.normal(key, shape, dtype) / shape[0] ** 0.5
def saved(key, shape, dtype=jnp.float32):
    if shape != (9, 5): raise ValueError(f"no array of {shape}")
    return drawn(key, shape, dtype)
def asking(key, shape, dtype=jnp.float32):
    return jax.pure_callback(lambda: np.zeros(shape, np.float32), jax.ShapeDtypeStruct(shape, dtype))

def root(s): return jnp.where(s > 0, jnp.sqrt(s), s)
calls = []
def counting(s):
    calls.append(s)
    return s * len(calls)
def noisy(s): return jnp.tanh(s) + 0.01 * np.random.normal()
def nothing(s): return None
def complex_(s): return s + 0j
def whole(s): return (s > 0).astype(jnp.int32)
def flag(s): return s > 0
def plain(s): return 1.0
def first(s): return s.ravel()[0]
def only_named(*, s): return s
def endless(s): return endless(s)
def leaving(s): sys.exit(0)
def wide(s):
    jax.config.update("jax_enable_x64", True)
    return jnp.tanh(s)
def picky(s):
    if s.shape == (7, 7): raise SystemExit(0)
    return jnp.tanh(s)
def closing(s):
    for each in (sys.stdin, sys.stdout, sys.stderr, sys.__stdout__, sys.__stderr__):
        each.close()
    sys.stdout.buffer.close()
    with sys.stderr: pass
    sys.stdin = sys.stdout = sys.stderr = sys.__stdout__ = sys.__stderr__ = None
    return jnp.tanh(s)
def unseeded():
    rng = np.random.default_rng()
    return rng.integers(0, 255, (4000, 6)).astype(np.uint8), np.arange(4000) % 2
def turning(s): return jnp.tanh(s)[:1] if s.shape == (7, 7) else jnp.tanh(s)
class Unspeakable(Exception):
    def __str__(self): raise RuntimeError
def unspeakable(s): raise Unspeakable

@jax.custom_jvp
def ruled(s): return jnp.tanh(s)
@ruled.defjvp
def rule(primals, tangents):
    if primals[0].shape == (7, 7): raise KeyError("no rule")
    return jnp.tanh(primals[0]), (1 - jnp.tanh(primals[0]) ** 2) * tangents[0]

@dataclasses.dataclass
class Scaled:
    by: float = 1.0
    def __call__(self, s): return jnp.tanh(self.by * s)
factory = jax.nn.initializers.he_normal
def maker(s): return jnp.tanh
async def waiting(s=0): return s
@jax.custom_vjp
def backwards(s): return jnp.tanh(s)
backwards.defvjp(lambda s: (jnp.tanh(s), s), lambda s, g: (g * (1 - jnp.tanh(s) ** 2),))
instance, jitted, named = Scaled(), jax.jit(jnp.tanh), lambda s: jnp.tanh(s)
part = functools.partial(jax.nn.leaky_relu, negative_slope=0.2)

made = []
def hidden(lr):
    made.append(lr)
    return optax.sgd(lr * len(made))
def forgetting(lr):
    def update(gradient, state, params):
        if params[0].weight.shape == (7, 7): return None
        return jax.tree.map(lambda leaf: -lr * leaf, gradient), state
    return optax.GradientTransformation(lambda params: (), update)
"""


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A folder with the user's file, the current one."""
    # A text of its own, which is run anew for each test.
    (tmp_path / "tried.py").write_text(f"{TEXT}\n# {tmp_path}\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path


REFUSED = [
    (user_initializer, "any_numpy", "draws other weights each time it is called with the same key"),
    (user_initializer, "asking", "calls Python back"),
    (user_activation, "root", "its gradient at -12 is not finite, taken backwards"),
    (user_activation, "counting", "called again with the same numbers, it returns others"),
    (user_activation, "noisy", "called again with the same numbers, it returns others"),
    (user_activation, "nothing", "it returns NoneType"),
    (user_activation, "complex_", "complex64"),
    (user_activation, "whole", "int32"),
    (user_activation, "flag", "bool"),
    (user_activation, "plain", "it returns"),
    (user_activation, "first", r"it returns \(\) float32"),
    (user_activation, "only_named", "called so, it fails: TypeError"),
    (user_activation, "endless", "RecursionError"),
    (user_activation, "leaving", "SystemExit"),
    (user_activation, "wide", "changes JAX's settings, which decide numbers .jax_enable_x64."),
    (
        user_activation,
        "Scaled",
        "is a class, .* call it in the file, `mine = Scaled..`, .* `tried.py:mine`",
    ),
    (user_initializer, "Scaled", "is a class, .* call it"),
    (user_initializer, "factory", "it returns a function: call it in the file, `mine = factory..`"),
    (user_activation, "maker", "it returns a function: call it"),
    (user_activation, "waiting", "is `async`: make it a plain function"),
    (user_set, "waiting", "is `async`: make it a plain function"),
    (user_activation, "backwards", "its slope is taken forwards too, .* give its rule by `jax.custom_jvp`"),
    (user_optimizer, "hidden", "called twice for the same update, it returns different ones"),
]


@pytest.mark.parametrize(("tried", "name", "message"), REFUSED, ids=[name for _, name, _ in REFUSED])
def test_what_does_not_do_as_it_did_is_refused_in_one_line(folder, tried, name, message):
    with pytest.raises(UserFunctionError, match=message) as caught:
        tried(f"tried.py:{name}")

    assert "\n" not in str(caught.value)
    assert not jax.config.values["jax_enable_x64"]


@pytest.mark.parametrize("name", ["instance", "jitted", "named", "part"])
def test_whatever_can_be_called_serves(folder, name):
    act = user_activation(f"tried.py:{name}")

    assert act is user_activation(f"tried.py:{name}")
    assert float(act(jnp.float32(0.5))) == pytest.approx(0.5 if name == "part" else np.tanh(0.5))


def test_what_fails_later_ends_in_one_line_too(folder):
    square = jnp.ones((7, 7))
    for name, message in (("picky", "fails: SystemExit"), ("turning", r"for \(7, 7\) float32 it returns")):
        with pytest.raises(UserFunctionError, match=message):
            user_activation(f"tried.py:{name}")(square)
    layer = (Dense(square, jnp.zeros(7)),)
    optimizer = user_optimizer("tried.py:forgetting")(0.1)
    with pytest.raises(UserFunctionError, match=r"its update is to return"):
        optimizer.update(layer, (), layer)


def test_a_rule_for_derivatives_that_fails_is_blamed_on_its_file(folder):
    act, square = user_activation("tried.py:ruled"), jnp.ones((7, 7))
    with pytest.raises(UserFunctionError, match=r"tried\.py:ruled. fails: KeyError: 'no rule'"):
        jax.jvp(act, (square,), (square,))
    # Unguarded, as where JAX calls a rule by itself.
    with pytest.raises(SystemExit) as caught:
        load_user_function("tried.py:leaving")(square)
    assert "tried.py` fails: SystemExit: 0" in str(blamed(caught.value))
    assert blamed(KeyError("another")) is None


def test_an_initializer_is_tried_in_the_shapes_it_is_used_in(folder):
    initializer = user_initializer("tried.py:saved", [(9, 5)])

    assert initializer(jax.random.key(0), (9, 5), jnp.float32).shape == (9, 5)
    with pytest.raises(UserFunctionError, match=r"no array of \(6, 4\)"):
        user_initializer("tried.py:saved")


def test_layers_that_start_alike_are_found_and_constants_are_no_matter(folder):
    fixed, drawn, ones = (f"tried.py:{name}" for name in ("fixed", "drawn", "ones"))

    def unkeyed(*words):
        return find_unkeyed([*map(find_initializer, words)], (9, 5, 5, 3))

    assert unkeyed(fixed, drawn, "zeros") == ([1, 3], [fixed])
    assert unkeyed("normalized", drawn, ones) == ([3], [])
    assert unkeyed("orthogonal", "lsuv", fixed) == ([3], [fixed])
    assert unkeyed("identity", "identity", "zeros") == ([1, 2, 3], [])
    assert same_start([3], [], False) == {}


# The shape of `test_train.py`, whose programs are compiled once for all.
SMALL = ("--width", 8, "--depth", 2, "--updates", 4, "--records", 2, "--eval-examples", 30, "-q")


def test_seeds_that_start_alike_are_told_and_kept_and_stdout_is_the_answers(folder, xavier):
    asked = ("train", *SMALL, "--seeds", 2, "--jacobian-examples", 0)
    answer = xavier(*asked, "--init", "tried.py:fixed", "-f", "json")
    # What is printed at import is no part of the answer.
    path = json.loads(answer.out)["run"]
    run = read_run(folder / path)
    said = "all seeds start from the same weights (`tried.py:fixed` ignores its key)"

    assert answer.code == 0, answer.err
    assert "printed at import" in answer.err
    assert f"warning: N = 2 is not what it seems: {said} and differ only in their data's order." in answer.err
    assert np.array_equal(run["weight/std"][0, 0], run["weight/std"][1, 0])
    for command in ("show", "compare", "check"):
        assert "all seeds start from the same weights" in " ".join(
            xavier(command, path, width=400).out.split()
        )
    assert [each.rule.name for each in check(run)].count("seeds-start-alike") == 1


def test_what_a_function_does_to_the_streams_is_no_concern_of_others(folder):
    main = "from xavier_cli.cli import main; main()"
    loud = [str(word) for word in SMALL if word != "-q"]
    done = subprocess.run(
        [sys.executable, "-c", main, "train", *loud, "--seeds", "2", "--act", "tried.py:closing"],
        capture_output=True,
        text=True,
    )

    assert done.returncode == 0, done.stderr
    assert "running the code in `tried.py`" in done.stderr
    assert "lost" not in done.stderr
    assert "error" in done.stdout


@pytest.mark.parametrize("broken", ["a string", {"functions": 3, "layers": "x", "all": "yes"}, [1]])
def test_what_a_file_says_of_it_is_taken_for_what_it_is(make_run, broken):

    run = make_run(depth=2, width=6, seeds="0:3")

    assert same_start_note(replace(run, provenance={"same_first_weights": broken})) == ""


def test_data_drawn_without_a_seed_is_told_where_it_is_drawn_again(folder, xavier):
    # The programs of `test_json_keys.py`.
    asked = ("train", *SMALL, "--width", 4, "--depth", 1, "--seeds", 1, "--jacobian-examples", 0)
    asked += ("--data", "tried.py:unseeded", "-o", "a.h5")
    told = "`tried.py:unseeded` is not deterministic, or what it reads has changed: it returns other data"
    first = xavier(*asked)
    same = xavier(*asked, "--force")
    _called.cache_clear()
    other = xavier(*asked, "--force")

    assert (first.code, same.code, other.code) == (0, 0, 0), other.err
    assert told not in first.err + same.err
    assert f"warning: {told} than when `a.h5` was trained" in other.err


def test_what_xavier_sets_in_another_thread_is_not_blamed_on_the_file(folder):
    name = "jax_enable_compilation_cache"
    before = getattr(jax.config, name)
    try:
        # As while programs are compiled, which may begin or end during a call of a function.
        guarded("tried.py:ones", lambda: jax.config.update(name, not before))()
        assert getattr(jax.config, name) is not before
    finally:
        jax.config.update(name, before)


def test_a_file_without_its_function_is_told_how_to_name_one():
    for find in (find_activation, find_initializer, find_data):
        with pytest.raises(ValueError, match=r"which function of that file. `some/mine\.py:FUNCTION`"):
            find("some/mine.py")


def test_a_files_settings_do_not_outlive_it(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "setting.py").write_text(
        "import os, sys, warnings, numpy as np\nos.chdir('/')\nnp.seterr(all='raise')\n"
        "warnings.warn('mine')\nwarnings.simplefilter('error')\nsys.setrecursionlimit(200)\n"
        "def f(s): return s\n"
    )
    before = np.geterr(), sys.getrecursionlimit()
    load_user_function("setting.py:f")

    assert (np.geterr(), sys.getrecursionlimit()) == before
    assert str(tmp_path) == os.getcwd()
    (tmp_path / "double.py").write_text("import jax\njax.config.update('jax_enable_x64', True)\n")
    with pytest.raises(UserFunctionError, match=r"`double\.py` changes JAX's settings"):
        load_user_function("double.py:f")
    assert not jax.config.values["jax_enable_x64"]


def diverged_run(make_run, at: int, **broken):

    run = make_run(depth=3, width=6, seeds="0:2", updates=1000, lr=0.03)
    arrays = {name: np.array(array) for name, array in run.arrays.items()}
    arrays["final/diverged_at"][:] = -1, at
    for name, layer in broken.items():
        arrays[f"{name}/std"][1, 0, layer - 1 :] = np.nan
    return replace(run, arrays=arrays)


def test_advice_knows_when_it_diverged(make_run):
    late = why_diverged(diverged_run(make_run, 5))
    at_once = why_diverged(diverged_run(make_run, 0))
    ahead = why_diverged(diverged_run(make_run, 0, activation=2, backprop=1))
    back = why_diverged(diverged_run(make_run, 0, backprop=1))

    assert (late.rate_helps, late.words) == (True, "1 of 2 seeds diverged, the first at update 5")
    assert not at_once.rate_helps
    assert "finite on the probe examples" in at_once.words
    assert not ahead.rate_helps
    assert "the activations of layer 2 are not finite" in ahead.words
    assert "the back-propagated gradient of layer 3 is not finite" in back.words
    advised = [each.seen.advice for each in check(diverged_run(make_run, 0)) if each.rule.name == "diverged"]
    assert advised
    assert all("--lr" not in advice for advice in advised)
