"""What users read is in the field's words: no text that they meet holds a phrase that was given up.

Met are help pages, messages, tables, notes, captions, reports, recipes, the README and the change log. Single
words (keys of JSON, names of settings and arrays) keep what they have, since programs read them.
"""

import ast
import re
import tomllib
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

HOUSE = Path(__file__).parents[1]
PACKAGE = HOUSE / "xavier_cli"
GIVEN_UP = {
    r"\bguessing\b|\berrs?\b": "chance level, error",
    r"told apart|\btell apart\b": "significantly different, no significant difference",
    r"\b(?:ill|sick|mended)\b": "problems found, recovered",
    r"(?<!power )\blaws?\b": "distribution",
    r"\bcut at\b|\bnot cut\b": "truncated at, clipped to",
    r"\b(?:go|goes|going|gone) on\b|\banew\b": "resume, start again",
    r"\bown (?:function|activation|initializer|optimizer)s?\b": "custom function",
    r"\blook(?:ed|s|ing)? at (?!figure)": "measured, compared",
    r"\bstdout carries\b": "prints only its path to stdout",
    r"leaves at once|make it again|numbers in it\b|[Dd]ark or light": "quit now, reproduce, show data, theme",
    r"lengths are kept|axes of their own": "norm-preserving, axis ranges differ",
    r"nothing that can be told|\bhas it\b": "unknown file type, or pass `--data-dir FOLDER`",
    r"\bnot (?:t?here)\b": "not found",
    r"\bmembers?\b(?!-batch)|\bpopulations?\b": "networks, seeds",
    r"[Nn]ot tested: under": "not tested (needs 5 seeds)",
    r"\bto the bit\b": "bit-identical",
    r"\bby a rule\b": "estimated",
    r"(?:^|[.!?] )(?:Of|What) (?!is what)": "a sentence of subject, verb and object",
}
"""Phrase -> what is said instead, as in the table of LANGUAGE.md."""

EXCEPTIONS = {
    ("CHANGELOG.md", "guessing"): "the former name of a claim, which is still understood",
    ("xavier_cli/runs/schema.py", "member"): "attributes of run files, which keep what they have",
    ("xavier_cli/report/answer.py", "errs"): "to be reworded with the report's answer",
    ("xavier_cli/report/answer.py", "Of"): "to be reworded with the report's answer",
}
"""(File, phrase as it stands there) -> why it stays."""


def sentences(path: Path) -> Iterator[str]:
    """The texts of a module: strings with a space in them, which no key has, and the help of commands."""
    tree = ast.parse(path.read_text())
    is_command = path.parent.name == "commands"
    silent = set()
    for node in ast.walk(tree):
        # Docstrings and those of constants, which follow them.
        for inside in ast.iter_child_nodes(node):
            if isinstance(inside, ast.Expr) and isinstance(inside.value, ast.Constant):
                is_help = is_command and isinstance(node, ast.FunctionDef) and not node.name.startswith("_")
                if not is_help:
                    silent.add(inside.value)
    for node in ast.walk(tree):
        if isinstance(node, ast.JoinedStr):
            yield "".join(part.value if isinstance(part, ast.Constant) else "{}" for part in node.values)
            silent |= {part for part in node.values if isinstance(part, ast.Constant)}
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and node not in silent:
            yield node.value


@cache
def texts() -> tuple[tuple[str, str], ...]:
    """The file and words of every text that users meet, taken from all modules once."""
    return tuple(_texts())


def _texts() -> Iterator[tuple[str, str]]:
    for path in sorted(PACKAGE.rglob("*.py")):
        for text in sentences(path):
            if " " in text.strip():
                yield path.relative_to(HOUSE).as_posix(), text
    for path in sorted((HOUSE / "recipes").glob("*.toml")):
        recipe = tomllib.loads(path.read_text())
        yield path.relative_to(HOUSE).as_posix(), f"{recipe['title']}. {recipe.get('about', '')}"
    yield (
        "README.md",
        re.sub(r"^```(?!console).*?^```", "", (HOUSE / "README.md").read_text(), flags=re.M | re.S),
    )
    yield "CHANGELOG.md", (HOUSE / "CHANGELOG.md").read_text()
    yield "tests/pins/help.txt", (HOUSE / "tests" / "pins" / "help.txt").read_text()


@pytest.mark.parametrize("given_up", GIVEN_UP)
def test_no_text_that_users_meet_holds_a_phrase_that_was_given_up(given_up):
    found = [
        f"{file}: `{match[0]}` in {' '.join(text[max(0, match.start() - 60) : match.end() + 60].split())!r}"
        for file, text in texts()
        for match in re.finditer(given_up, text)
        if (file, match[0].strip()) not in EXCEPTIONS
    ]

    assert not found, f"say: {GIVEN_UP[given_up]}\n" + "\n".join(found)


def test_the_help_of_every_command_begins_with_one_short_imperative_line():
    shown = (HOUSE / "tests" / "pins" / "help.txt").read_text()
    # The first paragraph below each usage, which the page may wrap.
    firsts = re.findall(r"^Usage: xavier (.*?)\n\n  (.*?)\n\n", shown, re.M | re.S)

    assert len(firsts) > 25
    for usage, text in firsts:
        line = " ".join(text.split())
        assert len(line) <= 60 or usage.startswith("[OPTIONS] COMMAND"), line
        assert re.match(r"[A-Z][a-z]+[ ,]", line), line
