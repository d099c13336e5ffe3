"""A sweep on a Dask cluster in this process: what is sent, what comes back, what is refused."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import threading
import time
from dataclasses import replace
from pathlib import Path

import dask
import pytest
from distributed import LocalCluster, Security

from xavier_cli.files.locks import lock_output
from xavier_cli.runs.store import read_result, write_run
from xavier_cli.sweeps import cluster_job, plan
from xavier_cli.sweeps.cluster import Cluster
from xavier_cli.sweeps.cluster_answers import outcomes_of, progress_of, taken_in
from xavier_cli.sweeps.cluster_client import ClusterError, check_versions, connect
from xavier_cli.sweeps.cluster_job import Reply, Token, difference, sees, versions
from xavier_cli.sweeps.plan import Folders
from xavier_cli.sweeps.recipe import Recipe
from xavier_cli.sweeps.run import run_groups
from xavier_cli.sweeps.work import Outcome, Task
from xavier_cli.training.engine.loop import Progress
from xavier_cli.vocabulary.user_functions import place_file


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
    made = [read_result(group.cells[0].path, "surface") for group in groups]
    for group in groups:
        group.cells[0].path.unlink()
    list(run_groups(groups, Task()))

    assert sorted(outcome.cell.config.seed for outcome in ended) == [0, 1, 2]
    assert {outcome.ending for outcome in ended} == {"done"}
    assert seen[-1] == 3
    for group, surface in zip(groups, made, strict=True):
        local = read_result(group.cells[0].path, "surface")
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
    config = read_result(tmp_path / "elsewhere.h5", "surface").config
    cell, other = replace(first, config=config), replace(second, config=config.model_copy(update={"seed": 5}))
    torn = bytes(byte ^ (i % 100 == 99) for i, byte in enumerate(content))

    assert taken_in(cell, Outcome(cell, "done"), torn).ending == "failed"
    assert taken_in(cell, Outcome(cell, "done"), content[:-100]).ending == "failed"
    assert "as another run" in taken_in(other, Outcome(other, "done"), content).why
    assert not cell.path.exists()
    assert not other.path.exists()
    with lock_output(cell.path):
        assert taken_in(cell, Outcome(cell, "done"), content).ending == "locked"
    assert taken_in(cell, Outcome(cell, "done"), "text").ending == "failed"
    assert taken_in(cell, Outcome(cell, "failed"), content).ending == "failed"
    assert not cell.path.exists()
    assert taken_in(cell, Outcome(cell, "done"), content).ending == "done"
    assert cell.path.read_bytes() == content


@pytest.mark.parametrize(
    "reply",
    [
        None,
        [("done", "", False)],
        Reply(()),
        Reply((("done", "", False),) * 2),
        Reply((("well", "", False),)),
        Reply((("done",),)),
        Reply((7,)),
        Reply((("done", "", False),), files=[b""]),
    ],
)
def test_an_answer_that_is_none_fails_its_group_in_one_line(groups, scheduler, monkeypatch, reply):
    with pytest.raises((ValueError, TypeError)):
        outcomes_of(reply, groups[0].cells)
    monkeypatch.setattr(cluster_job, "_made", lambda *_: reply)
    outcomes = run(groups[:2], scheduler)

    assert [outcome.ending for outcome in outcomes] == ["failed", "failed"]
    assert all("\n" not in outcome.why and "Error" in outcome.why for outcome in outcomes)


def test_what_is_told_on_the_way_is_passed_over_where_it_is_not_progress(groups, scheduler, monkeypatch):
    good = {"progress": {"doing": "training", "updates": 1, "total": 2, "members": 1}}
    bad = [
        {},
        {"progress": None},
        {"progress": {**good["progress"], "updates": "1"}},
        {"progress": {**good["progress"], "more": 1}},
        {"progress": {**good["progress"], "phase": 3}},
        {"progress": {**good["progress"], "follows_search": "yes"}},
    ]
    assert progress_of(good) == Progress("training", 1, 2, 1)
    assert [progress_of(event) for event in bad] == [None] * len(bad)

    def make(group, task, report, stopped):
        from distributed import get_worker

        for event in [
            *bad,
            {"index": "0"},
            {"index": -1, **good},
            {"index": 10**30, "began": 1},
            {"index": []},
        ]:
            get_worker().log_event(topics[0], {"index": 0, **event})
        return [Outcome(cell, "done") for cell in group.cells]

    topics, real = [], cluster_job.Job
    monkeypatch.setattr(
        cluster_job, "Job", lambda *args, **kw: topics.append(kw["topic"]) or real(*args, **kw)
    )
    monkeypatch.setattr(cluster_job, "make", make)
    assert [outcome.ending for outcome in run(groups[:1], scheduler)] == ["done"]


def test_a_cell_that_another_process_writes_is_waited_for(groups, scheduler, monkeypatch):
    monkeypatch.setattr(cluster_job, "SECONDS_FOR_LOCKS", 0)
    with lock_output(groups[0].cells[0].path):
        ended: list[Outcome] = []
        settled = run_groups(
            groups, Task(), cluster=Cluster(scheduler, Task()), stopped=lambda: len(ended) == 2
        )
        for part in settled:
            ended.extend(part)
    assert [outcome.ending for outcome in ended] == ["done", "done"]
    again = run(groups, scheduler)
    assert [outcome.ending for outcome in again] == ["done"] * 3
    assert sum(outcome.elsewhere for outcome in again) == 2


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
        ("tcp://127.0.0.1:9", "no cluster at `tcp://127.0.0.1:9`: no answer within 1 s"),
        ("http://127.0.0.1", "use an address like"),
        ("scheduler.json", "no cluster at `scheduler.json`: no such file"),
        ("tls://127.0.0.1:9", "needs the certificate authority: set DASK_DISTRIBUTED__COMM__TLS__CA_FILE to"),
    ],
)
def test_where_no_cluster_is_it_says_so_and_writes_nothing(groups, tmp_path, address, said):
    with pytest.raises(ClusterError, match=said):
        list(Cluster(address, Task(), wait=1).run(groups, lambda: False, lambda *_: None))
    assert list(tmp_path.iterdir()) == []


def test_without_the_extra_it_says_how_to_get_it(groups, monkeypatch):
    monkeypatch.setitem(sys.modules, "distributed", None)

    with pytest.raises(ClusterError, match=r"pip install distributed"):
        list(Cluster("tcp://127.0.0.1:9", Task()).run(groups, lambda: False, lambda *_: None))


def test_without_workers_it_waits_with_a_note_and_a_limit(groups, tmp_path):
    notes = []
    with LocalCluster(n_workers=0, processes=False, dashboard_address=":0") as empty:
        cluster = Cluster(empty.scheduler_address, Task(), wait=1.5, note=notes.append)
        with pytest.raises(ClusterError, match=r"no worker joined the cluster at .* in 1\.5 s"):
            list(cluster.run(groups, lambda: False, lambda *_: None))
    assert len(notes) == 1
    assert "has no workers; waiting 1.5 s for one" in notes[0]
    assert list(Path(tmp_path).iterdir()) == []


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"{", "no scheduler's file: "),
        (b"\xff\xfe", "no scheduler's file: "),
        (b"[" * 10**5, "nested too deeply"),
        (b'{"address": 7}', "it holds no address"),
        (b"[]", "it holds no address"),
        (None, "not a regular file"),
    ],
)
def test_a_schedulers_file_that_is_none_is_refused_in_one_line(tmp_path, content, said):
    path = tmp_path / "scheduler.json"
    path.write_bytes(content) if content is not None else os.mkfifo(path)
    with pytest.raises(ClusterError, match=said) as refused:
        connect(str(path), 1)
    assert "\n" not in str(refused.value)


@pytest.fixture(scope="module")
def certificates(tmp_path_factory):
    """A folder with two self-signed certificates, `one` and `two`."""
    if not shutil.which("openssl"):
        pytest.skip("needs the command `openssl`")
    folder = tmp_path_factory.mktemp("certificates")
    for name in ("one", "two"):
        subprocess.run(
            ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", f"/CN={name}",
             "-keyout", f"{name}.key", "-out", f"{name}.pem"],
            cwd=folder, check=True, capture_output=True,
        )  # fmt: skip
    (folder / "junk.pem").write_text("no certificate")
    return folder


@pytest.fixture(scope="module")
def encrypted(certificates):
    """The address of a cluster that speaks TLS alone, to whom `one` vouches for."""
    files = {f"tls_{role}_{kind}": str(certificates / f"one.{ending}")
             for role in ("client", "scheduler", "worker")
             for kind, ending in (("cert", "pem"), ("key", "key"))}  # fmt: skip
    security = Security(tls_ca_file=str(certificates / "one.pem"), require_encryption=True, **files)
    with LocalCluster(
        n_workers=1, threads_per_worker=1, processes=False, dashboard_address=":0", silence_logs=False,
        protocol="tls://", host="127.0.0.1", security=security,
    ) as there:  # fmt: skip
        yield there.scheduler_address


def certified(certificates, ca="one.pem", cert="one.pem", key="one.key"):
    """Dask's own settings of the files by which it knows others and is known."""
    names = {"ca-file": ca, "client.cert": cert, "client.key": key}
    return dask.config.set(
        {f"distributed.comm.tls.{name}": file and str(certificates / file) for name, file in names.items()}
    )


