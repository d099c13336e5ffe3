"""Configures JAX: a CPU device per core, and caches of compiled programs."""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable
from multiprocessing import parent_process

import jax

from xavier_cli.config.layers import DEVICE_VARIABLE
from xavier_cli.errors import ConfigError
from xavier_cli.files import caches
from xavier_cli.training.cores import usable_cores
from xavier_cli.training.engine import program_cache


def set_up_jax(members: int, note: Callable[[str], None] = lambda _: None) -> None:
    """Have JAX as this program wants it, for so many networks at a time; call before JAX has started.

    `note` is told in a line where it has started already, with fewer devices than they could use. Raises
    `ConfigError` where the GPU that `--device` names is missing.
    """
    keep_compiled_programs()
    chosen = os.environ.get(DEVICE_VARIABLE, "")
    if chosen == "cpu":
        jax.config.update("jax_platforms", "cpu")
    elif chosen.isdigit():
        jax.config.update("jax_cuda_visible_devices", chosen)
    if told := prepare_devices(members):
        note(told)
    if chosen not in ("", "cpu"):
        _require_gpu(chosen)


def _require_gpu(chosen: str) -> None:
    """Raise `ConfigError` unless JAX can use a GPU, or the one whose number was chosen."""
    try:
        jax.devices("gpu")
    # JAX raises one or the other, by which plug-ins are installed.
    except (RuntimeError, AssertionError):
        which = "no GPU" if chosen == "gpu" else f"no GPU {chosen}"
        raise ConfigError(
            f"device: JAX finds {which}; for an NVIDIA GPU on Linux: `pip install 'jax[cuda13]'`"
        ) from None


def prepare_devices(members: int) -> str:
    """Ask JAX for one CPU device per core that members can use; call before JAX has started.

    Returns a note for the user where JAX has started already, else an empty text.
    """
    wanted = min(len(usable_cores()), members)
    try:
        jax.config.update("jax_num_cpu_devices", wanted)
    except RuntimeError:
        there = len(jax.local_devices())
        if there < wanted and jax.local_devices()[0].platform == "cpu":
            return f"JAX had already started with {there} of {wanted} devices: networks share them"
    return ""


def keep_compiled_programs() -> None:
    """Cache compiled programs in the user's cache folder, or where JAX was told to keep its own.

    Where other users could have written to that folder it is not used, and a warning says so.
    """
    jaxs = caches.jax_programs()
    told: str | None = getattr(jax.config, "jax_compilation_cache_dir", None)
    if told == str(jaxs.path):
        told = None
    # `program_cache` has the few large programs, JAX's own cache the many small ones.
    ours = caches.compiled_programs(told)
    program_cache.set_cache_dir(ours if _is_usable(ours) else None)
    if not told and _is_usable(jaxs):
        jaxs.prune()
        jax.config.update("jax_compilation_cache_dir", str(jaxs.path))
        jax.config.update("jax_persistent_cache_min_compile_time_secs", 0)
        jax.config.update("jax_persistent_cache_min_entry_size_bytes", -1)


def _is_usable(folder: caches.Cache) -> bool:
    usable = folder.make()
    # Whoever can write there runs code as this user. Once a process, whoever asks; workers are silent.
    if not usable and (problem := folder.problem()) and parent_process() is None:
        text = f"compiled programs are not cached: `{folder.path}` {problem}; remove that folder"
        warnings.warn(text, RuntimeWarning, stacklevel=1)
    return usable
