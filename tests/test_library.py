"""The package as a library: light to import, typed, and with the commands' own words."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from threadpoolctl import threadpool_info, threadpool_limits

import xavier_cli
from xavier_cli import compare, read_run, train
from xavier_cli.runs.errors import ResumeError
from xavier_cli.runs.store import write_run

ROOT = Path(__file__).parents[1]
SMALL = {"width": 12, "depth": 2, "updates": 1000, "records": 4, "test_examples": 50}


def test_the_notebook_runs_and_warns_of_jax_that_has_started_with_one_device(tmp_path):
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "JAX_NUM_CPU_DEVICES": "1"}
    done = subprocess.run(
        [sys.executable, ROOT / "tests" / "support" / "notebook.py"],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert lines[0].startswith("<Run shapeset tanh standard, 2×10, lr 0.03: 2 seeds, 60 updates, test error ")
    assert lines[1:5] == [
        "as a table: 2",
        "2 seeds at 3 records, after [0, 30, 60] updates",
        "activation std by layer: (2,)",
        "same numbers: True",
    ]
    assert [line[:1] for line in lines[10:12]] == ["*", " "]
    assert lines[14] in ("best: standard", "best: normalized")
    if lines[15] != "no pandas and xarray":
        assert lines[15:19] == [
            "mean over seeds: (3,)",
            "layers: (3, 2)",
            "long: ['seed', 'update', 'layer', 'diverged', 'metric', 'value']",
            "xarray: {'seed': 2, 'update': 3, 'layer': 2}",
        ]
        assert "'n': [2, 2]" in lines[19]
    assert (tmp_path / "saturation.pdf").stat().st_size > 5000
    assert (tmp_path / "curves.png").stat().st_size > 5000
    assert sorted(path.name for path in (tmp_path / "runs").glob("*.h5")) == ["normalized.h5", "standard.h5"]
    if len(os.sched_getaffinity(0)) > 1:
        assert "JAX had already started with 1 of 2 devices" in done.stderr


def test_importing_it_imports_nothing_heavy():
    code = (
        "import sys, xavier_cli; dir(xavier_cli); "
        "heavy = {'jax', 'numpy', 'h5py', 'pydantic', 'matplotlib', 'pandas', 'xarray'}; "
        "print(sorted(set(sys.modules) & heavy))"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)

    assert done.stdout == "[]\n"


def test_every_name_it_promises_is_there_and_no_other():
    assert all(getattr(xavier_cli, name) is not None for name in xavier_cli.__all__)
    assert set(dir(xavier_cli)) == set(xavier_cli.__all__)
    assert (Path(xavier_cli.__file__).parent / "py.typed").exists()
    with pytest.raises(
        AttributeError,
        match=(
            "`tarin`; it has: Comparison, Run, RunConfig, XavierError, compare, plot, read_run, "
            "read_weights, train"
        ),
    ):
        _ = xavier_cli.tarin


def test_a_finished_run_is_read_and_not_trained(make_run, tmp_path, monkeypatch):
    run = make_run(**SMALL, seeds=2)
    write_run(tmp_path / "a.h5", run)
    monkeypatch.setattr("xavier_cli.library.training.session", None)

    again = train(run.config, out=tmp_path / "a.h5")

    assert again.path == tmp_path / "a.h5"
    assert again.config == run.config


def test_a_finished_run_without_the_weights_asked_for_is_trained_anew(make_run, tmp_path, monkeypatch):
    run = make_run(**SMALL, seeds=2)
    write_run(tmp_path / "a.h5", run)
    asked = []

    class Session:
        def train_to_file(self, path, hooks):
            asked.append((path, hooks.save_weights))
            return run

    monkeypatch.setattr("xavier_cli.library.training.session", lambda *_, **__: Session())
    train(run.config, out=tmp_path / "a.h5", save_weights="final")

    assert asked == [(tmp_path / "a.h5", "final")]


def test_linear_algebra_has_one_thread_a_core_while_it_trains_and_its_own_again_after(make_run, monkeypatch):
    def threads():
        return {pool["num_threads"] for pool in threadpool_info() if pool["user_api"] == "blas"}

    def training(*_, **__):
        seen.append(threads())
        return make_run(**SMALL, seeds=2), []

    seen = []
    monkeypatch.setattr("xavier_cli.training.session.train", training)
    monkeypatch.setattr("xavier_cli.training.session.prepare", lambda *_: None)
    with threadpool_limits(2, user_api="blas"):
        train(make_run(**SMALL, seeds=2).config)
        seen.append(threads())

    assert seen == [{1}, {2}]


def test_another_configuration_s_run_is_not_replaced(make_run, tmp_path):
    run = make_run(**SMALL, seeds=2)
    write_run(tmp_path / "a.h5", run)

    with pytest.raises(ResumeError, match=r"a\.h5` was trained with width 12, not 13"):
        train(run.config.with_(width=13), out=str(tmp_path / "a.h5"))
    assert read_run(tmp_path / "a.h5").config == run.config


def test_runs_that_differ_in_their_seeds_are_compared_as_one(make_run):
    parts = [make_run(**SMALL, seeds=seeds, init="standard", final_error=0.5) for seeds in ("0:3", "3:6")]
    best = make_run(**SMALL, seeds="0:6", final_error=0.2)

    (section,) = compare([*parts, best]).sections

    assert [len(row.seeds) for row in section.rows] == [6, 6]
    assert section.rows[0].settings["init"] == "normalized"
    assert section.rows[1].verdict.kind == "told_apart"


def test_keyword_settings_are_the_configuration(make_run, tmp_path, monkeypatch):
    run = make_run(**SMALL, seeds=2)
    write_run(tmp_path / "a.h5", run)
    monkeypatch.setattr("xavier_cli.library.training.session", None)
    sizes = {name: each for name, each in run.config.model_dump().items() if name in SMALL} | {
        "eval_examples": run.config.eval_examples
    }

    assert train(run.config.with_(lr=0.5), lr=run.config.lr, out=tmp_path / "a.h5").config == run.config
    again = train(**sizes, learning_rate=run.config.lr, seeds=2, out=tmp_path / "a.h5")
    assert again.config == run.config
    assert isinstance(again, xavier_cli.Run)
    with pytest.raises(xavier_cli.XavierError, match="unknown setting `with`: did you mean `width`"):
        train(**{"with": 12})
