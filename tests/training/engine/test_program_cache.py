"""Compiled programs kept between runs: the same numbers, found by what decides them, no harm if damaged."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from support.other_settings import OTHER

from xavier_cli.config.run import RunConfig
from xavier_cli.config.settings import RunSettings
from xavier_cli.files.caches import Cache, compiled_programs
from xavier_cli.training.engine import program_cache
from xavier_cli.training.engine.engine import Engine
from xavier_cli.training.engine.layout import choose_layout
from xavier_cli.training.engine.population import population_of
from xavier_cli.training.train import train
from xavier_cli.vocabulary.user_code import _module as own_module

SMALL = {"data": "mnist", "depth": 1, "width": 4, "updates": 30, "records": 2, "eval_examples": 500}


def config_of(**settings) -> RunConfig:
    return RunConfig.of(**{**SMALL, "seeds": 2, "lr": 0.05, "jacobian_examples": 0, **settings})


def folder_of(path: Path, most_bytes: int = 10**9) -> Cache:
    return replace(compiled_programs(None), path=path, ours=re.compile(r".+"), most_bytes=most_bytes)


@pytest.fixture
def store(tmp_path, monkeypatch) -> program_cache.Store:
    """A store of this test's own, which every engine uses."""
    store = program_cache.Store(folder_of(tmp_path))
    monkeypatch.setattr(program_cache, "_store", store)
    return store


@pytest.fixture
def traced(monkeypatch) -> list[str]:
    """The programs that were traced, by name, as they were."""
    names: list[str] = []
    real = Engine._lowered

    def noted(engine):
        def note(name, make):
            names.append(name)
            return make()

        return {name: lambda name=name, make=make: note(name, make) for name, make in real(engine).items()}

    monkeypatch.setattr(Engine, "_lowered", noted)
    return names


def engine_of(config: RunConfig, training_data, strategy="map") -> Engine:
    population = population_of(config)
    return Engine(population, training_data, choose_layout(len(population.seeds), 1, strategy))


@pytest.mark.parametrize(
    "strategy",
    ["sharded", pytest.param("map", marks=pytest.mark.slow), pytest.param("vmap", marks=pytest.mark.slow)],
)
def test_programs_out_of_the_store_train_the_same_bits(strategy, training_data, store, traced, monkeypatch):
    config = config_of(jacobian_examples=1)
    made, _ = train(config, training_data, strategy=strategy)
    assert set(traced) == {"init", "advance", "evaluate", "probe", "jacobians"}
    traced.clear()
    found, _ = train(config, training_data, strategy=strategy)
    # Another rate and other seeds are given to the same programs.
    train(config.with_(lr=0.1, seeds=(7, 3)), training_data, strategy=strategy)
    assert traced == []
    monkeypatch.setattr(program_cache, "_store", None)
    plain, _ = train(config, training_data, strategy=strategy)

    assert made.arrays.keys() == found.arrays.keys() == plain.arrays.keys()
    for name, array in plain.arrays.items():
        np.testing.assert_array_equal(made[name], array, err_msg=name)
        np.testing.assert_array_equal(found[name], array, err_msg=name)


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"optimizer": "adam", "schedule": "warmup:5,cosine", "clip": 1.0},
        {"update_rule": "delayed:4", "jacobian_examples": 2},
        {"pretrain": "dae", "pretrain_updates": 30},
    ],
    ids=["plain", "scheduled", "delayed", "pre-trained"],
)
def test_what_a_key_leaves_out_is_in_no_program(settings, training_data):
    """The key's slow twin: the texts themselves, of configurations that the key does not tell apart."""
    others = {name: OTHER[name] for name, row in RunSettings.rows.items() if row.outside_programs}
    if "schedule" in settings:
        del others["updates"]
    engines = [
        engine_of(config, training_data)
        for config in (config_of(**settings), config_of(**{**settings, **others}))
    ]
    texts = [lowered(engine) for engine in engines]

    assert texts[0] == texts[1]
    assert engines[0]._key(texts[0]) == engines[1]._key(texts[0])


