"""Writes the golden files of a schema version: once, when it is released; they are never written again.

`python tests/runs/write_golden.py` refuses to replace what is there. Beside each file lies a JSON with what
is in it, so that reading is compared with numbers that never went through HDF5.
"""

import gzip
import json
import sys
from dataclasses import replace
from pathlib import Path

GOLDEN = Path(__file__).with_name("golden")


def contents():
    """A run, a search, a probe and both surfaces, tiny; together every dataset of the schema."""
    import conftest
    import numpy as np

    from xavier_cli.config.run import RunConfig
    from xavier_cli.vocabulary.datasets import DatasetInfo

    conftest.BINS = 6
    tiny = {"depth": 2, "width": 4, "seeds": "3,7", "test_examples": 20}
    facts = DatasetInfo(
        name="tiny.npz",
        inputs=1024,
        classes=9,
        labels=tuple("abcdefghi"),
        top_class=0.25,
        shape=(32, 32),
        train=600,
        valid=100,
        test=20,
        sha256="ab" * 32,
        sources={"tiny.npz": "cd" * 32},
    )
    make, surface = conftest.plausible_run, conftest.plausible_surface.__wrapped__()
    run = make(**tiny, updates=20, records="3", status="interrupted", diverged=(7,))
    curves = {**tiny, "updates": 20, "records": "2", "only": ("curves", "final", "search")}
    around = surface(points=5, around=RunConfig.of(depth=2, width=4, seeds="3,"))
    origin = {"surface/origin": np.linspace(-2, 2, len(around["surface/parameter"]), dtype=np.float32)}
    return {
        "run": replace(run, data=facts),
        "search": make(**curves, lr="0.01,0.03,0.1", init="standard", act="softsign"),
        "probe": make(**tiny, updates=0, act="sigmoid"),
        "surface": surface(points=5),
        "surface-around": replace(around, arrays={**around.arrays, **origin}),
    }


def described(run):
    """What JSON says of a run: its texts, and every array as type, shape and plain numbers."""
    arrays = {}
    for name, array in sorted(run.arrays.items()):
        values = (
            [each.decode() for each in array.ravel()] if array.dtype.kind == "S" else array.ravel().tolist()
        )
        arrays[name] = {"dtype": array.dtype.str, "shape": list(array.shape), "values": values}
    data = getattr(run, "data", None)
    return {
        "config_json": run.config.to_json(),
        "status": run.status,
        "created_utc": run.created_utc,
        "provenance": dict(run.provenance),
        "data": None if data is None else json.loads(data.to_json()),
        "arrays": arrays,
    }


def write():
    from xavier_cli.runs import schema
    from xavier_cli.runs.store import write_run

    folder = GOLDEN / f"schema-{schema.VERSION}"
    folder.mkdir(parents=True)
    for name, run in contents().items():
        path = folder / f"{name}.h5"
        write_run(path, run)
        (folder / f"{name}.h5.gz").write_bytes(gzip.compress(path.read_bytes(), mtime=0))
        path.unlink()
        text = json.dumps(described(run), sort_keys=True, separators=(",", ":"))
        (folder / f"{name}.json").write_text(text + "\n")


if __name__ == "__main__":
    sys.path[:0] = [str(Path(__file__).parents[1]), str(Path(__file__).parents[2])]
    write()
