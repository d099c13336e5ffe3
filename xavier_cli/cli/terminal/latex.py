"""Formats a page as LaTeX: tables with captions, labels, numbers aligned at their points, and notes below."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from xavier_cli.cli.terminal.number_text import has_points, shown_number
from xavier_cli.views.page import Column, Page, Table, clean

_MINUS = re.compile(r"(?<![\w.])-(?=\.?\d)")


def format_latex(page: Page) -> str:
    """LaTeX tables that need only the package booktabs; the best rows are in bold, notes below the last."""
    lines = ["% \\usepackage{booktabs}", *(f"% {clean(text)}" for text in (page.title, page.about) if text)]
    named: list[str] = []
    for i, table in enumerate(page.tables):
        label = _label(page, table, named)
        named.append(label)
        notes = page.notes if i == len(page.tables) - 1 else ()
        lines += [*_table(table, _caption(page, table), label, notes), ""]
    if not page.tables:
        lines += [f"% {clean(note)}" for note in page.notes]
    return "\n".join(lines).rstrip("\n") + "\n"


def _caption(page: Page, table: Table) -> str:
    texts = [text for text in (table.title, table.about) if text] or [page.title or _subject(page)]
    return ". ".join(escaped(text).rstrip(".") for text in texts) + "."


def _subject(page: Page) -> str:
    """`compare`, of the schema `xavier.compare/1`."""
    return page.schema.removeprefix("xavier.").partition("/")[0]


def _label(page: Page, table: Table, taken: Sequence[str]) -> str:
    """`tab:compare-shapeset`; with a number where that is taken."""
    words = re.sub(r"[^a-z0-9]+", "-", f"{_subject(page)} {table.title}".lower()).strip("-")[:40].rstrip("-")
    same = sum(each == f"tab:{words}" or each.startswith(f"tab:{words}--") for each in taken)
    return f"tab:{words}" + (f"--{same + 1}" if same else "")


def _table(table: Table, caption: str, label: str, notes: Sequence[str]) -> Iterator[str]:
    yield from ("\\begin{table}", "\\centering", f"\\caption{{{caption}}}", f"\\label{{{label}}}")
    texts = [[" ".join(cell.split()) for cell in row] for row in table.texts]
    # Text that may be wrapped is aligned at nothing, whatever numbers are in it.
    points = [
        not column.wraps and has_points(row[i] for row in texts) for i, column in enumerate(table.columns)
    ]
    letters = [
        "r@{.}l" if point else "r" if column.align == "right" else "l"
        for column, point in zip(table.columns, points, strict=True)
    ]
    mark = [] if table.best is None else [""]
    yield f"\\begin{{tabular}}{{{'l' * len(mark)}{''.join(letters)}}}"
    yield "\\toprule"
    heads = map(_head, table.columns, points)
    yield " & ".join([*mark, *heads]) + " \\\\"
    yield "\\midrule"
    for index, row in enumerate(texts):
        is_best = table.best is not None and index in table.best
        # Mark by bold and by an asterisk, so that meaning does not depend on typeface.
        first = [] if table.best is None else ["*" if is_best else ""]
        cells = (_cell(cell, point, is_best) for cell, point in zip(row, points, strict=True))
        line = " & ".join([*first, *cells]) + " \\\\"
        # The end of the line before would take a star or a bracket for its own.
        yield f"{{}}{line}" if line.startswith(("*", "[")) else line
    yield from ("\\bottomrule", "\\end{tabular}")
    if notes:
        yield from ("\\par\\smallskip", "\\begin{minipage}{0.95\\linewidth}", "\\footnotesize\\raggedright")
        yield "\\par\n".join(escaped(note) for note in notes)
        yield "\\end{minipage}"
    yield "\\end{table}"


def _head(column: Column, point: bool) -> str:
    title = escaped(column.title)
    return f"\\multicolumn{{2}}{{l}}{{{title}}}" if point else title


def _cell(text: str, point: bool, is_best: bool) -> str:
    """A cell; where the column is aligned, the two cells before and behind the point."""

    def shown(part: str) -> str:
        return f"\\textbf{{{escaped(part)}}}" if part and is_best else escaped(part)

    if not point:
        return shown(text)
    number = shown_number(text)
    if number is None:
        # Text, or nothing: the point of the column is left out.
        return f"\\multicolumn{{2}}{{l}}{{{shown(text)}}}"
    if not number.has_point:
        behind = "~" * number.behind.startswith(" ") + shown(number.behind.strip())
        return f"\\multicolumn{{1}}{{r@{{}}}}{{{shown(number.before)}}} & {behind}".rstrip()
    return f"{shown(number.before)} & {shown(number.behind)}"


_LATEX = {
    "\\": r"\textbackslash{}", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}",
    "±": r"$\pm$", "×": r"$\times$", "−": "$-$", "√": r"$\sqrt{}$",
    "–": "--", "’": "'", "°": r"$^{\circ}$", "µ": r"$\mu$", "²": "$^2$",
    "Δ": r"$\Delta$", "≥": r"$\geq$", "≤": r"$\leq$", "≈": r"$\approx$", "→": r"$\to$", "∞": r"$\infty$",
    "…": r"\dots{}", "½": r"$\frac12$", "Σ": r"$\Sigma$", "σ": r"$\sigma$", "φ": r"$\varphi$",
    "·": r"$\cdot$", "§": r"\S{}", "—": "---", "‘": "`", "“": "``", "”": "''", "≠": r"$\neq$",
    "←": r"$\gets$", "∫": r"$\int$", "ᵀ": r"$^{\top}$", "λ": r"$\lambda$", "δ": r"$\delta$", "θ": r"$\theta$",
    "<": "$<$", ">": "$>$", "|": "$|$",
    **{sign: "\\" + sign for sign in "&%$#_{}"},
}  # fmt: skip


_LETTERS = {letter for letter in map(chr, range(0xC0, 0x100)) if letter.isalpha()} - {*"ÐÞðþ"}


def escaped(text: str) -> str:
    """`text` for LaTeX, with real minus signs."""
    text = _MINUS.sub("−", clean(text))
    # Replace characters that the default fonts of pdfTeX lack, which would be fatal.
    return "".join(_LATEX.get(each, each if each.isascii() or each in _LETTERS else "?") for each in text)
