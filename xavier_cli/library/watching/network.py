"""Looks at the network of a loop, PyTorch's in torch alone, JAX's in JAX, both in the same words."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from xavier_cli.errors import ConfigError
from xavier_cli.vocabulary.network_info import NetworkError, NetworkInfo


@dataclass(frozen=True)
class Drawn:
    """What a network is before training, and its numbers: see `theory.drawn`."""

    info: NetworkInfo
    draws: Mapping[str, Sequence[np.ndarray]]
    layer_draws: Sequence[Sequence[np.ndarray]]

    def described(self) -> NetworkInfo:
        """What the network is, with what its numbers may have been drawn from."""
        from xavier_cli.theory.drawn.network import describe

        return describe(self.info, self.draws, self.layer_draws)


class LookedAt(Protocol):
    """A network that can be looked at; `classes` is 0 where its examples' labels are no classes."""

    name: str
    classes: int

    @property
    def labels(self) -> np.ndarray:
        """The labels of the examples."""

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of one example."""

    @property
    def edges(self) -> Mapping[str, np.ndarray]:
        """The edges of the histograms' bins, by tensor."""


class OfPyTorch:
    """A `torch.nn.Module`, which holds its parameters."""

    def __init__(self, model: Any, x: Any, y: Any, loss: Callable[..., Any] | None):
        from xavier_cli.pytorch.watched import WatchedModule

        self.seen = WatchedModule(model, x, y, loss)

    @property
    def name(self) -> str:
        """The name of its class."""
        return self.seen.name

    def first(self, params: Any, state: Any) -> tuple[Drawn, dict[str, np.ndarray]]:
        """What it is, and its statistics."""
        self._refuse(params, state)
        drawn, found = self.seen.first()
        return Drawn(drawn.info, drawn.draws, drawn.layer_draws), found

    def look(self, params: Any, state: Any) -> dict[str, np.ndarray]:
        """Its statistics."""
        self._refuse(params, state)
        return self.seen.look()

    @property
    def needs_numbers(self) -> bool:
        """Whether parameters have to be given."""
        return False

    def versions(self) -> dict[str, str]:
        """The versions that may change its numbers."""
        return {"torch": str(sys.modules["torch"].__version__), "numpy": np.__version__}

    @staticmethod
    def _refuse(params: Any, state: Any) -> None:
        if params is not None or state is not None:
            raise ConfigError("params: a module of PyTorch has its parameters in it: leave them out")


class OfJax:
    """A network of JAX, whose parameters are given or in the module."""

    def __init__(self, model: Any, x: Any, y: Any, loss: Callable[..., Any] | None):
        self._asked = model, x, y, loss
        self.seen: Any = None
        is_pair = isinstance(model, tuple) and bool(model) and callable(model[0])
        self.name = "network" if is_pair else type(model[0] if isinstance(model, tuple) else model).__name__
        if self.name in ("Transformed", "TransformedWithState"):
            self.name = "network"

    @property
    def needs_numbers(self) -> bool:
        """Whether parameters have to be given."""
        from xavier_cli.nn.adapters.held import HOLDING
        from xavier_cli.nn.adapters.network import framework_of

        framework = framework_of(self._asked[0])
        return framework is None or framework.room not in HOLDING

    def first(self, params: Any, state: Any) -> tuple[Drawn, dict[str, np.ndarray]]:
        """What it is, and its statistics."""
        from xavier_cli.training.watched import WatchedFunctions

        self.seen = WatchedFunctions(*self._asked, params, state)
        drawn = Drawn(*self.seen.first())
        found = self.seen.look(params, state)
        self.seen.forget_first()
        return drawn, found

    def look(self, params: Any, state: Any) -> dict[str, np.ndarray]:
        """Its statistics."""
        if params is None and not self.seen.holds_numbers:
            raise ConfigError(
                "record: give the parameters as they are now, `record(update, params)`: of JAX nothing else "
                "has them"
            )
        found: dict[str, np.ndarray] = self.seen.look(params, state)
        return found

    def versions(self) -> dict[str, str]:
        """The versions that may change its numbers."""
        import jax

        return {"jax": jax.__version__, "numpy": np.__version__}


def network_of(model: Any, x: Any, y: Any, loss: Callable[..., Any] | None) -> OfPyTorch | OfJax:
    """The network `model`; JAX is imported for its networks alone. Raises `NetworkError`."""
    torch: Any = sys.modules.get("torch")
    if torch is not None and isinstance(model, torch.nn.Module):
        return OfPyTorch(model, x, y, loss)
    if isinstance(model, type):
        raise NetworkError(f"model: it is the class {model.__name__}: give a network made of it")
    is_pair = isinstance(model, tuple) and len(model) == 2
    if "jax" not in sys.modules and not is_pair:
        raise NetworkError(
            f"model: it is {type(model).__name__}, no network: give a `torch.nn.Module`, or a network of JAX"
        )
    return OfJax(model, x, y, loss)


def is_other_process() -> bool:
    """Whether this is one of several processes of a training in PyTorch, and not the first."""
    torch: Any = sys.modules.get("torch")
    if torch is None or "torch.distributed" not in sys.modules:
        return False
    from xavier_cli.pytorch.watched import is_other_process

    return is_other_process()
