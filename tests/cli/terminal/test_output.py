"""A page in every format, whatever lies in its text."""

import ast
import csv
import io
import json
import math
import os
import re
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import xavier_cli
from xavier_cli.cli.options.run_files import read_inputs
from xavier_cli.cli.terminal.output import Format, check_output, format_page, show_page, write_text
from xavier_cli.errors import StorageError
from xavier_cli.report.elements import json_block
from xavier_cli.runs.store import write_run
from xavier_cli.sanitize import encodable, stand_in
from xavier_cli.statistics.estimate import Estimate
from xavier_cli.views import durations, numbers
from xavier_cli.views.page import Column, Page, Table, clean
from xavier_cli.vocabulary.shipped import shipped_folder

HOSTILE = "a\x1b[31mred\x1b]0;title\x07\u202eb|c_d&50%\t\x9b2J\r\n[bold]x"


@pytest.fixture
def page() -> Page:
    table = Table(
        columns=(Column("name"), Column("error %", "right"), Column("in words", wraps=True, moves=True)),
        rows=(("tanh", " 1.50", ""), (HOSTILE, "22.25", "told apart from the best")),
        title="a table",
        best=frozenset({0}),
    )
    records = [{"name": "tanh", "error": 0.1 + 0.2, "p": math.nan}, {"name": HOSTILE, "ok": True, "n": 3}]
    return Page("xavier.test/1", {"rows": records}, records, (table,), ("± is a word.",))


@pytest.mark.parametrize("format", Format)
@pytest.mark.parametrize("width", [20, 40, 80])
def test_no_format_lets_a_terminal_escape_through(page, format, width):
    text = format_page(page, format, width)

    assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u202e]", text.replace("\t", ""))
    assert text.endswith("\n")
    assert not text.endswith("\n\n")


def test_table(page):
    name = clean(HOSTILE)

    assert format_page(page, Format.TABLE, 80).splitlines() == [
        "a table",
        f"   {'name':{len(name)}}  error %  in words",
        f"*  {'tanh':{len(name)}}     1.50",
        f"   {name}    22.25  told apart from the best",
        "",
        "- ± is a word.",
    ]


def test_bold_only_where_colour_is_allowed(page):
    assert "\x1b[1m" in format_page(page, Format.TABLE, 80, colour=True)
    assert "\x1b" not in format_page(page, Format.TABLE, 80)


def test_json_keeps_every_digit_and_has_no_nan(page):
    content = json.loads(format_page(page, Format.JSON), parse_constant=pytest.fail)

    assert content["schema"] == "xavier.test/1"
    assert content["rows"][0]["error"] == 0.1 + 0.2
    assert content["rows"][0]["p"] is None


def test_csv_keeps_every_digit(page):
    first, second = csv.DictReader(io.StringIO(format_page(page, Format.CSV)))

    assert float(first["error"]) == 0.1 + 0.2
    assert first["p"] == ""
    assert second["ok"] == "true"


@pytest.mark.parametrize(
    "text",
    [
        "=1+1",
        "+cmd|' /C calc'!A0",
        "-2+3+cmd|' /C calc'!A0",
        "@SUM(1)",
        "\t=1+1",
        "\r-x",
        " =1",
        "＝1+1",
        "-a.h5",
    ],
)
def test_csv_is_no_formula(text):
    page = Page("xavier.test/1", {}, [{"name": text}])
    (row,) = csv.DictReader(io.StringIO(format_page(page, Format.CSV)))

    assert row["name"][0] in "'?"


@pytest.mark.parametrize("text", ["-0.5", "+1e-3", "-1,1", "-.5", -0.5, -3, "1-2", "tanh"])
def test_csv_leaves_numbers_alone(text):
    page = Page("xavier.test/1", {}, [{"name": text}])
    (row,) = csv.DictReader(io.StringIO(format_page(page, Format.CSV)))

    assert row["name"] == str(text)


def test_infinities_are_words_and_nan_is_nothing():
    numbers = {"a": math.nan, "b": math.inf, "c": [-math.inf, np.float64("inf")], "d": np.float64(0.5)}
    page = Page("xavier.test/1", {"numbers": numbers}, [numbers])

    content = json.loads(format_page(page, Format.JSON), parse_constant=pytest.fail)
    assert content["numbers"] == {"a": None, "b": "inf", "c": ["-inf", "inf"], "d": 0.5}
    assert str(json_block("x", numbers)).count('"inf"') == 2
    (row,) = csv.DictReader(io.StringIO(format_page(page, Format.CSV)))
    assert (row["a"], row["b"], row["d"]) == ("", "inf", "0.5")


