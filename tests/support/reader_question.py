"""Stands for `sandbox.py` in the tests of the reader: a process that is asked what HDF5 would be asked."""

from __future__ import annotations

import ctypes
import json
import os
import sys
import time
from pathlib import Path

sys.path[:] = sys.argv[3].split(os.pathsep)
from xavier_cli.runs import sandbox, serving  # noqa: E402
from xavier_cli.runs.errors import NoTrainingError, RunFileError  # noqa: E402

DESCRIPTOR = int(sys.argv[1])


class Unpickled:
    """Runs code in a process that unpickles it."""

    def __reduce__(self):
        return os.system, (f"touch {os.getcwd()}/RAN",)


def question(path: Path, **_: object) -> RunFileError:
    """Stands for HDF5 on a file that makes it crash, hang, eat all memory, or do as the file likes."""
    if path.name == "crash":
        ctypes.string_at(0)
    if path.name == "hang":
        while True:
            pass
    if path.name == "wait":
        time.sleep(60)
    if path.name == "memory":
        raise MemoryError
    if path.name == "refused":
        raise NoTrainingError(path, "is not ours")
    if path.name == "writes":
        Path("written").write_text("a lot")
    if path.name in HOSTILE:
        os.write(DESCRIPTOR, HOSTILE[path.name])
        time.sleep(60)
    return RunFileError(path, f"{os.getpid()} {os.path.abspath(path)}")


def message(data: object, forms: object = (), rest: bytes = b"") -> bytes:
    """A message that a compromised child could send."""
    text = json.dumps({"data": data, "arrays": forms}).encode()
    return len(text).to_bytes(8, "little") + text + rest


def pickled() -> bytes:
    """An answer as it was before this was data."""
    import pickle

    content = pickle.dumps(Unpickled())
    return len(content).to_bytes(8, "little") + content


RUN = {"kind": "run", "config": "{}", "status": "complete", "created_utc": "2026-01-01", "provenance": {}}
HOSTILE = {
    "pickle": pickled(),
    "endless": b"\xff" * 8,
    "no json": (5).to_bytes(8, "little") + b"hello",
    "deep": (200_000).to_bytes(8, "little") + b"[" * 200_000,
    "no data": message(None),
    "no kind": message({"kind": "evil"}),
    "half": message({**RUN, "names": ["seed"]}, [["<i8", [100]]], b"few"),
    "objects": message({**RUN, "names": ["seed"]}, [["|O", [1]]], b"12345678"),
    "huge": message({**RUN, "names": ["seed"]}, [["<f8", [2**40]]]),
    "negative": message({**RUN, "names": ["seed"]}, [["<f8", [-1]]]),
    "stranger": message({**RUN, "names": ["../../evil"]}, [["<f8", [1]]], b"12345678"),
    "other type": message({**RUN, "names": ["seed"]}, [["<f8", [1]]], b"12345678"),
    "config": message({**RUN, "config": '{"act": "no such"}', "names": []}),
    "status": message({**RUN, "status": "evil", "names": []}),
    "checkpoint": message({"kind": "checkpoint", "identity": {}, "facts": {}, "names": []}),
    "another question": message({"kind": "surface", **{k: v for k, v in RUN.items() if k != "kind"}}),
    "many arrays": message({**RUN, "names": []}, [["<f8", [0]]] * 30_000),
    "no arrays it needs": message({**RUN, "names": ["curves/test_error"]}, [["<f8", [1, 1]]], b"12345678"),
    "error": message({"kind": "refused", "error": "os", "reason": "x"}),
}

if __name__ == "__main__":
    offered = sandbox.restrict()
    serving.serve(DESCRIPTOR, float(sys.argv[2]), offered, {"run": question})
