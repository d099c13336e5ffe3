"""`checks`: compares training on this device with the CPU, with resumed training, and with float64."""

from __future__ import annotations

import argparse
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, replace
from pathlib import Path
from unittest.mock import patch

import jax
import jax.numpy as jnp
import numpy as np
from gpu_session import Session, Training, print_table, say

from xavier_cli import RunConfig, read_run
from xavier_cli.data import shapeset
from xavier_cli.errors import ConfigError
from xavier_cli.runs.deviation import differences
from xavier_cli.training.memory import check_memory, fitting_members, needed_bytes

ROUNDING = 1e-3
"""How far a loss, or a statistic of a layer, may lie apart, relative to the largest number of its array.

Both sides compute in float32 and differ in the order of sums (1e-7), which training multiplies: on one
processor, members one by one and batched lie 2e-6 to 2e-4 apart after these updates. TF32 keeps 11 bits of a
factor, 3e-4 per product before any training; `with TF32` beside the checks shows what it would come to.
"""
FLIPPED = 0.005
"""How far an error may lie apart: 10 of 2,000 examples, those nearest to the border of two classes."""
PRODUCT = 2e-6
"""A float32 product's distance from float64, ‖a − b‖ / ‖b‖: sums of 1,000 give 1e-7 to 5e-7, TF32 3e-4."""
PIXELS = 1e-5
"""Share of pixels that may be painted otherwise: those whose centre lies on an edge to within rounding."""
COMPARED = "for comparison"
IMAGES = "images.npz"
CASES = (("tanh", "normalized"), ("softsign", "standard"))


def check(session: Session, asked: argparse.Namespace) -> bool:
    """All checks; whether all that could be done hold."""
    found: list[tuple[str, str, str, bool | None]] = []

    def note(name: str, value: str, bound: str, holds: bool | None) -> None:
        found.append((name, value, bound, holds))
        session.keep("checks", name, {"value": value, "bound": bound, "holds": holds})
        say(f"{name}: {value} (bound {bound}) {_word(holds, bound)}")

    key = jax.random.key_data(jax.random.key(1, impl="threefry2x32"))
    with jax.default_device(jax.local_devices(backend="cpu")[0]):
        images = _images(np.asarray(key), session.tiny)
    _write_images(session.out / IMAGES, *images)
    on_gpu = jax.local_devices()[0].platform != "cpu"
    # Most of the trainings' time is other processes'; this one has work of its own meanwhile.
    with ThreadPoolExecutor(1) as pool:
        trained = pool.submit(_trainings, session, note, on_gpu)
        _precision(note)
        _memory_plan(note)
        _generator(note, images, _images(key, session.tiny))
        trained.result()
    print_table(
        "Checks", ("check", "found", "bound", "holds"), [(*row[:3], _word(row[3], row[2])) for row in found]
    )
    return all(row[3] is not False for row in found)


def _word(holds: bool | None, bound: str) -> str:
    if holds is None:
        return "-" if bound == COMPARED else "not measured"
    return "yes" if holds else "NO"


def _precision(note) -> None:
    """Products as a step has them: 10 examples × 1000 units, for each of 4 members; and one large one."""
    rng = np.random.default_rng(0)
    shapes = {"step's": ((4, 10, 1000), (4, 1000, 1000)), "large": ((1, 1000, 1000), (1, 1000, 1000))}
    for name, (left, right) in shapes.items():
        a, b = (rng.standard_normal(shape).astype(np.float32) for shape in (left, right))
        exact = a.astype(np.float64) @ b.astype(np.float64)
        for precision in (RunConfig.of().precision, "default"):
            with jax.default_matmul_precision(precision):
                product = np.asarray(jax.jit(jax.vmap(jnp.matmul))(a, b), np.float64)
            apart = float(np.linalg.norm(product - exact) / np.linalg.norm(exact))
            if precision == "default":
                note(f"{name} product, precision default", f"{apart:.1e}", COMPARED, None)
            else:
                note(
                    f"{name} product, precision {precision}",
                    f"{apart:.1e}",
                    f"{PRODUCT:.0e}",
                    apart < PRODUCT,
                )


