"""The pytest plugin: two lines in anybody's tests that fail where a model is initialized otherwise."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import xavier_cli
from xavier_cli.library.initialization import look_at_initialization

pytest_plugins = ("pytester",)

NETS = """
import math
import jax

def network(inputs, classes, std=None, width=40):
    sizes = [math.prod(inputs), width, classes]
    draw = jax.nn.initializers.he_normal() if std is None else jax.nn.initializers.normal(std)
    def init(key):
        pairs = list(zip(sizes, sizes[1:]))
        return {f"layer{i}": draw(jax.random.fold_in(key, i), pair) for i, pair in enumerate(pairs)}
    def apply(params, x):
        return jax.nn.relu(x.reshape(len(x), -1) @ params["layer0"]) @ params["layer1"]
    return init, apply

def broken(inputs):
    raise ValueError("no weights today")

def number():
    return 3
"""
TEST = """
from functools import partial
import nets

def test_initialization(check_initialization):
    check_initialization({make}, inputs=(6, 6, 3))
"""
FILE = "initialization/test_initialization.json"


OPTIONS = ("-p", "xavier_cli.pytest_plugin", "-p", "no:cacheprovider")


@pytest.fixture(scope="module")
def loaded(tmp_path_factory):
    """All that a check imports: pytest runs in this process, and forgets what is imported meanwhile."""
    path = tmp_path_factory.mktemp("nets") / "nets.py"
    path.write_text(NETS)
    look_at_initialization(f"{path}:network", (2, 2, 1), seeds=2).text()


@pytest.fixture
def project(pytester, monkeypatch, loaded):
    """A function that runs a project's test, where given with the network `make`, with pytest's options."""
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    pytester.makepyfile(nets=NETS)

    def run(make: str = "", *options: str) -> pytest.RunResult:
        if make:
            pytester.makepyfile(test_model=TEST.format(make=make))
        pytester.syspathinsert()
        return pytester.runpytest_inprocess(*OPTIONS, *options)

    run.path = pytester.path
    return run


def test_what_is_kept_passes_and_what_has_drifted_says_where_and_by_what_factor(project):
    first = project("nets.network")
    first.assert_outcomes(failed=1)
    first.stdout.fnmatch_lines(
        [
            f"*no initialization is kept in `{FILE}`: `pytest test_model.py::test_initialization "
            "--keep-initialization` keeps this one"
        ]
    )
    assert not (project.path / FILE).exists()

    kept = project("nets.network", "--keep-initialization")
    kept.assert_outcomes(passed=1)
    kept.stdout.fnmatch_lines([f"kept {FILE}"])
    project("nets.network").assert_outcomes(passed=1)

    drifted = project("partial(nets.network, std=0.2)")
    drifted.assert_outcomes(failed=1)
    drifted.stdout.fnmatch_lines(
        [
            "*2 of 2 weight layers and other parameters differ from what was kept.",
            "*  layer0: he_normal, now normal:std=0.2 (std × 1.4?)",
            "*  layer1: he_normal, now *",
            f"*Kept in `{FILE}`; `pytest test_model.py::test_initialization --keep-initialization` *",
        ]
    )
    drifted.stdout.no_fnmatch_line("*pytest_plugin.py*")

    wider = project("partial(nets.network, width=50)")
    wider.stdout.fnmatch_lines(["*layer0: 108×40, now 108×50*", "*layer1: 40×10, now 50×10*"])


def test_what_is_kept_again_is_expected_from_then_on(project):
    project("nets.network", "--keep-initialization")
    text = (project.path / FILE).read_text()
    project("nets.network", "--keep-initialization").assert_outcomes(passed=1)

    assert (project.path / FILE).read_text() == text
    project("partial(nets.network, std=0.2)", "--keep-initialization").assert_outcomes(passed=1)
    project("partial(nets.network, std=0.2)").assert_outcomes(passed=1)
    project("nets.network").assert_outcomes(failed=1)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "keeps no initialization"),
        ("[]", "keeps no initialization"),
        ('{"schema": "other/1"}', "its schema is not `xavier.initialization/1`"),
        ('{"schema": "xavier.initialization/1", "seeds": 3, "network": {}}', "keeps no initialization"),
    ],
)
def test_a_file_that_keeps_none_is_one_line(project, text, said):
    path = project.path / FILE
    path.parent.mkdir()
    path.write_text(text)

    answer = project("nets.network")

    answer.assert_outcomes(failed=1)
    answer.stdout.fnmatch_lines([f"*`*{FILE}`*{said}*"])
    answer.stdout.no_fnmatch_line("*Traceback*")


def test_a_network_that_cannot_be_made_shows_where_and_one_that_is_none_says_so(project):
    failing = project("nets.broken", "--keep-initialization")
    failing.assert_outcomes(failed=1)
    failing.stdout.fnmatch_lines(["*ValueError: no weights today", "nets.py:*: ValueError"])

    none = project("nets.number", "--keep-initialization")
    none.assert_outcomes(failed=1)
    none.stdout.fnmatch_lines(["`nets:number`: it returns int, which is no network*"])
    none.stdout.no_fnmatch_line("*another exception*")
    assert not (project.path / FILE).exists()


def test_each_case_of_a_test_and_each_name_of_a_network_has_a_file(project, pytester):
    pytester.makepyfile(
        test_model="""
        import pytest

        @pytest.mark.parametrize("width", [8, 16])
        def test_deep(check_initialization, width):
            check_initialization(f"nets.py:network:width={width}", inputs=(6, 6, 3), seeds=2)
            check_initialization("nets.py:network", (6, 6, 3), expected="wide.json")
        """
    )
    project("", "--keep-initialization").assert_outcomes(passed=2)

    found = sorted(path.relative_to(project.path).as_posix() for path in project.path.rglob("*.json"))
    assert found == ["initialization/test_deep-16.json", "initialization/test_deep-8.json", "wide.json"]
    assert json.loads((project.path / found[0]).read_text())["seeds"] == 2
    project().assert_outcomes(passed=2)


def test_two_calls_that_would_keep_one_file_are_told_apart(project, pytester):
    pytester.makepyfile(
        test_model="""
        def test_both(check_initialization):
            check_initialization("nets.py:network", (6, 6, 3))
            check_initialization("nets.py:network:width=16", (6, 6, 3))
        """
    )
    kept = project("", "--keep-initialization")
    kept.assert_outcomes(failed=1)
    kept.stdout.fnmatch_lines(["*keeps another initialization already: give each its own `expected=`*"])


def test_a_probe_that_was_kept_by_the_command_is_expected_too(project, pytester):
    from support.network_runs import plant_network

    from xavier_cli.runs.store import write_run

    write_run(project.path / "kept.h5", plant_network(3))
    pytester.makepyfile(
        test_model="""
        import nets
        def test_other(check_initialization):
            check_initialization(nets.network, inputs=(6, 6, 3), expected="kept.h5")
        """
    )
    answer = project()

    answer.assert_outcomes(failed=1)
    answer.stdout.fnmatch_lines(["*blocks/0/kernel: *, now absent*", "*layer0: absent, now he_normal*"])
    refused = project("", "--keep-initialization")
    refused.stdout.fnmatch_lines(["*`kept.h5` is no .json file: `xavier probe -o` keeps it*"])


@pytest.fixture
def apart(pytester, monkeypatch):
    """A function that runs pytest in a process of its own, with options."""
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    monkeypatch.setenv("PYTHONPATH", str(Path(xavier_cli.__file__).parents[1]))
    return lambda *options: pytester.runpytest_subprocess(*OPTIONS, *options)


def test_nothing_heavy_is_loaded_before_it_is_used(apart, pytester):
    pytester.makepyfile(
        test_model="""
        import sys
        def test_light():
            ours = {name for name in sys.modules if name.startswith("xavier_cli.")}
            assert ours <= {"xavier_cli.version", "xavier_cli.pytest_plugin"}
            assert not {"jax", "numpy", "torch", "h5py", "pydantic"} & set(sys.modules)
        """
    )
    apart().assert_outcomes(passed=1)


def test_every_pytest_finds_it_where_the_package_is_installed():
    import tomllib

    project = tomllib.loads((Path(__file__).parents[1] / "pyproject.toml").read_text())["project"]

    assert project["entry-points"]["pytest11"] == {"xavier": "xavier_cli.pytest_plugin"}


@pytest.mark.frameworks
def test_networks_of_pytorch_are_looked_at_without_jax(apart, pytester):
    pytest.importorskip("torch", reason="PyTorch is not installed")
    pytester.makepyfile(
        test_model="""
        import sys
        from torch import nn

        def model():
            first = nn.Sequential(nn.Conv2d(3, 16, 3), nn.BatchNorm2d(16), nn.ReLU())
            return nn.Sequential(first, nn.Flatten(), nn.Linear(256, 10))

        def zeroed():
            made = model()
            nn.init.zeros_(made[2].weight)
            return made

        def test_model(check_initialization):
            check_initialization(model, inputs=(3, 6, 6), expected="kept.json")
            assert "jax" not in sys.modules

        def test_zeroed(check_initialization):
            check_initialization(zeroed, inputs=(3, 6, 6), expected="kept.json")
        """
    )
    apart("--keep-initialization", "-k", "test_model and not zeroed").assert_outcomes(passed=1)
    answer = apart()

    answer.assert_outcomes(passed=1, failed=1)
    answer.stdout.fnmatch_lines(["*2.weight: standard*, now zeros*"])
