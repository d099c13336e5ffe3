"""The README keeps its word: its pictures are there, its commands and options exist, and its commands run."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

HOUSE = Path(__file__).parents[2]
README = (HOUSE / "README.md").read_text()
PYTHON = [sys.executable, "-c", "from xavier_cli.cli import main; main()"]
# What one types: a line of a script, or a line behind the prompt of a session.
BLOCKS = re.findall(r"^```(?:sh|console)\n(.*?)^```", README, re.M | re.S)
IN_BLOCKS = [
    line.removeprefix("$ ").partition("  #")[0].strip()
    for block in BLOCKS
    for line in block.splitlines()
    if line.removeprefix("$ ").startswith("xavier ")
]
INLINE = [text.replace("\n", " ") for text in re.findall(r"`(xavier [a-z][^`]*)`", README)]
SMALL = {
    "XAVIER_WIDTH": "8",
    "XAVIER_DEPTH": "2",
    "XAVIER_UPDATES": "40",
    "XAVIER_RECORDS": "3",
    "XAVIER_SEEDS": "2",
    "XAVIER_EVAL_EXAMPLES": "100",
}
FOLDED = re.compile(r"^<details>\n<summary>([^\n]*)</summary>\n(.*?)^</details>\n", re.M | re.S)
UNFOLDED_LINES = 280
OWN_FILE = re.compile(r"^```python\n# (\w+\.py)\n(.*?)^```", re.M | re.S)
# What needs a network, or a machine for itself.
NOT_RUN = ("data fetch", "bench")


def words(command: str) -> list[str]:
    return shlex.split(re.split(" (?:>|&&) ", command)[0])[1:]


def test_what_is_not_folded_is_short_and_what_is_folded_is_rendered():
    """GitHub renders the Markdown inside `<details>` after a blank line only."""
    folded = FOLDED.findall(README)
    # A folded part takes the line of its summary.
    unfolded = FOLDED.sub(lambda part: f"{part[1]}\n", README)

    assert len(unfolded.splitlines()) <= UNFOLDED_LINES
    assert len(folded) == README.count("<details>") == README.count("</details>")
    assert all(
        summary and content.startswith("\n") and content.endswith("\n\n") for summary, content in folded
    )


def test_the_gallery_s_facet_tells_the_runs_of_the_first_session_apart():
    trained = [
        words(line.removeprefix("$ ")) for line in BLOCKS[1].splitlines() if line.startswith("$ xavier train")
    ]
    facets = [re.search(r"--facet (\S+)", command) for command in INLINE if "--metric" in command]
    settings = [facet[1] for facet in facets if facet]

    assert settings
    assert len(trained) == 2
    for setting in settings:
        values = [command[command.index(f"--{setting}") + 1] for command in trained]
        assert len(set(values)) == 2, f"all runs have {setting} {values[0]}"


def test_the_contents_name_every_section_and_come_after_a_session_and_a_figure():
    unfolded = FOLDED.sub("", README)
    (contents,) = re.findall(r"^## Contents\n(.*?)^## ", unfolded, re.M | re.S)
    sections = re.findall(r"^## (.*)$", unfolded, re.M)
    first, later = sections[: sections.index("Contents")], sections[sections.index("Contents") + 1 :]

    assert first == ["Two commands", "A first session"]
    assert (
        unfolded.index("```console")
        < unfolded.index("](recipes/figure-11.png)")
        < unfolded.index("## Contents")
    )
    assert re.findall(r"\[(.*?)\]\((.*?)\)", contents) == [
        (section, f"#{section.lower().replace(' ', '-')}") for section in later
    ]


def test_every_file_and_section_that_is_linked_is_there():
    anchors = {
        re.sub(r"[^\w -]", "", title).lower().replace(" ", "-")
        for title in re.findall(r"^#+ (.*)$", README, re.M)
    }
    for target in re.findall(r"\]\((?!https?:)([^)\s]+)\)", README):
        assert target[1:] in anchors if target.startswith("#") else (HOUSE / target).exists(), target


def test_the_pictures_are_there_and_every_kind_of_figure_is_shown():
    from xavier_cli.figures.catalogue import KINDS

    pictures = re.findall(r"!\[[^\]]+\]\(([^)]+)\)", README)

    assert pictures
    assert all((HOUSE / picture).is_file() for picture in pictures)
    assert {*KINDS} <= set(re.findall(r"^### (.*)$", README, re.M))


@pytest.mark.parametrize("command", dict.fromkeys([*IN_BLOCKS, *INLINE]))
def test_every_command_and_option_exists(command, xavier):
    name, *rest = words(command)
    options = [word.partition("=")[0] for word in rest if word.startswith("--")]
    groups = {"act", "init", "data", "config", "cache"}
    subcommand = [word for word in rest[:1] if name in groups or (name, word) == ("check", "list")]
    answer = xavier(name, *subcommand, "--help", width=200)

    assert answer.code == 0, answer.err
    assert all(re.search(rf"{option}\b", answer.out) for option in options)


@pytest.fixture(scope="module")
def place(tmp_path_factory) -> Path:
    """A folder with what the README's commands speak of."""
    folder = tmp_path_factory.mktemp("readme")
    for name, own in re.findall(OWN_FILE, README):
        (folder / name).write_text(own)
    (recipe,) = re.findall(r"^```toml\n(.*?)^```", README, re.M | re.S)
    (folder / "mine.toml").write_text(recipe)
    small = HOUSE.parent / "shared" / "data" / "small-imagenet"
    if small.is_dir():
        shutil.copytree(small, folder / "pets")
    return folder


@pytest.mark.slow
def test_the_commands_run_as_they_stand_one_after_the_other(place):
    for command in IN_BLOCKS:
        given = words(command)
        if " ".join(given).startswith(NOT_RUN) or ("pets" in command and not (place / "pets").is_dir()):
            continue
        if command == "xavier data verify" and "XAVIER_DATA_DIR" not in os.environ:
            continue
        if "nets.py" in command and find_spec("torch") is None:
            continue
        # The shape of a custom network is its own.
        shape = {"XAVIER_WIDTH", "XAVIER_DEPTH"} if "--net" in given else set()
        small = {name: value for name, value in SMALL.items() if name not in shape}
        if given[0] in ("reproduce", "sweep") and given[1] != "list":
            given += ["--scale", "tiny"]
        if given[0] == "train" and "--updates" in given:
            width = [] if "--net" in given else ["--width", SMALL["XAVIER_WIDTH"]]
            given += [*width, "--updates", SMALL["XAVIER_UPDATES"]]
        newest = sorted((place / "runs").glob("*.h5"))
        given = [str(newest[0]) if "…" in word else word for word in given]
        done = subprocess.run(
            [*PYTHON, *given],
            cwd=place,
            env={**os.environ, **small, "PYTHONPATH": str(HOUSE)},
            capture_output=True,
            text=True,
            timeout=600,
            check=False,
        )
        # 3: what so small a network says of itself is that something is wrong.
        assert done.returncode == 0 or (given[0] == "check" and done.returncode == 3), (command, done.stderr)