def test_markdown_escapes_and_emphasizes(page):
    lines = format_page(page, Format.MD).splitlines()

    assert lines[2] == "|  | name | error % | in words |"
    assert lines[3] == "| --- | --- | ---: | --- |"
    assert lines[4] == r"| \* | **tanh** | **1.50** |  |"
    assert r"b\|c\_d" in lines[5]


def test_latex_escapes_and_emphasizes(page):
    text = format_page(page, Format.LATEX)

    assert r"\begin{tabular}{llr@{.}ll}" in text
    assert r"* & \textbf{tanh} & \textbf{1} & \textbf{50} &  \\" in text
    assert r"c\_d\&50\%" in text
    assert r"error \%" in text


def test_latex_has_minus_signs_labels_and_notes_that_print(page):
    table = Table(
        (Column("Δ"), Column("p")), (("+3.4 [-1.6, 8.4]", "< .0001"), ("-12", "not tested"), ("", "1"))
    )
    titled = [replace(table, title=title) for title in ("My set", "My set", "")]
    text = format_page(replace(page, tables=tuple(titled), notes=("From -0.7 to .2, 0-4.",)), Format.LATEX)

    assert r"+3 & 4 [$-$1.6, 8.4] & $<$  & 0001 \\" in text
    assert r"\multicolumn{1}{r@{}}{$-$12} & & \multicolumn{2}{l}{not tested} \\" in text
    assert r"\multicolumn{2}{l}{} & \multicolumn{1}{r@{}}{1} & \\" in text
    assert re.findall(r"\\label{(.*?)}", text) == ["tab:test-my-set", "tab:test-my-set--2", "tab:test"]
    assert text.count("\\caption{") == 3
    # Below the last table, and in what is printed.
    assert text.index("From $-$0.7 to .2, 0-4.") > text.rindex("\\end{tabular}")
    assert text.count("\n% ") == 0


def test_latex_of_a_later_best_row_keeps_its_star():
    r"""LaTeX takes a star after `\\` for its own, also on the next line."""
    table = Table((Column("a"),), (("x",), ("[y]",)), best=frozenset({1}))
    text = format_page(Page("xavier.test/1", {}, [], (table, replace(table, best=None))), Format.LATEX)

    assert "\n{}* & " in text
    assert "\n{}[y]" in text


@pytest.mark.skipif(not shutil.which("pdflatex"), reason="there is no pdflatex")
def test_latex_compiles_whatever_a_name_is(page, tmp_path):
    every = "".join(map(chr, (*range(32, 127), *range(160, 384), 0x2248, 0x6570, 0x1F600)))
    table = replace(
        page.tables[0], title=f"{every} ± × − √ ° µ ²", rows=((every, "1", "\\input{x} 10^{3}_2$"),)
    )
    text = format_page(replace(page, tables=(*page.tables, table)), Format.LATEX)
    (tmp_path / "a.tex").write_text(
        "\\documentclass{article}\n\\usepackage{booktabs}\n"
        f"\\begin{{document}}\n{text}\\end{{document}}\n"
    )
    done = subprocess.run(
        ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "-no-shell-escape", "a.tex"],
        cwd=tmp_path, capture_output=True, text=True, check=False, errors="replace",
    )  # fmt: skip

    assert done.returncode == 0, done.stdout[-800:]
    assert (tmp_path / "a.pdf").stat().st_size > 5000


def test_plain_has_the_same_cells_in_every_line(page):
    lines = [line for line in format_page(page, Format.PLAIN).splitlines() if not line.startswith("#")]

    assert [line.count("\t") for line in lines] == [3, 3, 3]


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "utf-8", None])
def test_any_screen_can_show_it(encoding):
    text = encodable("47.7 ± 0.9 √ 数", encoding)

    text.encode(encoding or "ascii")
    assert ("±" in text) == (encoding in ("latin-1", "utf-8"))
    assert text.endswith("√ 数" if encoding == "utf-8" else "sqrt ?")


