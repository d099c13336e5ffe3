"""Completes names from the tables and runs for the shell; imports nothing heavy."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping
from pathlib import Path

from xavier_cli.cli.catalogue import COMMANDS
from xavier_cli.vocabulary import lookup

# Each function imports what it needs when it is called, since the shell waits.
Offers = list[tuple[str, str]]


def activations(incomplete: str) -> Offers:
    """Activations, with their formulas."""
    return _begun(incomplete, {word.name: word.formula for word in lookup.ACTIVATIONS.values()})


def initializers(incomplete: str) -> Offers:
    """Initializers, with their distributions."""
    return _begun(incomplete, {word.name: word.formula for word in lookup.INITIALIZERS.values()})


def optimizers(incomplete: str) -> Offers:
    """Optimizers, with descriptions."""
    from xavier_cli.vocabulary.optimizers import OPTIMIZERS, SHORT

    known = {word.name: word.about for word in OPTIMIZERS.values()}
    return _begun(incomplete, known | {short: f"{name} with momentum" for short, (name, _) in SHORT.items()})


def data_sets(incomplete: str) -> Offers:
    """Data sets, and the prefixes of names with a size or a path."""
    from xavier_cli.vocabulary.datasets import FAMILIES

    families = {
        family.partition(":")[0] + ":": about
        for family, about in FAMILIES.items()
        if re.match("[a-z]+:", family)
    }
    return _begun(incomplete, {word.name: word.about for word in lookup.DATA_SETS.values()} | families)


def networks(incomplete: str) -> Offers:
    """`mlp`, installed networks, Python files here, and behind a file's name its functions."""
    import ast
    from importlib.metadata import entry_points

    file = incomplete.partition(":")[0]
    if file.endswith(".py"):
        try:
            body = ast.parse(Path(file).read_bytes()).body
        except (OSError, SyntaxError, ValueError):
            return []
        made = [node for node in body if isinstance(node, ast.FunctionDef) and node.name[0] != "_"]
        told = {f"{file}:{node.name}": (ast.get_docstring(node) or "").partition("\n")[0] for node in made}
        return _begun(incomplete, told)
    files = sorted(f"{path}:" for path in Path().glob("*.py"))
    installed = [entry.name for entry in entry_points(group="xavier.networks")]
    return _begun(
        incomplete, {"mlp": "the perceptron of the paper"} | dict.fromkeys((*installed, *files), "")
    )


def metrics(incomplete: str) -> Offers:
    """What `compare` compares."""
    from xavier_cli.findings.metric import EXAMPLE
    from xavier_cli.vocabulary.metrics import CURVES

    return _begun(incomplete, dict.fromkeys((*CURVES, EXAMPLE), ""))


def scales(incomplete: str) -> Offers:
    """Presets of sizes."""
    from xavier_cli.config.presets import SCALES

    return _begun(incomplete, dict.fromkeys(SCALES, ""))


def likes(incomplete: str) -> Offers:
    """Frameworks of `--like`."""
    from xavier_cli.config.presets import LIKE

    return _begun(incomplete, {name: ", ".join(map(str, preset.values())) for name, preset in LIKE.items()})


def recipes(incomplete: str) -> Offers:
    """Shipped recipes; the shell completes the files of users' recipes."""
    from xavier_cli.sweeps.recipe import shipped_recipes

    return _begun(incomplete, dict.fromkeys([*shipped_recipes(), "list", "summary"], ""))


def settings(incomplete: str) -> Offers:
    """Settings of a configuration, for the last item of a list with commas."""
    from xavier_cli.config.run import RunConfig

    before, comma, last = incomplete.rpartition(",")
    described = {name: info.description or "" for name, info in RunConfig.model_fields.items()}
    return [(f"{before}{comma}{name}", about) for name, about in _begun(last, described)]


def runs(incomplete: str) -> Offers:
    """Names of runs in the default folder; if none matches, the shell completes files."""
    folder = Path(os.environ.get("XAVIER_RUNS_DIR") or "runs")
    try:
        files = sorted(entry.name for entry in os.scandir(folder))
    except OSError:
        return []
    shown = [file.removesuffix(".h5") for file in files if file.endswith(".h5") and not file.startswith(".")]
    return _begun(incomplete, dict.fromkeys(shown, ""))


# A copy of `words` in the rows of settings, which a test compares: loading the rows is too slow here.
BY_SETTING = {
    "net": networks,
    "act": activations,
    "init": initializers,
    "bias_init": initializers,
    "data": data_sets,
    "optimizer": optimizers,
}


# Completed without loading the command, which is too slow for a key press: the values of options, and the
# first argument of commands.
_AFTER = {f"--{name.replace('_', '-')}": offer for name, offer in BY_SETTING.items()}
_FIRST = {name: {"runs": runs, "recipes": recipes}[row.first] for name, row in COMMANDS.items() if row.first}


def answer() -> bool:
    """Print the completions as Typer would, if they are known without loading it; returns whether so."""
    shell = os.environ["_XAVIER_COMPLETE"].removeprefix("complete_")
    line = os.environ.get("COMP_WORDS" if shell == "bash" else "_TYPER_COMPLETE_ARGS", "")
    # Leave quoted words to Typer.
    if shell not in _FORMATS or re.search(r"[\\\"'\n]", line):
        return False
    words = line.split(" ")
    if shell == "bash":
        words = [*line.split(), ""][: int(os.environ["COMP_CWORD"]) + 1]
    elif shell == "fish" and os.environ.get("_TYPER_COMPLETE_FISH_ACTION") != "get-args":
        return False
    *before, incomplete = words
    offer = _AFTER.get(before[-1]) if before else None
    if len(before) == 2 and not incomplete.startswith("-"):
        offer = _FIRST.get(before[1])
    offers = offer(incomplete) if offer else []
    if offers:
        print(_FORMATS[shell](offers))
    return bool(offers)


def _for_zsh(offers: Offers) -> str:
    def quoted(text: str) -> str:
        for sign, written in (('"', '""'), ("'", "''"), ("$", r"\$"), ("`", r"\`"), (":", r"\\:")):
            text = text.replace(sign, written)
        return f'"{text}"'

    words = (f"{quoted(word)}:{quoted(about)}" if about else quoted(word) for word, about in offers)
    return "_arguments '*: :((" + "\n".join(words) + "))'"


_FORMATS: dict[str, Callable[[Offers], str]] = {
    "bash": lambda offers: "\n".join(word for word, _ in offers),
    "zsh": _for_zsh,
    "fish": lambda offers: "\n".join(f"{word}\t{about}" if about else word for word, about in offers),
}


def _begun(incomplete: str, words: Mapping[str, str]) -> Offers:
    return [(word, about) for word, about in words.items() if word.startswith(incomplete)]