def test_where_the_length_decides_a_program_the_key_has_it(training_data):
    engines = [
        engine_of(config_of(schedule="cosine", updates=updates), training_data) for updates in (30, 77)
    ]

    assert lowered(engines[0]) != lowered(engines[1])
    assert engines[0]._key(()) != engines[1]._key(())


def lowered(engine: Engine) -> dict[str, str]:
    made = engine._lowered()
    config = engine.population.config
    used = {"pretrain": config.pretrain != "none", "jacobians": config.jacobian_examples}
    with jax.default_matmul_precision(config.precision):
        return {name: make().as_text() for name, make in made.items() if used.get(name, True)}


def test_what_else_decides_a_program_is_in_its_key(training_data):
    names = ("init", "advance")
    keys = [
        engine_of(config_of(**more), training_data, strategy)._key(names)
        for more, strategy in (
            ({}, "map"),
            ({}, "vmap"),
            ({"seeds": 3}, "map"),
            ({"act": "softsign"}, "map"),
            ({"init": "standard"}, "map"),
            ({"precision": "default"}, "map"),
            ({"batch_size": 20}, "map"),
        )
    ]

    assert len(set(keys)) == len(keys)
    assert engine_of(config_of(), training_data)._key(("init",)) not in keys


OWN = """
import os
import jax.numpy as jnp
import numpy as np
from helper_of_mine import FACTOR

SCALE = float(os.environ["SCALE"])

def wave(s):
    return jnp.sin(s) + SCALE * s

def read(key, shape, dtype=jnp.float32):
    return jnp.asarray(np.load("table.npy")[: shape[0], : shape[1]] * FACTOR, dtype)
"""


@pytest.fixture
def own(tmp_path, training_data, monkeypatch) -> Callable[..., RunConfig]:
    """A configuration with user functions, as a new process would load it."""
    monkeypatch.chdir(tmp_path)
    table = np.random.default_rng(0).normal(size=(training_data.inputs, 10))

    def load(text=OWN, helper="FACTOR = 1\n", scale="0.5", last=0.0) -> RunConfig:
        monkeypatch.setenv("SCALE", scale)
        (tmp_path / "mine.py").write_text(text)
        (tmp_path / "helper_of_mine.py").write_text(helper)
        table[-1, 3] = last
        np.save("table.npy", table)
        # A new process would not have loaded these modules.
        monkeypatch.delitem(sys.modules, "helper_of_mine", raising=False)
        monkeypatch.delitem(sys.modules, "mine", raising=False)
        own_module.cache_clear()
        return config_of(act="mine.py:wave", init="mine.py:read", records=2)

    return load


def test_functions_of_the_users_own_are_found_as_long_as_they_are_the_same(own, training_data, store, traced):
    made, _ = train(own(), training_data)
    assert traced
    traced.clear()
    found, _ = train(own(), training_data)
    assert traced == []
    for name, array in made.arrays.items():
        np.testing.assert_array_equal(found[name], array, err_msg=name)


def test_what_decides_functions_of_the_users_own_is_in_the_key(own, training_data):
    keys = [
        engine_of(own(**other), training_data)._key(("init",))
        for other in (
            {},
            {"text": OWN + "# a word more\n"},
            {"helper": "FACTOR = 1  # a word more\n"},
            {"scale": "0.6"},
            # An initializer reads a file, whose last row is the first layer's alone.
            {"last": 1.0},
        )
    ]

    assert len(set(keys)) == len(keys)
    assert engine_of(own(), training_data)._key(("init",)) == keys[0]


@pytest.fixture
def made():
    """`made(key, power)`: a small program's answer for 2, what was told of it, and whether it was traced."""

    def make(key, power=2):
        traced = []

        def lower():
            traced.append(power)
            return jax.jit(lambda x: x**power).lower(jnp.float32(0))

        here = jax.local_devices()[:1]
        found, about = program_cache.compiled(key, {"power": lower}, {}, lambda: "told", here)
        return float(found["power"](jnp.float32(2))), about, bool(traced)

    return make


