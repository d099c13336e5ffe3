"""Measures the limits of the machine: matrix products, memory bandwidth, launching a program."""

from __future__ import annotations

import os
import platform
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from importlib.metadata import version

import jax
import jax.numpy as jnp
import numpy as np

from xavier_cli.training.cores import processor_name, usable_cores

PRODUCT = 1024
# Of floats: one fits into a core's own cache, the other into no cache.
IN_CACHE, IN_MEMORY = 2**16, 2**25
_CALLS = 200


@dataclass(frozen=True)
class Limits:
    """The fastest plain library calls that were measured; None where not measured."""

    cores: int
    gflops_per_core: float | None
    """Matrix products of float32, in 10⁹ floating-point operations a second."""
    gflops: float
    """The same on all cores, or on the accelerator."""
    cache_gbytes: float | None
    """Bytes that one core reads from its cache, in 10⁹ a second."""
    memory_gbytes: float
    """Bytes that all cores, or the accelerator, read from memory."""
    launch_microseconds: float
    """How long one call of the smallest compiled program takes."""


def system_load() -> float | None:
    """The load average of the last minute; None if unknown."""
    return os.getloadavg()[0] if hasattr(os, "getloadavg") else None


def describe_machine(load: float | None) -> dict[str, str]:
    """What numbers were taken on: processor, JAX's devices, versions, and the `load` before."""
    devices = jax.local_devices()
    return {
        "processor": processor_name(),
        "devices": f"{len(devices)} {devices[0].device_kind} device{'s' * (len(devices) > 1)}",
        "jax": version("jax"),
        "python": platform.python_version(),
        "platform": platform.platform(),
        "load": "" if load is None else f"{load:.1f}",
    }


def measure_limits(rounds: int = 5) -> Limits:
    """The limits of the machine that JAX trains on; the best of `rounds`."""
    launch = 1e6 * _launch(rounds)
    if jax.local_devices()[0].platform != "cpu":
        gflops, memory = _accelerator(rounds)
        return Limits(len(usable_cores()), None, gflops, None, memory, launch)
    cores = len(usable_cores())
    rng = np.random.default_rng(0)
    matrix = rng.standard_normal((PRODUCT, PRODUCT), np.float32)
    small, large = (rng.standard_normal(size, np.float32) for size in (IN_CACHE, IN_MEMORY))
    # NumPy's BLAS, on one thread each, as the `xavier` command sets it: what a good library reaches.
    product, per_core = 2e-9 * PRODUCT**3, _best(lambda: matrix @ matrix, rounds)
    in_cache = _best(lambda: [small @ small for _ in range(100)], rounds) / 100
    with ThreadPoolExecutor(cores) as pool:

        def on_all(work: Callable[[int], object]) -> float:
            return _best(lambda: list(pool.map(work, range(cores))), rounds)

        share = len(large) // cores
        whole = on_all(lambda _: matrix @ matrix)
        reading = on_all(lambda i: large[i * share : (i + 1) * share] @ large[i * share : (i + 1) * share])
    return Limits(
        cores,
        product / per_core,
        # A single core may be as fast as all, where others use the machine.
        max(product * cores / whole, product / per_core),
        small.nbytes / in_cache / 1e9,
        share * cores * 4 / reading / 1e9,
        launch,
    )


def _accelerator(rounds: int) -> tuple[float, float]:
    size = 8 * PRODUCT
    matrix, large = jnp.ones((size, size)), jnp.ones(8 * IN_MEMORY)
    with jax.default_matmul_precision("highest"):
        product = jax.jit(lambda a: a @ a)
        seconds = _best(lambda: jax.block_until_ready(product(matrix)), rounds + 1)
    total = jax.jit(jnp.sum)
    reading = _best(lambda: jax.block_until_ready(total(large)), rounds + 1)
    return 2e-9 * size**3 / seconds, large.nbytes / reading / 1e9


def _launch(rounds: int) -> float:
    one, x = jax.jit(lambda x: x + 1), jnp.float32(0)

    def run() -> None:
        value = x
        for _ in range(_CALLS):
            value = one(value)
        jax.block_until_ready(value)

    return _best(run, rounds + 1) / _CALLS


def _best(work: Callable[[], object], rounds: int) -> float:
    """Seconds of the fastest of `rounds`: what disturbs a limit only ever makes it slower."""
    seconds = []
    for _ in range(rounds):
        began = time.perf_counter()
        work()
        seconds.append(time.perf_counter() - began)
    return min(seconds)
