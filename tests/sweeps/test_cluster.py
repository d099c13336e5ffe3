"""A sweep on a Dask cluster in this process: what is sent, what comes back, what is refused."""

from __future__ import annotations

import sys
import threading
import time
from dataclasses import replace
from pathlib import Path

import pytest
from distributed import LocalCluster

from xavier_cli.recipes import Recipe
from xavier_cli.runs.store import read_surface, write_run
from xavier_cli.sweeps import cluster_job, plan
from xavier_cli.sweeps.cluster import Cluster, ClusterError, check_versions, taken_in
from xavier_cli.sweeps.cluster_job import Token, difference, sees, versions
from xavier_cli.sweeps.plan import Folders
from xavier_cli.sweeps.run import run_groups
from xavier_cli.sweeps.work import Outcome, Task
from xavier_cli.training.loop import Progress


@pytest.fixture(scope="module")
def scheduler():
    """The address of a cluster of one worker with two threads, in this process."""
    with LocalCluster(
        n_workers=1, threads_per_worker=2, processes=False, dashboard_address=":0", silence_logs=False
    ) as there:
        yield there.scheduler_address


@pytest.fixture
def groups(tmp_path):
    """Three surfaces, a group each."""
    recipe = Recipe(title="t", command="surface", base={"points": 5}, grid={"seed": [0, 1, 2]})
    return plan.groups(plan.cells(recipe, "tiny", Folders(tmp_path, tmp_path, tmp_path / "surfaces")))


def run(groups, address, **settings):
    task = Task(provenance={"command_id": "0123456789"})
    return [outcome for part in run_groups(groups, task, cluster=Cluster(address, task), **settings)
            for outcome in part]  # fmt: skip


@pytest.mark.parametrize("shared", [True, False])
def test_the_files_are_those_of_a_local_sweep_whether_folders_are_shared_or_not(
    groups, scheduler, shared, monkeypatch, tmp_path
):
    if not shared:
        monkeypatch.setattr(cluster_job, "sees", lambda token: False)
    seen = []
    ended = run(groups, scheduler, watch=lambda standing: seen.append(standing.done))
    made = [read_surface(group.cells[0].path) for group in groups]
    for group in groups:
        group.cells[0].path.unlink()
    list(run_groups(groups, Task()))

    assert sorted(outcome.cell.config.seed for outcome in ended) == [0, 1, 2]
    assert {outcome.ending for outcome in ended} == {"done"}
    assert seen[-1] == 3
    for group, surface in zip(groups, made, strict=True):
        local = read_surface(group.cells[0].path)
        assert surface.config == local.config
        assert surface.provenance["command_id"] == "0123456789"
        assert all((surface[name] == local[name]).all() for name in local.arrays)
    assert sorted(path.suffix for path in (tmp_path / "surfaces").iterdir()) == [".h5"] * 3


def test_a_worker_makes_one_group_at_a_time_and_what_it_left_is_made_again(groups, scheduler, monkeypatch):
    at_once, most, left = [], [], []

    def make(group, task, report, stopped):
        at_once.append(group)
        most.append(len(at_once))
        time.sleep(0.1)
        at_once.remove(group)
        if group.cells[0].config.seed == 1 and not left:
            left.append(True)
            return [Outcome(cell, "stopped") for cell in group.cells]
        return [Outcome(cell, "done") for cell in group.cells]

    monkeypatch.setattr(cluster_job, "make", make)
    ended = run(groups, scheduler)

    assert most == [1, 1, 1, 1]
    assert left
    assert {outcome.ending for outcome in ended} == {"done"}


def test_whoever_is_stopped_stops_the_workers(groups, scheduler, monkeypatch):
    begun, told = threading.Event(), threading.Event()

    def make(group, task, report, stopped):
        begun.set()
        report(Progress("training", 1, 100, 1))
        while not stopped():
            time.sleep(0.01)
        told.set()
        return [Outcome(cell, "stopped") for cell in group.cells]

    monkeypatch.setattr(cluster_job, "make", make)
    began = time.monotonic()
    ended = run(groups, scheduler, stopped=begun.is_set)

    assert told.wait(5)
    assert ended == []
    assert time.monotonic() - began < 15


def test_a_group_that_cannot_be_made_says_why_and_hides_no_other(groups, scheduler, monkeypatch):
    def make(group, task, report, stopped):
        if group.cells[0].config.seed == 1:
            raise ArithmeticError("too\nmuch")
        return [Outcome(cell, "done") for cell in group.cells]

    monkeypatch.setattr(cluster_job, "make", make)
    ended = {outcome.cell.config.seed: outcome for outcome in run(groups, scheduler)}

    assert [ended[seed].ending for seed in range(3)] == ["done", "failed", "done"]
    assert ended[1].why == "ArithmeticError: too much"


