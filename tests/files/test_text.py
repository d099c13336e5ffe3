"""Settings in text files: as any editor saves them, and nothing that holds the command up."""

from __future__ import annotations

import codecs
import os
from pathlib import Path

import pytest

from xavier_cli.errors import ConfigError
from xavier_cli.files.text import LARGEST, read_toml


@pytest.fixture
def toml(tmp_path):
    def write(content: str | bytes) -> Path:
        path = tmp_path / "mine.toml"
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return path

    return write


@pytest.mark.parametrize(
    ("mark", "encoding"),
    [
        (b"", "utf-8"),
        (codecs.BOM_UTF8, "utf-8"),
        (codecs.BOM_UTF16_LE, "utf-16-le"),
        (codecs.BOM_UTF16_BE, "utf-16-be"),
        (codecs.BOM_UTF32_LE, "utf-32-le"),
    ],
)
def test_a_byte_order_mark_is_no_part_of_the_text(toml, mark, encoding):
    path = toml(mark + 'act = "übung.py:f"\r\ndepth = 3\r\n'.encode(encoding))

    assert read_toml(path) == {"act": "übung.py:f", "depth": 3}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("depth = " + "9" * 6000, "thousands of digits"),
        ("depth = 0x" + "f" * 6000, "`depth` has too many digits"),
        ("[base]\nseeds = [1, 0x" + "f" * 6000 + "]", "`base.seeds` has too many digits"),
        (b'act = "\xfcbung"', "not text in UTF-8: save it as UTF-8"),
        (codecs.BOM_UTF16_LE + b"a", "not text in UTF-16-LE"),
        ("a = " + "[" * 100_000, "nested too deep"),
        ("a." * 200_000 + "a = 1", "nested too deep"),
        ("x" * (LARGEST + 1), "over 1,000,000 bytes"),
        ("[base]\ndepth = 3\ndepth = 4\n", r"`depth` is given twice \(line 3\)"),
        ("[base]\ndepth = 3\n[base]\nwidth = 4\n", "`\\[base\\]` is given twice"),
        ("batch-size = 3\nbatch_size = 4\n", "`batch-size` and `batch_size` are one key, given twice"),
        (
            "[[cells]]\n[[cells]]\n[cells.paper]\nbatch_size = 3\nbatch-size = 4\n",
            "`batch_size` and `batch-size` in `cells.paper` are one key",
        ),
    ],
)
def test_what_cannot_be_settings_is_one_line_that_names_the_file(toml, text, message):
    path = toml(text)

    with pytest.raises(ConfigError, match=message) as caught:
        read_toml(path)

    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_only_a_regular_file_is_read(tmp_path):
    """Nobody writes to the pipe, and zeros never end: to open or to read either would never end."""
    os.mkfifo(tmp_path / "pipe.toml")
    for path in (tmp_path / "pipe.toml", tmp_path, Path("/dev/zero"), Path("/dev/null")):
        with pytest.raises(ConfigError, match=r"is not a regular file|Is a directory"):
            read_toml(path)
