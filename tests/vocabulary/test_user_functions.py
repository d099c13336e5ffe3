"""Tests what is said of an import that fails in a user's code."""

from __future__ import annotations

import sys

import pytest

from xavier_cli.vocabulary.error_line import one_line


@pytest.mark.parametrize(
    ("module", "remedy"),
    [
        ("haiku", "; `pip install dm-haiku`"),
        ("equinox", "; `pip install equinox`"),
        # It may be a file of the user's, whose name is somebody else's package.
        ("my_layers", ""),
    ],
)
def test_only_a_known_package_is_to_be_installed(module, remedy):
    told = f"No module named '{module}'"
    assert one_line(ModuleNotFoundError(told, name=module)) == f"ModuleNotFoundError: {told}{remedy}"


def test_a_package_without_the_module_is_to_be_upgraded(monkeypatch):
    monkeypatch.setitem(sys.modules, "flax", object())
    error = ModuleNotFoundError("No module named 'flax.nnx'", name="flax.nnx")
    assert one_line(error).endswith("; `pip install --upgrade flax`")