def test_a_file_that_comes_back_is_believed_only_whole_and_of_its_cell(groups, tmp_path, plausible_surface):
    first, second = groups[0].cells[0], groups[1].cells[0]
    write_run(tmp_path / "elsewhere.h5", plausible_surface(points=5, seed=0, examples=1))
    content = (tmp_path / "elsewhere.h5").read_bytes()
    config = read_surface(tmp_path / "elsewhere.h5").config
    cell, other = replace(first, config=config), replace(second, config=config.model_copy(update={"seed": 5}))
    torn = bytes(byte ^ (i % 100 == 99) for i, byte in enumerate(content))

    assert taken_in(cell, Outcome(cell, "done"), torn).ending == "failed"
    assert taken_in(cell, Outcome(cell, "done"), content[:-100]).ending == "failed"
    assert "as another run" in taken_in(other, Outcome(other, "done"), content).why
    assert not cell.path.exists()
    assert not other.path.exists()
    assert taken_in(cell, Outcome(cell, "done"), content).ending == "done"
    assert cell.path.read_bytes() == content


def test_the_token_tells_the_same_folder_from_one_of_its_name(tmp_path):
    (tmp_path / ".token").write_text("abc")

    assert sees(Token(tmp_path / ".token", "abc"))
    assert not sees(Token(tmp_path / ".token", "abd"))
    assert not sees(Token(tmp_path / "other" / ".token", "abc"))


def test_other_versions_are_refused_by_name():
    class Client:
        def __init__(self, **packages):
            self.packages = packages

        def get_versions(self, packages):
            theirs = {"packages": {**versions(), **self.packages}, "host": {"python": f"{python}.7.final.0"}}
            return {"workers": {"tcp://a:1": theirs, "tcp://b:2": theirs}}

    python = versions()["python"]
    check_versions(Client())
    with pytest.raises(ClusterError, match=r"worker tcp://a:1 has jax 0\.1, not .*; so do 1 more"):
        check_versions(Client(jax="0.1"))
    with pytest.raises(ClusterError, match="has no xavier-cli"):
        check_versions(Client(**{"xavier-cli": None}))
    python = "3.9"
    with pytest.raises(ClusterError, match=r"has python 3\.9, not"):
        check_versions(Client())
    assert difference(versions(), versions()) == ""


def test_a_late_worker_of_other_versions_fails_its_group_by_name(groups, scheduler, monkeypatch):
    monkeypatch.setattr(
        cluster_job, "make", lambda group, *_: [Outcome(cell, "done") for cell in group.cells]
    )
    ours = versions()
    monkeypatch.setattr(cluster_job, "versions", iter([ours, ours, *[{**ours, "jax": "0.1"}] * 9]).__next__)
    (outcome,) = run(groups[:1], scheduler)

    assert outcome.ending == "failed"
    assert "has jax 0.1, not" in outcome.why


@pytest.mark.parametrize(
    ("address", "said"),
    [
        ("tcp://127.0.0.1:9", "no cluster at `tcp://127.0.0.1:9`: nobody answered in 1 s"),
        ("http://127.0.0.1", "known are addresses like"),
        ("scheduler.json", "cannot be read: No such file"),
    ],
)
def test_where_no_cluster_is_it_says_so_and_writes_nothing(groups, tmp_path, address, said):
    with pytest.raises(ClusterError, match=said):
        list(Cluster(address, Task(), wait=1).run(groups, lambda: False, lambda *_: None))
    assert list(tmp_path.iterdir()) == []


def test_without_the_extra_it_says_how_to_get_it(groups, monkeypatch):
    monkeypatch.setitem(sys.modules, "distributed", None)

    with pytest.raises(ClusterError, match=r"pip install 'xavier-cli\[cluster\]'"):
        list(Cluster("tcp://127.0.0.1:9", Task()).run(groups, lambda: False, lambda *_: None))


def test_without_workers_it_waits_with_a_note_and_a_limit(groups, tmp_path):
    notes = []
    with LocalCluster(n_workers=0, processes=False, dashboard_address=":0") as empty:
        cluster = Cluster(empty.scheduler_address, Task(), wait=1.5, note=notes.append)
        with pytest.raises(ClusterError, match=r"no worker came to the cluster at .* in 1\.5 s"):
            list(cluster.run(groups, lambda: False, lambda *_: None))
    assert len(notes) == 1
    assert "has no workers; waiting 1.5 s for one" in notes[0]
    assert list(Path(tmp_path).iterdir()) == []
