"""How the command ends: the exit code and the line of every kind of error, and of wrong command lines."""

from __future__ import annotations

import pkgutil
import shlex
from importlib import import_module

import h5py
import typer

import xavier_cli
from xavier_cli.cli import app as cli_app

BUILT_IN = (
    *(BrokenPipeError, KeyboardInterrupt, MemoryError, OSError, RecursionError, RuntimeError),
    *(ValueError, ZeroDivisionError, typer.Abort, typer.BadParameter),
)
WRONG_LINES = (
    "tarin",
    "train --dpeth 3",
    "train --depth",
    "train --depth three",
    "train --depth 0",
    "train --act tanhh",
    "train --init normal:sdt=1",
    "train --width 3,4 --depth 5",
    "train --seeds 1,1",
    "train --lr 0",
    "train --optimizer adam:b1=2",
    "train --update-rule delayed:4 --optimizer adam",
    "train --data mnist",
    "train --data none.npz",
    "train --act none.py:f",
    "train -f jsn",
    "sweep figur-3",
    "sweep none.toml",
    "sweep figure-3 --set dpeth=3",
    "sweep figure-3 --shard 3/2",
    "compare",
    "compare none.h5",
    "compare broken.h5",
    "compare mine.py:f",
    "show nothing-like-it",
    "plot",
    "plot curvs",
    "plot curves --term -o a.png",
    "check --rules no-such-rule",
    "check none.h5",
    "diff a.h5",
    "doctor none.h5",
    "doctor broken.h5",
    "export none.h5 --to jsn",
    "verify none.h5",
    "surface --points 2",
    "surface --updates 5",
    "init show normalised",
    "act show tanhh",
    "data show mnits",
    "data verify mnist",
    "config show --config none.toml",
    "report none.h5",
    "ls --where atc=tanh",
    "ls",
    "train -o missing-folder-as-file/x.h5",
)


def exceptions() -> dict[str, type[BaseException]]:
    """Every class of error that the package has, by name."""
    for module in pkgutil.walk_packages(xavier_cli.__path__, "xavier_cli."):
        # Rooms of frameworks, which need not be installed, have no errors of their own.
        room = module.name.partition("xavier_cli.nn.adapters.")[2]
        room = room or module.name.partition("xavier_cli.pytorch.")[2]
        if not module.name.endswith("__main__") and room in ("", "network", "functions", "look"):
            import_module(module.name)
    found, left = {}, [BaseException]
    while left:
        of = left.pop()
        left += of.__subclasses__() if of is not type else []
        # What one module alone raises and catches has a name of its own.
        if of.__module__.split(".")[0] == "xavier_cli" and not of.__name__.startswith("_"):
            found[of.__name__] = of
    return found


def test_every_kind_of_error_ends_with_its_code_in_one_line(xavier, snapshot, monkeypatch):
    kinds = exceptions() | {kind.__name__: kind for kind in BUILT_IN}

    def ended(kind: type[BaseException]) -> dict[str, object]:
        def fails() -> None:
            # Without what a class of its own wants to know: only what kind it is counts here.
            raise kind.__new__(kind, "what was wrong") if kind not in BUILT_IN else kind("what was wrong")

        monkeypatch.setattr(cli_app, "load_commands", lambda _: cli_app.app.command("fail")(fails))
        answer = xavier("fail")
        assert answer.out == ""
        return {"code": answer.code, "says": answer.err}

    # One command alone would be the whole command line.
    now = {name: ended(kind) for name, kind in sorted(kinds.items())}
    then = snapshot("exit_codes.json", now)

    for name, how in now.items():
        assert how == then.get(name), name
    assert list(then) == list(now)


def test_wrong_command_lines_end_with_their_code_in_one_line(xavier, alone, snapshot):
    h5py.File(alone / "broken.h5", "w").close()
    (alone / "missing-folder-as-file").write_text("")
    now = {}
    for line in WRONG_LINES:
        answer = xavier(*shlex.split(line))
        # Whether a test of this process made JAX start before is no part of the answer.
        lines = answer.err.replace(str(alone), "HERE").splitlines(keepends=True)
        said = "".join(line for line in lines if "JAX had already started" not in line)
        now[line] = {"code": answer.code, "says": said, "out": answer.out}
    then = snapshot("wrong_lines.json", now)

    for line, how in now.items():
        assert how == then.get(line), line
    assert list(then) == sorted(now)