def test_every_sign_that_is_shown_has_a_stand_in():
    house = Path(xavier_cli.__file__).parent
    nodes = (node for path in house.rglob("*.py") for node in ast.walk(ast.parse(path.read_text())))
    texts = [node.value for node in nodes if isinstance(node, ast.Constant) and isinstance(node.value, str)]
    texts += [path.read_text() for path in shipped_folder().glob("*.toml")]
    # Halves of characters are looked for, never shown.
    signs = {
        each for text in texts for each in text if not each.isascii() and not "\ud800" <= each <= "\udfff"
    }

    assert len(signs) > 30
    assert [sign for sign in signs if not stand_in(sign).isascii() or "?" in stand_in(sign)] == []
    assert [stand_in(sign) for sign in "·σ×±−…≥Σλé½ᵀ"] == [
        *("*", "sigma", "x", "+/-", "-", "...", ">=", "Sigma", "lambda", "e", "1/2", "T")
    ]


@pytest.mark.parametrize(
    ("arguments", "shown"),
    [
        (("act", "show", "leaky_relu"), "slope*s"),
        (("train", "--help"), "+/-1/sqrt(fan_in)"),
        (("init", "show", "truncated_normal"), "sigma"),
        (("act", "show", "tanh"), "1/sqrt(E phi(u)^2)"),
        (("train", "--act", "übung:σ"), "act: `ubung:sigma`"),
    ],
)
def test_a_screen_of_few_signs_shows_them_all(arguments, shown):
    """Help, tables and errors: Python itself would end the first in a UnicodeEncodeError."""
    command = [sys.executable, "-c", "from xavier_cli.cli import main; main()", *arguments]
    done = subprocess.run(command, env=os.environ | {"PYTHONIOENCODING": "ascii"}, capture_output=True)
    text = (done.stdout + done.stderr).decode("ascii")

    assert shown in " ".join(text.split())
    assert not re.search(r"\\[ux]|UnicodeEncodeError|\w\?\w", text)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("E φ(u)²", "E phi(u)^2"),
        ("1.5·10⁻³ and 10¹²", "1.5*10^-3 and 10^12"),
        ("hᵀ √fan_in √(2/n) √5", "h^T sqrt(fan_in) sqrt(2/n) sqrt(5)"),
        ("nº 1 of xavier™", "no 1 of xavierTM"),
        ("² ", "^2 "),
    ],
)
def test_exponents_and_roots_are_told_from_what_stands_beside_them(text, shown):
    assert encodable(text, "ascii") == shown


def test_hostile_file_name_is_named_without_its_escapes(tmp_path, capsys):
    (tmp_path / "evil\x1b[2J.h5").write_bytes(b"no run")
    with pytest.raises(Exception, match="5"):
        read_inputs([str(tmp_path)])

    assert "\x1b" not in capsys.readouterr().err


@pytest.mark.parametrize(
    ("p", "shown"),
    [(0.24, ".24"), (0.0312, ".031"), (0.0003, ".0003"), (1e-9, "< .0001"), (1.0, "1"), (0.0499, ".0499")],
)
def test_p_as_the_field_prints_it(p, shown):
    assert numbers.probability(p) == shown


def test_percents_stand_under_each_other():
    estimates = [Estimate(0.474, 0.009, 0, 5), Estimate(0.0164, 0.0321, 0, 5), Estimate(0.5, math.nan, 0, 1)]

    assert numbers.percents(estimates) == ["47.4 ± 0.9", " 1.6 ± 3.2", "50.0      "]


def test_small_intervals_have_two_decimals():
    assert numbers.percents([Estimate(0.0164, 0.0004, 0, 5)]) == ["1.64 ± 0.04"]
    assert numbers.percents([Estimate(0.0164, math.nan, 0, 1)]) == ["1.64"]


@pytest.mark.parametrize(
    ("values", "shown"),
    [
        ([0.559, 0.0402], ["0.559", "0.040"]),
        ([3.1e-5, 2.0e-5], ["3.1e-05", "2.0e-05"]),
        ([1.0, 0.0001], ["1.0e+00", "1.0e-04"]),
        ([math.nan, 2.5], ["", "2.50"]),
        ([0.0, 0.0], ["0", "0"]),
    ],
)
def test_a_column_shares_its_decimals(values, shown):
    assert numbers.column(values) == shown


def test_seeds_in_short():
    assert numbers.seeds([0, 1, 2, 7, 9, 8]) == "0-2, 7-9"
    assert numbers.seeds([4]) == "4"


@pytest.mark.parametrize(
    ("seconds", "shown"), [(-5, "now"), (59, "now"), (61, "1 min"), (7200, "2 h"), (2e5, "2 d"), (4e7, "1 y")]
)
def test_age_has_one_unit(seconds, shown):
    assert durations.age(seconds) == shown


