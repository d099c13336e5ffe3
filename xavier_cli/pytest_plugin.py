"""A pytest fixture that fails where a model is no longer initialized as it was meant to be.

    def test_initialization(check_initialization):
        check_initialization(make_model, inputs=(3, 32, 32))

`make_model()` returns a `torch.nn.Module`, or a network of JAX's as `xavier probe --net` takes it.
`pytest --keep-initialization` keeps what each layer is drawn from in a file beside the test, here
`initialization/test_initialization.json`, to be committed. From then on the test fails where a layer is drawn
from another distribution, by another scale or with another shape, and says which and by what factor.

Loaded by every pytest where `xavier-cli` is installed, it imports nothing but pytest until a test uses it.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Protocol

import pytest

OPTION = "--keep-initialization"
FOLDER = "initialization"
_KEPT = pytest.StashKey[list[str]]()


class CheckInitialization(Protocol):
    """The function that the fixture `check_initialization` gives."""

    def __call__(
        self,
        make: Callable[..., Any] | str,
        inputs: Sequence[int],
        classes: int = 10,
        seeds: int = 3,
        expected: str | os.PathLike[str] | None = None,
    ) -> None:
        """Fail the test where the network that `make` makes is not initialized as it was kept.

        **Arguments:** `make`, a function or class without required parameters other than `inputs`,
        `classes`, `key` and `rngs`, or its name, `nets.py:resnet:depth=20`; `inputs`, the shape of one
        example as the network takes it; `seeds`, how many networks are drawn, 0 and up; `expected`, the file
        that keeps the initialization, from the test's folder, by default `initialization/TEST.json`; also a
        run file of `xavier probe -o`.
        """


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add `--keep-initialization`."""
    parser.getgroup("xavier").addoption(
        OPTION,
        action="store_true",
        help="keep the initializations that tests check as those to expect, in files to commit",
    )


@pytest.fixture
def check_initialization(request: pytest.FixtureRequest) -> CheckInitialization:
    """Fail a test where a network is no longer initialized as it was kept.

    `check_initialization(make_model, inputs=(3, 32, 32), classes=10, seeds=3)`, once
    `pytest --keep-initialization` kept what its layers are drawn from in `initialization/TEST.json`.
    """

    def check(
        make: Callable[..., Any] | str,
        inputs: Sequence[int],
        classes: int = 10,
        seeds: int = 3,
        expected: str | os.PathLike[str] | None = None,
    ) -> None:
        __tracebackhide__ = True
        # Here, since this loads NumPy, and the network's framework.
        from xavier_cli.errors import XavierError
        from xavier_cli.library.initialization import look_at_initialization, read_initialization

        name = re.sub(r"[^\w.-]+", "-", request.node.name).strip("-")
        path = request.path.parent / (expected if expected is not None else f"{FOLDER}/{name}.json")
        told, keep = _shown(path, request), f"`pytest {request.node.nodeid} {OPTION}`"
        keeps = bool(request.config.getoption(OPTION))
        problem = ""
        try:
            if any(base.__module__.startswith("torch.nn") for base in type(make).__mro__):
                problem = "give the function that makes the model, not a model: `lambda: …`, or its class"
            elif keeps and path.suffix != ".json":
                problem = f"`{told}` is no .json file: `xavier probe -o` keeps it"
            elif keeps:
                text = look_at_initialization(make, inputs, classes, seeds).text()
                kept_now = request.config.stash.setdefault(_KEPT, [])
                if told in kept_now and path.read_text(encoding="utf-8") != text:
                    problem = f"`{told}` keeps another initialization already: give each its own `expected=`"
                else:
                    path.parent.mkdir(parents=True, exist_ok=True)
                    path.write_text(text, encoding="utf-8")
                    kept_now.append(told)
            elif not path.is_file():
                problem = f"no initialization is kept in `{told}`: {keep} keeps this one"
            else:
                kept = read_initialization(path)
                problem = look_at_initialization(make, inputs, classes, seeds).drifted_from(kept)
                problem += f"\nKept in `{told}`; {keep} keeps this one instead." * bool(problem)
        except XavierError as error:
            problem = str(error)
        if problem:
            pytest.fail(problem, pytrace=False)

    return check


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    """Say which files were written."""
    for path in config.stash.get(_KEPT, []):
        terminalreporter.write_line(f"kept {path}")


def _shown(path: Path, request: pytest.FixtureRequest) -> str:
    root = request.config.rootpath
    return str(path.relative_to(root) if path.is_relative_to(root) else path)
