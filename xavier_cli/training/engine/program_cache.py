"""Caches compiled programs on disk under a key of all that decides them: a warm start traces nothing.

JAX's own cache is looked up by the traced and lowered program, and tracing is most of a warm start. Here a
set of programs has a key, and each program lies in a file named by a digest of its text and signature, so
that sets share programs. JAX's cache is disabled for these, since an executable that came from it cannot be
serialized again (XLA leaves its functions behind).
"""

from __future__ import annotations

import hashlib
import os
import pickle
import platform
import secrets
from collections import OrderedDict
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
"""Compiler options, as `jax.stages.Lowered.compile` takes them."""

_DIGEST = 32


class CachedProgram(NamedTuple):
    """One program of a set: its file, and the trees of what it takes and returns."""

    file: str
    in_tree: Any
    out_tree: Any


class Store:
    """A folder of programs and of keys; a damaged entry counts as missing.

    Entries are pickled executables: whoever can write to the folder runs code as this user.
    """

    def __init__(self, folder: Cache):
        self._folder = folder

    def find(self, key: str, devices: Sequence[Any]) -> tuple[dict[str, Any], Any] | None:
        """The programs under `key`, loaded, and what was stored beside them; None where any is missing."""
        try:
            kept, about = pickle.loads(self._read(f"{key}.set"))
            with ThreadPoolExecutor() as pool:
                loaded = pool.map(lambda each: self.load(each, devices), kept.values())
                return dict(zip(kept, loaded, strict=True)), about
        # Classes of another version, a truncated file, a program for another machine: compile again.
        except Exception:
            return None

    def load(self, kept: CachedProgram, devices: Sequence[Any]) -> Any:
        """A program, to run on `devices`; raises whatever JAX raises where it cannot be loaded."""
        content = self._read(kept.file)
        return deserialize_and_load(content, kept.in_tree, kept.out_tree, execution_devices=devices)

    def keep_set(self, key: str, programs: Mapping[str, CachedProgram], about: Any) -> None:
        """Store `programs`, and `about` beside them, under `key`."""
        self._write(f"{key}.set", pickle.dumps((dict(programs), about)))
        self._folder.prune()

    def make(
        self, lowered: Any, options: Options, devices: Sequence[Any], here: str
    ) -> tuple[Any, CachedProgram]:
        """Compile a program, or load it where it is stored; `here` is the `environment`."""
        whole = f"{here}\n{sorted((options or {}).items())}\n{_signature(lowered)}\n{lowered.as_text()}"
        kept = CachedProgram(f"{_digest(whole.encode())}.program", lowered.in_tree, lowered.out_tree)
        with suppress(Exception):
            return self.load(kept, devices), kept
        program = lowered.compile(options)
        # A program with host callbacks (a debugging print) cannot be serialized.
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
    """The arguments and results of a program; its text omits arguments that it does not use."""
    leaves, tree = jax.tree.flatten(lowered.args_info)
    try:
        used: Any = sorted(lowered._lowering.compile_args["kept_var_idx"])
    # Where JAX does not tell which arguments are in the text, no other program counts as the same.
    except Exception:
        used = secrets.token_hex()
    return f"{tree} {leaves} {used} {lowered.out_tree}"


class RecentPrograms:
    """The last few sets of programs that this process used, loaded: cells of a sweep often share one."""

    def __init__(self, most: int):
        self._most = most
        self._sets: OrderedDict[Any, tuple[dict[str, Any], Any]] = OrderedDict()

    def get(self, key: Any, make: Callable[[], tuple[dict[str, Any], Any]]) -> tuple[dict[str, Any], Any]:
        """The set under `key`, by `make` where it is not there."""
        found = self._sets.pop(key, None) or make()
        self._sets[key] = found
        while len(self._sets) > self._most:
            self._sets.popitem(last=False)
        return found

    @contextmanager
    def in_use(self) -> Iterator[None]:
        """`compiled` looks here first, during the context."""
        global _recent
        before, _recent = _recent, self
        try:
            yield
        finally:
            _recent = before