def test_a_program_is_found_by_its_key_and_else_by_its_text(made, store, tmp_path):
    assert made("a") == (4, "told", True)
    assert made("a") == (4, "told", False)
    assert made("b") == (4, "told", True)
    assert len([*tmp_path.glob("*.program")]) == 1
    assert made("c", 3) == (8, "told", True)
    assert len([*tmp_path.glob("*.program")]) == 2


def test_what_cannot_be_kept_is_used_all_the_same(store, tmp_path):
    printed = []

    def lower():
        def power(x):
            jax.debug.callback(printed.append, x)
            return x**2

        return jax.jit(power).lower(jnp.float32(0))

    for _ in range(2):
        found, _ = program_cache.compiled("a", {"power": lower}, {}, lambda: "told", jax.local_devices()[:1])
        assert float(found["power"](jnp.float32(2))) == 4
    jax.effects_barrier()
    assert printed == [2, 2]
    assert not [*tmp_path.glob("*.program")]


def test_what_jaxs_own_cache_has_is_not_kept(made, store, tmp_path, monkeypatch):
    """Out of that cache a program cannot be serialized again; this one would fail when it is called."""
    jaxs = tmp_path / "jax"
    before = {name: getattr(jax.config, name) for name in SETTINGS}
    for name, value in SETTINGS.items():
        jax.config.update(name, str(jaxs) if value is None else value)
    program_cache.reset_cache()
    try:
        for _ in range(2):
            jax.clear_caches()
            with monkeypatch.context() as patch:
                patch.setattr(program_cache, "_store", None)
                made("a", 5)
        assert [*jaxs.iterdir()]
        assert made("a", 5) == (32, "told", True)
        assert made("a", 5) == (32, "told", False)
    finally:
        for name, value in before.items():
            jax.config.update(name, value)
        program_cache.reset_cache()


SETTINGS = {
    "jax_compilation_cache_dir": None,
    "jax_persistent_cache_min_compile_time_secs": 0,
    "jax_persistent_cache_min_entry_size_bytes": -1,
}


