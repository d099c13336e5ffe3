"""A writer process to be killed: run by `test_run_faults.py`, never imported by the tests themselves.

Imports what is heavy only where it is used: most of a child's time is its start.

`kill FOLDER protected|in_place [PIECE_BYTES]` writes once per call of the operating system that the writer
makes, in a child that is killed at that call (a write half done), and prints what each kill left behind.
"""

import json
import os
import resource
import signal
import sys
import time
from pathlib import Path

sys.path[:0] = [str(Path(__file__).parents[1]), str(Path(__file__).parents[2])]

CALLS = ("open", "write", "fsync", "replace", "close")


def small_run(seeds):
    from conftest import plausible_run

    return plausible_run(
        depth=1, width=2, updates=10, records="3", seeds=seeds, only=("curves", "activation")
    )


def write_whole(path, run):
    from xavier_cli.runs import store

    store.write_run(path, run)


def write_in_place(path, run):
    """The control: the same bytes over the same calls, but into the file that is there."""
    from xavier_cli.files import publish
    from xavier_cli.runs import store

    content = []
    publish_whole, store.publish = store.publish, lambda path, image, verify: content.append(image)
    store.write_run(path, run)
    store.publish = publish_whole
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    rest = memoryview(content[0])
    while rest:
        rest = rest[os.write(descriptor, rest[: publish.PIECE_BYTES]) :]
    os.fsync(descriptor)
    os.close(descriptor)


def write_checkpoints(path, run):
    """A run's arrays as a checkpoint beside `path`, twice: the one before is as much at stake."""
    from xavier_cli.runs import checkpoint

    arrays = {name: array for name, array in run.arrays.items() if array.dtype.kind != "S"}
    for turn in range(2):
        checkpoint.write_checkpoint(
            path, checkpoint.Checkpoint({"seeds": list(run.config.seeds)}, {"turn": turn}, arrays)
        )


def write_checkpoints_over_each_other(path, run):
    """The control: the newest is removed before the next is written, and none is kept."""
    from xavier_cli.runs import checkpoint

    publish_whole = checkpoint.publish

    def publish(path, image, verify, former):
        path.unlink(missing_ok=True)
        publish_whole(path, image, verify)

    checkpoint.publish = publish
    write_checkpoints(path, run)
    checkpoint.publish = publish_whole


WRITERS = {
    "protected": write_whole,
    "in_place": write_in_place,
    "checkpoints": write_checkpoints,
    "checkpoints_over_each_other": write_checkpoints_over_each_other,
}


def die_at(k):
    """Kill this process at its k-th call; a write gets half its bytes out first."""
    count = 0

    def counted(name, call):
        def die_or_call(*arguments, **options):
            nonlocal count
            count += 1
            if count == k:
                if name == "write":
                    call(arguments[0], arguments[1][: len(arguments[1]) // 2])
                os.kill(os.getpid(), signal.SIGKILL)
            return call(*arguments, **options)

        return die_or_call

    for name in CALLS:
        setattr(os, name, counted(name, getattr(os, name)))


def state(path, old, new):
    from xavier_cli.runs import store
    from xavier_cli.runs.errors import RunFileError

    try:
        seeds = store.read_run(path).config.seeds
    except RunFileError:
        return "lost"
    return {old.config.seeds: "old", new.config.seeds: "new"}[seeds]


def kill(folder, writer):
    from xavier_cli.files import publish

    path, (old, new) = folder / "run.h5", (small_run("1,"), small_run("2,3"))
    write_whole(path, old)
    before = path.read_bytes()
    publish.PIECE_BYTES = int(sys.argv[4]) if len(sys.argv) > 4 else 1024
    states, strays = [], 0
    for k in range(1, 10_000):
        path.write_bytes(before)
        child = os.fork()
        if child == 0:
            die_at(k)
            WRITERS[writer](path, new)
            os._exit(0)
        if os.waitpid(child, 0)[1] == 0:
            break
        states.append(state(path, old, new))
        strays += len(list(folder.iterdir())) > 1
    write_whole(path, new)
    print(json.dumps({"states": states, "strays": strays, "left": [p.name for p in folder.iterdir()]}))


def kill_checkpoints(folder, writer):
    """As `kill`, of checkpoints: whether one can be read after each kill, and of what."""
    import shutil

    from xavier_cli.files import publish
    from xavier_cli.runs import checkpoint

    path, (old, new) = folder / "run.h5", (small_run("1,"), small_run("2,3"))
    write_checkpoints(path, old)
    kept = [(each, each.read_bytes()) for each in checkpoint.checkpoint_paths(path)]
    publish.PIECE_BYTES = 8192
    states = []
    for k in range(1, 10_000):
        shutil.rmtree(folder)
        folder.mkdir()
        for each, content in kept:
            each.write_bytes(content)
        child = os.fork()
        if child == 0:
            die_at(k)
            WRITERS[writer](path, new)
            os._exit(0)
        if os.waitpid(child, 0)[1] == 0:
            break
        found, notes = checkpoint.recover_checkpoint(path)
        states.append("lost" if found is None else f"{found.identity['seeds']} {found.facts['turn']} {notes}")
    print(json.dumps({"states": states, "left": sorted(each.name for each in folder.iterdir())}))


def full(folder, writer):
    """The kernel itself refuses to let the file grow, as on a full disk."""
    path, (old, new) = folder / "run.h5", (small_run("1,"), small_run("2,3"))
    write_whole(path, old)
    resource.setrlimit(resource.RLIMIT_FSIZE, (5000, 5000))
    said = ""
    try:
        WRITERS[writer](path, new)
    except Exception as error:
        said = str(error)
    left = [p.name for p in folder.iterdir()]
    print(json.dumps({"states": [state(path, old, new)], "said": said, "left": left}))


def rewrite(folder, writer):
    """Publish two runs over each other until there is a file `stop`."""
    path, runs = folder / "run.h5", (small_run("1,"), small_run("2,3"))
    for turn in range(100_000):
        WRITERS[writer](path, runs[turn % 2])
        if turn == 0:
            print("ready", flush=True)
        if (folder / "stop").exists():
            break


def linger(folder, name):
    """Stay in the middle of writing `name` until killed."""
    from xavier_cli.files import publish

    def verify(temporary):
        print("ready", flush=True)
        sys.stdin.readline()

    publish.publish(folder / name, b"half", verify)


def hold(folder, writer):
    """Hold the lock of `run.h5` until told to stop."""
    from xavier_cli.files import locks

    with locks.lock_output(folder / "run.h5"):
        print("ready", flush=True)
        sys.stdin.readline()


def contend(folder, writer):
    """Take the lock again and again; a marker that is there already means that two had it."""
    from xavier_cli.errors import StorageError
    from xavier_cli.files import locks

    taken = refused = 0
    deadline = time.monotonic() + 1.0
    while time.monotonic() < deadline:
        try:
            with locks.lock_output(folder / "run.h5"):
                os.close(os.open(folder / "marker", os.O_CREAT | os.O_EXCL))
                os.unlink(folder / "marker")
                taken += 1
        except StorageError:
            refused += 1
    print(json.dumps({"taken": taken, "refused": refused}))


if __name__ == "__main__":
    globals()[sys.argv[1]](Path(sys.argv[2]), sys.argv[3] if len(sys.argv) > 3 else "protected")
