"""Compiled programs kept between runs, found by what they were made for: a warm start traces nothing.

JAX's own cache is asked for a program that has been traced and lowered, which is most of what a warm start
takes. Here a set of programs has a key, made of all that decides them, and each program lies in a file named
by its own text and by all that it takes, so that sets share programs. JAX's cache is kept away from these:
what came out of it cannot be serialized a second time (XLA leaves its functions behind).
"""

from __future__ import annotations

import hashlib
import os
import pickle
import platform
import secrets
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Any, NamedTuple

import jax
from jax.experimental.compilation_cache.compilation_cache import reset_cache
from jax.experimental.serialize_executable import deserialize_and_load, serialize

from xavier_cli.files.caches import Cache

Options = dict[str, Any] | None
"""What a program's compiler is told, as `jax.stages.Lowered.compile` takes it."""

_DIGEST = 32


class CachedProgram(NamedTuple):
    """One program of a set: its file, and the trees of what it takes and returns."""

    file: str
    in_tree: Any
    out_tree: Any


class Store:
    """A folder of programs and of keys; what is damaged there is as if it were not there.

    Whoever can write to the folder runs code as this user.
    """

    def __init__(self, folder: Cache):
        self._folder = folder

    def find(self, key: str, devices: Sequence[Any]) -> tuple[dict[str, Any], Any] | None:
        """The programs kept under `key`, loaded, and what was told of them; None where any is missing."""
        try:
            kept, about = pickle.loads(self._read(f"{key}.set"))
            with ThreadPoolExecutor() as pool:
                loaded = pool.map(lambda each: self.load(each, devices), kept.values())
                return dict(zip(kept, loaded, strict=True)), about
        # Another version's classes, a full disk's half file, a program for another machine: made anew.
        except Exception:
            return None

    def load(self, kept: CachedProgram, devices: Sequence[Any]) -> Any:
        """A program, to run on `devices`; raises whatever keeps it from being loaded."""
        content = self._read(kept.file)
        return deserialize_and_load(content, kept.in_tree, kept.out_tree, execution_devices=devices)

    def keep_set(self, key: str, programs: Mapping[str, CachedProgram], about: Any) -> None:
        """Find these programs under `key` from now on."""
        self._write(f"{key}.set", pickle.dumps((dict(programs), about)))
        self._folder.prune()

    def make(
        self, lowered: Any, options: Options, devices: Sequence[Any], here: str
    ) -> tuple[Any, CachedProgram]:
        """Compile a program, or load the same one; `here` is the `environment`."""
        whole = f"{here}\n{sorted((options or {}).items())}\n{_signature(lowered)}\n{lowered.as_text()}"
        kept = CachedProgram(f"{_digest(whole.encode())}.program", lowered.in_tree, lowered.out_tree)
        with suppress(Exception):
            return self.load(kept, devices), kept
        program = lowered.compile(options)
        # What calls Python back, as a debugging print does, cannot be kept, and is made anew each time.
        with suppress(Exception):
            self._write(kept.file, serialize(program)[0])
        return program, kept

    def _read(self, name: str) -> bytes:
        with self._folder.open(name) as file:
            whole = file.read()
        digest, content = whole[:_DIGEST], whole[_DIGEST:]
        if hashlib.sha256(content).digest() != digest:
            raise ValueError(f"`{name}` is damaged")
        return content

    def _write(self, name: str, content: bytes) -> None:
        whole = hashlib.sha256(content).digest() + content
        self._folder.put(name, len(whole), lambda file: file.write(whole))


def _signature(lowered: Any) -> str:
    """All that a program takes and returns; its text forgets arguments that it does not use."""
    leaves, tree = jax.tree.flatten(lowered.args_info)
    try:
        used: Any = sorted(lowered._lowering.compile_args["kept_var_idx"])
    # Another JAX does not say which arguments those in the text are: then nothing else is the same program.
    except Exception:
        used = secrets.token_hex()
    return f"{tree} {leaves} {used} {lowered.out_tree}"


_store: Store | None = None


def set_cache_dir(folder: Cache | None) -> None:
    """Keep programs in `folder` from now on, which exists and is this user's alone; None: nowhere."""
    global _store
    _store = Store(folder) if folder else None


def compiled(
    key: str,
    lower: Mapping[str, Callable[[], Any]],
    options: Mapping[str, Options],
    about: Callable[[], Any],
    devices: Sequence[Any],
) -> tuple[dict[str, Any], Any]:
    """The programs on `devices` that `lower` would make, by name, and what `about` tells once all are traced.

    `key` stands for all that decides them; where they were kept under it, nothing is traced.
    """
    # Tried on processors alone; elsewhere JAX's cache has to do.
    store = _store if all(device.platform == "cpu" for device in devices) else None
    if store is None:
        return _all_at_once(lower, lambda name, lowered: lowered.compile(options.get(name))), about()
    here = environment()
    place = _digest(f"{here}\n{key}".encode())
    if found := store.find(place, devices):
        return found
    with _apart_from_jaxs_cache():
        made = _all_at_once(
            lower, lambda name, lowered: store.make(lowered, options.get(name), devices, here)
        )
    told = about()
    store.keep_set(place, {name: kept for name, (_, kept) in made.items()}, told)
    return {name: program for name, (program, _) in made.items()}, told


def _all_at_once(lower: Mapping[str, Callable[[], Any]], work: Callable[[str, Any], Any]) -> dict[str, Any]:
    """What `work` makes of each lowered program, while the next one is traced."""
    with ThreadPoolExecutor() as pool:
        futures = {name: pool.submit(work, name, make()) for name, make in lower.items()}
    return {name: future.result() for name, future in futures.items()}


@contextmanager
def _apart_from_jaxs_cache() -> Iterator[None]:
    name = "jax_enable_compilation_cache"
    before = getattr(jax.config, name)
    jax.config.update(name, False)
    # Whether it is used is asked once, and remembered.
    reset_cache()
    try:
        yield
    finally:
        jax.config.update(name, before)
        reset_cache()


def environment() -> str:
    """All that decides a program beside its text: versions, this package's source, settings, the devices."""
    # Where compiled programs lie decides none of them. Settings can change from one call to the next.
    settings = [f"{name} {value}" for name, value in jax.config.values.items() if "cache" not in name]
    asked = [f"{name} {value}" for name, value in os.environ.items() if name.startswith("XLA_")]
    devices = [f"{device.platform} {device.device_kind} {device.id}" for device in jax.local_devices()]
    return "\n".join([*_installed(), *sorted(settings), *sorted(asked), *devices])


@cache
def _installed() -> tuple[str, ...]:
    """What stays as it is while a process lives."""
    versions = [f"{name} {version(name)}" for name in ("jax", "jaxlib", "numpy", "optax", "scipy")]
    return digest_of_sources(Path(__file__).parents[2]), platform.python_version(), *versions, *_processor()


def digest_of_sources(package: Path) -> str:
    """Of all of a package's own Python: a number of any room may end up inside a program."""
    texts = hashlib.sha256()
    for path in sorted(package.rglob("*.py")):
        content = path.read_bytes()
        texts.update(f"{path.relative_to(package)} {len(content)}\n".encode() + content)
    return texts.hexdigest()


def _processor() -> list[str]:
    """What this machine's processor can do: programs are compiled for that."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        lines = [platform.processor()]
    told = {line for line in lines if line.startswith(("flags", "Features", "model name"))}
    return [platform.machine(), *sorted(told)]


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()[:32]
