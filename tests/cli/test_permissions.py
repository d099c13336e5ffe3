"""What may not be read is told in one line with its name, whoever asks, and never taken for missing."""

from __future__ import annotations

import pytest
from support.without_rights import without_rights


@pytest.mark.parametrize(
    ("data", "closed", "named"),
    [
        ("images:pets", "pets", "pets"),
        ("images:pets/in", "pets", "pets/in"),
        ("images:pets", "pets/in/cat", "pets/in/cat"),
        ("pets/x.npz", "pets", "pets/x.npz"),
        ("pets/x.npz", "pets/x.npz", "pets/x.npz"),
        ("pets/images-idx3-ubyte", "pets", "pets/images-idx3-ubyte"),
        ("pets/images-idx3-ubyte", "pets/images-idx3-ubyte", "pets/images-idx3-ubyte"),
    ],
)
def test_data_that_may_not_be_read_are_named(tmp_path, data, closed, named):
    (tmp_path / "pets" / "in" / "cat").mkdir(parents=True)
    (tmp_path / "pets" / "in" / "cat" / "a.png").touch()
    for name in ("x.npz", "images-idx3-ubyte", "labels-idx1-ubyte"):
        (tmp_path / "pets" / name).touch()
    (tmp_path / closed).chmod(0)
    try:
        ended = without_rights(tmp_path, "data", "show", data)
    finally:
        (tmp_path / closed).chmod(0o755)

    assert ended.returncode == 5, ended.stderr
    assert ended.stderr == f"xavier: cannot read `{named}`: permission denied\n"
