"""Says in one line what is wrong with a command line, and what is probably meant."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from xavier_cli.sanitize import said

# A line with more choices would not be read.
MOST_CHOICES = 40
# The metavar of options that take any text, also an empty one.
FREE_TEXT = "TEXT"


def usage_message(error: BaseException) -> str:
    """The message about a mistake on the command line; empty for errors of other kinds."""
    return (
        _of_value(error)
        or _of_unknown_option(error)
        or _of_missing_value(error)
        or _of_extra_words(error)
        or _of_missing_argument(error)
    )


def unknown_command(typed: str, group: str, commands: list[str]) -> str:
    """The message about a command that there is not in `group` (`xavier`, `xavier act`)."""
    from xavier_cli.vocabulary import lookup, other_words

    near = lookup.nearest(typed, commands)
    meant = ""
    if group == "xavier":
        meant = other_words.hint("command", typed)
    elif "show" in commands and not near:
        # What follows `xavier act` without a command is most often a name.
        meant = f"did you mean `{group} show`{f' or `{group} list`' * ('list' in commands)}?"
    if near and not meant:
        meant = f"did you mean {' or '.join(f'`{each}`' for each in near)}?"
    return f"no command `{typed}`" + (f": {meant}" if meant else f"; `{group} --help` lists the commands")


def command_path(context: Any) -> str:
    """The command of `context` as one types it, however this program was started: `xavier config`."""
    return f"{command_path(context.parent)} {context.info_name}" if context.parent else "xavier"


def _of_value(error: BaseException) -> str:
    """The message about an option's value that pydantic refused; empty for other errors."""
    judged = getattr(error.__cause__, "errors", None)
    options = getattr(getattr(error, "param", None), "opts", None)
    if not callable(judged) or not options:
        return ""
    from xavier_cli.config import refusals
    from xavier_cli.vocabulary import lookup

    first, name = judged()[0], max(options, key=len)
    option = name if name.startswith("-") else name.upper()
    # The accepted values are only in the text, at its end.
    text = said(first.get("ctx", {}).get("error", error))
    choices = re.search(r" is not one of ('[^']*'(?:, '[^']*')*)\.$", text)
    if choices:
        known = re.findall(r"'([^']*)'", choices[1])
        return f"{option}: {lookup.unknown_message('value', str(first['input']), known)}"
    return f"{option}: {refusals.words(first)}{refusals.given(first)}"


def _of_unknown_option(error: BaseException) -> str:
    """The message about an option that there is not, with what is meant; empty for other errors."""
    # An option without its value has a name, too.
    if not hasattr(error, "possibilities") or not hasattr(error, "option_name"):
        return ""
    from xavier_cli.vocabulary import lookup

    typed, context = error.option_name, getattr(error, "ctx", None)
    if takers := _commands_with(typed, context):
        meant = f"did you mean {' or '.join(f'`{each} {typed}`' for each in takers)}?"
        return f"no option `{typed}` here: {meant}"
    options = [
        option
        for each in getattr(getattr(context, "command", None), "params", ())
        if not getattr(each, "hidden", False)
        for option in (*each.opts, *each.secondary_opts)
        if option.startswith("--")
    ]
    meant = _other_option(typed, options)
    # Of a single letter nothing is near.
    near = lookup.nearest(typed, options or error.possibilities or ()) if typed.startswith("--") else ()
    if near and not meant:
        meant = f"did you mean {' or '.join(f'`{each}`' for each in near)}?"
    return f"no option `{typed}`" + (f": {meant}" if meant else "; `--help` lists them")


def _other_option(typed: str, options: Sequence[str]) -> str:
    """The hint at what another program's option is called here; empty if none of `options` is meant."""
    from xavier_cli.vocabulary import other_words

    word = typed.lstrip("-")
    # Settings are options here, with their values after a space.
    meant = re.sub(
        r"`([a-z]\w*)(?:=([^`]*))?`",
        lambda named: f"`--{named[1].replace('_', '-')}{' ' * bool(named[2])}{named[2] or ''}`",
        other_words.hint("setting", word),
    )
    for each in (other_words.hint("option", word), meant):
        named = re.findall(r"`(--[a-z-]+)", each)
        if named and named[0] in options:
            return each
    return ""


def _of_missing_value(error: BaseException) -> str:
    """The message about an option without its value, with the choices; empty for other errors."""
    command = getattr(getattr(error, "ctx", None), "command", None)
    name = getattr(error, "option_name", None)
    option = next((each for each in getattr(command, "params", ()) if name in each.opts), None)
    if (
        name is None
        or option is None
        or type(error).__name__ != "BadOptionUsage"
        or "requires" not in said(error)
    ):
        return ""
    return missing_value(option, name, error.ctx)  # type: ignore[attr-defined]


