"""Looks at a custom network for `probe --net`: JAX's and PyTorch's, each without the other."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from xavier_cli.cli.options.data_sets import say_data
from xavier_cli.cli.options.session import this_command
from xavier_cli.cli.terminal.errors import say
from xavier_cli.cli.terminal.progress import shown_note
from xavier_cli.errors import ConfigError
from xavier_cli.vocabulary.networks import AS_MADE, Maker, load_network

if TYPE_CHECKING:
    from xavier_cli.config.run import RunConfig
    from xavier_cli.data.spread import HeldOut
    from xavier_cli.runs.record import Run
    from xavier_cli.vocabulary.datasets import DatasetInfo


def probe_network(config: RunConfig, data_dir: Path | None, quiet: bool = False) -> Run:
    """The run of the networks of `config` before training, with all that is known of its parameters.

    Runs the file of the function that makes the network. Raises `ConfigError` for another initialization than
    the network's own, and `XavierError` where the function, or what it makes, cannot be used.
    """
    for name in ("init", "bias_init"):
        if getattr(config, name) != AS_MADE:
            raise ConfigError(f"{name}: a custom network is looked at as its own code draws it: leave it out")
    config.check_code()
    with shown_note(quiet) as note:
        note("reading the network")
        # Whoever asks for a key draws by JAX; JAX's activation functions are of no use to PyTorch.
        maker = load_network(config.network, act=None if config.act == AS_MADE else config.act)
        if "torch" in sys.modules and not maker.takes & {"key", "rngs"}:
            run = _of_pytorch(config, maker, data_dir, note)
            if run is not None:
                return run
        return _of_jax(config, maker, data_dir, note)


def _of_jax(config: RunConfig, maker: Maker, data_dir: Path | None, note: Callable[[str], None]) -> Run:
    from xavier_cli.findings.drawn.network import describe
    from xavier_cli.nn.activations import make_activation
    from xavier_cli.training.devices import set_up_jax
    from xavier_cli.training.engine.training_data import prepare
    from xavier_cli.training.networks import look

    set_up_jax(1, say)
    if config.act != AS_MADE:
        maker = load_network(config.network, act=make_activation(config.activation))
    data = prepare(config, data_dir)
    if data.facts:
        say_data(data.facts)
    looked = look(config, maker, data, note)
    info = looked.run.network
    assert info is not None
    note("comparing its numbers with distributions")
    return replace(
        looked.run,
        network=describe(info, looked.draws, looked.layer_draws),
        provenance={**looked.run.provenance, **this_command()},
    )


def _of_pytorch(
    config: RunConfig, maker: Maker, data_dir: Path | None, note: Callable[[str], None]
) -> Run | None:
    """The run of a network of PyTorch's; None where the function makes none."""
    from xavier_cli.data.coding import decode
    from xavier_cli.data.layout import as_examples, example_shape
    from xavier_cli.findings.drawn.network import describe
    from xavier_cli.pytorch.look import look
    from xavier_cli.runs.initial import initial_run
    from xavier_cli.version import __version__

    torch: Any = sys.modules["torch"]
    examples, facts = _held_out(config, data_dir)
    shape = example_shape(facts.shape, facts.inputs, "first")
    act = {} if config.act == AS_MADE else {"act": _torch_function(config.act)}

    def make() -> Any:
        return maker.with_(**act)(inputs=shape, classes=facts.classes)

    with torch.random.fork_rng():
        if not isinstance(make(), torch.nn.Module):
            return None
    say_data(facts)
    began = time.perf_counter()
    note(f"{config.network.short}: {len(config.seeds)} seeds")
    x = as_examples(decode(examples.probe.pixels, config.pixel_range), facts.shape, "first")
    looked = look(make, config.seeds, x, examples.probe.labels, config.loss)
    note("comparing its numbers with distributions")
    info = describe(looked.info, looked.draws, looked.layer_draws)
    config = config.with_(weight_layers=len(info.layers))
    # What is asked of examples for validation and testing is of those that it was looked at on.
    seen = [
        {
            **{path: array[at] for path, array in looked.arrays.items()},
            **{
                f"curves/{part}_{what}": looked.arrays[what][at]
                for part in ("valid", "test")
                for what in ("loss", "error")
            },
        }
        for at in range(len(config.seeds))
    ]
    provenance = {
        "xavier": __version__,
        "versions": {"torch": str(torch.__version__)},
        "train_seconds": round(time.perf_counter() - began, 3),
        **this_command(),
    }
    return initial_run(config, seen, looked.edges, data=facts, network=info, provenance=provenance)
