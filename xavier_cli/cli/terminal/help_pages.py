"""Lays out pages of help: commands and options under headings, no line cut short."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, TypeVar

import typer
from typer.core import TyperCommand, TyperGroup

from xavier_cli.cli.terminal.usage_errors import command_path, refuse_empty_values, unknown_command

F = TypeVar("F", bound=Callable[..., Any])

ARGUMENTS, OPTIONS = "Arguments", "Options"
PRESETS, DATA, RUNNING, OUTPUT = "Presets", "Data", "Running", "Output"
_ORDER = (
    ARGUMENTS,
    PRESETS,
    DATA,
    "Network",
    "Initialization",
    "Optimization",
    "Recording",
    RUNNING,
    OUTPUT,
    OPTIONS,
)
# A page of fewer options is read at once, without headings.
_MANY_OPTIONS = 20


class CommandWithSections(TyperCommand):
    """A command whose options stand under the headings that they name (`rich_help_panel`)."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Parse `args`; an error of the parser, which does not know the command, gets it as its context."""
        try:
            if not ctx.resilient_parsing:
                refuse_empty_values(self, ctx, args)
            return super().parse_args(ctx, args)
        except Exception as error:
            if getattr(error, "ctx", ctx) is None:
                error.ctx = ctx  # type: ignore[attr-defined]
            raise

    def format_options(self, ctx: Any, formatter: Any) -> None:
        """Write the arguments, then the options under their headings where there are many."""
        rows = [(each, record) for each in self.get_params(ctx) if (record := each.get_help_record(ctx))]
        heading = _heading if len(rows) > _MANY_OPTIONS else lambda _: OPTIONS
        _write_sections(
            formatter,
            [
                (ARGUMENTS if each.param_type_name == "argument" else heading(each), record)
                for each, record in rows
            ],
        )


class GroupWithSections(TyperGroup):
    """A command of commands, which stand under the headings that they name."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Show the page, as `--help` does, where nothing was asked."""
        if not args and not ctx.resilient_parsing:
            print(ctx.get_help())
            ctx.exit()
        return super().parse_args(ctx, args)

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """The command that was typed; refuses an unknown one with what is probably meant."""
        if args and not args[0].startswith("-") and self.get_command(ctx, args[0]) is None:
            if ctx.resilient_parsing:
                return None, None, []
            ctx.fail(unknown_command(args[0], command_path(ctx), self.list_commands(ctx)))
        return super().resolve_command(ctx, args)

    def format_options(self, ctx: Any, formatter: Any) -> None:
        """Write the commands, then the options: the commands are what is looked for."""
        rows = [(OPTIONS, record) for each in self.get_params(ctx) if (record := each.get_help_record(ctx))]
        self.format_commands(ctx, formatter)
        _write_sections(formatter, rows)

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        """Write every command with the whole line that describes it."""
        commands = [(name, self.get_command(ctx, name)) for name in self.list_commands(ctx)]
        rows = [
            (
                getattr(each, "rich_help_panel", None) or "Commands",
                (name, each.get_short_help_str(limit=1000)),
            )
            for name, each in commands
            if each is not None and not each.hidden
        ]
        widest = max((len(name) for _, (name, _) in rows), default=0)
        # Descriptions of all sections begin in one column.
        aligned = [(heading, (name.ljust(widest), words)) for heading, (name, words) in rows]
        _write_sections(formatter, aligned)


class CommandApp(typer.Typer):
    """A command of commands, with plain help."""

    def __init__(self, **given: Any) -> None:
        # Plain help: importing rich's renderers would take longer than the rest of `--help`.
        super().__init__(cls=GroupWithSections, rich_markup_mode=None, **given)

    def command(self, name: str | None = None, **given: Any) -> Callable[[F], F]:
        """`typer.Typer.command`, for commands whose help has sections."""
        return super().command(name, cls=CommandWithSections, **given)


def _heading(option: Any) -> str:
    return getattr(option, "rich_help_panel", None) or OPTIONS


def _write_sections(formatter: Any, rows: Iterable[tuple[str, tuple[str, str]]]) -> None:
    sections: dict[str, list[tuple[str, str]]] = {}
    for heading, row in rows:
        sections.setdefault(heading, []).append(row)
    known = [heading for heading in _ORDER if heading in sections]
    for heading in [*known, *(other for other in sections if other not in known)]:
        with formatter.section(heading):
            formatter.write_dl(sections[heading])
