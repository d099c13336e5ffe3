"""Looks at a custom network for `probe --net`: data, layers, distributions, and the file."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from xavier_cli.cli.options.data_sets import say_data
from xavier_cli.cli.options.session import this_command
from xavier_cli.cli.terminal.errors import say
from xavier_cli.cli.terminal.progress import shown_note

if TYPE_CHECKING:
    from xavier_cli.config.run import RunConfig
    from xavier_cli.runs.record import Run


def probe_network(config: RunConfig, data_dir: Path | None, quiet: bool = False) -> Run:
    """The run of the networks of `config` before training, with all that is known of its parameters.

    Raises `XavierError` where the function that makes the network, or what it makes, cannot be used.
    """
    from xavier_cli.findings.drawn.network import describe
    from xavier_cli.training.devices import set_up_jax
    from xavier_cli.training.engine.training_data import prepare
    from xavier_cli.training.networks import load, look

    set_up_jax(1, say)
    maker = load(config)
    data = prepare(config, data_dir)
    if data.facts:
        say_data(data.facts)
    with shown_note(quiet) as note:
        looked = look(config, maker, data, note)
    info = looked.run.network
    assert info is not None
    return replace(
        looked.run,
        network=describe(info, looked.draws, looked.layer_draws),
        provenance={**looked.run.provenance, **this_command()},
    )
