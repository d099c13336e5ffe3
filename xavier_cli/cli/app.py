"""Defines the `xavier` command: loads its subcommands, and handles their errors."""

from __future__ import annotations

import gc
import os
import sys
import warnings
from collections.abc import Container, Iterator, Sequence
from contextlib import ExitStack, contextmanager, nullcontext
from importlib import import_module
from typing import Annotated

import typer

from xavier_cli.cli.catalogue import COMMANDS
from xavier_cli.cli.terminal.errors import exit_code, one_line, say, say_warning
from xavier_cli.cli.terminal.help_pages import CommandApp
from xavier_cli.cli.terminal.results import results_apart
from xavier_cli.cli.terminal.streams import give_up_stderr_if_full, give_up_stdout, is_about_stdout
from xavier_cli.errors import ExitCode, StorageError
from xavier_cli.sanitize import clean, show_stand_ins
from xavier_cli.version import __version__

app = CommandApp(
    name="xavier",
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="`xavier help COMMAND` shows its options.",
)


def _version(asked: bool) -> None:
    if asked:
        print(f"xavier {__version__}")
        raise typer.Exit


@app.callback()
def xavier(
    debug: Annotated[bool, typer.Option("--debug", help="show the traceback of an error")] = False,
    version: Annotated[
        bool, typer.Option("--version", "-V", callback=_version, is_eager=True, help="show the version")
    ] = False,
) -> None:
    """Which weight initialization, with which activation, at which depth - and how sure are we?"""


@contextmanager
def _custom_code(arguments: Sequence[str]) -> Iterator[None]:
    """During a command, print which files' code is run, or refuse to run any."""
    from xavier_cli.vocabulary import user_code
    from xavier_cli.vocabulary.user_functions import UserFunctionError

    def told(file: str) -> None:
        stack.enter_context(results_apart())
        if not {"-q", "--quiet"} & {*arguments}:
            say(f"running the code in `{clean(file)}`")

    def refused(file: str) -> None:
        raise UserFunctionError(f"`{file}` is not run: `xavier {command}` runs no custom code")

    command, before = _command(arguments), user_code.before_running
    user_code.before_running = told if command in COMMANDS and COMMANDS[command].runs_code else refused
    try:
        with ExitStack() as stack:
            yield
    # An exit or error of user code must not be taken for one of the command.
    except (SystemExit, Exception) as error:
        blamed = user_code.blamed(error) if exit_code(error) is ExitCode.UNEXPECTED else None
        if blamed is None:
            raise
        raise blamed from error
    finally:
        user_code.before_running = before


def _command(arguments: Sequence[str]) -> str:
    """The requested command: the first argument that is not an option; `xavier` itself has only flags."""
    return next((word for word in arguments if not word.startswith("-")), "")


def _spelt_out(arguments: list[str]) -> list[str]:
    """`arguments`, where `help train` asks for the page of `train --help`."""
    return [*arguments[1:], "--help"] if arguments[:1] == ["help"] else arguments


def load_commands(wanted: Container[str]) -> None:
    """Add the commands in `wanted`, and for the others only their lines in the list of commands.

    Each is in the module of its name; importing all would make `xavier --help` slow.
    """
    for name, row in COMMANDS.items():
        if name not in wanted:
            app.command(name, help=row.summary, rich_help_panel=row.section)(_not_loaded)
            continue
        command = getattr(import_module(f"xavier_cli.cli.commands.{name}"), name)
        if isinstance(command, typer.Typer):
            app.add_typer(command, name=name, rich_help_panel=row.section)
        else:
            app.command(name, rich_help_panel=row.section)(command)


def _all_remembered(arguments: Sequence[str]) -> bool:
    """Whether the index may hold all that is asked: no file or folder named here changed since it did."""
    from xavier_cli.runs.index import Index

    named = [word for word in arguments[1:] if os.path.exists(word)]
    return not Index().may_lack(named or [os.environ.get("XAVIER_RUNS_DIR") or "runs"])


def _not_loaded() -> None:
    raise AssertionError("a command that was not asked for")


def _words_begun() -> list[str]:
    """The words of the command line to complete, which the shell passes in the environment."""
    return (os.environ.get("COMP_WORDS") or os.environ.get("_TYPER_COMPLETE_ARGS") or "").split()[1:]


def _warn_of_variables() -> None:
    # Load nothing if there is no such variable.
    if any(name.startswith("XAVIER_") for name in os.environ):
        from xavier_cli.config.layers import unknown_variables

        for line in unknown_variables():
            say(f"warning: {line}")


def main() -> None:
    """Run `xavier` with the arguments of this process, and exit."""
    # Training already uses every core: threads inside NumPy's linear algebra would mostly wait for each
    # other. The variable is read when NumPy is imported, which has not happened yet.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    # Most of what a command makes lives until it ends: looking for cycles took a fifth of `ls` of many runs.
    gc.set_threshold(50_000)
    arguments = _spelt_out(sys.argv[1:])
    is_help = not arguments or bool({"-h", "--help"} & {*arguments})
    asked = COMMANDS.get(_command(arguments))
    if asked and asked.reads_runs and not is_help and not (asked.asks_little and _all_remembered(arguments)):
        from xavier_cli.runs.reader import shared_reader

        shared_reader().begin()
    show_stand_ins()
    load_commands(arguments or _words_begun())
    warnings.showwarning = say_warning
    _warn_of_variables()
    try:
        with nullcontext() if is_help else _custom_code(arguments):
            code = app(arguments, standalone_mode=False) or ExitCode.DONE
        sys.stdout.flush()
    except BrokenPipeError:
        # The reader, such as `| head`, closed the pipe.
        give_up_stdout()
        code = ExitCode.DONE
    except SystemExit as ending:
        # Typer exits with 1 on a closed pipe, which is not an error here.
        code = ExitCode.DONE if isinstance(ending.__context__, BrokenPipeError) else ending.code
    except BaseException as error:
        if "--debug" in sys.argv:
            raise
        if is_about_stdout(error):
            # Printed without `show_page`, such as help or a path.
            error = StorageError.of("stdout", error)
            give_up_stdout()
        say(f"xavier: {one_line(error)}")
        code = exit_code(error)
    give_up_stderr_if_full()
    sys.exit(code)
