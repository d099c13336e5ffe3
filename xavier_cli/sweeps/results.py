"""Defines a results file: what one recipe said, where and when; written by `reproduce --results`, and read.

A file holds no host name and no folder, so that it can be published. Errors are fractions from 0 to 1.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from xavier_cli.config import refusals
from xavier_cli.errors import ExitCode, XavierError
from xavier_cli.files.json_text import write_json
from xavier_cli.sanitize import clean
from xavier_cli.sweeps.json_file import read_json
from xavier_cli.sweeps.recipe import natural_order

Schema = Literal["xavier.results/1"]
SCHEMA: Schema = "xavier.results/1"
ENDING = ".json"
# A cell takes about a kilobyte.
MOST_BYTES = 2**26

Value = str | bool | int | float
Settings = dict[str, Value]
Seconds = Annotated[float, Field(ge=0, allow_inf_nan=False)]
Count = Annotated[int, Field(ge=0, le=10**9)]
Known = Annotated[float, Field(allow_inf_nan=False)]


class ResultsError(XavierError):
    """A results file that cannot be read; the message names it."""

    exit_code = ExitCode.NO_INPUT


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Origin(_Part):
    """The program that judged, and its machine; what is not known is None.

    `commit` is that of the source checkout that the program ran from, and `modified` says whether its code or
    recipes differed from that commit. `devices` are the kinds of devices that the cells were trained on.
    """

    xavier: str
    commit: str | None = None
    modified: bool | None = None
    python: str | None = None
    versions: dict[str, str] = {}
    processor: str | None = None
    cores: Count | None = None
    memory_gib: Seconds | None = None
    devices: tuple[str, ...] = ()


class ErrorEstimate(_Part):
    """The mean test error over `n` seeds with its 95 % confidence interval, None for a single seed."""

    mean: Annotated[float, Field(ge=0, le=1)]
    low: Known | None = None
    high: Known | None = None
    n: Annotated[int, Field(ge=1, le=10**9)]

    @model_validator(mode="after")
    def _is_an_interval(self) -> Self:
        """A t-interval may reach beyond 0 and 1, and has the mean in it."""
        ends = self.low, self.high
        if (self.low is None) != (self.high is None):
            raise ValueError("one end of the interval is missing")
        if None not in ends and not self.low <= self.mean <= self.high:  # type: ignore[operator]
            raise ValueError("the mean is not inside its interval")
        return self


class CellTraining(_Part):
    """How a cell was made: when, by which version, on what, and in how many seconds.

    The times are of the whole program, which trained `together` cells at once: of training, of compilation
    before it, and of all cores while training, which is not known where training was resumed.
    """

    utc: str = ""
    xavier: str = ""
    device: str = ""
    seconds: Seconds | None = None
    compile_seconds: Seconds | None = None
    processor_seconds: Seconds | None = None
    together: Count = 1


class CellResult(_Part):
    """One cell: its settings (those that differ between cells), and its test error at the last record.

    `seeds` are those of the recipe, as typed. In rounds some of them may be missing: the error is of the
    others, and `state`, which is `done` where none is missing, says how the first of them ended. `chosen` are
    the settings that were chosen by validation error, and `on_edge` those of them at the end of what was
    tried; `selected` is false for a cell that another was chosen over. `beside_best` is the verdict beside
    the best of the same data set, `paper_percent` the error of this network in the paper.
    """

    name: str
    command: str
    state: str = "done"
    settings: Settings = {}
    seeds: str = ""
    diverged: Count = 0
    test_error: ErrorEstimate | None = None
    paper_percent: Known | None = None
    beside_best: str = ""
    selected: bool = True
    chosen: dict[str, Known] = {}
    on_edge: tuple[str, ...] = ()
    trained: CellTraining | None = None


class ClaimResult(_Part):
    """One claim and its verdict; `source` is the place in the paper with the number given there."""

    claim: str
    statement: str
    verdict: Annotated[str, Field(pattern=r"^[a-z][a-z_]*$")]
    evidence: str
    statistic: float | str | None = None
    threshold: float | str | None = None
    source: str


class TableLayout(_Part):
    """The settings that name the rows and the columns of the recipe's table of test errors."""

    rows: tuple[str, ...]
    columns: str = ""


class Results(_Part):
    """All that a recipe said.

    `changes` are the settings of the command line, `common` those that all trained cells share; `status` is
    `partial` where a cell is not done. `transcribed` marks a file that was written from an earlier report
    instead of by the program; its `note` says what the report said beside the numbers. `seconds` are of all
    trainings with compilation, `processor_seconds` of those trainings that say so; None where none does.
    """

    schema_: Annotated[Schema, Field(alias="schema")] = SCHEMA
    recipe: str
    title: str
    scale: str
    changes: dict[str, str] = {}
    status: Literal["complete", "partial"]
    transcribed: bool = False
    note: str = ""
    utc: str
    origin: Origin
    seconds: Seconds | None = None
    processor_seconds: Seconds | None = None
    claims: tuple[ClaimResult, ...] = ()
    table: TableLayout | None = None
    common: Settings = {}
    cells: tuple[CellResult, ...] = ()

    @model_validator(mode="after")
    def _says_what_is_missing(self) -> Self:
        if (self.status == "complete") != all(cell.state == "done" for cell in self.cells):
            raise ValueError(f"`status` is {self.status}, which is not what its cells say")
        return self

    @property
    def networks(self) -> int:
        """How many trained networks the results are of, at least one for whatever else is done."""
        return sum(cell.test_error.n if cell.test_error else cell.state == "done" for cell in self.cells)

    def text(self) -> str:
        """The file's content: UTF-8 text, always with the same keys in the same order."""
        return write_json(self.model_dump(by_alias=True), indent=1, ascii_only=False) + "\n"


def read_results(path: Path) -> Results:
    """The results file at `path`; raises `ResultsError`."""
    try:
        content = read_json(path, MOST_BYTES)
    except OSError as error:
        raise ResultsError(f"`{path}` cannot be read: {error.strerror}") from None
    except ValueError as error:
        raise ResultsError(f"`{path}` is not a results file: {clean(str(error))}") from None
    schema = content.get("schema") if isinstance(content, dict) else None
    if schema != SCHEMA:
        other = f"its schema is `{clean(str(schema))[:40]}`" if schema else "it has no schema"
        raise ResultsError(f"`{path}` is not a results file of this version: {other}, not `{SCHEMA}`")
    try:
        return Results.model_validate(content)
    except ValidationError as error:
        first = refusals.foremost(error.errors())
        place = ".".join(map(str, first["loc"]))
        raise ResultsError(f"`{path}` is damaged: {place}: {refusals.words(first)}") from None


def results_files(place: Path) -> list[Path]:
    """The results files in the folder `place`, in the order of the list of recipes; or `place` itself."""
    if not place.is_dir():
        return [place]
    found = (path for path in place.iterdir() if path.suffix == ENDING and not path.name.startswith("."))
    return sorted(found, key=lambda path: natural_order(path.stem))
