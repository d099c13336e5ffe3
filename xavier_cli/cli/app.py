"""The `xavier` command: which commands there are, and how an error leaves."""

from __future__ import annotations

import os
import sys
from typing import Annotated

import typer

from xavier_cli import __version__
from xavier_cli.cli import act, compare, init, ls, plot, probe, show, surface, train
from xavier_cli.cli.errors import ExitCode, exit_code, one_line, say

app = typer.Typer(
    name="xavier",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _version(asked: bool) -> None:
    if asked:
        print(f"xavier {__version__}")
        raise typer.Exit


@app.callback()
def xavier(
    debug: Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.")] = False,
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    """Which weight initialization, with which activation, at which depth - and how sure are we?"""


app.command("train")(train.train)
app.command("probe")(probe.probe)
app.command("compare")(compare.compare)
app.command("plot")(plot.plot)
app.command("surface")(surface.surface)
app.command("show")(show.show)
app.command("ls")(ls.ls)
app.add_typer(init.init, name="init")
app.add_typer(act.act, name="act")


def main() -> None:
    """Run `xavier` with the arguments of this process, and exit."""
    # Every core has work of ours already: threads inside NumPy's linear algebra would wait for each other,
    # many times longer than the work takes. Read when NumPy is imported, which no command has done yet.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    try:
        code = app(standalone_mode=False) or ExitCode.DONE
        sys.stdout.flush()
    except BrokenPipeError:
        # `| head` closed its end; Python would complain once more when it flushes at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        code = ExitCode.DONE
    except SystemExit as ending:
        # Typer's own way out of a closed pipe, which is no error here.
        code = ExitCode.DONE if isinstance(ending.__context__, BrokenPipeError) else ending.code
    except BaseException as error:
        if "--debug" in sys.argv:
            raise
        say(f"xavier: {one_line(error)}")
        code = exit_code(error)
    sys.exit(code)
