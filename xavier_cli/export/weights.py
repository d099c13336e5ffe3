"""Exports trained networks for other programs: NumPy's `.npz`, or `.safetensors`."""

from __future__ import annotations

from xavier_cli.errors import ExitCode, XavierError
from xavier_cli.runs.record import Run
from xavier_cli.runs.weights import npz, read_weights

NPZ, SAFETENSORS = ENDINGS = (".npz", ".safetensors")
"""The formats, by the ending of the file."""


class SafetensorsMissingError(XavierError):
    """The package `safetensors` is not installed."""

    exit_code = ExitCode.USAGE

    def __init__(self) -> None:
        super().__init__("`.safetensors` needs the package `safetensors`: `pip install safetensors`")


def weights_file(run: Run, seed: int | None, update: int | None, ending: str) -> bytes | memoryview:
    """The bytes of a file with the networks of `run`, which was read from a file.

    **Arguments:** `seed`, the only one, whose arrays are then named `layer1/weight`; of all seeds they are
    `seed0/layer1/weight`. `update`, a record that was kept, by default the last. `ending`, one of `ENDINGS`.

    Raises `SafetensorsMissingError`, and what `read_weights` does.
    """
    if ending == SAFETENSORS:
        try:
            from safetensors.numpy import save
        except ImportError:
            raise SafetensorsMissingError from None
    arrays = read_weights(run, None if seed is None else [seed], update)
    if seed is not None:
        arrays = {name.partition("/")[2]: array for name, array in arrays.items()}
    if ending == NPZ:
        return npz(arrays)
    about = {
        "run": run.config.file_stem(),
        "config_sha256": run.config.sha256(),
        "update": str(run.config.updates if update is None else update),
    }
    content: bytes = save(arrays, metadata=about)
    return content
