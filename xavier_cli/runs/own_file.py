"""Guards the file of a configuration: only its own run is resumed or replaced, whoever trains it.

Anything else that lies there is in the way: another configuration's run, a damaged or unreadable file, what
is no run at all, a folder, a link that leads nowhere. It stays unless a command is told to replace it.
"""

from __future__ import annotations

import errno
import os
import stat
from contextlib import suppress
from pathlib import Path

from xavier_cli.config.run import RunConfig
from xavier_cli.errors import StorageError
from xavier_cli.runs.errors import OtherRunError, ResumeError, RunFileError
from xavier_cli.runs.file_state import State, state_of
from xavier_cli.runs.kinds import kind_of_config
from xavier_cli.runs.reader import read_result, read_run
from xavier_cli.runs.record import Run
from xavier_cli.runs.result import Result, ResultConfig
from xavier_cli.runs.weights import weights_info, weights_path

_REMEDY = "move it away and try again"
# Of these nothing is there; writing says more.
_NOTHING = (errno.ENOENT, errno.ENOTDIR, errno.ENAMETOOLONG)


def is_taken(path: Path) -> bool:
    """Whether a file lies at `path`.

    Raises `RunFileError` where that is a folder or a link that leads nowhere, or cannot be told.
    """
    try:
        mode = os.stat(path).st_mode
    except ValueError:
        return False
    except OSError as error:
        if error.errno == errno.ENOENT and os.path.lexists(path):
            raise RunFileError(path, "is a link that leads nowhere") from None
        if error.errno in _NOTHING:
            return False
        raise RunFileError(path, os.strerror(error.errno or 0)) from None
    if stat.S_ISDIR(mode):
        raise RunFileError(path, "is a folder")
    return True


def made_at(path: Path, config: RunConfig | ResultConfig, *, whole: bool = False) -> Run | Result | None:
    """The run or result of `config` at `path`, complete or not; None where nothing lies there.

    A run has its arrays if `whole`. Raises `ResumeError` where it is another configuration's, and
    `RunFileError` where no run can be read.
    """
    if not is_taken(path):
        return None
    made: Run | Result
    if isinstance(config, RunConfig):
        made = read_run(path, None if whole else ())
    else:
        made = read_result(path, kind_of_config(config).kind)
    refuse_other(path, made.config, config)
    return made


def refuse_other(path: Path, was: RunConfig | ResultConfig, asked: RunConfig | ResultConfig) -> None:
    """Raise `ResumeError`, which names what differs, if what was made at `path` is not what is asked for."""
    was, asked = was.as_asked(), asked.as_asked()
    if was == asked:
        return
    # Whoever only plans does without HDF5.
    from xavier_cli.runs.checkpoint import difference

    told = [config.model_dump(mode="json") for config in (was, asked)]
    if differs := difference(*told):
        done = "trained" if isinstance(was, RunConfig) and was.updates else "made"
        raise OtherRunError(path, f"{done} with {differs}")


def finished_run(path: Path, config: RunConfig) -> Run | None:
    """The complete run of `config` at `path`, or None where there is more to do; raises as `made_at`."""
    run = made_at(path, config, whole=True)
    return run if isinstance(run, Run) and run.status == "complete" else None


class OwnFile:
    """The file at `path` while a run of `config` is made, whose lock the caller holds.

    **Arguments:** `replaces`, whether anything that lies there is replaced; `has_weights`, whether the run
    will have a file of weights beside it, which then has to be its own, too.

    Raises `ResumeError` and `RunFileError` as `made_at`.
    """

    def __init__(
        self,
        path: Path,
        config: RunConfig | ResultConfig,
        *,
        replaces: bool = False,
        has_weights: bool = False,
    ):
        self.path, self.config, self._replaces = path, config, replaces
        self.former: Run | Result | None = None
        """What is there of the same configuration, without its arrays."""
        try:
            self.former = made_at(path, config)
            if has_weights:
                refuse_other_weights(path, self.former)
        except (ResumeError, RunFileError):
            if not replaces:
                raise
        self._known, self._known_weights = _seen(path), _seen(weights_path(path))

    @property
    def is_in_the_way(self) -> bool:
        """Whether something else was put there since it was last looked at or written."""
        return bool(self._problem())

    def write(self, made: Run | Result) -> None:
        """Publish `made` with its weights; those of a former run are nobody's then, and go.

        Raises `StorageError`, also where something else was put there meanwhile.
        """
        from xavier_cli.runs.store import write_run

        weights = weights_path(self.path)
        has_weights = isinstance(made, Run) and bool(made.weights)
        if has_weights and not self._replaces and _seen(weights) != self._known_weights:
            raise StorageError(weights, f"is not replaced: it was put there meanwhile; {_REMEDY}")
        self._refuse()
        write_run(self.path, made, before=self._refuse)
        if (
            isinstance(made, Run)
            and made.status == "complete"
            and not made.weights
            and _has_weights(self.former)
        ):
            with suppress(OSError):
                weights.unlink(missing_ok=True)
        self._known, self._known_weights = _seen(self.path), _seen(weights)

    def _refuse(self) -> None:
        if problem := self._problem():
            raise StorageError(
                self.path,
                f"is not replaced: it was put there meanwhile ({problem}); {_REMEDY}",
            )

    def _problem(self) -> str:
        if self._replaces or _seen(self.path) == self._known:
            return ""
        try:
            made_at(self.path, self.config)
        except ResumeError:
            return "another run"
        except RunFileError as error:
            return error.reason
        return ""


def in_the_way(error: ResumeError | RunFileError) -> str:
    """What is said, in a line, of what `error` found in place of a configuration's own file."""
    if isinstance(error, OtherRunError):
        return f"`{error.path}` is in the way: another run, {error.told}; move it away"
    # What cannot be read now may be the configuration's own.
    if isinstance(error, ResumeError) or error.is_denied or "not read" in error.reason:
        return str(error)
    it = "it " if error.reason.startswith(("is ", "holds ", "was ", "has ", "asks ")) else ""
    return f"`{error.path}` is in the way: {it}{error.reason}; move it away"


def refuse_other_weights(path: Path, former: Run | Result | None) -> None:
    """Raise `RunFileError` where the weights file beside the run at `path` is not its own.

    `former` is what is there of the same configuration. Weights are written before their run, and after the
    last checkpoint: beside one, those without a run may have been left by a process that was ended.
    """
    weights = weights_path(path)
    if os.path.isfile(weights) and (_has_weights(former) or _has_checkpoint(path)):
        return
    if os.path.lexists(weights):
        raise RunFileError(weights, f"is not the weights file of `{path.name}`")


def _has_weights(former: Run | Result | None) -> bool:
    return isinstance(former, Run) and weights_info(former) is not None


def _has_checkpoint(path: Path) -> bool:
    """Whether there is a checkpoint of the run at `path`, or of a group that it may be trained in."""
    from xavier_cli.runs.checkpoint import GROUP, has_checkpoint

    with suppress(OSError):
        return has_checkpoint(path) or any(path.parent.glob(f".{GROUP}*.ckpt"))
    return False


def _seen(path: Path) -> tuple[State | None, bool]:
    return state_of(path), os.path.lexists(path)
