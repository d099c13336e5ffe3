"""Makes an answer of many runs, leaving out those on which it fails, so that no run hides the others."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from xavier_cli.runs.errors import RunFileError
from xavier_cli.runs.record import Run

T = TypeVar("T")

# Classes of these packages say what is wrong with the question, or how a command ends.
_NOT_OF_A_RUN = {"xavier_cli", "typer", "click"}


@dataclass(frozen=True)
class Isolated(Generic[T]):
    """What was made, None if of no run; of which runs, and a line about each of the others."""

    made: T | None
    runs: list[Run]
    failures: list[RunFileError]
    """Each with the error that it comes from as its `__cause__`."""


@dataclass
class Isolation:
    """The parts of one answer, each made of the runs that it can be made of; and every failure."""

    failures: list[RunFileError] = field(default_factory=list)

    def part(self, runs: Sequence[Run], make: Callable[[list[Run]], T]) -> T | None:
        """`isolate`'s, None where the part can be made of no run."""
        isolated = isolate(runs, make)
        known = {str(failure) for failure in self.failures}
        self.failures += [failure for failure in isolated.failures if str(failure) not in known]
        return isolated.made


def isolate(runs: Sequence[Run], make: Callable[[list[Run]], T]) -> Isolated[T]:
    """`make` of `runs`, without those that it fails on by an error nobody foresaw.

    They are found by halves, so that `make` must do nothing but answer. Raises what `make` does where no run
    alone is to blame, and every error that says by its class what is wrong.
    """
    kept = list(runs)
    try:
        return Isolated(make(kept), kept, [])
    except Exception as error:
        if not _is_of_a_run(error):
            raise
        failing = _failing(kept, make, error)
        # Of two files that fail together alone, neither is to blame.
        if not failing:
            raise
    kept = [run for run in kept if not any(run is other for other, _ in failing)]
    return Isolated(make(kept) if kept else None, kept, [_failure(run, error) for run, error in failing])


def _failing(
    runs: list[Run], make: Callable[[list[Run]], T], error: Exception
) -> list[tuple[Run, Exception]]:
    """The runs that `make` fails on, one by one; of all together it failed with `error`."""
    if len(runs) < 2:
        return [(run, error) for run in runs]
    found = []
    for half in (runs[: len(runs) // 2], runs[len(runs) // 2 :]):
        try:
            make(half)
        except Exception as of_half:
            if not _is_of_a_run(of_half):
                raise
            found += _failing(half, make, of_half)
    return found


def _is_of_a_run(error: Exception) -> bool:
    if isinstance(error, RunFileError):
        return True
    if isinstance(error, OSError | MemoryError):
        return False
    return not _NOT_OF_A_RUN & {base.__module__.partition(".")[0] for base in type(error).__mro__}


def _failure(run: Run, error: Exception) -> RunFileError:
    if isinstance(error, RunFileError):
        return error
    words = " ".join(str(error).split())
    failure = RunFileError(run.name, f"cannot be shown: {type(error).__name__}: {words[:200]}")
    failure.__cause__ = error
    return failure