_store: Store | None = None
_recent: RecentPrograms | None = None


def set_cache_dir(folder: Cache | None) -> None:
    """Cache programs in `folder`, which has to exist and be private to this user; None: do not cache."""
    global _store
    _store = Store(folder) if folder else None


def compiled(
    key: str,
    lower: Mapping[str, Callable[[], Any]],
    options: Mapping[str, Options],
    about: Callable[[], Any],
    devices: Sequence[Any],
) -> tuple[dict[str, Any], Any]:
    """The programs of `lower`, compiled for `devices` or loaded from the cache.

    **Arguments:** `key`, a text that identifies all that decides the programs; `lower`, functions that trace
    and lower each program; `options`, compiler options by program; `about`, called once all are traced, whose
    result is stored beside them.

    **Returns:** the programs by name, and the result of `about`. Where they are cached, nothing is traced.
    """
    # Tested on CPUs alone; elsewhere JAX's cache is used.
    store = _store if all(device.platform == "cpu" for device in devices) else None
    here = environment() if store or _recent else ""
    place = _digest(f"{here}\n{key}".encode())

    def make() -> tuple[dict[str, Any], Any]:
        return _loaded_or_compiled(store, here, place, lower, options, about, devices)

    return _recent.get((place, *(device.id for device in devices)), make) if _recent else make()


def _loaded_or_compiled(
    store: Store | None,
    here: str,
    place: str,
    lower: Mapping[str, Callable[[], Any]],
    options: Mapping[str, Options],
    about: Callable[[], Any],
    devices: Sequence[Any],
) -> tuple[dict[str, Any], Any]:
    if store is None:
        return _all_at_once(lower, lambda name, lowered: lowered.compile(options.get(name))), about()
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
    """`work(name, lowered)` of each program, in threads, while the next one is traced."""
    with ThreadPoolExecutor() as pool:
        futures = {name: pool.submit(work, name, make()) for name, make in lower.items()}
    return {name: future.result() for name, future in futures.items()}


@contextmanager
def _apart_from_jaxs_cache() -> Iterator[None]:
    name = "jax_enable_compilation_cache"
    before = getattr(jax.config, name)
    jax.config.update(name, False)
    # JAX reads the setting once and remembers it.
    reset_cache()
    try:
        yield
    finally:
        jax.config.update(name, before)
        reset_cache()


def environment() -> str:
    """All that decides a program besides its text: versions, this package's source, settings, devices."""
    # Cache folders decide no program. Settings can change between calls.
    settings = [f"{name} {value}" for name, value in jax.config.values.items() if "cache" not in name]
    asked = [f"{name} {value}" for name, value in os.environ.items() if name.startswith("XLA_")]
    devices = [f"{device.platform} {device.device_kind} {device.id}" for device in jax.local_devices()]
    return "\n".join([*_installed(), *sorted(settings), *sorted(asked), *devices])


@cache
def _installed() -> tuple[str, ...]:
    """What does not change during a process."""
    versions = [f"{name} {version(name)}" for name in ("jax", "jaxlib", "numpy", "optax", "scipy")]
    return digest_of_sources(Path(__file__).parents[2]), platform.python_version(), *versions, *_processor()


def digest_of_sources(package: Path) -> str:
    """SHA-256 of all Python files of a package: any constant in them may become part of a program."""
    texts = hashlib.sha256()
    for path in sorted(package.rglob("*.py")):
        content = path.read_bytes()
        texts.update(f"{path.relative_to(package)} {len(content)}\n".encode() + content)
    return texts.hexdigest()


def _processor() -> list[str]:
    """The processor's model and instruction sets, which programs are compiled for."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        lines = [platform.processor()]
    told = {line for line in lines if line.startswith(("flags", "Features", "model name"))}
    return [platform.machine(), *sorted(told)]


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()[:32]