def test_over_tls_with_dasks_own_settings_the_files_are_the_same(groups, encrypted, certificates):
    assert encrypted.startswith("tls://")
    with certified(certificates):
        ended = run(groups, encrypted)

    assert [outcome.ending for outcome in ended] == ["done"] * 3
    for group in groups:
        assert read_result(group.cells[0].path, "surface").config == group.cells[0].config


@pytest.mark.parametrize(
    ("files", "said"),
    [
        ({"ca": None}, "needs the certificate authority: set DASK_DISTRIBUTED__COMM__TLS__CA_FILE"),
        ({"cert": None}, "needs this side's certificate: set DASK_DISTRIBUTED__COMM__TLS__CLIENT__CERT"),
        ({"ca": "no.pem"}, "CA_FILE names `.*no.pem`, and there is no such file"),
        ({"key": "no.key"}, "CLIENT__KEY names `.*no.key`, and there is no such file"),
        ({"ca": "junk.pem"}, "do not fit: no certificate or crl found"),
        ({"key": "two.key"}, "do not fit: key values mismatch"),
        ({"cert": "two.pem", "key": None}, "do not fit: "),
        ({"ca": "two.pem"}, "TLS__CA_FILE does not vouch for its certificate"),
        # Which of the two decides who is faster: a scheduler's words may be lost as it hangs up.
        (
            {"cert": "two.pem", "key": "two.key"},
            "(refused|hung up over TLS: it may not accept) the certificate in .*TLS__CLIENT__CERT",
        ),
    ],
)
def test_certificates_that_are_missing_or_wrong_are_named_and_nothing_is_written(
    groups, encrypted, certificates, tmp_path, files, said
):
    with certified(certificates, **files), pytest.raises(ClusterError, match=said) as refused:
        run(groups, encrypted)
    assert "\n" not in str(refused.value)
    assert list(tmp_path.iterdir()) == []


