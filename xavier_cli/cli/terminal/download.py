"""Shows the progress of a download on stderr: a bar on a terminal, otherwise a line per file."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from xavier_cli.cli.terminal.errors import say


@contextmanager
def shown_download(quiet: bool) -> Iterator[Callable[[str, int, int | None], None]]:
    """A function that shows the bytes of a file, done and in total if known, during the context."""
    if not quiet and sys.stderr.isatty():
        from rich.console import Console
        from rich.progress import DownloadColumn, Progress

        with Progress(
            *Progress.get_default_columns(), DownloadColumn(), console=Console(stderr=True), transient=True
        ) as bar:
            tasks = {}

            def report(file: str, done: int, total: int | None) -> None:
                if file not in tasks:
                    tasks[file] = bar.add_task(file)
                bar.update(tasks[file], completed=done, total=total)

            yield report
        return
    told = set[str]()

    def line(file: str, done: int, total: int | None) -> None:
        if not quiet and file not in told:
            told.add(file)
            say(f"fetching {file}" + (f", {total / 1e6:.1f} MB" if total else ""))

    yield line
