"""Reads many runs: what the index remembers of them, and the rest by the reader processes."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from xavier_cli.runs.file_state import Reading, State
from xavier_cli.runs.index import AT_ONCE, Entry, Index
from xavier_cli.runs.reader import readers, shared_reader

if TYPE_CHECKING:
    from xavier_cli.runs.errors import RunFileError
    from xavier_cli.runs.record import Run

# From so many files on a second process is worth its start.
MANY = 1000


def read_runs(paths: Iterable[Path], only: Collection[str] | None = None) -> Iterator[Run | RunFileError]:
    """The run at each path, or why there is none; `only` is `store.read_run`'s.

    What is small is remembered, and not read again while its file stays as it is. Of a file that could not be
    read nothing is: it is read, and named, each time.
    """
    every = list(paths)
    if only is None:
        return _read(every, only)
    return _remembered_or_read(every, frozenset(only), Index())


def _remembered_or_read(
    paths: Sequence[Path], only: Collection[str], index: Index
) -> Iterator[Run | RunFileError]:
    found = index.find(paths)
    if None in found:
        # It starts while NumPy is loaded, and what was found is put together.
        shared_reader().begin()
    from xavier_cli.runs import summary
    from xavier_cli.runs.record import Run

    if not summary.is_small(only):
        yield from _read(paths, only)
        return
    known, incomplete = dict[int, Run](), dict[int, tuple[State, Run]]()
    for at, each in enumerate(found):
        if each is not None:
            run, has_all = summary.from_entry(paths[at], each.entry, only)
            if has_all:
                known[at] = run
            else:
                incomplete[at] = each.state, run
    missing = [at for at in range(len(paths)) if at not in known]
    readings, new = dict[int, Reading](), list[tuple[Reading, Entry]]()

    def begin(place: int) -> None:
        readings[place] = Reading.begun(paths[missing[place]])

    answers = enumerate(_read([paths[at] for at in missing], only, begin))
    try:
        for at in range(len(paths)):
            if at in known:
                yield known[at]
                continue
            place, answer = next(answers)
            reading = readings.pop(place)
            if isinstance(answer, Run) and reading.is_lasting:
                state, more = incomplete.get(at, (None, None))
                entry = summary.to_entry(answer, only, more if state == reading.state else None)
                new += [(reading, entry)] if entry else []
            yield answer
            if len(new) >= AT_ONCE:
                index.keep(new)
                new = []
    finally:
        # Also what was read before an interrupt, or before nobody asked for more.
        if new:
            index.keep(new)


def _read(
    paths: Sequence[Path], only: Collection[str] | None, begin: Callable[[int], object] = lambda place: None
) -> Iterator[Run | RunFileError]:
    """What the reader processes answer, two of them if many; `begin` is told each place before it is read."""
    count = 2 if len(paths) >= MANY else 1

    def asked(first: int) -> Iterator[Path]:
        for place in range(first, len(paths), count):
            begin(place)
            yield paths[place]

    named = None if only is None else sorted(only)
    answers = [readers()[first].ask("run", asked(first), only=named) for first in range(count)]
    for place in range(len(paths)):
        yield next(answers[place % count])