def missing_value(option: Any, name: str, context: Any) -> str:
    """The message about an `option`, typed as `name`, without a value: the choices, and what it is."""
    # As its line in the help begins: `-o, --output PATH`.
    record = option.get_help_record(context)
    values = (record[0] if record else "").rpartition(" ")[2].strip("<>").replace("|", ", ")
    about = (option.help or "").partition(" [")[0]
    return f"{name} needs a value ({values})" + f": {about}" * bool(about)


def refuse_empty_values(command: Any, context: Any, args: Sequence[str]) -> None:
    """Refuse a value in `args` that is only spaces, as an unset variable of a shell leaves it.

    It would stand for nothing given, or as a path for the working folder. Free text may be empty.
    """
    values, _, typed = command.make_parser(context).parse_args(args=list(args))
    if values.get("help"):
        return
    for each in dict.fromkeys(typed):
        value = values.get(each.name)
        texts = value if isinstance(value, list | tuple) else [value]
        if each.metavar != FREE_TEXT and any(isinstance(text, str) and not text.strip() for text in texts):
            if each.param_type_name == "argument":
                context.fail(
                    f"{each.metavar or each.name.upper()} is empty" + f": {each.help}" * bool(each.help)
                )
            context.fail(missing_value(each, _as_typed(each, args), context))


def _as_typed(option: Any, args: Sequence[str]) -> str:
    """The name by which `option` was given, else its longest."""
    named = [name for name in option.opts if any(word.partition("=")[0] == name for word in args)]
    return max(named or option.opts, key=len)


def _of_extra_words(error: BaseException) -> str:
    """The message about words that no argument takes, with the options that do; empty for other errors."""
    match = re.fullmatch(r"Got unexpected extra argument\(s\) \((.*)\)", said(error), re.DOTALL)
    if not match or (context := getattr(error, "ctx", None)) is None:
        return ""
    from xavier_cli.vocabulary import lookup

    options = {option for each in context.command.params for option in each.opts}
    tables: dict[str, Mapping[str, Any]] = {
        "--act": lookup.ACTIVATIONS,
        "--init": lookup.INITIALIZERS,
        "--data": lookup.DATA_SETS,
    }
    typed = []
    for word in match[1].split():
        name = lookup.plain(word.partition(":")[0])
        option = next(
            (
                option
                for option, table in tables.items()
                if option in options
                and any(name in map(lookup.plain, (row.name, *row.aliases)) for row in table.values())
            ),
            "",
        )
        typed.append(f"{option} {word}".strip())
    path = command_path(context)
    if meant := " ".join(each for each in typed if each.startswith("--")):
        return f"`{path}` takes no `{match[1]}`: did you mean `{meant}`?"
    arguments = [each for each in context.command.params if each.param_type_name == "argument"]
    takes = [*(each.metavar or each.name.upper() for each in arguments), "options"]
    return f"`{path}` takes no `{match[1]}`, only {' and '.join(takes)}; `--help` lists them"


def _commands_with(option: str, context: Any) -> list[str]:
    """The commands of the group that was typed which have this `option`: `xavier config show`."""
    commands = getattr(getattr(context, "command", None), "commands", None)
    if not commands:
        return []
    path = command_path(context)
    if path == "xavier":
        # Its commands are not loaded; the options that most people mean are the settings of training.
        from xavier_cli.config.layers import option_fields
        from xavier_cli.config.run import option_name

        return ["xavier train"] if option in map(option_name, option_fields()) else []
    return [
        f"{path} {name}"
        for name, command in commands.items()
        if any(option in (*each.opts, *each.secondary_opts) for each in command.params)
    ]


def _of_missing_argument(error: BaseException) -> str:
    """The message about an argument that was not given, with the choices; empty for other errors."""
    if type(error).__name__ != "MissingParameter":
        return ""
    argument, context = getattr(error, "param", None), getattr(error, "ctx", None)
    if argument is None or argument.param_type_name != "argument":
        return ""
    # As completion offers them.
    offered = [getattr(each, "value", each) for each in argument.shell_complete(context, "")]
    choices = [each[0] if isinstance(each, tuple) else str(each) for each in offered]
    about = (argument.help or "").partition(" [")[0]
    return missing_argument(argument.metavar or argument.name.upper(), about, choices)


def missing_argument(name: str, about: str, choices: Sequence[str]) -> str:
    """The message about an argument that was not given: what it is, and the choices that `about` lacks."""
    shown = ", ".join(choices[:MOST_CHOICES]) + ", …" * (len(choices) > MOST_CHOICES)
    is_said = all(choice in about for choice in choices)
    return f"{name} is missing" + f": {about}" * bool(about) + f" ({shown})" * (not is_said)
