"""Compiled programs kept between runs, found by what they were made for: a warm start traces nothing.

JAX's own cache is asked for a program that has been traced and lowered, which is most of what a warm start
takes. Here a set of programs has a key, made of all that decides them, and each program lies in a file named
by its own text, so that sets share programs. JAX's cache is kept away from these: what came out of it cannot
be serialized a second time (XLA leaves its functions behind).
"""

from __future__ import annotations

import hashlib
import os
import pickle
import platform
import tempfile
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

Options = dict[str, Any] | None
"""What a program's compiler is told, as `jax.stages.Lowered.compile` takes it."""

MOST_BYTES = 10**9
_DIGEST = 32
# What programs are made of; the rest of the package asks for them, or shows what they brought.
_ROOMS = ("nn", "data", "theory", "training")


class Kept(NamedTuple):
    """One program of a set: its file, and the trees of what it takes and returns."""

    file: str
    in_tree: Any
    out_tree: Any


class Store:
    """A folder of programs and of keys; what is damaged there is as if it were not there.

    Whoever can write to the folder runs code as this user.
    """

    def __init__(self, folder: Path):
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

    def load(self, kept: Kept, devices: Sequence[Any]) -> Any:
        """A program, to run on `devices`; raises whatever keeps it from being loaded."""
        content = self._read(kept.file)
        return deserialize_and_load(content, kept.in_tree, kept.out_tree, execution_devices=devices)

    def keep_set(self, key: str, programs: Mapping[str, Kept], about: Any) -> None:
        """Find these programs under `key` from now on."""
        self._write(f"{key}.set", pickle.dumps((dict(programs), about)))
        self._prune()

    def make(self, lowered: Any, options: Options, devices: Sequence[Any]) -> tuple[Any, Kept]:
        """Compile a program, or load the one of the same text."""
        # What a program is given but has no use for is not in its text, and still has to be of its type.
        given = [(leaf.shape, str(leaf.dtype)) for leaf in jax.tree.leaves(lowered.in_avals)]
        text = f"{environment()}\n{sorted((options or {}).items())}\n{given}\n{lowered.as_text()}"
        kept = Kept(f"{_digest(text.encode())}.program", lowered.in_tree, lowered.out_tree)
        with suppress(Exception):
            return self.load(kept, devices), kept
        program = lowered.compile(options)
        # What calls Python back, as a debugging print does, cannot be kept, and is made anew each time.
        with suppress(Exception):
            self._write(kept.file, serialize(program)[0])
        return program, kept

    def _read(self, name: str) -> bytes:
        path = self._folder / name
        whole = path.read_bytes()
        digest, content = whole[:_DIGEST], whole[_DIGEST:]
        if hashlib.sha256(content).digest() != digest:
            path.unlink(missing_ok=True)
            raise ValueError(f"`{path}` is damaged")
        # What was not used for longest goes first.
        with suppress(OSError):
            os.utime(path)
        return content

    def _write(self, name: str, content: bytes) -> None:
        # A cache: where it cannot be written, the next start takes longer.
        with suppress(OSError):
            with tempfile.NamedTemporaryFile(dir=self._folder, delete=False) as file:
                file.write(hashlib.sha256(content).digest() + content)
            os.replace(file.name, self._folder / name)

    def _prune(self) -> None:
        with suppress(OSError):
            files = [(path.stat().st_mtime, path.stat().st_size, path) for path in self._folder.iterdir()]
            total = sum(size for _, size, _ in files)
            for _, size, path in sorted(files):
                if total <= MOST_BYTES:
                    return
                path.unlink(missing_ok=True)
                total -= size


_store: Store | None = None


def keep_in(folder: Path) -> None:
    """Keep programs in `folder` from now on, which exists and is this user's alone."""
    global _store
    _store = Store(folder)


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
    place = _digest(f"{environment()}\n{key}".encode())
    if found := store.find(place, devices):
        return found
    with _apart_from_jaxs_cache():
        made = _all_at_once(lower, lambda name, lowered: store.make(lowered, options.get(name), devices))
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


@cache
def environment() -> str:
    """All that decides a program beside its text: versions, this package's source, settings, the devices."""
    package = Path(__file__).parents[1]
    sources = [*package.glob("*.py"), *(path for room in _ROOMS for path in (package / room).rglob("*.py"))]
    text = b"".join(path.read_bytes() for path in sorted(sources))
    versions = [f"{name} {version(name)}" for name in ("jax", "jaxlib", "numpy", "optax")]
    # Where compiled programs lie decides none of them.
    settings = [f"{name} {value}" for name, value in jax.config.values.items() if "cache" not in name]
    asked = [f"{name} {value}" for name, value in os.environ.items() if name.startswith("XLA_")]
    devices = [f"{device.platform} {device.device_kind} {device.id}" for device in jax.local_devices()]
    python = platform.python_version()
    return "\n".join(
        [_digest(text), python, *versions, *sorted(settings), *sorted(asked), *devices, *_processor()]
    )


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
