"""Describes a population: the networks that one compiled program trains together."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from xavier_cli.config.run import RunConfig


class Variant(NamedTuple):
    """What members of one seed may differ in."""

    init: str
    lr: float


@dataclass(frozen=True)
class Population:
    """A grid of members, seeds × variants, that share everything else of `config`.

    The configuration's own seeds, initializer and rates are ignored in favour of the grid's.
    """

    config: RunConfig
    seeds: tuple[int, ...]
    variants: tuple[Variant, ...]

    @property
    def members(self) -> int:
        """How many networks are trained."""
        return len(self.seeds) * len(self.variants)

    def run_config(self, variant: Variant) -> RunConfig:
        """The configuration of one variant as a run of its own."""
        return self.config.with_(seeds=self.seeds, **variant._asdict())


def population_of(config: RunConfig) -> Population:
    """The population that trains `config` whole: one variant for each of its rates."""
    rates = config.lr if isinstance(config.lr, tuple) else (config.lr,)
    return Population(config, config.seeds, tuple(Variant(config.init, lr) for lr in rates))
