"""Tests `xavier train` end to end, then the commands that read its run file."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from xavier_cli.config.run import RunConfig
from xavier_cli.runs.store import read_run, write_run
from xavier_cli.runs.weights import read_weights, weights_path
from xavier_cli.training import estimate, memory
from xavier_cli.views.training_plan import plan_page

# Two seeds wherever nothing else is the point: equal programs are compiled once for all tests.
TINY = ["--width", "8", "--depth", "2", "--updates", "40", "--records", "3", "--eval-examples", "500", "-q"]


def as_a_process(*arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", "from xavier_cli.cli import main; main()", *arguments],
        cwd=cwd,
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "XAVIER_RUNS_DIR": "runs"},
    )


@pytest.fixture
def run_in(xavier, monkeypatch) -> Callable[..., Any]:
    """A function that runs a command of this process in a folder; `environment` is set for the test."""

    def run(folder: Path, *arguments: str, **environment: str) -> Any:
        monkeypatch.chdir(folder)
        for name, value in {"XAVIER_RUNS_DIR": "runs", **environment}.items():
            monkeypatch.setenv(name, value)
        return xavier(*arguments)

    return run


@pytest.fixture(scope="module")
def trained(tmp_path_factory, prepare) -> Path:
    """A folder in which three configurations were trained, one of them in two halves of its seeds.

    The first by a process, as users do it, the others within this one: starting costs more than training.
    """
    folder = tmp_path_factory.mktemp("trained")
    done = as_a_process("train", *TINY, "--init", "standard", "--seeds", "0:2", cwd=folder)
    assert done.returncode == 0, done.stderr
    prepare(folder, "train", *TINY, "--init", "standard", "--seeds", "2:4")
    prepare(folder, "train", *TINY, "--init", "normalized", "--seeds", "2")
    return folder


def test_train_ends_with_errors_layers_the_file_and_what_next(trained, run_in):
    done = run_in(trained, "train", *TINY, "--init", "normalized", "--seeds", "2")

    assert done.code == 0
    assert "test error %" in done.out
    assert "hidden 2" in done.out
    assert "runs/shapeset-tanh-normalized-d2w8" in done.out
    assert "already trained" in done.err
    assert "next: xavier plot saturation" in done.err


def test_a_finished_run_is_trained_anew_where_its_weights_are_asked_for(trained, run_in):
    (path,) = (trained / "runs").glob("*standard*u40-s2-3-*.h5")
    before, weights = read_run(path), weights_path(path)
    asked = ["train", *TINY, "--init", "standard", "--seeds", "2:4", "--save-weights", "records"]
    anew, again = (run_in(trained, *asked) for _ in range(2))
    run = read_run(path)

    assert anew.code == again.code == 0, anew.err + again.err
    assert "already trained, without its weights: training again to save them" in anew.err
    assert f"weights: runs/{weights.name}" in anew.err
    assert "already trained; `--force`" in again.err
    assert run.config.sha256() == before.config.sha256()
    for name, array in before.arrays.items():
        assert array.tobytes() == run[name].tobytes(), name
    kept = read_weights(run, update=20)
    assert kept["seed3/layer2/weight"].shape == (8, 8)
    assert kept["seed3/layer2/weight"].std() == pytest.approx(run["weight/std"][1, 1, 1], rel=1e-4)
    verified = run_in(trained, "verify", str(path), "-q")
    assert (verified.code, "trained weights" in verified.out) == (0, True), verified.err
    weights.write_bytes(weights.read_bytes()[:-1])
    assert run_in(trained, "verify", str(path), "--updates", "0", "-q").code == 3


def test_one_configuration_in_two_files_is_one_row(trained, run_in):
    done = run_in(trained, "compare", "-f", "json")
    (section,) = json.loads(done.out)["sections"]

    assert done.code == 0
    assert sorted(row["n"] for row in section["rows"]) == [2, 4]


def test_show_ls_and_plot_read_what_train_wrote(trained):
    for command in (["show"], ["ls"], ["plot", "saturation"], ["plot", "curves"]):
        done = as_a_process(*command, cwd=trained)
        assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == "figures/curves.png"
    assert (trained / "figures" / "saturation.png").stat().st_size > 10_000


def test_the_file_holds_what_the_schema_promises(trained):
    run = read_run(next((trained / "runs").glob("*normalized*.h5")))

    assert run.status == "complete"
    assert run.updates.tolist() == [0, 20, 40]
    assert np.isnan(run["curves/train_loss"][:, 0]).all()
    assert np.isfinite(run["curves/train_loss"][:, 1:]).all()
    assert run["activation/histogram"].sum(axis=-1).tolist() == [[[8 * 300] * 2] * 3] * 2
    assert run["final/test_correct"].shape == (2, 10_000)
    assert np.allclose(1 - run["final/test_correct"].mean(axis=1), run["curves/test_error"][:, -1])
    assert run.provenance["strategy"] == "sharded"


@pytest.mark.slow
def test_members_one_after_the_other_are_the_same_bits(trained, tmp_path, run_in):
    reference = read_run(next((trained / "runs").glob("*normalized*.h5")))
    output = tmp_path / "map.h5"
    done = run_in(tmp_path, "train", *TINY, "--seeds", "2", "--strategy", "map", "-o", str(output))
    run = read_run(output)

    assert done.code == 0, done.err
    for name, array in reference.arrays.items():
        assert np.array_equal(run[name], array, equal_nan=array.dtype.kind == "f"), name


def test_a_search_takes_the_rate_with_the_lowest_validation_error(tmp_path, run_in):
    done = run_in(
        tmp_path, "train", *TINY, "--lr", "1e-6,0.05,0.1", "--seeds", "4", "--keep-all", "-f", "json"
    )
    files = sorted(path.name for path in (tmp_path / "runs").glob("*.h5"))
    run = read_run(next((tmp_path / "runs").glob("*lrsearch*.h5")))
    errors = run["search/valid_error"]

    assert done.code == 0, done.err
    assert len(files) == 4
    assert errors.shape == (3, 2)
    assert run.lr == json.loads(done.out)["lr"] == run["search/lr"][errors.mean(axis=1).argmin()]
    assert len(run.seeds) == 4
    # The seeds of the search are not trained twice, and are the same as trained alone.
    alone = next(path for path in (tmp_path / "runs").glob(f"*lr{run.lr:g}-*.h5"))
    assert np.array_equal(read_run(alone)["curves/test_error"], run["curves/test_error"][:2])


def test_diverged_seeds_are_told_and_can_fail_the_command(tmp_path, make_run, run_in):
    run = make_run(seeds=3, diverged=(1,))
    write_run(tmp_path / "runs" / f"{run.config.file_stem()}.h5", run)
    done = run_in(tmp_path, "train", "--seeds", "3")
    failing = run_in(tmp_path, "train", "--seeds", "3", "--fail-on-divergence")

    assert done.code == 0, done.err
    assert "1 of 3 seeds diverged" in done.err
    assert failing.code == 4


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["--act", "tahn"], 2, "did you mean `tanh`"),
        (["--init", "glorot_unifrom"], 2, "did you mean `glorot_uniform`"),
        (["--widht", "3"], 2, "--width"),
        (["--width", "0"], 2, "width"),
        (["--lr", "nan"], 2, "lr"),
        (["--seeds", "1,1"], 2, "seeds"),
        (["--updates", "1e400"], 2, "updates"),
        (["--scale", "papre"], 2, "did you mean `paper`"),
        (["--config", "missing.toml"], 2, "missing.toml"),
        (["--config", "broken.toml"], 2, "broken.toml"),
        (["--config", "misspelt.toml"], 2, "did you mean `width`"),
        (["-o", "folder"], 2, "folder"),
        (["-o", "taken.h5"], 2, "--force"),
        (["--data", "mnist", "--data-dir", "folder"], 2, "train-images"),
        (["--strategy", "fast"], 2, "strategy"),
    ],
)
def test_bad_input_gets_one_line_and_writes_nothing(tmp_path, arguments, code, said, run_in):
    (tmp_path / "folder").mkdir()
    (tmp_path / "taken.h5").write_text("mine")
    (tmp_path / "broken.toml").write_text("width = = 3")
    (tmp_path / "misspelt.toml").write_text("widht = 3")
    before = sorted(tmp_path.rglob("*"))
    done = run_in(tmp_path, "train", *arguments, XAVIER_DATA_DIR="")

    assert done.code == code
    assert said in done.err
    assert len(done.err.strip().splitlines()) == 1
    assert done.out == ""
    assert sorted(tmp_path.rglob("*")) == before
    assert (tmp_path / "taken.h5").read_text() == "mine"


def test_a_bad_environment_or_file_is_told_with_its_name(tmp_path, run_in):
    (tmp_path / "xavier.toml").write_text('act = "sigmoid"\nwidth = 0\n')
    from_file = run_in(tmp_path, "train", "--dry-run")
    (tmp_path / "xavier.toml").write_text('act = "sigmoid"\n')
    from_environment = run_in(tmp_path, "train", "--dry-run", XAVIER_DEPTH="none")

    assert (from_file.code, from_environment.code) == (2, 2)
    assert "xavier.toml: width" in from_file.err
    assert "XAVIER_DEPTH: depth" in from_environment.err


def test_flags_win_over_environment_over_files_over_defaults(tmp_path, run_in):
    (tmp_path / "xavier.toml").write_text("width = 11\ndepth = 11\nupdates = 11\nbatch-size = 11\n")
    (tmp_path / "mine.toml").write_text("depth = 12\nupdates = 12\nbatch_size = 12\n")
    asked = ("train", "--dry-run", "-f", "json", "-c", "mine.toml", "--batch-size", "14")
    done = run_in(tmp_path, *asked, XAVIER_UPDATES="13", XAVIER_BATCH_SIZE="13")
    config = json.loads(done.out)["config"]

    assert [config[name] for name in ("width", "depth", "updates", "batch_size")] == [11, 12, 13, 14]
    assert config["act"] == "tanh"


def test_a_plan_counts_networks_and_updates_and_measures_memory(tmp_path):
    config = RunConfig(depth=2, width=20, updates=30_000, seeds=range(5), pretrain="dae")
    page = plan_page(config, tmp_path / "run.h5", saved="final")
    shown = {row[0]: row[1] for table in page.tables for row in table.texts}

    assert shown["networks"] == str(page.data["members"]) == "5"
    assert shown["updates per network"] == "30,000"
    assert shown["networks at a time"] == str(page.data["members_at_a_time"])
    assert shown["parameters per network"] == f"{page.data['parameters_per_member']:,}"
    for name in ("memory", "weights file", "memory for weights"):
        assert re.fullmatch(r"about [\d,]+ MB", shown[name]), name
    assert not any(value == "" for value in shown.values())


@pytest.mark.parametrize(
    ("room_for", "asked", "lr", "at_a_time", "said"),
    [
        (30, None, 0.03, 30, ""),
        (4, None, 0.03, 4, "4 networks at a time instead of 30: the same results in less memory."),
        (30, 7, 0.03, 7, "7 networks at a time instead of 30"),
        # The rates of a seed are trained together.
        (16, None, (0.01, 0.03, 0.1), 15, "15 networks at a time instead of 30"),
        (0, None, 0.03, 1, "Training would fail: width, depth: one network of 5×300 takes about"),
    ],
)
def test_a_plan_says_how_many_networks_fit_at_a_time(room_for, asked, lr, at_a_time, said, monkeypatch):
    config = RunConfig.of(seeds=30, lr=lr, search_seeds=10)
    one, two = estimate.memory(config, 1), estimate.memory(config, 2)
    there = (one + (room_for - 1) * (two - one)) / 0.8 + 1 if room_for else one / 2
    monkeypatch.setattr(memory, "available_bytes", lambda: int(there))
    page = plan_page(config, Path("a.h5"), asked=asked)

    assert page.data["members_at_a_time"] == at_a_time
    assert page.data["memory_bytes"] == estimate.memory(config, at_a_time)
    assert [said in note for note in page.notes] == [True] * bool(said)


@pytest.mark.parametrize(
    ("sent", "code"),
    [
        (signal.SIGINT, 130),
        pytest.param(signal.SIGTERM, 143, marks=pytest.mark.slow),
        (signal.SIGHUP, 129),
    ],
)
def test_a_signal_leaves_a_readable_file_and_its_own_exit_code(tmp_path, sent, code):
    endless = [
        *TINY[:4],
        "--updates",
        "100000000",
        "--records",
        "every:10000",
        "--eval-examples",
        "500",
        "--seeds",
        "2",
    ]
    command = [sys.executable, "-c", "from xavier_cli.cli import main; main()", "train", *endless]
    with subprocess.Popen(
        [*command, "-o", "run.h5"], cwd=tmp_path, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stderr is not None
        for line in process.stderr:
            if line.startswith("training"):
                break
        process.send_signal(sent)
        said = process.stderr.read()

    assert process.returncode == code
    assert "of 100,000,000; last record at " in said
    assert "; results so far are in run.h5" in said
    run = read_run(tmp_path / "run.h5")
    assert run.status == "interrupted"
    assert 0 < len(run.updates) < 1000
    assert run.updates.tolist() == [10_000 * i for i in range(len(run.updates))]
    assert sorted(path.name for path in tmp_path.iterdir()) == [".run.h5.ckpt", "run.h5"]


def test_progress_goes_to_stderr_and_results_to_stdout(tmp_path, run_in):
    settings = [argument for argument in TINY if argument != "-q"]
    done = run_in(tmp_path, "train", *settings, "--seeds", "2", "-f", "json")

    assert "compiling" in done.err
    assert json.loads(done.out)["schema"] == "xavier.train/1"
