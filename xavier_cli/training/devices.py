"""JAX as this program wants it: a CPU device per core, and compiled programs kept between runs."""

from __future__ import annotations

import os
from pathlib import Path

import jax
import platformdirs

from xavier_cli.training import programs


def prepare_devices(members: int) -> str:
    """Ask JAX for one CPU device per core that members can use; call before JAX has started.

    Returns a note for the user where JAX has started already, else an empty text.
    """
    wanted = min(usable_cores(), members)
    try:
        jax.config.update("jax_num_cpu_devices", wanted)
    except RuntimeError:
        there = len(jax.local_devices())
        if there < wanted and jax.local_devices()[0].platform == "cpu":
            return f"JAX had already started with {there} of {wanted} devices: members share them"
    return ""


def usable_cores() -> int:
    """How many cores this process may run on."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def keep_compiled_programs() -> None:
    """Keep compiled programs in the user's cache folder, or where JAX was told to keep its own."""
    cache = Path(platformdirs.user_cache_dir("xavier"))
    told: str | None = getattr(jax.config, "jax_compilation_cache_dir", None)
    # The large ones in a store of ours; JAX's cache has the many small ones.
    jaxs = Path(told) if told else cache / "jax"
    ours = cache / "programs" if jaxs == cache / "jax" else jaxs / "xavier"
    try:
        # Whoever can write there runs code as this user.
        for folder in (ours,) if told else (ours, jaxs):
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            folder.chmod(0o700)
    except OSError:
        return
    programs.keep_in(ours)
    if not told:
        jax.config.update("jax_compilation_cache_dir", str(jaxs))
        jax.config.update("jax_persistent_cache_min_compile_time_secs", 0)
        jax.config.update("jax_persistent_cache_min_entry_size_bytes", -1)
