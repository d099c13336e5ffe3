"""Reads the runs that a command is given as files, folders, names or patterns, or its default runs."""

from __future__ import annotations

import glob
import os
import re
import sys
import traceback
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import typer

from xavier_cli.cli.options import completion
from xavier_cli.cli.terminal.errors import say
from xavier_cli.errors import ExitCode, permission_denied
from xavier_cli.sanitize import clean

if TYPE_CHECKING:
    from xavier_cli.runs.errors import RunFileError
    from xavier_cli.runs.record import Run

T = TypeVar("T")
# A shorter end of a name, most often of its hash, would be a slip.
_SHORTEST_END = 4
# So many of the runs that a word may stand for are named.
_MOST_NAMES = 5

RunsArgument = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="RUN",
        help="run files, folders of them, or names of runs",
        show_default=False,
        autocompletion=completion.runs,
    ),
]


@dataclass
class Inputs:
    """The runs that could be read, and a line about each input that could not."""

    runs: list[Run] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)

    def problem(self, line: str) -> None:
        """Report on stderr an input that could not be read."""
        line = clean(line)
        self.problems.append(line)
        say(f"xavier: {line}")

    def isolated(self, runs: Sequence[Run], make: Callable[[list[Run]], T]) -> T:
        """`make(runs)` without the runs that make it fail, which are reported once each.

        `make` must have no side effects. Exits with 5 if it fails for all.
        """
        from xavier_cli.runs.isolate import isolate

        isolated = isolate(runs, make)
        self.failed(isolated.failures)
        if isolated.made is None:
            raise none_could_be("shown", self)
        return isolated.made

    def part(self, run: Run, make: Callable[[Run], T]) -> list[T]:
        """`[make([run])]`, for output that is made run by run; empty if `make` fails."""
        from xavier_cli.runs.isolate import isolate

        isolated = isolate([run], lambda runs: [make(run) for run in runs])
        self.failed(isolated.failures)
        return isolated.made or []

    def failed(self, failures: Sequence[RunFileError]) -> None:
        """Report the runs for which something failed; with `--debug`, show where."""
        for failure in failures:
            if "--debug" in sys.argv:
                traceback.print_exception(failure.__cause__ or failure)
            if clean(str(failure)) not in self.problems:
                self.problem(str(failure))

    def finish(self) -> None:
        """Exit with 4 if some input could not be read; called after the output."""
        if self.problems:
            raise typer.Exit(ExitCode.IN_PART)


def runs_folder() -> Path:
    """The default folder of runs: `XAVIER_RUNS_DIR`, or `runs`."""
    return Path(os.environ.get("XAVIER_RUNS_DIR") or "runs")


def all_runs(folder: Path, inputs: Inputs) -> list[Path]:
    """The paths of all runs in `folder`; `read_inputs` reads them and reports problems to `inputs`."""
    from xavier_cli.runs.listing import list_runs

    return list_runs(folder)


def newest_runs(folder: Path, inputs: Inputs) -> list[Path]:
    """The paths of the newest command's runs in `folder`; reports unreadable candidates to `inputs`."""
    from xavier_cli.runs.listing import newest_command

    paths, notes = newest_command(folder)
    for note in notes:
        inputs.problem(note)
    return paths


def read_inputs(
    given: Sequence[str] | None,
    unnamed: Callable[[Path, Inputs], list[Path]] = all_runs,
    only: Collection[str] | None = None,
) -> Inputs:
    """Read the runs that `given` names, or those that `unnamed` finds in the default folder.

    `only` is as in `read_run`. Unreadable inputs are reported on stderr, and the others are kept. Exits with
    2 if no run is named and there is none, with 5 if none of the named ones can be read.
    """
    from xavier_cli.runs.errors import NoTrainingError, RunFileError
    from xavier_cli.runs.many import read_runs

    inputs = Inputs()
    for read in read_runs(_found(inputs, given) if given else _default(inputs, unnamed), only):
        if isinstance(read, NoTrainingError):
            say(f"left out: {clean(str(read))}")
        elif isinstance(read, RunFileError):
            inputs.problem(str(read))
        else:
            inputs.runs.append(read)
    if not inputs.runs:
        raise nothing_to_show(inputs)
    return inputs


