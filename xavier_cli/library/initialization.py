"""Keeps what a network's parameters are drawn from in a text file, and says where it has drifted.

The library behind the pytest plugin. Networks of PyTorch are looked at without JAX, those of JAX without
PyTorch.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from xavier_cli.errors import ExitCode, XavierError
from xavier_cli.files.json_text import write_json
from xavier_cli.findings.drift import drifts
from xavier_cli.runs.reader import read_run
from xavier_cli.views.drift import drift_answer, drift_line
from xavier_cli.vocabulary.network_info import NetworkInfo
from xavier_cli.vocabulary.networks import Maker, NetworkSpec, bind_network, find_network, load_network

SCHEMA = "xavier.initialization/1"
# Batch normalization needs several.
EXAMPLES = 8


class KeptInitializationError(XavierError):
    """A file of a kept initialization that cannot be read; the message names it in one line."""

    exit_code = ExitCode.NO_INPUT


@dataclass(frozen=True)
class Initialization:
    """What a network's layers and other parameters are drawn from, as far as so many `seeds` tell."""

    network: NetworkInfo
    seeds: int

    def text(self) -> str:
        """JSON for a file, a line per value, so that changes can be read in a diff."""
        network = json.loads(self.network.to_json())
        return write_json({"schema": SCHEMA, "seeds": self.seeds, "network": network}, indent=1) + "\n"

    def drifted_from(self, kept: Initialization) -> str:
        """Where it is no longer what was `kept`, a line per layer below a sentence; empty where it is."""
        found = drifts(kept.network, self.network, (kept.seeds, self.seeds))
        if not found:
            return ""
        return "\n".join([drift_answer(found, self.network), *(f"  {drift_line(each)}" for each in found)])


def read_initialization(path: Path) -> Initialization:
    """What the file at `path` keeps: text of `Initialization.text`, or a run file of `xavier probe -o`.

    Raises `KeptInitializationError`, or `RunFileError` for a run file that cannot be read.
    """
    if path.suffix == ".h5":
        run = read_run(path)
        if run.network is None:
            raise KeptInitializationError(f"`{path}` is no probe of a custom network")
        return Initialization(run.network, len(run.seeds))
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        if content["schema"] != SCHEMA:
            raise ValueError(f"its schema is not `{SCHEMA}`")
        return Initialization(NetworkInfo.from_json(json.dumps(content["network"])), int(content["seeds"]))
    except OSError as error:
        raise KeptInitializationError(f"`{path}` cannot be read: {error.strerror}") from None
    except (ValueError, TypeError, KeyError, RecursionError) as error:
        raise KeptInitializationError(f"`{path}` keeps no initialization: {error}") from None


def look_at_initialization(
    make: Callable[..., Any] | str, inputs: Sequence[int], classes: int = 10, seeds: int = 3
) -> Initialization:
    """Draw the network that `make` makes with the first `seeds`, and name what it is drawn from.

    **Arguments:** `make`, a function or class, or its name as `xavier probe --net` takes it: of `inputs`,
    `classes`, `key` and `rngs` it is given those that it has parameters for. `inputs` is the shape of one
    example as the network takes it: `(3, 32, 32)` in PyTorch, `(32, 32, 3)` in JAX.

    Raises `XavierError` where the network cannot be looked at; the message is one line.
    """
    if isinstance(make, str):
        maker = load_network(find_network(make))
    else:
        name = getattr(make, "__name__", type(make).__name__)
        maker = bind_network(make, NetworkSpec(name, f"{getattr(make, '__module__', '')}:{name}"))
    shape = tuple(inputs)
    look = _look_at_pytorchs if _is_pytorchs(maker, shape, classes) else _look_at_jax
    return Initialization(look(maker, shape, classes, range(seeds)), seeds)


def _is_pytorchs(maker: Maker, inputs: tuple[int, ...], classes: int) -> bool:
    if maker.takes & {"key", "rngs"}:
        return False
    made = _made_without_a_trace(maker, inputs, classes)
    torch: Any = sys.modules.get("torch")
    return torch is not None and isinstance(made, torch.nn.Module)


def _made_without_a_trace(maker: Maker, inputs: tuple[int, ...], classes: int) -> Any:
    """What the function makes; the random states of the test are what they were."""
    if "torch" not in sys.modules:
        return maker(inputs=inputs, classes=classes)
    from xavier_cli.pytorch.state import kept_random_states

    with kept_random_states():
        return maker(inputs=inputs, classes=classes)


def _look_at_pytorchs(
    maker: Maker, inputs: tuple[int, ...], classes: int, seeds: Sequence[int]
) -> NetworkInfo:
    import numpy as np

    from xavier_cli.pytorch.look import look
    from xavier_cli.theory.drawn.network import describe

    x = np.random.default_rng(0).random((EXAMPLES, *inputs), np.float32)
    labels = np.zeros(EXAMPLES, np.int64)
    looked = look(lambda: maker(inputs=inputs, classes=classes), seeds, x, labels, bins=False)
    return describe(looked.info, looked.draws, looked.layer_draws)


def _look_at_jax(maker: Maker, inputs: tuple[int, ...], classes: int, seeds: Sequence[int]) -> NetworkInfo:
    import jax
    import numpy as np

    from xavier_cli.nn.adapters.keys import keys_for
    from xavier_cli.nn.inspection.draws import drawn_parameters
    from xavier_cli.nn.inspection.prepare import prepare
    from xavier_cli.theory.drawn.network import describe
    from xavier_cli.training.keys import Purpose, seed_key

    x = jax.random.uniform(jax.random.key(0), (EXAMPLES, *inputs))
    prepared = prepare(
        lambda key: maker(inputs=inputs, classes=classes, **keys_for(maker.takes, key)),
        inputs,
        classes,
        maker.word,
        x,
    )
    init = jax.jit(prepared.network.init)
    drawn = [jax.device_get(init(seed_key(seed, Purpose.WEIGHTS))[0]) for seed in seeds]
    draws = drawn_parameters(prepared, jax.tree.map(lambda *each: np.stack(each), *drawn))
    parameters = {name: [*each] for name, each in draws.parameters.items()}
    return describe(prepared.info, parameters, [[*each] for each in draws.layers])
