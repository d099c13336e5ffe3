"""Microseconds per image of the Shapeset generator, next to a slow twin that asks every pixel and edge.

    taskset -c 0 python tests/benchmarks/shapeset.py        # one core

Images are drawn inside one compiled loop, as training does. The clock is the process's own processor time, so
a busy machine disturbs it little; repeats are interleaved over the counts and their median is printed.
"""

import statistics
import time
from collections.abc import Callable

import jax
import numpy as np

from xavier_cli.data import shapeset

COUNTS = (100, 300, 1000, 2000, 4000)
IMAGES = 20_000
REPEATS = 7
TWIN_IMAGES = 200


def bulk(count: int) -> Callable[[], object]:
    """A compiled loop over `IMAGES` images, `count` at a time."""
    turns = IMAGES // count

    @jax.jit
    def loop(key: jax.Array) -> tuple[jax.Array, jax.Array]:
        start = shapeset.images(key, 0, count)
        return jax.lax.fori_loop(1, turns, lambda i, _: shapeset.images(key, i * count, count), start)

    key = jax.random.key(0)
    return lambda: jax.block_until_ready(loop(key))


def twin() -> None:
    """Point in polygon for `TWIN_IMAGES` objects: 1024 pixels × 20 edges, float64 NumPy."""
    angle = 2 * np.pi * np.arange(20) / 20
    corner = 16 + 10 * np.stack([np.cos(angle), np.sin(angle)], axis=1)
    edge = np.roll(corner, -1, axis=0) - corner
    y, x = np.mgrid[0:32, 0:32] + 0.5
    for _ in range(TWIN_IMAGES):
        side = [ex * (y - cy) - ey * (x - cx) >= 0 for (cx, cy), (ex, ey) in zip(corner, edge, strict=True)]
        np.where(np.all(side, axis=0), 255, 0).astype(np.uint8)


def main() -> None:
    ways: dict[str, tuple[Callable[[], object], int]] = {
        f"{count} at once": (bulk(count), IMAGES // count * count) for count in COUNTS
    }
    ways["twin, one object"] = (twin, TWIN_IMAGES)
    for run, _ in ways.values():
        run()  # compile
    times: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(REPEATS):
        for name, (run, images) in ways.items():
            start = time.process_time()
            run()
            times[name].append((time.process_time() - start) / images * 1e6)
    for name, found in times.items():
        print(f"{name:>18}  {statistics.median(found):8.2f} µs per image  (best {min(found):.2f})")


if __name__ == "__main__":
    main()