def merged(inputs: Inputs) -> tuple[list[Run], list[str]]:
    """The experiments in `inputs`, with runs merged that differ only in their seeds; and notes.

    If files contradict each other about a seed, they are reported, and their experiment is left out.
    """
    from xavier_cli.runs.errors import RunFileError
    from xavier_cli.runs.isolate import isolate
    from xavier_cli.runs.merge import merge_runs

    groups: dict[object, list[Run]] = {}
    for run in inputs.runs:
        groups.setdefault(run.config.experiment, []).append(run)
    experiments, notes = [], []
    for group in groups.values():
        try:
            isolated = isolate(group, merge_runs)
        except RunFileError as error:
            inputs.problem(f"{error}; all {len(group)} files of this experiment are left out")
            continue
        inputs.failed(isolated.failures)
        joined, more = isolated.made or ([], [])
        experiments += joined
        notes += more
    return experiments, notes


def none_trained(runs: Sequence[Run]) -> str:
    """What to do where no run was trained, as a line."""
    if all(run.config.network.is_users for run in runs):
        return "none of these networks was trained; `xavier plot layers` shows them on one axis"
    return "none of these runs was trained; `xavier train` trains one"


def nothing_to_show(inputs: Inputs) -> typer.Exit:
    """The exit of a command that has no usable input left: all are unreadable or contradict each other."""
    if inputs.runs:
        say("xavier: nothing is left to show: these runs contradict each other; name those that you trust")
        return typer.Exit(ExitCode.NO_INPUT)
    return none_could_be("read", inputs)


def none_could_be(done: str, inputs: Inputs) -> typer.Exit:
    """The exit of a command that has reported a problem with each input, with a line if they are many."""
    if len(inputs.problems) > 1:
        say(f"xavier: no run could be {done}")
    return typer.Exit(ExitCode.NO_INPUT)


def _in_folder(inputs: Inputs, folder: Path) -> list[Path]:
    from xavier_cli.runs.errors import RunFileError

    try:
        paths = all_runs(folder, inputs)
    except RunFileError as error:
        inputs.problem(str(error))
        return []
    if not paths:
        inputs.problem(f"`{folder}`: no runs in this folder")
    return paths


def _default(inputs: Inputs, unnamed: Callable[[Path, Inputs], list[Path]]) -> list[Path]:
    folder = runs_folder()
    if is_hidden(folder):
        inputs.problem(permission_denied(folder))
    paths = unnamed(folder, inputs) if os.path.isdir(folder) else []
    if not paths and inputs.problems:
        raise none_could_be("read", inputs)
    if not paths:
        probed = ", like `probes/*.h5`" if any(Path("probes").glob("*.h5")) else ""
        say(f"xavier: no runs in `{clean(str(folder))}`: `xavier train` makes one, or name RUNS{probed}")
        raise typer.Exit(ExitCode.USAGE)
    count = "1 run" if len(paths) == 1 else f"{len(paths)} runs"
    whose, left = "", ""
    if unnamed is newest_runs:
        others = len(all_runs(folder, inputs)) - len(paths)
        whose, left = "of the newest command ", f", not {others} older" if others > 0 else ""
    say(f"reading {count} {whose}in `{clean(str(folder))}`{left}")
    return paths


def _found(inputs: Inputs, given: Sequence[str]) -> Iterator[Path]:
    """Yield the files that `given` stands for, each once, in order."""
    seen, folders = set(), dict[str, str]()
    for text in given:
        for path in _expand(inputs, text):
            folder, name = os.path.split(path)
            if folder not in folders:
                # Once for all of its files, of which there may be thousands.
                folders[folder] = os.path.realpath(folder)
            key = os.path.join(folders[folder], name)
            # Broken links are distinct, so that each is reported.
            if os.path.islink(key) and os.path.exists(key):
                key = os.path.realpath(key)
            if key not in seen:
                seen.add(key)
                yield path


def _expand(inputs: Inputs, text: str) -> list[Path]:
    path = Path(text)
    # The functions of `os.path` do not raise for invalid names.
    if os.path.isdir(path):
        return _in_folder(inputs, path)
    if os.path.lexists(path):
        return [path]
    if glob.has_magic(text):
        # The shell did not expand the pattern: it was quoted, or had no match.
        closed = list(dict.fromkeys(_closed_folders(os.path.dirname(text))))
        if path.name == text and is_hidden(runs_folder()):
            closed.append(str(runs_folder()))
        for folder in closed:
            inputs.problem(permission_denied(folder))
        matches = _matching(text)
        if not matches and not closed:
            inputs.problem(f"`{text}`: no run matches; `xavier ls` lists them")
        return matches
    if is_hidden(path):
        inputs.problem(permission_denied(path))
        return []
    if path.name == text:
        if hidden := _hidden_run(text):
            inputs.problem(permission_denied(hidden))
            return []
        # Accept names as `ls` shows them.
        for name in (text, f"{text}.h5"):
            if os.path.isfile(runs_folder() / name):
                return [runs_folder() / name]
        ended = _ending_in(text)
        if len(ended) == 1:
            return ended
        if ended:
            named = ", ".join(f"`{path.stem}`" for path in ended[:_MOST_NAMES])
            more = f" and {len(ended) - _MOST_NAMES} more" if len(ended) > _MOST_NAMES else ""
            inputs.problem(f"`{text}` ends the names of {len(ended)} runs: {named}{more}")
            return []
    inputs.problem(no_run(text))
    return []


