"""Forged files whose digests hold, in a folder full of traps: reading runs no code and imports no module."""

from __future__ import annotations

import hashlib
import importlib.util
import itertools
import json
import os
import random
import shutil
import subprocess
import sys
import time
from pathlib import Path

import h5py
import numpy as np
import pytest

from xavier_cli.config.canonical import HashedSettings
from xavier_cli.config.run import RunConfig
from xavier_cli.runs.checkpoint import Checkpoint, write_checkpoint
from xavier_cli.runs.errors import RunFileError
from xavier_cli.runs.many import read_runs
from xavier_cli.runs.reader import examine, read_checkpoint, read_surface
from xavier_cli.runs.store import read_run, write_run
from xavier_cli.runs.surface import SurfaceConfig
from xavier_cli.vocabulary import user_functions

TRAP = (
    "import os\nwith open(os.path.join(os.environ['TRAPS'], 'RAN'), 'a') as file:\n    file.write(__name__)\n"
)
WORDS = (
    "evil.py:f",
    "./evil.py:f",
    "../evil.py:f",
    "evil:f",
    "pkg.x:f",
    "pkg.absent:f",
    "this.x:f",
    "antigravity:f",
    "pipe.py:f",
    "/dev/zero.py:f",
    "entry_point",
    "os:system",
)
FIELDS = ("act", "init", "layer", "bias_init", "data", "optimizer")
SOURCES = {
    "no digest": "",
    "a digest": "evil.py 0123456789abcdef",
    "nonsense": "\\x00 :: evil",
    "absent": None,
}
COMMANDS = (
    *(("ls",), ("ls", "--where", "act=tanh"), ("show", "*"), ("compare", "*"), ("check", "*")),
    *(("doctor", "1"), ("diff", "*"), ("export", "*", "--to", "csv"), ("report", "*", "-o", "report.html")),
    *(
        ("plot", "saturation", "*"),
        ("plot", "curves", "*"),
        ("plot", "edge-of-chaos", "*"),
        ("plot", "activations", "*"),
    ),
    *(("config", "show"), ("verify", "1", "--updates", "0")),
)


