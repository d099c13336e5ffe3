"""Tests what of a user's style is taken."""

from __future__ import annotations

from xavier_cli.figures.user_style import user_style


def test_a_style_sets_looks_and_runs_no_program(tmp_path):
    style = tmp_path / "tex.style"
    style.write_text(
        "text.usetex: True\ntext.latex.preamble: \\input{/etc/hosts}\npath.effects: abc\ntext.color: red\n"
    )
    assert user_style(str(style)) == {"text.color": "red"}