def test_a_name_that_is_not_utf8_is_escaped_in_every_format():
    name = os.fsdecode(b"caf\xe9.h5")
    table = Table((Column("run"),), ((name,),))
    page = Page("xavier.test/1", {"run": name, name: [name]}, [{"run": name}], (table,), (name,))
    for format in Format:
        text = format_page(page, format)
        text.encode("utf-8")
        assert "udce9" in text, format

    content = json.loads(format_page(page, Format.JSON))
    assert content["run"] == content["caf\\udce9.h5"][0] == "caf\\udce9.h5"


def test_a_table_in_a_file_is_published(page, tmp_path, capsys):
    output = tmp_path / os.fsdecode(b"t\xe9.json")
    # The temporary of a killed writer, and a link in the place of a former temporary.
    (tmp_path / f".{output.name}.0123456789ab.tmp").write_text("half")
    (tmp_path / "precious").write_text("kept")
    (tmp_path / f".{output.name}.{os.getpid()}.tmp").symlink_to("precious")
    show_page(page, output=output)

    assert json.loads(output.read_text())["schema"] == "xavier.test/1"
    assert (tmp_path / "precious").read_text() == "kept"
    assert len(list(tmp_path.iterdir())) == 3
    assert "t\\udce9.json" in capsys.readouterr().err


def test_an_output_that_cannot_be_written_is_refused_before_any_work(tmp_path):
    (tmp_path / "file").write_text("")
    for output, words in {
        tmp_path / "file" / "a.csv": "Not a directory",
        tmp_path / "no" / ("x" * 250): "File name too long",
        Path("/proc/1/a.csv"): "No such file|Permission denied|not permitted",
    }.items():
        with pytest.raises(StorageError, match=words):
            write_text(output, "")
        if "proc" not in str(output):
            with pytest.raises(StorageError, match=words):
                check_output(output)
    check_output(tmp_path / "new" / "a.csv")

    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_a_stream_is_never_replaced_by_a_file(tmp_path):
    kept = tmp_path / "kept.txt"
    with kept.open("w") as file:
        write_text(Path(f"/dev/fd/{file.fileno()}"), "± 1\n")
    write_text(Path("/dev/null"), "gone")

    assert kept.read_text() == "± 1\n"
    assert [path.name for path in tmp_path.iterdir()] == ["kept.txt"]


def test_a_run_file_is_not_written_over_by_a_table(xavier, shelf):
    (run, *_) = (
        sorted((shelf / "runs").glob("*.h5")) if (shelf / "runs").is_dir() else sorted(shelf.glob("*.h5"))
    )
    before = run.read_bytes()
    answer = xavier("ls", "-f", "csv", "-o", run)

    assert answer.code == 2
    assert "is a run file: name another file" in answer.err
    assert run.read_bytes() == before


def test_latex_aligns_no_versions_dates_and_settings_as_decimals(shelf, xavier, exact_run):
    provenance = {"python": "3.11.7", "xavier": "0.2.0.dev0", "cores": 2, "load": 0.5}
    write_run(shelf / "told.h5", replace(exact_run([0.5, 0.6], lr=0.03), provenance=provenance))
    settings, curves = xavier("show", "told", "-f", "latex").out.split("\\end{table}")[:2]

    for line in ("python & 3.11.7", "xavier & 0.2.0.dev0", "lr & 0.03", "load & 0.5", "cores & 2"):
        assert f"{line} \\\\\n" in settings
    assert "2025-01-02" in settings
    assert "\\begin{tabular}{ll}" in settings
    # Columns of numbers are aligned as before.
    assert "r@{.}l" in curves
    assert re.search(r"& \d+ & \d \$\\pm\$ [\d.]+ ", curves)


def test_latex_aligns_whole_numbers_with_units_at_the_point_of_others():
    table = Table((Column("size", "right"),), (("999 MB",), ("12.0 MB",), ("7",), ("not kept",)))
    lines = format_page(Page("xavier.test/1", {}, [], (table,)), Format.LATEX).splitlines()

    assert "\\multicolumn{1}{r@{}}{999} & ~MB \\\\" in lines
    assert "12 & 0 MB \\\\" in lines
    assert "\\multicolumn{1}{r@{}}{7} & \\\\" in lines
    assert "\\multicolumn{2}{l}{not kept} \\\\" in lines
