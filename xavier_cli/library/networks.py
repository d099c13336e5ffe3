"""Looks at custom networks before training: JAX's and PyTorch's, each without the other."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from typing import TYPE_CHECKING, Any

from xavier_cli.errors import ConfigError
from xavier_cli.vocabulary.network_arguments import blaming_arguments
from xavier_cli.vocabulary.network_info import NetworkError
from xavier_cli.vocabulary.networks import AS_MADE, Maker, load_network, refuse_watched
from xavier_cli.vocabulary.pytorch_networks import draws_by_jax, makes_pytorchs
from xavier_cli.vocabulary.resolve import all_inits
from xavier_cli.vocabulary.user_code import guarded
from xavier_cli.vocabulary.user_functions import is_user_function

if TYPE_CHECKING:
    from xavier_cli.config.run import RunConfig
    from xavier_cli.data.sets import Examples
    from xavier_cli.runs.record import Run
    from xavier_cli.vocabulary.datasets import DatasetInfo


def _nothing(_: Any) -> None:
    """The default of what is told on the way."""


@dataclass(frozen=True)
class Told:
    """Who is told on the way: `note`, what is done; `data`, what was read; `warn`, what a user minds."""

    note: Callable[[str], None] = _nothing
    data: Callable[[DatasetInfo], None] = _nothing
    warn: Callable[[str], None] = _nothing


def probe_network(config: RunConfig, data_dir: Path | None, told: Told | None = None) -> Run:
    """The run of the networks of `config` before training, with all that is known of its parameters.

    Runs the file of the function that makes the network. Raises `ConfigError` for initializers of layers
    that it does not have, and `XavierError` where the function, or what it makes, cannot be used.
    """
    from xavier_cli.runs.contradictions import network_problem

    told = told or Told()
    refuse_watched(config.network)
    config.check_code()
    told.note("reading the network")
    # Only its name: JAX's activation functions are of no use to PyTorch.
    maker = load_network(config.network, act=None if config.act == AS_MADE else config.act)
    is_pytorchs = _is_pytorchs(config, maker, data_dir)
    if is_pytorchs:
        _refuse_functions_of_jax(config)
    run = _of_pytorch(config, maker, data_dir, told) if is_pytorchs else _of_jax(config, data_dir, told)
    if problem := network_problem(run.config, run.network):
        raise NetworkError(f"`{config.network.name}`: its network {problem}, which a run file cannot hold")
    return run


def _refuse_functions_of_jax(config: RunConfig) -> None:
    """Raise `ConfigError` where layers of PyTorch's are to be drawn by functions of the user's."""
    for name in ("init", "bias_init"):
        for word in all_inits(getattr(config, name)):
            if is_user_function(word):
                raise ConfigError(
                    f"{name}: `{word}` draws by JAX, and a network of PyTorch's by PyTorch: choose an "
                    "initializer by name, of `xavier init list`"
                )


def look_again(run: Run, seeds: Sequence[int] | None, data_dir: Path | None, told: Told | None = None) -> Run:
    """The custom networks of `run`, all or those of `seeds`, looked at once more.

    Raises `ConfigError` where the data are others now, or where the same code makes other layers, as another
    version of its framework may; and as `probe_network`.
    """
    from xavier_cli.training.retrain import refuse_other_layers

    chosen = run.config.seeds if seeds is None else tuple(seeds)
    if missing := set(chosen) - set(run.config.seeds):
        raise ConfigError(f"seeds: the run has no seed {min(missing)}")
    config = run.config.with_(seeds=chosen)
    again = probe_network(config, data_dir, told)
    if run.data and again.data and run.data.sha256 != again.data.sha256:
        raise ConfigError(f"data: the files of {config.data} are not those that the run was trained on")
    refuse_other_layers(run, again.network)
    return again


def _is_pytorchs(config: RunConfig, maker: Maker, data_dir: Path | None) -> bool:
    """Whether the function makes a module of PyTorch's."""
    from xavier_cli.data.layout import example_shape

    if draws_by_jax(maker):
        return False
    facts = config.dataset.facts or _examples(config, data_dir)[1]
    shapes = {
        "first": example_shape(facts.shape, facts.inputs, "first"),
        "last": example_shape(facts.shape, facts.inputs, "last"),
    }
    return makes_pytorchs(config.network.name, maker, shapes, facts.classes)


