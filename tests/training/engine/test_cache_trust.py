"""Tests that caches which others could have written to are not used, since their programs run code."""

from __future__ import annotations

import hashlib
import os
import pickle
import subprocess
import sys
from pathlib import Path

import pytest

# As `train` does, with one program of a known key; says what became of it.
ASK = """
import sys
from pathlib import Path
import jax, jax.numpy as jnp
from xavier_cli.training import devices
from xavier_cli.training.engine import program_cache
program_cache._digest = lambda content: "0" * 32
devices.keep_compiled_programs()
devices.keep_compiled_programs()
lower = {"it": lambda: jax.jit(lambda x: x + 1).lower(jnp.float32(1))}
made, _ = program_cache.compiled("key", lower, {}, lambda: None, jax.local_devices()[:1])
folder = jax.config.jax_compilation_cache_dir
print(float(made["it"](jnp.float32(1))), program_cache._store is not None, folder)
"""


class Trap:
    """A malicious file for the folder: unpickling it leaves a trace."""

    def __init__(self, trace: Path):
        self.trace = trace

    def __reduce__(self):
        return os.mkdir, (str(self.trace),)


@pytest.fixture
def kept(tmp_path) -> Path:
    """The folder of kept programs, with a trap for the one that `ASK` looks for."""
    folder = tmp_path / "cache" / "xavier" / "programs"
    folder.mkdir(parents=True, mode=0o700)
    content = pickle.dumps(Trap(tmp_path / "caught"))
    (folder / f"{'0' * 32}.set").write_bytes(hashlib.sha256(content).digest() + content)
    return folder


def ask(tmp_path: Path, **more: str) -> subprocess.CompletedProcess[str]:
    without = {key: value for key, value in os.environ.items() if key != "JAX_COMPILATION_CACHE_DIR"}
    return subprocess.run(
        [sys.executable, "-c", ASK],
        env={**without, "XDG_CACHE_HOME": str(tmp_path / "cache"), **more},
        capture_output=True,
        text=True,
        check=True,
    )


def test_the_control_what_lies_in_a_folder_of_ones_own_is_believed(kept, tmp_path):
    done = ask(tmp_path)

    assert (tmp_path / "caught").exists()
    assert done.stdout.startswith("2.0 True ")
    assert done.stderr == ""
    for folder in (kept, kept.parent / "jax"):
        assert folder.stat().st_mode & 0o777 == 0o700


@pytest.mark.parametrize("mode", [0o720, 0o777])
def test_a_folder_that_others_can_write_to_is_not_used_and_one_note_says_so(kept, tmp_path, mode):
    before = sorted(kept.iterdir())
    kept.chmod(mode)
    done = ask(tmp_path)

    assert not (tmp_path / "caught").exists()
    assert done.stdout.startswith("2.0 False ")
    assert done.stderr.count("are not cached: `") == 1
    assert f"not cached: `{kept}` can be written to by other users; remove that folder" in done.stderr
    assert sorted(kept.iterdir()) == before


@pytest.mark.skipif(os.geteuid() != 0, reason="gives a folder to another user")
@pytest.mark.parametrize("whose", ["folder", "file"])
def test_a_folder_or_a_file_of_another_user_is_not_used(kept, tmp_path, whose):
    os.chown(kept if whose == "folder" else next(kept.iterdir()), 12345, 12345)
    done = ask(tmp_path)

    assert not (tmp_path / "caught").exists()
    assert done.stdout.startswith(f"2.0 {whose == 'file'} ")
    assert ("belongs to another user" in done.stderr) == (whose == "folder")


def test_jaxs_own_folder_is_looked_at_in_the_same_way(kept, tmp_path):
    (kept.parent / "jax").mkdir()
    (kept.parent / "jax").chmod(0o777)
    done = ask(tmp_path)

    assert done.stdout.endswith("True None\n")
    assert f"`{kept.parent / 'jax'}` can be written to" in done.stderr


def test_where_jax_was_told_of_a_folder_ours_in_there_is_looked_at(tmp_path):
    told = tmp_path / "told"
    (told / "xavier").mkdir(parents=True)
    (told / "xavier").chmod(0o777)
    done = ask(tmp_path, JAX_COMPILATION_CACHE_DIR=str(told))

    assert done.stdout == f"2.0 False {told}\n"
    assert f"`{told / 'xavier'}` can be written to" in done.stderr