@pytest.fixture
def traps(tmp_path, monkeypatch):
    """A folder, the current one, in which every way of running code leaves the file RAN."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TRAPS", str(tmp_path))
    monkeypatch.delenv("XAVIER_RUNS_DIR", raising=False)
    for name in ("evil", "sitecustomize", "usercustomize", "pkg/__init__", "pkg/x", "conftest", "matplotlib"):
        path = tmp_path / f"{name}.py"
        path.parent.mkdir(exist_ok=True)
        path.write_text(f"{TRAP}def f(*a, **k): return a[0]\n")
    os.mkfifo(tmp_path / "pipe.py")
    entries = tmp_path / "evil-1.0.dist-info"
    entries.mkdir()
    (entries / "METADATA").write_text("Metadata-Version: 2.1\nName: evil\nVersion: 1.0\n")
    groups = ("activations", "initializers", "optimizers", "data")
    (entries / "entry_points.txt").write_text(
        "".join(f"[xavier.{group}]\nentry_point = evil:f\n" for group in groups)
    )
    return tmp_path


def forge(path: Path, settings: dict, attributes: dict | None = None) -> None:
    """Change what the file at `path` says of its configuration, so that all digests hold again."""
    with h5py.File(path, "r+", libver=("v110", "v110")) as file:
        config = json.loads(file.attrs["config_json"].decode())
        target = config if "points" not in config or "act" in settings else config["around"]
        for key, value in settings.items():
            if value is None:
                target.pop(key, None)
            else:
                target[key] = value
        text = json.dumps(config, sort_keys=True, separators=(",", ":"))
        new = {"config_json": text, "config_sha256": hashlib.sha256(text.encode()).hexdigest()}
        for key, value in {**new, **(attributes or {})}.items():
            del file.attrs[key]
            file.attrs[key] = np.bytes_(value.encode())


def naming(field: str, word: str) -> dict:
    """The settings by which a configuration names `word` in `field`."""
    return {"init": f"normalized,output={word}"} if field == "layer" else {field: word}


def forged(make_run, plausible_surface, folder: Path, limit: int) -> list[Path]:
    """`limit` forged files of runs and surfaces, one way of naming code each."""
    good, surface, searched = folder / "good.h5", folder / "surface.h5", folder / "search.h5"
    folder.mkdir()
    write_run(good, make_run(depth=2, width=8, seeds=2, test_examples=20, updates=100, records="3"))
    write_run(searched, make_run(depth=2, width=8, seeds=2, test_examples=20, lr="0.1,0.3", records="3"))
    write_run(surface, plausible_surface())
    ways = list(itertools.product(WORDS, FIELDS, SOURCES.items(), (good, searched, surface)))
    random.Random(0).shuffle(ways)
    made = []
    for number, (word, field, (_, sources), origin) in enumerate(ways[:limit]):
        path = shutil.copy(origin, folder / f"forged-{number}.h5")
        if origin == surface:
            forge(path, {"act": word})
        else:
            forge(path, {**naming(field, word), "sources": sources})
        made.append(Path(path))
    for origin in (good, searched, surface):
        origin.rename(folder.parent / origin.name)
    return made


def questions(path: Path):
    """Everything that can be asked of a file."""
    (run,) = read_runs([path])
    (short,) = read_runs([path], only=())
    answers = [run, short, examine(path)]
    for ask in (read_surface, read_checkpoint):
        try:
            answers.append(ask(path))
        except RunFileError as error:
            answers.append(error)
    return answers


def nothing_ran(folder: Path) -> bool:
    return not (folder / "RAN").exists()


def command(arguments, path: Path, good: Path) -> list[str]:
    """The words of a command: `*` is both files, `1` the forged one."""
    files = {"*": [path, good], "1": [path]}
    return [str(word) for each in arguments for word in files.get(each, [each])]


def test_control_as_it_was_reading_imports_what_a_file_names(traps, make_run, monkeypatch):
    path = traps / "run.h5"
    write_run(path, make_run(depth=2, width=8, seeds=2, test_examples=20, records="3"))
    forge(path, {"act": "pkg.x:f"})

    read_run(path)
    assert nothing_ran(traps)
    monkeypatch.setattr(
        HashedSettings, "from_json", classmethod(lambda cls, text: cls.of(**json.loads(text)))
    )
    read_run(path)
    # Its source is digested, and its file is found without importing the parent package.
    assert nothing_ran(traps)
    monkeypatch.setattr(
        user_functions, "_origin", lambda module: Path(importlib.util.find_spec(module).origin)
    )
    monkeypatch.syspath_prepend(traps)
    read_run(path)
    assert not nothing_ran(traps)
    for name in [name for name in sys.modules if name.partition(".")[0] == "pkg"]:
        del sys.modules[name]


def test_reading_asks_for_no_file_and_no_module(traps, make_run, plausible_surface, count):
    asked = 0
    for path in forged(make_run, plausible_surface, traps / "runs", 60):
        asked += len(questions(path))

    assert nothing_ran(traps)
    count(**{"questions about forged files": asked, "of them that ran code": 0})


def test_commands_run_nothing_and_end_in_no_traceback(traps, make_run, plausible_surface, xavier, count):
    paths = forged(make_run, plausible_surface, traps / "runs", 7)
    commands = 0
    for path in paths:
        for arguments in COMMANDS:
            answer = xavier(*command(arguments, path, traps / "good.h5"))
            commands += 1
            assert answer.code in (0, 2, 3, 4, 5), (arguments, path.name, answer.err)
            assert "Traceback" not in answer.err
            assert nothing_ran(traps), (arguments, path.name)
    count(**{"commands over forged files": commands, "of them with exit code 1": 0})


@pytest.mark.faults
def test_two_thousand_questions_and_two_hundred_commands_run_nothing(
    traps, make_run, plausible_surface, count
):
    paths = forged(make_run, plausible_surface, traps / "runs", 480)

    def seconds(path: Path) -> float:
        began = time.perf_counter()
        questions(path)
        return time.perf_counter() - began

    good = sorted(seconds(traps / "good.h5") for _ in range(9))[4]
    times = [seconds(path) for path in paths]
    for (number, path), arguments in zip(enumerate(paths[:210]), itertools.cycle(COMMANDS), strict=False):
        words = command(arguments, path, traps / "good.h5")
        code = "from xavier_cli.cli import main; main()"
        done = subprocess.run(
            # As the installed command: without the working folder, which `python -c` itself imports from.
            [sys.executable, "-P", "-c", code, *words],
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )
        assert done.returncode in (0, 2, 3, 4, 5), (number, words, done.stderr)
        assert "Traceback" not in done.stderr

    assert nothing_ran(traps)
    count(
        **{
            "questions about forged files": 5 * len(paths),
            "commands over forged files": 210,
            "of them with exit code 1": 0,
            "slowest forged file's time in hundredths of a good one's": round(100 * max(times) / good),
        }
    )


def test_a_checkpoint_is_data_too(traps, xavier):
    config = RunConfig.of(data="mnist", depth=1, width=4, updates=20, records="2", seeds=1)
    identity = {**config.model_dump(mode="json"), "act": "pkg.x:f", "sources": ""}
    write_checkpoint(traps / "run.h5", Checkpoint(identity, {"stages": {}}, {"a": np.zeros(1)}))
    answer = xavier("doctor", ".run.h5.ckpt")

    assert answer.code in (0, 4, 5)
    assert nothing_ran(traps)
    assert read_checkpoint(traps / ".run.h5.ckpt").identity["act"] == "pkg.x:f"


def test_what_a_file_names_without_a_digest_is_not_trained_again(traps, make_run, xavier):
    write_run("run.h5", make_run(depth=2, width=8, seeds=2, test_examples=20, updates=100, records="3"))
    forge(Path("run.h5"), {"act": "evil.py:f"})
    answer = xavier("verify", "run.h5", "--updates", "10")

    assert answer.code == 2
    assert "`evil.py` is not run: the configuration has no digest of its text" in answer.err
    assert nothing_ran(traps)


def test_custom_code_runs_where_it_may_also_beside_debug(traps, xavier):
    assert xavier("--debug", "act", "show", "evil.py:f").code == 0
    assert not nothing_ran(traps)

    refused = xavier("plot", "samples", "--data", "pkg/x.py:f")
    assert refused.code == 2
    assert "`xavier plot` runs no custom code" in refused.err


def test_a_surface_around_a_run_is_data_too(traps, plausible_surface):
    around = RunConfig.of(seeds=1, depth=1, width=4)
    write_run("s.h5", plausible_surface(around=around))
    forge(Path("s.h5"), {"data": "pkg.x:f"})

    assert isinstance(read_surface("s.h5").config, SurfaceConfig)
    assert nothing_ran(traps)
