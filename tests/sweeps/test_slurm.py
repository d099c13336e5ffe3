"""The job array that `--slurm` prints: what it runs, and, where Slurm is installed, a real one with kills.

`apt-get install slurmctld slurmd munge`, then as root `pytest -m slow tests/sweeps/test_slurm.py`: it starts
munged, slurmctld and slurmd of its own in a folder of its own and ends them.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from xavier_cli.runs.store import read_run
from xavier_cli.sweeps.slurm import script

FACTS = {
    "title": "Odd $(touch oops)\nrm -rf x `y`",
    "name": "odd name; rm",
    "cells": 6,
    "time": "About 10 s.",
    "cores": 2,
}


def array_script(folder: Path, before: list[str], after: list[str], **variables: str) -> Path:
    path = folder / "job.sh"
    path.write_text(script(before, after, 3, folder=folder, variables=variables, **FACTS))
    return path


def test_the_script_hands_over_every_word_as_it_is(tmp_path):
    folder = tmp_path / "it's a $HOME"
    folder.mkdir()
    program = folder / "xavier"
    program.write_text('#!/bin/bash\npwd; printf "%s\\n" "$XAVIER_RUNS_DIR" "$@"\n')
    program.chmod(0o755)
    words = ["a b", "$(touch oops)", "it's", '"', "*", "é"]
    path = array_script(
        folder, [str(program), "sweep", *words], ["--set", "x=`y`"], XAVIER_RUNS_DIR="my 'runs'"
    )
    checked = subprocess.run(["bash", "-n", path], capture_output=True, text=True, check=False)
    done = subprocess.run(
        ["bash", path],
        env={**os.environ, "SLURM_ARRAY_TASK_ID": "2"},
        capture_output=True,
        text=True,
        check=False,
    )

    assert (checked.returncode, checked.stderr) == (0, "")
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == [
        str(folder), "my 'runs'", "sweep", *words, "--shard", "2/3", "--set", "x=`y`",
    ]  # fmt: skip
    assert sorted(each.name for each in folder.iterdir()) == ["job.sh", "xavier"]
    lines = path.read_text().splitlines()
    assert lines[0] == "#!/bin/bash"
    assert "#SBATCH --array=1-3" in lines
    # Slurm reads its options up to the first command.
    assert all(line.startswith("#") for line in lines[:11])


@pytest.mark.parametrize(
    ("ending", "requeued"), [("exit 143", True), ("exit 4", False), ("kill -USR1 $$", True)]
)
def test_warned_of_its_end_the_sweep_stops_and_waits_for_its_turn_again(tmp_path, ending, requeued):
    for name, text in {
        "xavier": f"leave() {{ trap - USR1; {ending}; }}\n"
        "trap leave USR1\ntouch ready\nwhile :; do sleep 0.05; done",
        "scontrol": 'echo "$@" >> asked',
    }.items():
        (tmp_path / name).write_text(f"#!/bin/bash\n{text}\n")
        (tmp_path / name).chmod(0o755)
    path = array_script(tmp_path, [str(tmp_path / "xavier")], [])
    process = subprocess.Popen(
        ["bash", path],
        env={**os.environ, "PATH": f"{tmp_path}:{os.environ['PATH']}", "SLURM_JOB_ID": "7"},
        stderr=subprocess.DEVNULL,
    )
    wait_for(lambda: (tmp_path / "ready").exists(), 20)
    # As Slurm does it with `--signal=B:USR1`: to the script alone.
    process.send_signal(signal.SIGUSR1)
    code = process.wait(timeout=20)

    assert code == {"exit 143": 143, "exit 4": 4, "kill -USR1 $$": 138}[ending]
    assert (tmp_path / "asked").exists() == requeued
    if requeued:
        assert (tmp_path / "asked").read_text() == "requeue 7\n"


def wait_for(there, seconds: float) -> None:
    until = time.monotonic() + seconds
    while not there():
        assert time.monotonic() < until, "nothing came in time"
        time.sleep(0.05)


RECIPE = """
title = "three cells"
[base]
depth = 1
width = 8
seeds = 1
records = 2
eval_examples = 100
jacobian_examples = 0
[grid]
updates = [20_000, 20_001, 20]
"""
CONFIG = """
ClusterName=xavier
SlurmctldHost=localhost(127.0.0.1)
SlurmUser=root
SlurmctldPort={ports[0]}
SlurmdPort={ports[1]}
AuthType=auth/munge
AuthInfo=socket={folder}/munge.socket,cred_expire=5
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.pid
ProctrackType=proctrack/pgid
TaskPlugin=task/none
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU
MpiDefault=none
NodeName=node1 NodeHostname={host} NodeAddr=127.0.0.1 CPUs=2
PartitionName=all Nodes=node1 Default=YES MaxTime=INFINITE State=UP
"""


@pytest.fixture
def slurm(tmp_path, monkeypatch):
    """A function that runs a command of Slurm, with a controller and a node of two cores of its own."""
    if os.geteuid() or not all(map(shutil.which, ("munged", "slurmctld", "slurmd", "sbatch"))):
        pytest.skip("needs root and Debian's slurmctld, slurmd, slurm-client and munge")
    folder = tmp_path / "slurm"
    for name in ("state", "spool"):
        (folder / name).mkdir(parents=True)
    (folder / "key").write_bytes(os.urandom(1024))
    (folder / "key").chmod(0o600)
    config = CONFIG.format(folder=folder, ports=free_ports(2), host=socket.gethostname().partition(".")[0])
    (folder / "slurm.conf").write_text(config)
    monkeypatch.setenv("SLURM_CONF", str(folder / "slurm.conf"))
    places = {"socket": "munge.socket", "key-file": "key", "log-file": "munge.log", "pid-file": "munge.pid"}
    munged = ["munged", "--force", "--foreground", f"--seed-file={folder}/seed"]
    munged += [f"--{option}={folder}/{name}" for option, name in places.items()]
    with contextlib.ExitStack() as daemons, (folder / "log").open("w") as log:
        for command in (munged, ["slurmctld", "-D"], ["slurmd", "-D", "-N", "node1"]):
            process = subprocess.Popen(command, stdout=log, stderr=log)
            daemons.callback(process.wait, timeout=60)
            daemons.callback(process.terminate)
            time.sleep(2)

        def run(*command: str) -> str:
            done = subprocess.run(
                command, cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False
            )
            assert done.returncode == 0, (command, done.stderr)
            return done.stdout

        wait_for(lambda: "idle" in run("sinfo", "-h"), 60)
        yield run


def free_ports(count: int) -> list[int]:
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in sockets]


@pytest.mark.slow
def test_a_real_array_one_part_warned_another_killed_ends_in_the_files_of_a_local_sweep(
    slurm, tmp_path, count
):
    (tmp_path / "recipe.toml").write_text(RECIPE)
    program = tmp_path / "xavier"
    path = os.pathsep.join(filter(None, sys.path))
    program.write_text(
        f"#!/bin/bash\nexport PYTHONPATH='{path}'\n"
        f"exec {sys.executable} -c 'from xavier_cli.cli import main; main()' \"$@\"\n"
    )
    program.chmod(0o755)
    arguments = [str(program), "sweep", "recipe.toml", "--scale", "tiny"]
    environment = {**os.environ, "PATH": f"{tmp_path}:{os.environ['PATH']}"}
    printed = subprocess.run(
        [*arguments, "--slurm", "3"],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )
    (tmp_path / "job.sh").write_text(printed.stdout)
    environment_for_jobs = f"--export=PATH={environment['PATH']},SLURM_CONF={os.environ['SLURM_CONF']}"
    submit = ["sbatch", "--parsable", "--cpus-per-task=1", environment_for_jobs, "job.sh"]
    job = slurm(*submit).strip()
    logs = [tmp_path / f"xavier-recipe-{job}_{part}.log" for part in (1, 2, 3)]
    wait_for(lambda: all(log.exists() and "training" in log.read_text() for log in logs[:2]), 240)
    # One is warned as before its time limit; of the other the sweep is killed outright.
    slurm("scancel", "--batch", "--signal=USR1", f"{job}_1")
    killed = [pid for pid in pids(b"2/3") if Path(f"/proc/{pid}/exe").resolve().name.startswith("python")]
    for pid in killed:
        os.kill(pid, signal.SIGKILL)
    wait_for(lambda: not slurm("squeue", "-h"), 400)
    states = slurm("scontrol", "show", "job", job)
    left = len(list((tmp_path / "runs").glob("*.h5")))
    again = slurm(*submit).strip()
    wait_for(lambda: not slurm("squeue", "-h"), 400)
    count(slurm_jobs_warned=1, slurm_jobs_killed=len(killed))
    print(
        printed.stdout, states, *(f"{log.name}:\n{log.read_text()}" for log in sorted(tmp_path.glob("*.log")))
    )

    assert len(killed) == 1
    assert "Restarts=1" in states
    assert "ExitCode=137:0" in states
    assert left == 2
    assert again != job
    runs = {path.name: read_run(path) for path in (tmp_path / "runs").glob("*.h5")}
    assert len(runs) == 3
    assert any(run.provenance.get("resumed_at") for run in runs.values())
    subprocess.run(arguments, cwd=tmp_path, env={**environment, "XAVIER_RUNS_DIR": "local"}, check=True)
    for name, run in runs.items():
        local = read_run(tmp_path / "local" / name)
        assert run.status == local.status == "complete"
        for array in local.arrays:
            assert np.array_equal(run[array], local[array], equal_nan=local[array].dtype.kind == "f"), array


def pids(word: bytes) -> list[int]:
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        with contextlib.suppress(OSError):
            if word in path.read_bytes().split(b"\0"):
                found.append(int(path.parent.name))
    return found