def is_hidden(path: Path) -> bool:
    """Whether the user may not even know what is at `path`, in a folder that lets nobody in."""
    try:
        os.lstat(path)
    except PermissionError:
        return True
    except (OSError, ValueError):
        return False
    return False


def _closed_folders(folder: str) -> Iterator[str]:
    """The folders that the pattern `folder` stands for, and those above them, that the user may not list."""
    if glob.has_magic(folder):
        yield from _closed_folders(os.path.dirname(folder))
    for each in sorted(glob.glob(folder)) if glob.has_magic(folder) else [folder or os.curdir]:
        try:
            os.scandir(each).close()
        except PermissionError:
            yield each
        except (OSError, ValueError):
            continue


def _hidden_run(name: str) -> Path | None:
    """What keeps the run called `name` in the default folder from being found; None if nothing does."""
    folder = runs_folder()
    try:
        there = os.listdir(folder)
    except PermissionError:
        return folder
    except OSError:
        return None
    files = (folder / each for each in (name, f"{name}.h5") if each in there)
    return next(filter(is_hidden, files), None)


def _matching(pattern: str) -> list[Path]:
    """What is called like a run file and matches: names as `ls` shows them, or files.

    A pattern that ends in `.h5` is first one of files, any other first one of names in the default folder.
    """
    from xavier_cli.runs.listing import list_runs

    files = [Path(match) for match in sorted(glob.glob(pattern)) if match.endswith(".h5")]
    if Path(pattern).name != pattern:
        return files
    folder = runs_folder()
    there = list_runs(folder) if os.path.isdir(folder) else []
    named = sorted(
        path for path in there if fnmatchcase(path.stem, pattern) or fnmatchcase(path.name, pattern)
    )
    return (files or named) if pattern.endswith(".h5") else (named or files)


def _ending_in(text: str) -> list[Path]:
    """The runs in the default folder whose names end in `text`, a part between hyphens or of the hash."""
    end = text.removesuffix(".h5")
    if len(end) < _SHORTEST_END:
        return []
    try:
        names = sorted(name for name in os.listdir(runs_folder()) if name.endswith(".h5") and name[0] != ".")
    except OSError:
        return []
    stems = [name.removesuffix(".h5") for name in names]
    is_hash = set(end) <= set("0123456789abcdef")
    return [
        runs_folder() / f"{stem}.h5"
        for stem in stems
        if stem.endswith(f"-{end.lstrip('-')}") or (is_hash and stem.rpartition("-")[2].endswith(end))
    ]


def names_runs(text: str) -> bool:
    """Whether `text` stands for runs by its form, or there is something called so."""
    is_path = os.path.lexists(text) or Path(text).name != text or text.endswith(".h5")
    # Of ends of names only a whole hash: another may be a tag.
    is_hash = re.fullmatch("[0-9a-f]{8}", text) is not None
    is_run = os.path.isfile(runs_folder() / f"{text}.h5") or (is_hash and bool(_ending_in(text)))
    return is_path or glob.has_magic(text) or is_run


def no_run(text: str) -> str:
    """The line about a run that does not exist, named by a path or by its name in the default folder."""
    from xavier_cli.vocabulary import lookup

    is_name = Path(text).name == text
    place = f" in `{runs_folder()}`" if is_name else ""
    tables: dict[str, Mapping[str, Any]] = {
        "init": lookup.INITIALIZERS,
        "act": lookup.ACTIVATIONS,
        "data": lookup.DATA_SETS,
    }
    for command, table in tables.items() if is_name else ():
        if any(text in (row.name, *row.aliases) for row in table.values()):
            return f"no run `{text}`{place}; did you mean `xavier {command} show {text}`?"
    return f"no run `{text}`{place}; `xavier ls` lists them"