def test_without_tls_a_scheduler_that_wants_it_says_so(groups, encrypted):
    with pytest.raises(ClusterError, match=r"hung up: a scheduler may want an address like `tls://"):
        run(groups, encrypted.replace("tls://", "tcp://"))


def test_over_tls_the_command_takes_the_variables_that_dask_names(encrypted, certificates, tmp_path):
    (tmp_path / "recipe.toml").write_text('title = "t"\ncommand = "surface"\n[base]\npoints = 5\n')
    names = {"CA_FILE": "one.pem", "CLIENT__CERT": "one.pem", "CLIENT__KEY": "one.key"}

    def sweep(**others: str) -> subprocess.CompletedProcess[str]:
        variables = {f"DASK_DISTRIBUTED__COMM__TLS__{name}": str(certificates / file)
                     for name, file in {**names, **others}.items()}  # fmt: skip
        return subprocess.run(
            [sys.executable, "-c", "from xavier_cli.cli import main; main()", "sweep", "recipe.toml",
             "--cluster", encrypted, "-f", "json"],
            cwd=tmp_path, capture_output=True, text=True, timeout=200, check=False,
            env={**os.environ, **variables, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
        )  # fmt: skip

    wrong, right = sweep(CLIENT__CERT="two.pem"), sweep()
    assert wrong.returncode == 2
    assert "do not fit: key values mismatch" in wrong.stderr
    assert "Traceback" not in wrong.stderr
    assert right.returncode == 0, right.stderr
    assert [cell["state"] for cell in json.loads(right.stdout)["cells"]] == ["finished"]


def test_the_files_of_custom_functions_go_along(scheduler, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "nets.py").write_text("def net(inputs, classes): ...\n")
    recipe = Recipe(title="t", base={"net": "nets.py:net", "updates": 5}, grid={"lr": [0.1, 0.2]})
    found = plan.groups(plan.cells(recipe, "laptop", Folders(tmp_path, tmp_path, tmp_path)))
    seen = []

    def make(group, task, report, stopped):
        seen.append(place_file("nets.py"))
        return [Outcome(cell, "done") for cell in group.cells]

    monkeypatch.setattr(cluster_job, "make", make)
    ended = run(found, scheduler)

    assert {outcome.ending for outcome in ended} == {"done"}
    assert seen == [(tmp_path / "nets.py").resolve()]
    assert place_file("nets.py").parts == ("nets.py",)