def _examples(config: RunConfig, data_dir: Path | None) -> tuple[Examples, DatasetInfo]:
    """The probe examples, and the facts of their set; JAX, which draws Shapeset, in a process of its own."""
    from xavier_cli.data.load import load_data
    from xavier_cli.data.spread import held_out, standardized

    asked = config.dataset
    if asked.kind == "shapeset":
        # On the processor: JAX would take most of a GPU's memory.
        with _variable("JAX_PLATFORMS", "cpu"), ProcessPoolExecutor(1, get_context("spawn")) as apart:
            return apart.submit(_drawn_by_jax, config, data_dir).result()
    finite = load_data(asked, data_dir)
    is_asked = isinstance(config.coding, str)
    finite, facts, _ = standardized(finite, asked.name, is_asked, config.pixel_range)
    return held_out(finite, config.eval_examples).probe, facts


def _drawn_by_jax(config: RunConfig, data_dir: Path | None) -> tuple[Examples, DatasetInfo]:
    from xavier_cli.training.engine.training_data import prepare

    data = prepare(config, data_dir)
    assert data.facts is not None
    return data.probe, data.facts


@contextmanager
def _variable(name: str, value: str) -> Iterator[None]:
    before = os.environ.get(name)
    os.environ[name] = value
    try:
        yield
    finally:
        if before is None:
            del os.environ[name]
        else:
            os.environ[name] = before


def _torch_function(act: str) -> Callable[..., Any]:
    """PyTorch's function of the activation's name; raises `ConfigError` where it has none."""
    torch: Any = sys.modules["torch"]
    function = getattr(torch.nn.functional, act, None) or getattr(torch, act, None)
    if not callable(function):
        raise ConfigError(f"act: PyTorch has no function `{act}`: let the network's own code choose it")
    made: Callable[..., Any] = function
    return made


def _of_jax(config: RunConfig, data_dir: Path | None, told: Told) -> Run:
    from xavier_cli.theory.drawn.network import describe
    from xavier_cli.training.devices import set_up_jax
    from xavier_cli.training.engine.training_data import prepare
    from xavier_cli.training.networks import look

    set_up_jax(1, told.warn)
    data = prepare(config, data_dir)
    if data.facts:
        told.data(data.facts)
    looked = look(config, data, told.note)
    info = looked.run.network
    assert info is not None
    told.note("comparing its numbers with distributions")
    return replace(looked.run, network=describe(info, looked.draws, looked.layer_draws))


def _of_pytorch(config: RunConfig, maker: Maker, data_dir: Path | None, told: Told) -> Run:
    from xavier_cli.config.custom_networks import layer_rows
    from xavier_cli.data.coding import decode
    from xavier_cli.data.layout import as_examples, example_shape
    from xavier_cli.data.spread import spread_over
    from xavier_cli.pytorch.look import look
    from xavier_cli.runs.initial import initial_run
    from xavier_cli.statistics.tensor_summary import SymmetricLogBins
    from xavier_cli.theory.drawn.network import describe
    from xavier_cli.version import __version__

    torch: Any = sys.modules["torch"]
    probe, facts = _examples(config, data_dir)
    shape = example_shape(facts.shape, facts.inputs, "first")
    if config.act != AS_MADE:
        maker = load_network(config.network, act=_torch_function(config.act))

    def make() -> Any:
        name = config.network.name
        return blaming_arguments(
            maker, name, lambda maker: guarded(name, maker)(inputs=shape, classes=facts.classes)
        )

    told.data(facts)
    began = time.perf_counter()
    told.note(f"{config.network.short}: {len(config.seeds)} seeds")
    x = as_examples(decode(probe.pixels, config.pixel_range), facts.shape, "first")
    chosen = spread_over(len(x), config.jacobian_examples).tolist()
    is_as_made = config.init == config.bias_init == AS_MADE
    try:
        looked = look(
            make,
            config.seeds,
            x,
            probe.labels,
            config.loss,
            jacobian_examples=chosen,
            choose=None if is_as_made else partial(layer_rows, config),
        )
    except NetworkError as error:
        raise NetworkError(f"`{config.network.name}`: {error}") from error
    told.note("comparing its numbers with distributions")
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
    }
    edges = {
        path.partition("/")[0]: SymmetricLogBins().edges
        for path in looked.arrays
        if path.endswith("/histogram")
    }
    return initial_run(
        config,
        seen,
        edges,
        data=facts,
        network=info,
        provenance=provenance,
        end_to_end=looked.end_to_end,
    )
