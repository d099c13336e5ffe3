"""Numbers and units stand on one line wherever text is wrapped, and are printed with plain spaces."""

import re

import pytest

from xavier_cli.cli.terminal.output import Format, format_page
from xavier_cli.cli.terminal.screen import format_screen
from xavier_cli.views.page import Column, Page, Table

TIME = (
    "80 s: updates 58 s (72.5 %), compiling 20 s (25.0 %), evaluation 1.5 s (1.9 %), layer statistics 500 ms "
    "(0.6 %), saving 12 ms (< 0.1 %), 3.2 GB/s of 12.5 GB, 35 min, 47.7 ± 0.9 %, p < .0001, p = .03, "
    "2.4 × as fast, jax 0.10.2"
)
PIECES = re.findall(r"(?:[<=] )?[\d.]+(?: ± [\d.]+)? (?:s|%|ms|GB/s|GB|min|×)|p [<=] \.\d+|jax \S+", TIME)


def page():
    columns = Column("setting"), Column("value", wraps=True)
    table = Table(columns, (("time", TIME),), title=TIME, about=TIME)
    moved = Table((Column("run"), Column("time", wraps=True, moves=True)), (("a", TIME), ("b", TIME)))
    return Page("xavier.test/1", {"time": TIME}, [{"time": TIME}], (table, moved), (TIME,), about=TIME)


@pytest.mark.parametrize("width", range(24, 130, 3))
def test_a_number_and_its_unit_are_on_one_line(width):
    text = format_screen(page(), width)

    assert len(PIECES) == 19
    # The text stands in six places.
    assert {piece: text.count(piece) >= 6 for piece in PIECES} == dict.fromkeys(PIECES, True), text
    assert not re.search(r"[\d.]$\n\s*(?:s|%|ms|GB/s|GB|min|×|±)(?![\w/])", text, re.M)
    assert max(map(len, text.splitlines())) <= width


@pytest.mark.parametrize("format", Format)
def test_only_plain_spaces_are_printed(format):
    text = format_page(page(), format, 40)

    assert {each for each in text if not each.isascii() and each not in "±×−"} == set()
    if format in (Format.JSON, Format.CSV, Format.MD):
        assert "saving 12 ms" in text