class _Gpu:
    """A device of 80 GB, as the plan for the memory asks it."""

    platform = "gpu"

    def memory_stats(self) -> dict[str, int]:
        return {"bytes_limit": 80 * 10**9}


def _memory_plan(note) -> None:
    """Planning for 80 GB, on any machine: as many networks as fit, not one more, and an error beyond."""
    with patch.object(jax, "local_devices", lambda: [_Gpu()]):
        for width in (100, 300, 1000):
            config = RunConfig.of(width=width, depth=5, seeds="0:4")
            count = fitting_members(config, 100_000)
            room = 0.8 * 80e9
            fits = needed_bytes(config, count) <= room < needed_bytes(config, count + 1)
            text = f"{count:,} networks at a time, {needed_bytes(config, count) / 1e9:.1f} GB"
            note(f"memory plan, width {width}", text, "64 GB of 80", fits)
            check_memory(config, count)
        try:
            check_memory(RunConfig.of(width=60_000, depth=5, seeds="0:1"))
            refused = "accepted"
        except ConfigError as error:
            refused = str(error)
        note("memory plan, too wide", refused, "refused", refused != "accepted")


def _images(key: np.ndarray, tiny: bool) -> tuple[np.ndarray, np.ndarray]:
    """Pixels and labels as JAX's present default device makes them."""
    pixels, labels = jax.jit(shapeset.images, static_argnums=2)(key, np.uint32(0), 2500 if tiny else 12_500)
    return np.asarray(pixels), np.asarray(labels)


def _write_images(path: Path, pixels: np.ndarray, labels: np.ndarray) -> None:
    """A data set for both sides: of the same bytes, so that arithmetic alone is compared."""
    held, pixels = len(labels) // 5, pixels.reshape(-1, 32, 32)
    test, train = slice(held), slice(held, None)
    np.savez(path, x_train=pixels[train], y_train=labels[train], x_test=pixels[test], y_test=labels[test])


def _generator(note, *made: tuple[np.ndarray, np.ndarray]) -> None:
    """The images of both backends, which compute where a polygon lies; a training sees those of its own."""
    for name, bound, there, here in zip(("pixels", "labels"), (PIXELS, 2e-4), *made, strict=True):
        share = float(np.mean(there != here))
        note(f"generator's {name} against the CPU's", f"{share:.1e}", f"{bound:.0e}", share <= bound)


def _trainings(session: Session, note, on_gpu: bool) -> None:
    """All trainings at once, since most of their time goes into compiling."""
    folder = session.out / "checks"
    until = time.monotonic() + max(session.left() - 15, 1)
    sizes = (20,) if session.tiny else (100, 1000)
    updates = 120 if session.tiny else 300
    # Without a GPU, batched members stand in for it.
    device = [] if on_gpu else ["--strategy", "vmap"]
    pairs: dict[str, tuple[Training, Training]] = {}

    def training(
        name: str, *options: str, platform: str | None = None, stop: float | None = None
    ) -> Training:
        path = folder / f"{name}.h5"
        always = [
            "--data",
            str(session.out / IMAGES),
            "--coding=-1,1",
            "--depth",
            "1" if session.tiny else "5",
            "-o",
            str(path),
        ]
        return Training(["train", *always, *options], path.with_suffix(".log"), platform, stop)

    for width in sizes:
        for act, init in CASES:
            name = f"{act}-{init}-{width}"
            options = ["--act", act, "--init", init, "--width", str(width), "--seeds", "3", "--force"]
            options += ["--updates", str(updates), "--records", "4"]
            pairs[name] = (
                training(f"{name}-cpu", *options, "--strategy", "map", platform="cpu"),
                training(f"{name}-device", *options, *device),
            )
            if on_gpu:
                tf32 = training(f"{name}-tf32", *options, *device, "--precision", "default")
                pairs[f"{name} with TF32"] = (pairs[name][0], tf32)
    long = ["--width", str(sizes[0]), "--seeds", "3", *device]
    long += ["--updates", "60000", "--records", "5"]
    stop = 0.2 if session.tiny else 1.0
    chain = [
        training("whole", *long, "--force"),
        training("again", *long, "--force"),
        training("stopped", *long, "--force", stop=stop),
        training("stopped", *long, "--resume"),
    ]
    with ThreadPoolExecutor(12 if on_gpu else 2) as pool:
        resumed = pool.submit(lambda: [each.run(until) for each in chain])
        each = {id(one): one for pair in pairs.values() for one in pair}
        list(pool.map(lambda one: one.run(until), each.values()))
        for name, pair in pairs.items():
            _compare(session, note, name, *pair)
        resumed.result()
    _compare_resumed(session, note, folder, chain)