def test_what_is_damaged_is_made_anew(made, store, tmp_path):
    made("a")
    for suffix in ("set", "program"):
        (path,) = tmp_path.glob(f"*.{suffix}")
        content = bytearray(path.read_bytes())
        content[len(content) // 2] ^= 1
        path.write_bytes(content)
        assert made("a") == (4, "told", True)
        assert made("a") == (4, "told", False)
        path.write_bytes(content[:20])
        assert made("a") == (4, "told", True)


def test_a_program_is_loaded_once_in_a_process_and_its_file_read_each_time(
    made, store, tmp_path, monkeypatch
):
    loads = []
    load = program_cache.deserialize_and_load
    monkeypatch.setattr(
        program_cache, "deserialize_and_load", lambda *args, **more: loads.append(args) or load(*args, **more)
    )
    made("a", 6)

    assert [made("a", 6) for _ in range(3)] == [(64, "told", False)] * 3
    assert len(loads) == 1
    next(tmp_path.glob("*.program")).write_bytes(b"")
    assert made("a", 6) == (64, "told", True)


def test_a_folder_that_cannot_be_written_to_costs_time_alone(made, tmp_path, monkeypatch):
    (tmp_path / "a file").touch()
    monkeypatch.setattr(program_cache, "_store", program_cache.Store(folder_of(tmp_path / "a file")))

    assert made("a") == made("a") == (4, "told", True)


def test_what_was_not_used_for_longest_goes_first(tmp_path):
    store = program_cache.Store(folder_of(tmp_path, 2200))
    for number, name in enumerate(("old", "used", "new")):
        store._write(name, bytes(1000))
        os.utime(tmp_path / name, (number, number))
    store._read("old")
    store.keep_set("key", {}, None)

    assert not (tmp_path / "used").exists()
    assert (tmp_path / "old").exists()
    assert (tmp_path / "key.set").exists()


def test_programs_of_one_text_that_take_other_arguments_are_kept_apart(store, tmp_path):
    """A program's text forgets what it does not use: its shape, its type, and which argument it was."""
    here = jax.local_devices()[:1]
    small, large, bytes_ = jnp.float32([1, 2]), jnp.float32([3, 4, 5]), jnp.uint8([6, 7])

    def answer(key, function, *arguments):
        def lower():
            return jax.jit(function).lower(*arguments)

        found, _ = program_cache.compiled(key, {"it": lower}, {}, lambda: None, here)
        return float(found["it"](*arguments))

    def first(a, b):
        return a[0] + 1

    def second(a, b):
        return b[0] + 1

    for number, unused in enumerate((small, large, bytes_)):
        assert answer(f"unused {number}", first, small, unused) == 2
    other = jnp.float32([8, 9])
    assert answer("first", first, small, other) == 2
    assert answer("second", second, small, other) == 9
    assert len([*tmp_path.glob("*.program")]) == 4


def test_where_jax_does_not_say_which_arguments_are_used_nothing_is_shared():
    lowered = jax.jit(lambda x: x).lower(jnp.float32(0))
    silent = SimpleNamespace(args_info=lowered.args_info, out_tree=lowered.out_tree)

    assert program_cache._signature(lowered) == program_cache._signature(lowered)
    assert program_cache._signature(silent) != program_cache._signature(silent)


def test_the_environment_tells_settings_apart():
    """In processes of their own, since how many devices there are is asked once."""
    ask = "from xavier_cli.training.engine.program_cache import environment; print(environment())"
    told = {
        subprocess.run(
            [sys.executable, "-c", before + ask], capture_output=True, text=True, check=True
        ).stdout
        for before in ("", "import jax; jax.config.update('jax_num_cpu_devices', 3); ", "")
    }

    assert len(told) == 2


def test_settings_that_change_while_a_process_lives_are_noticed(made, store):
    made("a")
    with jax.default_matmul_precision("highest"):
        assert made("a") == (4, "told", True)
        assert made("a") == (4, "told", False)
    assert made("a") == (4, "told", False)


def test_a_change_of_any_text_of_the_package_makes_what_was_kept_worthless(tmp_path):
    """Also for modules that define no programs: the percentiles of `runs.schema` are part of one."""
    real = Path(program_cache.__file__).parents[2]
    package = shutil.copytree(real, tmp_path / "package", ignore=shutil.ignore_patterns("__pycache__"))
    first = program_cache.digest_of_sources(package)
    assert first == program_cache.digest_of_sources(real)
    texts = sorted(package.rglob("*.py"))
    assert package / "runs" / "schema.py" in texts
    # Each text is seen from its folder, and each folder from the package: all from there takes 10 s.
    folders = {path.parent: program_cache.digest_of_sources(path.parent) for path in texts}
    for path in texts:
        content = path.read_bytes()
        path.write_bytes(content + b"#")
        assert program_cache.digest_of_sources(path.parent) != folders[path.parent], path
        if path.name == "__init__.py":
            assert program_cache.digest_of_sources(package) != first, path
        path.write_bytes(content)
    assert {path.parent for path in texts if path.name == "__init__.py"} == {*folders}
    (package / "runs" / "schema.py").rename(package / "runs" / "scheme.py")
    assert program_cache.digest_of_sources(package) != first
    assert program_cache.environment().splitlines()[0] == program_cache.digest_of_sources(real)


def test_an_option_that_the_compiler_does_not_know_is_left_out():
    lowered = jax.jit(lambda x: x + 1).lower(1.0)
    assert program_cache.compile_with(lowered, {"xla_no_such_option": True})(1.0) == 2.0
    with pytest.raises(jax.errors.JaxRuntimeError):
        program_cache.compile_with(lowered, {"xla_backend_optimization_level": "no number"})
