"""No warning of Python's or a library's reaches the terminal: commands over odd input, warnings as errors."""

from __future__ import annotations

import numpy as np
import pytest

from xavier_cli.figures.catalogue import KINDS

SMALL = ("-q", "--width", 5, "--depth", 2, "--seeds", 2, "--updates", 8, "--records", 2)
LOOKS = ("--eval-examples", 50, "--jacobian-examples", 2)
EXAMPLES = 3200


@pytest.fixture(autouse=True)
def strict(tmp_path, monkeypatch):
    """An empty folder; warnings are errors in processes that are started too, as they are here."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("PYTHONWARNINGS", "error")
    return tmp_path


def odd_data(kind: str) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(0)
    x, y = rng.integers(0, 255, (EXAMPLES, 6)).astype(np.uint8), rng.integers(0, 3, EXAMPLES)
    match kind:
        case "all zero":
            x = np.zeros_like(x)
        case "one class":
            y = np.zeros_like(y)
        case "half precision":
            x = (rng.normal(size=x.shape) * 6000).astype(np.float16)
        case "far out":
            x = rng.normal(size=x.shape) * 2e5
    return {"x": x, "y": y}


ODD = {
    "all zero": (),
    "one class": (),
    "half precision": (),
    "far out": ("--act", "relu"),
    "diverging": ("--act", "relu", "--lr", 1000),
    "never finite": ("--act", "relu", "--init", "normal:std=1000000", "--depth", 8),
    "zeros": ("--init", "zeros"),
    "batch": ("--normalization", "batch", "--lr", 1000),
}
QUICK = {"one class", "never finite"}


@pytest.mark.parametrize("kind", [pytest.param(k, marks=[] if k in QUICK else pytest.mark.slow) for k in ODD])
def test_commands_over_odd_input_warn_in_words_of_their_own(strict, xavier, kind):
    data = ()
    # Arrays train with a far smaller program than Shapeset, whose images are drawn within it.
    if kind in ("all zero", "one class", "half precision", "far out", "never finite"):
        np.savez(strict / "odd.npz", **odd_data(kind))
        data = ("--data", "odd.npz")
    commands = [("train", *SMALL, *LOOKS, *ODD[kind], *data, "-o", "odd.h5")]
    commands += [(name, "odd.h5") for name in ("show", "check", "compare")]
    commands += [("plot", figure, "odd.h5", "-o", f"{figure}.png") for figure in KINDS if figure != "samples"]
    commands += [("report", "odd.h5", "-o", "odd.html"), ("diff", "odd.h5", "odd.h5"), ("ls", ".")]
    commands += [("export", "odd.h5", "--to", "csv", "-o", "csv")]
    if kind not in QUICK:
        commands += [("verify", "odd.h5"), ("probe", *SMALL, *LOOKS, *ODD[kind], *data, "-o", "probe.h5")]
    for command in commands:
        answer = xavier(*command)

        # 2 and 5: figures that such a run has nothing for.
        assert answer.code in (0, 2, 3, 5), (command, answer.err)
        assert "Warning" not in answer.out + answer.err, (command, answer.err)