def _unfinished(wrong: Training) -> tuple[str, str, bool | None]:
    """The note about a training that did not end: out of time, or a failed check."""
    return (
        f"exit code {wrong.returncode}: {wrong.last_line()[:100]}",
        "exit code 0",
        None if wrong.was_late else False,
    )


def _compare(session: Session, note, name: str, cpu: Training, device: Training) -> None:
    if cpu.returncode != 0 or device.returncode != 0:
        wrong = device if cpu.returncode == 0 else cpu
        note(name, *_unfinished(wrong))
        return
    a, b = (read_run(one.log.with_suffix(".h5")) for one in (cpu, device))
    found = differences(a, b)
    session.keep("checks", f"{name}, by group", [asdict(group) for group in found])

    def apart(*names: str) -> float:
        return max(float(np.nanmax(np.abs(a[n] - b[n])) / np.nanmax(np.abs(a[n]))) for n in names)

    losses = apart("curves/train_loss", "curves/valid_loss", "curves/test_loss")
    errors = max(float(np.abs(a[n] - b[n]).max()) for n in ("curves/valid_error", "curves/test_error"))
    # Without histograms: in a small layer one number on the other side of a bin's edge is more than rounding.
    smooth = [
        replace(run, arrays={n: values for n, values in run.arrays.items() if not n.endswith("/histogram")})
        for run in (a, b)
    ]
    layers = max(group.relative for group in differences(*smooth) if group.group not in ("curves", "final"))
    # What TF32 would come to decides nothing.
    judged = "TF32" not in name
    for what, value, bound in (
        ("losses", losses, ROUNDING),
        ("errors", errors, FLIPPED),
        ("layers", layers, ROUNDING),
    ):
        limit, holds = (f"{bound:.0e}", value <= bound) if judged else (COMPARED, None)
        note(f"{name}, {what}", f"{value:.1e}", limit, holds)


def _compare_resumed(session: Session, note, folder: Path, chain: list[Training]) -> None:
    whole, again, _, resumed = chain
    if wrong := next((one for one in (whole, again, resumed) if one.returncode != 0), None):
        note("resumed against uninterrupted", *_unfinished(wrong))
        return
    runs = {name: read_run(folder / f"{name}.h5") for name in ("whole", "again", "stopped")}
    at = runs["stopped"].provenance.get("resumed_at")
    if not at:
        note("resumed against uninterrupted", "was over before it was stopped", "same bits", None)
        return
    repeats, found = (differences(runs["whole"], runs[name]) for name in ("again", "stopped"))
    is_deterministic = all(group.same_bits for group in repeats)
    same, worst = all(group.same_bits for group in found), max(group.relative for group in found)
    spread = max(group.relative for group in repeats)
    note("trained twice", "same bits" if is_deterministic else f"{spread:.1e}", COMPARED, None)
    # A nondeterministic device cannot give the same bits, only the same spread.
    bound = "same bits" if is_deterministic else f"{max(10 * spread, ROUNDING):.1e}"
    holds = same if is_deterministic else worst <= max(10 * spread, ROUNDING)
    value = f"{'same bits' if same else f'{worst:.1e}'}, stopped at {', '.join(f'{u:,}' for u in at)}"
    note("resumed against uninterrupted", value, bound, holds)
