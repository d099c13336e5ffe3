"""What programs read: the keys of every JSON answer, with their types, without the values."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import xavier_cli
from xavier_cli.config.run import RunConfig
from xavier_cli.runs.store import write_run
from xavier_cli.sweeps import origin

SMALL: dict[str, object] = {
    "data": "tiny.npz",
    "depth": 1,
    "width": 4,
    "updates": 10,
    "records": 2,
    "seeds": 1,
    "eval_examples": 100,
    "jacobian_examples": 0,
}
RECIPE = """
title = "Tiny"
claims = ["table-1-order"]

[base]
{}
act = "tanh"

[[figures]]
kind = "curves"
"""
NETWORK = """
import jax, jax.numpy as jnp

def tanh(inputs, classes):
    normal = jax.nn.initializers.he_normal()
    def init(key):
        first, last = normal(key, (*inputs, 20)), normal(key, (20, classes))
        return {"first": first, "bias": jnp.zeros(20), "last": last}
    def apply(params, x):
        return jnp.tanh(x @ params["first"] + params["bias"]) @ params["last"]
    return init, apply
"""
# What each of them says of the runs of `shelf`, and of what those before it made.
QUICK = (
    "train {small} -q -o trained.h5",
    "train {small} -q -o planned.h5 --dry-run",
    "train --depth 2 --width 6 --updates 40 --records 4 --seeds 2 --lr 0.01,0.1 -q",
    "probe {small} --seeds 2 -q",
    "probe --net nets.py:tanh --data tiny.npz --seeds 2 -q",
    "probe --net nets.py:tanh --data tiny.npz --seeds 2 -q -o kept.h5",
    "probe --net nets.py:tanh --data tiny.npz --seeds 2 -q --init normalized --expect kept.h5",
    "verify trained.h5 -q",
    "sweep list",
    "sweep mine.toml --dry-run",
    "sweep mine.toml -q",
    "reproduce mine.toml -q --results results/mine.json",
    "reproduce summary --results results",
    "surface --points 5 -q",
    "compare shelf",
    "compare shelf/tanh.h5 shelf/softsign.h5 --transpose",
    "compare shelf/searched.h5 shelf/diverged.h5 shelf/pretrained.h5",
    "check shelf",
    "check list",
    "show shelf",
    "show shelf/searched.h5",
    "diff shelf/tanh.h5 shelf/softsign.h5",
    "export shelf/tanh.h5 --to json",
    "ls shelf",
    "doctor shelf/tanh.h5",
    "tag shelf/tanh.h5 paper",
    "rm shelf/tanh.h5 --yes",
    "doctor damaged.h5",
    "data list",
    "data show tiny.npz",
    "data verify tiny.npz",
    "config show",
    "cache show",
    "cache clear data",
    "init list",
    "init show normalized",
    "init show orthogonal",
    "act list",
    "act show leaky_relu",
    "act show sigmoid",
)
# Of these there is no small version.
SLOW = ("svm --examples 50 -q", "bench --quick --widths 4 --depth 1 --seeds 1 --no-pytorch -q")
# Of files, and no answers of commands; `reproduce summary` answers with the whole content of the second.
NO_ANSWER = {"xavier.sweep-failures/1", "xavier.results/1", "xavier.initialization/1"}


@pytest.fixture
def shelf(alone, make_run, monkeypatch) -> None:
    """Runs, data and a recipe in the current folder, for every command to find something to say."""
    # Only a checkout has a commit.
    monkeypatch.setattr(origin, "source_commit", lambda root: ("0" * 40, False))
    common = {"depth": 2, "width": 6, "updates": 40, "records": "4", "seeds": "5", "test_examples": 100}
    Path("shelf").mkdir()
    for name, settings in {
        "tanh": {},
        "softsign": {"act": "softsign"},
        "searched": {"lr": "0.01,0.03,0.1", "init": "standard"},
        "diverged": {"init": "he_normal", "diverged": (1,)},
        "pretrained": {"pretrain": "dae", "act": "sigmoid"},
    }.items():
        write_run(Path("shelf", f"{name}.h5"), make_run(**{**common, **settings}))
    given = {name: value for name, value in common.items() if name != "test_examples"}
    searched = RunConfig.of(**{**given, "seeds": "2", "lr": "0.01,0.1"})
    write_run(Path("runs", f"{searched.file_stem()}.h5"), make_run(searched, test_examples=100))
    whole = Path("shelf/tanh.h5").read_bytes()
    middle = 3 * len(whole) // 5  # within a histogram
    Path("damaged.h5").write_bytes(whole[:middle] + bytes(200) + whole[middle + 200 :])
    rng = np.random.default_rng(0)
    x = rng.integers(0, 256, (4000, 6)).astype(np.uint8)
    np.savez("tiny.npz", x=x, y=(x[:, 0] > 127).astype(np.int64))
    base = "\n".join(f"{name} = {json.dumps(value)}" for name, value in SMALL.items())
    Path("nets.py").write_text(NETWORK)
    Path("mine.toml").write_text(RECIPE.format(base))


def structure(value: Any) -> dict[str, str]:
    """The types under every path of keys, as in `runs[].seeds[]`, of all that lies under it together."""
    types: dict[str, set[str]] = {}
    left = [("", value)]
    while left:
        path, part = left.pop()
        types.setdefault(path, set()).add("null" if part is None else type(part).__name__)
        if isinstance(part, dict):
            left += [(f"{path}.{key}".lstrip("."), each) for key, each in part.items()]
        elif isinstance(part, list):
            left += [(f"{path}[]", each) for each in part]
    return {path: " or ".join(sorted(each)) for path, each in types.items() if path}


def answered(xavier: Callable[..., Any], lines: tuple[str, ...]) -> dict[str, Any]:
    """The structure of every answer, by its command line."""
    small = " ".join(f"--{name.replace('_', '-')} {value}" for name, value in SMALL.items())
    found = {}
    for line in lines:
        # Where there are other forms than pages, the line says which.
        words = shlex.split(line.format(small=small)) + ([] if "--to" in line else ["-f", "json"])
        answer = xavier(*words)
        assert answer.out.startswith("{"), (line, answer)
        content = json.loads(answer.out)
        # How many there are may be the machine's.
        assert all(isinstance(note, str) for note in content.pop("notes"))
        found[line] = {"exit": answer.code, "schema": content.pop("schema"), "keys": structure(content)}
    return found


def pinned(now: dict[str, Any], then: dict[str, Any]) -> None:
    for line, answer in now.items():
        assert answer == then.get(line), line
    assert list(then) == sorted(now)


def test_the_keys_of_every_answer_stay_the_same(shelf, xavier, snapshot):
    now = answered(xavier, QUICK)

    pinned(now, snapshot("json_keys.json", now))


@pytest.mark.slow
def test_the_keys_of_long_answers_stay_the_same(xavier, snapshot):
    pytest.importorskip("sklearn")
    now = answered(xavier, SLOW)
    for answer in now.values():
        # What one machine measures another cannot, and says null.
        answer["keys"] = sorted(answer["keys"])

    pinned(now, snapshot("json_keys_slow.json", now))


def test_every_schema_that_the_package_names_is_pinned(snapshot):
    package = Path(xavier_cli.__file__).parent
    texts = [path.read_text(encoding="utf-8") for path in package.rglob("*.py")]
    named = {name for text in texts for name in re.findall(r'"(xavier\.[\w.-]+/\d+)"', text)}
    files = [Path(__file__).with_name(name) for name in ("json_keys.json", "json_keys_slow.json")]
    kept = {each["schema"] for file in files for each in json.loads(file.read_text()).values()}

    assert kept | NO_ANSWER == named
